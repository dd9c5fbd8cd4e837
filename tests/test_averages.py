"""Averages of weights by their half-life in images: what they are, where they are shown, and that runs keep them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import one_batch, small_batches, small_model, two_devices

import kerasgan
from kerasgan import callbacks
from kerasgan.contract import small
from kerasgan.contract.small import assert_same, values
from kerasgan.errors import UserError
from kerasgan.model import RAMP
from kerasgan.models import MODELS

HALF_LIFE = 40


@pytest.fixture(autouse=True)
def _averaged(monkeypatch):
    monkeypatch.setitem(small.GIVEN, "dcgan", {"half_life": HALF_LIFE})
    monkeypatch.setitem(small.GIVEN, "wgan", {"half_life": HALF_LIFE, "n_critic": 2})


def averaged(model):
    """[weights, of training and averaged] while fit() goes on."""
    return [(w.numpy(), average.numpy()) for w, average in model.average_of_weights.pairs]


class Watched(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(averaged(self.model))


@pytest.mark.parametrize(("key", "images"), [("dcgan", 4), ("wgan", 4)])
def test_the_average_is_that_of_its_half_life_and_starts_equal(key, images):
    model, watched = small_model(key, run_eagerly=True), Watched()
    expected = values(model.generator.weights)
    start = [w for w, _ in averaged(model)]
    assert len(start) == len(expected)  # statistics of batch normalisation are among them
    model.fit(small_batches(key), steps_per_epoch=6, verbose=0, callbacks=[watched])
    average = start
    for step, seen in enumerate(watched.seen, 1):
        decay = 0.5 ** (images / min(HALF_LIFE, RAMP * images * step))
        average = [decay * a + (1 - decay) * w for a, (w, _) in zip(average, seen, strict=True)]
        for a, (_, its) in zip(average, seen, strict=True):
            np.testing.assert_allclose(its, a, rtol=1e-4, atol=1e-6)
    # Once there are more images than that, the half-life is the one that was asked for: half of what was, is forgotten.
    variable = tf.Variable([1.0])
    model.average_of_weights.pairs = [(tf.constant([0.0]), variable)]
    model.step.assign(10**6)
    for _ in range(HALF_LIFE // images):
        model._follow(one_batch(model, key))
    np.testing.assert_allclose(variable.numpy(), 0.5, rtol=1e-5)


def test_statistics_can_be_left_as_they_are(monkeypatch):
    monkeypatch.setattr(MODELS["dcgan"], "averages_statistics", False)
    model = small_model("dcgan")
    followed = [w.path for w, _ in model.average_of_weights.pairs]
    assert followed == [w.path for w in model.generator.trainable_weights]


def test_it_is_shown_and_exported_and_runs_go_on_with_what_it_is_of(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")  # which is exported by way of another model
    data = small_batches("dcgan")

    def run(name, epochs, resume=False, more=()):
        model = small_model("dcgan")
        standard = callbacks.standard(tmp_path / name, data, resume=resume, more=more)
        model.fit(data, epochs=epochs, verbose=0, callbacks=standard)
        return model

    watched = Watched()
    whole = run("whole", 2, more=(watched,))
    of_training, average = (np.concatenate([np.ravel(part[i]) for part in watched.seen[-1]]) for i in (0, 1))
    assert not np.allclose(of_training, average, atol=1e-5)
    shown = np.concatenate([np.ravel(w.numpy()) for w, _ in whole.average_of_weights.pairs])
    np.testing.assert_array_equal(shown, average)

    run("parts", 1)
    resumed = run("parts", 2, resume=True)
    assert_same(whole.state(), resumed.state())
    assert_same(kerasgan.restore(tmp_path / "parts").weights, whole.weights)
    last = "snapshots/00002.png"
    assert (tmp_path / "whole" / last).read_bytes() == (tmp_path / "parts" / last).read_bytes()
    made = kerasgan.load(tmp_path / "parts").sample(n=16, seed=0)
    np.testing.assert_array_equal(made, whole.for_inference().sample_uint8(whole.prior(16, seed=0)).numpy())


def test_fit_goes_on_with_the_weights_of_training_and_files_hold_them(tmp_path):
    data = small_batches("dcgan")
    whole = small_model("dcgan")
    keep = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    whole.fit(data, epochs=2, verbose=0, callbacks=[keep])

    parts = small_model("dcgan")
    parts.fit(data, epochs=1, verbose=0)
    first = keras.saving.load_model(tmp_path / "1.keras")  # saved while fit() went on
    assert_same(first.weights, parts.weights)
    first.fit(data, epochs=2, initial_epoch=1, verbose=0)
    assert_same(first.weights, whole.weights)
    parts.fit(data, epochs=2, initial_epoch=1, verbose=0)
    assert_same(parts.weights, whole.weights)
    parts.save_weights(tmp_path / "all.weights.h5")
    third = small_model("dcgan", seed=3)
    third.load_weights(tmp_path / "all.weights.h5")
    assert_same(third.weights, whole.weights)


def test_a_step_at_a_time_is_what_fit_does():
    data, batches = small_batches("dcgan"), small_model("dcgan")
    fitted = small_model("dcgan")
    fitted.fit(data, steps_per_epoch=3, verbose=0)
    for batch, _ in zip(data.stream(lambda: 0, 1), range(3)):
        batches.train_on_batch(batch)
    assert_same(fitted.weights, batches.weights)


def test_it_starts_at_weights_that_were_taken_over():
    model, other = small_model("dcgan"), small_model("dcgan", seed=5)
    model.generator.set_weights(other.generator.get_weights())
    at_the_start = []
    look = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: at_the_start.extend(averaged(model)))
    model.fit(small_batches("dcgan"), steps_per_epoch=1, verbose=0, callbacks=[look])
    for w, average in at_the_start:
        np.testing.assert_array_equal(w, average)
    np.testing.assert_array_equal(at_the_start[0][0], other.generator.weights[0])


def test_what_has_an_average_of_its_own_or_none_to_have_is_refused():
    with pytest.raises(UserError, match="average of its own"):
        MODELS["ddpm"](image_shape=(8, 8, 1), half_life=100)
    with pytest.raises(UserError, match="number of images"):
        MODELS["dcgan"](image_shape=(8, 8, 1), half_life=-1)
    with pytest.raises(UserError, match="leave out one of the two averages"):
        small_model("dcgan", generator=keras.optimizers.Adam(use_ema=True))


def test_two_devices_average_as_one():
    data = small_batches("dcgan")
    one = small_model("dcgan")
    one.fit(data, steps_per_epoch=2, verbose=0)
    with two_devices().scope():
        two = small_model("dcgan")
    two.fit(data, steps_per_epoch=2, verbose=0)
    for (a, raw_a), (b, raw_b) in zip(averaged(one), averaged(two), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-4)
        np.testing.assert_allclose(raw_a, raw_b, rtol=1e-3, atol=2e-4)
