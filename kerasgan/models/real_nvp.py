"""RealNVP. Dinh, Sohl-Dickstein and Bengio, 2017. https://arxiv.org/abs/1605.08803"""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kerasgan import images
from kerasgan.layers import DepthToSpace, SpaceToDepth, WeightNormConv2D
from kerasgan.model import GenerativeModel, fixed


class RealNVP(GenerativeModel):
    """An invertible map from images to Gaussian noise, trained on the exact log-likelihood.

    Of the paper: coupling layers with checkerboard and channel masks, batch-normalised, squeezing, and half of the
    numbers factored out at each scale. Not of the paper: the networks in the couplings are not batch-normalised, the
    learning rate falls to zero, and images are not mirrored. A scale ends the halving if a side of it is odd: sides
    with many factors of 2 are best.

    width: channels of the coupling networks at the first scale
    growth: how many times wider these are at each further scale
    couplings: coupling layers under each kind of mask at each scale; one more at the last scale
    blocks: residual blocks in each coupling network
    patch: side in pixels of the squares that a network under a checkerboard sees as one (more than 1 saves time)
    scales: halvings of the image at most; they also end at a side of 4 or an odd one
    alpha: share by which pixel values keep away from 0 and 1 before their logit is taken
    scale_decay: weight of the squared scales of the normalised weights in the loss
    total_steps: training steps planned; the learning rate falls to zero over them
    """

    paper = "https://arxiv.org/abs/1605.08803"
    verbs = ("sample", "decode", "encode", "log_prob", "anomaly_score")
    reports = {"bits_per_dim": "flow"}
    batch_size = 64
    default_steps = 2000
    small = {"couplings": 1, "blocks": 1, "scales": 2, "total_steps": 100}

    def __init__(
        self,
        image_shape: tuple = (32, 32, 3),
        width: int = 32,
        growth: int = 2,
        couplings: int = 3,
        blocks: int = 4,
        patch: int = 1,
        scales: int = 8,
        alpha: float = 0.05,
        scale_decay: float = 5e-5,
        total_steps: int = 100_000,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.latent_dim = math.prod(image_shape)
        self.alpha = alpha
        self.scale_decay = scale_decay
        self.total_steps = total_steps
        # section 3.6: couplings under checkerboards, squeeze, couplings under channel masks, factor half of it out;
        # at the last scale, couplings under checkerboards alone
        self.shapes = shapes_of_scales(image_shape, scales)
        self.checkerboards, self.channels = [], []
        for depth, (height, columns, maps) in enumerate(self.shapes):
            size, last = (width * growth**depth, blocks), depth == len(self.shapes) - 1
            shape, name = (height, columns, maps), f"board_{depth}"
            self.checkerboards.append(
                coupling_layers(couplings + last, checkerboard(height, columns), shape, *size, patch, name)
            )
            if not last:
                shape, name = (height // 2, columns // 2, 4 * maps), f"channels_{depth}"
                self.channels.append(coupling_layers(couplings, halved_channels(4 * maps), shape, *size, 1, name))

    def players(self):
        rate = keras.optimizers.schedules.CosineDecay(1e-3, self.total_steps)
        return {"flow": (keras.optimizers.Adam(rate), *self.all_couplings())}

    def all_couplings(self):
        return [coupling for group in self.checkerboards + self.channels for coupling in group]

    def train_step(self, x):
        u = self.dequantized(x, self.noise.uniform((tf.shape(x)[0], *self.image_shape)))
        with tf.GradientTape() as tape:
            bits_per_dim = self.bits_per_dim(u, training=True)
            squares = [tf.reduce_sum(w**2) for w in self.weights_of("flow") if w.path.endswith("weight_norm_scale")]
            loss = bits_per_dim + self.scale_decay * tf.add_n(squares)
        self.minimize("flow", loss, tape)

        return self.report(bits_per_dim=bits_per_dim)

    def test_step(self, x):
        u = self.dequantized(x, self.noise.uniform((tf.shape(x)[0], *self.image_shape)))
        return self.measure(bits_per_dim=self.bits_per_dim(u))

    def dequantized(self, x, noise):
        """Return images in [-1, 1] as numbers in [0, 1): each of 256 pixel values is a bin, `noise` in [0, 1) of it."""
        return (tf.round((x + 1) * 127.5) + noise) / 256

    def bits_per_dim(self, u, training=False):
        """Return the batch mean of -log2 p(pixel values) for each pixel and channel."""
        return -tf.reduce_mean(self.log_density(u, training)) / (math.log(2) * self.latent_dim)

    def log_density(self, u, training=False):
        """Return log p(256 u) in nats for each of the images u[n, height, width, channel] in [0, 1) (equation 3)."""
        p = self.alpha + (1 - 2 * self.alpha) * u
        y = tf.math.log(p) - tf.math.log1p(-p)  # section 4.1: model the logit, which has no border
        to_logits = tf.reduce_sum(math.log(1 - 2 * self.alpha) - tf.math.log(p) - tf.math.log1p(-p), axis=[1, 2, 3])
        z, log_det = self.flow(y, training)
        log_prior = -0.5 * tf.reduce_sum(z**2 + math.log(2 * math.pi), axis=1)
        return log_prior + log_det + to_logits - self.latent_dim * math.log(256)

    def flow(self, y, training=False):
        """Return the latents z[n, latent_dim] of logits y, first scale first, and log |det dz/dy| (equations 13-16)."""
        h, z, log_det = y, [], 0.0
        for depth in range(len(self.shapes)):
            for coupling in self.checkerboards[depth]:
                h, log_scale = coupling(h, training=training)
                log_det += tf.reduce_sum(log_scale, axis=[1, 2, 3])
            if depth < len(self.channels):
                h = tf.nn.space_to_depth(h, 2)
                for coupling in self.channels[depth]:
                    h, log_scale = coupling(h, training=training)
                    log_det += tf.reduce_sum(log_scale, axis=[1, 2, 3])
                done, h = tf.split(h, 2, axis=-1)
                z.append(flat(done))
        return tf.concat([*z, flat(h)], axis=1), log_det

    def inverse_flow(self, z):
        """Return the logits whose latents are z."""
        sizes = [math.prod(shape) // 2 for shape in self.shapes[:-1]] + [math.prod(self.shapes[-1])]
        *z, last = tf.split(z, sizes, axis=1)
        h = tf.reshape(last, (-1, *self.shapes[-1]))
        for depth in reversed(range(len(self.shapes))):
            if depth < len(self.channels):
                h = tf.concat([tf.reshape(z[depth], tf.shape(h)), h], axis=-1)
                for coupling in reversed(self.channels[depth]):
                    h = coupling.inverse(h)
                h = tf.nn.depth_to_space(h, 2)
            for coupling in reversed(self.checkerboards[depth]):
                h = coupling.inverse(h)
        return h

    @tf.function(autograph=False, reduce_retracing=True)  # traced once for all verbs: a flow is a large graph
    def call(self, latents, training=False):
        """Return the images in [-1, 1] of latents: each pixel value is the middle of its bin."""
        u = (tf.sigmoid(self.inverse_flow(latents)) - self.alpha) / (1 - 2 * self.alpha)
        return tf.clip_by_value((256 * u - 0.5) / 127.5 - 1, -1, 1)

    def encode(self, x):
        """Return the latents of images in [-1, 1], with each pixel value in the middle of its bin: no noise."""
        p = self.alpha + (1 - 2 * self.alpha) * self.dequantized(x, 0.5)
        z, _ = self.flow(tf.math.log(p) - tf.math.log1p(-p))
        return z

    @tf.function(autograph=False, reduce_retracing=True)  # likewise
    def log_prob(self, x, draws=4):
        """Return a lower bound on log P(image) in nats: the mean log-density over `draws` points of its bins.

        The points are uniform in the bins and always the same ones, so that an image has one value, whatever batch
        it comes in. Section 4.1's bits per dimension are the same mean over fresh points.
        """
        noise = tf.random.stateless_uniform((draws, 1, *self.image_shape), fixed(0))
        # One draw after the other: oneDNN's fused convolutions write over each other's memory in parallel iterations.
        densities = tf.map_fn(lambda u: self.log_density(self.dequantized(x, u)), noise, parallel_iterations=1)
        return tf.reduce_mean(densities, axis=0)

    def for_inference(self):
        """Return a twin whose kernels are normalised once for all: half of a SavedModel is its graph."""
        twin = self.twin()
        twin.flow = tf.function(twin.flow, autograph=False, reduce_retracing=True)
        for coupling in twin.all_couplings():
            coupling.network = with_plain_kernels(coupling.network)
        return twin

    def endpoints(self):
        image = self.uint8_images()
        return {
            **super().endpoints(),
            "encode": (lambda images_: self.encode(images.from_uint8(images_)), [image]),
            "log_prob": (lambda images_: self.log_prob(images.from_uint8(images_)), [image]),
            "anomaly_score": (lambda images_: -self.log_prob(images.from_uint8(images_)), [image]),
        }


class Coupling(layers.Layer):
    """y = b x + (1 - b) (x exp(s) + t), normalised: the network makes s and t of b x (equations 4, 7 and 9).

    What changes is batch-normalised (section 3.7): by its mean and variance over the batch while training, and by their
    moving averages otherwise, so that the density of an image is its own.
    """

    of_the_batch = "Batch normalisation"

    def __init__(self, mask, network, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.mask = mask
        self.network = network
        channels = (network.output_shape[-1] // 2,)
        # section 4.1: s is tanh times a learned scale
        self.scale = self.add_weight(name="scale", shape=channels, initializer="ones")
        averages = {"shape": channels, "trainable": False, "autocast": False, "aggregation": "only_first_replica"}
        self.moving_mean = self.add_weight(name="moving_mean", initializer="zeros", **averages)
        self.moving_variance = self.add_weight(name="moving_variance", initializer="ones", **averages)
        self.built = True

    def call(self, x, training=False):
        """Return y and the terms of log |det dy/dx|, one for each number of an image."""
        # While training as it is: XLA would compile anew for each batch that reaches the gradient of a traced function.
        s, t = self.computed(x) if training else self.scale_and_translation(x)
        y = x * tf.exp(s) + t
        mean, variance = self.moments(y) if training else (self.moving_mean, self.moving_variance)
        deviation = tf.sqrt(variance)
        y = (y - mean) / deviation
        return self.mask * x + (1 - self.mask) * y, s - (1 - self.mask) * tf.math.log(deviation)

    def inverse(self, y):
        s, t = self.scale_and_translation(y)
        x = (y * tf.sqrt(self.moving_variance) + self.moving_mean - t) * tf.exp(-s)
        return self.mask * y + (1 - self.mask) * x

    @tf.function(autograph=False, reduce_retracing=True)  # traced once for both directions
    def scale_and_translation(self, x):
        return self.computed(x)

    def computed(self, x):
        s, t = tf.split(self.network(self.mask * x), 2, axis=-1)
        return self.scale * tf.tanh(s) * (1 - self.mask), t

    def moments(self, y):
        """Return mean and variance of each channel of what changes, over all devices; move their averages on."""
        share = np.maximum((1 - self.mask).mean(axis=(0, 1)), 1e-9)
        mean = mean_of_replicas(tf.reduce_mean((1 - self.mask) * y, axis=[0, 1, 2])) / share
        variance = mean_of_replicas(tf.reduce_mean((1 - self.mask) * (y - mean) ** 2, axis=[0, 1, 2])) / share
        variance = tf.maximum(variance, 1e-5)
        for average, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(0.99 * average + 0.01 * now)
        return mean, variance


def mean_of_replicas(x):
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return x
    return tf.distribute.get_replica_context().all_reduce("mean", x)


def coupling_layers(n, mask, shape, width, blocks, patch, name):
    """Each coupling keeps what the one before it changed."""
    masks = [mask, 1 - mask] * n
    return [
        Coupling(masks[i], network(shape, width, blocks, patch, f"{name}_network_{i}"), name=f"{name}_{i}")
        for i in range(n)
    ]


def network(shape, width, blocks, patch, name):
    """A residual network from images to two numbers for each of theirs; every block also speaks to the output."""
    height, columns, maps = shape
    down, right = -height % patch, -columns % patch
    image = x = keras.Input(shape)
    if patch > 1:
        x = SpaceToDepth(patch)(layers.ZeroPadding2D(((0, down), (0, right)))(x))
    x = WeightNormConv2D(width, 3)(x)
    skip = WeightNormConv2D(width, 1)(x)
    for _ in range(blocks):
        h = WeightNormConv2D(width, 3)(layers.ReLU()(x))
        x = layers.Add()([x, WeightNormConv2D(width, 3)(layers.ReLU()(h))])
        skip = layers.Add()([skip, WeightNormConv2D(width, 1)(x)])
    x = layers.ReLU(dtype="float32")(skip)
    x = WeightNormConv2D(2 * maps * patch**2, 1, gain=0.01, dtype="float32")(x)  # close to the identity at first
    if patch > 1:
        x = layers.Cropping2D(((0, down), (0, right)), dtype="float32")(DepthToSpace(patch, dtype="float32")(x))
    return keras.Model(image, x, name=name)


def with_plain_kernels(network):
    """Return a network of the same outputs, without weight normalisation."""

    def convolution(layer):
        if not isinstance(layer, WeightNormConv2D):
            return type(layer).from_config(layer.get_config())
        return layers.Conv2D(layer.filters, layer.size, padding="same")

    plain = keras.models.clone_model(network, clone_function=convolution)
    for ours, its in zip(network.layers, plain.layers, strict=True):
        if isinstance(ours, WeightNormConv2D):  # no other layer has weights
            its.set_weights([ours.normalized_kernel().numpy(), ours.bias.numpy()])
    return plain


def shapes_of_scales(image_shape, most):
    """Shapes of what enters each scale: each is half as high and wide as the one before, with twice the channels."""
    shapes = [tuple(image_shape)]
    while len(shapes) <= most and min(shapes[-1][:2]) > 4 and not (shapes[-1][0] % 2 or shapes[-1][1] % 2):
        height, columns, maps = shapes[-1]
        shapes.append((height // 2, columns // 2, 2 * maps))
    return shapes


def checkerboard(height, columns):
    """1 where row + column is odd (figure 3, left), for every channel. Shape (height, columns, 1)."""
    return ((np.arange(height)[:, None] + np.arange(columns)) % 2).astype(np.float32)[..., None]


def halved_channels(maps):
    """1 in the first half of the channels, for every pixel. Shape (1, 1, maps).

    Figure 3, right: after squeezing, these are the upper rows of each 2x2 pixels.
    """
    return (np.arange(maps) < maps // 2).astype(np.float32)[None, None]


def flat(x):
    return tf.reshape(x, (tf.shape(x)[0], math.prod(x.shape[1:])))
