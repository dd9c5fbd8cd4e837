"""What the benchmarks make of what they measure."""

import runpy
from pathlib import Path

from PIL import Image

QUALITY = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks/quality.py"))


def test_what_was_reached_is_the_last_evaluation_in_time(tmp_path):
    rows = [{"seconds": str(s), "MNIST-FID": str(d)} for s, d in ((50, 30.0), (119.5, 12.0), (301, 5.0), (900, 6.0))]
    points = QUALITY["curve"](rows)
    assert [QUALITY["reached"](points, moment) for moment in (49, 120, 300, 1200)] == [None, 12, 12, 6]
    lines = QUALITY["table"]({"gan": [(500.0, 20.0)], "dcgan": points}, 0.25).splitlines()
    assert (
        lines[-2] == "| dcgan | 12.00 (48 floors) | 12.00 (48 floors) | 6.00 (24 floors) | 5.00 | 301 s |"
    )  # best first
    assert lines[-1] == "| gan |  |  | 20.00 (80 floors) | 20.00 | 500 s |"
    QUALITY["draw"]({"dcgan": points}, 0.25, tmp_path / "quality.png")
    assert Image.open(tmp_path / "quality.png").size == (960, 600)
