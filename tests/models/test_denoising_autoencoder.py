"""The denoising autoencoder against numpy."""

import numpy as np
import pytest
import tensorflow as tf
from conftest import one_batch, small_model

from kerasgan.errors import UserError
from kerasgan.models import DenoisingAutoencoder


@pytest.mark.parametrize("destroyed", [0.0, 0.25, 0.5])
def test_the_same_number_of_values_is_destroyed_in_every_image(destroyed):
    model = DenoisingAutoencoder(image_shape=(8, 8, 3), width=4, destroyed=destroyed)
    x = tf.random.stateless_uniform((50, 8, 8, 3), (0, 1), -0.5, 1)
    corrupted = model.corrupt(x, tf.random.stateless_uniform(x.shape, (0, 2))).numpy()
    gone = corrupted != x.numpy()
    assert (corrupted[gone] == -1).all()  # black
    np.testing.assert_array_equal(gone.sum(axis=(1, 2, 3)), round(destroyed * 192))
    assert destroyed == 0 or 0 < gone.mean(axis=0).min() < gone.mean(axis=0).max() < 1  # anywhere


def test_is_shown_the_destroyed_image_and_compared_with_the_whole(monkeypatch):
    model = small_model("denoising_autoencoder")
    x = one_batch(model, "denoising_autoencoder").numpy()
    uniform = tf.random.stateless_uniform(x.shape, (0, 3))
    monkeypatch.setattr(model.noise, "uniform", lambda shape: uniform)
    corrupted = np.where(np.arange(96) >= 0, x.reshape(4, 96), 0)
    for image, u in zip(corrupted, np.reshape(uniform, (4, 96)), strict=True):
        image[np.argsort(u)[:24]] = -1
    logits = model.decoder(model.encoder(corrupted.reshape(x.shape))).numpy().astype(np.float64)
    p, p_hat = (x + 1) / 2, 1 / (1 + np.exp(-logits))
    expected = -(p * np.log(p_hat) + (1 - p) * np.log(1 - p_hat)).sum(axis=(1, 2, 3)).mean()
    assert float(model.train_step(x)["loss"]) == pytest.approx(expected, rel=1e-5)


def test_every_step_destroys_other_values(monkeypatch):
    model = small_model("denoising_autoencoder")
    shown = []
    monkeypatch.setattr(
        model, "cross_entropy", lambda x, corrupted, training: shown.append(corrupted) or _loss(model, corrupted)
    )
    x = tf.zeros((2, 12, 8, 1))
    for _ in range(2):
        model.train_step(x)
    assert not np.array_equal(*shown)


def _loss(model, x):
    return tf.reduce_mean(model.decoder(model.encoder(x)) ** 2)


def test_inference_destroys_nothing():
    model = small_model("denoising_autoencoder")
    x = one_batch(model, "denoising_autoencoder")
    translate, _ = model.endpoints()["translate"]
    uint8 = tf.cast((x + 1) * 127.5 + 0.5, tf.uint8)
    expected = 255 / (1 + np.exp(-model.decoder(model.encoder(x)).numpy()))
    assert np.abs(translate(uint8).numpy() - expected).max() < 1


def test_has_no_prior():
    with pytest.raises(UserError, match="no latents"):
        small_model("denoising_autoencoder").prior(3)


def test_to_degrade_destroys_the_share_that_was_learnt_and_always_the_same_values():
    model = small_model("denoising_autoencoder")
    x = np.full((3, 12, 8, 1), 200, np.uint8)
    degrade, _ = model.endpoints()["degrade"]
    left = degrade(x).numpy()
    np.testing.assert_array_equal(left, degrade(x))
    assert [(image == 0).sum() for image in left] == [24] * 3
    assert [(image == 200).sum() for image in left] == [72] * 3
    assert not np.array_equal(left[0], left[1])
