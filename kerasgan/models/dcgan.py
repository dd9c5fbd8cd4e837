"""DCGAN. Radford, Metz and Chintala, 2016. https://arxiv.org/abs/1511.06434"""

import keras
import tensorflow as tf
from keras import layers

from kerasgan.layers import batch_normalization, crop, halvings, normal
from kerasgan.losses import logistic, probabilities_of_real
from kerasgan.model import GenerativeModel


class DCGAN(GenerativeModel):
    """A convolutional generator against a convolutional discriminator, without pooling or hidden dense layers.

    As in the authors' code, both players share one pass of the generator, kernels are 4x4 (5x5 in figure 1) and a
    minibatch holds 64 images (128 in section 4). Batch normalisation is on all layers but the generator's last and the
    discriminator's first (section 3).
    """

    paper = "https://arxiv.org/abs/1511.06434"
    reports = {"d_loss": "discriminator", "g_loss": "generator"}
    judges_images = ("discriminator",)
    batch_size = 64
    default_steps = 850

    def __init__(self, image_shape: tuple = (64, 64, 3), latent_dim: int = 100, width: int = 64, **kwargs):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.latent_dim = latent_dim
        self.generator = generator(image_shape, latent_dim, width)
        self.discriminator = discriminator(image_shape, width)

    def players(self):
        return {
            "discriminator": (keras.optimizers.Adam(2e-4, beta_1=0.5), self.discriminator),
            "generator": (keras.optimizers.Adam(2e-4, beta_1=0.5), self.generator),
        }

    def train_step(self, x):
        z = self.prior(tf.shape(x)[0])
        with tf.GradientTape() as g_tape:
            fake = self.generator(z, training=True)

        # max_D  E log D(x) + E log(1 - D(G(z)))
        with tf.GradientTape() as d_tape:
            d_loss = logistic(self.discriminator(x, training=True), real=True)
            d_loss += logistic(self.discriminator(fake, training=True), real=False)
        self.minimize("discriminator", d_loss, d_tape)

        # max_G  E log D(G(z)), for the discriminator just moved
        with g_tape:
            g_loss = logistic(self.discriminator(fake, training=True), real=True)
        self.minimize("generator", g_loss, g_tape)

        return self.report(d_loss=d_loss, g_loss=g_loss)

    def judge(self, x):
        return probabilities_of_real(self.discriminator, x, self(self.prior(tf.shape(x)[0], seed=0)))


def generator(image_shape, latent_dim, width):
    z = keras.Input((latent_dim,))
    return keras.Model(z, generated(z, image_shape, width, lambda x: batch_normalization()(x)), name="generator")


def generated(z, image_shape, width, normalized):
    """z -> about 4x4 -> ... -> image, doubling the size and halving the channels each time (figure 1)."""
    *sizes, (rows, columns) = halvings(*image_shape[:2])
    filters = [min(width * 2**i, 8 * width) for i in range(len(sizes))]
    x = layers.Dense(rows * columns * filters[-1], use_bias=False, kernel_initializer=normal())(z)
    x = layers.Reshape((rows, columns, filters.pop()))(x)
    x = layers.ReLU()(normalized(x))
    while filters:
        x = layers.Conv2DTranspose(filters.pop(), 4, 2, "same", use_bias=False, kernel_initializer=normal())(x)
        x = layers.ReLU()(normalized(crop(x, *sizes.pop())))
    x = layers.Conv2DTranspose(image_shape[-1], 4, 2, "same", kernel_initializer=normal())(x)
    return layers.Activation("tanh", dtype="float32")(crop(x, *image_shape[:2]))


def discriminator(image_shape, width, normalization=batch_normalization, outputs=1, bias=True, name="discriminator"):
    """Image -> ... -> about 4x4 -> one logit, or more `outputs`; halves the size and doubles the channels each time."""
    image = x = keras.Input(image_shape)
    for i in range(len(halvings(*image_shape[:2])) - 1):
        filters = min(width * 2**i, 8 * width)
        x = layers.Conv2D(filters, 4, 2, "same", use_bias=i == 0, kernel_initializer=normal())(x)
        x = layers.LeakyReLU(0.2)(normalization()(x) if i else x)
    x = layers.Dense(outputs, use_bias=bias, kernel_initializer=normal(), dtype="float32")(layers.Flatten()(x))
    return keras.Model(image, x, name=name)
