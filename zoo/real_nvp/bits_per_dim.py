"""Bits per dimension of a trained RealNVP on all test images of MNIST, for several draws of the dequantisation noise.

A draw that results.json has already is not done again.
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import tensorflow as tf

import kerasgan
from kerasgan import data, images
from kerasgan.model import fixed


def bits_per_dim(model, pixels, seed, batch_size=250):
    """Return the bits per dimension of each of pixels[n, height, width, channel], with noise that `seed` fixes."""

    @tf.function
    def bits(batch, noise):
        u = model.dequantized(images.from_uint8(batch), noise)
        return -model.log_density(u) / np.log(2) / model.latent_dim

    noise = tf.random.stateless_uniform(pixels.shape, fixed(seed)).numpy()
    parts = [slice(start, start + batch_size) for start in range(0, len(pixels), batch_size)]
    return np.concatenate([bits(pixels[part], noise[part]).numpy() for part in parts])


def main(run, seeds, results):
    model = kerasgan.restore(run)
    pixels = data.tensorflow_dataset("mnist", split="test").images
    found = json.loads(results.read_text()) if results.exists() else {}
    if found.get("steps") != int(model.step.numpy()):
        found = {"steps": int(model.step.numpy()), "images": len(pixels), "bits_per_dim": {}}
    for seed in range(seeds):
        if str(seed) not in found["bits_per_dim"]:
            found["bits_per_dim"][str(seed)] = float(bits_per_dim(model, pixels, seed).mean())
            results.write_text(json.dumps(found, indent=2) + "\n")

    each = list(found["bits_per_dim"].values())
    print("| steps | test images | draws of the noise | bits/dim | spread over draws |\n|---|---|---|---|---|")
    print(f"| {found['steps']} | {found['images']} | {len(each)} | {np.mean(each):.3f} | {np.std(each):.4f} |\n")
    with open(run / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    print("| epoch | steps | training bits/dim | test bits/dim |\n|---|---|---|---|")
    for row in rows:
        held_out = float(row.get("val_bits_per_dim") or "nan")
        print(f"| {row['epoch']} | {row['step']} | {float(row['bits_per_dim']):.3f} | {held_out:.3f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a run of zoo/real_nvp/mnist.py")
    parser.add_argument("--seeds", type=int, default=5, help="draws of the noise")
    parser.add_argument("--results", type=Path, help="by default, results.json in the run's folder")
    options = parser.parse_args()
    main(options.run, options.seeds, options.results or options.run / "results.json")
