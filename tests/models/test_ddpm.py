"""DDPM: noise schedule, loss, average and both samplers, against numpy and closed forms."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasgan.errors import UserError
from kerasgan.models import DDPM
from kerasgan.models.ddpm import TimeEmbedding, Warmup, denoiser

SHAPE = (8, 8, 1)
T = 40


def model(compiled=False, **settings):
    """The smallest DDPM, whose last time is all noise."""
    keras.utils.set_random_seed(0)
    small = {"width": 4, "multipliers": "1", "blocks": 1, "timesteps": T, "beta_last": 0.5, "sampling_steps": 5}
    made = DDPM(image_shape=SHAPE, **{**small, **settings})
    if compiled:
        made.compile()
    return made


@pytest.fixture(scope="module")
def ddpm():
    """A model that no test changes for good."""
    return model(compiled=True)


def beta_and_alpha_bar(first, last, timesteps):
    """Section 4's schedule, beta_t at index t, and equation 4's products of 1 - beta."""
    beta = np.array([0.0] + [first + (last - first) * i / (timesteps - 1) for i in range(timesteps)])
    return beta, np.exp(np.cumsum(np.log1p(-beta)))


BETA, ALPHA_BAR = beta_and_alpha_bar(1e-4, 0.5, T)


def images(n, seed=0):
    return np.random.default_rng(seed).uniform(-0.9, 0.9, (n, *SHAPE)).astype(np.float32)


def normal(n, seed=1):
    return np.random.default_rng(seed).normal(size=(n, *SHAPE)).astype(np.float32)


def knows(point, alpha_bar=ALPHA_BAR, seen=None):
    """The perfect denoiser where `point` is the only image: what of x_t is not the image is noise."""

    def noise_in(inputs, training=False):
        x_t, t = inputs
        if seen is not None:
            seen.append(np.unique(t).tolist())
        signal, noise = (
            tf.reshape(tf.gather(tf.constant(np.sqrt(share), tf.float32), t), (-1, 1, 1, 1))
            for share in (alpha_bar, 1 - alpha_bar)
        )
        return (x_t - signal * point) / noise

    return noise_in


def test_schedule_of_the_paper():
    found = model(timesteps=1000, beta_last=0.02, sampling_steps=50)
    beta, alpha_bar = beta_and_alpha_bar(1e-4, 0.02, 1000)
    np.testing.assert_allclose(found.beta, beta)
    np.testing.assert_allclose(found.alpha_bar, alpha_bar, rtol=1e-9)
    assert found.alpha_bar[0] == 1
    # section 4: the signal left at T is so small that L_T is about 1e-5 bits a dimension
    assert found.alpha_bar[1000] == pytest.approx(4.0358e-5, rel=1e-4)


@pytest.mark.parametrize("t", [1, 10, T])
def test_moments_of_x_t_given_x_0(ddpm, t):
    n, x_0 = 4000, images(1)
    x_t = ddpm.diffuse(x_0, tf.fill((n,), t), normal(n)).numpy()
    standardised = (x_t - np.sqrt(ALPHA_BAR[t]) * x_0) / np.sqrt(1 - ALPHA_BAR[t])
    assert abs(standardised.mean()) < 5 / np.sqrt(standardised.size)
    assert standardised.var() == pytest.approx(1, abs=5 * np.sqrt(2 / standardised.size))
    # and as the chain of equation 2 has it, whose every step adds a little noise
    chain, rng = np.repeat(x_0, n, axis=0), np.random.default_rng(2)
    for beta in BETA[1 : t + 1]:
        chain = np.sqrt(1 - beta) * chain + np.sqrt(beta) * rng.normal(size=chain.shape)
    np.testing.assert_allclose(chain.mean(), x_t.mean(), atol=0.02)
    np.testing.assert_allclose((chain - chain.mean(0)).var(), (x_t - x_t.mean(0)).var(), rtol=0.02)


def test_times_are_uniform_and_noise_is_normal_and_fresh(ddpm):
    n = 8000
    x_t, t, epsilon = ddpm.noisy(np.zeros((n, *SHAPE), np.float32))
    counts = np.bincount(t.numpy(), minlength=T + 1)
    assert counts[0] == 0
    assert len(counts) == T + 1
    chi_squared = ((counts[1:] - n / T) ** 2 / (n / T)).sum()
    assert chi_squared < 80  # of 39 degrees of freedom: less likely than 1 in 10,000
    assert abs(epsilon.numpy().mean()) < 5 / np.sqrt(n * 64)
    assert epsilon.numpy().std() == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(x_t[:5], np.sqrt(1 - ALPHA_BAR[t[:5]])[:, None, None, None] * epsilon[:5], atol=1e-5)
    assert abs(np.corrcoef(epsilon[0].numpy().ravel(), epsilon[1].numpy().ravel())[0, 1]) < 0.5
    _, next_t, next_epsilon = ddpm.noisy(np.zeros((n, *SHAPE), np.float32))
    assert not np.array_equal(t, next_t)
    assert not np.array_equal(epsilon[:5], next_epsilon[:5])


def test_loss_against_numpy(ddpm, monkeypatch):
    x, found = images(6), []
    noise = ddpm.noise.get_weights()
    monkeypatch.setattr(ddpm, "minimize", lambda player, loss, tape: found.append((player, float(loss))))
    ddpm.train_step(x)
    ddpm.noise.set_weights(noise)
    t = 1 + np.floor(T * ddpm.noise.uniform((6,)).numpy()).astype(int)
    epsilon = ddpm.noise.normal((6, *SHAPE)).numpy()
    a = ALPHA_BAR[t][:, None, None, None]
    x_t = np.sqrt(a) * x + np.sqrt(1 - a) * epsilon
    guess = ddpm.denoiser([x_t.astype(np.float32), t.astype(np.int32)]).numpy()  # without dropout, then with
    assert found == [("denoiser", pytest.approx(np.mean((epsilon - guess) ** 2), rel=0.1))]
    assert float(ddpm.metrics[0].result()) == found[0][1]

    ddpm.noise.set_weights(noise)
    monkeypatch.setattr(ddpm, "denoiser", lambda inputs, training: tf.fill((6, *SHAPE), 0.25))
    monkeypatch.setattr("kerasgan.models.ddpm.move_average", lambda *arguments: None)
    ddpm.train_step(x)
    assert found[1][1] == pytest.approx(np.mean((epsilon - 0.25) ** 2), rel=1e-5)


def test_held_out_loss_is_that_of_the_average(monkeypatch):
    ddpm = model(compiled=True)
    monkeypatch.setattr(ddpm, "denoiser", None)
    monkeypatch.setattr(ddpm, "average", knows(images(1)))
    data = tf.data.Dataset.from_tensors(np.repeat(images(1), 4, axis=0))
    assert ddpm.evaluate(data, verbose=0, return_dict=True)["loss"] == pytest.approx(0, abs=1e-6)


def test_ddim_finds_the_only_image_and_is_deterministic(monkeypatch):
    ddpm, point, seen = model(), images(1), []
    monkeypatch.setattr(ddpm, "average", knows(point, seen=seen))
    latents = ddpm.prior(3, seed=4)
    tf.config.run_functions_eagerly(True)
    try:
        first, second = ddpm(latents).numpy(), ddpm(latents).numpy()
    finally:
        tf.config.run_functions_eagerly(False)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, np.repeat(point, 3, axis=0), atol=1e-5)
    assert seen == [[40], [32], [24], [16], [8]] * 2  # tau_i = floor(i T / S)


@pytest.mark.parametrize(("t", "s"), [(40, 30), (8, 7), (1, 0)])
def test_ddim_step_in_closed_form(ddpm, monkeypatch, t, s):
    point, x_t = images(1), normal(3)
    monkeypatch.setattr(ddpm, "average", knows(point))
    epsilon = (x_t - np.sqrt(ALPHA_BAR[t]) * point) / np.sqrt(1 - ALPHA_BAR[t])
    expected = np.sqrt(ALPHA_BAR[s]) * point + np.sqrt(1 - ALPHA_BAR[s]) * epsilon
    np.testing.assert_allclose(ddpm.ddim_step(x_t, t, s), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("t", [2, 20, T])
def test_ancestral_step_is_that_of_algorithm_2(ddpm, monkeypatch, t):
    point, n = images(1), 4000
    x_t = np.sqrt(ALPHA_BAR[t]) * point + np.sqrt(1 - ALPHA_BAR[t]) * normal(1)
    epsilon = normal(1)
    monkeypatch.setattr(ddpm, "average", knows(point))
    x_s = ddpm.ancestral_step(np.repeat(x_t, n, axis=0), t, normal(n, seed=5)).numpy()
    mean = (x_t - BETA[t] / np.sqrt(1 - ALPHA_BAR[t]) * epsilon) / np.sqrt(1 - BETA[t])
    standardised = (x_s - mean) / np.sqrt(BETA[t])
    assert abs(standardised.mean()) < 5 / np.sqrt(standardised.size)
    assert standardised.var() == pytest.approx(1, abs=5 * np.sqrt(2 / standardised.size))


def test_ancestral_sampling_ends_without_noise_at_the_only_image(monkeypatch):
    ddpm, point = model(), images(1)
    monkeypatch.setattr(ddpm, "average", knows(point))
    np.testing.assert_allclose(ddpm.ancestral(3, seed=0), np.repeat(point, 3, axis=0), atol=1e-5)


def test_ancestral_samples_are_those_of_their_seed(ddpm):
    first = ddpm.ancestral(3, 1)
    assert first.shape == (3, *SHAPE)
    np.testing.assert_array_equal(first, ddpm.ancestral(3, 1))
    assert not np.array_equal(first, ddpm.ancestral(3, 2))


def test_ancestral_noise_is_new_in_every_step_and_image(monkeypatch):
    ddpm, drawn = model(), []
    monkeypatch.setattr(ddpm, "ancestral_step", lambda x, t, z: (drawn.append(z.numpy()), x)[1])
    tf.config.run_functions_eagerly(True)
    try:
        x_T = ddpm.ancestral(2, 0).numpy()
    finally:
        tf.config.run_functions_eagerly(False)
    assert len(drawn) == T
    for a, b in itertools.combinations([*x_T, *(image for z in drawn for image in z)], 2):
        assert not np.array_equal(a, b)


def test_a_predicted_image_stays_in_range(ddpm):
    assert np.abs(ddpm.image_in(tf.constant(10 * normal(2)), T)).max() == 1


def test_average_starts_as_the_network_and_follows_it():
    ddpm = model(compiled=True, decay=0.5)
    moving = [i for i, w in enumerate(ddpm.denoiser.weights) if w.trainable]
    start = ddpm.denoiser.get_weights()
    for i in moving:
        np.testing.assert_array_equal(ddpm.average.get_weights()[i], start[i])
    assert not ddpm.average.trainable_weights
    for decay in (0.1, 2 / 11):  # (1 + step) / (10 + step)
        before = ddpm.average.get_weights()
        ddpm.train_step(images(4))
        after, network = ddpm.average.get_weights(), ddpm.denoiser.get_weights()
        for i in moving:
            np.testing.assert_allclose(after[i], decay * before[i] + (1 - decay) * network[i], atol=1e-7)
    ddpm.step.assign(1000)
    before = ddpm.average.get_weights()
    ddpm.train_step(images(4))
    for i in moving:
        expected = 0.5 * before[i] + 0.5 * ddpm.denoiser.get_weights()[i]
        np.testing.assert_allclose(ddpm.average.get_weights()[i], expected, atol=1e-7)


def test_samples_come_from_the_average():
    ddpm = model()
    z = ddpm.prior(2, seed=0)
    ddim, ancestral = ddpm(z).numpy(), ddpm.ancestral(2, 0).numpy()
    ddpm.denoiser.set_weights([w + 1 for w in ddpm.denoiser.get_weights()])
    np.testing.assert_array_equal(ddpm(z), ddim)
    np.testing.assert_array_equal(ddpm.ancestral(2, 0), ancestral)
    ddpm.average.set_weights([w + 1 for w in ddpm.average.get_weights()])
    assert not np.array_equal(ddpm(z), ddim)
    assert not np.array_equal(ddpm.ancestral(2, 0), ancestral)


@pytest.mark.parametrize(("width", "policy"), [(32, "float32"), (32, "mixed_bfloat16"), (5, "float32")])
def test_every_time_has_an_embedding_of_its_own(width, policy):
    keras.config.set_dtype_policy(policy)
    embedded = TimeEmbedding(width, dtype="float32")(tf.range(1001)).numpy()
    assert embedded.shape == (1001, width + width % 2)
    gaps = np.linalg.norm(embedded[:, None] - embedded[None], axis=-1) + 9 * np.eye(1001)
    assert gaps.min() > 0.05
    t = 7.0
    half = embedded.shape[1] // 2
    np.testing.assert_allclose(embedded[7, 0], np.sin(t), rtol=1e-5)
    np.testing.assert_allclose(embedded[7, half - 1], np.sin(t / 10_000), rtol=1e-5)
    np.testing.assert_allclose(embedded[7, half], np.cos(t), rtol=1e-5)


def test_the_network_of_the_paper():
    found = denoiser((32, 32, 3), 128, "1,2,2,2", 2, 1, 0.1, name="denoiser")
    attending = [layer.output.shape[1] for layer in found.layers if isinstance(layer, keras.layers.Softmax)]
    assert sorted(attending) == [4 * 4, 16 * 16, 16 * 16, 16 * 16, 16 * 16, 16 * 16]
    # appendix B: 35.7 million; the authors' code has 35,746,307 with the biases of the keys
    assert found.count_params() - 2 * sum(w.dtype == "int64" for w in found.weights) == 35_746_307 - 6 * 256


def test_a_far_pixel_and_the_time_change_the_guess():
    network = denoiser((32, 32, 1), 4, "1,1", 1, 1, 0.0, name="denoiser")
    x, t = np.zeros((1, 32, 32, 1), np.float32), np.array([5])
    guess = network([x, t]).numpy()
    assert not np.array_equal(network([x, np.array([6])]), guess)
    x[0, 0, 0] = 3
    assert not np.array_equal(network([x, t]).numpy()[0, -1, -1], guess[0, -1, -1])


def test_learning_rate_rises_over_the_first_steps():
    assert [float(Warmup(2e-4, 4)(step)) for step in range(6)] == pytest.approx([5e-5, 1e-4, 1.5e-4, 2e-4, 2e-4, 2e-4])
    assert model(compiled=True, warmup=4).optimizers["denoiser"].learning_rate.numpy() == pytest.approx(5e-5)


def test_impossible_settings_are_errors_in_one_line():
    with pytest.raises(UserError, match="There are 4 timesteps"):
        DDPM(timesteps=4, sampling_steps=5)
    with pytest.raises(UserError, match="whole numbers"):
        DDPM(multipliers="1,x")
