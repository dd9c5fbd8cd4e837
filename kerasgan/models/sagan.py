"""SAGAN. Zhang, Goodfellow, Metaxas and Odena, 2019. https://arxiv.org/abs/1805.08318"""

import keras
import tensorflow as tf
from keras import layers

from kerasgan.layers import SpectralConv2D, SpectralDense, crop, halvings
from kerasgan.model import LabelledModel
from kerasgan.models.projection_gan import conditional_batch_normalization, projected
from kerasgan.models.sngan import doubling_block, halving_block, same_block, spectral

ATTENDED = 32  # pixels of the shorter side: features of at most so many attend to one another
DOUBLED = 4  # times that channels are doubled


class SAGAN(LabelledModel):
    """Each place of an image can look at all others: one layer of self-attention in the middle of each network.

    Both networks are spectrally normalised, and the discriminator learns faster than the generator, which makes one
    step of it enough (section 3). The label is told as in `projection_gan`. The layer of attention is that of the
    authors' code, with keys and values of every other pixel each way, and a convolution after it. It stands where
    features are 32x32 at most, and smaller than the image: at 16x16 of 32x32.

    latent_dim: numbers that one image is made from, beside its label
    """

    paper = "https://arxiv.org/abs/1805.08318"
    takes = "labelled"
    reports = {"d_loss": "discriminator", "g_loss": "generator"}
    judges_in = "scores"
    judges_images = ("discriminator",)
    batch_size = 256
    default_steps = 1500

    def __init__(
        self,
        image_shape: tuple = (128, 128, 3),
        classes: int = 10,
        latent_dim: int = 128,
        width: int = 64,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.classes = classes
        self.latent_dim = latent_dim
        self.generator = generator(image_shape, classes, latent_dim, width)
        self.discriminator = discriminator(image_shape, classes, width)

    def players(self):
        return {
            "discriminator": (keras.optimizers.Adam(4e-4, beta_1=0.0, beta_2=0.9), self.discriminator),
            "generator": (keras.optimizers.Adam(1e-4, beta_1=0.0, beta_2=0.9), self.generator),
        }

    def train_step(self, batch):
        x, y = batch
        n = tf.shape(x)[0]

        # equation 4: min_D  E max(0, 1 - D(x, y)) + E max(0, 1 + D(G(z, y), y))
        z, _ = self.prior(n)
        both = tf.concat([x, self.generator((z, y), training=True)], 0)
        with tf.GradientTape() as tape:
            d_real, d_fake = tf.split(self.discriminator((both, tf.concat([y, y], 0)), training=True), 2)
            d_loss = tf.reduce_mean(tf.nn.relu(1 - d_real)) + tf.reduce_mean(tf.nn.relu(1 + d_fake))
        self.minimize("discriminator", d_loss, tape)

        # max_G  E D(G(z, y), y)
        z, _ = self.prior(n)
        with tf.GradientTape() as tape:
            fake = self.generator((z, y), training=True)
            g_loss = -tf.reduce_mean(self.discriminator((fake, y), training=True))
        self.minimize("generator", g_loss, tape)

        return self.report(d_loss=d_loss, g_loss=g_loss)

    def judge(self, batch):
        x, y = batch
        z, _ = self.prior(tf.shape(x)[0], seed=0)
        return self.discriminator((x, y)), self.discriminator((self((z, y)), y))


@keras.saving.register_keras_serializable("kerasgan")
class SelfAttention(layers.Layer):
    """x + sigma o, where o at each place is a mean of features elsewhere, by how well they match (equations 1 to 3).

    sigma starts at 0. Keys and values are the largest of each 2x2, as in the authors' code.
    """

    def build(self, shape):
        channels = shape[-1]
        keys, values = max(1, channels // 8), max(1, channels // 2)
        self.query, self.key, self.value, self.output_of = (
            SpectralConv2D(filters, 1, use_bias=False, dtype=self.dtype_policy)
            for filters in (keys, keys, values, channels)
        )
        for layer in (self.query, self.key, self.value):
            layer.build(shape)
        self.output_of.build((*shape[:-1], values))
        self.sigma = self.add_weight(name="sigma", shape=(), initializer="zeros")

    def call(self, x, training=False):
        query = flat(self.query(x, training=training))
        key, value = (flat(largest(layer(x, training=training))) for layer in (self.key, self.value))
        match = tf.cast(tf.matmul(query, key, transpose_b=True), tf.float32)
        seen = tf.matmul(tf.cast(tf.nn.softmax(match), x.dtype), value)
        seen = tf.reshape(seen, (-1, *x.shape[1:3], value.shape[-1]))
        return x + self.sigma * self.output_of(seen, training=training)

    def compute_output_shape(self, shape):
        return shape


def flat(x):
    """[n, height, width, c] -> [n, height width, c]."""
    return tf.reshape(x, (-1, x.shape[1] * x.shape[2], x.shape[3]))


def largest(x):
    return tf.nn.max_pool2d(x, 2, 2, "SAME")


def generator(image_shape, classes, latent_dim, width):
    """z and label -> about 4x4 -> residual blocks, each of which doubles the size -> image."""
    z, y = keras.Input((latent_dim,)), keras.Input((), dtype="int32")
    label = keras.ops.one_hot(y, classes)

    def normalized(x):
        return conditional_batch_normalization(x, label)

    *sizes, (rows, columns) = halvings(*image_shape[:2])
    filters = [width * 2 ** min(i, DOUBLED) for i in range(len(sizes))]
    x = layers.Reshape((rows, columns, filters[-1]))(SpectralDense(rows * columns * filters[-1])(z))
    x = attending(x, image_shape, ATTENDED)
    for size, channels in zip(reversed(sizes), reversed(filters), strict=True):
        x = crop(doubling_block(x, channels, normalized, spectral), *size)
        x = attending(x, image_shape, ATTENDED)
    image = spectral(image_shape[-1], 3)(layers.ReLU()(normalized(x)))
    return keras.Model((z, y), layers.Activation("tanh", dtype="float32")(image), name="generator")


def discriminator(image_shape, classes, width):
    """Image and label -> features and their projection -> score."""
    image, y = keras.Input(image_shape), keras.Input((), dtype="int32")
    phi = features(image, width, spectral, ATTENDED)
    return keras.Model((image, y), projected(phi, y, classes), name="discriminator")


def features(image, width, convolution, attended):
    """Image -> residual blocks, which halve the size to about 4x4, one more -> sums over all pixels."""
    x = image
    for i in range(len(halvings(*image.shape[1:3])) - 1):
        x = halving_block(x, width * 2 ** min(i, DOUBLED), convolution, of_image=x is image)
        x = attending(x, image.shape[1:], attended)
    return keras.ops.sum(layers.ReLU(dtype="float32")(same_block(x, convolution)), axis=(1, 2))


def attending(x, image_shape, attended):
    """Let the largest features of at most `attended` pixels attend, if they are smaller than the image."""
    _, *smaller = halvings(*image_shape[:2])
    place = next(size for size in smaller if min(size) <= attended)
    return SelfAttention()(x) if tuple(x.shape[1:3]) == place else x
