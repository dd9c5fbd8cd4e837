"""What the verbs of a model take, in memory and as a SavedModel: the same, and one line for every mistake."""

import copy
import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import SHAPE, small_model

import kerasgan
from kerasgan.errors import UserError
from kerasgan.saved_model import LiveModel

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3, *SHAPE), np.uint8)


@pytest.fixture(scope="module", params=["saved", "live"])
def verbs(request, tmp_path_factory):
    """A function that returns a model of a variant with its verbs."""
    models = {}

    def of(key):
        if key not in models:
            model = small_model(key)
            if request.param == "live":
                models[key] = LiveModel(model)
            else:
                model.export(path := tmp_path_factory.mktemp("models") / key)
                models[key] = kerasgan.load(path)
        return models[key]

    return of


def test_inputs_are_given_by_name_or_in_order(verbs):
    model = verbs("gan")
    expected = model.sample(n=4, seed=1)
    for made in (model.sample(4, 1), model.sample(4, seed=1), model.sample(np.int64(4), np.array(1))):
        np.testing.assert_array_equal(made, expected)
    z, labels = RNG.normal(size=(2, 4)), [2, 0]
    by_name = verbs("cgan").decode(labels=labels, latents=z)
    np.testing.assert_array_equal(verbs("cgan").decode(z, labels), by_name)
    assert len(verbs("cgan").sample_labelled([1, 2, 1])) == 3
    assert len(verbs("vae").reconstruct(IMAGES)) == 3


def test_without_a_seed_samples_are_others_each_time(verbs):
    model = verbs("gan")
    assert (model.sample(n=4) != model.sample(n=4)).any()
    keras.utils.set_random_seed(3)
    first = model.sample(4)
    keras.utils.set_random_seed(3)
    np.testing.assert_array_equal(model.sample(4), first)
    random.seed(3)
    np.testing.assert_array_equal(model.sample(4), first)


def test_whole_numbers_of_any_type_are_images(verbs):
    model = verbs("vae")
    expected = model.reconstruct(images=IMAGES)
    for images in (IMAGES.astype(np.int64), IMAGES.tolist(), keras.ops.convert_to_tensor(IMAGES)):
        np.testing.assert_array_equal(model.reconstruct(images=images), expected)


def test_nothing_is_made_of_nothing(verbs):
    assert verbs("gan").sample(n=0).shape == (0, *SHAPE)
    assert verbs("vae").encode(images=IMAGES[:0]).shape == (0, 4)
    assert verbs("cgan").sample_labelled(labels=[]).shape == (0, *SHAPE)


LATENTS = np.zeros((2, 4))


@pytest.mark.parametrize(
    ("key", "verb", "arguments", "named", "said"),
    [
        ("gan", "sample", (), {}, "gan.sample(n, seed=...) needs n as one of the whole numbers from 0"),
        ("gan", "sample", (), {"n": None}, "needs n as"),
        ("gan", "sample", (4, 1, 2), {}, "takes n and seed; here are 3 arguments."),
        ("gan", "sample", (4,), {"n": 4}, "is given n twice."),
        ("gan", "sample", (4,), {"sed": 1}, "takes no sed (did you mean seed?): leave it out."),
        ("gan", "sample", (-1,), {}, "here is -1."),
        ("gan", "sample", (4.0,), {}, "here is 4.0."),
        ("gan", "sample", ("4",), {}, "here is '4'."),
        ("gan", "sample", ([4],), {}, "here is int64 [1]."),
        ("gan", "sample", (True,), {}, "here is True."),
        ("gan", "sample", (4, 2**31), {}, "here is 2147483648."),
        ("gan", "decode", (LATENTS[0],), {}, "here is float64 [4] (of one, give latents[None])."),
        ("gan", "decode", (LATENTS[:, :3],), {}, "takes latents as float32, [n, 4]; here is float64 [2, 3]."),
        ("gan", "decode", ([[1.0], [1.0, 2.0]],), {}, "here is a list that is no array."),
        ("gan", "decode", (LATENTS.astype(str),), {}, "here is <U"),
        ("cgan", "decode", (LATENTS,), {}, "needs labels as numbers from 0 to 2, [n]."),
        ("cgan", "decode", (LATENTS, [1]), {}, "takes as many of each; here are 2 latents and 1 labels."),
        ("cgan", "sample_labelled", ([0, 3],), {}, "takes labels as numbers from 0 to 2, [n]; here is 3."),
        ("cgan", "sample_labelled", ([0, -1],), {}, "here is -1."),
        ("cgan", "sample_labelled", (1,), {}, "here is 1 (of one, give labels=[1])."),
        ("cgan", "sample_labelled", ([0.5],), {}, "here is float64 [1]."),
        ("cgan", "sample_labelled", (["cat"],), {}, "cgan knows no class cat: it has 0, 1, 2."),
        ("vae", "encode", (IMAGES / 127.5 - 1,), {}, "(kerasgan.images.to_uint8() converts [-1, 1])."),
        ("vae", "encode", (IMAGES[0],), {}, "here is uint8 [12, 8, 1] (of one, give images[None])."),
        (
            "vae",
            "encode",
            (IMAGES.repeat(3, -1),),
            {},
            "uint8 from 0 to 255, [n, 12, 8, 1]; here is uint8 [3, 12, 8, 3].",
        ),
        ("vae", "encode", (IMAGES[..., 0],), {}, "here is uint8 [3, 12, 8]."),
        ("vae", "encode", (IMAGES.astype(int) - 300,), {}, "here is -"),
        ("vae", "encode", (IMAGES > 9,), {}, "here is bool"),
        ("vae", "encode", ("photo.png",), {}, "here is 'photo.png'."),
        ("srresnet", "translate", (IMAGES[:, :0],), {}, "[n, height, width, 1]; here is uint8 [3, 0, 8, 1]."),
    ],
)
def test_a_verb_says_in_one_line_what_it_takes(verbs, key, verb, arguments, named, said):
    ask = getattr(verbs(key), verb)
    with pytest.raises(UserError) as error:
        ask(*arguments, **named)
    assert str(error.value).startswith(key)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_what_a_model_cannot_is_an_attribute_that_it_has_not(verbs):
    with pytest.raises(AttributeError, match=r"gan can sample, decode, not smple \(did you mean sample\?\)\."):
        verbs("gan").smple  # noqa: B018
    assert not hasattr(verbs("gan"), "encode")
    assert copy.copy(verbs("gan")).sample(n=1).shape == (1, *SHAPE)
    assert repr(verbs("cgan").sample_labelled) == "cgan.sample_labelled(labels, seed=...)"


@pytest.mark.parametrize("key", ["dcgan", "fastgan", "acgan", "vae", "ddpm"])
def test_weights_may_be_stored_in_half_as_many_bytes(key, tmp_path):
    model = small_model(key)
    for w in model.trainable_weights:
        w.assign(w + 0.1 * RNG.normal(size=w.shape))  # no zeros, which half precision has as exactly
    for half in (False, True):
        model.export(tmp_path / str(half), half=half)
    whole, halved = (kerasgan.load(tmp_path / str(half)) for half in (False, True))
    assert halved.about == {**whole.about, "weights": "float16"}
    for verb in whole.about["verbs"]:
        ours, its = (loaded.trackable.signatures[verb].variables for loaded in (halved, whole))
        assert {w.dtype for w in its if w.dtype.is_floating} == {tf.float32}
        assert {w.dtype for w in ours if w.dtype.is_floating} == {tf.float16}
    whole_bytes, half_bytes = (next(tmp_path.glob(f"{half}/variables/*data*")).stat().st_size for half in (False, True))
    assert 0.4 * whole_bytes < half_bytes < 0.65 * whole_bytes
    rounded = [(w, w.numpy().astype(np.float16)) for w in model.weights if w.dtype == "float32"]
    samples = [loaded.sample(n=4, seed=0) for loaded in (whole, halved)]
    for w, half in rounded:
        w.assign(half)
    exactly = LiveModel(model).sample(n=4, seed=0)
    np.testing.assert_allclose(samples[1].astype(int), exactly.astype(int), atol=1)  # it computes in float32
    assert np.abs(samples[0].astype(int) - samples[1]).mean() < 2
