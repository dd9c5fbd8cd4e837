"""SAGAN: its attention against numpy, its losses, and where attention stands."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import losses_of_players, one_batch, small_model

from kerasgan.layers import SpectralConv2D, SpectralDense
from kerasgan.models import SAGAN
from kerasgan.models.sagan import SelfAttention


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize(("rows", "columns"), [(4, 6), (5, 3)])
def test_attention_is_that_of_the_authors_code(rows, columns):
    layer = SelfAttention()
    x = tf.random.stateless_normal((2, rows, columns, 16), (0, 1))
    np.testing.assert_array_equal(layer(x), x)  # sigma is 0 at first
    layer.sigma.assign(0.7)

    query, key, value, last = (
        np.reshape(its.normalized_kernel(training=False), its.kernel.shape[2:])
        for its in (layer.query, layer.key, layer.value, layer.output_of)
    )
    assert [w.shape[1] for w in (query, key, value, last)] == [2, 2, 8, 16]

    def pooled(x):
        x = np.pad(x, ((0, 0), (0, rows % 2), (0, columns % 2), (0, 0)), constant_values=-np.inf)
        n, height, width, c = x.shape
        return x.reshape(n, height // 2, 2, width // 2, 2, c).max((2, 4)).reshape(n, -1, c)

    x = x.numpy()
    q, k, v = (x @ query).reshape(2, rows * columns, -1), pooled(x @ key), pooled(x @ value)
    weights = softmax(q @ k.transpose(0, 2, 1))
    assert weights.shape[1:] == (rows * columns, -(-rows // 2) * -(-columns // 2))
    expected = x + 0.7 * (weights @ v).reshape(2, rows, columns, 8) @ last
    np.testing.assert_allclose(layer(tf.constant(x)), expected, rtol=1e-4, atol=1e-5)


def test_attention_sees_all_of_the_image_and_learns_where_to_look():
    layer = SelfAttention()
    x = tf.random.stateless_normal((1, 8, 8, 16), (0, 1))
    layer(x)
    layer.sigma.assign(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)[0, 0, 0, 0]
    assert (np.abs(tape.gradient(y, x)[0]).max(-1) > 0).mean() > 0.25  # a largest of each 2x2, of 8 values
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 2)
    gradients = tape.gradient(loss, layer.trainable_weights)
    assert all(np.abs(g).max() > 0 for g in gradients)
    assert len(gradients) == 5


def test_losses_of_both_players(monkeypatch):
    model = small_model("sagan")
    scores = iter([[2.0, 0.5, -3.0, 0.25], [4.0, 1.0]])
    seen = []

    def score(inputs, training):
        assert training
        seen.append(inputs)
        return tf.constant(next(scores))[:, None]

    monkeypatch.setattr(model, "discriminator", score)
    x, y = batch = one_batch(model, "sagan", batch_size=2)
    found, logs = losses_of_players(model, batch, monkeypatch)
    d_loss = np.mean([0, 0.5]) + np.mean([0, 1.25])
    assert found == {"discriminator": [pytest.approx(d_loss)], "generator": [pytest.approx(-2.5)]}
    assert logs == {"d_loss": pytest.approx(d_loss), "g_loss": pytest.approx(-2.5)}
    images, labels = seen[0]
    np.testing.assert_array_equal(images[:2], x)
    np.testing.assert_array_equal(labels, np.concatenate([y, y]))
    np.testing.assert_array_equal(seen[1][1], y)


def test_kernels_of_both_networks_are_spectrally_normalised():
    model = SAGAN((32, 32, 3), width=4)
    of_labels = len(model.generator.inputs[1].shape)  # scales and shifts are looked up by label
    assert of_labels == 1
    for network in (model.generator, model.discriminator):
        for layer in network.layers:
            plain = isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)
            assert not plain or (network is model.generator and layer.kernel.shape[0] == model.classes), layer.name
        assert any(isinstance(layer, SpectralConv2D | SpectralDense) for layer in network.layers)


@pytest.mark.parametrize(
    ("shape", "place"), [((128, 128, 3), (32, 32)), ((32, 32, 3), (16, 16)), ((9, 13, 1), (5, 7)), ((8, 8, 1), (4, 4))]
)
def test_attention_stands_once_in_each_network(shape, place):
    model = SAGAN(shape, width=2)
    for network in (model.generator, model.discriminator):
        found = [layer.output.shape[1:3] for layer in network.layers if isinstance(layer, SelfAttention)]
        assert found == [place]


def test_the_discriminator_learns_four_times_as_fast():
    rates = {player: float(o.learning_rate) for player, (o, _) in small_model("sagan").players().items()}
    assert rates == {"discriminator": pytest.approx(4e-4), "generator": pytest.approx(1e-4)}
