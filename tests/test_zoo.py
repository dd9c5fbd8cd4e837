"""Every recipe runs, on small data."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kerasgan
from kerasgan.models import MODELS

ZOO = Path(__file__).parents[1] / "zoo"


def test_every_variant_has_a_recipe():
    assert {f.parent.name for f in ZOO.glob("*/*.py")} == set(MODELS)


@pytest.fixture
def digits(tmp_path):
    """A few of the embedded digits, in the form that any data set can have."""
    source = kerasgan.data.digits((28, 28))
    np.savez(tmp_path / "digits.npz", images=source.images[:330], labels=source.labels[:330])
    return tmp_path / "digits.npz"


@pytest.mark.parametrize("recipe", sorted(ZOO.glob("*/mnist.py")), ids=lambda f: f.parent.name)
def test_mnist_recipes(recipe, digits, tmp_path):
    if recipe.parent.name == "f_anogan":  # which learns one of them
        np.savez(digits, images=np.load(digits)["images"], labels=np.full(330, 8))
    runpy.run_path(str(recipe))["main"](digits, tmp_path / "run", epochs=1)
    model = kerasgan.load(tmp_path / "run")
    verbs = model.about["verbs"]
    if "sample" in verbs:
        assert model.sample(n=2, seed=0).shape == (2, 28, 28, 1)
    if verbs[0] != "sample":
        images = np.load(digits)["images"][:2]
        assert len(getattr(model, verbs[0])(images=images)) == 2


def test_cyclegan_recipe(tmp_path):
    for i in range(2):
        (tmp_path / "facades/train").mkdir(parents=True, exist_ok=True)
        picture = np.random.default_rng(i).integers(0, 256, (64, 128, 3), np.uint8)
        Image.fromarray(picture).save(tmp_path / f"facades/train/{i}.jpg")
    recipe = runpy.run_path(str(ZOO / "cyclegan/facades.py"))
    recipe["main"](tmp_path / "facades", tmp_path / "run", epochs=1)
    images = np.zeros((1, 64, 64, 3), np.uint8)
    assert kerasgan.load(tmp_path / "run").translate(images=images).shape == images.shape
