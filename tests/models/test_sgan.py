"""SGAN's losses against numpy, and who learns from what."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import CLASSES, SHAPE, losses_of_players, one_batch, small_batches, small_model, values

from kerasgan.data import Batches
from kerasgan.errors import UserError
from kerasgan.models.sgan import log_z, mean_where


def watch(model, monkeypatch):
    """Return a list that takes up what the discriminator sees and says: (x, logits, features)."""
    seen, call = [], model.discriminator.call

    def watched(x, **kwargs):
        logits, features = call(x, **kwargs)
        seen.append((x, logits, features))
        return logits, features

    monkeypatch.setattr(model.discriminator, "call", watched)
    return seen


def batch_of(labels, seed=0):
    x = np.random.default_rng(seed).uniform(-1, 1, (len(labels), *SHAPE)).astype(np.float32)
    return tf.constant(x), tf.constant(labels, tf.int32)


@pytest.mark.parametrize("labels", [[0, -1, 2, -1, 1], [-1, -1, -1], [0, 1], [2]], ids=str)
def test_losses_against_numpy(labels, monkeypatch):
    """Where no image has a label there is nothing to learn from one; where all have, all show how images are."""
    model = small_model("sgan")
    seen = watch(model, monkeypatch)
    found, logs = losses_of_players(model, batch_of(labels), monkeypatch)
    (_, logits, features), (fakes, fake_logits, fake_features) = ([t.numpy() for t in outputs] for outputs in seen)
    known = np.array(labels) >= 0
    unlabelled = ~known if (~known).any() else known
    assert len(fakes) == (len(labels) + 1) // 2

    with_fake = np.concatenate([logits, np.zeros((len(labels), 1))], axis=1)  # l_{K+1} = 0
    p = np.exp(with_fake) / np.exp(with_fake).sum(axis=1, keepdims=True)
    fake_with_fake = np.concatenate([fake_logits, np.zeros((len(fakes), 1))], axis=1)
    p_fake = np.exp(fake_with_fake) / np.exp(fake_with_fake).sum(axis=1, keepdims=True)

    of_known = [np.log(p[i, y] / (1 - p[i, -1])) for i, y in enumerate(labels) if y >= 0]
    supervised = -np.mean(of_known) if of_known else 0
    unsupervised = -0.5 * np.log(1 - p[unlabelled, -1]).mean() - 0.5 * np.log(p_fake[:, -1]).mean()
    matching = ((features[unlabelled].mean(axis=0) - fake_features.mean(axis=0)) ** 2).mean()
    assert logs["supervised"] == pytest.approx(supervised, rel=1e-4)
    assert logs["unsupervised"] == pytest.approx(unsupervised, rel=1e-4)
    assert logs["feature_matching"] == pytest.approx(matching, rel=1e-4)
    assert found["discriminator"] == [pytest.approx(supervised + unsupervised, rel=1e-4)]
    assert found["generator"] == [pytest.approx(matching, rel=1e-4)]
    right = logits.argmax(axis=1) == np.array(labels)
    assert logs["accuracy"] == pytest.approx(right[known].mean() if known.any() else 0)


def test_log_z_is_the_logit_of_an_image_being_real_when_fakes_logit_is_zero():
    logits = np.array([[1.0, -2.0, 3.0], [-5.0, -6.0, -7.0], [80.0, -80.0, 90.0]], np.float32)
    z = np.exp(logits.astype(np.float64)).sum(axis=1)
    np.testing.assert_allclose(tf.sigmoid(log_z(logits)), z / (z + 1), rtol=1e-5)


def test_images_without_a_label_leave_no_trace_in_the_supervised_loss(monkeypatch):
    """The gradient with respect to each image's logits, and whatever number stands for unknown."""
    model = small_model("sgan")
    x, y = batch_of([1, -1, 0, -7])
    seen = watch(model, monkeypatch)
    gradients = {}

    def keep(player, loss, tape):
        gradients[player] = tape.gradient(loss, [seen[0][1], seen[1][1]])

    monkeypatch.setattr(model, "minimize", keep)
    # Of the sum of both losses, the supervised part alone is left where the images are told to be real for sure.
    monkeypatch.setattr("kerasgan.models.sgan.log_z", lambda logits: tf.zeros_like(logits[:, 0]))
    model.train_step((x, y))
    real, fake = gradients["discriminator"]
    logits = seen[0][1].numpy()
    expected = tf.nn.softmax(logits).numpy() - np.eye(CLASSES)[[1, 0, 0, 0]]
    expected[[1, 3]] = 0
    np.testing.assert_allclose(real, expected / 2, atol=1e-6)
    assert fake is None  # no fake has a part in it


def test_the_generator_learns_from_the_discriminator_before_it_moves():
    """Both share one pass: how far the discriminator moves must not show in the generator's gradient."""
    moved = []
    for rate in (0.0, 0.1):
        model = small_model("sgan", discriminator=keras.optimizers.SGD(rate), generator=keras.optimizers.SGD(0.1))
        model.fit(small_batches("sgan"), steps_per_epoch=1, verbose=0)
        moved.append(values(model.generator.trainable_weights))
    for still, moving in zip(*moved, strict=True):
        np.testing.assert_allclose(still, moving, atol=1e-7)


def test_the_generator_brings_its_features_near_those_of_images(monkeypatch):
    model = small_model("sgan", discriminator=keras.optimizers.SGD(0.0), generator=keras.optimizers.Adam(1e-2))
    batch = one_batch(model, "sgan", batch_size=16)
    distances = [float(model.train_step(batch)["feature_matching"]) for _ in range(15)]  # running means
    assert distances[-1] < 0.7 * distances[0]


def test_the_average_follows_the_weights_and_classifies():
    model = small_model("sgan")
    averages = [w for w in model.average.weights if w.path.endswith(("kernel", "bias"))]
    start = values(averages)
    model.train_step(one_batch(model, "sgan"))
    for first, now, average in zip(start, model.discriminator.trainable_weights, averages, strict=True):
        np.testing.assert_allclose(average, 0.1 * first + 0.9 * now.numpy(), atol=1e-6)  # (1 + 0) / (10 + 0)
    x = np.random.default_rng(0).integers(0, 256, (3, *SHAPE), np.uint8)
    classify, _ = model.endpoints()["classify"]
    np.testing.assert_allclose(classify(x), model.average(x / np.float32(127.5) - 1)[0], rtol=1e-5)
    assert next(iter(model.endpoints())) == "classify"


def test_accuracy_is_measured_on_labelled_images_and_on_those_alone():
    model, batches = small_model("sgan"), small_batches("sgan")
    x, y = batches.columns
    predicted = model.average(x / np.float32(127.5) - 1)[0].numpy().argmax(axis=1).astype(np.int32)
    y = np.where(np.arange(len(y)) % 3 == 0, predicted, (predicted + 1) % CLASSES)
    held_out = Batches((x, y), "labelled", 5, classes=CLASSES)
    found = model.evaluate(held_out, return_dict=True, verbose=0)
    assert set(found) == {"supervised", "accuracy"}
    assert found["accuracy"] == pytest.approx(np.mean(y == predicted))
    some = np.where(np.arange(len(y)) < 12, y, -1)
    found = model.evaluate(Batches((x, some), "partly_labelled", 5, classes=CLASSES), return_dict=True, verbose=0)
    assert found["accuracy"] == pytest.approx(np.mean((y == predicted)[:12]))
    history = model.fit(batches, epochs=1, validation_data=held_out, verbose=0).history
    assert {"val_accuracy", "val_supervised"} <= set(history)
    with pytest.raises(UserError, match="SGAN takes partly_labelled; the data is labelled"):
        model.fit(held_out, verbose=0)


def test_means_are_of_the_chosen_alone():
    x = tf.constant([[1.0, 2.0], [3.0, 4.0], [50.0, 60.0]])
    np.testing.assert_allclose(mean_where(tf.constant([True, True, False]), x), [2, 3])
    np.testing.assert_allclose(mean_where(tf.constant([False] * 3), x), [0, 0])
