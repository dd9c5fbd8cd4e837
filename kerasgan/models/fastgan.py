"""FastGAN. Liu, Zhu, Song and Elgammal, 2021. https://arxiv.org/abs/2101.04775"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kerasgan.layers import Noise, SpectralConv2D, SpectralDense, batch_normalization, crop, halvings
from kerasgan.model import GenerativeModel

# Channels at 4x4, 8x8, 16x16 ... of the generator, as multiples of the width.
FILTERS = (16, 8, 4, 2, 2, 1, 1 / 2, 1 / 4, 1 / 8)
EXCITED = 4  # doublings from the features that excite to those that are excited: from 8x8 to 128x128 (figure 3)
DECODED = 4  # doublings of the decoders at most: from 8x8 to 128x128 (section 3.2)
RESIDUAL = 5  # residual blocks of the discriminator at most; larger images are halved by a convolution before


class FastGAN(GenerativeModel):
    """A light generator whose coarse features excite fine ones, against a discriminator that rebuilds what it sees.

    For few images: to rebuild real images, the discriminator has to see all of them. The generator is trained against
    features that say more than what is real.

    Skip-layer excitation leads from features to those of 16 times their size: at 64x64 from 4x4 to the last, at
    256x256 from 8x8 and 16x16, too; of smaller images from the first features to the last. The discriminator halves
    images to about 8x8 (4x4, where they are smaller than 16 pixels). Decoders rebuild the image from the last
    features, at half its size and at most at 128x128, and a random part of it, half as high and wide, from the features
    before. Sides that are no power of two are cropped.

    What the paper leaves open is as in its authors' code: spectral normalisation of all kernels, noise and a second
    convolution at every other size, the channels, and, of images larger than 128x128, a second branch of the
    discriminator that judges and rebuilds them at that size or below. Other than there, the generator draws one size,
    which is reduced for that branch; the hinge loss has its margins at 1 (equation 3), not at random between 0.8 and 1;
    and only the generator excites, by a leaky rectifier (section 3.1). Errors of rebuilt images are mean absolute ones
    of pixels, in place of the paper's perceptual distance, whose network has to be downloaded. Noise is for training:
    at inference it is 0. As in the code, images are augmented, and samples are of an average of the generator's weights
    that leaves out the statistics of batch normalisation; an average of 0.999 a step of 8 images is this half-life.

    width: channels of the generator at 128x128, and of the discriminator at 64x64
    """

    paper = "https://arxiv.org/abs/2101.04775"
    reports = {"d_loss": "discriminator", "reconstruction": "discriminator", "g_loss": "generator"}
    judges_in = "scores"
    judges_images = ("discriminator",)
    averages_statistics = False
    batch_size = 8
    default_steps = 3000
    small = {"augment": "", "half_life": 0}  # for time: whatever is augmented and averaged is tested with dcgan

    def __init__(
        self,
        image_shape: tuple = (256, 256, 3),
        latent_dim: int = 256,
        width: int = 64,
        augment: str = "color,translation",
        half_life: int = 5500,
        **kwargs,
    ):
        super().__init__(augment=augment, half_life=half_life, **kwargs)
        self.image_shape = image_shape
        self.latent_dim = latent_dim
        self.generator = generator(image_shape, latent_dim, width)
        self.discriminator = discriminator(image_shape, width)
        self.decoders = decoders(image_shape, self.discriminator.output_shape[2:], width)

    def players(self):
        return {
            "discriminator": (keras.optimizers.Adam(2e-4, beta_1=0.5), self.discriminator, self.decoders),
            "generator": (keras.optimizers.Adam(2e-4, beta_1=0.5), self.generator),
        }

    def train_step(self, x):
        with tf.GradientTape() as g_tape:
            fake = self.generator(self.prior(tf.shape(x)[0]), training=True)

        # equation 3: min_D  E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))) + reconstruction
        with tf.GradientTape() as d_tape:
            real_scores, seen, fine, *coarse = self.discriminator(x, training=True)
            fake_scores, *_ = self.discriminator(fake, training=True)
            d_loss = tf.reduce_mean(tf.nn.relu(1 - real_scores)) + tf.reduce_mean(tf.nn.relu(1 + fake_scores))
            # equation 2: E |decoded(f) - T(x)|, of a part and of the whole of the x that D sees
            part, targets = self.part_and_targets(seen, fine)
            rebuilt = self.decoders([part, *coarse], training=True)
            targets += targets[1:] * (len(rebuilt) - len(targets))
            reconstruction = tf.add_n([mean_absolute_error(*pair) for pair in zip(rebuilt, targets, strict=True)])
            loss = d_loss + reconstruction
        self.minimize("discriminator", loss, d_tape)

        # equation 4: max_G  E D(G(z)), for the discriminator just moved
        with g_tape:
            fake_scores, *_ = self.discriminator(fake, training=True)
            g_loss = -tf.reduce_mean(fake_scores)
        self.minimize("generator", g_loss, g_tape)

        return self.report(d_loss=d_loss, reconstruction=reconstruction, g_loss=g_loss)

    def part_and_targets(self, seen, fine):
        """Return a random part of the features, and what is to be made of it and of all: [part, whole] of the image.

        All images of a batch are cut at the same place, which is drawn anew for each batch.
        """
        halved, of_part, of_whole = doublings(self.image_shape)
        size = np.array(encoded_sizes(self.image_shape)[-1], np.int32)
        image = reduced(seen, 2 ** (halved - 1 - of_part))
        scale = 2**of_part  # from features to the image
        places = np.array(image.shape[1:3]) // scale - size + 1
        place = tf.cast(tf.floor(tf.random.stateless_uniform((2,), self.noise.seed()) * places), tf.int32)
        part, of_image = cut(fine, place, size), cut(image, scale * place, scale * size)
        return part, [of_image, reduced(seen, 2 ** (halved - of_whole))]

    def judge(self, x):
        real, *_ = self.discriminator(x)
        fake, *_ = self.discriminator(self(self.prior(tf.shape(x)[0], seed=0)))
        return real, fake


def cut(x, place, size):
    """Return `size` of rows and columns, from `place` on."""
    for axis, (first, n) in enumerate(zip(tf.unstack(place), size), start=1):
        x = tf.gather(x, first + tf.range(n), axis=axis)  # XLA would compile the gradient of a slice for each place
    return x


def reduced(images, size):
    """Return the mean of each square of `size` by `size` pixels."""
    return tf.nn.avg_pool2d(images, size, size, "SAME")


def mean_absolute_error(rebuilt, image):
    """Return a scalar, of as much of what was rebuilt as there is of the image."""
    return tf.reduce_mean(tf.abs(rebuilt[:, : image.shape[1], : image.shape[2]] - image))


@keras.saving.register_keras_serializable("kerasgan")
class GLU(layers.Layer):
    """Half of the channels, each times the sigmoid of one of the other half (Dauphin et al. 2017, equation 1)."""

    def call(self, x):
        x, gate = tf.split(x, 2, axis=-1)  # slices have slow gradients on a CPU
        return x * tf.sigmoid(gate)

    def compute_output_shape(self, shape):
        return (*shape[:-1], shape[-1] // 2)


@keras.saving.register_keras_serializable("kerasgan")
class NoiseInjection(layers.Layer):
    """While training, add N(0, 1) to each pixel, alike in all channels, times a learnt scale that starts at 0."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.noise = Noise()
        self.scale = self.add_weight(name="scale", shape=(), initializer="zeros")
        self.built = True

    def call(self, x, training=False):
        if not training:
            return x
        return x + self.scale * tf.cast(self.noise.normal((tf.shape(x)[0], *x.shape[1:3], 1)), x.dtype)

    def compute_output_shape(self, shape):
        return shape


@keras.saving.register_keras_serializable("kerasgan")
class DoublingConv2D(SpectralConv2D):
    """Each pixel becomes 2x2, and a 3x3 convolution with a spectrally normalised kernel and no bias follows.

    Both are linear, and done as one transposed convolution, whose 4x4 kernel holds sums of the weights of the 3x3 one:
    it is quicker on a CPU.
    """

    def __init__(self, filters: int, **kwargs):
        super().__init__(filters, 3, use_bias=False, **kwargs)

    def call(self, x, training=False):
        # Row t of the transposed convolution reaches pixel t - 1 of the doubled image, where the weights of the
        # convolution's row d meet both pixels of a pair: t = 2 - d and t = 3 - d.
        sums = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]], np.float32)
        kernel = np.kron(sums, sums) @ tf.reshape(self.normalized_kernel(training), (9, -1))
        kernel = tf.reshape(tf.cast(kernel, x.dtype), (4, 4, x.shape[-1], self.filters))
        n, height, width, _ = tf.unstack(tf.shape(x))
        shape = (n, 2 * height, 2 * width, self.filters)
        return tf.nn.conv2d_transpose(x, tf.transpose(kernel, (0, 1, 3, 2)), shape, 2, "SAME")

    def compute_output_shape(self, shape):
        n, height, width, _ = shape
        return (n, 2 * height, 2 * width, self.filters)

    def get_config(self):
        fixed = ("size", "strides", "padding", "use_bias", "kernel_initializer")
        return {name: value for name, value in super().get_config().items() if name not in fixed}


def generator(image_shape, latent_dim, width):
    """z -> about 4x4 -> ... -> image, doubling the size each time, with skip-layer excitation (figure 3)."""
    *sizes, (rows, columns) = halvings(*image_shape[:2])
    filters = [max(1, int(width * FILTERS[min(i, len(FILTERS) - 1)])) for i in range(len(sizes) + 1)]
    z = keras.Input((latent_dim,))
    x = layers.Reshape((rows, columns, 2 * filters[0]))(SpectralDense(rows * columns * 2 * filters[0])(z))
    features = [gated(x)]
    for i, size in enumerate(reversed(sizes)):
        x = doubled(features[-1], filters[i + 1], noisy=i % 2 == 0)
        x = crop(x, *size)
        if i + 1 >= min(EXCITED, len(sizes)):
            first = max(0, i + 1 - EXCITED)
            x = excited(x, features[first], 2**first)
        features.append(x)
    x = SpectralConv2D(image_shape[-1], 3, use_bias=False)(x)
    return keras.Model(z, layers.Activation("tanh", dtype="float32")(x), name="generator")


def doubled(x, filters, noisy=False):
    """Double the size: a convolution, and a second one where noise is added before each normalisation."""
    x = DoublingConv2D(2 * filters)(x)
    if noisy:
        x = gated(NoiseInjection()(x))
        x = NoiseInjection()(SpectralConv2D(2 * filters, 3, use_bias=False)(x))
    return gated(x)


def gated(x):
    """Normalise, and halve the channels. In float32 throughout: to round in between takes longer than it saves."""
    return GLU(dtype="float32")(batch_normalization(dtype="float32")(x))


def excited(x, coarse, size):
    """Scale the channels of x by what coarse features are, in about 4x4 means of `size` by `size` (equation 1).

    As the convolution of 4x4 that follows in the paper reaches all of them, it is a dense layer.
    """
    if size > 1:
        coarse = layers.AveragePooling2D(size, padding="same")(coarse)
    gate = layers.LeakyReLU(0.1)(SpectralDense(x.shape[-1])(layers.Flatten()(coarse)))
    gate = layers.Activation("sigmoid")(SpectralDense(x.shape[-1])(gate))
    return layers.Multiply()([x, layers.Reshape((1, 1, -1))(gate)])


def encoded_sizes(image_shape):
    """Return the sizes that the discriminator halves an image to, its own first: two or more, the last of 4 to 8."""
    shorter = min(image_shape[:2])
    return halvings(*image_shape[:2], smallest=min(8, -(-shorter // 2)))


def doublings(image_shape):
    """Return how often an image is halved, and how often the decoders double a part and the whole of it."""
    halved = len(encoded_sizes(image_shape)) - 1
    of_part = min(DECODED, halved - 1)
    return halved, of_part, max(1, of_part)


def discriminator(image_shape, width):
    """Image -> ... -> about 8x8 -> scores of patches, the image as it was seen, the features before the last, the last.

    At 8x8 there are 5x5 scores: float32[n, 25]. Of images larger than 128x128, the scores of the small image come after
    the others, and so do its last features.
    """
    halved, _, of_whole = doublings(image_shape)
    image = keras.Input(image_shape)
    strided = max(0, halved - RESIDUAL)
    filters = [max(1, 8 * width // 2**i) for i in range(halved + 1)][::-1]
    x = image
    for i in range(strided):
        x = SpectralConv2D(filters[i + 1], 4, 2, use_bias=False)(x)
        x = layers.LeakyReLU(0.2)(batch_normalization()(x) if i else x)
    if not strided:
        x = layers.LeakyReLU(0.2)(SpectralConv2D(filters[0], 3, use_bias=False)(x))
    for f in filters[strided + 1 :]:
        fine, x = x, halved_residually(x, f)
    scores = normalized(SpectralConv2D(16 * width, 1, use_bias=False)(x))
    outputs = [scored(scores), image, fine, x]
    if halved > DECODED:
        x = layers.AveragePooling2D(2 ** (halved - of_whole), padding="same", dtype="float32")(image)
        for i in reversed(range(DECODED)):
            x = SpectralConv2D(max(1, 4 * width // 2**i), 4, 2, use_bias=False)(x)
            x = normalized(x) if i < DECODED - 1 else layers.LeakyReLU(0.2)(x)
        outputs = [layers.Concatenate(dtype="float32")([outputs[0], scored(x)]), *outputs[1:], x]
    return keras.Model(image, outputs, name="discriminator")


def halved_residually(x, filters):
    """Halve the size: the mean of two convolutions, and of one of the means of 2x2 (figure 4)."""
    main = normalized(SpectralConv2D(filters, 4, 2, use_bias=False)(x))
    main = normalized(SpectralConv2D(filters, 3, use_bias=False)(main))
    direct = layers.AveragePooling2D(2, padding="same")(x)
    return layers.Average()([main, normalized(SpectralConv2D(filters, 1, use_bias=False)(direct))])


def normalized(x):
    return layers.LeakyReLU(0.2)(batch_normalization()(x))


def scored(x):
    """Return a score for each 4x4 of the features: float32[n, scores]."""
    scores = SpectralConv2D(1, 4, padding="valid", use_bias=False, dtype="float32")(x)
    return layers.Flatten(dtype="float32")(scores)


def decoders(image_shape, encoded, width):
    """Part of the features, last features, perhaps those of the small image -> images, in the same order (section 3.2).

    encoded: shapes of the features, the first of all that a part is cut from
    """
    _, of_part, of_whole = doublings(image_shape)
    size = encoded_sizes(image_shape)[-1]
    features = [keras.Input((*size, shape[-1])) for shape in encoded]
    images = []
    for x, times in zip(features, [of_part, *[of_whole] * (len(features) - 1)]):
        for multiple in FILTERS[2 : 2 + times]:
            x = doubled(x, max(1, int(width * multiple / 2)))
        x = SpectralConv2D(image_shape[-1], 3, use_bias=False)(x)
        images.append(layers.Activation("tanh", dtype="float32")(x))
    return keras.Model(features, images, name="decoders")
