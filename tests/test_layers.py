"""Layers that several papers share, and the counted noise under all of them."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import every_variant, small_model, two_devices, values

from kerasgan import model as model_module
from kerasgan.layers import (
    BatchNormalization,
    DepthToSpace,
    Dropout,
    GaussianNoise,
    GroupNormalization,
    ImagePool,
    LayerNormalization,
    LeCam,
    Maxout,
    Noise,
    ReflectionPadding2D,
    SpaceToDepth,
    SpectralConv2D,
    SpectralDense,
    WeightNormConv2D,
    crop,
    halvings,
    normalized_as_in_training,
)
from kerasgan.losses import gradient_norms
from kerasgan.models import dcgan


def noise(seed=0):
    keras.utils.set_random_seed(seed)
    return Noise()


def test_noise_is_fixed_by_the_seed_and_goes_on_with_its_count():
    ours, theirs = noise(3), noise(3)
    first, second = ours.normal((4, 2)), ours.normal((4, 2))
    np.testing.assert_array_equal(first, theirs.normal((4, 2)))
    np.testing.assert_array_equal(second, theirs.normal((4, 2)))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, noise(4).normal((4, 2)))
    theirs.set_weights([ours.get_weights()[0] - [0, 1]])
    np.testing.assert_array_equal(second, theirs.normal((4, 2)))


def test_noise_has_the_right_moments():
    normal, uniform = noise().normal((100_000, 1)).numpy(), noise().uniform((100_000, 1)).numpy()
    assert normal.mean() == pytest.approx(0, abs=0.02)
    assert normal.std() == pytest.approx(1, abs=0.02)
    assert uniform.mean() == pytest.approx(0.5, abs=0.01)
    assert uniform.min() >= 0
    assert uniform.max() < 1


def test_dropout_keeps_the_mean_and_acts_in_training_only():
    layer = Dropout(0.3)
    x = tf.ones((1000, 50))
    np.testing.assert_array_equal(layer(x), x)
    first, second = layer(x, training=True).numpy(), layer(x, training=True).numpy()
    assert set(np.unique(first)) == {0, np.float32(1 / 0.7)}
    assert (first == 0).mean() == pytest.approx(0.3, abs=0.01)
    assert not np.array_equal(first, second)


def test_gaussian_noise_is_counted_and_acts_in_training_only():
    layer = GaussianNoise(0.3)
    x = tf.fill((1000, 50), 2.0)
    np.testing.assert_array_equal(layer(x), x)
    count = int(layer.noise.state[1])
    first, second = layer(x, training=True).numpy(), layer(x, training=True).numpy()
    assert int(layer.noise.state[1]) == count + 2
    assert first.mean() == pytest.approx(2, abs=0.01)
    assert first.std() == pytest.approx(0.3, abs=0.01)
    assert not np.array_equal(first, second)


def test_maxout_is_the_largest_affine_map():
    layer = Maxout(3, pieces=4)
    x = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    found = layer(x).numpy()
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(found, (x @ kernel + bias).reshape(5, 3, 4).max(-1), rtol=1e-5)


def test_reflection_padding_mirrors_without_repeating_the_edge():
    x = np.arange(3, dtype=np.float32).reshape(1, 1, 3, 1).repeat(3, 1)
    assert ReflectionPadding2D(2)(x).numpy()[0, 2, :, 0].tolist() == [2, 1, 0, 1, 2, 1, 0]


def test_channels_become_pixels_row_by_row():
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 8)).astype(np.float32)
    y = DepthToSpace(2)(x).numpy()
    assert y.shape == (2, 6, 10, 2) == DepthToSpace(2).compute_output_shape(x.shape)
    for row in range(2):
        for column in range(2):
            first = 2 * (2 * row + column)
            np.testing.assert_array_equal(y[:, row::2, column::2], x[..., first : first + 2])


@pytest.mark.parametrize(("size", "sizes"), [((8, 8), [(8, 8), (4, 4)]), ((28, 9), [(28, 9), (14, 5), (7, 3)])])
def test_halvings_reach_the_image_again_by_doubling_and_cropping(size, sizes):
    assert halvings(*size) == sizes
    for large, small in itertools.pairwise(sizes):
        image = crop(tf.zeros((1, 2 * small[0], 2 * small[1], 1)), *large)
        assert image.shape[1:3] == large


def images(*numbers):
    return tf.reshape(tf.constant(numbers, tf.float32), (-1, 1, 1, 1)) * tf.ones((1, 2, 2, 1))


def ids(x):
    return x.numpy()[:, 0, 0, 0].astype(int).tolist()


def test_image_pool_gives_back_what_it_gets_until_it_is_full():
    pool = ImagePool((2, 2, 1), capacity=4)
    assert ids(pool(images(1, 2, 3))) == [1, 2, 3]
    assert int(pool.filled.numpy()) == 3
    assert ids(pool(images(4))) == [4]
    assert sorted(ids(tf.convert_to_tensor(pool.images))) == [1, 2, 3, 4]


def test_a_full_image_pool_exchanges_half_of_the_time_and_loses_nothing():
    keras.utils.set_random_seed(0)
    pool = ImagePool((2, 2, 1), capacity=10)
    pool(images(*range(10)))
    given, returned = list(range(10)), []
    for start in range(10, 2010, 2):
        held = set(ids(tf.convert_to_tensor(pool.images)))
        out = ids(pool(images(start, start + 1)))
        given += [start, start + 1]
        returned += out
        assert set(out) <= held | {start, start + 1}
    assert len(returned) == len(set(returned))  # each image comes out once
    assert sorted(returned + ids(tf.convert_to_tensor(pool.images))) == given
    at_once = np.mean([i + 10 == n for i, n in enumerate(returned)])
    assert at_once == pytest.approx(0.5, abs=0.05)


def test_an_image_pool_smaller_than_a_batch_is_an_error():
    with pytest.raises(tf.errors.InvalidArgumentError, match="larger than the image pool"):
        ImagePool((2, 2, 1), capacity=2)(images(1, 2, 3))


def test_one_infinite_replica_stops_them_all():
    strategy = two_devices()

    @tf.function
    def gradients():
        def one():
            bad = tf.distribute.get_replica_context().replica_id_in_sync_group == 1
            gradient = tf.where(bad, float("inf"), 1.0) * tf.ones((3,))
            return model_module._finite_on_all_replicas([gradient, tf.ones(2)])[1]

        return strategy.run(one)

    for gradient in strategy.experimental_local_results(gradients()):
        assert np.isnan(gradient.numpy()).all()


def test_a_weight_normalised_convolution_against_numpy():
    layer = WeightNormConv2D(3, 1)
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 2)).astype(np.float32)
    layer.build(x.shape)
    v, scale, bias = (w.numpy() for w in (layer.kernel, layer.scale, layer.bias))
    np.testing.assert_allclose(scale, 2**0.5)
    layer.scale.assign(scale := np.array([1, 2, -3], np.float32))
    layer.bias.assign(bias := bias + np.arange(3))
    kernel = v[0, 0] / np.linalg.norm(v[0, 0], axis=0) * scale
    np.testing.assert_allclose(layer(x), x @ kernel + bias, rtol=1e-4, atol=1e-5)
    layer.kernel.assign(7 * v)  # only its direction counts
    np.testing.assert_allclose(layer(x), x @ kernel + bias, rtol=1e-4, atol=1e-5)
    wide = WeightNormConv2D(3, 3)
    assert wide(x).shape == (2, 4, 5, 3)
    norms = np.linalg.norm(wide.kernel.numpy().reshape(-1, 3), axis=0)
    one = np.zeros((1, 5, 5, 2), np.float32)
    one[0, 2, 2, 0] = 1
    np.testing.assert_allclose(
        wide(one)[0, 1:4, 1:4], 2**0.5 * wide.kernel.numpy()[::-1, ::-1, 0] / norms, rtol=1e-4, atol=1e-6
    )


def test_space_to_depth_and_back():
    x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    deep = SpaceToDepth(2)(x)
    np.testing.assert_array_equal(deep[0, 0, 1], [2, 3, 6, 7])  # row by row
    np.testing.assert_array_equal(DepthToSpace(2)(deep), x)


@pytest.mark.parametrize("layer", [SpectralConv2D(6, 4, 2), SpectralDense(6)], ids=["convolution", "dense"])
def test_spectral_normalisation_finds_the_largest_singular_value_in_training_alone(layer):
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3) if isinstance(layer, SpectralConv2D) else (2, 9))
    x = x.astype(np.float32)
    assert layer(x).shape == layer.compute_output_shape(x.shape)
    w = layer.kernel.numpy().reshape(-1, 6)
    largest = np.linalg.svd(w, compute_uv=False)[0]
    first = layer.u.numpy()
    before = layer(x).numpy()
    np.testing.assert_array_equal(layer(x), before)  # it is the same as long as nothing trains
    np.testing.assert_array_equal(layer.u, first)
    for _ in range(200):
        layer(x, training=True)
    kernel = layer.kernel.numpy() / largest
    np.testing.assert_allclose(layer.normalized_kernel(training=False), kernel, rtol=1e-4, atol=1e-6)
    if isinstance(layer, SpectralConv2D):
        layer.bias.assign(np.arange(6))
        expected = tf.nn.conv2d(x, kernel, 2, "SAME") + np.arange(6, dtype=np.float32)
    else:
        expected = x @ kernel.reshape(-1, 6)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-3, atol=1e-4)
    layer.kernel.assign(7 * layer.kernel)  # its size says nothing
    np.testing.assert_allclose(layer(x), expected, rtol=1e-3, atol=1e-4)


def test_the_gradient_goes_through_the_singular_value():
    """Along the kernel itself there is none; elsewhere it is that of differences (equation 12)."""
    layer = SpectralDense(3)
    x = tf.constant(np.random.default_rng(0).normal(size=(5, 4)), tf.float32)
    layer(x)
    for _ in range(300):
        layer(x, training=True)
    target = tf.constant(np.random.default_rng(1).normal(size=(5, 3)), tf.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(target * layer(x))
    gradient = tape.gradient(loss, layer.kernel).numpy()
    w = layer.kernel.numpy().astype(np.float64)

    def of(w):
        return (target.numpy() * (x.numpy() @ (w / np.linalg.svd(w, compute_uv=False)[0]))).sum()

    steps = 1e-5 * np.eye(12).reshape(12, 4, 3)
    differences = np.array([(of(w + step) - of(w - step)) / 2e-5 for step in steps]).reshape(4, 3)
    np.testing.assert_allclose(gradient, differences, rtol=1e-3, atol=1e-3)
    assert abs((gradient * w).sum()) < 1e-3 * np.abs(gradient * w).sum()


OURS_AND_KERAS = {
    "batch": (BatchNormalization, {"momentum": 0.9, "epsilon": 1e-5}),
    "batch, not affine": (BatchNormalization, {"center": False, "scale": False}),
    "layer": (LayerNormalization, {}),
    "layer, whole map": (LayerNormalization, {"axis": [1, 2, 3]}),
    "layer, rms": (LayerNormalization, {"rms_scaling": True}),
    "layer, rows": (LayerNormalization, {"axis": 1, "scale": False}),
    "instance": (GroupNormalization, {"groups": -1, "epsilon": 1e-5}),
    "group": (GroupNormalization, {"groups": 2, "center": False}),
    "group, of rows": (GroupNormalization, {"groups": 3, "axis": 1}),
}


@pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`")
@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("which", OURS_AND_KERAS)
def test_normalisations_are_those_of_keras_to_the_bit_but_for_second_derivatives(which, policy, tmp_path):
    ours, settings = OURS_AND_KERAS[which]
    keras.config.set_dtype_policy(policy)
    rng = np.random.default_rng(0)
    x = tf.cast(rng.normal(3, 2, size=(4, 6, 5, 4)), keras.config.dtype_policy().compute_dtype)
    upstream = tf.cast(rng.normal(size=x.shape), x.dtype)

    def steps(layer):
        """What two passes return and move, and the first derivatives of each."""
        found = []

        @tf.function
        def one(training):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x, training=training) if isinstance(layer, BatchNormalization.__base__) else layer(x)
            return y, tape.gradient(y, [x, *layer.trainable_weights], output_gradients=upstream)

        for training in (True, False):
            found += tf.nest.flatten(one(training))
        return [*found, *(tf.convert_to_tensor(w) for w in layer.weights)]

    layers = [ours(**settings, name="same"), ours.__base__(**settings, name="same")]
    for layer in layers:
        layer.build(x.shape)
        layer.set_weights([np.random.default_rng(1).uniform(0.5, 2, w.shape) for w in layer.weights])
    assert [(w.name, w.path, w.shape, w.dtype) for w in layers[0].weights] == [
        (w.name, w.path, w.shape, w.dtype) for w in layers[1].weights
    ]
    for a, b in zip(*map(steps, layers), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)

    def model(cls):
        return keras.Sequential([keras.Input(x.shape[1:]), cls(**settings)])

    names = [model(cls).layers[0].name.rstrip("_0123456789") for cls in (ours, ours.__base__)]
    assert names[0] == names[1]  # and so the files of weights have the same keys
    keras_model, our_model = model(ours.__base__), model(ours)
    keras_model.layers[0].set_weights([rng.uniform(size=w.shape) for w in keras_model.weights])
    keras_model.save_weights(tmp_path / "of_keras.weights.h5")
    our_model.load_weights(tmp_path / "of_keras.weights.h5")
    for a, b in zip(our_model.get_weights(), keras_model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    our_model.save(tmp_path / "ours.keras")
    again = keras.models.load_model(tmp_path / "ours.keras")
    assert type(again.layers[0]) is ours
    np.testing.assert_array_equal(again(x), our_model(x))


@pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`")
@pytest.mark.parametrize("which", OURS_AND_KERAS)
def test_normalisations_under_xla(which):
    ours, settings = OURS_AND_KERAS[which]
    layer, theirs = ours(**settings), ours.__base__(**settings)
    x = tf.constant(np.random.default_rng(0).normal(3, 2, size=(4, 6, 5, 4)), tf.float32)
    call = {"training": True} if ours is BatchNormalization else {}
    compiled = tf.function(lambda: layer(x, **call), jit_compile=True)
    np.testing.assert_allclose(compiled(), theirs(x, **call), rtol=1e-4, atol=1e-5)


def test_a_penalty_through_batch_normalisation_on_two_devices_is_that_on_one():
    """One device has the dark half of the batch, the other images a hundred times as bright."""
    strategy = two_devices()
    x = np.random.default_rng(0).normal(size=(8, 16, 16, 1)).astype(np.float32)
    x[4:] *= 100
    x = tf.constant(x / 30)

    def network():
        keras.utils.set_random_seed(0)
        return dcgan.discriminator((16, 16, 1), 4, bias=False)

    def gradients(critic, x, replicas):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((gradient_norms(critic, x, training=True) - 1) ** 2) / replicas
        return tape.gradient(loss, critic.trainable_weights)

    one = network()
    with strategy.scope():
        two = network()
    assert [layer.synchronized for layer in two.layers if isinstance(layer, BatchNormalization)] == [True]

    @tf.function
    def on_both():
        def on_one():
            context = tf.distribute.get_replica_context()
            first = 4 * context.replica_id_in_sync_group
            return [context.all_reduce("SUM", g) for g in gradients(two, x[first : first + 4], 2)]

        return strategy.run(on_one)

    for w, a, b in zip(one.trainable_weights, gradients(one, x, 1), on_both(), strict=True):
        b = strategy.experimental_local_results(b)[0]
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5 * np.abs(a).max(), err_msg=w.path)
    for a, b in zip(one.non_trainable_weights, two.non_trainable_weights, strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-4, atol=1e-6, err_msg=a.path)


@every_variant
def test_no_network_has_a_normalisation_whose_second_derivatives_are_wrong(key):
    ours = (BatchNormalization, GroupNormalization, LayerNormalization)
    of_keras = tuple(layer.__base__ for layer in ours)
    wrong = [
        layer.path
        for layer in small_model(key)._flatten_layers()
        if isinstance(layer, of_keras) and not isinstance(layer, ours)
    ]
    assert not wrong


def test_a_discriminator_is_asked_as_it_is_normalised_in_training():
    model = small_model("dcgan", shape=(16, 16, 1))
    x = tf.random.stateless_uniform((6, 16, 16, 1), (1, 2), -1, 1)
    discriminator, before = model.discriminator, values(model.weights)
    usual = discriminator(x)
    with normalized_as_in_training():
        asked = discriminator(x)
    for w, b in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(w.numpy(), b)
    np.testing.assert_allclose(asked, discriminator(x, training=True), rtol=1e-4, atol=1e-6)
    assert not np.allclose(asked, usual, rtol=1e-2)


def test_counts_of_noise_go_on_within_a_condition_on_two_devices():
    with two_devices().scope():
        noise = Noise()

    @tf.function
    def draw(go):
        def step():
            return tf.cond(go, lambda: noise.uniform((2,)), lambda: tf.zeros((2,)))

        return two_devices().run(step)

    first, none, second = (
        np.concatenate(two_devices().experimental_local_results(draw(tf.constant(go)))) for go in (True, False, True)
    )
    assert noise.state.numpy()[1] == 2
    assert len({*first, *second}) == 8
    assert not none.any()


def test_scores_are_kept_near_the_means_of_the_other_kind():
    layer, rng = LeCam(decay=0.6), np.random.default_rng(0)
    real_anchor = fake_anchor = 0.0
    for decay in (0.0, 1 / 2, 0.6, 0.6):  # the first anchors are means of one and of two minibatches
        real, fake = rng.normal(size=(2, 5, 1)).astype(np.float32) + np.float32([[[3]], [[-1]]])
        real_anchor = decay * real_anchor + (1 - decay) * real.mean()
        fake_anchor = decay * fake_anchor + (1 - decay) * fake.mean()
        scores = tf.constant(real), tf.constant(fake)
        with tf.GradientTape() as tape:
            tape.watch(scores)
            penalty = layer(*scores)
        expected = np.mean((real - fake_anchor) ** 2) + np.mean((fake - real_anchor) ** 2)
        assert penalty.numpy() == pytest.approx(expected, rel=1e-5)
        of_real, of_fake = tape.gradient(penalty, scores)  # as of constant anchors
        np.testing.assert_allclose(of_real, 2 * (real - fake_anchor) / 5, rtol=1e-4)
        np.testing.assert_allclose(of_fake, 2 * (fake - real_anchor) / 5, rtol=1e-4)


def test_two_devices_follow_the_scores_of_both():
    strategy, real, fake = two_devices(), np.float32([[1], [2], [30], [40]]), np.float32([[-1], [0], [-5], [-6]])
    with strategy.scope():
        layer = LeCam()

    @tf.function
    def penalties():
        def one():
            place = 2 * tf.distribute.get_replica_context().replica_id_in_sync_group
            return layer(*(tf.constant(scores)[place : place + 2] for scores in (real, fake)))

        return strategy.run(one)

    found = strategy.experimental_local_results(penalties())
    assert layer.real.numpy() == pytest.approx(real.mean())
    assert layer.fake.numpy() == pytest.approx(fake.mean())
    alone = LeCam()(tf.constant(real), tf.constant(fake))
    assert np.mean(found) == pytest.approx(alone.numpy())
