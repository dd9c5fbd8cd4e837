"""RealNVP against numpy: the map, its inverse, its determinant, and what is counted in bits."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import one_batch, small_batches, small_model, values

import kerasgan
from kerasgan import saved_model
from kerasgan.models import RealNVP
from kerasgan.models.real_nvp import checkerboard, halved_channels, shapes_of_scales

pytestmark = pytest.mark.usefixtures("steps_taken_eagerly")  # a flow is a large graph, and is asked once or twice


def flow(shape=(8, 8, 1), random=True, **settings):
    """A small flow, by default with weights that make it far from the identity."""
    keras.utils.set_random_seed(1)
    model = RealNVP(shape, **{"width": 4, "growth": 1, "blocks": 1, **settings})
    if random:
        for i, weight in enumerate(model.trainable_weights):
            weight.assign_add(0.1 * tf.random.stateless_normal(weight.shape, (0, i)))
        for i, coupling in enumerate(couplings(model)):
            coupling.moving_mean.assign(tf.random.stateless_normal(coupling.moving_mean.shape, (1, i)))
            coupling.moving_variance.assign(tf.random.stateless_uniform(coupling.moving_mean.shape, (2, i), 0.5, 2))
    return model


def couplings(model):
    return [coupling for group in model.checkerboards + model.channels for coupling in group]


def whole_mask(coupling):
    return np.broadcast_to(coupling.mask, coupling.network.input_shape[1:])


def identity(shape=(8, 8, 1), **settings):
    """A flow whose networks give s = t = 0."""
    model = flow(shape, random=False, **settings)
    for coupling in couplings(model):
        last = coupling.network.weights[-3:]
        assert [w.path.rsplit("/")[-1] for w in last] == ["kernel", "weight_norm_scale", "bias"]
        last[1].assign(tf.zeros_like(last[1]))
    return model


def normal_images(shape, n=2):
    return tf.constant(np.random.default_rng(0).normal(size=(n, *shape)), tf.float32)


@pytest.mark.parametrize(
    ("shape", "settings"),
    [((8, 8, 1), {}), ((28, 28, 1), {"patch": 2}), ((9, 13, 3), {"patch": 2}), ((16, 24, 3), {"scales": 1})],
    ids=str,
)
def test_inverse_undoes_the_flow(shape, settings):
    model = flow(shape, **settings)
    y = normal_images(shape)
    z, _ = model.flow(y)
    assert z.shape == (2, model.latent_dim)
    assert np.abs(z - tf.reshape(y, z.shape)).max() > 0.5  # far from the identity
    np.testing.assert_allclose(model.inverse_flow(z), y, atol=1e-4)
    z = tf.random.stateless_normal((2, model.latent_dim), (0, 0))
    back, _ = model.flow(model.inverse_flow(z))
    np.testing.assert_allclose(back, z, atol=1e-3)


@pytest.mark.parametrize(("shape", "patch"), [((8, 8, 1), 1), ((10, 9, 1), 2)], ids=str)
def test_log_det_is_that_of_the_jacobian(shape, patch):
    model = flow(shape, patch=patch)
    y = normal_images(shape, n=1)
    with tf.GradientTape() as tape:
        tape.watch(y)
        z, log_det = model.flow(y)
    jacobian = tf.reshape(tape.jacobian(z, y), (model.latent_dim, model.latent_dim))
    _, expected = np.linalg.slogdet(jacobian.numpy().astype(float))
    assert np.abs(jacobian - np.eye(model.latent_dim)).max() > 0.1
    assert float(log_det[0]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1e-6])
def test_bits_of_the_identity_are_those_of_a_gaussian_on_logits(alpha):
    model = identity(alpha=alpha)
    u = np.random.default_rng(0).uniform(0.01, 0.99, (3, 8, 8, 1))
    p = alpha + (1 - 2 * alpha) * u
    y = np.log(p / (1 - p))
    density_of_u = np.exp(-(y**2) / 2) / np.sqrt(2 * np.pi) * (1 - 2 * alpha) / (p * (1 - p))
    expected = np.log(density_of_u / 256)
    got = model.log_density(tf.constant(u, tf.float32))
    np.testing.assert_allclose(got, expected.sum(axis=(1, 2, 3)), rtol=1e-5)
    bits = float(model.bits_per_dim(tf.constant(u, tf.float32)))
    assert bits == pytest.approx(-np.log2(density_of_u / 256).mean(), rel=1e-5)


def test_density_of_a_pixel_integrates_to_one():
    """With the identity, all pixels of an image are independent and alike: an image of one value has p(value)^64."""
    alpha = 0.05
    model = identity(alpha=alpha)
    border = alpha / (1 - 2 * alpha)  # where the logits end, outside the range of pixels
    u = np.linspace(-border, 1 + border, 4002)[1:-1]
    images = tf.constant(np.broadcast_to(u[:, None, None, None], (4000, 8, 8, 1)), tf.float32)
    density = np.exp(tf.function(model.log_density)(images).numpy().astype(float) / 64)
    assert density.sum() * 256 * (u[1] - u[0]) == pytest.approx(1, abs=1e-3)


def test_log_density_is_the_flows_change_of_variables():
    model = flow()
    u = np.random.default_rng(0).uniform(0.01, 0.99, (2, 8, 8, 1))
    p = 0.05 + 0.9 * u
    z, log_det = (t.numpy() for t in model.flow(tf.constant(np.log(p / (1 - p)), tf.float32)))
    expected = -0.5 * (z**2 + np.log(2 * np.pi)).sum(1) + log_det
    expected += np.log(0.9 / (p * (1 - p)) / 256).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(model.log_density(tf.constant(u, tf.float32)), expected, rtol=1e-4)


def test_noise_is_fresh_in_every_step_and_stays_in_the_bin(monkeypatch):
    model = small_model("real_nvp")
    x = one_batch(model, "real_nvp")
    pixels = np.round((x.numpy() + 1) * 127.5)
    seen = []
    bits_per_dim = model.bits_per_dim
    monkeypatch.setattr(model, "bits_per_dim", lambda u, training=False: (seen.append(u.numpy()), bits_per_dim(u))[1])
    model.train_step(x)
    model.train_step(x)
    model.test_step(x)
    for u in seen:
        np.testing.assert_array_equal(np.floor(256 * u.astype(float)), pixels)
    noise = [256 * u.astype(float) - pixels for u in seen]
    assert all(n.min() < 0.05 and n.max() > 0.95 and abs(n.mean() - 0.5) < 0.05 for n in noise)
    assert np.abs(noise[0] - noise[1]).mean() > 0.25
    assert np.abs(noise[1] - noise[2]).mean() > 0.25
    assert np.abs(noise[0][0] - noise[0][1]).mean() > 0.25  # each image has its own


def test_loss_is_bits_and_the_scales_of_normalised_weights(monkeypatch):
    model = flow(scale_decay=0.01)
    model.compile()
    found = []
    monkeypatch.setattr(model, "minimize", lambda player, loss, tape: found.append(float(loss)))
    logs = model.train_step(one_batch(model, "real_nvp", (8, 8, 1)))
    scales = [w.numpy() for w in model.trainable_weights if w.path.endswith("weight_norm_scale")]
    assert len(scales) == 10 * 6  # one for each convolution of ten networks: in, skip, two and skip of a block, out
    expected = float(logs["bits_per_dim"]) + 0.01 * sum(np.sum(s**2) for s in scales)
    assert found == [pytest.approx(expected, rel=1e-5)]


def test_steps_make_images_likelier():
    model = small_model("real_nvp")
    x = one_batch(model, "real_nvp")
    before = model.log_prob(x).numpy()
    for _ in range(5):
        model.train_step(x)
    assert np.all(model.log_prob(x).numpy() > before)


def test_identity_lays_latents_out_by_scale():
    """Of each 2x2 pixels, the upper two leave after the first scale, row by row; the lower two go on."""
    model = identity()
    y = normal_images((8, 8, 1), n=1)
    z, log_det = model.flow(y)
    upper, lower = y.numpy()[:, 0::2], y.numpy()[:, 1::2]
    np.testing.assert_array_equal(z, np.concatenate([upper.reshape(1, -1), lower.reshape(1, -1)], axis=1))
    assert float(log_det[0]) == 0


def test_masks():
    np.testing.assert_array_equal(checkerboard(3, 4)[..., 0], [[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1]])
    np.testing.assert_array_equal(halved_channels(4), [[[1, 1, 0, 0]]])
    model = flow((16, 16, 3))
    for group in model.checkerboards + model.channels:
        for first, second in itertools.pairwise(group):
            np.testing.assert_array_equal(first.mask + second.mask, 1)  # what the one kept, the next changes
    assert [len(group) for group in model.checkerboards] == [3, 3, 4]
    assert [len(group) for group in model.channels] == [3, 3]


def test_scales_halve_while_sides_are_even_and_above_4():
    assert shapes_of_scales((28, 28, 1), 8) == [(28, 28, 1), (14, 14, 2), (7, 7, 4)]
    assert shapes_of_scales((32, 32, 3), 8) == [(32, 32, 3), (16, 16, 6), (8, 8, 12), (4, 4, 24)]
    assert shapes_of_scales((32, 32, 3), 1) == [(32, 32, 3), (16, 16, 6)]
    assert shapes_of_scales((12, 8, 1), 8) == [(12, 8, 1), (6, 4, 2)]
    assert shapes_of_scales((9, 13, 3), 8) == [(9, 13, 3)]


def test_a_coupling_keeps_what_its_network_sees():
    model = flow()
    for coupling in (model.checkerboards[0][0], model.channels[0][0]):
        mask = whole_mask(coupling)
        x = normal_images(mask.shape)
        y, s = coupling(x)
        kept, moved = mask == 1, mask == 0
        np.testing.assert_array_equal(y.numpy()[:, kept], x.numpy()[:, kept])
        assert np.all(y.numpy()[:, moved] != x.numpy()[:, moved])
        assert not s.numpy()[:, kept].any()
        other = x + 3 * normal_images(mask.shape) * (1 - mask)  # nothing that the network may see
        np.testing.assert_array_equal(coupling(other)[1], s)
        assert np.abs(s).max() <= np.abs(coupling.scale.numpy()).max()


def test_what_a_coupling_changes_is_normalised_over_the_batch_while_training():
    model = flow()
    for coupling in (model.checkerboards[0][0], model.channels[0][0]):
        mask = whole_mask(coupling)
        moved = (mask == 0).all(axis=(0, 1)) if coupling in model.channels[0] else slice(None)
        x = 3 + normal_images(mask.shape, n=50)
        before = [w.numpy() for w in (coupling.moving_mean, coupling.moving_variance)]
        coupling(x)
        np.testing.assert_array_equal(coupling.moving_mean, before[0])  # nothing moves at inference
        y, log_scale = coupling(x, training=True)
        changed = y.numpy()[:, mask == 0].reshape(50, -1, coupling.moving_mean[moved].shape[0])
        np.testing.assert_allclose(changed.mean(axis=(0, 1)), 0, atol=1e-4)
        np.testing.assert_allclose(changed.var(axis=(0, 1)), 1, rtol=1e-3)

        s, t = coupling.scale_and_translation(x)
        plain = (x * tf.exp(s) + t).numpy()[:, mask == 0].reshape(changed.shape)
        mean, variance = plain.mean(axis=(0, 1)), plain.var(axis=(0, 1))
        for now, average, old in zip((mean, variance), (coupling.moving_mean, coupling.moving_variance), before):
            np.testing.assert_allclose(average.numpy()[moved], (0.99 * old[moved] + 0.01 * now), rtol=1e-4)
        expected = s.numpy()[:, mask == 0].reshape(changed.shape) - 0.5 * np.log(variance)
        np.testing.assert_allclose(
            log_scale.numpy()[:, mask == 0].reshape(changed.shape), expected, rtol=1e-3, atol=1e-4
        )
        assert not log_scale.numpy()[:, mask == 1].any()


def test_pixels_survive_encoding_and_decoding():
    model = flow((12, 8, 3))
    pixels = np.random.default_rng(0).integers(0, 256, (4, 12, 8, 3), np.uint8)
    pixels[0], pixels[1] = 0, 255
    verbs = {verb: function for verb, (function, _) in model.endpoints().items()}
    np.testing.assert_array_equal(verbs["decode"](verbs["encode"](pixels)), pixels)


def test_the_exported_flow_has_plain_kernels_and_the_same_outputs():
    model = flow((28, 28, 1), patch=2)
    exported = model.for_inference()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8)
    for verb, inputs in [("encode", (pixels,)), ("log_prob", (pixels,)), ("sample", (tf.constant(3), tf.constant(0)))]:
        ours, its = (each.endpoints()[verb][0](*inputs) for each in (model, exported))
        np.testing.assert_allclose(its, ours, rtol=1e-5, atol=1e-4)
    for ours, its in zip(couplings(model), couplings(exported), strict=True):
        assert len(ours.network.weights) == 18  # a kernel, a scale and a bias of each convolution: it learns with them
        assert len(its.network.weights) == 12


def test_log_prob_is_a_mean_over_the_bins_and_an_images_own():
    model = flow()
    x = one_batch(model, "real_nvp", (8, 8, 1), batch_size=3)
    whole = model.log_prob(x).numpy()
    np.testing.assert_array_equal(model.log_prob(x), whole)
    np.testing.assert_allclose(model.log_prob(x[1:2])[0], whole[1], rtol=1e-5)
    points = tf.random.stateless_uniform((4, 1, 8, 8, 1), [0, 0])
    each = [model.log_density((tf.round((x + 1) * 127.5) + point) / 256) for point in points]
    np.testing.assert_allclose(whole, np.mean(each, axis=0), rtol=1e-5)
    verbs = {verb: function for verb, (function, _) in model.endpoints().items()}
    pixels = tf.cast(tf.round((x + 1) * 127.5), tf.uint8)
    np.testing.assert_allclose(verbs["log_prob"](pixels), whole, rtol=1e-5)
    np.testing.assert_array_equal(verbs["anomaly_score"](pixels), -verbs["log_prob"](pixels).numpy())


def test_an_exported_flow_scores_an_image_the_same_every_time(tmp_path):
    """Draws in parallel iterations crashed, or now and then scored an image wrong."""
    small_model("real_nvp").export(tmp_path)
    model = kerasgan.load(tmp_path)
    image = np.arange(96, dtype="uint8").reshape(1, 12, 8, 1)
    assert len({float(model.log_prob(images=image)[0]) for _ in range(300)}) == 1


def test_is_evaluated_on_held_out_images():
    model, batches = small_model("real_nvp", run_eagerly=True), small_batches("real_nvp")
    before = values(model.trainable_weights)
    result = model.evaluate(batches, verbose=0, return_dict=True)
    whole = -model.log_prob(batches.first(32)).numpy().mean() / np.log(2) / model.latent_dim
    assert result["bits_per_dim"] == pytest.approx(whole, rel=0.01)  # up to the noise
    for weight, b in zip(model.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), b)
    history = model.fit(batches, steps_per_epoch=1, verbose=0, validation_data=batches).history
    assert set(history) == {"bits_per_dim", "val_bits_per_dim"}


def test_learning_rate_falls_to_zero_over_the_steps_planned():
    model = RealNVP((8, 8, 1), width=4, total_steps=200)
    rate = model.players()["flow"][0].learning_rate
    optimizer = model.players()["flow"][0]
    rates = []
    for step in (0, 100, 200):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    assert rates == pytest.approx([1e-3, 5e-4, 0], abs=1e-9), rate


def test_stored_in_half_it_makes_the_same_images(monkeypatch):
    model = small_model("real_nvp")
    endpoints = RealNVP.endpoints
    monkeypatch.setattr(RealNVP, "endpoints", lambda self: {"decode": endpoints(self)["decode"]})  # for time
    decode, _ = saved_model.halved(model)["decode"]
    z = model.prior(4, seed=0)
    whole = model.endpoints()["decode"][0](z)
    assert np.abs(whole.numpy().astype(int) - decode(z).numpy()).max() <= 2
