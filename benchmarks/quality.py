"""MNIST-FID against seconds of training: taskset -c 0 python benchmarks/quality.py

Runs the recipe of every variant that samples digits for so many seconds, or to its end if that comes first, and
measures samples against as many test images after each epoch. Seconds are those that a processor core worked, for
training alone: on one core that has nothing else to do they are wall clock. A run that was broken off goes on, and one
that has ended is not run again.
"""

from __future__ import annotations

import argparse
import os
import runpy
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from matplotlib import pyplot

from kerasgan import callbacks, data, metrics, run_folder
from kerasgan.models import CLASSES
from kerasgan.variants import variant

ZOO = Path(__file__).parents[1] / "zoo"
DIGITS = [key for key in CLASSES if (ZOO / key / "mnist.py").is_file() and not variant(key).starts_from]
VARIANTS = [key for key in DIGITS if "sample" in variant(key).verbs]
NAME = "MNIST-FID"
MOMENTS = (60, 120, 300)  # seconds at which the table says what was reached


class Stop(keras.callbacks.Callback):
    """End a run when training has taken so many seconds of a core, by what its last evaluation says and since."""

    def __init__(self, evaluation: callbacks.Evaluation, seconds: float):
        super().__init__()
        self.evaluation, self.seconds = evaluation, seconds

    def on_train_batch_end(self, batch, logs=None):
        its = self.evaluation
        if its.seconds_before + its.clock() - its.started >= self.seconds:
            self.model.stop_training = True


def main(variants: tuple[str, ...], run: Path, seconds: float, n: int, train: bool = True) -> None:
    """Train what is not trained yet, and write quality.md and quality.png."""
    network = metrics.feature_network("mnist")
    real = data.tensorflow_dataset("mnist", split="test").images
    for key in variants if train else ():
        if not (run / key / "saved_model").exists():
            evaluation = callbacks.Evaluation(run / key, real, network, n=n, name=NAME, clock=time.process_time)
            recipe = runpy.run_path(str(ZOO / key / "mnist.py"))["main"]
            recipe(run=run / key, resume=(run / key).exists(), more=(evaluation, Stop(evaluation, seconds)))
    others = data.tensorflow_dataset("mnist").images[:n]
    floor = metrics.frechet_distance(network(others), network(real[:n]))
    curves = {key: curve(run_folder.read_table(run / key / "evaluation.csv")) for key in variants}
    curves = {key: points for key, points in curves.items() if points}
    (run / "quality.md").write_text(page(curves, floor, n))
    draw(curves, floor, n, run / "quality.png")
    print(f"{run / 'quality.md'} and quality.png are written.")


def curve(rows: list[dict[str, str]]) -> list[tuple[float, float]]:
    """Return (seconds of training, MNIST-FID), in order."""
    return [(float(row["seconds"]), float(row[NAME])) for row in rows]


def reached(points: list[tuple[float, float]], seconds: float) -> float | None:
    """Return the MNIST-FID of the last evaluation by `seconds`, or a step later; None if a run has not come so far."""
    before = [distance for second, distance in points if second <= seconds + 1]
    return before[-1] if before and points[-1][0] >= seconds else None


def page(curves: dict[str, list[tuple[float, float]]], floor: float, n: int) -> str:
    """Return what each variant reached, and when, in Markdown: the best first."""
    moments = " | ".join(f"after {moment:,} s" for moment in MOMENTS)
    lines = [
        f"# {NAME} against seconds of training",
        "",
        "Written by `taskset -c 0 python benchmarks/quality.py --variants VARIANT ... --seconds SECONDS`, not by",
        "hand; how long each was trained is in the last column.",
        "",
        "![Curves](quality.png)",
        "",
        f"{NAME} of {n:,} samples against as many test images, after each epoch of the recipe in `zoo/`. As many",
        f"training images in the place of samples have {floor:.4f}, the floor; of few images, both are larger than of",
        "10,000. Seconds are those that one processor core worked, for training alone.",
        "",
        f"| variant | {moments} | best | at | in all |",
        "|---" * (len(MOMENTS) + 4) + "|",
    ]
    for key, points in sorted(curves.items(), key=lambda item: min(d for _, d in item[1])):
        values = [reached(points, moment) for moment in MOMENTS]
        best, at = min((distance, second) for second, distance in points)
        cells = ["" if v is None else f"{v:.2f} ({v / floor:.0f} floors)" for v in values]
        lines.append(f"| {key} | {' | '.join(cells)} | {best:.2f} | {at:,.0f} s | {points[-1][0]:,.0f} s |")
    return "\n".join(lines) + "\n"


def draw(curves: dict[str, list[tuple[float, float]]], floor: float, n: int, path: Path) -> None:
    """Write a figure of all curves, with the floor and its 20th and 40th multiple."""
    figure, ax = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for number, (key, points) in enumerate(curves.items()):
        ax.plot(*zip(*points, strict=True), marker="os^Dv"[number // 10], markersize=3, linewidth=1, label=key)
    for times, style in ((1, "-"), (20, "--"), (40, ":")):
        ax.axhline(floor * times, color="black", linewidth=0.8, linestyle=style)
        label = "real images" if times == 1 else f"{times} times real images"
        ax.annotate(
            label, (0.995, floor * times), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=7
        )
    ax.set(xscale="log", yscale="log", xlabel="seconds of training on one core", ylabel=f"{NAME}, {n:,} samples")
    ax.grid(alpha=0.3, which="both")
    ax.legend(fontsize=8, ncols=2)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", nargs="+", default=VARIANTS, choices=VARIANTS)
    parser.add_argument("--run", type=Path, default=Path("runs/quality"), help="folder of the runs and of quality.png")
    parser.add_argument("--seconds", type=float, default=300, help="of one core, to train each at most")
    parser.add_argument("-n", type=int, default=2000, help="samples; with 10,000, DDPM takes half an hour to draw them")
    parser.add_argument("--no-training", action="store_true", help="only the page and the figure of what there is")
    given = parser.parse_args()
    main(tuple(given.variants), given.run, given.seconds, given.n, not given.no_training)
