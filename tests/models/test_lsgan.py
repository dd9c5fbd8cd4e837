"""LSGAN's losses against numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import constant_logit, losses_of_players, one_batch, small_model


@pytest.mark.parametrize("score", [-3.0, 0.0, 0.5, 1.0, 4.0])
def test_real_images_are_pulled_to_one_and_fake_ones_to_zero(score, monkeypatch):
    model = small_model("lsgan")
    constant_logit(model, "discriminator", score)
    found, logs = losses_of_players(model, one_batch(model, "lsgan"), monkeypatch)
    assert found["discriminator"] == [pytest.approx(((score - 1) ** 2 + score**2) / 2)]
    assert found["generator"] == [pytest.approx((score - 1) ** 2 / 2)]
    assert logs == {"d_loss": found["discriminator"][0], "g_loss": found["generator"][0]}


def test_a_fake_that_is_surely_rejected_still_pulls_where_a_logarithm_does_not(monkeypatch):
    """The gradient of each generator loss at a score of -20, per unit of score: figure 1 of the paper."""
    score = tf.Variable(-20.0)
    with tf.GradientTape(persistent=True) as tape:
        least_squares = 0.5 * (score - 1) ** 2
        saturating = -tf.nn.softplus(score)  # log(1 - D)
    assert float(tape.gradient(least_squares, score)) == pytest.approx(-21)
    assert abs(float(tape.gradient(saturating, score))) < 1e-8


def test_the_generator_moves_towards_a_score_of_one():
    model = small_model("lsgan", discriminator=keras.optimizers.SGD(0.0), generator=keras.optimizers.SGD(1e-2))
    z = model.prior(128, seed=0)

    def off():
        return float(tf.reduce_mean((model.discriminator(model.generator(z, training=True), training=True) - 1) ** 2))

    before = off()
    for _ in range(10):
        model.train_step(one_batch(model, "lsgan", batch_size=32))
    assert off() < before


def test_each_player_sees_fakes_of_its_own(monkeypatch):
    model = small_model("lsgan")
    seen, call = [], model.discriminator.call
    monkeypatch.setattr(model.discriminator, "call", lambda x, **kwargs: (seen.append(x.numpy()), call(x, **kwargs))[1])
    batch = one_batch(model, "lsgan")
    model.train_step(batch)
    real, fake, other = seen
    np.testing.assert_array_equal(real, batch)
    assert not np.array_equal(fake, other)
