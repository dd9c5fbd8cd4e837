"""MNIST-FID against seconds of training: python benchmarks/quality.py

Runs the recipe of every variant that samples digits, and measures 10,000 samples against the 10,000 test images after
each epoch; the seconds are those of training alone. A run that was broken off goes on, and one that has ended is not
run again. Seconds depend on the machine and on what else it does: nothing, if they are to be published.
"""

from __future__ import annotations

import argparse
import os
import runpy
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from matplotlib import pyplot

from kerasgan import callbacks, data, metrics
from kerasgan.callbacks import history

ZOO = Path(__file__).parents[1] / "zoo"
VARIANTS = ("gan", "dcgan", "cgan", "lsgan", "wgan", "wgan_gp", "alpha_gan", "sgan", "vae", "real_nvp", "ddpm")
NAME = "MNIST-FID"
MOMENTS = (120, 300, 1200)  # seconds at which the table says what was reached
N = 10_000


def main(variants: tuple[str, ...], run: Path, train: bool = True) -> None:
    """Train what is not trained yet, print the table, and write quality.png."""
    network = metrics.feature_network("mnist")
    real = data.tensorflow_dataset("mnist", split="test").images
    if train:
        for key in variants:
            evaluation = callbacks.Evaluation(run / key, real, network, n=N, name=NAME)
            recipe = runpy.run_path(str(ZOO / key / "mnist.py"))["main"]
            recipe(run=run / key, resume=(run / key).exists(), more=(evaluation,))
    others = data.tensorflow_dataset("mnist").images[:N]
    floor = metrics.frechet_distance(network(others), network(real[:N]))
    curves = {key: curve(history.read(run / key / "evaluation.csv")) for key in variants}
    curves = {key: points for key, points in curves.items() if points}
    print(table(curves, floor))
    draw(curves, floor, run / "quality.png")


def curve(rows: list[dict[str, str]]) -> list[tuple[float, float]]:
    """Return (seconds of training, MNIST-FID), in order."""
    return [(float(row["seconds"]), float(row[NAME])) for row in rows]


def reached(points: list[tuple[float, float]], seconds: float) -> float | None:
    """Return the MNIST-FID of the last evaluation that was not later than `seconds`; None if there was none."""
    before = [distance for second, distance in points if second <= seconds]
    return before[-1] if before else None


def table(curves: dict[str, list[tuple[float, float]]], floor: float) -> str:
    """Return a Markdown table of what each variant reached, and when."""
    moments = " | ".join(f"after {moment:,} s" for moment in MOMENTS)
    lines = [f"{NAME} of {N:,} samples; of as many real images: {floor:.4f}", ""]
    lines += [f"| variant | {moments} | best | at |", "|---" * (len(MOMENTS) + 3) + "|"]
    for key, points in sorted(curves.items(), key=lambda item: min(d for _, d in item[1])):
        values = [reached(points, moment) for moment in MOMENTS]
        best, at = min((distance, second) for second, distance in points)
        cells = ["" if v is None else f"{v:.2f} ({v / floor:.0f} floors)" for v in values]
        lines.append(f"| {key} | {' | '.join(cells)} | {best:.2f} | {at:,.0f} s |")
    return "\n".join(lines)


def draw(curves: dict[str, list[tuple[float, float]]], floor: float, path: Path) -> None:
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
    ax.set(xscale="log", yscale="log", xlabel="seconds of training", ylabel=f"{NAME}, {N:,} samples")
    ax.grid(alpha=0.3, which="both")
    ax.legend(fontsize=8, ncols=2)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", nargs="+", default=VARIANTS, choices=VARIANTS)
    parser.add_argument("--run", type=Path, default=Path("runs/quality"), help="folder of the runs and of quality.png")
    parser.add_argument("--no-training", action="store_true", help="only the table and the figure of what there is")
    given = parser.parse_args()
    main(tuple(given.variants), given.run, not given.no_training)
