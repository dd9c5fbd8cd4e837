"""StyleGAN2: its losses and penalties against numpy, and what its layers do to features."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import SHAPE, losses_of_players, one_batch, small_model

from kerasgan.models import StyleGAN2
from kerasgan.models.stylegan2 import (
    EqualizedConv2D,
    EqualizedDense,
    MinibatchDeviation,
    StyledConv2D,
    StyledImage,
    blurred,
    doubled,
    halved,
)


def softplus(t):
    return np.log1p(np.exp(t))


def normal(shape, seed=0):
    return tf.random.stateless_normal(shape, (seed, 1))


def test_losses_are_of_raw_logits_and_penalties_weigh_as_much_as_steps_lie_between_them(monkeypatch):
    model = small_model("stylegan2")
    monkeypatch.setattr(model, "gradient_penalty", lambda x: tf.constant(3.0))
    monkeypatch.setattr(model, "path_lengths", lambda w: tf.constant([5.0]))
    x = one_batch(model, "stylegan2", batch_size=2)
    for step, due in ((0, True), (1, False), (2, True)):
        model.step.assign(step)
        model.mean_length.mean.assign(1.0)
        scores = iter([[2.0, -1.0], [0.5, -3.0], [4.0, 1.0]])
        monkeypatch.setattr(model, "discriminator", lambda x, training, s=scores: tf.constant(next(s))[:, None])
        found, logs = losses_of_players(model, x, monkeypatch)
        d_loss = np.mean(softplus(np.array([-2, 1]))) + np.mean(softplus(np.array([0.5, -3])))
        g_loss = np.mean(softplus(np.array([-4, -1])))
        assert logs == {"d_loss": pytest.approx(d_loss), "g_loss": pytest.approx(g_loss)}
        mean = 0.99 * 1 + 0.01 * 5
        assert found["discriminator"] == [pytest.approx(d_loss + due * model.penalty_every * 10 / 2 * 3)]
        assert found["generator"] == [pytest.approx(g_loss + due * model.path_every * 2 * (5 - mean) ** 2)]
        assert float(model.mean_length.mean) == pytest.approx(mean if due else 1.0)


def test_the_gradient_penalty_is_of_raw_logits_at_images_that_are_not_yet_augmented():
    model = StyleGAN2((8, 8, 1), latent_dim=4, width=4, mapping_layers=1, group=1, augment="color")
    x = normal((2, 8, 8, 1))
    with tf.GradientTape() as tape:
        tape.watch(x)
        state = model.augmentation.noise.state.numpy() if hasattr(model.augmentation, "noise") else None
        logits = model.discriminator(x, training=True)
    expected = np.mean(np.sum(tape.gradient(logits, x).numpy() ** 2, (1, 2, 3)))
    if state is not None:
        model.augmentation.noise.state.assign(state)  # the same changes once more
    assert float(model.gradient_penalty(x)) == pytest.approx(expected, rel=1e-4)


def test_path_lengths_are_those_of_finite_differences(monkeypatch):
    model = small_model("stylegan2", (8, 8, 1))
    w = model.in_all_layers(normal((2, 4)))
    y = normal((2, 8, 8, 1), 5)
    monkeypatch.setattr(model.noise, "normal", lambda shape: y)
    for layer in model.synthesis.layers:  # a linear network but for styles: rectifiers would spoil the comparison
        if isinstance(layer, StyledConv2D):
            layer.bias.assign(tf.fill(layer.bias.shape, 5.0))
    found = model.path_lengths(w).numpy()
    expected = []
    for i in range(2):
        total = 0.0
        for layer in range(w.shape[1]):
            for number in range(4):
                step = np.zeros((1, *w.shape[1:]), np.float32)
                step[0, layer, number] = 1e-2
                there, back = (model.synthesis(w[i : i + 1] + sign * step, training=True) for sign in (1, -1))
                total += (np.sum((there - back) * y[i].numpy()) / 8 / 2e-2) ** 2  # 8: the root of 8x8 pixels
        expected.append(np.sqrt(total / w.shape[1]))
    np.testing.assert_allclose(found, expected, rtol=0.02)


def test_styles_are_mixed_at_one_layer_of_most_images(monkeypatch):
    model = StyleGAN2((32, 32, 1), latent_dim=4, width=4, mapping_layers=1)
    w = model.drawn_styles(400).numpy()
    assert w.shape == (400, 8, 4)
    changes = (np.diff(w, axis=1) != 0).any(-1)
    assert set(changes.sum(1)) == {0, 1}  # never back again
    assert changes.any(1).mean() == pytest.approx(0.9, abs=0.05)
    assert (changes.mean(0) > 0.05).all()  # at any layer
    model.mixing = 0.0
    w = model.drawn_styles(10).numpy()
    assert not np.diff(w, axis=1).any()


def test_the_mean_style_follows_what_is_drawn_and_styles_can_be_brought_near_to_it():
    model = StyleGAN2((8, 8, 1), latent_dim=4, width=4, mapping_layers=1)
    for _ in range(3):
        model.drawn_styles(50)
    mean = model.mean_style.mean.numpy()
    assert mean.any()
    z = model.prior(3, seed=0)
    w = model.mapping(z).numpy()
    style, _ = model.endpoints()["style"]
    found = style(z, tf.constant([1.0, 0.5, 0.0])).numpy()
    expected = np.stack([w[0], (w[1] + mean) / 2, mean])
    np.testing.assert_allclose(found, np.repeat(expected[:, None], model.layers_with_styles, 1), atol=1e-6)


def test_a_styled_convolution_is_that_of_each_images_own_weights():
    layer = StyledConv2D(5)
    x, w = normal((3, 6, 4, 2)), normal((3, 4), 1)
    layer([x, w])
    style = w.numpy() @ layer.affine.kernel.numpy() / 2 + 1
    np.testing.assert_allclose(layer.affine(w), style, rtol=1e-5, atol=1e-6)
    for i in range(3):
        kernel = layer.kernel.numpy() * style[i][:, None]  # equation 1
        kernel /= np.sqrt((kernel**2).sum((0, 1, 2)) + 1e-8)  # equation 3
        expected = tf.nn.conv2d(x[i : i + 1], kernel, 1, "SAME")
        expected = np.sqrt(2) * tf.nn.leaky_relu(expected + layer.bias, 0.2)
        np.testing.assert_allclose(layer([x[i : i + 1], w[i : i + 1]]), expected, rtol=1e-4, atol=1e-5)


def test_noise_is_the_same_in_all_channels_and_weighs_nothing_at_first():
    layer = StyledConv2D(5)
    x, w = normal((2, 6, 4, 2)), normal((2, 4), 1)
    still = layer([x, w]).numpy()
    np.testing.assert_array_equal(layer([x, w], training=True), still)
    layer.strength.assign(0.5)

    def added(y):
        y, without = (np.where(y > 0, y, y / 0.2) / np.sqrt(2) for y in (y.numpy(), still))
        np.testing.assert_allclose(y - without, np.repeat((y - without)[..., :1], 5, -1), atol=1e-5)
        return (y - without)[..., :1]

    noise, again, fixed = added(layer([x, w], training=True)), added(layer([x, w], training=True)), added(layer([x, w]))
    assert np.abs(noise[0] - noise[1]).max() > 0.1  # each image has its own
    assert np.abs(noise - again).max() > 0.1
    assert noise.std() == pytest.approx(0.5, rel=0.4)
    np.testing.assert_allclose(fixed, np.repeat(0.5 * layer.fixed_noise.numpy(), 2, 0), atol=1e-5)


def test_images_are_styled_but_their_deviation_stays():
    layer = StyledImage(3)
    x, w = normal((2, 6, 4, 2)), normal((2, 4), 1)
    layer([x, w])
    style = layer.affine(w).numpy()
    kernel = layer.kernel.numpy()[0, 0] / np.sqrt(2)
    expected = np.einsum("nhwi,ni,io->nhwo", x, style, kernel)
    np.testing.assert_allclose(layer([x, w]), expected, rtol=1e-4, atol=1e-5)


def test_weights_are_scaled_where_they_are_used():
    dense, slow, convolution = EqualizedDense(500), EqualizedDense(500, pace=0.01), EqualizedConv2D(300, 3)
    x, image = normal((3, 200)), normal((2, 5, 5, 20))
    y, z, c = dense(x), slow(x), convolution(image)
    assert dense.kernel.numpy().std() == pytest.approx(1, rel=0.02)
    assert slow.kernel.numpy().std() == pytest.approx(100, rel=0.02)
    assert convolution.kernel.numpy().std() == pytest.approx(1, rel=0.02)
    np.testing.assert_allclose(y, x.numpy() @ dense.kernel.numpy() / np.sqrt(200), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(z, 0.01 * x.numpy() @ slow.kernel.numpy() / np.sqrt(200), rtol=1e-3, atol=1e-4)
    expected = tf.nn.conv2d(image, convolution.kernel.numpy() / np.float32(np.sqrt(180)), 1, "SAME")
    np.testing.assert_allclose(c, expected, rtol=1e-3, atol=1e-4)
    slow.bias.assign(tf.ones(500))
    np.testing.assert_allclose(slow(x) - z, np.full((3, 500), 0.01), atol=1e-5)


def test_latents_are_brought_to_the_same_length_before_they_are_mapped():
    model = small_model("stylegan2")
    z = model.prior(3, seed=0)
    np.testing.assert_allclose(model.mapping(z), model.mapping(10 * z), rtol=1e-4, atol=1e-6)
    normalised = keras.Model(model.mapping.inputs, model.mapping.layers[2].output)(z).numpy()
    np.testing.assert_allclose((normalised**2).mean(1), 1, rtol=1e-5)


@pytest.mark.parametrize("n", [4, 5, 1])
def test_images_beside_one_another_are_compared(n):
    x = normal((n, 3, 2, 4)).numpy()
    found = MinibatchDeviation(2)(tf.constant(x)).numpy()
    np.testing.assert_array_equal(found[..., :4], x)
    for first in range(0, n, 2):
        deviation = np.sqrt(x[first : first + 2].var(0) + 1e-8).mean()
        np.testing.assert_allclose(found[first : first + 2, :, :, 4], deviation, rtol=1e-4)


@pytest.mark.parametrize("size", [6, 7])
def test_resizing_filters_with_1_3_3_1(size):
    x = np.random.default_rng(0).normal(size=(1, size, size, 2)).astype(np.float32)
    taps = np.array([1, 3, 3, 1])

    def filtered(x, taps):
        rows = np.stack([x[:, i : i + 4] for i in range(x.shape[1] - 3)], 1)  # n, i, taps, columns, c
        x = np.einsum("nitjc,t->nijc", rows, taps)
        columns = np.stack([x[:, :, j : j + 4] for j in range(x.shape[2] - 3)], 2)
        return np.einsum("nijtc,t->nijc", columns, taps)

    zeros = np.zeros((1, 2 * size, 2 * size, 2))
    zeros[:, ::2, ::2] = x  # as in the authors' code: 2 before and 1 after, and the filter times 2 each way
    expected = filtered(np.pad(zeros, ((0, 0), (2, 1), (2, 1), (0, 0))), taps / 4)
    np.testing.assert_allclose(doubled(tf.constant(x)), expected, atol=1e-5)

    odd = size % 2
    expected = filtered(np.pad(x, ((0, 0), (2, 2 + odd), (2, 2 + odd), (0, 0))), taps / 8)
    np.testing.assert_allclose(blurred(tf.constant(x)), expected, atol=1e-5)
    expected = filtered(np.pad(x, ((0, 0), (1, 1 + odd), (1, 1 + odd), (0, 0))), taps / 8)[:, ::2, ::2]
    np.testing.assert_allclose(halved(tf.constant(x)), expected, atol=1e-5)


def test_the_paper_has_so_many_layers_and_channels():
    from kerasgan.models.stylegan2 import stages_of

    assert [channels for _, channels in stages_of((1024, 1024, 3), 512, 64)] == [32, 64, 128, 256] + [512] * 5
    model = StyleGAN2((32, 32, 3), latent_dim=8, width=4)
    images = [layer for layer in model.synthesis.layers if isinstance(layer, StyledImage)]
    convolutions = [layer for layer in model.synthesis.layers if isinstance(layer, StyledConv2D)]
    assert len(images) == 4  # of 4x4, 8x8, 16x16 and 32x32, which are added up
    assert len(convolutions) == 7
    assert model.layers_with_styles == 8
    assert len([layer for layer in model.mapping.layers if isinstance(layer, EqualizedDense)]) == 8


def test_nothing_bounds_the_generator_but_what_is_shown_of_it():
    model = small_model("stylegan2")
    for layer in model.synthesis.layers:
        if isinstance(layer, StyledImage):
            layer.bias.assign(layer.bias + 1)
    z = model.prior(4, seed=0)
    image = model.synthesis(model.in_all_layers(model.mapping(z)))
    assert np.abs(image).max() > 1
    np.testing.assert_array_equal(model(z), np.clip(image, -1, 1))
    assert model(z).shape == (4, *SHAPE)
