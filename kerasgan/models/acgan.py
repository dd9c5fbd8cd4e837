"""ACGAN. Odena, Olah and Shlens, 2017. https://arxiv.org/abs/1610.09585"""

import keras
import tensorflow as tf
from keras import layers

from kerasgan import images
from kerasgan.losses import logistic
from kerasgan.model import LabelledModel
from kerasgan.models import dcgan


class ACGAN(LabelledModel):
    """A discriminator that also names the class, and a generator that is told one and wants it named.

    The networks are DCGAN's, as the appendix of the paper nearly has them: the label stands beside the latents, and a
    second dense layer on the discriminator's last features names the class. They have no dropout, and stride 2
    throughout.

    latent_dim: numbers that one image is made from, beside its label
    """

    paper = "https://arxiv.org/abs/1610.09585"
    takes = "labelled"
    verbs = ("sample", "sample_labelled", "decode", "classify")
    reports = {"d_loss": "discriminator", "g_loss": "generator", "accuracy": "discriminator"}
    judges_images = ("discriminator",)
    batch_size = 100
    default_steps = 850

    def __init__(
        self,
        image_shape: tuple = (28, 28, 1),
        classes: int = 10,
        latent_dim: int = 100,
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
            "discriminator": (keras.optimizers.Adam(2e-4, beta_1=0.5), self.discriminator),
            "generator": (keras.optimizers.Adam(2e-4, beta_1=0.5), self.generator),
        }

    def train_step(self, batch):
        x, y = batch
        z, _ = self.prior(tf.shape(x)[0])
        with tf.GradientTape() as g_tape:
            fake = self.generator((z, y), training=True)

        # equations 2 and 3: max_D  L_S + L_C, the log-likelihoods of the right source and of the right class
        with tf.GradientTape() as d_tape:
            source, classes = self.discriminator(x, training=True)
            fake_source, fake_classes = self.discriminator(fake, training=True)
            d_loss = logistic(source, real=True) + logistic(fake_source, real=False)
            d_loss += cross_entropy(y, classes) + cross_entropy(y, fake_classes)
        self.minimize("discriminator", d_loss, d_tape)

        # max_G  L_C - L_S; for the last, as in GAN, max_G  E log P(S = real | G(c, z))
        with g_tape:
            fake_source, fake_classes = self.discriminator(fake, training=True)
            g_loss = logistic(fake_source, real=True) + cross_entropy(y, fake_classes)
        self.minimize("generator", g_loss, g_tape)

        named = tf.argmax(classes, axis=-1, output_type=y.dtype)
        return self.report(d_loss=d_loss, g_loss=g_loss, accuracy=tf.reduce_mean(tf.cast(named == y, tf.float32)))

    def judge(self, batch):
        x, y = batch
        z, _ = self.prior(tf.shape(x)[0], seed=0)
        return tuple(tf.sigmoid(self.discriminator(images_)[0]) for images_ in (x, self((z, y))))

    def endpoints(self):
        classify = lambda images_: self.discriminator(images.from_uint8(images_))[1]  # noqa: E731
        return {**super().endpoints(), "classify": (classify, [self.uint8_images()])}


def cross_entropy(y, logits):
    """Return the batch mean of -log P(C = y). Nats."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))


def generator(image_shape, classes, latent_dim, width):
    z, y = keras.Input((latent_dim,)), keras.Input((), dtype="int32")
    inputs = layers.Concatenate()([z, keras.ops.one_hot(y, classes)])
    image = dcgan.generator(image_shape, latent_dim + classes, width)(inputs)
    return keras.Model((z, y), image, name="generator")


def discriminator(image_shape, classes, width):
    """Image -> one logit of being real, and one logit for each class."""
    image = keras.Input(image_shape)
    both = dcgan.discriminator(image_shape, width, outputs=1 + classes)(image)
    return keras.Model(image, (both[:, 0], both[:, 1:]), name="discriminator")
