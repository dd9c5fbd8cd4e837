"""The trained models that a clone brings with it do what they say."""

from pathlib import Path

import numpy as np
import pytest
from conftest import small_model

import kerasgan
from kerasgan import data

FOLDER = Path(__file__).parents[1] / "saved_models"
SHIPPED = sorted(file.parent for file in FOLDER.glob("*/kerasgan.json"))
NAMES = [folder.name for folder in SHIPPED]


@pytest.mark.parametrize("folder", SHIPPED, ids=NAMES)
def test_a_shipped_model_does_all_that_its_variant_does(folder):
    model = kerasgan.load(folder)
    variant, verbs = model.about["variant"], model.about["verbs"]
    assert folder.name == f"{variant}_{model.about['data']['name']}"  # nor is there a path of the machine it comes from
    assert verbs == list(small_model(variant).endpoints())
    height, width, channels = model.about["images"]["shape"]
    images = data.digits((height, width), channels).images[:4]
    calls = {"sample": {"n": 4, "seed": 0}, "sample_labelled": {"labels": [3, 1, 4, 1], "seed": 0}}
    for verb in set(verbs) - {"decode"}:  # of latents, which have no one way to be made
        made = getattr(model, verb)(**calls.get(verb, {"images": images}))
        assert len(made) == 4
        assert np.isfinite(made).all()
        assert np.ptp(made) > 0


def test_shipped_models_are_small():
    sizes = [sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) for folder in SHIPPED]
    assert max(sizes) < 5.1e6
    assert sum(sizes) < 60e6


def test_shipped_models_are_listed():
    text = (FOLDER / "README.md").read_text()
    assert [name for name in [*NAMES, "mnist_classifier", "cifar10_classifier"] if f"| `{name}` |" not in text] == []


def test_every_variant_that_has_a_card_is_shipped():
    carded = {file.parent.name for file in (Path(__file__).parents[1] / "zoo").glob("*/card.json")}
    assert {kerasgan.load(folder).about["variant"] for folder in SHIPPED} == carded
