"""The VAE's bounds and its anomaly score."""

import numpy as np
import pytest
import tensorflow as tf
from conftest import small_model


def black_and_white(n):
    return tf.cast(tf.random.stateless_uniform((n, 12, 8, 1), (0, 1)) < 0.3, tf.float32) * 2 - 1


def wide_awake(model):
    """Let the latents say much, and the encoder be unsure."""
    for w in model.trainable_weights:
        if w.path.endswith("kernel"):
            w.assign(w * 2)


def test_bound_against_numpy(monkeypatch):
    model = small_model("vae")
    wide_awake(model)
    x = black_and_white(3)
    epsilon = np.random.default_rng(0).normal(size=(3, 5, 4))
    monkeypatch.setattr(model.noise, "normal", lambda shape: tf.constant(epsilon, tf.float32))
    mean, log_variance = (t.numpy().astype(np.float64)[:, None] for t in model.encoder(x))
    z = mean + np.exp(log_variance / 2) * epsilon
    p = 1 / (1 + np.exp(-model.decoder(z.reshape(15, 4)).numpy().astype(np.float64).reshape(3, 5, -1)))
    black = x.numpy().reshape(3, 1, -1) < 0
    log_w = np.log(np.where(black, 1 - p, p)).sum(-1)
    log_w += (-(z**2) / 2).sum(-1) - (-(epsilon**2) / 2 - log_variance / 2).sum(-1)
    expected = np.log(np.exp(log_w - log_w.max()).mean(axis=1)) + log_w.max()
    np.testing.assert_allclose(model.importance_weighted_bound(x, samples=5), expected, rtol=1e-5)


def test_bound_of_one_sample_is_the_elbo_and_more_samples_raise_it():
    model = small_model("vae")
    wide_awake(model)
    x = tf.repeat(black_and_white(1), 4000, axis=0)
    elbo = -float(model.negative_elbo(x, training=False)[0])
    bounds = {
        k: model.importance_weighted_bound(x[:n], samples=k).numpy() for k, n in ((1, 4000), (5, 2000), (50, 400))
    }
    deviation = bounds[1].std() / np.sqrt(4000)
    assert bounds[1].mean() == pytest.approx(elbo, abs=6 * deviation)
    assert bounds[1].mean() + 3 * deviation < bounds[5].mean() < bounds[50].mean()


def test_bound_reaches_log_p_where_that_is_known():
    model = small_model("vae")
    out = model.decoder.layers[-2]  # the decoder hears no latents: p(x|z) = p(x)
    out.kernel.assign(tf.zeros_like(out.kernel))
    out.bias.assign(tf.linspace(-2.0, 2.0, 96))
    for head in model.encoder.layers[-2:]:  # near the prior, where 50,000 samples are enough
        head.kernel.assign(0.7 * head.kernel)
    x = black_and_white(2)
    p = 1 / (1 + np.exp(-np.linspace(-2, 2, 96)))
    log_p = np.log(np.where(x.numpy().reshape(2, 96) > 0, p, 1 - p)).sum(axis=1)
    one = model.importance_weighted_bound(tf.repeat(x, 200, axis=0), samples=1).numpy().reshape(2, 200)
    assert (one.mean(axis=1) < log_p - 0.2).all()  # q is not the prior
    np.testing.assert_allclose(model.importance_weighted_bound(x, samples=50_000), log_p, atol=0.15)


def test_anomaly_score_is_a_reconstruction_probability_of_each_image_alone():
    model = small_model("vae")
    x = black_and_white(6)
    scores = model.anomaly_score(x)
    np.testing.assert_allclose(model.anomaly_score(x[3:4]), scores[3:4], rtol=1e-5)
    mean, log_variance = model.encoder(x)
    z = tf.random.stateless_normal((20_000, 4), (7, 7)) * tf.exp(log_variance[0] / 2) + mean[0]
    p = tf.sigmoid(model.decoder(z)).numpy()
    log_p = np.log(np.where(x[0].numpy() > 0, p, 1 - p)).sum(axis=(1, 2, 3))
    error = float(log_p.std()) / 100  # of the difference of two means of 20,000
    assert float(model.anomaly_score(x[:1], samples=20_000)[0]) == pytest.approx(-log_p.mean(), abs=5 * error)


def test_what_it_has_seen_scores_lower_than_what_it_has_not():
    model = small_model("vae")
    seen, unseen = -np.ones((4, 12, 8, 1), np.float32), np.ones((4, 12, 8, 1), np.float32)
    for _ in range(20):
        model.train_step(seen)
    assert max(model.anomaly_score(seen).numpy()) < min(model.anomaly_score(unseen).numpy())


def test_black_is_nothing_to_the_encoder():
    # taken as -1 it saturates the first layer, and most latents are never used
    model = small_model("vae")
    mean, log_variance = model.encoder(-tf.ones((1, *model.image_shape)))
    assert np.abs(mean).max() == np.abs(log_variance).max() == 0  # what biases begin with
