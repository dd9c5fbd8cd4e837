"""The context encoder: its losses, its hole, and the pixels that it must not touch."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import constant_logit, losses_of_players, one_batch

from kerasgan import images
from kerasgan.errors import UserError
from kerasgan.models import ContextEncoder
from kerasgan.models.context_encoder import ChannelwiseDense, known_pixels, predicted_region


def small_model(shape=(12, 8, 1)):
    """Of 12x8 pixels: a hole of 6x4, and a frame of one pixel around it."""
    keras.utils.set_random_seed(0)
    model = ContextEncoder(image_shape=shape, width=4, overlap=1)
    model.compile()
    return model


def softplus(x):
    return np.logaddexp(0, x)


@pytest.mark.parametrize("logit", [-2.0, 3.0])
def test_losses_against_numpy(logit, monkeypatch):
    model = small_model()
    constant_logit(model, "discriminator", logit)
    x = one_batch(model, "context_encoder")
    predicted, call = [], model.generator.call
    monkeypatch.setattr(model.generator, "call", lambda *a, **k: (predicted.append(call(*a, **k)), predicted[-1])[1])
    found, logs = losses_of_players(model, x, monkeypatch)
    (fake,) = predicted
    weight = np.full((8, 6, 1), 10.0)
    weight[1:-1, 1:-1] = 1
    reconstruction = np.mean(weight * (fake.numpy() - x.numpy()[:, 2:10, 1:7]) ** 2)
    assert found["discriminator"] == [pytest.approx(softplus(-logit) + softplus(logit))]
    assert found["generator"] == [pytest.approx(0.999 * reconstruction + 0.001 * softplus(-logit), rel=1e-5)]
    assert logs == pytest.approx(
        {"reconstruction": reconstruction, "adversarial": softplus(-logit), "d_loss": found["discriminator"][0]}
    )


def test_the_networks_see_what_they_should(monkeypatch):
    model = small_model()
    x = one_batch(model, "context_encoder")
    seen = {"generator": [], "discriminator": []}
    for name, inputs in seen.items():
        network = getattr(model, name)

        def call(x, inputs=inputs, call=network.call, **kwargs):
            inputs.append(x.numpy())
            return call(x, **kwargs)

        monkeypatch.setattr(network, "call", call)
    losses_of_players(model, x, monkeypatch)
    (blanked,) = seen["generator"]
    np.testing.assert_array_equal(blanked[:, 3:9, 2:6], 0)
    outside = np.ones((12, 8), bool)
    outside[3:9, 2:6] = False
    np.testing.assert_array_equal(blanked[:, outside], x.numpy()[:, outside])
    real, fake, judged = seen["discriminator"]
    np.testing.assert_array_equal(real, x[:, 2:10, 1:7])
    np.testing.assert_array_equal(fake, judged)


@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_each_player_goes_its_own_way(player):
    keras.utils.set_random_seed(0)
    model = ContextEncoder(image_shape=(12, 8, 1), width=4, overlap=1, reconstruction=0.0, adversarial=1.0)
    rates = {"discriminator": 0.0, "generator": 0.0, player: 1e-2}
    model.compile(**{name: keras.optimizers.SGD(rate) for name, rate in rates.items()})
    x = one_batch(model, "context_encoder", batch_size=32)

    def logits():
        fake = model.predict_region(x, training=True)
        fake = model.discriminator(fake, training=True)
        return float(tf.reduce_mean(model.discriminator(x[:, 2:10, 1:7], training=True) - fake)), float(
            tf.reduce_mean(fake)
        )

    gap, of_fake = logits()
    for _ in range(5):
        model.train_step(x)
    new_gap, new_of_fake = logits()
    assert new_gap > gap if player == "discriminator" else new_of_fake > of_fake


def test_known_pixels_stay_exactly_and_the_hole_is_ignored():
    shape = (9, 13, 3)
    model = small_model(shape)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (3, *shape), np.uint8)
    x[0].flat = np.arange(x[0].size) % 256  # every value there is
    known = model.known[..., 0]
    assert 0 < known.sum() < known.size
    translate, _ = model.endpoints()["translate"]
    completed = translate(x).numpy()
    np.testing.assert_array_equal(completed[:, known], x[:, known])
    floats = images.from_uint8(x)
    np.testing.assert_array_equal(model(floats).numpy()[:, known], floats.numpy()[:, known])

    other = x.copy()
    other[:, ~known] = rng.integers(0, 256, other[:, ~known].shape)
    np.testing.assert_array_equal(translate(other), completed)
    other = x.copy()
    other[:, 0] = 255 - other[:, 0]
    assert not np.array_equal(translate(other).numpy()[:, ~known], completed[:, ~known])


def test_the_prediction_lands_where_it_belongs():
    model = small_model()
    x = one_batch(model, "context_encoder")
    inside = model.predict_region(x).numpy()[:, 1:-1, 1:-1]  # without its frame
    np.testing.assert_array_equal(model(x).numpy()[:, 3:9, 2:6], inside)


@pytest.mark.parametrize(
    ("size", "hole", "rows", "columns"),
    [
        ((128, 128), 0.5, (32, 96), (32, 96)),
        ((9, 13), 0.5, (2, 6), (3, 9)),  # 4.5 rounds to 4; what is left over stands below and to the right
        ((8, 8), 0.01, (3, 4), (3, 4)),  # at least a pixel is missing
        ((8, 8), 0.99, (0, 7), (0, 7)),  # and at least one row and one column known
    ],
)
def test_the_hole_is_in_the_middle(size, hole, rows, columns):
    unknown = ~known_pixels(size, hole)[..., 0]
    assert np.flatnonzero(unknown.any(axis=1)).tolist() == list(range(*rows))
    assert np.flatnonzero(unknown.any(axis=0)).tolist() == list(range(*columns))
    assert unknown.sum() == (rows[1] - rows[0]) * (columns[1] - columns[0])


def test_the_predicted_region_ends_with_the_image():
    assert predicted_region((128, 128), 0.5, 7) == (slice(25, 103), slice(25, 103))
    assert predicted_region((9, 13), 0.5, 7) == (slice(0, 9), slice(0, 13))


@pytest.mark.parametrize("hole", [0.01, 0.3, 0.99])
def test_any_hole_can_be_predicted(hole):
    model = ContextEncoder(image_shape=(9, 13, 1), width=2, hole=hole, overlap=0)
    assert model(tf.zeros((2, 9, 13, 1))).shape == (2, 9, 13, 1)


@pytest.mark.parametrize("hole", [0.0, 1.0, -0.5, float("nan")])
def test_an_impossible_hole_is_an_error(hole):
    with pytest.raises(UserError, match="nothing to see or nothing to fill"):
        ContextEncoder(image_shape=(8, 8, 1), hole=hole)


def test_channelwise_dense_joins_the_pixels_of_a_feature_map_and_no_others():
    layer = ChannelwiseDense((1, 2))
    x = np.random.default_rng(0).normal(size=(3, 2, 2, 5)).astype(np.float32)
    found = layer(x).numpy()
    for channel in range(5):
        expected = x[..., channel].reshape(3, 4) @ layer.kernel.numpy()[channel]
        np.testing.assert_allclose(found[..., channel].reshape(3, 2), expected, rtol=1e-5, atol=1e-6)
    assert found.shape == (3, 1, 2, 5)


def test_the_context_encoder_learns_ten_times_as_fast_as_its_discriminator():
    rates = {name: float(o.learning_rate.numpy()) for name, o in small_model().optimizers.items()}
    assert rates == pytest.approx({"discriminator": 2e-4, "generator": 2e-3})


def test_a_model_without_latents_says_so():
    with pytest.raises(UserError, match="no latents"):
        small_model().prior(3)


def test_to_degrade_is_to_blank_what_is_filled():
    model = small_model()
    x = np.random.default_rng(0).integers(0, 256, (2, 12, 8, 1), np.uint8)
    verbs = {verb: function for verb, (function, _) in model.endpoints().items()}
    seen, known = verbs["degrade"](x).numpy(), np.broadcast_to(model.known, x.shape)
    np.testing.assert_array_equal(seen[known], x[known])
    assert set(seen[~known]) == {128}
    np.testing.assert_array_equal(verbs["translate"](seen), verbs["translate"](x))
