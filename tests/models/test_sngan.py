"""SNGAN: its hinge loss against numpy, and what its networks are made of."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import losses_of_players, one_batch, small_model

from kerasgan.layers import SpectralConv2D, SpectralDense
from kerasgan.models import SNGAN


def test_losses_and_fresh_images_for_each_step_of_the_discriminator(monkeypatch):
    model = small_model("sngan")
    scores = iter([[2.0, 0.5, -3.0, 0.25], [-1.0, 1.0, -0.5, 0.0], [4.0, 1.0, 2.0, -1.0]])
    seen = []

    def score(x, training):
        assert training
        seen.append(x)
        return tf.constant(next(scores))[:, None]

    monkeypatch.setattr(model, "discriminator", score)
    batch = one_batch(model, "sngan", batch_size=2)
    found, logs = losses_of_players(model, batch, monkeypatch)
    first = np.mean([0, 0.5]) + np.mean([0, 1.25])  # E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))
    second = np.mean([2, 0]) + np.mean([0.5, 1])
    assert found["discriminator"] == [pytest.approx(first), pytest.approx(second)]
    assert found["generator"] == [pytest.approx(-1.5)]
    assert logs == {"d_loss": pytest.approx(second), "g_loss": pytest.approx(-1.5)}
    np.testing.assert_array_equal(seen[0][:2], batch[:2])
    np.testing.assert_array_equal(seen[1][:2], batch[2:])
    assert len(seen[2]) == 4  # twice as many images as a minibatch has


def test_every_kernel_of_the_discriminator_is_spectrally_normalised_and_none_of_the_generator():
    model = SNGAN((32, 32, 3), width=16)
    for layer in model.discriminator.layers:
        assert not layer.trainable_weights or isinstance(layer, SpectralConv2D | SpectralDense), layer.name
    assert not any(isinstance(layer, SpectralConv2D | SpectralDense) for layer in model.generator.layers)
    for layer in model.discriminator.layers:
        if layer.trainable_weights:
            for _ in range(50):
                kernel = layer.normalized_kernel(training=True)
            flat = np.reshape(kernel, (-1, kernel.shape[-1]))
            assert np.linalg.svd(flat, compute_uv=False)[0] == pytest.approx(1, rel=0.02)


def test_the_discriminators_features_are_sums_over_pixels_and_its_score_has_no_bias():
    model = SNGAN((32, 32, 3), width=8)
    *_, rectified, score = model.discriminator.layers
    assert rectified.output.shape == (None, 8, 8, 4)  # table 3b: 32x32 is halved twice
    x = tf.random.stateless_uniform((3, 32, 32, 3), (0, 0), -1, 1)
    features = keras.Model(model.discriminator.inputs, rectified.output)(x).numpy()
    w = score.normalized_kernel(training=False).numpy()
    np.testing.assert_allclose(model.discriminator(x), features.sum((1, 2)) @ w, rtol=1e-4, atol=1e-5)


def test_the_paper_has_so_many_blocks_and_channels():
    model = SNGAN((32, 32, 3))
    shapes = [layer.output.shape[1:] for layer in model.generator.layers if layer.name.startswith("add")]
    assert shapes == [(8, 8, 256), (16, 16, 256), (32, 32, 256)]
    shapes = [layer.output.shape[1:] for layer in model.discriminator.layers if layer.name.startswith("add")]
    assert shapes == [(16, 16, 128), (8, 8, 128), (8, 8, 128), (8, 8, 128)]
    larger = SNGAN((128, 128, 3), width=64)
    shapes = [layer.output.shape[1:] for layer in larger.generator.layers if layer.name.startswith("add")]
    assert [(size, channels) for size, _, channels in shapes] == [(8, 64), (16, 64), (32, 64), (64, 32), (128, 16)]


def test_learning_rates_of_both_players_fall_to_0_at_the_same_time():
    model = SNGAN((8, 8, 1), width=4, n_dis=3, total_steps=100)
    optimizers = [optimizer for optimizer, _ in model.players().values()]
    for optimizer, steps in zip(optimizers, (3, 1), strict=True):
        optimizer.build([])
        rates = []
        for step in (0, 50, 100, 200):
            optimizer.iterations.assign(steps * step)
            rates.append(float(optimizer.learning_rate))
        assert rates == pytest.approx([2e-4, 1e-4, 0, 0])


def test_the_shortcut_is_that_of_doubling_first():
    from kerasgan.models.sngan import doubling_block

    x = keras.Input((5, 4, 3))
    shortcuts = []

    def convolution(filters, size, use_bias):
        layer = keras.layers.Conv2D(filters, size, padding="same", use_bias=use_bias)
        if size == 1:
            shortcuts.append(layer)
        return layer

    block = keras.Model(x, doubling_block(x, 6, lambda x: x, convolution))
    image = tf.random.stateless_normal((2, 5, 4, 3), (1, 2))
    both = block.layers[-1].input  # what Add() adds up
    (shortcut,) = shortcuts
    expected = shortcut(tf.repeat(tf.repeat(image, 2, 1), 2, 2))
    np.testing.assert_allclose(keras.Model(x, both[1])(image), expected, atol=1e-6)
