"""Networks that images are measured with: what they get to see, and which they are."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import small_model

from kerasgan import data, metrics, run_folder, saved_model, trained_models
from kerasgan.errors import UserError
from kerasgan.metrics import features

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (5, 8, 8, 1), np.uint8)


def means(shape=(8, 8, 1)):
    """A Keras model whose features are the mean of each channel."""
    image = keras.Input(shape)
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(image), name="means")


def test_a_keras_model_sees_images_from_minus_1_to_1():
    network = metrics.feature_network(means())
    images = np.stack([np.zeros((8, 8, 1)), np.full((8, 8, 1), 255)]).astype(np.uint8)
    np.testing.assert_allclose(network(images), [[-1], [1]], atol=1e-6)
    with pytest.raises(UserError, match="means has features and no classes"):
        network.classify(images)


def test_batches_are_put_together_in_order(monkeypatch):
    whole = metrics.feature_network(means())(PIXELS)
    monkeypatch.setattr(features, "BATCH", 2)
    np.testing.assert_array_equal(metrics.feature_network(means())(PIXELS), whole)


def test_fewer_large_images_are_in_memory_at_once(monkeypatch):
    monkeypatch.setattr(features, "PIXELS", 3 * 16 * 16)
    seen = []

    def extract(images):
        seen.append(images.shape)
        return images.mean(axis=(1, 2))

    network = metrics.FeatureNetwork("means", (16, 16, 1), "", extract)
    assert network(PIXELS).shape == (5, 1)
    assert seen == [(3, 16, 16, 1), (2, 16, 16, 1)]


def test_images_are_made_smaller_with_antialiasing():
    stripes = np.zeros((1, 64, 64, 1), np.uint8)
    stripes[:, :, ::2] = 255  # without it, all that is left is white, or black
    small = features.fitted(stripes, (8, 8, 1))
    assert small.shape == (1, 8, 8, 1)
    assert np.abs(small[:, 1:-1, 1:-1].astype(int) - 127).max() <= 3
    np.testing.assert_array_equal(features.fitted(PIXELS, (8, 8, 1)), PIXELS)
    assert features.fitted(PIXELS, (None, None, 1)).shape == PIXELS.shape


def test_grey_and_colour():
    colour = features.fitted(PIXELS, (8, 8, 3))
    np.testing.assert_array_equal(colour, np.repeat(PIXELS, 3, axis=-1))
    np.testing.assert_array_equal(features.fitted(colour, (8, 8, 1)), PIXELS)


def test_the_hash_is_of_the_weights():
    one, other = (keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3)]) for _ in range(2))
    other.set_weights(one.get_weights())
    assert metrics.feature_network(one).sha256 == metrics.feature_network(other).sha256
    other.set_weights([w + 1 for w in one.get_weights()])
    assert metrics.feature_network(one).sha256 != metrics.feature_network(other).sha256


def test_a_keras_file(tmp_path):
    means((None, None, 3)).save(tmp_path / "judge.keras")
    network = metrics.feature_network(tmp_path / "judge.keras")
    assert network.name == "judge"
    assert network(PIXELS).shape == (5, 3)  # any size, and grey made colour


def test_a_saved_model_of_kerasgan_gives_features_and_logits(tmp_path):
    spec = [tf.TensorSpec((None, 8, 8, 1), tf.uint8, "images")]
    weight = tf.Variable(2.0)
    endpoints = {
        "classify": (lambda images: weight * tf.cast(tf.reduce_max(images, axis=[1, 2]), tf.float32), spec),
        "features": (lambda images: weight * tf.cast(tf.reduce_min(images, axis=[1, 2]), tf.float32), spec),
    }
    saved_model.write(tmp_path / "judge", endpoints, {"variant": "extremes"})
    network = metrics.feature_network(tmp_path / "judge")
    assert network.name == "extremes"
    np.testing.assert_array_equal(network(PIXELS)[:, 0], 2.0 * PIXELS.min(axis=(1, 2, 3)))
    np.testing.assert_array_equal(network.classify(PIXELS)[:, 0], 2.0 * PIXELS.max(axis=(1, 2, 3)))
    weight.assign(3.0)
    saved_model.write(tmp_path / "other", endpoints, {"variant": "extremes"})
    assert metrics.feature_network(tmp_path / "other").sha256 != network.sha256


def test_a_saved_model_of_others(tmp_path):
    means((8, 8, 3)).export(tmp_path / "judge", verbose=False)
    network = metrics.feature_network(tmp_path / "judge")
    np.testing.assert_allclose(network(PIXELS), metrics.feature_network(means((8, 8, 3)))(PIXELS), atol=1e-6)
    assert network.name == "judge"


def test_what_is_no_network_for_images_is_an_error_in_one_line(tmp_path):
    small_model("gan").export(tmp_path / "gan")
    two = keras.Input((8, 8, 1))
    cases = {
        tmp_path / "nothing": "There is no network",
        tmp_path / "gan": "it needs features or classify",
        keras.Model(two, [two, two]): "1 inputs and 2 outputs",
        keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)]): "takes (None, 8)",
    }
    for which, said in cases.items():
        with pytest.raises(UserError, match=r"^[^\n]+$") as error:
            metrics.feature_network(which)
        assert said in str(error.value)


def test_inception_without_weights_is_an_error_in_one_line(monkeypatch):
    def no_network(**settings):
        raise OSError("URL fetch failure\nand more")

    monkeypatch.setattr(keras.applications, "InceptionV3", no_network)
    with pytest.raises(UserError, match=r"^Inception's weights cannot be had \(URL fetch failure\)[^\n]+$"):
        metrics.feature_network("inception")


def test_inception_measures_pooled_features_and_classifies(monkeypatch):
    """With random weights: the real ones have to be downloaded."""
    inception = keras.applications.InceptionV3
    monkeypatch.setattr(
        keras.applications, "InceptionV3", lambda weights, **settings: inception(weights=None, **settings)
    )
    network = metrics.feature_network("inception")
    assert network.image_shape == (299, 299, 3)
    assert network(PIXELS[:2]).shape == (2, 2048)
    assert network.classify(PIXELS[:2]).shape == (2, 1000)


# ---- the shipped classifier of colour images ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cifar10():
    return metrics.feature_network("cifar10")


def colourful(n, side, seed=0):
    """Smooth random pictures of any size."""
    colours = np.random.default_rng(seed).integers(0, 256, (n, 4, 4, 3), np.uint8)
    return features.fitted(colours, (side, side, 3))


def test_the_classifier_of_colour_images_tells_test_images(cifar10, real_data):
    if not (real_data / "tfds/cifar10").is_dir():
        pytest.skip("there is no tfds/cifar10 beside the other data")
    test = data.tensorflow_dataset("cifar10", split="test", data_dir=real_data / "tfds")
    some = np.random.default_rng(0).permutation(len(test.images))[:1000]
    assert metrics.accuracy(cifar10.classify(np.asarray(test.images)[some]), test.labels[some]) > 0.86  # of 1,000, ±1%
    assert list(cifar10.class_names) == test.about["class_names"]


def test_the_classifier_of_colour_images_is_small_and_says_how_good_it_is():
    folder = trained_models.folder("cifar10_classifier")
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) < 4e6
    accuracy = f"{run_folder.about_model(folder)['test_accuracy']:.2%}"
    assert f"**{accuracy}**" in (ROOT / "zoo/cifar10_classifier/README.md").read_text(encoding="utf-8")


def test_features_of_larger_images_are_of_what_is_seen_from_near_and_from_afar(cifar10):
    large = colourful(4, 64)
    checkers = 12 * (np.indices((64, 64)).sum(axis=0) % 2)[:, :, None]
    rough = np.clip(large.astype(int) + checkers - 6, 0, 255).astype(np.uint8)
    left, right = large[:, :, :32], large[:, :, 32:]
    swapped = np.concatenate([right, left], axis=2)
    changes = {}
    for what, changed in (("texture", rough), ("layout", swapped)):
        pairs = [(large, changed), [features.fitted(x, (32, 32, 3)) for x in (large, changed)]]
        changes[what] = [np.abs(cifar10(a) - cifar10(b)).mean() for a, b in pairs]
    assert changes["texture"][0] > 2 * changes["texture"][1]  # at 32x32 it is gone
    assert changes["layout"][0] > 0.05


def test_colour_images_may_have_any_size_and_alpha(cifar10):
    for shape in ((8, 8, 1), (20, 50, 3), (64, 48, 4)):
        found = cifar10(RNG.integers(0, 256, (2, *shape), np.uint8))
        assert found.shape == (2, 256)
        assert np.isfinite(found).all()
    seen = colourful(2, 32)
    hidden = np.concatenate([seen, np.zeros((2, 32, 32, 1), np.uint8)], axis=-1)
    white = np.full((2, 32, 32, 3), 255, np.uint8)
    np.testing.assert_array_equal(cifar10(hidden), cifar10(white))  # what is transparent is laid on white
