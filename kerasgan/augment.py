"""Random changes of all images that a discriminator sees, against its learning few of them by heart.

Real images and fakes are changed alike, in the steps of both players, and gradients go through to the generator:
changes of the real images alone would be learnt and come out in samples.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf

from kerasgan.errors import UserError, nearest
from kerasgan.layers import Noise, in_global_batch

POLICIES = ("color", "translation", "cutout")


class _Augmentation(keras.layers.Layer):
    """Images in, images of the same shape out: each changed by a draw of its own in training, and otherwise the same.

    How they are changed by the next draws, each layer says in its augmented(x).

    A batch is float32[n, height, width, total], where `total` holds the channels of one image or of several that belong
    together, one after the other.
    """

    at_inference = False  # whether images are changed outside of training, too: see changing()

    def __init__(self, channels: int | None = None, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})  # whatever the networks compute in
        if channels not in (None, 1, 3, 4):
            raise UserError(f"An image has 1, 3 or 4 channels; {type(self).__name__} was given channels={channels}.")
        self.channels = channels
        self.noise = Noise()

    def build(self, shape):
        total = shape[-1]
        if (self.channels or total) not in (1, 3, 4) or total % (self.channels or total):
            raise UserError(
                f"{type(self).__name__} takes images of {self.channels or '1, 3 or 4'} channels, and was given "
                f"{total} channels: say with channels= how many of them make one image."
            )

    def call(self, x, training=False):
        return self.augmented(x) if training or self.at_inference else x

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """While it is open, change images at inference, too."""
        self.at_inference = True
        try:
            yield
        finally:
            self.at_inference = False

    def with_colors(self, x: tf.Tensor, change: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
        """Return x with its colours, [n, height, width, images, 1 or 3], changed, and alpha as it was."""
        height, width, total = x.shape[1:]
        channels = self.channels or total
        images = tf.reshape(x, (-1, height, width, total // channels, channels))
        if channels == 4:
            changed = tf.concat([change(images[..., :3]), images[..., 3:]], -1)
        else:
            changed = change(images)
        return tf.reshape(changed, (-1, height, width, total))

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {**super().get_config(), "channels": self.channels}


def augmentation(name: str, channels: int) -> _Augmentation:
    """Return the layer of a name: "ada", or a policy of DiffAugment such as "color,translation,cutout".

    Raises UserError for another name.
    """
    if name == "ada":
        return ADA(channels=channels, name="augmentation")
    if unknown := [part for part in name.split(",") if part not in POLICIES]:
        known = ("ada", *POLICIES)
        raise UserError(
            f'There is no augmentation "{unknown[0]}"{nearest(unknown[0], known)}: give ada, or changes of DiffAugment '
            f"joined by commas, as in {','.join(POLICIES)}."
        )
    return DiffAugment(name, channels=channels, name="augmentation")


def in_front(layer: _Augmentation, network: keras.Model) -> keras.Model:
    """Return a network of the same name, inputs and outputs, which changes its images in training.

    network: of one input of images, beside others such as labels
    """
    inputs = keras.tree.map_structure(lambda t: keras.Input(t.shape[1:], dtype=t.dtype), network.input)
    changed = keras.tree.map_structure(lambda t: layer(t) if len(t.shape) == 4 else t, inputs)
    return keras.Model(inputs, network(changed), name=network.name)


@keras.saving.register_keras_serializable("kerasgan")
class DiffAugment(_Augmentation):
    """Change the colours of each image, shift it and cut a square out of it (Zhao et al. 2020).

    In training, each of the named changes is made of each image, in the order of their names, by numbers of its own:

        color        brightness + U(-0.5, 0.5); then saturation, the distance from the mean of a pixel's colours, times
                     U(0, 2); then contrast, the distance from the mean of the image's colours, times U(0.5, 1.5).
                     Grey images have no saturation, and alpha is left alone
        translation  by whole pixels, up to an eighth of each side, rounded
        cutout       of a square of half the sides, rounded, with its centre anywhere in the image

    What is cut out, and what comes in from outside, is 0 in all channels, alpha too: mid-grey, and half transparent.
    Images have no such areas, so a discriminator sees what was done. Were it transparent, an image that was shifted or
    cut could be one that ends there, and the generator would learn to make such.

    policy: names of changes, joined by commas
    channels: of one image, where several that belong together are concatenated: these share their draw. None: a batch
        has the channels of one image, which are 1, 3 or 4

    call(x, training): float32[n, height, width, channels], of images in [-1, 1], where colours may leave that range
    """

    def __init__(self, policy: str = ",".join(POLICIES), channels: int | None = None, **kwargs):
        super().__init__(channels, **kwargs)
        names = policy.split(",")
        for i, name in enumerate(names):
            if name not in POLICIES or name in names[:i]:
                wrong = f'names "{name}" twice' if name in POLICIES else f'has no "{name}"{nearest(name, POLICIES)}'
                raise UserError(
                    f"A policy of DiffAugment {wrong}: give any of {', '.join(POLICIES)}, once each, joined by commas, "
                    f'instead of "{policy}".'
                )
        self.policy = policy

    def augmented(self, x):
        changes = {"color": self.color, "translation": self.translation, "cutout": self.cutout}
        for name in self.policy.split(","):
            x = changes[name](x)
        return x

    def color(self, x: tf.Tensor) -> tf.Tensor:
        """Change brightness, saturation and contrast."""
        brightness, saturation, contrast = tf.unstack(self.noise.uniform((tf.shape(x)[0], 3, 1, 1)), axis=1)
        brightness, saturation, contrast = brightness - 0.5, 2 * saturation, contrast + 0.5

        def change(x):
            colors = x.shape[-1]
            x += brightness[..., None, None]
            x = _mixed(x, saturation * tf.eye(colors) + (1 - saturation) / colors)
            mean = tf.reduce_mean(x, (1, 2, 4), keepdims=True)
            return mean + contrast[..., None, None] * (x - mean)

        return self.with_colors(x, change)

    def translation(self, x: tf.Tensor) -> tf.Tensor:
        """Shift by up to an eighth of each side."""
        draws = self.noise.uniform((tf.shape(x)[0], 2))
        for axis in (1, 2):
            size = x.shape[axis]
            reach = int(size / 8 + 0.5)
            start = tf.cast(tf.floor(draws[:, axis - 1, None] * (2 * reach + 1)), tf.int32)
            padding = [[reach, reach] if a == axis else [0, 0] for a in range(4)]
            x = tf.gather(tf.pad(x, padding), start + tf.range(size), axis=axis, batch_dims=1)
        return x

    def cutout(self, x: tf.Tensor) -> tf.Tensor:
        """Cut a square out, or as much of it as is inside."""
        draws = self.noise.uniform((tf.shape(x)[0], 2))
        inside = []
        for axis in (1, 2):
            size = x.shape[axis]
            cut = int(size / 2 + 0.5)
            places = size + 1 - cut % 2  # the centre of an even length is between pixels
            first = tf.floor(draws[:, axis - 1, None] * places) - cut // 2
            i = tf.range(size, dtype=tf.float32)
            inside.append((i >= first) & (i < first + cut))
        keep = ~(inside[0][:, :, None, None] & inside[1][:, None, :, None])
        return x * tf.cast(keep, x.dtype)

    def get_config(self):
        return {**super().get_config(), "policy": self.policy}


@keras.saving.register_keras_serializable("kerasgan")
class ADA(_Augmentation):
    """Change each image with a probability p that follows how far the discriminator overfits (Karras et al. 2020).

    Training Generative Adversarial Networks with Limited Data, section 3 and appendix B. In training, each of these
    is done with probability p to each image, in this order, the paper's "bgc":

        pixel blits     mirrored left and right, or not; turned by 0, 90, 180 or 270 degrees (square images alone);
                        moved by whole pixels, up to an eighth of each side
        geometry        scaled by 2^N(0, 0.2^2); rotated; scaled by s = 2^N(0, 0.2^2) along rows and by 1/s along
                        columns; rotated again (one of both rotations with probability p); moved by N(0, 0.125^2) of
                        each side
        colours         brightness + N(0, 0.2^2); contrast times 2^N(0, 0.5^2); luma inverted, or not; hue rotated;
                        saturation times 2^N(0, 1). Of grey images, brightness, contrast and luma; alpha is left alone

    Blits and geometry are one matrix for each image and one warp(), the colours another matrix. What comes in from
    outside is the image's mirror image.

    The weight `p` starts at 0, where no image changes by a bit, and adapt() moves it. Above 0.8, the paper saw changes
    leak into samples. Its accumulator is a weight, too: checkpoints hold both.

    target: mean sign of the discriminator's logits of real images that p is moved towards
    ramp: images in which p could rise from 0 to 1
    channels: of one image, as DiffAugment's

    call(x, training): float32[n, height, width, channels], of images in [-1, 1], where colours may leave that range
    """

    every = 4  # minibatches from one move of p to the next
    of_the_batch = "The strength of ada"

    def __init__(self, target: float = 0.6, ramp: int = 500_000, channels: int | None = None, **kwargs):
        super().__init__(channels, **kwargs)
        self.target, self.ramp = target, ramp
        state = {"dtype": "float32", "initializer": "zeros", "trainable": False, "aggregation": "only_first_replica"}
        self.p = self.add_weight(name="p", shape=(), **state)
        # Since p was moved: the sum of the signs, the images, the minibatches.
        self.signs = self.add_weight(name="signs", shape=(3,), **state)

    def adapt(self, logits: tf.Tensor) -> None:
        """Count a minibatch, and after every fourth move p by a fixed amount for each image towards its target.

        The heuristic is r_t = E sign(D(x)) of real images (equation 1). p stays within [0, 1]: the paper only keeps it
        from below 0, and above 1 it is no probability. On several devices, r_t is that of the global batch: call it
        where all replicas do, not within a tf.cond.

        logits: the discriminator's, of this replica's real images, changed as it sees them, [n] or more of each image
        """
        self.count(signs_of(logits), 1.0, of=1)

    def count(self, signs: tf.Tensor, minibatches: tf.Tensor, of: int) -> None:
        """Count what adapt() does: signs_of() this replica's share of one of `of` minibatches, or zeros, of none.

        minibatches: 1 or 0, a float32 scalar
        """
        seen = self.signs + tf.concat([in_global_batch(signs), [minibatches]], 0)
        total, images, judged = tf.unstack(seen)
        due = judged >= self.every
        step = tf.sign(total / tf.maximum(images, 1.0) - self.target) * images * of / self.ramp
        self.p.assign(tf.where(due, tf.clip_by_value(self.p + step, 0.0, 1.0), self.p))
        self.signs.assign(tf.where(due, tf.zeros_like(seen), seen))

    def augmented(self, x):
        source, colors = self.source(tf.shape(x)[0], *x.shape[1:3]), self.colors(tf.shape(x)[0])
        return self.with_colors(warp(x, source), lambda images: recolored(images, colors))

    def source(self, n: int | tf.Tensor, height: int, width: int) -> tf.Tensor:
        """Draw where the pixels of n changed images come from: float32[n, 3, 3], for warp()."""
        uniform = iter(tf.unstack(self.noise.uniform((n, 14)), axis=1))
        normal = iter(tf.unstack(self.noise.normal((n, 4)), axis=1))

        def sometimes(drawn, otherwise, probability=self.p):
            return tf.where(next(uniform) < probability, drawn, otherwise)

        flip = sometimes(1 - 2 * tf.floor(2 * next(uniform)), 1.0)
        turns = sometimes(tf.floor(4 * next(uniform)), 0.0)
        apply = next(uniform) < self.p
        right, down = (tf.where(apply, tf.round((next(uniform) / 4 - 1 / 8) * side), 0.0) for side in (width, height))
        scale = sometimes(2 ** (0.2 * next(normal)), 1.0)
        either = 1 - tf.sqrt(1 - self.p)  # of two rotations, so that one or both are made with probability p
        before, after = (sometimes(2 * math.pi * next(uniform), 0.0, either) for _ in range(2))
        stretch = sometimes(2 ** (0.2 * next(normal)), 1.0)
        apply = next(uniform) < self.p
        x, y = (tf.where(apply, next(normal) / 8 * side, 0.0) for side in (width, height))

        # From the changed image back, and so the last change first.
        inverse = _translation(-x, -y)
        inverse = _rotation(tf.cos(after), -tf.sin(after)) @ inverse
        inverse = _scaling(1 / stretch, stretch) @ inverse
        inverse = _rotation(tf.cos(before), -tf.sin(before)) @ inverse
        inverse = _scaling(1 / scale, 1 / scale) @ inverse
        inverse = _translation(-right, -down) @ inverse
        if height == width:
            quarters = tf.cast(turns, tf.int32)  # exact where sines are not
            cos, sin = (tf.gather(values, quarters) for values in ([1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, -1.0]))
            inverse = _rotation(cos, -sin) @ inverse
        return _scaling(flip, tf.ones_like(flip)) @ inverse

    def colors(self, n: int | tf.Tensor) -> tf.Tensor:
        """Draw what becomes of the colours of n images: float32[n, 4, 4], for recolored()."""
        uniform = iter(tf.unstack(self.noise.uniform((n, 7)), axis=1))
        normal = iter(tf.unstack(self.noise.normal((n, 3)), axis=1))

        def sometimes(drawn, otherwise):
            return tf.where(next(uniform) < self.p, drawn, otherwise)[:, None, None]

        brightness = sometimes(0.2 * next(normal), 0.0)
        contrast = sometimes(2 ** (0.5 * next(normal)), 1.0)
        flip = sometimes(tf.floor(2 * next(uniform)), 0.0)
        hue = sometimes(2 * math.pi * next(uniform), 0.0)
        saturation = sometimes(2 ** next(normal), 1.0)

        # Each of these is the identity to the bit where nothing was drawn.
        identity = tf.eye(4, batch_shape=(n,))
        shift = tf.constant([[0.0, 0, 0, 1]] * 3 + [[0.0] * 4])
        rgb = tf.linalg.diag([1.0, 1, 1, 0])
        luma = tf.constant([[1.0, 1, 1, 0]] * 3 + [[0.0] * 4]) / 3  # v v^T, of the axis v of greys
        around = tf.constant([[0.0, -1, 1, 0], [1, 0, -1, 0], [-1, 1, 0, 0], [0, 0, 0, 0]]) / 3**0.5  # v x
        matrix = identity + brightness * shift
        matrix = (identity + (contrast - 1) * rgb) @ matrix
        matrix = (identity - 2 * flip * luma) @ matrix
        matrix = (identity + (tf.cos(hue) - 1) * (rgb - luma) + tf.sin(hue) * around) @ matrix
        return (identity + (saturation - 1) * (rgb - luma)) @ matrix

    def get_config(self):
        return {**super().get_config(), "target": self.target, "ramp": self.ramp}


def signs_of(logits: tf.Tensor) -> tf.Tensor:
    """Return (the sum of the mean signs of n images' logits, n), float32[2]; logits: [n] or more of each image."""
    n = tf.shape(logits)[0]
    signs = tf.reduce_mean(tf.reshape(tf.sign(tf.cast(logits, tf.float32)), (n, -1)), axis=1)
    return tf.stack([tf.reduce_sum(signs), tf.cast(n, tf.float32)])


def warp(x: tf.Tensor, source: tf.Tensor) -> tf.Tensor:
    """Return images whose pixels are taken from elsewhere in x, beyond whose borders is its mirror image.

    Each pixel is interpolated between four of x. Where an image gets smaller, x is blurred before by triangles as wide
    as the step from one pixel's place to the next, along its rows and along its columns, as antialiased resizing does.
    The paper doubles the image with wavelet filters, interpolates it, and halves it with them: four times the pixels.

    x: float32[n, height, width, channels]; sides of 2 pixels or more
    source: float32[n, 3, 3]; a pixel at (column, row, 1), counted from the centre of the image, comes from source times
        that. Whole steps and quarter turns move pixels without a change
    """
    height, width, channels = x.shape[1:]
    steps = tf.sqrt(tf.reduce_sum(source[:, :2, :2] ** 2, -1))  # along the rows of x, and along its columns
    smooth = tf.matmul(_triangles(steps[:, 1], height), tf.reshape(x, (-1, height, width * channels)))
    smooth = tf.transpose(tf.reshape(smooth, (-1, height, width, channels)), (0, 2, 1, 3))
    smooth = tf.matmul(_triangles(steps[:, 0], width), tf.reshape(smooth, (-1, width, height * channels)))
    smooth = tf.transpose(tf.reshape(smooth, (-1, width, height, channels)), (0, 2, 1, 3))
    # Not by a product with 1, whose bits some accelerators round.
    x = tf.where(tf.reduce_max(steps, -1)[:, None, None, None] > 1, smooth, x)

    columns = tf.range(width, dtype=tf.float32)[None, None, :] - (width - 1) / 2
    rows = tf.range(height, dtype=tf.float32)[None, :, None] - (height - 1) / 2

    def places(axis, size):
        """Return the pixel before each place along an axis of x, and the share of the pixel after it."""
        of_column, of_row, offset = (source[:, axis, i, None, None] for i in range(3))
        place = of_column * columns + of_row * rows + offset + (size - 1) / 2
        place = tf.math.floormod(place, 2.0 * (size - 1))
        place = tf.minimum(place, 2 * (size - 1) - place)
        before = tf.minimum(tf.floor(place), size - 2.0)
        return tf.cast(before, tf.int32), place - before

    left, to_right = places(0, width)
    top, to_bottom = places(1, height)
    first = top * width + left
    corners = tf.stack([first, first + 1, first + width, first + width + 1], 1)
    shares = [(1 - to_right) * (1 - to_bottom), to_right * (1 - to_bottom), (1 - to_right) * to_bottom]
    shares = tf.stack([*shares, to_right * to_bottom], 1)
    pixels = tf.reshape(x, (-1, height * width, channels))
    pixels = tf.gather(pixels, tf.reshape(corners, (-1, 4 * height * width)), axis=1, batch_dims=1)
    pixels = tf.reshape(pixels, (-1, 4, height, width, channels)) * shares[..., None]
    return tf.add_n(tf.unstack(pixels, axis=1))


def recolored(images: tf.Tensor, colors: tf.Tensor) -> tf.Tensor:
    """Return images[n, height, width, images, 1 or 3] whose colours, as (r, g, b, 1), were multiplied by a matrix.

    colors: float32[n, 4, 4], of each of the n. A grey image is one of three equal colours, and becomes their mean
    """
    linear, offset = colors[:, :3, :3], colors[:, None, None, None, :3, 3]
    if images.shape[-1] == 1:
        linear, offset = tf.reduce_sum(linear, (1, 2), keepdims=True) / 3, tf.reduce_mean(offset, -1, keepdims=True)
    return _mixed(images, linear) + offset


def _mixed(images, matrices):
    """Return images[n, ..., channels] whose pixels were multiplied by a matrix for each of the n."""
    channels = images.shape[-1]
    pixels = tf.reshape(images, (tf.shape(images)[0], -1, channels))
    # What is added, not what comes out: the identity adds 0, also on accelerators that round what they multiply.
    added = tf.matmul(pixels, matrices - tf.eye(channels), transpose_b=True)
    return tf.reshape(pixels + added, tf.shape(images))


def _triangles(width, size):
    """Return float32[n, size, size]: weighted means of neighbours, less and less of them up to `width` away."""
    i = tf.range(size, dtype=tf.float32)
    weights = tf.nn.relu(1 - tf.abs(i[:, None] - i) / tf.maximum(width, 1)[:, None, None])
    return weights / tf.reduce_sum(weights, -1, keepdims=True)


def _translation(x, y):
    zero, one = tf.zeros_like(x), tf.ones_like(x)
    return _matrices(one, zero, x, zero, one, y, zero, zero, one)


def _scaling(x, y):
    zero, one = tf.zeros_like(x), tf.ones_like(x)
    return _matrices(x, zero, zero, zero, y, zero, zero, zero, one)


def _rotation(cos, sin):
    zero, one = tf.zeros_like(cos), tf.ones_like(cos)
    return _matrices(cos, -sin, zero, sin, cos, zero, zero, zero, one)


def _matrices(*entries):
    return tf.reshape(tf.stack(entries, -1), (-1, 3, 3))
