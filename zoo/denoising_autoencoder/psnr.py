"""How much cleaner the denoising autoencoder makes destroyed test images of MNIST: PSNR before and after.

Each model is trained and tested at one share of destroyed pixels. PSNR is 10 log10(1 / mean squared error) of each
image, pixels in [0, 1], averaged over all 10,000 test images; an image that lost nothing would have no PSNR, so the
mean squared error is taken as at least 1e-6.
"""

import argparse
import json
import os
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import kerasgan
from kerasgan import data
from kerasgan.images import from_uint8
from kerasgan.models import DenoisingAutoencoder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/denoising_autoencoder-psnr"), help="for results.json")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--destroyed", type=float, nargs="+", default=[0.25])
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()
    train, test = (data.tensorflow_dataset("mnist", split=split) for split in ("train", "test"))
    digits = data.Batches((train.images,), "images", 100)

    options.run.mkdir(parents=True, exist_ok=True)
    file = options.run / "results.json"
    results = json.loads(file.read_text()) if file.exists() else {"versions": kerasgan.versions(), "cells": []}
    for destroyed in options.destroyed:
        for seed in options.seeds:
            cell = {"destroyed": destroyed, "epochs": options.epochs, "seed": seed}
            if any({**c, **cell} == c for c in results["cells"]):
                continue
            start = time.process_time()
            keras.utils.set_random_seed(seed)
            digits.seed = seed
            model = DenoisingAutoencoder(destroyed=destroyed)
            model.compile()
            model.fit(digits, epochs=options.epochs, verbose=2)
            seconds = round(time.process_time() - start, 1)
            before, after = measured(model, test.images, seed)
            results["cells"].append({**cell, "noisy": before, "denoised": after, "cpu_seconds": seconds})
            part = file.with_suffix(".part")
            part.write_text(json.dumps(results, indent=1) + "\n")
            os.replace(part, file)
    print(table(results["cells"]))


def measured(model, images, seed):
    """Return the mean PSNR of the destroyed images, and of what the model makes of them, in dB."""
    before, after = [], []
    for i in range(0, len(images), 1000):
        x = from_uint8(images[i : i + 1000])
        corrupted = model.corrupt(x, tf.random.stateless_uniform(x.shape, (seed, i)))
        before.append(psnr(x, corrupted))
        after.append(psnr(x, model(corrupted)))
    return tuple(round(float(np.concatenate(values).mean()), 3) for values in (before, after))


def psnr(x, y):
    error = np.mean((np.asarray(x) - np.asarray(y)) ** 2, axis=(1, 2, 3)) / 4
    return -10 * np.log10(np.maximum(error, 1e-6))


def table(cells):
    lines = ["| destroyed | epochs | seeds | destroyed image, dB | denoised, dB |", "|---|---|---|---|---|"]
    for destroyed, epochs in sorted({(c["destroyed"], c["epochs"]) for c in cells}):
        mine = [c for c in cells if (c["destroyed"], c["epochs"]) == (destroyed, epochs)]
        values = [np.array([c[name] for c in mine]) for name in ("noisy", "denoised")]
        shown = [f"{v.mean():.2f} ± {v.std(ddof=1) if len(v) > 1 else float('nan'):.2f}" for v in values]
        lines.append(f"| {destroyed:.0%} | {epochs} | {len(mine)} | {shown[0]} | {shown[1]} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
