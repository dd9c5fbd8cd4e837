"""CGAN. Mirza and Osindero, 2014. https://arxiv.org/abs/1411.1784"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kerasgan.layers import Dropout, Maxout, batch_normalization, normal
from kerasgan.losses import logistic, probabilities_of_real
from kerasgan.model import LabelledModel


class CGAN(LabelledModel):
    """A generator and a discriminator that are both told the label.

    Dense networks. The discriminator is the paper's (section 4.1), but for weights of labels that start at a deviation
    of 2, since with the usual ones it hardly hears them, and for dropout, which is left out: with it, far fewer samples
    are what was asked for. The generator adds latents and label in its first layer, and is batch normalised. With the
    paper's, which has layers of their own for the two, all samples of a label became one image. The paper moves both
    by SGD with momentum; Adam needs no schedule.

    latent_dim: numbers that one image is made from, beside its label
    width: units of each hidden layer of the generator
    dropout: share of the discriminator's hidden units that are left out at random (the paper's: 0.5)
    """

    paper = "https://arxiv.org/abs/1411.1784"
    takes = "labelled"
    reports = {"d_loss": "discriminator", "g_loss": "generator"}
    judges_images = ("discriminator",)
    batch_size = 100
    smallest_batch = 2
    default_steps = 4000
    small = {"width": 8}

    def __init__(
        self,
        image_shape: tuple = (28, 28, 1),
        classes: int = 10,
        latent_dim: int = 100,
        width: int = 1200,
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.classes = classes
        self.latent_dim = latent_dim
        self.generator = generator(image_shape, classes, latent_dim, width)
        self.discriminator = discriminator(image_shape, classes, dropout)

    def players(self):
        return {
            "discriminator": (keras.optimizers.Adam(2e-4, beta_1=0.5), self.discriminator),
            "generator": (keras.optimizers.Adam(2e-4, beta_1=0.5), self.generator),
        }

    def train_step(self, batch):
        x, y = batch
        n = tf.shape(x)[0]

        # equation 2: max_D  E log D(x|y) + E log(1 - D(G(z|y)|y))
        z, _ = self.prior(n)
        fake = self.generator((z, y), training=True)
        with tf.GradientTape() as tape:
            d_loss = logistic(self.discriminator((x, y), training=True), real=True)
            d_loss += logistic(self.discriminator((fake, y), training=True), real=False)
        self.minimize("discriminator", d_loss, tape)

        # max_G  E log D(G(z|y)|y)
        z, _ = self.prior(n)
        with tf.GradientTape() as tape:
            fake = self.generator((z, y), training=True)
            g_loss = logistic(self.discriminator((fake, y), training=True), real=True)
        self.minimize("generator", g_loss, tape)

        return self.report(d_loss=d_loss, g_loss=g_loss)

    def judge(self, batch):
        x, y = batch
        z, _ = self.prior(tf.shape(x)[0], seed=0)
        return probabilities_of_real(self.discriminator, (x, y), (self((z, y)), y))


def generator(image_shape, classes, latent_dim, width):
    z, y = keras.Input((latent_dim,)), keras.Input((), dtype="int32")
    # As loud as the latents: of a one-hot vector one input is on, and the usual initialisers reckon with all.
    from_y = layers.Dense(width, use_bias=False, kernel_initializer=normal(0.4))(keras.ops.one_hot(y, classes))
    x = layers.Add()([layers.Dense(width, use_bias=False)(z), from_y])
    x = layers.ReLU()(batch_normalization()(x))
    x = layers.ReLU()(batch_normalization()(layers.Dense(width, use_bias=False)(x)))
    x = layers.Dense(int(np.prod(image_shape)), activation="tanh", dtype="float32")(x)
    return keras.Model((z, y), layers.Reshape(image_shape, dtype="float32")(x), name="generator")


def discriminator(image_shape, classes, dropout):
    image, y = keras.Input(image_shape), keras.Input((), dtype="int32")
    from_x = Maxout(240, pieces=5)(layers.Flatten()(image))
    from_y = Maxout(50, pieces=5, kernel_initializer=normal(2.0))(keras.ops.one_hot(y, classes))
    x = Maxout(240, pieces=4)(layers.Concatenate()([Dropout(dropout)(from_x), Dropout(dropout)(from_y)]))
    x = Dropout(dropout)(x)
    return keras.Model((image, y), layers.Dense(1, dtype="float32")(x), name="discriminator")
