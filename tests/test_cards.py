"""A card says nothing that it does not say how to measure."""

import json
import shlex
from pathlib import Path

import pytest
from PIL import Image

from kerasgan.models import MODELS

ROOT = Path(__file__).parents[1]
ZOO = ROOT / "zoo"
every_card = pytest.mark.parametrize("key", list(MODELS))


def card(key):
    return json.loads((ZOO / key / "card.json").read_text())


def script_of(command):
    """The file that a command runs, or None for a command of kerasgan."""
    first, *rest = shlex.split(command)
    return None if first == "kerasgan" else ROOT / rest[0]


@every_card
def test_a_card_names_its_paper_its_recipe_and_its_picture(key):
    about = card(key)
    assert about["variant"] == key
    assert about["paper"] == MODELS[key].paper
    assert (ROOT / about["recipe"]).is_file()
    assert about["train_seconds"] > 0
    assert about["cores"] in (1, 2)
    assert {"kerasgan", "keras", "tensorflow", "numpy", "python"} <= set(about["versions"])
    text = (ZOO / key / "README.md").read_text()
    for named in (MODELS[key].paper, about["recipe"], "samples.png"):
        assert named in text
    assert Image.open(ZOO / key / "samples.png").size > (64, 64)
    assert (ZOO / key / "samples.png").stat().st_size < 400_000


@every_card
def test_a_measured_number_has_a_command_and_stands_in_the_text(key):
    about = card(key)
    text = (ZOO / key / "README.md").read_text()
    for number in about["measured"]:
        assert {"what", "value", "std", "runs", "unit", "command"} <= set(number), number
        assert (number["std"] is None) == (number["runs"] == 1), number
        script = script_of(number["command"])
        assert script is None or script.is_file(), number["command"]
        assert number["command"] in text, number["command"]
        assert str(number["value"]) in text, number
        assert number["std"] is None or str(number["std"]) in text, number
    for number in about["published"]:
        assert number["source"], number
        assert str(number["value"]) in text, number


@every_card
def test_links_in_a_card_lead_somewhere(key):
    text = (ZOO / key / "README.md").read_text()
    for part in text.split("](")[1:]:
        target = part.partition(")")[0]
        assert target.startswith(("https://", "http://")) or (ZOO / key / target).exists(), target
