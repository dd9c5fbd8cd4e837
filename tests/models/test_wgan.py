"""WGAN: signs, and what is clipped."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import losses_of_players, one_batch, small_batches, small_model

from kerasgan.models import WGAN


def test_critic_raises_real_over_fake_and_generator_raises_fake(monkeypatch):
    model = small_model("wgan")
    found, logs = losses_of_players(model, one_batch(model, "wgan"), monkeypatch)
    assert found["critic"][-1] == pytest.approx(-logs["wasserstein"])
    assert len(found["critic"]) == 2
    assert found["generator"] == [logs["g_loss"]]

    real = tf.ones((64, 12, 8, 1))

    def gap(model):
        fake = model.generator(model.prior(256, seed=0), training=True)
        return float(
            tf.reduce_mean(model.critic(real, training=True)) - tf.reduce_mean(model.critic(fake, training=True))
        )

    for critic, generator, sign in [(1e-2, 0.0, 1), (0.0, 1e-2, -1)]:
        model = small_model("wgan", critic=keras.optimizers.SGD(critic), generator=keras.optimizers.SGD(generator))
        before = gap(model)
        for _ in range(5):
            model.train_step(tf.concat([real, real], 0))
        assert sign * (gap(model) - before) > 0


def test_everything_the_critic_learns_is_clipped_and_nothing_else():
    shape = (16, 16, 1)  # three layers, of which the middle one is normalised
    model = small_model("wgan", shape, critic=keras.optimizers.SGD(100.0), generator=keras.optimizers.SGD(100.0))
    model.fit(small_batches("wgan", shape), epochs=1, verbose=0)
    size = {w.path: float(np.abs(w.numpy()).max()) for w in model.critic.weights}
    learnt = {w.path for w in model.critic.trainable_weights}
    assert sorted(path.rpartition("/")[2] for path in learnt) == ["beta", "bias", "gamma"] + ["kernel"] * 3
    assert all(size[path] == pytest.approx(model.clip) for path in learnt)  # so large a step reaches the bound
    assert any(size[path] > model.clip for path in size if path.endswith("moving_variance"))
    assert all(np.abs(w.numpy()).max() > model.clip for w in model.generator.weights if w.name == "kernel")


def test_the_critic_starts_within_its_bound():
    model = WGAN(image_shape=(8, 8, 1), latent_dim=2, width=2, clip=0.003)
    assert max(np.abs(w.numpy()).max() for w in model.critic.trainable_weights) == pytest.approx(0.003)


def test_critic_steps_see_fresh_images_and_noise(monkeypatch):
    model = small_model("wgan")
    seen, call = [], model.critic.call
    monkeypatch.setattr(model.critic, "call", lambda x, **kwargs: (seen.append(x.numpy()), call(x, **kwargs))[1])
    batch = one_batch(model, "wgan")
    model.train_step(batch)
    real_1, fake_1, real_2, fake_2, last_fake = seen
    np.testing.assert_array_equal(np.concatenate([real_1, real_2]), batch)
    assert not np.array_equal(fake_1, fake_2)
    assert not np.array_equal(fake_2, last_fake)
