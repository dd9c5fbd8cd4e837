"""StyleGAN2. Karras, Laine, Aittala, Hellsten, Lehtinen and Aila, 2020. https://arxiv.org/abs/1912.04958"""

import itertools

import keras
import tensorflow as tf
from keras import layers

from kerasgan import images
from kerasgan.layers import Noise, channels_at, crop, halvings, in_global_batch, normal
from kerasgan.losses import gradient_norms, lazily, logistic, probabilities_of_real
from kerasgan.model import GenerativeModel

GAIN = 2**0.5  # of rectifiers: what comes out varies as much as what comes in


class StyleGAN2(GenerativeModel):
    """Latents are mapped to styles, which scale the features of each convolution; what this does to them is undone.

    The networks are those of configuration F (section 3 and figure 7): a generator that adds up images of all sizes,
    and a residual discriminator. Weights are N(0, 1), and scaled where they are used, so that all learn at one pace.
    Penalties are taken every few steps, for as many times their weight. They are added to the losses of those steps,
    where the authors give them steps of their own and change Adam's rates for it. Noise is drawn anew for each image
    of training, and is the same for all at inference. For few images, let them be augmented: augment="ada" (Karras et
    al. 2020b).

    latent_dim: numbers in z and in a style w
    width: channels at the smaller sizes
    full_width: pixels of the shorter side up to which there are `width` channels; each doubling above halves them
    mapping_layers: from z to w
    mixing: share of images that are drawn with the styles of two z, one for the coarse layers and one for the fine;
        none for small images (Karras et al. 2020b)
    gamma: weight of the penalty on gradients at real images; the right one grows with the size of the images
    penalty_every: steps from one such penalty to the next
    path_weight: of the penalty on path lengths; 0 for none, as for small images. The mean length starts at 0, so at
        first the penalty makes all images alike: it is for long training
    path_every: steps from one such penalty to the next
    group: images beside one another in a batch, whose deviation the discriminator sees; 32 for small images
    """

    paper = "https://arxiv.org/abs/1912.04958"
    verbs = ("sample", "decode", "style", "decode_styles")
    reports = {"d_loss": "discriminator", "g_loss": "generator"}
    judges_images = ("discriminator",)
    of_the_batch = "The mean path length"
    batch_size = 32
    default_steps = 1500
    small = {"mapping_layers": 2, "full_width": 6, "group": 2, "half_life": 0, "penalty_every": 2, "path_every": 2}

    def __init__(
        self,
        image_shape: tuple = (256, 256, 3),
        latent_dim: int = 512,
        width: int = 512,
        full_width: int = 64,
        mapping_layers: int = 8,
        mixing: float = 0.9,
        gamma: float = 10.0,
        penalty_every: int = 16,
        path_weight: float = 2.0,
        path_every: int = 4,
        group: int = 4,
        half_life: int = 10_000,
        **kwargs,
    ):
        super().__init__(half_life=half_life, **kwargs)
        self.image_shape = image_shape
        self.latent_dim = latent_dim
        self.mixing = mixing
        self.gamma, self.penalty_every = gamma, penalty_every
        self.path_weight, self.path_every = path_weight, path_every
        stages = stages_of(image_shape, width, full_width)
        self.layers_with_styles = 2 * len(stages)
        self.mapping = mapping(latent_dim, mapping_layers)
        self.synthesis = synthesis(image_shape, latent_dim, stages)
        self.discriminator = discriminator(image_shape, stages, group)
        self.mean_style = RunningMean((latent_dim,), decay=0.995, name="mean_style")
        self.mean_length = RunningMean((), decay=0.99, name="mean_length")

    def players(self):
        def adam():
            return keras.optimizers.Adam(2e-3, beta_1=0.0, beta_2=0.99, epsilon=1e-8)

        return {"discriminator": (adam(), self.discriminator), "generator": (adam(), self.mapping, self.synthesis)}

    def call(self, latents, training=False):
        """Make images from latents. The generator has no bounds; what is shown of it has."""
        w = self.mapping(latents, training=training)
        return tf.clip_by_value(self.synthesis(self.in_all_layers(w), training=training), -1.0, 1.0)

    def train_step(self, x):
        n = x.shape[0] or tf.shape(x)[0]  # a number, where it is known: XLA finds no other within a condition

        # max_D  E log D(x) + E log(1 - D(G(z))) - gamma/2 E |grad D(x)|^2
        fake = self.synthesis(self.drawn_styles(n), training=True)
        with tf.GradientTape() as tape:
            d_loss = logistic(self.discriminator(x, training=True), real=True)
            d_loss += logistic(self.discriminator(fake, training=True), real=False)
            loss = d_loss + lazily(lambda: self.gamma / 2 * self.gradient_penalty(x), self.step, self.penalty_every)
        self.minimize("discriminator", loss, tape)

        # max_G  E log D(G(z)) - path_weight E (|J^T y| - a)^2
        with tf.GradientTape() as tape:
            w = self.drawn_styles(n)
            g_loss = logistic(self.discriminator(self.synthesis(w, training=True), training=True), real=True)
            loss = g_loss
            if self.path_weight:
                loss += self.path_weight * self.path_penalty(w[::2])  # of half, as the authors do: it takes memory
        self.minimize("generator", loss, tape)

        return self.report(d_loss=d_loss, g_loss=g_loss)

    def drawn_styles(self, n):
        """Return styles of n images, [n, layers, latent_dim]: of some, the fine layers have those of another z."""
        w = self.mapping(self.prior(n), training=True)
        self.mean_style(w)
        if not self.mixing:
            return self.in_all_layers(w)
        other = self.mapping(self.prior(n), training=True)
        draws = self.noise.uniform((n, 2))
        first_fine = 1 + tf.floor(draws[:, :1] * (self.layers_with_styles - 1))
        mixed = (draws[:, 1:] < self.mixing) & (tf.range(float(self.layers_with_styles)) >= first_fine)
        return tf.where(mixed[:, :, None], other[:, None], w[:, None])

    def gradient_penalty(self, x):
        return tf.reduce_mean(gradient_norms(self.discriminator, x, training=True) ** 2)

    def path_penalty(self, w):
        """E (|J^T y| - a)^2, where a is the mean length so far (equation 4); 0 at the steps that it leaves out."""
        due = self.step % self.path_every == 0
        lengths = tf.cond(due, lambda: self.path_lengths(w), lambda: tf.zeros(tf.shape(w)[:1]))
        weight = self.path_every * tf.cast(due, tf.float32)
        return weight * tf.reduce_mean((lengths - self.mean_length(lengths, tf.cast(due, tf.float32))) ** 2)

    def path_lengths(self, w):
        """|J^T y| of each image, where J = dG/dw and y is an image of noise."""
        with tf.GradientTape() as tape:
            tape.watch(w)
            image = self.synthesis(w, training=True)
            height, width, _ = self.image_shape
            y = self.noise.normal(tf.shape(image)) / (height * width) ** 0.5
            along = tf.reduce_sum(image * y)
        of_layers = tf.reduce_sum(tape.gradient(along, w) ** 2, axis=-1)
        return tf.sqrt(tf.reduce_mean(of_layers, axis=-1) + 1e-12)

    def in_all_layers(self, w):
        """Return one style for all layers: [n, latent_dim] -> [n, layers, latent_dim]."""
        return tf.tile(w[:, None], (1, self.layers_with_styles, 1))

    def endpoints(self):
        latents = tf.TensorSpec((None, self.latent_dim), tf.float32, "latents")
        psi = tf.TensorSpec((None,), tf.float32, "psi")
        styles = tf.TensorSpec((None, self.layers_with_styles, self.latent_dim), tf.float32, "styles")

        def style(latents, psi):
            """Styles of all layers, psi times as far from the mean style (Karras et al. 2019, appendix B)."""
            mean = tf.convert_to_tensor(self.mean_style.mean)
            return self.in_all_layers(mean + psi[:, None] * (self.mapping(latents) - mean))

        def decode_styles(styles):
            return images.to_uint8(tf.clip_by_value(self.synthesis(styles), -1.0, 1.0))

        own = {"style": (style, [latents, psi]), "decode_styles": (decode_styles, [styles])}
        return {**super().endpoints(), **own}

    def judge(self, x):
        return probabilities_of_real(self.discriminator, x, self(self.prior(tf.shape(x)[0], seed=0)))


@keras.saving.register_keras_serializable("kerasgan")
class RunningMean(layers.Layer):
    """The running mean of what it is called with, over the global batch, from 0 on; a call moves and returns it.

    call(values, due): float32[n, *shape], and 1, or 0 for a call that shall move nothing
    """

    def __init__(self, shape: tuple, decay: float, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.decay = decay
        self.mean = self.add_weight(
            name="mean", shape=shape, initializer="zeros", trainable=False, aggregation="only_first_replica"
        )
        self.built = True

    def call(self, values, due=1.0):
        values = tf.stop_gradient(tf.cast(values, tf.float32))
        count = in_global_batch(tf.cast(tf.shape(values)[0], tf.float32))
        mean = in_global_batch(tf.reduce_sum(values, axis=0)) / count
        moved = self.mean + due * (1 - self.decay) * (mean - self.mean)
        self.mean.assign(moved)
        return moved


# ---- layers whose weights are scaled where they are used (Karras et al. 2018, section 4.1) --------------------------


@keras.saving.register_keras_serializable("kerasgan")
class EqualizedDense(layers.Layer):
    """x W / sqrt(what comes in) + b, times how much slower it is to learn.

    pace: of learning, beside that of other layers
    bias: what b is at first
    """

    def __init__(self, units: int, pace: float = 1.0, bias: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.units, self.pace, self.start = units, pace, bias

    def build(self, shape):
        self.kernel = self.add_weight(
            name="kernel", shape=(shape[-1], self.units), initializer=normal(1 / self.pace), autocast=False
        )
        start = keras.initializers.Constant(self.start / self.pace)
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer=start)
        self.scale = self.pace * shape[-1] ** -0.5

    def call(self, x):
        return x @ tf.cast(self.scale * self.kernel, x.dtype) + self.pace * self.bias

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "pace": self.pace, "bias": self.start}


@keras.saving.register_keras_serializable("kerasgan")
class EqualizedConv2D(layers.Layer):
    """A convolution with W / sqrt(what comes in), and a bias unless use_bias is False."""

    def __init__(self, filters: int, size: int, strides: int = 1, use_bias: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.size, self.strides, self.use_bias = filters, size, strides, use_bias

    def build(self, shape):
        kernel = (self.size, self.size, shape[-1], self.filters)
        self.kernel = self.add_weight(name="kernel", shape=kernel, initializer=normal(1.0), autocast=False)
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.scale = (self.size**2 * shape[-1]) ** -0.5

    def call(self, x):
        padding = "SAME" if self.strides == 1 else "VALID"
        y = tf.nn.conv2d(x, tf.cast(self.scale * self.kernel, x.dtype), self.strides, padding)
        return y + self.bias if self.use_bias else y

    def compute_output_shape(self, shape):
        n, height, width, _ = shape
        if self.strides > 1:
            height, width = ((side - self.size) // self.strides + 1 for side in (height, width))
        return (n, height, width, self.filters)

    def get_config(self):
        mine = {"filters": self.filters, "size": self.size, "strides": self.strides, "use_bias": self.use_bias}
        return {**super().get_config(), **mine}


class _Modulated(layers.Layer):
    """What a style does to a convolution: it scales the features that come in, by an affine map that starts at 1."""

    def __init__(self, filters: int, size: int, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.size = filters, size

    def build(self, shapes):
        of_features, of_styles = shapes
        channels = of_features[-1]
        self.kernel = self.add_weight(
            name="kernel", shape=(self.size, self.size, channels, self.filters), initializer=normal(1.0), autocast=False
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.affine = EqualizedDense(channels, bias=1.0, dtype="float32")
        self.affine.build(of_styles)
        self.scale = (self.size**2 * channels) ** -0.5

    def modulated(self, x, w):
        """Return the convolution of the scaled features, and the scales, float32[n, channels]."""
        style = self.affine(w)
        scaled = x * tf.cast(style, x.dtype)[:, None, None]
        return tf.nn.conv2d(scaled, tf.cast(self.scale * self.kernel, x.dtype), 1, "SAME"), style

    def compute_output_shape(self, shapes):
        return (*shapes[0][:-1], self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "size": self.size}


@keras.saving.register_keras_serializable("kerasgan")
class StyledConv2D(_Modulated):
    """A 3x3 convolution of features scaled by a style, with deviation 1 whatever the style, noise, and a rectifier.

    Equations 1 to 3, and figure 2d. What modulates the weights of each image may as well modulate its features before,
    and what demodulates them its features after: all images share one convolution.
    """

    def __init__(self, filters: int, size: int = 3, **kwargs):
        super().__init__(filters, size, **kwargs)
        self.noise = Noise()

    def build(self, shapes):
        super().build(shapes)
        self.strength = self.add_weight(name="strength", shape=(), initializer="zeros")
        (_, height, width, _), _ = shapes
        self.fixed_noise = self.add_weight(
            name="fixed_noise", shape=(1, height, width, 1), initializer=normal(1.0), trainable=False
        )

    def call(self, inputs, training=False):
        x, w = inputs
        y, style = self.modulated(x, w)
        energies = tf.reduce_sum((self.scale * self.kernel) ** 2, axis=(0, 1))
        deviation = tf.math.rsqrt(style**2 @ energies + 1e-8)
        y *= tf.cast(deviation, y.dtype)[:, None, None]
        noise = self.noise.normal((tf.shape(y)[0], *y.shape[1:3], 1)) if training else self.fixed_noise
        y += self.strength * tf.cast(noise, y.dtype)
        return GAIN * tf.nn.leaky_relu(y + self.bias, 0.2)


@keras.saving.register_keras_serializable("kerasgan")
class StyledImage(_Modulated):
    """An image made of features scaled by a style, whose deviation stays what it is: the layer tRGB of figure 7."""

    def __init__(self, filters: int, size: int = 1, **kwargs):
        super().__init__(filters, size, **kwargs)

    def call(self, inputs):
        y, _ = self.modulated(*inputs)
        return y + self.bias


@keras.saving.register_keras_serializable("kerasgan")
class Learnt(layers.Layer):
    """Learnt features, the same for each image: w, [n, ...] -> [n, *features]."""

    def __init__(self, features: tuple, **kwargs):
        super().__init__(**kwargs)
        self.features = tuple(features)
        self.constant = self.add_weight(name="constant", shape=self.features, initializer=normal(1.0))
        self.built = True

    def call(self, w):
        n = w.shape[0] or tf.shape(w)[0]
        return tf.tile(self.constant[None], (n, *(1 for _ in self.features)))

    def compute_output_shape(self, shape):
        return (shape[0], *self.features)

    def get_config(self):
        return {**super().get_config(), "features": self.features}


@keras.saving.register_keras_serializable("kerasgan")
class Doubling(layers.Layer):
    """Each pixel twice, both ways. XLA cannot take the second derivative of Keras' UpSampling2D within a condition."""

    def call(self, x):
        _, height, width, channels = x.shape
        x = x[:, :, None, :, None] * tf.ones((1, 1, 2, 1, 2, 1), x.dtype)
        return tf.reshape(x, (-1, 2 * height, 2 * width, channels))

    def compute_output_shape(self, shape):
        n, height, width, channels = shape
        return (n, 2 * height, 2 * width, channels)


@keras.saving.register_keras_serializable("kerasgan")
class MinibatchDeviation(layers.Layer):
    """Add a channel: how much images beside one another differ, the mean over all their features (Karras et al. 2018).

    group: images that are compared, which are all of one kind; the last group of a batch may have fewer
    """

    def __init__(self, group: int, **kwargs):
        super().__init__(**kwargs)
        self.group = group

    def call(self, x):
        n, (_, *rest) = tf.shape(x)[0], x.shape
        groups = tf.range(n) // self.group
        members = tf.cast(groups[:, None] == groups, tf.float32)
        members /= tf.reduce_sum(members, axis=1, keepdims=True)
        features = tf.reshape(tf.cast(x, tf.float32), (-1, rest[0] * rest[1] * rest[2]))
        mean = members @ features
        variance = members @ (features - mean) ** 2
        deviation = tf.reduce_mean(tf.sqrt(variance + 1e-8), axis=1)
        deviation = tf.cast(deviation, x.dtype)[:, None, None, None]
        return tf.concat([x, deviation * tf.ones((1, *rest[:2], 1), x.dtype)], axis=-1)

    def compute_output_shape(self, shape):
        return (*shape[:-1], shape[-1] + 1)

    def get_config(self):
        return {**super().get_config(), "group": self.group}


# ---- networks -------------------------------------------------------------------------------------------------------


def stages_of(image_shape, width, full_width):
    """Return [(height, width), channels] of each size, the image's own first."""
    return [(size, channels_at(size, width, full_width)) for size in halvings(*image_shape[:2])]


def mapping(latent_dim, depth):
    """z, of mean square 1 -> dense layers, which learn slowly -> w."""
    z = keras.Input((latent_dim,))
    x = layers.UnitNormalization(dtype="float32")(z)
    x = layers.Rescaling(latent_dim**0.5, dtype="float32")(x)
    for _ in range(depth):
        x = rectified(EqualizedDense(latent_dim, pace=0.01, dtype="float32")(x), dtype="float32")
    return keras.Model(z, x, name="mapping")


def synthesis(image_shape, latent_dim, stages):
    """Styles of all layers -> a learnt constant -> convolutions and doublings -> a sum of images of all sizes."""
    styles = keras.Input((2 * len(stages), latent_dim))
    w = keras.ops.unstack(styles, axis=1)
    *larger, (size, channels) = stages
    x = StyledConv2D(channels)([Learnt((*size, channels))(w[0]), w[0]])
    image = StyledImage(image_shape[-1])([x, w[1]])
    for i, (size, channels) in enumerate(reversed(larger)):
        x = StyledConv2D(channels)([crop(doubled(x), *size), w[2 * i + 1]])
        x = StyledConv2D(channels)([x, w[2 * i + 2]])
        image = layers.Add()([crop(doubled(image), *size), StyledImage(image_shape[-1])([x, w[2 * i + 3]])])
    return keras.Model(styles, layers.Activation("linear", dtype="float32")(image), name="synthesis")


def discriminator(image_shape, stages, group):
    """Image -> residual blocks, which halve the size -> deviations in the minibatch -> a logit."""
    image = keras.Input(image_shape)
    x = rectified(EqualizedConv2D(stages[0][1], 1)(image))
    for (_, fewer), (_, channels) in itertools.pairwise(stages):
        y = rectified(EqualizedConv2D(fewer, 3)(x))
        y = rectified(EqualizedConv2D(channels, 3, strides=2)(blurred(y)))
        shortcut = EqualizedConv2D(channels, 1, use_bias=False)(halved(x))
        x = layers.Rescaling(0.5**0.5)(layers.Add()([y, shortcut]))
    x = MinibatchDeviation(group)(x)
    x = rectified(EqualizedConv2D(stages[-1][1], 3)(x))
    x = rectified(EqualizedDense(stages[-1][1], dtype="float32")(layers.Flatten()(x)), dtype="float32")
    return keras.Model(image, EqualizedDense(1, dtype="float32")(x), name="discriminator")


def rectified(x, dtype=None):
    return layers.Rescaling(GAIN, dtype=dtype)(layers.LeakyReLU(0.2, dtype=dtype)(x))


def doubled(x):
    """Zeros between pixels, and the filter [1, 3, 3, 1] both ways: each pixel twice, and the mean of two, twice."""
    return means_of_two(layers.ZeroPadding2D(1)(Doubling()(x)), 2)


def blurred(x):
    """The filter [1, 3, 3, 1] both ways, for a 3x3 convolution at every other pixel."""
    height, width = x.shape[1:3]
    return means_of_two(layers.ZeroPadding2D(((2, 2 + height % 2), (2, 2 + width % 2)))(x), 3)


def halved(x):
    """The filter [1, 3, 3, 1] both ways, at every other pixel."""
    height, width = x.shape[1:3]
    x = layers.ZeroPadding2D(((1, 1 + height % 2), (1, 1 + width % 2)))(x)
    return layers.AveragePooling2D(2)(means_of_two(x, 2))


def means_of_two(x, times):
    for _ in range(times):
        x = layers.AveragePooling2D(2, strides=1)(x)
    return x
