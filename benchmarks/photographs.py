"""Distance from real images against seconds of training, in colour: python benchmarks/photographs.py

    python zoo/fastgan/halves.py FACADES
    python benchmarks/photographs.py --data facades_photographs people_body cifar10

Trains DCGAN as `kerasgan train` has it, and FastGAN, StyleGAN2, R3GAN and SNGAN as their recipes do, on each data set
for so many seconds, and measures samples a few times while they learn. Seconds are those that processor cores worked,
for training alone: with other work on the machine they are as many. A folder's pictures are taken at 64x64, and samples
are compared with up to 1,000 of those that were learnt; other data at its own size, and with as many of its test
images. What has been measured is not measured again.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import runpy
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from matplotlib import pyplot

from kerasgan import callbacks, data, evaluation, images, metrics, run_folder
from kerasgan.model import GenerativeModel
from kerasgan.models import DCGAN
from kerasgan.saved_model import LiveModel

ROOT = Path(__file__).parents[1]
NAME = "Frechet distance (cifar10_classifier)"
SHOWN = (NAME, "kernel distance", "precision", "recall")
COMPARED = 1000  # images, real and drawn
LOOKS = 12  # measures of each run, about
STEPS = 50  # between two looks at the clock


def dcgan(image_shape):
    model = DCGAN(image_shape)
    model.compile()
    return model


def recipe(script: str) -> tuple[Callable[[tuple], GenerativeModel], int, str]:
    """Return what builds a recipe's model, its minibatch, and what its networks compute in."""
    its = runpy.run_path(str(ROOT / "zoo" / script))
    return its["compiled"], its["BATCH_SIZE"], its["PRECISION"]


VARIANTS = {
    "dcgan": (dcgan, DCGAN.batch_size, "float32"),
    "fastgan": recipe("fastgan/photographs.py"),
    "stylegan2": recipe("stylegan2/photographs.py"),
    "r3gan": recipe("r3gan/photographs.py"),
    "sngan": recipe("sngan/cifar10.py"),
}


class Measuring(callbacks.Evaluation):
    """Measure samples as often as seconds of a core are up, not epochs, and end the run with the last of them."""

    def __init__(self, *args, seconds: float, **kwargs):
        super().__init__(*args, clock=time.process_time, **kwargs)
        self.seconds = seconds

    def on_epoch_end(self, epoch, logs=None):
        trained = self.seconds_before + self.clock() - self.started
        if trained - self.seconds_before >= self.seconds / LOOKS or trained >= self.seconds:
            super().on_epoch_end(epoch, logs)
        self.model.stop_training = trained >= self.seconds


def one_run(variant: str, name: str, run: Path, seconds: float) -> dict:
    """Train a variant on data for so many seconds, and return what was measured on the way and of its last samples."""
    compiled, batch_size, precision = VARIANTS[variant]
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(precision)
    try:
        size = (64, 64) if Path(name).is_dir() else None
        learnt = data.load(name, "images", batch_size, image_size=size, channels=3, mirror=True)
        seen = real = learnt.some(COMPARED)
        if not Path(name).is_dir():
            real = data.tensorflow_dataset(name, split="test").images[:COMPARED]
        model = compiled(learnt.image_shape)
        (run / "evaluation.csv").unlink(missing_ok=True)  # of a run that was broken off
        network = metrics.feature_network("cifar10")
        measuring = Measuring(run, real, network, n=COMPARED, name=NAME, seconds=seconds)
        model.fit(learnt, epochs=10**6, steps_per_epoch=STEPS, verbose=0, callbacks=[measuring])
        live = LiveModel(model)
        with model.averaged():
            measures = evaluation.generation(live, real, None, network, COMPARED, 3, NAME)
            samples = live.sample(n=COMPARED, seed=0)
    finally:
        keras.config.set_dtype_policy("float32")
    images.write_png(run / "samples.png", images.grid(samples[:64].reshape(8, 8, *model.image_shape)))
    rows = run_folder.read_table(run / "evaluation.csv")
    nearest, _ = evaluation.nearness(samples, seen)
    return {
        "size": list(model.image_shape),
        "images": learnt.examples,
        "compared": len(real),
        "with": "those that were learnt" if real is seen else "test images",
        "parameters": sum(math.prod(w.shape) for w in model.trainable_weights),
        "steps": model.run_steps,
        "images/s of a core": model.run_steps * batch_size * model.batches_per_step / float(rows[-1]["seconds"]),
        "measures": {one.name: [one.value, one.std] for one in measures if one.name in SHOWN},
        "nearest": [nearest.value, nearest.beside],
        "curve": [[float(row["seconds"]), float(row[NAME])] for row in rows],
    }


def main(names: list[str], variants: list[str], run: Path, seconds: float) -> None:
    run.mkdir(parents=True, exist_ok=True)
    path = run / "photographs.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    for name in names:
        for variant in variants:
            its = results.setdefault(Path(name).name, {})
            if variant not in its:
                folder = run / f"{variant}-{Path(name).name}"
                folder.mkdir(exist_ok=True)
                its[variant] = {"seconds": seconds, **one_run(variant, name, folder, seconds)}
                path.write_text(json.dumps(results, indent=1) + "\n")
                print(f"{variant}, {name}: {its[variant]['measures'][NAME][0]:.3g}", flush=True)
    (run / "photographs.md").write_text(page(results))
    draw(results, run / "photographs.png")
    print(f"{run / 'photographs.md'} and photographs.png are written.")


def page(results: dict[str, dict[str, dict]]) -> str:
    """Return a table of what each variant reached on each data set, in Markdown, the best of a data set first."""
    lines = [
        "# Colour images: distance against seconds of training",
        "",
        "Written by `python benchmarks/photographs.py`, not by hand, from one run each.",
        "",
        "![Curves](photographs.png)",
        "",
        "DCGAN is trained as `kerasgan train dcgan` has it, FastGAN, StyleGAN2 and R3GAN as `photographs.py` in their",
        "folders of `zoo/` do, and SNGAN as `zoo/sngan/cifar10.py`, all on mirrored images. Seconds are those that",
        "processor cores worked, for training alone. Samples are those of the end, not of the best moment; ± is the",
        "spread over three draws.",
        '"nearest" is how far a sample is from the training image nearest to it, of up to 1,000, by pixels, and in',
        "parentheses how far that is for these among themselves.",
        "",
        "| data | variant | seconds | steps | images/s of a core | parameters | "
        + " | ".join([*SHOWN, "nearest"])
        + " | compared with |",
        "|---" * (8 + len(SHOWN)) + "|",
    ]
    for name, its in results.items():
        for variant, one in sorted(its.items(), key=lambda item: item[1]["measures"][NAME][0]):
            height, width, _ = one["size"]
            measures = [f"{value:.3g} ± {std:.2g}" for value, std in map(one["measures"].get, SHOWN)]
            nearest, among = one["nearest"]
            cells = [
                f"{name}, {one['images']:,} at {height}x{width}",
                variant,
                f"{one['curve'][-1][0]:,.0f}",
                f"{one['steps']:,}",
                f"{one['images/s of a core']:.0f}",
                f"{one['parameters']:,}",
                *measures,
                f"{nearest:.3f} ({among:.3f})",
                f"{one['compared']:,}, {one['with']}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def draw(results: dict[str, dict[str, dict]], path: Path) -> None:
    """Write a figure of the curves, one part for each data set."""
    figure, axes = pyplot.subplots(1, len(results), figsize=(4 * len(results), 4), layout="constrained", squeeze=False)
    for ax, (name, its) in zip(axes[0], results.items(), strict=True):
        for variant in VARIANTS:
            if variant in its:
                ax.plot(*zip(*its[variant]["curve"], strict=True), marker="o", markersize=3, linewidth=1, label=variant)
        ax.set(yscale="log", xlabel="seconds of a core, training", title=name)
        ax.grid(alpha=0.3, which="both")
        ax.legend(fontsize=8)
    axes[0][0].set(ylabel=NAME)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=["facades_photographs", "people_body", "cifar10"])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--run", type=Path, default=Path("runs/photographs"), help="folder for what is written")
    parser.add_argument("--seconds", type=float, default=600, help="of a processor core, to train each")
    given = parser.parse_args()
    main(given.data, given.variants, given.run, given.seconds)
