"""f-AnoGAN's and AnoGAN's equations against numpy, and what stands still."""

import numpy as np
import pytest
import tensorflow as tf
from conftest import one_batch, small_model, values

from kerasgan.errors import UserError
from kerasgan.models import DCGAN, WGANGP, FAnoGAN


def last_hidden(critic, x):
    """The critic layer by layer, without its last."""
    for layer in critic.layers[1:-1]:
        x = layer(x)
    return x.numpy()


def test_losses_and_score_against_numpy(monkeypatch):
    model = FAnoGAN(image_shape=(12, 8, 1), latent_dim=4, width=4, kappa=3.0)
    model.compile()
    x = one_batch(model, "f_anogan")
    y = model.generator(model.encoder(x), training=False)
    residual = ((x.numpy() - y.numpy()) ** 2).mean(axis=(1, 2, 3))
    f_x, f_y = last_hidden(model.critic, x), last_hidden(model.critic, y)
    assert f_x.shape[1] == model.critic.layers[-1].kernel.shape[0]
    features = ((f_x - f_y) ** 2).mean(axis=1)
    np.testing.assert_allclose(model.anomaly_score(x), residual + 3 * features, rtol=1e-4)
    logs = {name: float(value) for name, value in model.train_step(x).items()}
    expected = {"loss": (residual + 3 * features).mean(), "residual": residual.mean(), "features": features.mean()}
    assert logs == pytest.approx(expected, rel=1e-4)


def test_generator_and_critic_stand_still_and_the_loss_falls():
    model = small_model("f_anogan")
    x = one_batch(model, "f_anogan")
    frozen = [*model.generator.weights, *model.critic.weights]
    assert any("moving_" in w.path for w in frozen)
    before, score = values(frozen), float(tf.reduce_mean(model.anomaly_score(x)))
    for _ in range(20):
        model.train_step(x)
    for w, b in zip(frozen, before, strict=True):
        np.testing.assert_array_equal(w.numpy(), b, err_msg=w.path)
    assert {id(w) for w in model.trainable_weights} == {id(w) for w in model.encoder.trainable_weights}
    assert float(tf.reduce_mean(model.anomaly_score(x))) < score


def test_starts_from_the_players_of_a_trained_wgan_gp():
    gan, model = small_model("wgan_gp"), small_model("f_anogan", seed=1)
    gan.train_step(one_batch(gan, "wgan_gp"))
    model.start_from(gan)
    z, x = gan.prior(5, seed=0), one_batch(model, "f_anogan")
    np.testing.assert_array_equal(gan(z), model(z))
    np.testing.assert_array_equal(gan.critic(x), model.critic(x))
    with pytest.raises(UserError, match="same settings"):
        model.start_from(WGANGP(image_shape=(12, 8, 1), latent_dim=4, width=2))
    with pytest.raises(UserError, match="not from a dcgan"):
        model.start_from(DCGAN(image_shape=(12, 8, 1), latent_dim=4, width=4))


def test_search_scores_are_those_of_the_paper():
    model = small_model("f_anogan")
    x = one_batch(model, "f_anogan")
    z, scores = model.search(x, steps=0, weight=0.25)
    np.testing.assert_array_equal(z, tf.repeat(model.prior(1, seed=0), 4, axis=0))
    y = model.generator(z, training=False)
    residual = np.abs(x.numpy() - y.numpy()).sum(axis=(1, 2, 3))
    features = np.abs(last_hidden(model.critic, x) - last_hidden(model.critic, y)).sum(axis=1)
    np.testing.assert_allclose(scores, 0.75 * residual + 0.25 * features, rtol=1e-4)


def test_search_finds_a_generated_image_again_and_moves_no_weight():
    model = small_model("f_anogan")
    model.generator.layers[1].kernel.assign(model.generator.layers[1].kernel * 20)  # images that differ
    for layer in model.generator.layers:
        if "transpose" in layer.name:
            layer.kernel.assign(layer.kernel * 10)
    made = model(model.prior(3, seed=5))
    assert np.abs(made[0] - made[1]).max() > 0.5
    before = values(model.weights)
    _, first = model.search(made, steps=0)
    _, half = model.search(made, steps=40, rate=0.05)
    z, last = model.search(made, steps=300, rate=0.05)
    assert (half.numpy() < first.numpy()).all()
    assert last.numpy().mean() < 0.2 * first.numpy().mean()
    assert np.abs(model(z) - made).mean() < 0.2 * np.abs(model(model.prior(1, seed=0)) - made).mean()
    alone, _ = model.search(made[1:2], steps=40, rate=0.05)
    together, _ = model.search(made, steps=40, rate=0.05)
    np.testing.assert_allclose(alone[0], together[1], atol=1e-3)  # an image's search does not see the others
    for w, b in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(w.numpy(), b, err_msg=w.path)
