"""ACGAN's losses against numpy: what either player wants of source and class."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import CLASSES, losses_of_players, one_batch, small_model


def softplus(x):
    return np.logaddexp(0, x)


def constant_outputs(model, source, classes):
    """Let the discriminator give every image the same logits."""
    both = model.discriminator.get_layer("discriminator").layers[-1]
    both.set_weights([np.zeros_like(both.get_weights()[0]), np.array([source, *classes], np.float32)])


@pytest.mark.parametrize("source", [-2.0, 0.0, 3.0])
@pytest.mark.parametrize("classes", [(0.0, 0.0, 0.0), (1.0, -2.0, 4.0)])
def test_both_players_are_paid_for_the_right_class_and_differ_in_the_source(source, classes, monkeypatch):
    model = small_model("acgan")
    constant_outputs(model, source, classes)
    x, y = one_batch(model, "acgan")
    found, logs = losses_of_players(model, (x, y), monkeypatch)
    log_p = np.array(classes) - np.log(np.exp(classes).sum())
    of_class = -log_p[y.numpy()].mean()
    assert found["discriminator"] == [pytest.approx(softplus(-source) + softplus(source) + 2 * of_class, rel=1e-5)]
    assert found["generator"] == [pytest.approx(softplus(-source) + of_class, rel=1e-5)]  # non-saturating
    right = (np.argmax(classes) == y.numpy()).mean()
    assert logs == {
        "d_loss": found["discriminator"][0],
        "g_loss": found["generator"][0],
        "accuracy": pytest.approx(right),
    }


def test_the_generator_moves_towards_what_is_named_as_it_was_asked():
    """A discriminator that knows nothing but the class: dark, grey or bright images."""
    still = keras.optimizers.SGD(0.0)
    model = small_model("acgan", discriminator=still, generator=keras.optimizers.Adam(1e-2, beta_1=0.5))

    call = model.discriminator.call

    def judge(x, training=False, mask=None):
        source, _ = call(x, training=training)  # its weights take part, and say nothing
        mean = tf.reduce_mean(x, axis=[1, 2, 3])
        return 0 * source, -20 * (mean[:, None] - tf.constant([-0.5, 0.0, 0.5])) ** 2

    model.discriminator.call = judge
    labels = tf.repeat(tf.range(CLASSES), 8)

    def brightness():
        images = model((model.prior(len(labels), seed=0)[0], labels))
        return tf.reduce_mean(tf.reshape(images, (CLASSES, -1)), axis=1).numpy()

    before = brightness()
    for _ in range(60):
        model.train_step(one_batch(model, "acgan", batch_size=16))
    after = brightness()
    assert np.ptp(before) < 0.1
    assert after[0] < -0.25 < after[1] < 0.25 < after[2]


def test_it_classifies_by_what_the_discriminator_says_of_the_class():
    model = small_model("acgan")
    constant_outputs(model, 5.0, (0.0, 1.0, -1.0))
    classify, _ = model.endpoints()["classify"]
    logits = classify(tf.zeros((2, 12, 8, 1), tf.uint8))
    np.testing.assert_allclose(logits, [[0, 1, -1]] * 2)
