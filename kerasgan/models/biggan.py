"""BigGAN. Brock, Donahue and Simonyan, 2019. https://arxiv.org/abs/1809.11096"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kerasgan.latent import truncated
from kerasgan.layers import BatchNormalization, SpectralConv2D, SpectralDense, batch_normalization, crop, halvings
from kerasgan.model import LabelledModel
from kerasgan.models.projection_gan import projected
from kerasgan.models.sagan import DOUBLED, attending, features
from kerasgan.models.sngan import doubling_block

ATTENDED = 64  # pixels of the shorter side: features of at most so many attend to one another (appendix B)


class BigGAN(LabelledModel):
    """SAGAN made large: latents reach each block of the generator, beside an embedding of the label that all share.

    Of each block's share of the latents and the embedding, linear maps make the scales and shifts of batch
    normalisation. The generator's filters are kept orthogonal, so that latents nearer to 0 than in training draw images
    that are more alike and more like real ones: the truncation trick, for which measure_standing_statistics() measures
    those of batch normalisation anew. The networks are those of the paper's table 4, of which images smaller than
    128x128 have the last part. Kernels start orthogonal. Each step of the discriminator sees fresh images: a batch
    given to fit() holds `n_dis` minibatches, and kerasgan.data sees to that.

    latent_dim: numbers that one image is made from, beside its label, shared out among the blocks in order
    shared_dim: numbers in the embedding of a label
    n_dis: steps of the discriminator for one of the generator
    orthogonal: weight of the penalty on filters of the generator that are not orthogonal
    """

    paper = "https://arxiv.org/abs/1809.11096"
    takes = "labelled"
    reports = {"d_loss": "discriminator", "g_loss": "generator"}
    judges_in = "scores"
    judges_images = ("discriminator",)
    batch_size = 2048
    default_steps = 1000
    small = {"n_dis": 2, "shared_dim": 3, "half_life": 0}

    def __init__(
        self,
        image_shape: tuple = (128, 128, 3),
        classes: int = 10,
        latent_dim: int = 120,
        shared_dim: int = 128,
        width: int = 96,
        n_dis: int = 2,
        orthogonal: float = 1e-4,
        half_life: int = 14_000_000,
        **kwargs,
    ):
        super().__init__(half_life=half_life, **kwargs)
        self.image_shape = image_shape
        self.classes = classes
        self.latent_dim = latent_dim
        self.batches_per_step = n_dis
        self.orthogonal = orthogonal
        self.generator = generator(image_shape, classes, latent_dim, shared_dim, width)
        self.discriminator = discriminator(image_shape, classes, width)

    def players(self):
        return {
            "discriminator": (keras.optimizers.Adam(2e-4, beta_1=0.0), self.discriminator),
            "generator": (keras.optimizers.Adam(5e-5, beta_1=0.0), self.generator),
        }

    def train_step(self, batch):
        # min_D  E max(0, 1 - D(x, y)) + E max(0, 1 + D(G(z, y), y))
        for x, y in zip(*(tf.split(column, self.batches_per_step) for column in batch)):
            z, _ = self.prior(tf.shape(x)[0])
            both = tf.concat([x, self.generator((z, y), training=True)], 0)
            with tf.GradientTape() as tape:
                d_real, d_fake = tf.split(self.discriminator((both, tf.concat([y, y], 0)), training=True), 2)
                d_loss = tf.reduce_mean(tf.nn.relu(1 - d_real)) + tf.reduce_mean(tf.nn.relu(1 + d_fake))
            self.minimize("discriminator", d_loss, tape)

        # max_G  E D(G(z, y), y) - beta sum |W^T W * (1 - I)|^2   (equation 3)
        z, _ = self.prior(tf.shape(x)[0])
        with tf.GradientTape() as tape:
            fake = self.generator((z, y), training=True)
            g_loss = -tf.reduce_mean(self.discriminator((fake, y), training=True))
            loss = g_loss + self.orthogonal * self.not_orthogonal()
        self.minimize("generator", loss, tape)

        return self.report(d_loss=d_loss, g_loss=g_loss)

    def not_orthogonal(self):
        """Return the sum of all squared products of two different filters of the generator, but for the embedding."""
        kernels = [layer.kernel for layer in self.generator.layers if isinstance(layer, SpectralConv2D | SpectralDense)]
        flat = [tf.reshape(kernel, (-1, kernel.shape[-1])) for kernel in kernels]
        products = [tf.matmul(w, w, transpose_a=True) for w in flat]
        return tf.add_n([tf.reduce_sum(p**2) - tf.reduce_sum(tf.linalg.diag_part(p) ** 2) for p in products])

    def judge(self, batch):
        x, y = batch
        z, _ = self.prior(tf.shape(x)[0], seed=0)
        return self.discriminator((x, y)), self.discriminator((self((z, y)), y))

    def measure_standing_statistics(
        self, threshold: float, batches: int = 16, batch_size: int = 100, seed: int = 0
    ) -> None:
        """Let batch normalisation have the mean statistics of batches of truncated latents, in place of training's.

        Those of training are of latents that are not truncated. What is sampled and exported afterwards goes by them.
        Section 3.1; named in the authors' code.

        threshold: beyond which numbers of latents are drawn again, as kerasgan.latent.truncated() does
        batches, batch_size: how many latents are drawn, and how many of them at a time
        seed: of the first batch
        """
        normalizations = [layer for layer in self.generator.layers if isinstance(layer, BatchNormalization)]
        momenta = [layer.momentum for layer in normalizations]
        for i in range(batches):
            for layer in normalizations:
                layer.momentum = i / (i + 1)  # a plain mean of all batches
            z, y = self.prior(batch_size, seed + i)
            self.generator((tf.constant(truncated(z, threshold, seed + i)), y), training=True)
        for layer, momentum in zip(normalizations, momenta, strict=True):
            layer.momentum = momentum


def generator(image_shape, classes, latent_dim, shared_dim, width):
    """z and label -> about 4x4 -> residual blocks, each of which doubles the size -> image (figure 15, table 4a).

    The first share of z makes the first features, and each other one, with the embedding, those of a block.
    """
    z, y = keras.Input((latent_dim,)), keras.Input((), dtype="int32")
    embedding = layers.Dense(shared_dim, use_bias=False, kernel_initializer="orthogonal")
    label = embedding(keras.ops.one_hot(y, classes))

    *sizes, (rows, columns) = halvings(*image_shape[:2])
    filters = [width * 2 ** min(i, DOUBLED) for i in range(len(sizes))]
    first, *shares = shared_out(z, len(sizes) + 1)
    x = SpectralDense(rows * columns * filters[-1], kernel_initializer="orthogonal")(first)
    x = layers.Reshape((rows, columns, filters[-1]))(x)
    x = attending(x, image_shape, ATTENDED)
    for size, channels, share in zip(reversed(sizes), reversed(filters), shares, strict=True):
        condition = layers.Concatenate()([label, share]) if share.shape[-1] else label
        x = doubling_block(x, channels, lambda x, condition=condition: conditional(x, condition), convolution)
        x = attending(crop(x, *size), image_shape, ATTENDED)
    image = convolution(image_shape[-1], 3)(layers.ReLU()(batch_normalization()(x)))
    return keras.Model((z, y), layers.Activation("tanh", dtype="float32")(image), name="generator")


def shared_out(z, n):
    """Return n parts of z, as equal as they can be; the last ones are empty where z has fewer numbers."""
    ends = np.cumsum([len(part) for part in np.array_split(range(z.shape[-1]), n)])
    return keras.ops.split(z, [int(end) for end in ends[:-1]], axis=-1)


def conditional(x, condition):
    """Batch normalisation whose scales, less 1, and shifts are linear maps of the condition."""
    scale, shift = (SpectralDense(x.shape[-1], kernel_initializer="orthogonal")(condition) for _ in range(2))
    scale, shift = (layers.Reshape((1, 1, -1))(part) for part in (scale, shift))
    x = batch_normalization(affine=False)(x)
    return layers.Add()([x, layers.Multiply()([x, scale]), shift])


def convolution(filters, size, use_bias=True):
    return SpectralConv2D(filters, size, use_bias=use_bias, kernel_initializer="orthogonal")


def discriminator(image_shape, classes, width):
    """Image and label -> features and their projection -> score (table 4b)."""
    image, y = keras.Input(image_shape), keras.Input((), dtype="int32")
    phi = features(image, width, convolution, ATTENDED)
    return keras.Model((image, y), projected(phi, y, classes), name="discriminator")
