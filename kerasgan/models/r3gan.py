"""R3GAN. Huang, Gokaslan, Kuleshov and Tompkin, 2024. https://arxiv.org/abs/2501.05441"""

import math

import keras
import tensorflow as tf
from keras import layers

from kerasgan.errors import UserError
from kerasgan.layers import channels_at, crop, halvings, normal
from kerasgan.losses import gradient_norms, lazily
from kerasgan.model import GenerativeModel


class R3GAN(GenerativeModel):
    """Real and fake images compete in pairs, and the discriminator is kept smooth at both; nothing is normalised.

    The defaults are those for 64x64 pixels. Each player's step sees real images of its own, as in the authors' code: a
    batch given to fit() holds two minibatches, and kerasgan.data sees to that. Not as in their code, Adam's second beta
    is 0.99 from the start, and images are changed only if `augment` says so. With labels it is `conditional_r3gan`.

    latent_dim: numbers that one image is made from
    width: channels at the smaller sizes
    full_width: pixels of the shorter side up to which there are `width` channels; each doubling above halves them
    blocks: residual blocks at each size, in each network
    expansion: how many times as many channels the 3x3 convolution of a block has
    groups: of channels in that convolution, where there are `width`; fewer where those are fewer. 1 is fast on a CPU
    gamma: weight of both gradient penalties at the beginning; the right one depends on the data and on its size
    gamma_last: weight of them at the end
    penalty_every: steps of the discriminator from one penalty to the next, which weighs as many times as much
    total_steps: steps over which gamma and learning rates fall by half a cosine (20 million images)
    """

    paper = "https://arxiv.org/abs/2501.05441"
    reports = {"d_loss": "discriminator", "g_loss": "generator"}
    judges_in = "scores"  # a score means something only beside another one
    judges_images = ("discriminator",)
    batch_size = 256
    batches_per_step = 2
    default_steps = 1500
    small = {"blocks": 1, "groups": 2, "full_width": 6, "half_life": 0}

    def __init__(
        self,
        image_shape: tuple = (64, 64, 3),
        latent_dim: int = 64,
        width: int = 768,
        full_width: int = 32,
        blocks: int = 2,
        expansion: int = 2,
        groups: int = 96,
        gamma: float = 2.0,
        gamma_last: float = 0.2,
        penalty_every: int = 1,
        total_steps: int = 78125,
        half_life: int = 500_000,
        **kwargs,
    ):
        super().__init__(half_life=half_life, **kwargs)
        self.image_shape = image_shape
        self.latent_dim = latent_dim
        self.gamma, self.gamma_last = gamma, gamma_last
        self.penalty_every = penalty_every
        self.total_steps = total_steps
        stages = stages_of(image_shape, width, full_width, expansion, groups)
        self.generator = generator(image_shape, latent_dim, stages, blocks, expansion)
        self.discriminator = discriminator(image_shape, stages, blocks, expansion)

    def players(self):
        def adam():
            rate = keras.optimizers.schedules.CosineDecay(2e-4, self.total_steps, alpha=0.25)
            return keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.99, epsilon=1e-8)

        return {"discriminator": (adam(), self.discriminator), "generator": (adam(), self.generator)}

    def call(self, latents, training=False):
        """Make images from latents. The generator has no bounds; what is shown of it has."""
        return tf.clip_by_value(super().call(latents, training), -1.0, 1.0)

    def train_step(self, batch):
        x, x_of_generator = tf.split(batch, self.batches_per_step)
        n = tf.shape(x)[0]

        # min_D  E f(D(x) - D(G(z))) + gamma/2 (E |grad D(x)|^2 + E |grad D(G(z))|^2),  f(t) = log(1 + e^-t)
        both = tf.concat([x, self.generator(self.prior(n), training=True)], 0)
        with tf.GradientTape() as tape:
            d_real, d_fake = tf.split(self.discriminator(both, training=True), 2)
            d_loss = tf.reduce_mean(tf.nn.softplus(-(d_real - d_fake)))
            d_loss += self.gamma_now() / 2 * self.penalty(both)
        self.minimize("discriminator", d_loss, tape)

        # min_G  E f(D(G(z)) - D(x))
        d_real = self.discriminator(x_of_generator, training=True)
        with tf.GradientTape() as tape:
            d_fake = self.discriminator(self.generator(self.prior(n), training=True), training=True)
            g_loss = tf.reduce_mean(tf.nn.softplus(-(d_fake - d_real)))
        self.minimize("generator", g_loss, tape)

        return self.report(d_loss=d_loss, g_loss=g_loss)

    def penalty(self, both, labels=None):
        """Return R1 + R2 of as many real as fake images, with their labels if they have some."""

        def penalty():
            r1, r2 = tf.split(gradient_norms(self.discriminator, both, training=True, labels=labels) ** 2, 2)
            return tf.reduce_mean(r1) + tf.reduce_mean(r2)

        return lazily(penalty, self.step, self.penalty_every)

    def gamma_now(self):
        """Return gamma, which falls along half a cosine, as the learning rates do."""
        progress = tf.minimum(tf.cast(self.step, tf.float32) / self.total_steps, 1.0)
        cosine = (1 + tf.cos(math.pi * progress)) / 2
        return self.gamma_last + (self.gamma - self.gamma_last) * cosine

    def judge(self, x):
        return self.discriminator(x), self.discriminator(self(self.prior(tf.shape(x)[0], seed=0)))


def stages_of(image_shape, width, full_width, expansion, groups):
    """Return [(height, width), channels, groups] of each size, the image's own first."""
    stages = []
    for height, columns in reversed(halvings(*image_shape[:2])):
        channels, groups_here = (channels_at((height, columns), n, full_width) for n in (width, groups))
        if channels * expansion % groups_here:
            raise UserError(
                f"{channels * expansion} channels (width x expansion, at {height}x{columns} pixels) cannot be shared "
                f"out among {groups_here} groups: choose a width that is a multiple of groups, or groups=1."
            )
        stages.insert(0, ((height, columns), channels, groups_here))
    return stages


def generator(image_shape, latent_dim, stages, blocks, expansion):
    """z -> a learned basis, scaled by a linear map of z -> blocks and doublings -> image, without bounds."""
    z = keras.Input((latent_dim,))
    return keras.Model(z, generated(z, image_shape, stages, blocks, expansion), name="generator")


def generated(z, image_shape, stages, blocks, expansion):
    """Return the image of the generator's input."""
    (size, channels, _) = stages[-1]
    x = Basis(*size)(layers.Dense(channels, use_bias=False, kernel_initializer=scaled())(z))
    for size, channels, groups in reversed(stages):
        if size != stages[-1][0]:
            x = crop(doubled(linear(x, channels)), *size)
        for _ in range(blocks):
            x = residual(x, expansion, groups, blocks * len(stages))
    return layers.Activation("linear", dtype="float32")(linear(x, image_shape[-1], always=True))


def discriminator(image_shape, stages, blocks, expansion):
    """Image -> blocks and halvings -> a learned basis of each channel -> a score.

    It has no bias, which would cancel in the loss.
    """
    image = keras.Input(image_shape)
    score = layers.Dense(1, use_bias=False, kernel_initializer=scaled(), dtype="float32")
    return keras.Model(image, score(features(image, stages, blocks, expansion)), name="discriminator")


def features(image, stages, blocks, expansion):
    """Return what the discriminator makes of an image before its last layer."""
    x = linear(image, stages[0][1], always=True)
    for size, channels, groups in stages:
        if size != stages[0][0]:
            x = linear(halved(x), channels)
        for _ in range(blocks):
            x = residual(x, expansion, groups, blocks * len(stages))
    rows, columns = x.shape[1:3]
    start = normal((rows * columns) ** -0.5)
    return layers.Flatten()(layers.DepthwiseConv2D((rows, columns), use_bias=False, depthwise_initializer=start)(x))


def residual(x, expansion, groups, of_all):
    """x + three convolutions of it, the middle one wide, the last one 0 at the start (Fixup: Zhang et al. 2019).

    of_all: L, residual blocks in the network
    """
    wide = expansion * x.shape[-1]
    gain = (2 / 1.04) ** 0.5 * of_all**-0.25  # 1.04 = 1 + 0.2^2: what the leaky rectifier leaves of the variance
    y = layers.LeakyReLU(0.2)(layers.Conv2D(wide, 1, kernel_initializer=scaled(gain))(x))
    y = layers.Conv2D(wide, 3, padding="same", groups=groups, kernel_initializer=scaled(gain))(y)
    y = layers.Conv2D(x.shape[-1], 1, use_bias=False, kernel_initializer="zeros")(layers.LeakyReLU(0.2)(y))
    return layers.Add()([x, y])


def linear(x, channels, always=False):
    """Map the channels of each pixel to others, if there are to be others in number."""
    if x.shape[-1] == channels and not always:
        return x
    return layers.Conv2D(channels, 1, use_bias=False, kernel_initializer=scaled())(x)


def scaled(gain: float = 1.0) -> keras.initializers.Initializer:
    """Return an initializer of deviation gain / sqrt(what comes in)."""
    return keras.initializers.VarianceScaling(gain**2, "fan_in", "untruncated_normal")


def doubled(x):
    """Zeros between pixels, and the filter [1, 2, 1] both ways: each pixel twice, and the mean of two neighbours."""
    x = layers.ZeroPadding2D(((1, 0), (1, 0)))(layers.UpSampling2D()(x))
    return layers.AveragePooling2D(2, strides=1)(x)


def halved(x):
    """The filter [1, 2, 1] both ways, at every other pixel: the mean of two neighbours, twice."""
    height, width = x.shape[1:3]
    x = layers.ZeroPadding2D(((1, height % 2), (1, width % 2)))(x)
    return layers.AveragePooling2D(2)(layers.AveragePooling2D(2, strides=1)(x))


@keras.saving.register_keras_serializable("kerasgan")
class Basis(layers.Layer):
    """A learned picture of each channel, times what comes in for this channel: [n, c] -> [n, rows, columns, c]."""

    def __init__(self, rows: int, columns: int, **kwargs):
        super().__init__(**kwargs)
        self.rows, self.columns = rows, columns

    def build(self, shape):
        self.basis = self.add_weight(name="basis", shape=(self.rows, self.columns, shape[-1]), initializer=normal(1.0))

    def call(self, x):
        return x[:, None, None, :] * self.basis

    def compute_output_shape(self, shape):
        return (shape[0], self.rows, self.columns, shape[-1])

    def get_config(self):
        return {**super().get_config(), "rows": self.rows, "columns": self.columns}
