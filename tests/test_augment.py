"""Augmentation of what discriminators see, against numpy and on images made by hand."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import SHAPE, one_batch, small_model, two_devices

from kerasgan.augment import ADA, DiffAugment, recolored, warp
from kerasgan.contract import promises
from kerasgan.contract.small import GIVEN
from kerasgan.errors import UserError
from kerasgan.losses import gradient_norms
from kerasgan.models import CLASSES, MODELS
from kerasgan.variants import variant

RNG = np.random.default_rng(0)


def pictures(*shape):
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def seeded(layer, *arguments, seed=0, **named):
    keras.utils.set_random_seed(seed)
    return layer(*arguments, **named)


def ada(p, **named):
    layer = seeded(ADA, **named)
    layer.p.assign(p)
    return layer


LAYERS = {
    "color": lambda **named: seeded(DiffAugment, "color", **named),
    "translation": lambda **named: seeded(DiffAugment, "translation", **named),
    "cutout": lambda **named: seeded(DiffAugment, "cutout", **named),
    "DiffAugment": lambda **named: seeded(DiffAugment, **named),
    "ADA": lambda **named: ada(0.8, **named),
}
every_layer = pytest.mark.parametrize("which", LAYERS)
both_layers = pytest.mark.parametrize("which", ["DiffAugment", "ADA"])


# ---- DiffAugment -------------------------------------------------------------------------------------------


def test_color_of_the_paper():
    x = pictures(400, 8, 9, 3)
    y = LAYERS["color"]()(x, training=True).numpy()

    def mean(x):
        return x.mean((1, 2, 3), keepdims=True)

    def grey(x):
        return x.mean(3, keepdims=True)

    def factor(y, x):
        return np.sum(y * x, (1, 2, 3), keepdims=True) / np.sum(x * x, (1, 2, 3), keepdims=True)

    brightness = mean(y) - mean(x)
    contrast = factor(grey(y) - mean(y), grey(x) - mean(x))
    saturation = factor(y - grey(y), x - grey(x)) / contrast
    expected = x + brightness
    expected = grey(expected) + saturation * (expected - grey(expected))
    expected = mean(expected) + contrast * (expected - mean(expected))
    np.testing.assert_allclose(y, expected, atol=2e-5)
    for found, low, high in ((brightness, -0.5, 0.5), (saturation, 0, 2), (contrast, 0.5, 1.5)):
        span = high - low
        assert low - 1e-4 <= found.min() < low + 0.03 * span
        assert high - 0.03 * span < found.max() <= high + 1e-4
        assert found.mean() == pytest.approx((low + high) / 2, abs=0.06 * span)
        assert found.std() == pytest.approx(span / 12**0.5, rel=0.1)
    draws = np.stack([brightness, saturation, contrast]).reshape(3, -1)
    assert np.abs(np.corrcoef(draws) - np.eye(3)).max() < 0.15  # each a number of its own


@pytest.mark.parametrize(("size", "reach"), [((8, 8), (1, 1)), ((9, 13), (1, 2)), ((12, 33), (2, 4))])
def test_translation_of_the_paper(size, reach):
    x = np.arange(1, size[0] * size[1] + 1, dtype=np.float32).reshape(1, *size, 1)
    shifts = []
    for y in LAYERS["translation"]()(np.repeat(x, 300, 0), training=True).numpy():
        row, column = np.argwhere(y[..., 0] > 0)[0]
        there = np.argwhere(x[0] == y[row, column])[0]
        down, right = row - there[0], column - there[1]
        padded = np.pad(x[0], [(8, 8), (8, 8), (0, 0)])  # with zeros
        np.testing.assert_array_equal(y, padded[8 - down :, 8 - right :][: size[0], : size[1]])
        shifts.append((down, right))
    for axis in (0, 1):
        assert {shift[axis] for shift in shifts} == set(range(-reach[axis], reach[axis] + 1))
    assert abs(np.corrcoef(np.transpose(shifts))[0, 1]) < 0.2


@pytest.mark.parametrize(("size", "cut"), [((8, 8), (4, 4)), ((9, 13), (5, 7)), ((12, 33), (6, 17))])
def test_cutout_of_the_paper(size, cut):
    """The centre is anywhere: on a pixel of an odd length, before or after one of an even length."""
    firsts = []
    for y in LAYERS["cutout"]()(np.ones((600, *size, 1), np.float32), training=True).numpy()[..., 0]:
        rows, columns = (np.flatnonzero((y == 0).any(axis)) for axis in (1, 0))
        assert (y == 0).sum() == len(rows) * len(columns)
        assert set(np.unique(y)) <= {0, 1}
        for inside, side, length in zip((rows, columns), size, cut):
            assert (np.diff(inside) == 1).all()
            assert len(inside) == length or inside[0] == 0 or inside[-1] == side - 1
        firsts.append([i[0] if i[0] > 0 else i[-1] + 1 - length for i, length in zip((rows, columns), cut)])
    for axis in (0, 1):
        places = size[axis] + 1 - cut[axis] % 2
        assert {first[axis] for first in firsts} == set(range(-(cut[axis] // 2), places - cut[axis] // 2))


def test_a_policy_is_made_in_its_order():
    x = np.ones((50, 16, 16, 3), np.float32)
    assert (seeded(DiffAugment, "color,cutout")(x, training=True).numpy() == 0).any((1, 2, 3)).all()
    assert not (seeded(DiffAugment, "cutout,color")(x, training=True).numpy() == 0).any((1, 2, 3)).all()


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("colour", r'has no "colour" \(did you mean color\?\): give any of color, translation, cutout, once each'),
        ("", 'has no "": give any of .* instead of ""'),
        ("cutout,color,cutout", 'names "cutout" twice: give any of .* instead of "cutout,color,cutout"'),
    ],
)
def test_a_policy_that_there_is_not_is_refused(policy, message):
    with pytest.raises(UserError, match=message) as raised:
        DiffAugment(policy)
    assert "\n" not in str(raised.value)


# ---- ADA ---------------------------------------------------------------------------------------------------


def matrices(*rows):
    return tf.constant([rows], tf.float32)


def linear(a, b, c, d, x=0.0, y=0.0):
    return matrices([a, b, x], [c, d, y], [0, 0, 1])


@pytest.mark.parametrize("size", [(8, 8), (9, 13), (33, 16)])
def test_a_warp_by_whole_steps_moves_pixels_without_a_change(size):
    x = pictures(1, *size, 3)
    np.testing.assert_array_equal(warp(x, linear(1, 0, 0, 1)), x)
    np.testing.assert_array_equal(warp(x, linear(-1, 0, 0, 1)), x[:, :, ::-1])
    mirrored = np.pad(x, [(0, 0), (3, 3), (3, 3), (0, 0)], "reflect")
    np.testing.assert_array_equal(warp(x, linear(1, 0, 0, 1, 2, -3)), mirrored[:, : size[0], 5 : 5 + size[1]])
    np.testing.assert_array_equal(warp(x, linear(1, 0, 0, 1, 2 * (size[1] - 1), 0)), x)  # a mirror's mirror
    if size[0] == size[1]:
        np.testing.assert_array_equal(warp(x, linear(0, 1, -1, 0)), np.rot90(x, -1, (1, 2)))


def test_a_warp_interpolates_ramps_exactly():
    rows, columns = np.mgrid[-7.5:8, -10:11].astype(np.float32)
    x = (rows + 3 * columns)[None, :, :, None]
    a, b, c, d, right, down = 0.5, 0.3, -0.2, 0.6, 0.7, -0.4
    expected = (c * columns + d * rows + down) + 3 * (a * columns + b * rows + right)
    np.testing.assert_allclose(warp(x, linear(a, b, c, d, right, down))[0, ..., 0], expected, atol=1e-4)


def test_a_warp_to_half_the_size_does_not_alias():
    """Stripes finer than the smaller image can show turn grey, in any direction; coarse ones stay."""
    i = np.arange(64)

    def middle(x, *source):
        return np.asarray(warp(x.astype(np.float32)[None, :, :, None], linear(*source)))[0, 24:40, 24:40, 0]

    half, turned = (2, 0, 0, 2), (2**0.5, -(2**0.5), 2**0.5, 2**0.5)
    for period in (2, 3):  # of 1 and 1.5 pixels there
        stripes = np.cos(2 * np.pi * i / period + 0.3)
        for x in (np.tile(stripes, (64, 1)), np.tile(stripes[:, None], (1, 64))):
            for source in (half, turned):
                assert np.abs(middle(x, *source, 0.5, 0.5)).max() < 0.3
                assert np.abs(middle(x, *source, 0.0, 0.0)).std() < 0.25
            # what would be seen without a blur: every other pixel, as it is
            assert np.abs(x[::2, ::2]).max() > 0.75
    checkers = (-1.0) ** (i[:, None] + i)
    assert np.abs(middle(checkers, *half, 0.5, 0.5)).max() < 1e-5
    coarse = np.tile(np.cos(2 * np.pi * i / 32), (64, 1))
    assert middle(coarse, *half).max() > 0.9


def test_a_warp_that_only_turns_or_enlarges_does_not_blur():
    x = np.zeros((1, 9, 9, 1), np.float32)
    x[0, 4, 4] = 1
    assert warp(x, linear(0.6, -0.8, 0.8, 0.6))[0, 4, 4, 0].numpy() == pytest.approx(1, abs=1e-5)
    assert warp(x, linear(0.5, 0, 0, 0.5))[0, 4, 4, 0].numpy() == 1


@pytest.mark.parametrize("channels", [1, 3, 4, 6])
def test_with_p_of_0_no_image_changes_by_a_bit(channels):
    layer = ada(0.0, channels=3 if channels == 6 else None)
    x = pictures(3, 9, 12, channels)
    np.testing.assert_array_equal(layer(x, training=True), x)
    x = pictures(3, 8, 8, channels)
    np.testing.assert_array_equal(layer(x, training=True), x)


def test_each_image_changes_with_probability_p():
    n = 4000
    for p in (0.3, 1.0):
        source, colors = (np.asarray(drawn) for drawn in (ada(p).source(n, 32, 32), ada(p).colors(n)))
        for matrix, kept in (
            # nothing drawn of: mirror, quarters, pixels (but for (0, 0)), two scalings, rotations, shift
            (source, (1 - p / 2) * (1 - 3 / 4 * p) * (1 - p * (1 - 1 / 64)) * (1 - p) ** 4),
            (colors, (1 - p / 2) * (1 - p) ** 4),
        ):
            same = (matrix == np.eye(matrix.shape[-1])).all((1, 2)).mean()
            assert same == pytest.approx(kept, abs=0.015)
            assert (np.linalg.det(matrix[:, :3, :3]) < 0).mean() == pytest.approx(p / 2, abs=0.03)


def singular(matrix):
    return np.log2(np.linalg.svd(matrix, compute_uv=False))


def test_the_ranges_of_geometry():
    n = 4000
    source = np.asarray(ada(1.0).source(n, 32, 64))
    np.testing.assert_array_equal(source[:, 2], np.tile([0, 0, 1], (n, 1)))
    larger, smaller = singular(source[:, :2, :2]).T
    assert ((larger + smaller) / 2).std() == pytest.approx(0.2, rel=0.05)  # the same in all directions
    assert np.sqrt((((larger - smaller) / 2) ** 2).mean()) == pytest.approx(0.2, rel=0.05)
    # In the changed image, the shift in pixels and the shift at the end are there as they were drawn, but for rotations
    # and scalings between them: their sizes remain.
    place = np.linalg.solve(source, np.tile([[0.0], [0], [1]], (n, 1, 1)))[:, :2, 0]
    spread = (1 / 4) ** 2 / 12 + (1 / 8) ** 2
    assert place.mean(0) == pytest.approx([0, 0], abs=0.5)
    assert (place**2).sum(1).mean() == pytest.approx((32**2 + 64**2) * spread, rel=0.1)
    assert (place[:, 0] ** 2).mean() > 1.5 * (place[:, 1] ** 2).mean()  # wide images move further along rows
    # no direction is preferred
    angles = np.arctan2(source[:, 1, 0], source[:, 0, 0])
    assert np.abs(np.exp(1j * angles * np.arange(1, 5)[:, None]).mean(1)).max() < 0.05


def test_the_ranges_of_blits():
    """Where only they are drawn, blits move pixels by whole steps, and images that are not square are not turned."""

    def blits(height, width):
        source = np.asarray(ada(0.5).source(6000, height, width))
        return source[(source == np.round(source)).all((1, 2))]

    square, wide = blits(16, 16), blits(16, 32)
    turned = [tuple(np.abs(matrix[:2, :2]).ravel()) for matrix in square]
    assert set(turned) == {(1, 0, 0, 1), (0, 1, 1, 0)}
    assert {tuple(matrix[:2, :2].ravel()) for matrix in wide} == {(1, 0, 0, 1), (-1, 0, 0, 1)}
    assert set(wide[:, 0, 2]) == set(range(-4, 5))
    assert set(wide[:, 1, 2]) == {-2, -1, 0, 1, 2}


def test_the_ranges_of_colors():
    n, v = 4000, np.ones(3) / 3**0.5
    matrix = np.asarray(ada(1.0).colors(n))
    np.testing.assert_array_equal(matrix[:, 3], np.tile([0, 0, 0, 1], (n, 1)))
    linear, offset = matrix[:, :3, :3], matrix[:, :3, 3]
    along = linear @ v  # greys stay greys
    np.testing.assert_allclose(along, (along @ v)[:, None] * v, atol=1e-4)
    contrast = np.log2(np.abs(along @ v))
    assert contrast.mean() == pytest.approx(0, abs=0.03)
    assert contrast.std() == pytest.approx(0.5, rel=0.05)
    brightness = (offset @ v) / (along @ v) / 3**0.5
    np.testing.assert_allclose(offset, (offset @ v)[:, None] * v, atol=1e-4)
    assert brightness.std() == pytest.approx(0.2, rel=0.05)
    across = linear @ (np.array([1, -1, 0]) / 2**0.5)
    np.testing.assert_allclose(across @ v, 0, atol=1e-4)
    saturation = np.log2(np.linalg.norm(across, axis=1)) - contrast
    assert saturation.mean() == pytest.approx(0, abs=0.06)
    assert saturation.std() == pytest.approx(1, rel=0.05)
    hue = np.arctan2(across @ (np.array([1, 1, -2]) / 6**0.5), across @ (np.array([1, -1, 0]) / 2**0.5))
    assert np.abs(np.exp(1j * hue * np.arange(1, 4)[:, None]).mean(1)).max() < 0.05


def test_colors_of_greys_and_of_one_matrix_for_each_image():
    colors = ada(1.0).colors(5)
    x = pictures(5, 4, 3, 2, 3)
    expected = np.einsum("nij,nhwkj->nhwki", colors[:, :3, :3], x) + colors[:, None, None, None, :3, 3]
    np.testing.assert_allclose(recolored(x, colors), expected, atol=1e-5)
    grey = pictures(5, 4, 3, 2, 1)
    as_color = recolored(np.repeat(grey, 3, -1), colors)
    np.testing.assert_allclose(recolored(grey, colors), tf.reduce_mean(as_color, -1, keepdims=True), atol=1e-5)


def moved(layer, *batches):
    for logits in batches:
        layer.adapt(tf.constant(logits, tf.float32))
    return float(layer.p.numpy())


def test_p_moves_every_fourth_minibatch_by_a_step_for_each_image():
    layer = ADA(ramp=1000)
    sure = [[3.0]] * 5
    assert moved(layer, sure, sure, sure) == 0
    assert moved(layer, sure) == pytest.approx(20 / 1000)
    np.testing.assert_array_equal(layer.signs, np.zeros(3))
    assert moved(layer, *[sure] * 4) == pytest.approx(40 / 1000)
    # The size of a logit says nothing. Of 20 signs, 16 are 1 and 4 are -1: their mean is 0.6, the target.
    assert moved(layer, *[[[9.0], [0.1], [1.0], [1.0], [-100.0]]] * 4) == pytest.approx(40 / 1000)
    assert moved(layer, [[1.0]], [[1.0], [1.0]], [[1.0]], [[-1.0]] * 2) == pytest.approx(34 / 1000)
    assert moved(layer, *[[[-1.0]] * 12] * 4) == 0  # never below
    assert moved(layer, *[[[1.0]] * 200] * 8) == 1  # nor above


def test_p_takes_500_000_images_to_rise():
    layer = ADA()
    assert (layer.ramp, layer.target, layer.every) == (500_000, 0.6, 4)
    assert moved(layer, *[np.ones((64, 1))] * 8) == pytest.approx(512 / 500_000)


def test_an_image_of_many_logits_has_their_mean_sign_and_r_is_counted_in_images():
    layer = ADA(target=0.4, ramp=100)
    patches = np.ones((2, 2, 2, 1))
    patches[0, 0] = -1  # means of 0 and 1
    assert moved(layer, *[patches] * 4) == pytest.approx(8 / 100)


def test_two_devices_move_p_as_one_does():
    strategy = two_devices()
    with strategy.scope():
        layer = ADA(ramp=1000)

    @tf.function
    def step():
        def on_one():
            first = tf.distribute.get_replica_context().replica_id_in_sync_group == 0
            layer.adapt(tf.where(first, tf.ones((5, 1)), tf.constant([[1.0], [1], [1], [1], [-1]])))  # 1 and 0.6

        strategy.run(on_one)

    for _ in range(4):
        step()
    for p in strategy.experimental_local_results(layer.p.value):
        assert float(p.numpy()) == pytest.approx(40 / 1000)


# ---- both --------------------------------------------------------------------------------------------------


@every_layer
def test_nothing_changes_without_training(which):
    layer, x = LAYERS[which](), pictures(3, 8, 8, 3)
    before = [w.numpy() for w in layer.weights]
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(layer(x, training=False), x)
    for a, b in zip(before, layer.weights, strict=True):
        np.testing.assert_array_equal(a, b)


@every_layer
def test_each_image_and_each_batch_has_a_draw_of_its_own_and_a_state_repeats_it(which):
    layer, x = LAYERS[which](), np.repeat(pictures(1, 16, 16, 3), 6, 0)
    state = layer.get_weights()
    first, second = layer(x, training=True).numpy(), layer(x, training=True).numpy()
    assert first.shape == x.shape
    assert len(np.unique(np.concatenate([first, second]), axis=0)) >= 9  # shifts are few
    layer.set_weights(state)
    np.testing.assert_array_equal(layer(x, training=True), first)
    np.testing.assert_array_equal(layer(x, training=True), second)


@both_layers
def test_two_devices_draw_what_one_does(which):
    strategy, x = two_devices(), np.repeat(pictures(1, 16, 16, 3), 8, 0)
    expected = LAYERS[which]()(x, training=True).numpy()
    with strategy.scope():
        layer = LAYERS[which]()

    @tf.function
    def on_both():
        return strategy.run(lambda: layer(x[:4], training=True))

    halves = [half.numpy() for half in strategy.experimental_local_results(on_both())]
    np.testing.assert_allclose(np.concatenate(halves), expected, atol=1e-5)
    assert not np.allclose(*halves)


@both_layers
def test_a_gradient_comes_through_to_the_images(which):
    """What a change makes of an image is affine: a difference of any length has the slope of the gradient."""
    layer, x, step = LAYERS[which](), pictures(4, 9, 13, 3), pictures(4, 9, 13, 3)
    state, upstream = layer.get_weights(), pictures(4, 9, 13, 3)
    with tf.GradientTape() as tape:
        images = tf.constant(x)
        tape.watch(images)
        y = layer(images, training=True)
    gradient = tape.gradient(y, images, output_gradients=upstream)
    layer.set_weights(state)
    difference = layer(x + step, training=True) - y
    assert np.abs(gradient).max() > 0
    np.testing.assert_allclose(
        np.sum(gradient * step, (1, 2, 3)), np.sum(difference * upstream, (1, 2, 3)), atol=1e-3, rtol=1e-3
    )


@both_layers
def test_a_penalty_of_gradients_goes_through_the_changes(which):
    """R1 in the images before they are changed, as StyleGAN2-ADA has it: a second derivative."""
    layer, x, w = LAYERS[which](), tf.constant(pictures(2, 8, 8, 1)), tf.Variable(pictures(8, 8, 1))
    state = layer.get_weights()

    def penalty():
        layer.set_weights(state)

        def critic(x, training):
            return tf.reduce_sum(tf.square(w * layer(x, training=training)), (1, 2, 3))

        return tf.reduce_mean(gradient_norms(critic, x, True) ** 2) / 2

    with tf.GradientTape() as tape:
        value = penalty()
    gradient, direction, start = tape.gradient(value, w), pictures(8, 8, 1), w.numpy()
    ends = []
    for sign in (1, -1):
        w.assign(start + sign * 1e-2 * direction)
        ends.append(float(penalty()))
    assert (ends[0] - ends[1]) / 2e-2 == pytest.approx(float(np.sum(gradient * direction)), rel=1e-2)


@pytest.mark.parametrize("which", ["color", "DiffAugment", "ADA"])
def test_alpha_moves_with_the_image_and_keeps_its_values(which):
    """Colours change as they do without alpha; alpha, as a grey image does that has no colours to change."""
    x = pictures(6, 16, 16, 4)
    y = LAYERS[which]()(x, training=True).numpy()
    colors = LAYERS[which]()(x[..., :3], training=True)
    np.testing.assert_allclose(y[..., :3], colors, atol=1e-5)
    if which == "color":
        np.testing.assert_array_equal(y[..., 3], x[..., 3])
    else:
        assert np.abs(y[..., 3]).max() <= 1
        opaque = np.concatenate([x[..., :3], np.ones_like(x[..., :1])], -1)
        alpha = LAYERS[which]()(opaque, training=True).numpy()[..., 3]
        if which == "ADA":
            np.testing.assert_allclose(alpha, 1, atol=1e-6)  # a mirror image has no outside
        else:
            assert set(np.unique(alpha)) == {0, 1}
            np.testing.assert_array_equal(y[..., 3][alpha == 0], 0)


@both_layers
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_that_belong_together_change_alike(which, channels):
    first, second = pictures(5, 12, 12, channels), pictures(5, 12, 12, channels)
    pair = np.concatenate([first, second], -1)
    a, b = np.split(LAYERS[which](channels=channels)(pair, training=True).numpy(), 2, -1)
    np.testing.assert_allclose(a, LAYERS[which]()(first, training=True), atol=1e-6)
    np.testing.assert_allclose(b, LAYERS[which]()(second, training=True), atol=1e-6)


@pytest.mark.parametrize("layer", [DiffAugment, ADA])
def test_channels_that_make_no_image_are_refused(layer):
    for make, message in (
        (lambda: layer(channels=2), "An image has 1, 3 or 4 channels; .* was given channels=2"),
        (
            lambda: layer()(np.zeros((1, 8, 8, 6), np.float32)),
            "takes images of 1, 3 or 4 channels, and was given 6 channels: say with channels=",
        ),
        (
            lambda: layer(channels=4)(np.zeros((1, 8, 8, 6), np.float32)),
            "takes images of 4 channels, and was given 6 channels: say",
        ),
    ):
        with pytest.raises(UserError, match=message) as raised:
            make()
        assert "\n" not in str(raised.value)


@both_layers
def test_half_precision_is_left_to_the_networks(which):
    x = pictures(3, 9, 12, 3)
    expected = LAYERS[which]()(x, training=True)
    for policy in ("mixed_float16", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        found = LAYERS[which]()(x, training=True)
        assert found.dtype == tf.float32
        np.testing.assert_array_equal(found, expected)
        half = tf.cast(x, keras.config.dtype_policy().compute_dtype)
        found = LAYERS[which]()(half, training=True)
        assert found.dtype == tf.float32
        np.testing.assert_array_equal(found, LAYERS[which]()(tf.cast(half, tf.float32), training=True))


def test_under_xla():
    first, second, x = LAYERS["DiffAugment"](), LAYERS["ADA"](), tf.constant(pictures(2, 9, 12, 3))

    @tf.function(jit_compile=True)
    def compiled():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = second(first(x, training=True), training=True)
        second.adapt(y[:, 0, 0, 0])
        return y, tape.gradient(y, x)

    y, gradient = compiled()
    assert np.isfinite(y).all()
    assert np.isfinite(gradient).all()
    assert not np.array_equal(y, x)
    np.testing.assert_array_equal(second.signs[1:], [2, 1])


@both_layers
def test_a_graph_takes_any_batch(which):
    layer, x = LAYERS[which](), pictures(3, 9, 12, 3)
    graph = tf.function(lambda x: layer(x, training=True), input_signature=[tf.TensorSpec((None, 9, 12, 3))])
    np.testing.assert_allclose(graph(x), LAYERS[which]()(x, training=True), atol=1e-5)
    assert graph(x[:1]).shape == (1, 9, 12, 3)


@pytest.mark.parametrize(
    "layer",
    [DiffAugment("translation,color", channels=3), ADA(target=0.5, ramp=1000, channels=3)],
    ids=["DiffAugment", "ADA"],
)
def test_a_file_holds_the_layer_and_its_state(layer, tmp_path):
    x = pictures(2, 8, 8, 6)
    model = keras.Sequential([keras.Input((8, 8, 6)), layer])
    model(x, training=True)
    if isinstance(layer, ADA):
        layer.p.assign(0.7)
        layer.adapt(tf.ones((2, 1)))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.layers[0].get_config() == layer.get_config()
    for a, b in zip(again.weights, model.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    if isinstance(layer, ADA):
        np.testing.assert_array_equal(again.layers[0].signs, [2, 2, 1])
    np.testing.assert_array_equal(again(x, training=True), model(x, training=True))


# ---- as an argument of a variant ---------------------------------------------------------------------------

JUDGES = [key for key, cls in MODELS.items() if cls.judges_images]


@pytest.mark.parametrize("key", JUDGES)
def test_whatever_a_discriminator_sees_in_training_was_changed(key, monkeypatch):
    monkeypatch.setitem(GIVEN, key, {**GIVEN.get(key, {}), "augment": "color,translation"})
    model = small_model(key)
    changed, seen = [], []
    augmented = model.augmentation.augmented
    monkeypatch.setattr(model.augmentation, "augmented", lambda x: changed.append(augmented(x)) or changed[-1])
    for name in model.judges_images:
        network = getattr(model, name)
        inner = next(layer for layer in network.layers if layer.name == name)
        call = inner.call

        def watched(inputs, training=None, mask=None, call=call):
            images = next(t for t in keras.tree.flatten(inputs) if len(t.shape) == 4)
            seen.append((images, training))
            return call(inputs, training=training, mask=mask)

        monkeypatch.setattr(inner, "call", watched)
    before = [w.numpy() for w in model.trainable_weights]
    for _ in range(promises.steps_to_move_all(model)):
        model.train_step(one_batch(model, key))
    # Real and fake, in the steps of both players, unless these share what they ask.
    assert len(changed) == len(seen) >= 2 * len(model.judges_images)
    for given, (taken, training) in zip(changed, seen, strict=True):
        assert training
        np.testing.assert_array_equal(given, taken)
    assert not any(np.array_equal(w.numpy(), b) for w, b in zip(model.trainable_weights, before) if w.shape.rank > 1)

    changed.clear()
    model.judge(one_batch(model, key))
    assert not changed


@pytest.mark.parametrize(
    ("key", "real", "signs"), [("lsgan", [0.4, 0.6, 0.7, 0.9], 2), ("wgan", [1.0, 4.0, 5.0, 6.0], 2)]
)
def test_r_is_of_real_images_as_they_are_seen(key, real, signs, monkeypatch):
    monkeypatch.setitem(GIVEN, key, {**GIVEN.get(key, {}), "augment": "ada"})
    model = small_model(key)
    asked = []

    def judge(batch):
        asked.append((len(batch), model.augmentation.at_inference))
        return tf.constant(real)[:, None], tf.zeros((4, 1))  # in the middle: 1/2 of probabilities, 2 of these scores

    monkeypatch.setattr(model, "judge", judge)
    batch = one_batch(model, key)
    for step in range(1, 16):
        model.step.assign(step)
        model._follow(batch)
        np.testing.assert_array_equal(model.augmentation.signs, [signs * (step // 4), 4 * (step // 4), step // 4])
    assert asked == [(4, True)] * 3
    assert model.augmentation.p.numpy() == 0
    model.step.assign(16)
    model.augmentation.target = 0.4
    model._follow(batch)
    # 16 steps of 4 images, all of which count, though a fourth of them was looked at
    np.testing.assert_allclose(model.augmentation.p, 64 / model.augmentation.ramp, rtol=1e-5)
    assert not model.augmentation.at_inference


@pytest.mark.parametrize(
    ("key", "augment", "said"),
    [
        ("vae", "ada", "VAE has no discriminator of images"),
        ("dcgan", "adda", 'no augmentation "adda". Did you mean ada|no augmentation "adda"'),
        ("dcgan", "color,cut", 'no augmentation "cut"'),
        ("dcgan", "color,color", "twice"),
    ],
)
def test_what_cannot_be_augmented_is_said_in_one_line(key, augment, said):
    with pytest.raises(UserError, match=said):
        MODELS[key](image_shape=(8, 8, 1), augment=augment)


def test_a_second_stage_starts_from_a_critic_behind_an_augmentation(monkeypatch):
    monkeypatch.setitem(GIVEN, "wgan_gp", {**GIVEN.get("wgan_gp", {}), "augment": "ada", "half_life": 50})
    first = small_model("wgan_gp")
    second = small_model("f_anogan", seed=1)
    second.start_from(first)
    x = pictures(2, *SHAPE)
    np.testing.assert_array_equal(second.critic(x), first.critic(x))
    np.testing.assert_array_equal(second.generator(first.prior(2, 0)), first.generator(first.prior(2, 0)))


@pytest.fixture(scope="module")
def augmented_gan(tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "augmented_gan.py"
    path.write_text(
        "from kerasgan.models import DCGAN\n\n\nclass Augmented(DCGAN):\n"
        '    """A DCGAN of few images."""\n\n    small = {"augment": "ada", "half_life": 20}\n'
    )
    return str(path)


@pytest.mark.parametrize(
    "promise",
    [
        promises.test_two_devices_train_as_one,
        promises.test_a_run_broken_off_in_mid_epoch_goes_on_exactly,
        promises.test_a_player_moves_its_own_weights_and_no_others,
    ],
)
def test_an_adaptive_augmentation_and_an_average_keep_promises(promise, augmented_gan, tmp_path, monkeypatch):
    known = {"key": augmented_gan, "tmp_path": tmp_path, "monkeypatch": monkeypatch}
    promise(**{name: known[name] for name in inspect.signature(promise).parameters})


def test_options_offer_what_a_variant_can_have():
    for key in CLASSES:
        about = variant(key)
        assert ("augment" in about.arguments) == bool(MODELS[key].judges_images), key
        assert ("half_life" in about.arguments) == (key != "ddpm"), key
    assert "DiffAugment" in variant("dcgan").help["augment"]
