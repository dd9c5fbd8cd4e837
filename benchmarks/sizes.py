"""How long a step of FastGAN's recipe for photographs takes at several sizes: python benchmarks/sizes.py

All sizes take their steps in turns, within one run, and the ratio to 64x64 is printed: the median of the rounds, and
their range. Seconds are those of the machine and of what else it does; ratios travel.
"""

from __future__ import annotations

import argparse
import os
import runpy
import statistics
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from speed import fit

from kerasgan.data import Batches

RECIPE = Path(__file__).parents[1] / "zoo/fastgan/photographs.py"
BESIDE = 64  # pixels of a side: the recipe's own


def main(sizes: list[int], steps: int, rounds: int) -> None:
    recipe = runpy.run_path(str(RECIPE))
    keras.config.set_dtype_policy(recipe["PRECISION"])
    measures = {}
    for size in sorted({BESIDE, *sizes}):
        pixels = np.random.default_rng(0).integers(0, 256, (64, size, size, 3), np.uint8)
        batches = Batches((pixels,), "images", recipe["BATCH_SIZE"], mirror=True)
        measures[size] = fit(recipe["compiled"](batches.image_shape), batches, steps)
        measures[size]()  # traces
    seconds = {size: [] for size in measures}
    for _ in range(rounds):
        for size, measure in measures.items():
            seconds[size].append(measure())
    print(f"| side | seconds of a step | times those of {BESIDE} |\n|---|---|---|")
    for size, its in seconds.items():
        ratios = [one / other for one, other in zip(its, seconds[BESIDE], strict=True)]
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"| {size} | {statistics.median(its):.3f} | {ratio} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64, 128, 256], help="pixels of a side")
    parser.add_argument("--steps", type=int, default=8, help="in each round")
    parser.add_argument("--rounds", type=int, default=5)
    main(**vars(parser.parse_args()))
