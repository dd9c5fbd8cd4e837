"""The projection discriminator against numpy: the hinge loss of both players, and how the score hears the label."""

import numpy as np
import pytest
import tensorflow as tf
from conftest import CLASSES, SHAPE, SMALL, losses_of_players, one_batch, small_model

from kerasgan.models import MODELS


def constant_score(model, monkeypatch, real, fake):
    """Let the discriminator score what it is shown in turns as a real image and as a fake; return what that is."""
    seen = []

    def score(inputs, training):
        x, _ = inputs
        seen.append(x)
        return tf.fill((len(x), 1), real if len(seen) % 2 else fake)

    monkeypatch.setattr(model, "discriminator", score)
    return seen


@pytest.mark.parametrize(
    ("real", "fake", "d_loss"),
    [(0.0, 0.0, 2.0), (3.0, -3.0, 0.0), (-2.0, 0.5, 4.5), (0.25, -0.75, 1.0)],
)
def test_the_discriminator_has_a_margin_and_the_generator_has_none(real, fake, d_loss, monkeypatch):
    model = small_model("projection_gan")
    batch = one_batch(model, "projection_gan", batch_size=4)
    seen = constant_score(model, monkeypatch, real, fake)
    found, logs = losses_of_players(model, batch, monkeypatch)
    assert found["discriminator"] == [pytest.approx(d_loss)] * 2  # n_dis
    assert found["generator"] == [pytest.approx(-real)]  # the fifth call
    assert logs == {"d_loss": pytest.approx(d_loss), "g_loss": pytest.approx(-real)}
    x, _ = batch
    assert len(x) == 8
    np.testing.assert_array_equal(seen[0], x[:4])  # fresh images in each of its steps
    np.testing.assert_array_equal(seen[2], x[4:])


def test_few_images_may_keep_scores_near_each_other(monkeypatch):
    model = MODELS["projection_gan"](image_shape=SHAPE, **SMALL["projection_gan"], lecam=0.5)
    model.compile()
    batch = one_batch(model, "projection_gan", batch_size=4)
    constant_score(model, monkeypatch, 1.0, -1.0)
    found, _ = losses_of_players(model, batch, monkeypatch)
    # the hinge loss is 0 at both margins, where each score is 2 from the other's anchor
    assert found["discriminator"] == [pytest.approx(0.5 * (2**2 + 2**2))] * 2
    assert [model.anchored.real.numpy(), model.anchored.fake.numpy()] == pytest.approx([1, -1])


def test_the_score_is_the_features_along_the_direction_of_the_label_and_a_score_of_their_own():
    model = small_model("projection_gan")
    x, _ = one_batch(model, "projection_gan", batch_size=4)
    network = model.discriminator
    flat = next(layer for layer in network.layers if layer.name.startswith("flatten"))
    direction, psi = (layer for layer in network.layers if layer.name.startswith("spectral_dense"))
    features = tf.keras.Model(network.inputs[0], flat.output)(x).numpy()
    v = direction.normalized_kernel(training=False).numpy()
    w = psi.normalized_kernel(training=False).numpy()
    assert v.shape == (CLASSES, features.shape[1])
    for label in range(CLASSES):
        score = network((x, tf.fill(len(x), label)))
        np.testing.assert_allclose(score, features @ v[label][:, None] + features @ w, rtol=1e-4, atol=1e-6)


def test_the_generator_hears_the_label_by_scales_and_shifts_alone():
    model = small_model("projection_gan")
    z = tf.random.stateless_normal((5, 4), (0, 0))
    images = [model((z, tf.fill(5, label))).numpy() for label in range(CLASSES)]
    np.testing.assert_array_equal(images[0], images[1])  # all labels start alike
    tables = [w for w in model.generator.trainable_weights if w.shape[0] == CLASSES and len(w.shape) == 2]
    assert len(tables) == 2 * len([w for w in model.generator.weights if w.path.endswith("moving_mean")])
    tables[0].assign(tables[0] * np.array([1, 2, 1], np.float32)[:, None])
    changed = [model((z, tf.fill(5, label))).numpy() for label in range(CLASSES)]
    np.testing.assert_array_equal(changed[0], images[0])
    np.testing.assert_array_equal(changed[2], images[2])
    assert np.abs(changed[1] - images[1]).max() > 0
    assert changed[0].shape == (5, *SHAPE)
