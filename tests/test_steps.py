"""Each variant's losses, step by step, against numpy: signs, targets and weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import constant_logit, losses_of_players, one_batch, small_batches, small_model, values

from kerasgan.errors import UserError
from kerasgan.models import CGAN, GAN, VAE, WGANGP, CycleGAN


def softplus(x):
    return np.logaddexp(0, x)


@pytest.mark.parametrize("key", ["gan", "dcgan", "cgan"])
@pytest.mark.parametrize("logit", [-2.0, 0.0, 3.0])
def test_logistic_players(key, logit, monkeypatch):
    model = small_model(key)
    constant_logit(model, "discriminator", logit)
    found, logs = losses_of_players(model, one_batch(model, key), monkeypatch)
    assert found["discriminator"] == [pytest.approx(softplus(-logit) + softplus(logit))]
    assert found["generator"] == [pytest.approx(softplus(-logit))]  # non-saturating
    assert logs == {"d_loss": found["discriminator"][0], "g_loss": found["generator"][0]}


def test_dcgan_shares_one_pass_of_the_generator_and_gets_the_same_gradient(monkeypatch):
    model = small_model("dcgan", discriminator=keras.optimizers.SGD(0.1))
    noise, found = model.noise.get_weights(), []
    monkeypatch.setattr(model.optimizers["generator"], "apply_gradients", lambda pairs: found.extend(pairs))
    model.train_step(one_batch(model, "dcgan"))  # which moves the discriminator first
    model.noise.set_weights(noise)
    with tf.GradientTape() as tape:
        logits = model.discriminator(model.generator(model.prior(4), training=True), training=True)
        g_loss = tf.reduce_mean(tf.nn.softplus(-logits))
    expected = tape.gradient(g_loss, model.generator.trainable_variables)
    for (gradient, weight), other in zip(found, expected, strict=True):
        np.testing.assert_allclose(gradient, other, rtol=1e-4, atol=1e-6, err_msg=weight.path)


def test_minimax_gan_moves_the_generator_by_the_value_of_the_game(monkeypatch):
    model = GAN(image_shape=(12, 8, 1), latent_dim=4, width=8, minimax=True)
    model.compile()
    constant_logit(model, "discriminator", 2.0)
    found, _ = losses_of_players(model, one_batch(model, "gan"), monkeypatch)
    assert found["generator"] == [pytest.approx(np.log(1 - 1 / (1 + np.exp(-2.0))))]


@pytest.mark.parametrize("minimax", [False, True])
def test_gan_generator_goes_where_the_discriminator_is_fooled(minimax):
    model = GAN(image_shape=(12, 8, 1), latent_dim=4, width=8, minimax=minimax)
    still = keras.optimizers.SGD(0.0)
    model.compile(discriminator=still, generator=keras.optimizers.SGD(1e-3))
    z = model.prior(256, seed=0)
    before = float(tf.reduce_mean(model.discriminator(model.generator(z))))
    for _ in range(5):
        model.train_step(one_batch(model, "gan"))
    assert float(tf.reduce_mean(model.discriminator(model.generator(z)))) > before


def test_wgan_gp_critic_raises_real_over_fake_and_generator_raises_fake(monkeypatch):
    model = small_model("wgan_gp")
    monkeypatch.setattr(model, "penalty", 0.0)
    found, logs = losses_of_players(model, one_batch(model, "wgan_gp"), monkeypatch)
    assert len(found["critic"]) == 2
    assert logs["d_loss"] == pytest.approx(-logs["wasserstein"])
    real = tf.ones((8, 12, 8, 1))

    model = small_model("wgan_gp", critic=keras.optimizers.SGD(1e-2), generator=keras.optimizers.SGD(0.0))

    def gap():
        fake = model.generator(model.prior(256, seed=0), training=True)
        return float(tf.reduce_mean(model.critic(real)) - tf.reduce_mean(model.critic(fake)))

    before = gap()
    for _ in range(5):
        model.train_step(tf.concat([real, real], 0))
    assert gap() > before

    model = small_model("wgan_gp", critic=keras.optimizers.SGD(0.0), generator=keras.optimizers.SGD(1e-2))
    before = gap()
    for _ in range(5):
        model.train_step(tf.concat([real, real], 0))
    assert gap() < before


def test_wgan_gp_critic_steps_see_fresh_images_and_noise(monkeypatch):
    model = small_model("wgan_gp")
    seen = []
    call = model.critic.call
    monkeypatch.setattr(model.critic, "call", lambda x, **kwargs: (seen.append(x.numpy()), call(x, **kwargs))[1])
    batch = one_batch(model, "wgan_gp")
    model.train_step(batch)
    real_1, fake_1, between_1, real_2, fake_2, between_2, last_fake = seen
    np.testing.assert_array_equal(np.concatenate([real_1, real_2]), batch)
    for a, b in [(fake_1, fake_2), (fake_2, last_fake), (between_1, between_2)]:
        assert not np.array_equal(a, b)


def test_wgan_gp_critic_has_no_batch_normalisation():
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in small_model("wgan_gp").critic.layers)


def test_wgan_gp_says_how_many_minibatches_a_step_eats():
    assert WGANGP(image_shape=(8, 8, 1), width=2, n_critic=3).batches_per_step == 3
    assert small_batches("wgan_gp").steps_per_epoch(2) == 4


def test_vae_elbo_against_numpy(monkeypatch):
    model = small_model("vae")
    x = one_batch(model, "vae").numpy()
    mean, log_variance = (t.numpy() for t in model.encoder(x))
    epsilon = np.random.default_rng(0).normal(size=mean.shape).astype(np.float32)
    monkeypatch.setattr(model, "prior", lambda n: tf.constant(epsilon))
    p = 1 / (1 + np.exp(-model.decoder(mean + np.exp(log_variance / 2) * epsilon).numpy()))
    b = (x + 1) / 2
    distortion = -(b * np.log(p) + (1 - b) * np.log(1 - p)).sum(axis=(1, 2, 3)).mean()
    rate = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1).mean()
    loss, d, r = (float(t) for t in model.negative_elbo(x, training=True))
    assert (loss, d, r) == pytest.approx((distortion + rate, distortion, rate), rel=1e-5)


def test_vae_is_evaluated_on_held_out_images():
    model = small_model("vae")
    batches = small_batches("vae")
    before = values(model.trainable_weights)
    result = model.evaluate(batches, verbose=0, return_dict=True)
    assert set(result) == {"loss", "distortion", "rate"}
    assert result["loss"] == pytest.approx(result["distortion"] + result["rate"], rel=1e-5)
    for w, b in zip(model.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(w.numpy(), b)
    history = model.fit(batches, epochs=1, verbose=0, validation_data=batches).history
    assert set(history) == {"loss", "distortion", "rate", "val_loss", "val_distortion", "val_rate"}


def test_cyclegan_losses_against_numpy(monkeypatch):
    model = small_model("cyclegan")
    x, y = one_batch(model, "cyclegan")
    fake_y, fake_x = model.G(x).numpy(), model.F(y).numpy()

    def judge(network, image, target):
        return np.mean((network(image).numpy() - target) ** 2)

    def distance(a, b):
        return np.mean(np.abs(a - b))

    adversarial = judge(model.D_y, fake_y, 1) + judge(model.D_x, fake_x, 1)
    cycle = distance(model.F(fake_y), x) + distance(model.G(fake_x), y)
    identity = distance(model.F(x), x) + distance(model.G(y), y)
    d_loss = (judge(model.D_x, x, 1) + judge(model.D_x, fake_x, 0)) / 2
    d_loss += (judge(model.D_y, y, 1) + judge(model.D_y, fake_y, 0)) / 2
    found, logs = losses_of_players(model, (x, y), monkeypatch)
    assert logs == pytest.approx(
        {"adversarial": adversarial, "cycle": cycle, "identity": identity, "d_loss": d_loss}, rel=1e-4
    )
    assert found["translators"] == [pytest.approx(adversarial + 10 * cycle + 5 * identity, rel=1e-4)]


def test_cyclegan_shows_the_discriminators_older_fakes(steps_taken_eagerly):
    model = small_model("cyclegan")
    model.fit(small_batches("cyclegan", batch_size=8, examples=64), epochs=1, verbose=0)
    assert int(model.pool_x.filled.numpy()) == int(model.pool_y.filled.numpy()) == 50
    assert np.abs(model.pool_x.images.numpy()).max() > 0


def test_cyclegan_learning_rate_falls_to_zero(steps_taken_eagerly):
    model = small_model("cyclegan")  # of 8 steps in all
    rates = []
    rate = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: rates.append(
            float(model.optimizers["translators"].learning_rate.numpy())
        )
    )
    model.fit(small_batches("cyclegan"), epochs=1, verbose=0, callbacks=[rate])
    assert rates == pytest.approx([2e-4 * min(1, 2 - 2 * step / 8) for step in range(1, 9)], rel=1e-5)


def test_conditional_samples_follow_their_labels():
    model = CGAN(image_shape=(12, 8, 1), classes=3, latent_dim=4)
    z, labels = model.prior(7, seed=1)
    assert list(labels.numpy()) == [0, 1, 2, 0, 1, 2, 0]
    same = tf.repeat(z[:1], 3, axis=0)
    images = model((same, tf.range(3))).numpy()
    assert not np.array_equal(images[0], images[1])
    assert model.snapshot(None).shape == (3, 8, 12, 8, 1)


def test_cgan_refuses_batches_of_one_image():
    with pytest.raises(UserError, match="CGAN .* needs 2; the data has batches of 1"):
        small_model("cgan").fit(small_batches("cgan", batch_size=1))
    images = tf.data.Dataset.from_tensors((tf.zeros((1, 12, 8, 1)), tf.zeros((1,), tf.int32)))
    with pytest.raises(UserError, match="CGAN .* needs 2; the data has batches of 1"):
        small_model("cgan").fit(images)


def test_both_players_of_cgan_hear_the_label_from_the_start():
    keras.utils.set_random_seed(0)
    model = CGAN()
    z, y = tf.random.stateless_normal((64, 100), (0, 0)), tf.range(64) % 10
    x = tf.random.stateless_uniform((64, 28, 28, 1), (0, 1), -1, 1)

    def spread(outputs):
        return float(tf.reduce_mean(tf.math.reduce_std(outputs, axis=0)))

    first = tf.zeros(64, tf.int32)
    by_label = spread(model.generator((tf.repeat(z[:1], 64, axis=0), y)))
    by_latents = spread(model.generator((z, first)))
    assert by_label > 0.7 * by_latents
    assert by_latents > 0.7 * by_label  # where labels are louder, all samples of one become one image
    by_label = spread(model.discriminator((tf.repeat(x[:1], 64, axis=0), y)))
    assert by_label > 0.3 * spread(model.discriminator((x, first)))


def test_a_model_without_latents_says_so():
    with pytest.raises(ValueError, match="no latents"):
        CycleGAN(image_shape=(8, 8, 1), width=2, blocks=1).prior(3)


def test_vae_images_are_probabilities_scaled():
    image = VAE(image_shape=(8, 8, 1), width=4)(np.zeros((2, 20), np.float32)).numpy()
    assert np.abs(image).max() <= 1


def test_wgan_gp_penalises_the_norm_between_real_and_fake_images(monkeypatch):
    model = small_model("wgan_gp", (16, 16, 1))  # with a normalisation in its critic
    seen = []
    call = model.critic.call
    monkeypatch.setattr(model.critic, "call", lambda x, **kwargs: (seen.append((x, kwargs)), call(x, **kwargs))[1])
    found, logs = losses_of_players(model, one_batch(model, "wgan_gp", (16, 16, 1)), monkeypatch)
    (real, _), (fake, _), (between, kwargs) = seen[:3]
    assert kwargs["training"] is True
    real, fake, between = (t.numpy().reshape(4, -1) for t in (real, fake, between))
    epsilon = np.sum((between - fake) * (real - fake), axis=1) / np.sum((real - fake) ** 2, axis=1)
    np.testing.assert_allclose(between, epsilon[:, None] * real + (1 - epsilon[:, None]) * fake, atol=1e-5)
    assert len(set(epsilon.round(4))) == 4  # one number for each image
    assert 0 <= epsilon.min() < epsilon.max() < 1

    def of(x):
        return model.critic(x.reshape(-1, 16, 16, 1)).numpy().ravel().astype(np.float64)

    with tf.GradientTape() as tape:
        x = tf.reshape(tf.constant(between), (4, 16, 16, 1))
        tape.watch(x)
        scores = model.critic(x)
    norms = np.linalg.norm(tape.gradient(scores, x).numpy().reshape(4, -1), axis=1)
    d_loss = of(fake).mean() - of(real).mean() + 10 * ((norms - 1) ** 2).mean()
    assert found["critic"][0] == pytest.approx(d_loss, rel=1e-4)
