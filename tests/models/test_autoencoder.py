"""The deep autoencoder against numpy."""

import keras
import numpy as np
import pytest
from conftest import one_batch, small_batches, small_model, values

from kerasgan.errors import UserError
from kerasgan.models import Autoencoder


def test_losses_against_numpy():
    model = small_model("autoencoder")
    x = one_batch(model, "autoencoder").numpy()
    p = (x + 1) / 2
    p_hat = 1 / (1 + np.exp(-model.decoder(model.encoder(x)).numpy().astype(np.float64)))
    cross_entropy = -(p * np.log(p_hat) + (1 - p) * np.log(1 - p_hat)).sum(axis=(1, 2, 3)).mean()
    squared = ((p - p_hat) ** 2).sum(axis=(1, 2, 3)).mean()
    logs = {name: float(value) for name, value in model.train_step(x).items()}
    assert logs == pytest.approx({"loss": cross_entropy, "squared_error": squared}, rel=1e-5)


def test_is_evaluated_on_held_out_images():
    model = small_model("autoencoder")
    batches = small_batches("autoencoder")
    before = values(model.trainable_weights)
    result = model.evaluate(batches, verbose=0, return_dict=True)
    error = np.mean([np.sum((x - model(x)) ** 2, axis=(1, 2, 3)) / 4 for x in batches.in_order()])
    assert result["squared_error"] == pytest.approx(error, rel=1e-5)
    for w, b in zip(model.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(w.numpy(), b)


def test_score_is_the_mean_squared_error_of_each_image():
    model = small_model("autoencoder")
    x = one_batch(model, "autoencoder").numpy()
    expected = (((x - model(x).numpy()) / 2) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(model.anomaly_score(x), expected, rtol=1e-5)


def test_what_it_has_seen_scores_lower_than_what_it_has_not():
    model = small_model("autoencoder", autoencoder=keras.optimizers.Adam(1e-2))
    seen, unseen = np.full((4, 12, 8, 1), -1, np.float32), np.ones((4, 12, 8, 1), np.float32)
    for _ in range(10):
        model.train_step(seen)
    assert 2 * max(model.anomaly_score(seen).numpy()) < min(model.anomaly_score(unseen).numpy())


def test_is_of_the_papers_sizes():
    model = Autoencoder()
    units = [layer.units for layer in [*model.encoder.layers, *model.decoder.layers] if hasattr(layer, "units")]
    assert units == [1000, 500, 250, 30, 250, 500, 1000, 784]


def test_has_no_prior():
    model = small_model("autoencoder")
    with pytest.raises(UserError, match="no prior"):
        model.prior(3)
    assert "sample" not in model.endpoints()
