"""pix2pix: its losses, what its discriminator sees, its patches, and its noise at inference."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import losses_of_players, one_batch, small_model

from kerasgan import images
from kerasgan.errors import UserError
from kerasgan.models import Pix2Pix, pix2pix


def softplus(x):
    return np.logaddexp(0, x)


def watched(monkeypatch, network):
    """What a network is given, call by call."""
    seen, call = [], network.call
    monkeypatch.setattr(network, "call", lambda x, **kwargs: (seen.append(x.numpy()), call(x, **kwargs))[1])
    return seen


def constant_logits(model, value):
    """Let the discriminator give every patch the same logit."""
    score = next(layer for layer in reversed(model.discriminator.layers) if layer.weights)
    score.set_weights([np.zeros_like(score.get_weights()[0]), np.full(1, value, np.float32)])


@pytest.mark.parametrize("logit", [-2.0, 0.0, 3.0])
def test_losses_against_numpy(logit, monkeypatch):
    model = small_model("pix2pix")
    constant_logits(model, logit)
    x, y = one_batch(model, "pix2pix")
    outputs, call = [], model.generator.call
    monkeypatch.setattr(model.generator, "call", lambda *a, **k: (outputs.append(call(*a, **k)), outputs[-1])[1])
    found, logs = losses_of_players(model, (x, y), monkeypatch)
    (fake,) = outputs  # both players share one pass
    l1 = np.mean(np.abs(fake.numpy() - y.numpy()))
    assert found["discriminator"] == [pytest.approx((softplus(-logit) + softplus(logit)) / 2)]
    assert found["generator"] == [pytest.approx(softplus(-logit) + 100 * l1, rel=1e-5)]
    assert logs == pytest.approx({"adversarial": softplus(-logit), "l1": l1, "d_loss": found["discriminator"][0]})


def test_loss_weights_are_those_of_their_terms(monkeypatch):
    keras.utils.set_random_seed(0)
    model = Pix2Pix(image_shape=(12, 8, 1), width=4, adversarial=0.5, l1=7.0)
    model.compile()
    found, logs = losses_of_players(model, one_batch(model, "pix2pix"), monkeypatch)
    assert found["generator"] == [pytest.approx(0.5 * logs["adversarial"] + 7 * logs["l1"], rel=1e-5)]


def test_discriminator_sees_the_source_and_then_the_target_or_the_output(monkeypatch):
    model = small_model("pix2pix")
    x, y = one_batch(model, "pix2pix")
    seen = watched(monkeypatch, model.discriminator)
    losses_of_players(model, (x, y), monkeypatch)
    real, fake, judged = seen
    np.testing.assert_array_equal(real, np.concatenate([x, y], -1))
    np.testing.assert_array_equal(fake[..., :1], x)
    np.testing.assert_array_equal(fake, judged)
    assert not np.array_equal(fake[..., 1:], y)


def test_each_player_goes_its_own_way():
    still, moving = keras.optimizers.SGD(0.0), keras.optimizers.SGD(1e-2)
    model = small_model("pix2pix", discriminator=moving, generator=still)
    x, y = one_batch(model, "pix2pix")
    fake = model.generator(x, training=True)

    def gap():
        return float(tf.reduce_mean(model.discriminator(tf.concat([x, y], -1))) - logit_of_fake())

    def logit_of_fake():
        return float(tf.reduce_mean(model.discriminator(tf.concat([x, fake], -1))))

    before = gap()
    for _ in range(5):
        model.train_step((x, y))
    assert gap() > before

    keras.utils.set_random_seed(0)
    model = Pix2Pix(image_shape=(12, 8, 1), width=4, l1=0.0)
    model.compile(discriminator=keras.optimizers.SGD(0.0), generator=keras.optimizers.SGD(1e-2))
    fake = model(x)
    before = logit_of_fake()
    for _ in range(5):
        model.train_step((x, y))
    fake = model(x)
    assert logit_of_fake() > before


@pytest.mark.parametrize(("patch", "size"), [(16, 40), (34, 80), (70, 160)])
def test_a_logit_sees_exactly_its_patch(patch, size, monkeypatch):
    # instance normalisation lets every pixel of an image have a say; what is counted here are the convolutions
    monkeypatch.setattr(pix2pix, "instance_normalization", keras.layers.Identity)
    discriminator = pix2pix.patch_discriminator((size, size, 1), 2, patch)
    for w in discriminator.weights:
        w.assign(tf.abs(w) + 1e-3)  # no contributions that cancel
    x = tf.ones((1, size, size, 1))
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = discriminator(x)
        middle = logits[0, logits.shape[1] // 2, logits.shape[2] // 2, 0]
    rows, columns = np.nonzero(tape.gradient(middle, x).numpy()[0, :, :, 0])
    assert rows.min() > 0
    assert rows.max() < size - 1
    assert len(set(rows)) == len(set(columns)) == patch
    assert len(rows) == patch**2


def test_paper_sizes():
    model = Pix2Pix()
    kernels = [layer for layer in model.generator.layers if isinstance(layer, keras.layers.Conv2DTranspose)]
    assert [layer.filters for layer in kernels] == [512, 512, 512, 512, 256, 128, 64, 3]
    assert [k.kernel.shape[3] for k in kernels] == [512, 1024, 1024, 1024, 1024, 512, 256, 128]  # beside their skips
    convolutions = [layer for layer in model.generator.layers if type(layer) is keras.layers.Conv2D]
    assert [layer.filters for layer in convolutions] == [64, 128, 256, 512, 512, 512, 512, 512]
    assert model.discriminator.input_shape == (None, 256, 256, 6)
    convolutions = [layer for layer in model.discriminator.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [(layer.filters, layer.strides[0]) for layer in convolutions] == [
        (64, 2),
        (128, 2),
        (256, 2),
        (512, 1),
        (1, 1),
    ]


@pytest.mark.parametrize("patch", [0, 1, 7, 69, 71])
def test_a_patch_that_no_depth_sees_is_an_error(patch):
    with pytest.raises(UserError, match="16, 34, 70, 142 or 286"):
        Pix2Pix(image_shape=(8, 8, 1), width=2, patch=patch)


def dropouts(model):
    return [layer for layer in model.generator.layers if isinstance(layer, pix2pix.FixedDropout)]


def test_dropout_stays_on_at_inference_and_is_the_same_for_every_image_in_any_batch():
    keras.utils.set_random_seed(0)
    model = Pix2Pix(image_shape=(64, 64, 1), width=2)
    assert len(dropouts(model)) == 3
    x = tf.random.stateless_uniform((3, 64, 64, 1), (0, 0), -1, 1)
    whole = model(x).numpy()
    np.testing.assert_array_equal(whole, model(x))
    for i in range(3):
        np.testing.assert_allclose(whole[i], model(x[i : i + 1])[0], atol=1e-5)
    np.testing.assert_allclose(model(tf.repeat(x[:1], 3, axis=0)), tf.repeat(whole[:1], 3, axis=0), atol=1e-5)
    for layer in dropouts(model):
        layer.rate = 0.0
    assert np.abs(whole - model(x)).max() > 1e-4


def test_training_draws_another_mask_each_time():
    model = small_model("pix2pix", (32, 32, 1))
    x, _ = one_batch(model, "pix2pix", (32, 32, 1))
    first, second = model.generator(x, training=True), model.generator(x, training=True)
    assert not np.array_equal(first, second)


def test_fixed_dropout_drops_half_and_keeps_the_mean():
    layer = pix2pix.FixedDropout(0.5, seed=0)
    dropped = layer(tf.ones((2, 16, 16, 8))).numpy()
    assert set(np.unique(dropped)) == {0, 2}
    assert dropped.mean() == pytest.approx(1, abs=0.05)
    np.testing.assert_array_equal(dropped[0], dropped[1])
    assert not np.array_equal(dropped, pix2pix.FixedDropout(0.5, seed=1)(tf.ones((2, 16, 16, 8))))
    trained = layer(tf.ones((2, 16, 16, 8)), training=True).numpy()
    assert not np.array_equal(trained[0], trained[1])


def test_translate_takes_and_gives_uint8():
    model = small_model("pix2pix")
    translate, _ = model.endpoints()["translate"]
    x = np.random.default_rng(0).integers(0, 256, (3, 12, 8, 1), np.uint8)
    np.testing.assert_array_equal(translate(x), images.to_uint8(model(images.from_uint8(x))))


def test_a_model_without_latents_says_so():
    with pytest.raises(UserError, match="no latents"):
        small_model("pix2pix").prior(3)
