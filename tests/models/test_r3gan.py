"""R3GAN: its losses against numpy, its penalties against finite differences, and how its networks start."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import losses_of_players, one_batch, small_model

from kerasgan.errors import UserError
from kerasgan.models import R3GAN
from kerasgan.models.r3gan import doubled, halved


def softplus(t):
    return np.log1p(np.exp(t))


def test_losses_compare_each_real_image_with_its_own_fake(monkeypatch):
    model = small_model("r3gan")
    scores = iter([[3.0, -1.0, 0.5, -2.0], [4.0, 1.0], [1.5, -0.5]])  # real and fake; real and fake of the generator
    seen = []

    def score(x, training):
        assert training
        seen.append(x)
        return tf.constant(next(scores))[:, None]

    monkeypatch.setattr(model, "discriminator", score)
    monkeypatch.setattr(model, "penalty", lambda both: tf.constant(6.0))
    batch = one_batch(model, "r3gan", batch_size=2)
    found, logs = losses_of_players(model, batch, monkeypatch)
    d_loss = (softplus(0.5 - 3) + softplus(-2 + 1)) / 2 + model.gamma / 2 * 6
    g_loss = (softplus(4 - 1.5) + softplus(1 + 0.5)) / 2
    assert found == {"discriminator": [pytest.approx(d_loss)], "generator": [pytest.approx(g_loss)]}
    assert logs == {"d_loss": pytest.approx(d_loss), "g_loss": pytest.approx(g_loss)}
    np.testing.assert_array_equal(seen[0][:2], batch[:2])
    np.testing.assert_array_equal(seen[1], batch[2:])  # fresh images for the generator


def test_the_penalty_is_that_of_the_slopes_at_real_and_at_fake_images():
    model = small_model("r3gan", (8, 8, 1))
    x = tf.random.stateless_normal((4, 8, 8, 1), (1, 2))
    for w in model.discriminator.trainable_weights:
        if not w.numpy().any():  # or its blocks would be nothing, and the discriminator linear
            w.assign(0.3 * tf.random.stateless_normal(w.shape, (3, 4)))
    steps = 1e-3 * tf.reshape(tf.eye(64), (64, 1, 8, 8, 1))
    there, back = (tf.reshape(model.discriminator(tf.reshape(x + s, (-1, 8, 8, 1))), (64, 4)) for s in (steps, -steps))
    slopes = (there - back) / 2e-3
    squares = (slopes.numpy() ** 2).sum(0)
    assert float(model.penalty(x)) == pytest.approx(squares[:2].mean() + squares[2:].mean(), rel=0.02)


def test_a_lazy_penalty_weighs_as_much_on_average():
    model = R3GAN(image_shape=(8, 8, 1), width=4, groups=1, blocks=1, penalty_every=3)
    x = tf.random.stateless_normal((4, 8, 8, 1), (1, 2))
    found = []
    for step in range(6):
        model.step.assign(step)
        found.append(float(model.penalty(x)))
    model.penalty_every = 1
    each = float(model.penalty(x))
    assert found == [pytest.approx(3 * each), 0, 0] * 2


def test_gamma_falls_by_half_a_cosine_and_stays():
    model = R3GAN(image_shape=(8, 8, 1), width=4, groups=1, blocks=1, gamma=2.0, gamma_last=0.2, total_steps=100)
    for step, gamma in {0: 2.0, 25: 0.2 + 1.8 * (1 + math.cos(math.pi / 4)) / 2, 50: 1.1, 100: 0.2, 900: 0.2}.items():
        model.step.assign(step)
        assert float(model.gamma_now()) == pytest.approx(gamma, rel=1e-5)


def test_blocks_start_as_nothing_and_the_rest_by_the_number_of_blocks():
    model = R3GAN(image_shape=(16, 16, 3), width=64, groups=4, blocks=2)
    for network in (model.generator, model.discriminator):
        kernels = [layer.kernel.numpy() for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
        kernels = [k for k in kernels if k.shape[-1] != 3 and k.shape[-2] != 3]  # neither to nor from an image
        wide, grouped, narrow = kernels[0::3], kernels[1::3], kernels[2::3]
        assert len(wide) == len(grouped) == len(narrow) == 6  # two at each of three sizes
        assert not any(k.any() for k in narrow)
        gain = math.sqrt(2 / 1.04) * 6**-0.25
        for k in wide:
            assert k.shape == (1, 1, 64, 128)
            assert k.std() == pytest.approx(gain / math.sqrt(64), rel=0.05)
        for k in grouped:
            assert k.shape == (3, 3, 32, 128)
            assert k.std() == pytest.approx(gain / math.sqrt(9 * 32), rel=0.05)


def test_the_paper_has_so_many_channels_at_each_size():
    from kerasgan.models.r3gan import stages_of

    found = [stage[1:] for stage in stages_of((256, 256, 3), 768, 32, 2, 96)]
    assert found == [(96, 12), (192, 24), (384, 48), (768, 96), (768, 96), (768, 96), (768, 96)]


def test_groups_that_channels_cannot_be_shared_among_are_an_error_in_one_line():
    with pytest.raises(UserError, match="20 channels .* among 8 groups"):
        R3GAN(image_shape=(8, 8, 1), width=10, groups=8)


@pytest.mark.parametrize("size", [6, 7])
def test_resizing_filters_with_1_2_1(size):
    x = np.random.default_rng(0).normal(size=(1, size, size, 2)).astype(np.float32)
    padded = np.pad(x, ((0, 0), (1, 2), (1, 2), (0, 0)))
    taps = np.array([1, 2, 1]) / 4
    half = -(-size // 2)
    expected = np.zeros((1, half, half, 2))
    for i in range(half):
        for j in range(half):
            square = padded[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
            expected[:, i, j] = np.einsum("nijc,i,j->nc", square, taps, taps)
    np.testing.assert_allclose(halved(tf.constant(x)), expected, atol=1e-6)

    zeros = np.zeros((1, 2 * size + 2, 2 * size + 2, 2))  # a pixel at every other place
    zeros[:, 2::2, 2::2] = x
    expected = np.zeros((1, 2 * size, 2 * size, 2))
    for i in range(2 * size):
        for j in range(2 * size):
            square = zeros[:, i : i + 3, j : j + 3]
            expected[:, i, j] = np.einsum("nijc,i,j->nc", square, 2 * taps, 2 * taps)
    np.testing.assert_allclose(doubled(tf.constant(x)), expected, atol=1e-6)


def test_nothing_bounds_the_generator_but_what_is_shown_of_it():
    model = small_model("r3gan")
    z = 100 * model.prior(4, seed=0)
    assert np.abs(model.generator(z)).max() > 1
    np.testing.assert_array_equal(model(z), np.clip(model.generator(z), -1, 1))
