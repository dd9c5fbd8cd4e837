"""DDPM. Ho, Jain and Abbeel, 2020. https://arxiv.org/abs/2006.11239"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from kerasgan.errors import UserError
from kerasgan.layers import Dropout, GroupNormalization, crop, move_average
from kerasgan.model import GenerativeModel, fixed, integer


class DDPM(GenerativeModel):
    """A network learns to tell the noise in an image, and makes images by taking it out of noise little by little.

    Times are the paper's: x_0 is an image, x_1 ... x_T hold more and more noise, and x_T is the latent of an image.
    call() samples without noise of its own (DDIM, Song et al. 2021, https://arxiv.org/abs/2010.02502, eta = 0), so that
    an image is a function of its latent; ancestral() samples as the paper does. Both use the average of the weights.

    width: channels at the size of the image
    multipliers: channels after each halving of the size, in units of `width`, separated by commas
    blocks: residual blocks at each size on the way down; there is one more on the way up
    attention: halvings after which pixels attend to each other (1: at 16x16 of 32x32)
    dropout: share of each residual block's activations that training leaves out
    timesteps: T, the steps from an image to noise
    beta_first: variance of the noise that the first step adds (section 4)
    beta_last: variance of the noise that the last step adds
    sampling_steps: of the T steps, how many call() takes from noise to an image
    decay: of the average of the weights, once training has come far enough
    warmup: training steps over which the learning rate rises
    """

    paper = "https://arxiv.org/abs/2006.11239"
    reports = {"loss": "denoiser"}
    own_average = True
    batch_size = 128
    default_steps = 2000
    small = {"multipliers": "1,2", "blocks": 0, "timesteps": 20, "sampling_steps": 2, "warmup": 1}

    def __init__(
        self,
        image_shape: tuple = (32, 32, 3),
        width: int = 128,
        multipliers: str = "1,2,2,2",
        blocks: int = 2,
        attention: int = 1,
        dropout: float = 0.1,
        timesteps: int = 1000,
        beta_first: float = 1e-4,
        beta_last: float = 0.02,
        sampling_steps: int = 50,
        decay: float = 0.9999,
        warmup: int = 5000,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if sampling_steps > timesteps:
            raise UserError(f"There are {timesteps} timesteps: sampling takes that many steps or fewer.")
        if not all(m.isdecimal() and int(m) for m in multipliers.split(",")):
            raise UserError(f"multipliers are {multipliers!r}; they need to be whole numbers from 1, as in 1,2,2.")
        self.image_shape = image_shape
        self.latent_dim = int(np.prod(image_shape))
        self.timesteps = timesteps
        self.sampling_steps = sampling_steps
        self.decay = decay
        self.warmup = warmup
        self.beta = np.concatenate([[0.0], np.linspace(beta_first, beta_last, timesteps)])  # beta[t], none at t = 0
        self.alpha_bar = np.cumprod(1 - self.beta)
        settings = (image_shape, width, multipliers, blocks, attention, dropout)
        self.denoiser = denoiser(*settings, name="denoiser")
        self.average = denoiser(*settings, name="average")
        self.average.set_weights(self.denoiser.get_weights())
        self.average.trainable = False

    def players(self):
        return {"denoiser": (keras.optimizers.Adam(Warmup(2e-4, self.warmup)), self.denoiser)}

    def train_step(self, x):
        # algorithm 1, with the loss of equation 14
        x_t, t, epsilon = self.noisy(x)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((epsilon - self.denoiser([x_t, t], training=True)) ** 2)
        self.minimize("denoiser", loss, tape)

        step = tf.cast(self.step, tf.float32)  # the first steps should soon be forgotten
        move_average(self.average, self.denoiser, tf.minimum(self.decay, (1 + step) / (10 + step)))
        return self.report(loss=loss)

    def test_step(self, x):
        x_t, t, epsilon = self.noisy(x)
        return self.measure(loss=tf.reduce_mean((epsilon - self.average([x_t, t])) ** 2))

    def noisy(self, x):
        """Return x_t for a time t of 1 ... T of each image, t, and the noise in x_t."""
        n = tf.shape(x)[0]
        t = 1 + tf.cast(self.timesteps * self.noise.uniform((n,)), tf.int32)
        epsilon = self.noise.normal((n, *self.image_shape))
        return self.diffuse(x, t, epsilon), t, epsilon

    def diffuse(self, x, t, epsilon):
        """Return x_t ~ q(x_t | x_0) made of x_0 and N(0, I) noise (equation 4)."""
        signal, noise = self.shares(t)
        return tf.sqrt(signal) * x + tf.sqrt(noise) * epsilon

    def shares(self, t):
        """Return alpha_bar_t and 1 - alpha_bar_t, which float32 could not make of the first near t = 0."""
        return at(self.alpha_bar, t), at(1 - self.alpha_bar, t)

    def image_in(self, x_t, t):
        """Return the image that the network sees in x_t (equation 15 and the line above it), within [-1, 1]."""
        signal, noise = self.shares(t)
        epsilon = self.average([x_t, tf.repeat(t, tf.shape(x_t)[0])])
        return tf.clip_by_value((x_t - tf.sqrt(noise) * epsilon) / tf.sqrt(signal), -1, 1)

    def ddim_step(self, x_t, t, s):
        """Return x_s for s < t: the image in x_t, under less of the same noise (DDIM, equation 12, eta = 0)."""
        signal, noise = self.shares(t)
        x_0 = self.image_in(x_t, t)
        epsilon = (x_t - tf.sqrt(signal) * x_0) / tf.sqrt(noise)
        return self.diffuse(x_0, s, epsilon)

    def ancestral_step(self, x_t, t, z):
        """Return x_{t-1} ~ p(x_{t-1} | x_t) made of N(0, I) noise z: its mean by equation 7, variance beta_t."""
        (_, noise), (signal_before, noise_before), beta = self.shares(t), self.shares(t - 1), at(self.beta, t)
        mean = tf.sqrt(signal_before) * beta * self.image_in(x_t, t) + tf.sqrt(1 - beta) * noise_before * x_t
        return mean / noise + tf.where(t > 1, tf.sqrt(beta), 0.0) * z

    @tf.function(autograph=False, reduce_retracing=True)
    def call(self, latents, training=False):
        """Make images from latents, in `sampling_steps` steps over times that are equally far apart (DDIM's D.2)."""
        times = [i * self.timesteps // self.sampling_steps for i in range(self.sampling_steps + 1)]

        def step(i, x):
            return i - 1, self.ddim_step(x, tf.gather(times, i), tf.gather(times, i - 1))

        x = tf.reshape(latents, (-1, *self.image_shape))
        return tf.while_loop(lambda i, _: i > 0, step, (self.sampling_steps, x))[1]

    @tf.function(autograph=False, input_signature=[integer("n"), integer("seed")])
    def ancestral(self, n, seed):
        """Draw n images by algorithm 2, in all T steps, each with noise of its own."""

        def step(t, x):
            z = tf.random.stateless_normal(tf.shape(x), fixed(seed) + tf.cast([0, t], tf.int64))
            return t - 1, self.ancestral_step(x, t, z)

        x = tf.reshape(self.prior(n, seed), (-1, *self.image_shape))
        return tf.while_loop(lambda t, _: t > 0, step, (self.timesteps, x))[1]


@keras.saving.register_keras_serializable("kerasgan")
class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    """`rate`, reached in a straight line over the first `steps`."""

    def __init__(self, rate: float, steps: int):
        self.rate, self.steps = rate, steps

    def __call__(self, step):
        return self.rate * tf.minimum((tf.cast(step, tf.float32) + 1) / self.steps, 1.0)

    def get_config(self):
        return {"rate": self.rate, "steps": self.steps}


def at(table, t):
    """Return the value of each time, in the shape that multiplies images."""
    return tf.reshape(tf.gather(tf.constant(table, tf.float32), t), (-1, 1, 1, 1))


def denoiser(image_shape, width, multipliers, blocks, attention, dropout, name):
    """(x_t, t) -> the noise in x_t: a U-Net of residual blocks that know the time, with self-attention (appendix B)."""
    widths = [width * int(m) for m in multipliers.split(",")]
    x_t, t = keras.Input(image_shape), keras.Input((), dtype="int32")
    time = layers.Dense(4 * width, activation="swish")(TimeEmbedding(width, dtype="float32")(t))
    time = layers.Activation("swish")(layers.Dense(4 * width)(time))

    def block(x, filters, attend):
        x = residual_block(x, time, filters, dropout)
        return attention_block(x) if attend else x

    x = layers.Conv2D(width, 3, padding="same")(x_t)
    skips = [x]
    for level, filters in enumerate(widths):
        for _ in range(blocks):
            x = block(x, filters, level == attention)
            skips.append(x)
        if level < len(widths) - 1:
            x = layers.Conv2D(filters, 3, 2, "same")(x)
            skips.append(x)

    x = block(block(x, filters, attend=True), filters, attend=False)

    for level, filters in reversed(list(enumerate(widths))):
        for _ in range(blocks + 1):
            x = block(layers.Concatenate()([x, skips.pop()]), filters, level == attention)
        if level:
            x = crop(layers.UpSampling2D()(x), *skips[-1].shape[1:3])
            x = layers.Conv2D(filters, 3, padding="same")(x)

    x = layers.Activation("swish")(group_normalization(x))
    x = layers.Conv2D(image_shape[-1], 3, padding="same", kernel_initializer=small(), dtype="float32")(x)
    return keras.Model([x_t, t], x, name=name)


def residual_block(x, time, filters, dropout):
    h = layers.Conv2D(filters, 3, padding="same")(layers.Activation("swish")(group_normalization(x)))
    h = layers.Add()([h, layers.Reshape((1, 1, filters))(layers.Dense(filters)(time))])
    h = layers.Activation("swish")(group_normalization(h))
    h = Dropout(dropout)(h) if dropout else h
    h = layers.Conv2D(filters, 3, padding="same", kernel_initializer=small())(h)
    if x.shape[-1] != filters:
        x = layers.Conv2D(filters, 1)(x)
    return layers.Add()([x, h])


def attention_block(x):
    """Add to each pixel a mean of what all pixels say, weighted by how much it asks for them."""
    rows, columns, channels = x.shape[1:]
    pixels = layers.Reshape((rows * columns, channels))(group_normalization(x))
    query, value = layers.Dense(channels)(pixels), layers.Dense(channels)(pixels)
    key = layers.Dense(channels, use_bias=False)(pixels)  # a bias would add the same to all scores of a pixel
    scores = ops.matmul(query * channels**-0.5, ops.transpose(key, (0, 2, 1)))
    heard = ops.matmul(layers.Softmax(dtype="float32")(scores), value)
    heard = layers.Dense(channels, kernel_initializer=small())(heard)
    return layers.Add()([x, layers.Reshape((rows, columns, channels))(heard)])


def small():
    """Return an initializer of weights so small that a block starts as little more than its shortcut."""
    return keras.initializers.VarianceScaling(0.01, "fan_avg", "uniform")


def group_normalization(x):
    """Normalise over at most 32 groups of at least 4 channels each, as few channels as that leaves."""
    channels = x.shape[-1]
    groups = next(g for g in range(min(32, max(1, channels // 4)), 0, -1) if channels % g == 0)
    return GroupNormalization(groups, epsilon=1e-6)(x)


@keras.saving.register_keras_serializable("kerasgan")
class TimeEmbedding(layers.Layer):
    """Sines and cosines of a time at `width` / 2 wavelengths from 2 pi to 20,000 pi (Vaswani et al. 2017)."""

    def __init__(self, width: int, **kwargs):
        super().__init__(**kwargs)
        self.width = width

    def call(self, t):
        half = -(-self.width // 2)
        angles = tf.cast(t, tf.float32)[:, None] * 10_000.0 ** -np.linspace(0, 1, half, dtype=np.float32)
        return tf.concat([tf.sin(angles), tf.cos(angles)], axis=-1)

    def compute_output_shape(self, shape):
        return (shape[0], 2 * -(-self.width // 2))

    def get_config(self):
        return {**super().get_config(), "width": self.width}
