"""SRGAN: its losses, its frozen feature network, and what it takes over from SRResNet."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import (
    FEATURES,
    SMALL,
    constant_logit,
    losses_of_players,
    one_batch,
    small_batches,
    small_model,
    values,
)

from kerasgan.contract.small import GIVEN
from kerasgan.models import SRGAN
from kerasgan.models.srgan import discriminator, feature_network, in_three_channels, vgg19


def softplus(x):
    return np.logaddexp(0, x)


@pytest.mark.parametrize("logit", [-2.0, 0.0, 3.0])
def test_losses_against_numpy(logit, monkeypatch):
    shape = (9, 13, 3)
    model = small_model("srgan", shape)
    small, x = one_batch(model, "srgan", shape)
    constant_logit(model, "discriminator", logit)
    monkeypatch.setattr(model, "phi", lambda images: 3 * images[:, ::2])
    fake = model.generator(small, training=True).numpy()[:, :9, :13]
    content = np.mean((3 * (x.numpy() - fake)[:, ::2]) ** 2)
    found, logs = losses_of_players(model, (small, x), monkeypatch)
    assert found["discriminator"] == [pytest.approx(softplus(-logit) + softplus(logit), rel=1e-5)]
    assert found["generator"] == [pytest.approx(content + 1e-3 * softplus(-logit), rel=1e-5)]
    assert logs == pytest.approx(
        {"content": content, "adversarial": softplus(-logit), "d_loss": found["discriminator"][0]}, rel=1e-5
    )


def test_content_is_the_squared_error_of_the_feature_network(monkeypatch):
    model = small_model("srgan")
    small, x = one_batch(model, "srgan")
    network = keras.models.load_model(FEATURES)
    ours, original = (
        network(np.repeat(images, 3, axis=-1)).numpy() for images in (model.generator(small, training=True), x)
    )
    _, logs = losses_of_players(model, (small, x), monkeypatch)
    assert logs["content"] == pytest.approx(np.mean((original - ours) ** 2), rel=1e-4)


def still():
    return keras.optimizers.SGD(0.0)


def test_discriminator_raises_real_over_fake():
    model = small_model("srgan", discriminator=keras.optimizers.SGD(1e-2), generator=still())
    small, x = one_batch(model, "srgan", batch_size=32)

    def gap():
        real, fake = (model.discriminator(i, training=True) for i in (x, model.generator(small, training=True)))
        return float(tf.reduce_mean(real) - tf.reduce_mean(fake))

    before = gap()
    for _ in range(5):
        model.train_step((small, x))
    assert gap() > before


def test_generator_goes_where_the_discriminator_is_fooled(monkeypatch):
    model = small_model("srgan", discriminator=still(), generator=keras.optimizers.SGD(1e-2))
    monkeypatch.setattr(model, "adversarial", 1.0)
    monkeypatch.setattr(model, "phi", lambda images: 0 * images)
    small, x = one_batch(model, "srgan", batch_size=32)

    def score():
        return float(tf.reduce_mean(model.discriminator(model.generator(small, training=True), training=True)))

    before = score()
    for _ in range(5):
        model.train_step((small, x))
    assert score() > before


def test_feature_network_is_frozen_and_no_part_of_the_model():
    model = small_model("srgan", run_eagerly=True)
    phi = model.load_features()
    cells = dict(zip(phi.__code__.co_freevars, phi.__closure__, strict=True))
    network = cells["network"].cell_contents
    before = values(network.weights)
    assert before
    assert not network.trainable_weights
    model.fit(small_batches("srgan"), steps_per_epoch=2, verbose=0)
    for w, b in zip(network.weights, before, strict=True):
        np.testing.assert_array_equal(w.numpy(), b)
    held = {id(w) for w in model.state()}
    assert not held & {id(w) for w in network.weights}
    assert [layer.name for layer in model.layers] == ["noise", "generator", "discriminator"]


def test_without_its_features_a_file_still_enlarges_but_does_not_train(tmp_path, monkeypatch):
    features = tmp_path / "features.keras"
    shutil.copy(FEATURES, features)
    monkeypatch.setitem(GIVEN, "srgan", {"features": str(features)})
    model, batches = small_model("srgan", run_eagerly=True), small_batches("srgan")
    model.fit(batches, steps_per_epoch=2, verbose=0)
    model.save(tmp_path / "model.keras")
    features.unlink()
    loaded = keras.models.load_model(tmp_path / "model.keras")
    small, _ = batches.first(4)
    np.testing.assert_array_equal(loaded(small), model(small))
    loaded.export(tmp_path / "saved_model")
    with pytest.raises(ValueError, match=r"There is no feature network .*features\.keras: give --features PATH"):
        loaded.fit(batches, verbose=0)


def test_features_see_grey_as_colour_and_alpha_as_a_grey_image():
    x = tf.random.stateless_uniform((2, 4, 4, 4), (0, 0))
    np.testing.assert_array_equal(in_three_channels(x[..., :3]), x[..., :3])
    np.testing.assert_array_equal(in_three_channels(x[..., :1]), np.repeat(x[..., :1], 3, axis=-1))
    colours, alpha = tf.split(in_three_channels(x), 2)
    np.testing.assert_array_equal(colours, x[..., :3])
    np.testing.assert_array_equal(alpha, np.repeat(x[..., 3:], 3, axis=-1))


def test_features_that_are_none_are_an_error_in_one_line(tmp_path):
    (tmp_path / "text.keras").write_text("no model")
    image = keras.Input((8, 8, 3))
    keras.Model(image, keras.layers.Conv2D(2, 3)(image)).save(tmp_path / "one_size.keras")
    image = keras.Input((None, None, 3))
    keras.Model(image, keras.layers.GlobalAveragePooling2D()(image)).save(tmp_path / "pooled.keras")
    for name, message in {
        "missing.keras": "There is no feature network",
        "text.keras": "cannot be read as a Keras model",
        "one_size.keras": r"from \[\(None, 8, 8, 3\)\] to .*need one from RGB images of any size",
        "pooled.keras": r"to \[\(None, 3\)\]; features need .*to a feature map",
    }.items():
        with pytest.raises(ValueError, match=message) as error:
            feature_network(str(tmp_path / name))
        assert "\n" not in str(error.value)


def test_weights_of_vgg19_that_cannot_be_downloaded_are_an_error_in_one_line(monkeypatch):
    def offline(**kwargs):
        raise Exception("URL fetch failure on https://...: None -- no route\nto the host")

    monkeypatch.setattr(keras.applications, "VGG19", offline)
    with pytest.raises(ValueError, match=r"VGG19 cannot be downloaded \(URL fetch .*\): give --features PATH") as error:
        small = {**SMALL["srgan"], "features": "vgg19"}
        SRGAN((12, 8, 1), **small).compile()
    assert "\n" not in str(error.value)


def test_vgg19_sees_what_it_was_trained_on(monkeypatch):
    networks = []

    def untrained(include_top, weights):
        assert (include_top, weights) == (False, "imagenet")
        networks.append(build(include_top=False, weights=None))
        return networks[0]

    build = keras.applications.VGG19
    monkeypatch.setattr(keras.applications, "VGG19", untrained)
    x = np.random.default_rng(0).uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)
    found = vgg19()(x).numpy()
    blue_first = 255 * (x[..., ::-1] + 1) / 2 - np.array([103.939, 116.779, 123.68], np.float32)
    layer = networks[0].get_layer("block5_conv4")
    expected = keras.Model(networks[0].input, layer.output)(blue_first).numpy() / 12.75
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * expected.max())
    assert found.shape == (1, 2, 2, 512)
    assert found.min() == 0 < found.max()  # after the activation


def test_starts_with_the_generator_of_srresnet_and_a_discriminator_of_its_own():
    first = small_model("srresnet", seed=1)
    first.fit(small_batches("srresnet"), epochs=1, verbose=0)
    model = small_model("srgan")
    fresh, noise = values(model.discriminator.weights), values(model.noise.weights)
    assert not np.array_equal(model.generator.weights[0].numpy(), first.generator.weights[0].numpy())
    model.start_from(first)
    for ours, theirs in zip(model.generator.weights, first.generator.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy(), err_msg=ours.path)
    for w, b in zip([*model.discriminator.weights, *model.noise.weights], [*fresh, *noise], strict=True):
        np.testing.assert_array_equal(w.numpy(), b)
    small, _ = small_batches("srgan").first(4)
    np.testing.assert_array_equal(model(small), first(small))
    with pytest.raises(ValueError, match="starts from a trained srresnet, not from a dcgan"):
        model.start_from(small_model("dcgan"))


def test_learning_rates_fall_tenfold_after_half_of_the_steps():
    model = small_model("srgan", run_eagerly=True)  # of 8 steps in all
    rates = []

    def keep(batch, logs):
        rates.append([float(o.learning_rate.numpy()) for o in model.optimizers.values()])

    watch = keras.callbacks.LambdaCallback(on_train_batch_end=keep)
    model.fit(small_batches("srgan"), epochs=1, verbose=0, callbacks=[watch])
    assert len(rates) == 8
    for player in zip(*rates, strict=True):
        assert player == pytest.approx([1e-4] * 4 + [1e-5] * 4)  # after each step, of the next


def test_discriminator_is_that_of_figure_4():
    network = discriminator((96, 96, 3), 64)
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [(c.filters, c.strides[0]) for c in convolutions] == [
        (width, stride) for width in (64, 128, 256, 512) for stride in (1, 2)
    ]
    dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [1024, 1]
    assert dense[0].kernel.shape[0] == 6 * 6 * 512
    normalised = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(normalised) == 7  # not after the first
