"""Layers and building blocks that several papers share."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import keras
import tensorflow as tf

from kerasgan import accumulation


def normal(stddev: float = 0.02) -> keras.initializers.Initializer:
    """Return a new initializer for each layer: Keras gives layers that share one the same weights."""
    return keras.initializers.RandomNormal(stddev=stddev)


def moments(x: tf.Tensor, axes: list[int], keepdims: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the mean and the variance of x over `axes`, as tf.nn.moments does, with right second derivatives.

    TensorFlow holds the mean still where it takes the variance. No first derivative changes by that, but the second
    lacks the term -2 (d mean / dx) (d mean / dx)^T. The square below is 0, its gradient is 0, and its second derivative
    is that term.
    """
    mean, variance = tf.nn.moments(x, axes, keepdims=keepdims)
    # A mean of its own: gradients are added up in the same order as without it, and come out the same to the bit.
    again = tf.reduce_mean(x, axes, keepdims=keepdims)
    return mean, variance - (again - tf.stop_gradient(again)) ** 2


@contextlib.contextmanager
def normalized_as_in_training() -> Iterator[None]:
    """While it is open, let BatchNormalization at inference take the statistics of the batch at hand, and keep none.

    It is how a discriminator has to be asked what it thinks of images. In training it sees real images and fakes in
    batches of their own, each of which is normalised by itself. Its moving statistics are of both: with them, it can
    take all images for real that it tells apart very well in training.
    """
    BatchNormalization.as_in_training = True
    try:
        yield
    finally:
        BatchNormalization.as_in_training = False


@keras.saving.register_keras_serializable("kerasgan")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer, to the bit, with right second derivatives: what a network under a penalty on its gradient needs."""

    as_in_training = False

    def call(self, inputs, training=None, mask=None):
        if training or not self.as_in_training:
            return super().call(inputs, training=training, mask=mask)
        shape = [size if axis == self.axis % inputs.shape.rank else 1 for axis, size in enumerate(inputs.shape)]
        return _normalized(inputs, self._reduction_axes, self, shape)

    def _moments(self, inputs, mask):
        if self.synchronized or mask is not None:
            return super()._moments(inputs, mask)  # where Keras does not hold the mean still
        return moments(inputs, self._reduction_axes)


@keras.saving.register_keras_serializable("kerasgan")
class LayerNormalization(keras.layers.LayerNormalization):
    """Keras' layer, to the bit, with right second derivatives: what a network under a penalty on its gradient needs."""

    def call(self, inputs):
        if self.rms_scaling:
            return super().call(inputs)  # where Keras does not hold the mean still
        axes = [axis % inputs.shape.rank for axis in self.axis]
        shape = [size if axis in axes else 1 for axis, size in enumerate(inputs.shape)]
        return _normalized(inputs, axes, self, shape)


@keras.saving.register_keras_serializable("kerasgan")
class GroupNormalization(keras.layers.GroupNormalization):
    """Keras' layer, to the bit, with right second derivatives: what a network under a penalty on its gradient needs."""

    def _apply_normalization(self, reshaped_inputs, input_shape):
        groups = self.axis % len(input_shape)  # the axis of the groups; that of their channels comes after it
        axes = [axis for axis in range(1, len(input_shape) + 1) if axis != groups]
        return _normalized(reshaped_inputs, axes, self, self._create_broadcast_shape(input_shape))


def _normalized(x, axes, layer, shape):
    """Normalise x over `axes`, in float32 at least; `shape` lays the layer's scale and shift beside it."""
    wide = tf.cast(x, keras.backend.result_type(x.dtype, "float32"))
    scale, shift = (w if w is None else tf.reshape(tf.cast(w, wide.dtype), shape) for w in (layer.gamma, layer.beta))
    y = tf.nn.batch_normalization(wide, *moments(wide, axes, keepdims=True), shift, scale, layer.epsilon)
    return tf.cast(y, x.dtype)


def batch_normalization(affine: bool = True, dtype: str | None = None) -> keras.layers.Layer:
    """Return batch normalisation with the DCGAN authors' constants, over the global batch on several devices.

    affine: whether it learns a scale and a shift
    dtype: of what it returns, if not Keras' policy
    """
    several = tf.distribute.get_strategy().num_replicas_in_sync > 1
    return BatchNormalization(
        momentum=0.9, epsilon=1e-5, center=affine, scale=affine, synchronized=several, dtype=dtype
    )


def layer_normalization() -> keras.layers.Layer:
    """Return normalisation of each position's channels, Keras' form of it (Ba, Kiros and Hinton 2016)."""
    return LayerNormalization()


def instance_normalization() -> keras.layers.Layer:
    """Return normalisation of each channel of each image by itself (Ulyanov, Vedaldi and Lempitsky 2016)."""
    return GroupNormalization(groups=-1, epsilon=1e-5)


def halvings(height: int, width: int, smallest: int = 4) -> list[tuple[int, int]]:
    """Return sizes from (height, width) down, each half the one before (rounded up), until a side is `smallest`."""
    sizes = [(height, width)]
    while min(sizes[-1]) > smallest:
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


def channels_at(size: tuple[int, int], width: int, full_width: int) -> int:
    """Return `width` where the shorter side has up to `full_width` pixels, half of it at twice as many, and so on."""
    return max(1, width // 2 ** sum(min(larger) > full_width for larger in halvings(*size)))


def crop(x: keras.KerasTensor, height: int, width: int) -> keras.KerasTensor:
    """Cut x down to (height, width), where doubling made an odd size one too large."""
    down, right = x.shape[1] - height, x.shape[2] - width
    return keras.layers.Cropping2D(((0, down), (0, right)))(x) if down or right else x


def in_global_batch(total: tf.Tensor) -> tf.Tensor:
    """Return the sum over all replicas of a replica's sum: what a statistic of the batch is made of.

    On one device it is `total` itself. A mean, or a deviation, that each replica took of its own share would be another
    number on two devices than on one.
    """
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return total
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(total))  # a variable's value has no device


def whole_global_batch(x: tf.Tensor) -> tf.Tensor:
    """Return the rows of all replicas, in the order of the replicas; x is this one's."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return x
    # TensorFlow has workers in the order of their names as text: number 10 before number 2.
    number = tf.cast(context.replica_id_in_sync_group, tf.float32)
    rows, numbers = context.all_gather([x, tf.fill(tf.shape(x)[:1], number)], axis=0)
    return tf.gather(rows, tf.argsort(numbers, stable=True))


def share_of_global_batch() -> tuple[int | tf.Tensor, int]:
    """Return which share of the global batch is here, from 0 on, and of how many: replicas, and minibatches on each."""
    minibatch, minibatches = accumulation.place()
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group if replicas > 1 else 0
    return replica * minibatches + minibatch, replicas * minibatches


def move_average(average: keras.Model, network: keras.Model, decay: float | tf.Tensor) -> None:
    """Move an average of a network's trainable weights on by one step: decay * average + (1 - decay) * weight."""
    means = [mean for mean in average.weights if mean.dtype == "float32"]  # the others are counts of noise
    for mean, w in zip(means, network.trainable_weights, strict=True):
        mean.assign(decay * mean + (1 - decay) * w)


@keras.saving.register_keras_serializable("kerasgan")
class Average(keras.layers.Layer):
    """Exponential moving averages of the weights of networks, which start where these start.

    Batch normalisation's moving statistics are averaged, too: they belong to the weights they were measured with.

    networks: whose trainable weights are averaged
    statistics: whether those of batch normalisation are, too
    """

    def __init__(self, networks: list[keras.Layer], statistics: bool, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32", "trainable": False})
        weights = [w for network in networks for w in network.trainable_weights]
        if statistics:
            flat = [layer for network in networks for layer in network._flatten_layers()]
            normalizations = [layer for layer in flat if isinstance(layer, keras.layers.BatchNormalization)]
            weights += [w for layer in normalizations for w in (layer.moving_mean, layer.moving_variance)]
        for i, w in enumerate(weights):
            self.add_weight(name=str(i), shape=w.shape, initializer="zeros", dtype=w.dtype, aggregation="mean")
        self.built = True
        self.__dict__["pairs"] = list(zip(weights, self.weights))  # Keras would keep what is an attribute once more
        self.start()

    def start(self) -> None:
        """Let all averages be what the weights are."""
        for w, average in self.pairs:
            average.assign(w)

    def exchange(self) -> None:
        """Let the weights and their averages take each other's values."""
        for w, average in self.pairs:
            value = w.numpy()
            w.assign(average)
            average.assign(value)

    def move(self, decay: tf.Tensor) -> None:
        """Move on by one step: decay * average + (1 - decay) * weight."""
        for w, average in self.pairs:
            average.assign(decay * average + (1 - decay) * w)


@keras.saving.register_keras_serializable("kerasgan")
class LeCam(keras.layers.Layer):
    """Keep the scores of each kind of images near what those of the other kind have been, where there are few images.

    Two anchors follow the mean scores of real and fake images; while there are few minibatches they are plain means.
    Tseng et al. 2021, Regularizing Generative Adversarial Networks under Limited Data, equations 2 and 3.

    decay: of the anchors, for each minibatch

    call(real, fake): scores of real and fake images, float32; returns a scalar, for the discriminator's loss
    """

    def __init__(self, decay: float = 0.99, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.decay = decay
        state = {"shape": (), "initializer": "zeros", "trainable": False, "aggregation": "only_first_replica"}
        self.real, self.fake, self.minibatches = (self.add_weight(name=n, **state) for n in ("real", "fake", "count"))
        self.built = True

    def call(self, real, fake):
        decay = tf.minimum(self.decay, self.minibatches / (self.minibatches + 1))
        self.minibatches.assign_add(1.0)
        for anchor, scores in ((self.real, real), (self.fake, fake)):
            mean = in_global_batch(tf.reduce_sum(scores)) / in_global_batch(tf.cast(tf.size(scores), tf.float32))
            anchor.assign(decay * anchor + (1 - decay) * tf.stop_gradient(mean))
        return tf.reduce_mean((real - self.fake) ** 2) + tf.reduce_mean((fake - self.real) ** 2)


@keras.saving.register_keras_serializable("kerasgan")
class Noise(keras.layers.Layer):
    """A counted source of random numbers: what comes next depends on its key and on how much was drawn before.

    Key and count are a weight, so that every kind of checkpoint holds them and a resumed run draws what an
    uninterrupted one would have drawn. Under a distribution strategy the noise of the global batch is drawn on each
    replica and each takes its own rows: no two replicas share a number, and n devices draw what one would. So it is
    with the minibatches of one step (see kerasgan.accumulation). A tf.function within train_step is traced for one of
    them, and would draw its rows for all: draw noise outside of it.
    """

    def __init__(self, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        key = random.randrange(2**31)  # keras.utils.set_random_seed() fixes it, as it does for Keras' own layers
        with self._open_name_scope():
            self.state = keras.Variable(
                lambda shape, dtype: tf.constant([key, 0], dtype),
                shape=(2,),
                dtype="int64",  # TensorFlow has no int32 assignment on a GPU
                trainable=False,
                # Each replica counts for itself, all alike: to count together is impossible within a tf.cond.
                synchronization="on_read",
                aggregation="only_first_replica",
                name="state",
            )
        self.built = True

    def normal(self, shape: tuple | tf.Tensor) -> tf.Tensor:
        """Draw float32 N(0, 1); shape[0] is this replica's share of the batch."""
        return self._rows(tf.random.stateless_normal, shape)

    def uniform(self, shape: tuple | tf.Tensor) -> tf.Tensor:
        """Draw float32 U[0, 1); shape[0] is this replica's share of the batch."""
        return self._rows(tf.random.stateless_uniform, shape)

    def seed(self) -> tf.Tensor:
        """Count one more draw and return its int64[2] seed for tf.random.stateless_*, the same on all replicas."""
        state = tf.convert_to_tensor(self.state)
        self.state.assign(state + tf.constant([0, 1], tf.int64))
        return state

    def _rows(self, draw, shape):
        n, *rest = tf.unstack(shape) if tf.is_tensor(shape) else shape
        share, shares = share_of_global_batch()
        drawn = draw((n * shares, *rest), seed=self.seed())
        return drawn if shares == 1 else drawn[n * share : n * (share + 1)]


@keras.saving.register_keras_serializable("kerasgan")
class Dropout(keras.layers.Layer):
    """Dropout from a counted source: Keras' own repeats its mask on replicas, and checkpoints do not hold its seed."""

    def __init__(self, rate: float, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.noise = Noise()
        self.built = True

    def call(self, x, training=False):
        if not training:
            return x
        keep = self.noise.uniform((tf.shape(x)[0], *x.shape[1:])) >= self.rate
        return tf.where(keep, x / (1 - self.rate), tf.zeros_like(x))

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable("kerasgan")
class GaussianNoise(keras.layers.Layer):
    """Add N(0, stddev^2) while training, from a counted source, for the reasons of Dropout."""

    def __init__(self, stddev: float, **kwargs):
        super().__init__(**kwargs)
        self.stddev = stddev
        self.noise = Noise()
        self.built = True

    def call(self, x, training=False):
        if not training:
            return x
        return x + tf.cast(self.stddev * self.noise.normal((tf.shape(x)[0], *x.shape[1:])), x.dtype)

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev}


@keras.saving.register_keras_serializable("kerasgan")
class Maxout(keras.layers.Layer):
    """The largest of `pieces` affine maps, unit by unit (Goodfellow et al. 2013, Maxout networks)."""

    def __init__(self, units: int, pieces: int, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.units, self.pieces = units, pieces
        self.affine = keras.layers.Dense(units * pieces, kernel_initializer=kernel_initializer)

    def build(self, shape):
        self.affine.build(shape)

    def call(self, x):
        return tf.reduce_max(tf.reshape(self.affine(x), (-1, self.units, self.pieces)), axis=-1)

    def compute_output_shape(self, shape):
        return (shape[0], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "pieces": self.pieces,
            "kernel_initializer": keras.initializers.serialize(self.affine.kernel_initializer),
        }


@keras.saving.register_keras_serializable("kerasgan")
class ReflectionPadding2D(keras.layers.Layer):
    """Mirror `size` pixels outwards on each side."""

    def __init__(self, size: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def call(self, x):
        s = self.size
        return tf.pad(x, [[0, 0], [s, s], [s, s], [0, 0]], "REFLECT")

    def compute_output_shape(self, shape):
        n, height, width, channels = shape
        return (n, height + 2 * self.size, width + 2 * self.size, channels)

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable("kerasgan")
class DepthToSpace(keras.layers.Layer):
    """Lay the channels of each pixel out as `size` x `size` pixels, row by row (Shi et al. 2016, equation 4)."""

    def __init__(self, size: int, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def call(self, x):
        return tf.nn.depth_to_space(x, self.size)

    def compute_output_shape(self, shape):
        n, height, width, channels = shape
        height, width = (side and side * self.size for side in (height, width))  # None: any size
        return (n, height, width, channels // self.size**2)

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable("kerasgan")
class ImagePool(keras.layers.Layer):
    """Return each image or, half of the time once the pool is full, an older one in exchange for it.

    The pool belongs to the global batch: on several devices, or for several minibatches of one step, each holds the
    same `capacity` images, and returns its own rows. A global batch of more images than `capacity` is an error.
    Shrivastava et al. 2017, section 2.3.
    """

    def __init__(self, image_shape: tuple[int, int, int], capacity: int = 50, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.capacity = capacity
        self.noise = Noise()
        state = {"initializer": "zeros", "trainable": False, "aggregation": "only_first_replica"}
        self.images = self.add_weight(name="images", shape=(capacity, *image_shape), dtype="float32", **state)
        self.filled = self.add_weight(name="filled", shape=(), dtype="int64", **state)
        self.built = True

    def call(self, x):
        n_here = tf.shape(x)[0]
        x = whole_global_batch(accumulation.together(x))
        n = tf.shape(x)[0]
        tf.debugging.assert_less_equal(n, self.capacity, "The global batch is larger than the image pool.")

        images, filled = tf.convert_to_tensor(self.images), tf.cast(tf.convert_to_tensor(self.filled), tf.int32)
        full = filled >= self.capacity
        shuffled = tf.argsort(tf.random.stateless_uniform((self.capacity,), self.noise.seed()))
        slots = tf.where(full, shuffled[:n], (filled + tf.range(n)) % self.capacity)
        swap = tf.random.stateless_uniform((n, 1, 1, 1), self.noise.seed()) < 0.5
        old = tf.gather(images, slots)
        self.images.assign(tf.tensor_scatter_nd_update(images, slots[:, None], tf.where(full & ~swap, old, x)))
        self.filled.assign(tf.cast(tf.minimum(filled + n, self.capacity), tf.int64))

        share, _ = share_of_global_batch()
        return tf.where(full & swap, old, x)[n_here * share : n_here * (share + 1)]


@keras.saving.register_keras_serializable("kerasgan")
class WeightNormConv2D(keras.layers.Layer):
    """A convolution whose kernel is scale * v / |v| for each of its filters (Salimans and Kingma 2016, equation 2).

    The kernel is made in float32, in every precision. `gain` is what the scales start with: the root of 2 keeps the
    size of what comes through a rectifier.
    """

    def __init__(self, filters: int, size: int, gain: float = 2**0.5, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.size, self.gain = filters, size, gain

    def build(self, shape):
        kernel = (self.size, self.size, shape[-1], self.filters)
        self.kernel = self.add_weight(name="kernel", shape=kernel, initializer=normal(0.05), autocast=False)
        start = keras.initializers.Constant(self.gain)
        self.scale = self.add_weight(name="weight_norm_scale", shape=(self.filters,), initializer=start, autocast=False)
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def normalized_kernel(self) -> tf.Tensor:
        """Return the kernel of the convolution, float32 [size, size, channels of x, filters]."""
        return self.scale * tf.math.l2_normalize(self.kernel, axis=[0, 1, 2])

    def call(self, x):
        return tf.nn.conv2d(x, tf.cast(self.normalized_kernel(), x.dtype), 1, "SAME") + self.bias

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "size": self.size, "gain": self.gain}


@keras.saving.register_keras_serializable("kerasgan")
class SpaceToDepth(keras.layers.Layer):
    """Stack each square of `size` by `size` pixels into channels, row by row."""

    def __init__(self, size: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def call(self, x):
        return tf.nn.space_to_depth(x, self.size)

    def compute_output_shape(self, shape):
        n, height, width, channels = shape
        return (n, height // self.size, width // self.size, channels * self.size**2)

    def get_config(self):
        return {**super().get_config(), "size": self.size}


class _Spectral(keras.layers.Layer):
    """A kernel that is divided by its largest singular value, in float32 (Miyato et al. 2018, algorithm 1).

    The singular value is found by one step of the power iteration at a time, which goes on from where the last
    training step left it. Keras' own wrapper has no gradient through the singular value.
    """

    def add_kernel(self, shape):
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=self.kernel_initializer, autocast=False)
        direction = {"initializer": normal(1.0), "trainable": False, "aggregation": "only_first_replica"}
        self.u = self.add_weight(name="u", shape=(shape[-1],), autocast=False, **direction)

    def normalized_kernel(self, training: bool) -> tf.Tensor:
        """Return the kernel of the layer, float32."""
        w = tf.reshape(self.kernel, (-1, self.kernel.shape[-1]))
        v = tf.math.l2_normalize(tf.linalg.matvec(w, self.u))
        u = tf.math.l2_normalize(tf.linalg.matvec(w, v, transpose_a=True))
        u, v = tf.stop_gradient(u), tf.stop_gradient(v)
        if training:
            self.u.assign(u)
        return self.kernel / tf.tensordot(v, tf.linalg.matvec(w, u), 1)


@keras.saving.register_keras_serializable("kerasgan")
class SpectralConv2D(_Spectral):
    """A convolution with a spectrally normalised kernel, and a bias unless use_bias is False.

    padding: "same", or "valid": only where the whole kernel is within x
    kernel_initializer: how large it makes the kernel changes how fast it learns, and not what the layer does at first
    """

    def __init__(
        self,
        filters: int,
        size: int,
        strides: int = 1,
        padding: str = "same",
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters, self.size, self.strides = filters, size, strides
        self.padding, self.use_bias = padding, use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, shape):
        self.add_kernel((self.size, self.size, shape[-1], self.filters))
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, x, training=False):
        kernel = tf.cast(self.normalized_kernel(training), x.dtype)
        y = tf.nn.conv2d(x, kernel, self.strides, self.padding.upper())
        return y + self.bias if self.use_bias else y

    def compute_output_shape(self, shape):
        reach = self.size - 1 if self.padding == "valid" else 0
        return (shape[0], *(-(-(side - reach) // self.strides) for side in shape[1:3]), self.filters)

    def get_config(self):
        mine = {"filters": self.filters, "size": self.size, "strides": self.strides}
        mine |= {"padding": self.padding, "use_bias": self.use_bias}
        return {**super().get_config(), **mine, "kernel_initializer": _serialized(self.kernel_initializer)}


@keras.saving.register_keras_serializable("kerasgan")
class SpectralDense(_Spectral):
    """A dense layer with a spectrally normalised kernel, and no bias."""

    def __init__(self, units: int, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, shape):
        self.add_kernel((shape[-1], self.units))

    def call(self, x, training=False):
        return x @ tf.cast(self.normalized_kernel(training), x.dtype)

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.units)

    def get_config(self):
        mine = {"units": self.units, "kernel_initializer": _serialized(self.kernel_initializer)}
        return {**super().get_config(), **mine}


def _serialized(initializer):
    return keras.initializers.serialize(initializer)
