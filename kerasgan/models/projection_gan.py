"""Projection discriminator. Miyato and Koyama, 2018. https://arxiv.org/abs/1802.05637"""

import keras
import tensorflow as tf
from keras import layers

from kerasgan.layers import LeCam, SpectralConv2D, SpectralDense, batch_normalization, halvings
from kerasgan.model import LabelledModel
from kerasgan.models import dcgan


class ProjectionGAN(LabelledModel):
    """A discriminator that asks how far an image's features point in the direction of its label.

    Its weights are spectrally normalised, the loss is the hinge loss, and the generator is told the label by the scales
    and shifts of its batch normalisation, as in the paper. The networks are DCGAN's in shape, not the paper's residual
    ones. Each step of the discriminator sees fresh images: a batch given to fit() holds `n_dis` minibatches, and
    kerasgan.data sees to that.

    latent_dim: numbers that one image is made from, beside its label
    n_dis: steps of the discriminator for one of the generator (the paper's: 5, for days of training)
    lecam: weight of a penalty for few images, which the paper does not have (Tseng et al. 2021); 0 for none
    """

    paper = "https://arxiv.org/abs/1802.05637"
    takes = "labelled"
    reports = {"d_loss": "discriminator", "g_loss": "generator"}
    judges_in = "scores"
    judges_images = ("discriminator",)
    batch_size = 64
    default_steps = 1500
    small = {"n_dis": 2}

    def __init__(
        self,
        image_shape: tuple = (64, 64, 3),
        classes: int = 10,
        latent_dim: int = 128,
        width: int = 64,
        n_dis: int = 1,
        lecam: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.classes = classes
        self.latent_dim = latent_dim
        self.batches_per_step = n_dis
        self.generator = generator(image_shape, classes, latent_dim, width)
        self.discriminator = discriminator(image_shape, classes, width)
        self.lecam = lecam
        self.anchored = LeCam() if lecam else None

    def players(self):
        return {
            "discriminator": (keras.optimizers.Adam(2e-4, beta_1=0.0, beta_2=0.9), self.discriminator),
            "generator": (keras.optimizers.Adam(2e-4, beta_1=0.0, beta_2=0.9), self.generator),
        }

    def train_step(self, batch):
        # min_D  E max(0, 1 - f(x, y)) + E max(0, 1 + f(G(z, y), y))
        for x, y in zip(*(tf.split(column, self.batches_per_step) for column in batch)):
            z, _ = self.prior(tf.shape(x)[0])
            fake = self.generator((z, y), training=True)
            with tf.GradientTape() as tape:
                d_real, d_fake = (self.discriminator((images, y), training=True) for images in (x, fake))
                d_loss = tf.reduce_mean(tf.nn.relu(1 - d_real)) + tf.reduce_mean(tf.nn.relu(1 + d_fake))
                if self.lecam:
                    d_loss += self.lecam * self.anchored(d_real, d_fake)
            self.minimize("discriminator", d_loss, tape)

        # max_G  E f(G(z, y), y)
        z, _ = self.prior(tf.shape(x)[0])
        with tf.GradientTape() as tape:
            fake = self.generator((z, y), training=True)
            g_loss = -tf.reduce_mean(self.discriminator((fake, y), training=True))
        self.minimize("generator", g_loss, tape)

        return self.report(d_loss=d_loss, g_loss=g_loss)

    def judge(self, batch):
        x, y = batch
        z, _ = self.prior(tf.shape(x)[0], seed=0)
        return self.discriminator((x, y)), self.discriminator((self((z, y)), y))


def generator(image_shape, classes, latent_dim, width):
    """DCGAN's, but that the label sets the scales and shifts."""
    z, y = keras.Input((latent_dim,)), keras.Input((), dtype="int32")
    label = keras.ops.one_hot(y, classes)
    image = dcgan.generated(z, image_shape, width, lambda x: conditional_batch_normalization(x, label))
    return keras.Model((z, y), image, name="generator")


def conditional_batch_normalization(x, label):
    """Batch normalisation whose scale and shift are those of the label (Dumoulin et al. 2017, equation 5)."""
    scale, shift = (
        layers.Dense(x.shape[-1], use_bias=False, kernel_initializer=start)(label) for start in ("ones", "zeros")
    )
    x = batch_normalization(affine=False)(x)
    return layers.Add()([layers.Multiply()([x, layers.Reshape((1, 1, -1))(scale)]), layers.Reshape((1, 1, -1))(shift)])


def discriminator(image_shape, classes, width):
    """Image and label -> features and their projection -> score."""
    image, y = keras.Input(image_shape), keras.Input((), dtype="int32")
    x = image
    for i in range(len(halvings(*image_shape[:2])) - 1):
        x = layers.LeakyReLU(0.1)(SpectralConv2D(min(width * 2**i, 8 * width), 4, 2)(x))
    return keras.Model((image, y), projected(layers.Flatten()(x), y, classes), name="discriminator")


def projected(phi, y, classes):
    """Return f = y^T V phi(x) + psi(phi(x)), where psi is linear (equation 3).

    psi has no bias: as long as all scores are between the margins it cancels in the loss.
    """
    direction = SpectralDense(phi.shape[-1], dtype="float32")(keras.ops.one_hot(y, classes))
    projection = layers.Dot(axes=1, dtype="float32")([direction, phi])
    return layers.Add(dtype="float32")([projection, SpectralDense(1, dtype="float32")(phi)])
