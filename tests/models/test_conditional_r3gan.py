"""R3GAN with labels: pairs of one label in its losses, its score against numpy, and that labels are minded."""

import numpy as np
import pytest
import tensorflow as tf
from conftest import losses_of_players, one_batch, small_model


def softplus(t):
    return np.log1p(np.exp(t))


def test_a_fake_image_competes_with_the_real_one_of_its_label(monkeypatch):
    model = small_model("conditional_r3gan")
    scores = iter([[3.0, -1.0, 0.5, -2.0], [4.0, 1.0], [1.5, -0.5]])  # real and fake; real and fake of the generator
    judged, drawn = [], []
    generator = model.generator

    def score(inputs, training):
        assert training
        judged.append(inputs)
        return tf.constant(next(scores))[:, None]

    def draw(inputs, training):
        assert training
        drawn.append(inputs[1])
        return generator(inputs, training=training)

    monkeypatch.setattr(model, "discriminator", score)
    monkeypatch.setattr(model, "generator", draw)
    monkeypatch.setattr(model, "penalty", lambda both, labels: tf.constant(6.0))
    x, y = one_batch(model, "conditional_r3gan", batch_size=2)
    found, logs = losses_of_players(model, (x, y), monkeypatch)
    d_loss = (softplus(0.5 - 3) + softplus(-2 + 1)) / 2 + model.gamma / 2 * 6
    g_loss = (softplus(4 - 1.5) + softplus(1 + 0.5)) / 2
    assert found == {"discriminator": [pytest.approx(d_loss)], "generator": [pytest.approx(g_loss)]}
    assert logs == {"d_loss": pytest.approx(d_loss), "g_loss": pytest.approx(g_loss)}
    np.testing.assert_array_equal(judged[0][0][:2], x[:2])
    np.testing.assert_array_equal(judged[1][0], x[2:])  # fresh images for the generator
    for labels, expected in zip(
        [*drawn, *(pair[1] for pair in judged)], [y[:2], y[2:], [*y[:2], *y[:2]], y[2:], y[2:]]
    ):
        np.testing.assert_array_equal(labels, expected)


def test_the_penalty_is_that_of_the_slopes_for_the_images_labels():
    model = small_model("conditional_r3gan", (8, 8, 1))
    x, y = tf.random.stateless_normal((4, 8, 8, 1), (1, 2)), tf.constant([0, 1, 0, 1])
    for w in model.discriminator.trainable_weights:
        if not w.numpy().any():  # or its blocks would be nothing
            w.assign(0.3 * tf.random.stateless_normal(w.shape, (3, 4)))
    steps = 1e-3 * tf.reshape(tf.eye(64), (64, 1, 8, 8, 1))
    many = tf.tile(y, [64])
    there, back = (
        tf.reshape(model.discriminator((tf.reshape(x + s, (-1, 8, 8, 1)), many)), (64, 4)) for s in (steps, -steps)
    )
    squares = (((there - back) / 2e-3).numpy() ** 2).sum(0)
    expected = squares[:2].mean() + squares[2:].mean()
    assert float(model.penalty(x, y)) == pytest.approx(expected, rel=0.02)
    assert float(model.penalty(x, 1 - y)) != pytest.approx(expected, rel=0.02)


def test_the_score_is_the_product_of_features_and_of_the_labels_embedding():
    model = small_model("conditional_r3gan", (8, 8, 1))
    x = tf.random.stateless_normal((3, 8, 8, 1), (1, 2))
    phi, embedding = model.discriminator.layers[-1].input
    features = tf.keras.Model(model.discriminator.inputs, [phi, embedding])
    found, directions = features((x, tf.constant([0, 1, 1])))
    kernel = next(w for w in model.discriminator.trainable_weights if w.shape == (model.classes, model.latent_dim))
    np.testing.assert_allclose(directions, kernel.numpy()[[0, 1, 1]], rtol=1e-6)
    expected = (found.numpy() * directions.numpy()).sum(1, keepdims=True)
    np.testing.assert_allclose(model.discriminator((x, tf.constant([0, 1, 1]))), expected, rtol=1e-5)


def test_one_latent_is_drawn_differently_for_each_label():
    model = small_model("conditional_r3gan")
    z = tf.repeat(model.prior(1, seed=0)[0], model.classes, axis=0)
    images = model((z, tf.range(model.classes))).numpy()
    assert np.abs(images[0] - images[1]).max() > 1e-3
