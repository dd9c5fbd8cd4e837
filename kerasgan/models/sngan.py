"""SNGAN. Miyato, Kataoka, Koyama and Yoshida, 2018. https://arxiv.org/abs/1802.05957"""

import keras
import tensorflow as tf
from keras import layers

from kerasgan.layers import SpectralConv2D, SpectralDense, batch_normalization, channels_at, crop, halvings
from kerasgan.model import GenerativeModel

FULL = 32  # pixels of the shorter side up to which there are `width` channels: the size of the paper's table 3
JUDGED = 8  # pixels of the shorter side at which the discriminator stops halving


class SNGAN(GenerativeModel):
    """Every layer of the discriminator is divided by its largest singular value: it is Lipschitz, by how it is built.

    The networks are the residual ones of the paper's table 3, and so are the defaults. Larger images are halved more
    often, with half of the channels at each doubling above 32 pixels. The generator learns from twice as many images as
    a minibatch of the discriminator has, as in the authors' code. Each step of the discriminator sees fresh images: a
    batch given to fit() holds `n_dis` minibatches, and kerasgan.data sees to that.

    width: channels of the generator; the discriminator has half as many
    n_dis: steps of the discriminator for one of the generator
    total_steps: steps over which the learning rates fall to 0, in a straight line
    """

    paper = "https://arxiv.org/abs/1802.05957"
    reports = {"d_loss": "discriminator", "g_loss": "generator"}
    judges_in = "scores"
    judges_images = ("discriminator",)
    batch_size = 64
    default_steps = 600
    small = {"n_dis": 2}

    def __init__(
        self,
        image_shape: tuple = (32, 32, 3),
        latent_dim: int = 128,
        width: int = 256,
        n_dis: int = 5,
        total_steps: int = 50_000,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.latent_dim = latent_dim
        self.batches_per_step = n_dis
        self.total_steps = total_steps
        self.generator = generator(image_shape, latent_dim, width)
        self.discriminator = discriminator(image_shape, width // 2)

    def players(self):
        def adam(steps):
            rate = keras.optimizers.schedules.PolynomialDecay(2e-4, steps, end_learning_rate=0.0)
            return keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.9)

        return {
            "discriminator": (adam(self.total_steps * self.batches_per_step), self.discriminator),
            "generator": (adam(self.total_steps), self.generator),
        }

    def train_step(self, batch):
        # equation 16: min_D  E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))
        for x in tf.split(batch, self.batches_per_step):
            n = tf.shape(x)[0]
            both = tf.concat([x, self.generator(self.prior(n), training=True)], 0)
            with tf.GradientTape() as tape:
                d_real, d_fake = tf.split(self.discriminator(both, training=True), 2)
                d_loss = tf.reduce_mean(tf.nn.relu(1 - d_real)) + tf.reduce_mean(tf.nn.relu(1 + d_fake))
            self.minimize("discriminator", d_loss, tape)

        # equation 17: max_G  E D(G(z))
        z = self.prior(2 * n)
        with tf.GradientTape() as tape:
            g_loss = -tf.reduce_mean(self.discriminator(self.generator(z, training=True), training=True))
        self.minimize("generator", g_loss, tape)

        return self.report(d_loss=d_loss, g_loss=g_loss)

    def judge(self, x):
        return self.discriminator(x), self.discriminator(self(self.prior(tf.shape(x)[0], seed=0)))


def generator(image_shape, latent_dim, width):
    """z -> about 4x4 -> residual blocks, each of which doubles the size -> image (table 3a)."""
    z = keras.Input((latent_dim,))
    *sizes, (rows, columns) = halvings(*image_shape[:2])
    x = layers.Reshape((rows, columns, width))(layers.Dense(rows * columns * width)(z))
    for size in reversed(sizes):
        x = crop(doubling_block(x, channels_at(size, width, FULL), normalized, convolution), *size)
    x = layers.ReLU()(normalized(x))
    image = layers.Conv2D(image_shape[-1], 3, padding="same")(x)
    return keras.Model(z, layers.Activation("tanh", dtype="float32")(image), name="generator")


def discriminator(image_shape, width):
    """Image -> residual blocks, which halve the size to 8x8, two more -> sums over all pixels -> score (table 3b)."""
    x = image = keras.Input(image_shape)
    for size in halvings(*image_shape[:2], smallest=JUDGED)[:-1] or [image_shape[:2]]:
        x = halving_block(x, channels_at(size, width, FULL), spectral, of_image=x is image)
    for _ in range(2):
        x = same_block(x, spectral)
    phi = keras.ops.sum(layers.ReLU(dtype="float32")(x), axis=(1, 2))
    return keras.Model(image, SpectralDense(1, dtype="float32")(phi), name="discriminator")


def doubling_block(x, channels, normalized, convolution):
    """Twice the size: x + two convolutions of it, each after normalisation and a rectifier.

    Their biases would be taken away by the normalisations after them.
    """
    y = convolution(channels, 3, use_bias=False)(layers.UpSampling2D()(layers.ReLU()(normalized(x))))
    y = convolution(channels, 3, use_bias=False)(layers.ReLU()(normalized(y)))
    # A convolution of single pixels before doubling is that of after it, and a quarter of the work.
    return layers.Add()([y, layers.UpSampling2D()(convolution(channels, 1, use_bias=False)(x))])


def halving_block(x, channels, convolution, of_image):
    """Half the size: x + two convolutions of it, each after a rectifier, unless x is the image."""
    y = convolution(channels, 3)(x if of_image else layers.ReLU()(x))
    y = halved(convolution(channels, 3)(layers.ReLU()(y)))
    return layers.Add()([y, convolution(channels, 1)(halved(x))])


def same_block(x, convolution):
    """The same size and channels: x + two convolutions of it, each after a rectifier."""
    y = convolution(x.shape[-1], 3)(layers.ReLU()(x))
    return layers.Add()([x, convolution(x.shape[-1], 3)(layers.ReLU()(y))])


def normalized(x):
    return batch_normalization()(x)


def halved(x):
    return layers.AveragePooling2D(2, padding="same")(x)


def convolution(filters, size, use_bias):
    return layers.Conv2D(filters, size, padding="same", use_bias=use_bias, kernel_initializer=glorot(size))


def spectral(filters, size, use_bias=True):
    return SpectralConv2D(filters, size, use_bias=use_bias, kernel_initializer=glorot(size))


def glorot(size):
    """Return Glorot's initial weights, larger where a rectifier halves what comes in, as in the authors' code."""
    return keras.initializers.VarianceScaling(2.0 if size == 3 else 1.0, "fan_avg", "uniform")
