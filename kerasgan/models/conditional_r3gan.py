"""R3GAN with labels. Huang, Gokaslan, Kuleshov and Tompkin, 2024. https://arxiv.org/abs/2501.05441"""

import keras
import tensorflow as tf
from keras import layers

from kerasgan.model import LabelledModel
from kerasgan.models import r3gan
from kerasgan.models.r3gan import R3GAN, scaled, stages_of


class ConditionalR3GAN(LabelledModel, R3GAN):
    """R3GAN that is told what to draw: each real image competes with a fake one of the same label.

    The generator sees an embedding of the label beside the latents, and the score is the product of the image's
    features and another embedding (Miyato and Koyama 2018), as in the authors' code; both are as long as the latents
    are many. The defaults are those for CIFAR-10, and what departs from the paper in `r3gan` does here.

    latent_dim: numbers that one image is made from, beside its label
    """

    paper = "https://arxiv.org/abs/2501.05441"
    takes = "labelled"
    judges_images = ("discriminator",)
    batch_size = 512
    batches_per_step = 2
    default_steps = 1500

    def __init__(
        self,
        image_shape: tuple = (32, 32, 3),
        classes: int = 10,
        latent_dim: int = 64,
        width: int = 768,
        full_width: int = 32,
        blocks: int = 2,
        expansion: int = 2,
        groups: int = 96,
        gamma: float = 0.05,
        gamma_last: float = 0.005,
        penalty_every: int = 1,
        total_steps: int = 39063,
        half_life: int = 5_000_000,
        **kwargs,
    ):
        super(R3GAN, self).__init__(half_life=half_life, **kwargs)
        self.image_shape = image_shape
        self.classes = classes
        self.latent_dim = latent_dim
        self.gamma, self.gamma_last = gamma, gamma_last
        self.penalty_every = penalty_every
        self.total_steps = total_steps
        stages = stages_of(image_shape, width, full_width, expansion, groups)
        self.generator = generator(image_shape, classes, latent_dim, stages, blocks, expansion)
        self.discriminator = discriminator(image_shape, classes, latent_dim, stages, blocks, expansion)

    def train_step(self, batch):
        (x, x_of_generator), (y, y_of_generator) = (tf.split(column, self.batches_per_step) for column in batch)
        n = tf.shape(x)[0]

        # min_D  E f(D(x, y) - D(G(z, y), y)) + gamma/2 (E |grad_x D(x, y)|^2 + E |grad_x D(G(z, y), y)|^2)
        z, _ = self.prior(n)
        both, labels = tf.concat([x, self.generator((z, y), training=True)], 0), tf.concat([y, y], 0)
        with tf.GradientTape() as tape:
            d_real, d_fake = tf.split(self.discriminator((both, labels), training=True), 2)
            d_loss = tf.reduce_mean(tf.nn.softplus(-(d_real - d_fake)))
            d_loss += self.gamma_now() / 2 * self.penalty(both, labels)
        self.minimize("discriminator", d_loss, tape)

        # min_G  E f(D(G(z, y), y) - D(x, y))
        d_real = self.discriminator((x_of_generator, y_of_generator), training=True)
        z, _ = self.prior(n)
        with tf.GradientTape() as tape:
            fake = self.generator((z, y_of_generator), training=True)
            d_fake = self.discriminator((fake, y_of_generator), training=True)
            g_loss = tf.reduce_mean(tf.nn.softplus(-(d_fake - d_real)))
        self.minimize("generator", g_loss, tape)

        return self.report(d_loss=d_loss, g_loss=g_loss)

    def judge(self, batch):
        x, y = batch
        z, _ = self.prior(tf.shape(x)[0], seed=0)
        return self.discriminator((x, y)), self.discriminator((self((z, y)), y))


def generator(image_shape, classes, latent_dim, stages, blocks, expansion):
    """R3GAN's, of latents and an embedding of the label."""
    z, y = keras.Input((latent_dim,)), keras.Input((), dtype="int32")
    embedded = layers.Dense(latent_dim, use_bias=False, kernel_initializer=scaled())(keras.ops.one_hot(y, classes))
    image = r3gan.generated(layers.Concatenate()([z, embedded]), image_shape, stages, blocks, expansion)
    return keras.Model((z, y), image, name="generator")


def discriminator(image_shape, classes, dimensions, stages, blocks, expansion):
    """R3GAN's features, as so many dimensions, times an embedding of the label in as many."""
    image, y = keras.Input(image_shape), keras.Input((), dtype="int32")
    phi = r3gan.features(image, stages, blocks, expansion)
    phi = layers.Dense(dimensions, use_bias=False, kernel_initializer=scaled(), dtype="float32")(phi)
    start = scaled(dimensions**-0.5)
    direction = layers.Dense(dimensions, use_bias=False, kernel_initializer=start, dtype="float32")
    score = layers.Dot(axes=1, dtype="float32")([phi, direction(keras.ops.one_hot(y, classes))])
    return keras.Model((image, y), score, name="discriminator")
