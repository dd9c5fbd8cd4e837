"""SRResNet: its loss, its generator at any size, and what it takes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import losses_of_players, one_batch, small_batches, small_model, values

from kerasgan.data import Batches
from kerasgan.models import SRResNet


@pytest.mark.parametrize("shape", [(12, 8, 1), (9, 13, 3)], ids=str)
def test_loss_is_the_squared_error_of_the_pixels_of_the_image(shape, monkeypatch):
    model = small_model("srresnet", shape)
    small, x = one_batch(model, "srresnet", shape)
    enlarged = model.generator(small, training=True).numpy()
    assert enlarged.shape == (4, -(-shape[0] // 4) * 4, -(-shape[1] // 4) * 4, shape[2])
    expected = np.mean((x.numpy() - enlarged[:, : shape[0], : shape[1]]) ** 2)
    found, logs = losses_of_players(model, (small, x), monkeypatch)
    assert found == {"generator": [pytest.approx(expected, rel=1e-5)]}
    assert logs == {"loss": pytest.approx(expected, rel=1e-5)}


def test_held_out_loss_is_that_of_inference():
    model, batches = small_model("srresnet"), small_batches("srresnet", batch_size=32)
    small, x = batches.first(32)
    before = values(model.weights)
    result = model.evaluate(batches, verbose=0, return_dict=True)
    assert result == {"loss": pytest.approx(np.mean((x - model.generator(small, training=False)) ** 2), rel=1e-5)}
    for w, b in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(w.numpy(), b)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_enlarges_images_of_any_size(scale):
    model = SRResNet((16, 16, 3), scale=scale, width=4, blocks=1)
    translate, (images,) = model.endpoints()["translate"]
    assert images.shape.as_list() == [None, None, None, 3]
    for height, width in [(4, 4), (3, 7), (1, 1)]:
        large = translate(tf.zeros((2, height, width, 3), tf.uint8))
        assert (large.dtype, large.shape) == (tf.uint8, (2, scale * height, scale * width, 3))


def test_other_scales_are_an_error_in_one_line():
    with pytest.raises(ValueError, match="scale of 2, 4 or 8, not 3"):
        SRResNet((12, 12, 3), scale=3)


def test_layers_are_those_of_figure_4():
    layers = SRResNet((96, 96, 3)).generator.layers
    convolutions = [(layer.filters, layer.kernel_size[0]) for layer in layers if isinstance(layer, keras.layers.Conv2D)]
    assert convolutions == [(64, 9)] + [(64, 3)] * (2 * 16 + 1) + [(256, 3)] * 2 + [(3, 9)]
    kinds = [type(layer).__name__ for layer in layers]
    counts = {kind: kinds.count(kind) for kind in ("BatchNormalization", "PReLU", "Add", "DepthToSpace")}
    assert counts == {"BatchNormalization": 33, "PReLU": 1 + 16 + 2, "Add": 17, "DepthToSpace": 2}


def test_snapshot_shows_bicubic_interpolation_beside_it():
    model, batch = small_model("srresnet"), small_batches("srresnet").first(64)
    bicubic, ours, original = model.snapshot(batch)
    np.testing.assert_array_equal(original, batch[1][:8])
    np.testing.assert_allclose(ours, np.clip(model.generator(batch[0][:8]), -1, 1), atol=1e-6)
    np.testing.assert_allclose(bicubic, np.clip(tf.image.resize(batch[0][:8], (12, 8), "bicubic"), -1, 1))


def test_sources_of_another_size_are_an_error_in_one_line():
    images = np.zeros((8, 12, 8, 1), np.uint8)
    with pytest.raises(ValueError, match=r"makes \(12, 8, 1\) of images of \(3, 2, 1\); the data has \(12, 8, 1\)"):
        small_model("srresnet").fit(Batches((images, images), "pairs", 4))
