"""The VAE's log-likelihood on binarised MNIST: its ELBO, and the importance-weighted bound with 500 samples.

Each pixel is black or white with its grey level as the probability, drawn anew for each training step (dynamic
binarisation, as Burda et al. 2016). The test images are drawn once, from a fixed seed. Trained on all 60,000 training
images; the learning rate falls to zero along a cosine; no validation set, nothing stopped early.
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
from kerasgan.models import VAE


class BinarisedBatches(data.Batches):
    """Batches whose pixels are drawn black or white, other ones at every step, the same ones at the same step."""

    def _numpy_batches(self, step, batches_per_step):
        for batch in super()._numpy_batches(step, batches_per_step):
            yield (binarised(batch[0], (self.seed, step)),)
            step += 1


def binarised(images, seed):
    """Return uint8 images of 0 and 255, white with the probability of the grey level."""
    uniform = np.random.default_rng(seed).random(images.shape, np.float32)
    return np.where(uniform < images / np.float32(255), np.uint8(255), np.uint8(0))


def main():
    options = arguments()
    train, test = (data.tensorflow_dataset("mnist", split=split) for split in ("train", "test"))
    x_test = binarised(test.images, 0)[: options.tested]

    options.run.mkdir(parents=True, exist_ok=True)
    file = options.run / "results.json"
    settings = {n: v for n, v in vars(options).items() if n not in ("run", "seeds")}
    results = json.loads(file.read_text()) if file.exists() else {"settings": settings, "cells": []}
    if results["settings"] != settings:
        raise SystemExit(f"{file} was made with other settings, {results['settings']}: give another --run.")
    results["versions"] = kerasgan.versions()
    for seed in options.seeds:
        if seed in [cell["seed"] for cell in results["cells"]]:
            continue
        start = time.process_time()
        model = trained(train.images, seed, options)
        seconds = round(time.process_time() - start, 1)
        elbo, bound = bounds(model, x_test, options.samples)
        results["cells"].append({"seed": seed, "elbo": elbo, "bound": bound, "cpu_seconds_of_training": seconds})
        part = file.with_suffix(".part")
        part.write_text(json.dumps(results, indent=1) + "\n")
        os.replace(part, file)
        print(results["cells"][-1], flush=True)
        picture = model.snapshot(kerasgan.images.from_uint8(x_test[:8]))
        kerasgan.images.write_png(
            options.run / f"samples-{seed}.png", kerasgan.images.grid(kerasgan.images.to_uint8(picture).numpy())
        )
    print(table(results))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/vae-likelihood"), help="folder of results.json")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=36)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--rate", type=float, default=2e-3, help="learning rate to begin with")
    parser.add_argument("--latent-dim", type=int, default=40)
    parser.add_argument("--width", type=int, default=300)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--samples", type=int, default=500, help="of the importance-weighted bound")
    parser.add_argument("--tested", type=int, default=10_000, help="test images, the first ones")
    return parser.parse_args()


def trained(images, seed, options):
    keras.utils.set_random_seed(seed)
    batches = BinarisedBatches((images,), "images", options.batch_size, seed)
    model = VAE(latent_dim=options.latent_dim, width=options.width, depth=options.depth)
    steps = options.epochs * len(batches)
    model.compile(autoencoder=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(options.rate, steps)))
    model.fit(batches, epochs=options.epochs, verbose=2)
    return model


def bounds(model, images, samples):
    """Return the mean ELBO and the mean importance-weighted bound of all images, in nats."""
    bound = tf.function(lambda x: model.importance_weighted_bound(x, samples))
    elbos, found = [], []
    for i in range(0, len(images), 20):
        x = kerasgan.images.from_uint8(images[i : i + 20])
        found.append(bound(x).numpy())
    for i in range(0, len(images), 500):
        x = kerasgan.images.from_uint8(images[i : i + 500])
        elbos.append([-float(model.negative_elbo(x, training=False)[0]) for _ in range(10)])
    return round(float(np.mean(elbos)), 3), round(float(np.concatenate(found).mean()), 3)


def table(results):
    settings, cells = results["settings"], results["cells"]
    lines = [
        f"| seed | -ELBO, nats | -bound of {settings['samples']} samples, nats | minutes of one core |",
        "|---|---|---|---|",
    ]
    for c in cells:
        minutes = c["cpu_seconds_of_training"] / 60
        lines.append(f"| {c['seed']} | {-c['elbo']:.2f} | {-c['bound']:.2f} | {minutes:.1f} |")
    if len(cells) > 1:
        elbo, bound = (np.array([-c[name] for c in cells]) for name in ("elbo", "bound"))
        lines.append(
            f"| mean | {elbo.mean():.2f} ± {elbo.std(ddof=1):.2f} | {bound.mean():.2f} ± {bound.std(ddof=1):.2f} | |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
