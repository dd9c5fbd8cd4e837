"""alpha-GAN's four losses against numpy, and which way each player goes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import constant_logit, losses_of_players, one_batch, small_model, values


def softplus(x):
    return np.logaddexp(0, x)


@pytest.mark.parametrize(("d", "c"), [(0.0, 0.0), (2.0, -1.0), (-1.0, 3.0)])
def test_losses_against_numpy(d, c, monkeypatch):
    model = small_model("alpha_gan")
    constant_logit(model, "discriminator", d)
    constant_logit(model, "code_discriminator", c)
    x = one_batch(model, "alpha_gan")
    found, logs = losses_of_players(model, x, monkeypatch)

    # the same reconstruction, with the statistics of the batch as in training
    keras.utils.set_random_seed(0)
    reconstruction = float(np.mean(np.abs(x - model.generator(model.encoder(x, training=True), training=True).numpy())))
    assert logs["reconstruction"] == pytest.approx(reconstruction, rel=1e-5)
    # -log C + log(1 - C), written out
    ratio = {logit: softplus(-logit) - softplus(logit) for logit in (d, c)}
    assert found["encoder"] == [pytest.approx(10 * reconstruction + ratio[c], rel=1e-5)]
    assert found["generator"] == [pytest.approx(10 * reconstruction + 2 * ratio[d], rel=1e-5)]
    assert found["discriminator"] == [pytest.approx(softplus(-d) + 2 * softplus(d), rel=1e-5)]
    assert found["code_discriminator"] == [pytest.approx(softplus(-c) + softplus(c), rel=1e-5)]


def moved_alone(player, rate=1e-2):
    rates = {name: keras.optimizers.SGD(rate if name == player else 0.0) for name in small_model("alpha_gan").players()}
    return small_model("alpha_gan", **rates)


@pytest.mark.parametrize("player", ["encoder", "generator", "discriminator", "code_discriminator"])
def test_each_player_goes_its_way(player):
    """Codes look like the prior for the encoder, fakes look real for the generator, and the judges tell them apart."""
    model = moved_alone(player)
    model.reconstruction = 0.0
    x = one_batch(model, "alpha_gan", batch_size=32)
    z = model.prior(256, seed=0)

    def scores():
        code, fake = model.encoder(x, training=True), model.generator(z, training=True)
        return {
            "encoder": tf.reduce_mean(model.code_discriminator(code)),
            "generator": tf.reduce_mean(model.discriminator(fake, training=True)),
            "discriminator": tf.reduce_mean(model.discriminator(x, training=True))
            - tf.reduce_mean(model.discriminator(fake, training=True)),
            "code_discriminator": tf.reduce_mean(model.code_discriminator(z))
            - tf.reduce_mean(model.code_discriminator(code)),
        }[player]

    before = float(scores())
    for _ in range(10):
        model.train_step(x)
    assert float(scores()) > before


@pytest.mark.parametrize("player", ["encoder", "generator"])
def test_reconstruction_moves_encoder_and_generator(player):
    still = {name: keras.optimizers.SGD(0.0) for name in small_model("alpha_gan").players()}
    model = small_model("alpha_gan", **{**still, player: keras.optimizers.Adam(1e-2)})
    model.reconstruction = 1e6  # the other terms do not count
    x = one_batch(model, "alpha_gan", batch_size=8)
    losses = []
    for _ in range(6):
        code = model.encoder(x, training=True)
        losses.append(float(tf.reduce_mean(tf.abs(x - model.generator(code, training=True)))))
        model.train_step(x)
    assert losses[-1] < losses[0]


def test_the_code_discriminator_judges_the_latents_that_made_the_fakes(monkeypatch):
    """What is real to it is the prior; the first version of the paper has prior and code the other way round."""
    model = small_model("alpha_gan")
    seen, call = [], model.code_discriminator.call
    monkeypatch.setattr(
        model.code_discriminator, "call", lambda z, **kwargs: (seen.append(z.numpy()), call(z, **kwargs))[1]
    )
    noise = model.noise.get_weights()
    x = one_batch(model, "alpha_gan")
    model.train_step(x)
    code_of_encoder, prior, code = seen
    np.testing.assert_array_equal(code_of_encoder, code)
    model.noise.set_weights(noise)
    np.testing.assert_array_equal(prior, model.prior(4))


def test_reconstruct_and_encode_at_inference_change_nothing():
    model = small_model("alpha_gan")
    before = values(model.weights)
    x = one_batch(model, "alpha_gan")
    assert model.reconstruct(x).shape == x.shape
    assert model.snapshot(x).shape == (6, 4, 12, 8, 1)
    for w, b in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(w.numpy(), b)


def test_the_code_discriminator_has_no_batch_normalisation():
    layers = small_model("alpha_gan").code_discriminator.layers
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers)
