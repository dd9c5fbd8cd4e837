"""BigGAN: how latents and labels reach the generator, its penalty against numpy, truncation and standing statistics."""

import numpy as np
import pytest
import tensorflow as tf
from conftest import losses_of_players, one_batch, small_model

from kerasgan.layers import BatchNormalization, SpectralConv2D, SpectralDense
from kerasgan.models import BigGAN
from kerasgan.models.sagan import SelfAttention


def test_losses_of_both_players(monkeypatch):
    model = small_model("biggan")
    scores = iter([[2.0, 0.5, -3.0, 0.25], [-1.0, 1.0, -0.5, 0.0], [4.0, 1.0]])
    seen = []

    def score(inputs, training):
        assert training
        seen.append(inputs)
        return tf.constant(next(scores))[:, None]

    monkeypatch.setattr(model, "discriminator", score)
    monkeypatch.setattr(model, "not_orthogonal", lambda: tf.constant(5.0))
    x, y = batch = one_batch(model, "biggan", batch_size=2)
    found, logs = losses_of_players(model, batch, monkeypatch)
    losses = [np.mean([0, 0.5]) + np.mean([0, 1.25]), np.mean([2, 0]) + np.mean([0.5, 1])]
    assert found["discriminator"] == [pytest.approx(loss) for loss in losses]
    assert found["generator"] == [pytest.approx(-2.5 + 1e-4 * 5)]
    assert logs == {"d_loss": pytest.approx(losses[1]), "g_loss": pytest.approx(-2.5)}
    for i, part in enumerate((slice(0, 2), slice(2, 4))):  # fresh images in each of the discriminator's steps
        images, labels = seen[i]
        np.testing.assert_array_equal(images[:2], x[part])
        np.testing.assert_array_equal(labels, np.tile(y[part], 2))


def test_filters_of_the_generator_are_kept_orthogonal_and_the_embedding_is_not():
    model = small_model("biggan")
    assert float(model.not_orthogonal()) == pytest.approx(expected(model), rel=1e-4)
    before = float(model.not_orthogonal())
    (embedding,) = (layer for layer in model.generator.layers if layer.name.startswith("dense"))
    embedding.kernel.assign(embedding.kernel + 1)
    assert float(model.not_orthogonal()) == before
    convolution = next(layer for layer in model.generator.layers if isinstance(layer, SpectralConv2D))
    convolution.kernel.assign(2 * convolution.kernel + 0.1)
    assert float(model.not_orthogonal()) == pytest.approx(expected(model), rel=1e-4)
    convolution.kernel.assign(tf.zeros_like(convolution.kernel))
    rest = float(model.not_orthogonal())
    w = np.zeros((27 if convolution.kernel.shape[2] == 3 else 9 * convolution.kernel.shape[2], 4), np.float32)
    np.fill_diagonal(w, 7.0)  # long filters, at right angles: nothing is wrong with these
    convolution.kernel.assign(w.reshape(convolution.kernel.shape))
    assert float(model.not_orthogonal()) == pytest.approx(rest)


def expected(model):
    total = 0.0
    for layer in model.generator.layers:
        if isinstance(layer, SpectralConv2D | SpectralDense):
            w = layer.kernel.numpy().astype(np.float64)
            w = w.reshape(-1, w.shape[-1])
            total += ((w.T @ w * (1 - np.eye(w.shape[1]))) ** 2).sum()
    return total


def test_each_block_hears_its_own_share_of_the_latents_and_the_label():
    model = BigGAN((32, 32, 1), classes=3, latent_dim=9, shared_dim=5, width=4)
    scales = [layer for layer in model.generator.layers if isinstance(layer, SpectralDense)]
    # 9 among the first features and three blocks: 3, 2, 2 and 2; a block has two normalisations, each scale and shift
    assert [layer.kernel.shape[0] for layer in scales] == [3] + [7] * 12
    embeddings = [layer for layer in model.generator.layers if layer.name.startswith("dense")]
    assert [layer.kernel.shape for layer in embeddings] == [(3, 5)]  # shared by all blocks
    z = tf.random.stateless_normal((1, 9), (0, 0))
    image = model((z, tf.constant([0]))).numpy()
    for number in range(9):
        other = z + tf.one_hot([number], 9)
        assert np.abs(model((other, tf.constant([0]))).numpy() - image).max() > 0, number
    assert np.abs(model((z, tf.constant([1]))).numpy() - image).max() > 0


def test_attention_stands_at_64x64_of_larger_images():
    model = BigGAN((128, 128, 3), width=2)
    for network in (model.generator, model.discriminator):
        found = [layer.output.shape[1:3] for layer in network.layers if isinstance(layer, SelfAttention)]
        assert found == [(64, 64)]
    channels = [layer.output.shape[-1] for layer in model.generator.layers if layer.name.startswith("crop")] or [
        layer.output.shape[-1] for layer in model.generator.layers if layer.name.startswith("up_sampling")
    ][1::2]
    assert channels == [32, 16, 8, 4, 2]  # table 4a: 16, 8, 4, 2 and 1 times the width


def test_standing_statistics_are_means_of_batches_of_truncated_latents(monkeypatch):
    model = small_model("biggan")
    first = next(layer for layer in model.generator.layers if isinstance(layer, BatchNormalization))
    seen = []
    moments = first._moments

    def watched(inputs, mask):
        mean, variance = moments(inputs, mask)
        seen.append((mean.numpy(), variance.numpy()))
        return mean, variance

    monkeypatch.setattr(first, "_moments", watched)
    model.measure_standing_statistics(0.3, batches=5, batch_size=6)
    means, variances = map(np.array, zip(*seen, strict=True))
    assert len(means) == 5
    assert np.ptp(means, axis=0).max() > 0
    np.testing.assert_allclose(first.moving_mean, means.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(first.moving_variance, variances.mean(0), rtol=1e-4, atol=1e-6)
    assert first.momentum == 0.9
