"""FastGAN against numpy: the losses of both players, what is rebuilt, what excites, and the layers of its own."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import losses_of_players, one_batch, small_model

from kerasgan.models import FastGAN, fastgan


def outputs_in_turns(network, monkeypatch, model, scores):
    """Let a network judge as told, call after call, and otherwise do as it does; return what it saw and returned."""
    calls = []

    def judge(images, training):
        assert training
        _, *rest = network(images, training=True)
        calls.append((images, rest))
        return [tf.fill((len(images), 2), scores[len(calls) - 1]), *rest]

    monkeypatch.setattr(model, "discriminator", judge)
    return calls


@pytest.mark.parametrize(
    ("scores", "hinge"),
    [((3.0, -3.0, -0.5), 0.0), ((-2.0, 0.5, 0.0), 4.5), ((0.25, -0.75, 1.0), 1.0)],
)
def test_the_hinge_loss_of_both_players_and_the_reconstruction_of_real_images_alone(scores, hinge, monkeypatch):
    model = small_model("fastgan")
    x = one_batch(model, "fastgan")
    calls = outputs_in_turns(model.discriminator, monkeypatch, model, scores)
    decoders, decoded = model.decoders, []

    def rebuild(features, training):
        assert training
        decoded.append((features, decoders(features, training=True)))
        return decoded[-1][1]

    monkeypatch.setattr(model, "decoders", rebuild)
    monkeypatch.setattr(tf.random, "stateless_uniform", lambda shape, seed: tf.fill(shape, 0.999))
    found, logs = losses_of_players(model, x, monkeypatch)

    real, fake, again = (images for images, _ in calls)
    np.testing.assert_array_equal(real, x)
    np.testing.assert_array_equal(fake, again)  # both players see one and the same pass of the generator
    ((features, (part, whole)),) = decoded  # of real images alone
    _, fine, coarse = calls[0][1]
    np.testing.assert_array_equal(features[0], fine[:, 6:12, 4:8])  # of 12x8 features, the last place there is
    np.testing.assert_array_equal(features[1], coarse)
    error = np.abs(part - x[:, 6:12, 4:8]).mean() + np.abs(whole - x).mean()
    assert found["discriminator"] == [pytest.approx(hinge + error, rel=1e-5)]
    assert found["generator"] == [pytest.approx(-scores[2])]
    assert logs == {
        "d_loss": pytest.approx(hinge),
        "reconstruction": pytest.approx(error, rel=1e-5),
        "g_loss": pytest.approx(-scores[2]),
    }


@pytest.mark.parametrize("draw", [0.0, 0.5, 0.999])
def test_features_and_image_are_cut_at_the_same_place(draw, monkeypatch):
    model = FastGAN((70, 64, 1), latent_dim=2, width=1)
    monkeypatch.setattr(tf.random, "stateless_uniform", lambda shape, seed: tf.fill(shape, draw))
    seen = np.random.default_rng(0).uniform(-1, 1, (2, 70, 64, 1)).astype(np.float32)
    fine = tf.random.stateless_normal((2, 18, 16, 4), (0, 0))  # a quarter of the size
    part, (of_image, whole) = model.part_and_targets(tf.constant(seen), fine)
    row, column = int(draw * (70 // 4 - 9 + 1)), int(draw * (16 - 8 + 1))
    np.testing.assert_array_equal(part, fine[:, row : row + 9, column : column + 8])
    np.testing.assert_array_equal(of_image, seen[:, 4 * row : 4 * row + 36, 4 * column : 4 * column + 32])
    np.testing.assert_allclose(whole, seen.reshape(2, 35, 2, 32, 2, 1).mean((2, 4)), atol=1e-6)
    decoded = model.decoders([part, tf.zeros((2, 9, 8, 8))])
    assert [tuple(images.shape) for images in decoded] == [(2, 36, 32, 1), (2, 36, 32, 1)]
    error = fastgan.mean_absolute_error(decoded[1], whole)  # the last row is of no pixel
    assert float(error) == pytest.approx(np.abs(decoded[1][:, :35] - whole).mean(), rel=1e-5)


def test_places_are_drawn_anew_for_each_batch_and_reach_all():
    model = FastGAN((16, 16, 1), latent_dim=2, width=1)
    rows = np.broadcast_to(np.arange(16, dtype=np.float32)[:, None, None], (1, 16, 16, 1))
    first = {int(model.part_and_targets(tf.constant(rows), tf.constant(rows))[0][0, 0, 0, 0]) for _ in range(100)}
    assert first == set(range(9))


def test_a_doubling_convolution_is_a_convolution_of_the_doubled_image():
    layer = fastgan.DoublingConv2D(5)
    x = tf.random.stateless_normal((2, 3, 4, 6), (0, 0))
    y = layer(x)
    doubled = np.repeat(np.repeat(x, 2, axis=1), 2, axis=2)
    np.testing.assert_allclose(y, tf.nn.conv2d(doubled, layer.normalized_kernel(False), 1, "SAME"), atol=1e-5)
    again = fastgan.DoublingConv2D.from_config(layer.get_config())
    assert again.compute_output_shape((2, 3, 4, 6)) == tuple(y.shape)


def test_half_of_the_channels_are_gates():
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 4)).astype(np.float32)
    np.testing.assert_allclose(fastgan.GLU()(x), x[..., :2] / (1 + np.exp(-x[..., 2:])), rtol=1e-5)


def test_noise_begins_at_nothing_is_one_for_all_channels_and_for_training_alone():
    layer = fastgan.NoiseInjection()
    x = tf.zeros((2, 30, 30, 3))
    np.testing.assert_array_equal(layer(x, training=True), x)
    layer.scale.assign(2.0)
    noise = layer(x, training=True).numpy()
    assert np.ptp(noise, axis=-1).max() == 0
    assert noise.std() == pytest.approx(2, rel=0.1)
    assert not np.array_equal(noise[0], noise[1])
    assert not np.array_equal(noise, layer(x, training=True))
    np.testing.assert_array_equal(layer(x), x)


def test_coarse_features_scale_the_channels_of_fine_ones():
    fine, coarse = keras.Input((7, 6, 3)), keras.Input((8, 8, 2))
    network = keras.Model((fine, coarse), fastgan.excited(fine, coarse, 2))
    x, c = (tf.random.stateless_normal((4, *side.shape[1:]), (0, 0)) for side in (fine, coarse))
    first, second = (
        layer.normalized_kernel(False).numpy() for layer in network.layers if layer.name.startswith("spectral_dense")
    )
    assert (first.shape, second.shape) == ((4 * 4 * 2, 3), (3, 3))  # 8x8 features become 4x4
    hidden = c.numpy().reshape(4, 4, 2, 4, 2, 2).mean((2, 4)).reshape(4, -1) @ first
    gate = 1 / (1 + np.exp(-np.where(hidden > 0, hidden, 0.1 * hidden) @ second))
    np.testing.assert_allclose(network((x, c)), x * gate[:, None, None], rtol=1e-4)


@pytest.mark.parametrize(
    ("size", "excitations"),
    [(8, [(4, 8)]), (32, [(4, 32)]), (64, [(4, 64)]), (256, [(4, 64), (8, 128), (16, 256)])],
)
def test_features_excite_those_of_sixteen_times_their_size(size, excitations):
    generator = fastgan.generator((size, size, 3), 2, 1)
    products = [layer for layer in generator.layers if isinstance(layer, keras.layers.Multiply)]
    found = []
    for product in products:
        excited, gate = product._inbound_nodes[0].input_tensors
        while not isinstance(gate._keras_history.operation, fastgan.GLU):
            gate = gate._keras_history.operation.input
        found.append((gate.shape[1], excited.shape[1]))
    assert found == excitations


def test_images_larger_than_128_are_judged_and_rebuilt_small_too():
    model = FastGAN((160, 136, 1), latent_dim=2, width=1)
    x = np.random.default_rng(0).uniform(-1, 1, (1, 160, 136, 1)).astype(np.float32)
    scores, seen, fine, last, small = model.discriminator(x)
    assert [tuple(t.shape[1:3]) for t in (fine, last, small)] == [(10, 9), (5, 5), (5, 5)]
    assert scores.shape == (1, 2 * 2 * 2)  # 2x2 patches of each
    np.testing.assert_array_equal(seen, x)
    part, targets = model.part_and_targets(seen, fine)
    decoded = model.decoders([part, last, small])
    assert [tuple(t.shape) for t in decoded] == [(1, 80, 80, 1)] * 3
    assert [tuple(t.shape) for t in targets] == [(1, 80, 80, 1), (1, 80, 68, 1)]


def test_the_sizes_of_the_paper():
    assert [fastgan.doublings((size, size, 3)) for size in (1024, 512, 256)] == [(7, 4, 4), (6, 4, 4), (5, 4, 4)]
    assert all(fastgan.encoded_sizes((size, size, 3))[-1] == (8, 8) for size in (1024, 512, 256, 64))
    assert fastgan.encoded_sizes((8, 9, 1)) == [(8, 9), (4, 5)]
