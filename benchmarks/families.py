"""GAN, VAE, flow and diffusion on one page: taskset -c 0 python benchmarks/families.py

The same data (MNIST), about as many weights, and the same time to train: seconds of one processor core, which are wall
clock where nothing else runs on it. How many steps that allows is measured first, and the learning rates are planned
for them. Writes families.json, families.md and families.png into --to; a model that families.json has is not trained
again.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from matplotlib.figure import Figure

import kerasgan
from kerasgan import data, evaluation, images, metrics
from kerasgan.models import DCGAN, DDPM, VAE, RealNVP
from kerasgan.models.ddpm import Warmup
from kerasgan.saved_model import LiveModel

N = 2000  # samples; with 10,000, diffusion alone would take half an hour
SHAPE = (28, 28, 1)
TITLES = {"dcgan": "GAN", "vae": "VAE", "real_nvp": "flow", "ddpm": "diffusion"}
LIKELIHOOD = {  # of test images
    "dcgan": "none: a GAN has no density",
    "vae": "-log p(x) at most {:.1f} nats (binary pixels)",
    "real_nvp": "{:.3f} bits per dimension (256 grey values)",
    "ddpm": "a bound exists; what is trained is L_simple, {:.4f}",
}
COLUMNS = {
    "MNIST-FID": "MNIST-FID",
    "precision": "precision",
    "recall": "recall",
    "variety (1 - MS-SSIM)": "variety",
    "class score": "class score",
    "rarest class": "rarest class",
    "most frequent class": "most frequent",
}


def built(key: str, steps: int) -> tuple[keras.Model, int]:
    """Return a compiled model whose learning rates are planned for `steps`, and its minibatch."""
    keras.utils.set_random_seed(0)
    fall = keras.optimizers.schedules.CosineDecay
    if key == "dcgan":
        model = DCGAN(SHAPE, latent_dim=32, width=32)
        model.compile(**{name: keras.optimizers.Adam(fall(1e-3, steps), beta_1=0.5) for name in model.players()})
        return model, 64
    if key == "vae":
        model = VAE(SHAPE, latent_dim=20, width=200, depth=2)
        model.compile(autoencoder=keras.optimizers.Adam(fall(1e-3, steps)))
        return model, 100
    if key == "real_nvp":
        model = RealNVP(SHAPE, width=32, growth=1, blocks=1, patch=2)
        model.compile(flow=keras.optimizers.Adam(fall(5e-3, steps)))
        return model, 32
    model = DDPM(SHAPE, width=16, multipliers="1,2,3", blocks=1, dropout=0.0)
    model.compile(denoiser=keras.optimizers.Adam(Warmup(1e-3, steps=200)))
    return model, 64


def steps_in(key: str, seconds: float) -> int:
    """Return how many training steps a core takes in `seconds`."""
    model, batch_size = built(key, steps=1000)
    digits = data.load("mnist", takes="images", batch_size=batch_size)
    model.fit(digits, steps_per_epoch=20, verbose=0)  # traces the step
    start = time.process_time()
    model.fit(digits, steps_per_epoch=60, verbose=0)
    return int(seconds / (time.process_time() - start) * 60)


def trained(key: str, seconds: float) -> tuple[keras.Model, dict]:
    """Return a model trained for `seconds` of a core, and what that was."""
    steps = steps_in(key, seconds)
    model, batch_size = built(key, steps)
    digits = data.load("mnist", takes="images", batch_size=batch_size)
    start = time.process_time()
    model.fit(digits, steps_per_epoch=steps, verbose=0)
    return model, {
        "parameters": model.describe()["parameters"],
        "steps": steps,
        "batch_size": batch_size,
        "seconds": round(time.process_time() - start),
    }


def measured(key: str, model: keras.Model, test: np.ndarray, others: np.ndarray) -> dict:
    """Return the measures of N samples, those of as many real images, and the likelihood of test images."""
    live = LiveModel(model)
    found = evaluation.generation(live, test, others, metrics.feature_network("mnist"), N, 1, "MNIST-FID")
    likelihood = None
    if key == "real_nvp":
        likelihood = evaluation.likelihood(live, test[:N])[1].value
    elif key != "dcgan":
        held_out = data.Batches((test[:N],), "images", 100)
        likelihood = float(model.evaluate(held_out, verbose=0, return_dict=True)["loss"])
    return {
        "measures": {one.name: one.value for one in found},
        "real": {one.name: one.beside for one in found if one.beside is not None},
        "likelihood": likelihood,
        "sampling": sampling_seconds(live),
    }


def sampling_seconds(live: LiveModel, n: int = 500) -> float:
    """Return how many seconds a core works for 1,000 samples."""
    live.sample(n=10, seed=0)  # traces the graph
    start = time.process_time()
    live.sample(n=n, seed=0)
    return (time.process_time() - start) * 1000 / n


def page(results: dict) -> str:
    """Return the page in Markdown."""
    seconds = results["seconds"]
    heads = ["", "", "weights", "steps", "batch", "seconds", *COLUMNS.values()]
    heads += ["1,000 samples, s", "likelihood of test images"]
    lines = [
        "# GAN, VAE, flow and diffusion",
        "",
        "Written by `taskset -c 0 python benchmarks/families.py`, not by hand.",
        "",
        f"Each was trained on the 60,000 images of MNIST for about {seconds:,.0f} seconds of one processor core: as",
        f"many steps as were planned for that. All have about as many weights. {N:,} samples of each are compared with",
        f"{N:,} test images, by the features of the classifier in `kerasgan/metrics`; of as few images the distance is",
        "larger than of 10,000. The last row is of training images in the place of samples: nothing can be expected to",
        "do better. Seconds of training and of sampling are those that the core worked.",
        "",
        "![Samples](families.png)",
        "",
        "Samples, not chosen: one row for each, above them test images.",
        "",
        f"| {' | '.join(heads)} |",
        "|---" * len(heads) + "|",
    ]
    for key, title in TITLES.items():
        one = results[key]
        cells = [title, f"`{key}`", *(f"{one[name]:,}" for name in ("parameters", "steps", "batch_size", "seconds"))]
        cells += [*(f"{one['measures'][name]:.4g}" for name in COLUMNS), f"{one['sampling']:.3g}"]
        lines.append(f"| {' | '.join([*cells, LIKELIHOOD[key].format(one['likelihood'])])} |")
    real = results["dcgan"]["real"]
    cells = [f"{real[name]:.4g}" if name in real else "" for name in COLUMNS]
    lines.append(f"| real images | | | | | | {' | '.join(cells)} | | |")
    lines += [
        "",
        "The three likelihoods are of different things and cannot be compared with each other: the VAE's of pixels",
        "that are on or off, the flow's of grey values, and L_simple, which is the mean squared error of the noise.",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in results["versions"].items()) + ".",
    ]
    return "\n".join(lines) + "\n"


def draw(rows: dict[str, np.ndarray], path: Path) -> None:
    """Write one row of pictures for each name."""
    figure = Figure(figsize=(8, 0.62 * len(rows)), layout="constrained")
    for axes, (name, pictures) in zip(figure.subplots(len(rows)), rows.items(), strict=True):
        axes.imshow(images.grid(pictures[None])[..., 0], cmap="gray", vmin=0, vmax=255)
        axes.set(xticks=[], yticks=[])
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
        axes.spines[:].set_visible(False)
    figure.savefig(path, dpi=120)


def main(seconds: float, to: Path) -> None:
    to.mkdir(parents=True, exist_ok=True)
    path = to / "families.json"
    results = json.loads(path.read_text()) if path.exists() else {"seconds": seconds}
    results["versions"] = kerasgan.versions()
    test = data.tensorflow_dataset("mnist", split="test").images
    others = data.tensorflow_dataset("mnist").images[:N]
    for key in TITLES:
        if key not in results:
            model, about = trained(key, seconds)
            results[key] = {**about, **measured(key, model, test, others)}
            np.save(to / f"{key}.npy", LiveModel(model).sample(n=16, seed=0))
            path.write_text(json.dumps(results, indent=1) + "\n")
            print(key, results[key], flush=True)
    rows = {"test images": test[:16], **{title: np.load(to / f"{key}.npy") for key, title in TITLES.items()}}
    draw(rows, to / "families.png")
    (to / "families.md").write_text(page(results))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600, help="of one core, to train each")
    parser.add_argument("--to", type=Path, default=Path("runs/families"), help="folder for what is written")
    given = parser.parse_args()
    main(given.seconds, given.to)
