"""GAN. Goodfellow et al., 2014. https://arxiv.org/abs/1406.2661"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kerasgan.layers import Dropout, Maxout
from kerasgan.losses import logistic, probabilities_of_real
from kerasgan.model import GenerativeModel


class GAN(GenerativeModel):
    """A generator learns to make images that a discriminator cannot tell from real ones.

    Networks of dense layers, as the paper's on MNIST: rectifiers in the generator, maxout and dropout in the
    discriminator (section 5). The paper moves them by SGD with momentum; Adam needs no schedule.

    width: units of each hidden layer of the generator
    minimax: move the generator by the value of the game (equation 1) instead of by its non-saturating form
    """

    paper = "https://arxiv.org/abs/1406.2661"
    reports = {"d_loss": "discriminator", "g_loss": "generator"}
    judges_images = ("discriminator",)
    batch_size = 100
    default_steps = 4000
    small = {"width": 8}

    def __init__(
        self,
        image_shape: tuple = (28, 28, 1),
        latent_dim: int = 100,
        width: int = 1200,
        minimax: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.latent_dim = latent_dim
        self.minimax = minimax
        self.generator = generator(image_shape, latent_dim, width)
        self.discriminator = discriminator(image_shape)

    def players(self):
        return {
            "discriminator": (keras.optimizers.Adam(2e-4, beta_1=0.5), self.discriminator),
            "generator": (keras.optimizers.Adam(2e-4, beta_1=0.5), self.generator),
        }

    def train_step(self, x):
        n = tf.shape(x)[0]

        # algorithm 1: max_D  E log D(x) + E log(1 - D(G(z)))
        fake = self.generator(self.prior(n), training=True)
        with tf.GradientTape() as tape:
            d_loss = logistic(self.discriminator(x, training=True), real=True)
            d_loss += logistic(self.discriminator(fake, training=True), real=False)
        self.minimize("discriminator", d_loss, tape)

        with tf.GradientTape() as tape:
            logits = self.discriminator(self.generator(self.prior(n), training=True), training=True)
            if self.minimax:  # min_G  E log(1 - D(G(z)))
                g_loss = -logistic(logits, real=False)
            else:  # section 3: max_G  E log D(G(z))
                g_loss = logistic(logits, real=True)
        self.minimize("generator", g_loss, tape)

        return self.report(d_loss=d_loss, g_loss=g_loss)

    def judge(self, x):
        return probabilities_of_real(self.discriminator, x, self(self.prior(tf.shape(x)[0], seed=0)))


def generator(image_shape, latent_dim, width):
    z = x = keras.Input((latent_dim,))
    for _ in range(2):
        x = layers.Dense(width, activation="relu")(x)
    x = layers.Dense(int(np.prod(image_shape)), activation="tanh", dtype="float32")(x)
    return keras.Model(z, layers.Reshape(image_shape, dtype="float32")(x), name="generator")


def discriminator(image_shape):
    image = keras.Input(image_shape)
    x = Dropout(0.2)(layers.Flatten()(image))
    for _ in range(2):
        x = Dropout(0.5)(Maxout(240, pieces=5)(x))
    return keras.Model(image, layers.Dense(1, dtype="float32")(x), name="discriminator")
