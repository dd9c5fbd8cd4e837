"""PSNR in the hole on CIFAR-10's test images: the recipe's model, over seeds, beside fills that learn nothing.

Every finished cell is written to results.json and not computed again: a broken run goes on, and seeds can be added.
"""

import argparse
import json
import runpy
from pathlib import Path

import numpy as np
import tensorflow as tf

import kerasgan
from kerasgan import data, images
from kerasgan.models.context_encoder import known_pixels

RECIPE = Path(__file__).with_name("cifar10.py")


def main(run="runs/context_encoder-psnr", seeds=3, name="cifar10"):
    run = Path(run)
    run.mkdir(parents=True, exist_ok=True)
    results = json.loads((run / "results.json").read_text()) if (run / "results.json").exists() else {}

    def keep(cell, **values):
        results[cell] = values
        (run / "results.json").write_text(json.dumps(results, indent=2) + "\n")
        print(cell, values, flush=True)

    test = data.tensorflow_dataset(name, split="test").images
    known = known_pixels(test.shape[1:3], hole=0.5)  # the recipe's
    if "harmonic fill" not in results:
        middle = data.tensorflow_dataset(name).images.mean(axis=0)
        keep("mean of the known pixels", psnr=psnr(mean_fill(test, known), test, known))
        keep("mean training image", psnr=psnr(np.broadcast_to(np.round(middle), test.shape), test, known))
        keep("harmonic fill", psnr=psnr(harmonic_fill(test, known), test, known))
    for seed in range(seeds):
        if f"context encoder, seed {seed}" in results:
            continue
        folder = run / f"seed{seed}"
        runpy.run_path(str(RECIPE))["main"](name, folder, resume=(folder / "run.json").exists(), seed=seed)
        model = kerasgan.restore(folder)
        completed = np.concatenate([model.sample_uint8(images.from_uint8(part)) for part in np.split(test, 10)])
        keep(f"context encoder, seed {seed}", psnr=psnr(completed, test, known), steps=int(model.step.numpy()))

    print(table(results))


def psnr(completed, originals, known):
    """Return the mean over images of 10 log10(255^2 / mean squared error in the hole), in decibel."""
    hole = ~known[..., 0]
    error = (completed[:, hole].astype(np.float64) - originals[:, hole]) ** 2
    return float(np.mean(10 * np.log10(255**2 / np.maximum(error.mean(axis=(1, 2)), 1e-10))))


def mean_fill(pictures, known):
    """Fill each hole with the mean colour of the pixels around it."""
    colour = pictures[:, known[..., 0]].mean(axis=1)
    return np.where(known, pictures, np.round(colour)[:, None, None, :])


def harmonic_fill(pictures, known):
    """Fill each hole with the smoothest continuation of its border: every pixel the mean of its four neighbours."""
    rows, columns = np.nonzero(~known[..., 0])
    index = {pixel: i for i, pixel in enumerate(zip(rows, columns))}
    laplacian = 4 * np.eye(len(index))
    border = np.zeros((len(pictures), len(index), pictures.shape[-1]))
    for (row, column), i in index.items():
        for pixel in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if pixel in index:
                laplacian[i, index[pixel]] = -1
            else:
                border[:, i] += pictures[:, pixel[0], pixel[1]]
    filled = pictures.copy()
    filled[:, rows, columns] = np.round(np.einsum("ij,njc->nic", np.linalg.inv(laplacian), border))
    return filled


def table(results):
    ours = [cell["psnr"] for name, cell in results.items() if name.startswith("context encoder")]
    others = {name: cell["psnr"] for name, cell in results.items() if not name.startswith("context encoder")}
    spread = np.std(ours, ddof=1) if ours[1:] else 0
    lines = ["| fill | PSNR in the hole, dB | runs |", "|---|---|---|"]
    if ours:
        lines.append(f"| context encoder | {np.mean(ours):.2f} ± {spread:.2f} | {len(ours)} |")
    return "\n".join(lines + [f"| {name} | {value:.2f} | |" for name, value in others.items()])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="runs/context_encoder-psnr", help="folder for the runs and results.json")
    parser.add_argument("--seeds", type=int, default=3, help="0 measures only the fills that learn nothing")
    options = parser.parse_args()
    tf.get_logger().setLevel("ERROR")
    main(options.run, options.seeds)
