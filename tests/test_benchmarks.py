"""What the benchmarks make of what they measure."""

import json
import runpy
from pathlib import Path

from PIL import Image

QUALITY = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks/quality.py"))
DATA = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks/data.py"))
FAMILIES = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks/families.py"))


def test_what_was_reached_is_the_last_evaluation_in_time(tmp_path):
    rows = [{"seconds": str(s), "MNIST-FID": str(d)} for s, d in ((50, 30.0), (119.5, 12.0), (302, 5.0), (900, 6.0))]
    points = QUALITY["curve"](rows)
    assert [QUALITY["reached"](points, moment) for moment in (48, 49, 60, 120, 300, 900, 901)] == [
        None,
        30,
        30,
        12,
        12,
        6,
        None,
    ]
    lines = QUALITY["page"]({"gan": [(500.0, 20.0)], "dcgan": points}, 0.25, 2000).splitlines()
    assert (
        lines[-2] == "| dcgan | 30.00 (120 floors) | 12.00 (48 floors) | 12.00 (48 floors) | 5.00 | 302 s | 900 s |"
    )  # best first
    assert lines[-1] == "| gan |  |  |  | 20.00 | 500 s | 500 s |"
    QUALITY["draw"]({"dcgan": points}, 0.25, 2000, tmp_path / "quality.png")
    assert Image.open(tmp_path / "quality.png").size == (960, 600)


def test_the_page_of_families_says_what_was_measured():
    folder = Path(__file__).parents[1] / "benchmarks"
    results = json.loads((folder / "families.json").read_text())
    assert (folder / "families.md").read_text() == FAMILIES["page"](results)
    assert (folder / "families.png").exists()


def test_learning_rates_are_planned_for_all_steps():
    model, _ = FAMILIES["built"]("dcgan", steps=40)
    for optimizer in model.optimizers.values():
        assert optimizer._learning_rate.decay_steps == 40


def test_the_page_of_data_says_what_was_measured():
    folder = Path(__file__).parents[1] / "benchmarks"
    results = json.loads((folder / "data.json").read_text())
    assert set(results) == set(DATA["MEASURES"])
    assert (folder / "data.md").read_text() == DATA["page"](results)
