"""Does a generator still learn from a discriminator that is far ahead of it?

For each seed and each loss, the discriminator first learns alone against a generator that stands still, until it
rejects its fakes with certainty; then both learn. The saturating loss, min_G E log(1 - D(G(z))), has no gradient left
there (Goodfellow et al. 2014, section 3); least squares has (Mao et al. 2017, figure 1).

    python zoo/lsgan/head_start.py --run runs/lsgan-head_start
"""

import argparse
import json
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasgan import data, images
from kerasgan.losses import logistic
from kerasgan.metrics.frechet import frechet_distance
from kerasgan.models import LSGAN


class Saturating(LSGAN):
    """LSGAN's networks and optimizers, moved by the value of the game of Goodfellow et al. 2014, equation 1."""

    def train_step(self, x):
        n = tf.shape(x)[0]
        fake = self.generator(self.prior(n), training=True)
        with tf.GradientTape() as tape:
            d_loss = logistic(self.discriminator(x, training=True), real=True)
            d_loss += logistic(self.discriminator(fake, training=True), real=False)
        self.minimize("discriminator", d_loss, tape)

        with tf.GradientTape() as tape:
            fake = self.generator(self.prior(n), training=True)
            g_loss = -logistic(self.discriminator(fake, training=True), real=False)
        self.minimize("generator", g_loss, tape)

        return self.report(d_loss=d_loss, g_loss=g_loss)


def block_means(pictures):
    """Return the means of 4x4 blocks of uint8 images[n, 28, 28, 1], as float64 [n, 49] in [0, 1]."""
    return pictures.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49) / 255


def one_cell(loss, lead, steps, seed, digits, test):
    keras.utils.set_random_seed(seed)
    model = {"least squares": LSGAN, "saturating": Saturating}[loss](image_shape=digits.image_shape, width=16)
    if lead:
        model.compile(generator=keras.optimizers.SGD(0.0))
        model.fit(digits, steps_per_epoch=lead, verbose=0)
    model.compile()
    model.fit(digits, steps_per_epoch=steps, verbose=0)
    samples = images.to_uint8(tf.concat([model(model.prior(500, seed=s)) for s in range(4)], 0)).numpy()
    return frechet_distance(block_means(samples), block_means(test)), samples[:8]


def cell(loss, lead, seed, steps):
    return f"{loss}, head start of {lead}, seed {seed}, {steps} steps"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/lsgan-head_start"), help="folder for what is written")
    parser.add_argument("--data", default="mnist", help="a data set of tensorflow-datasets, 28x28")
    parser.add_argument("--seeds", type=int, default=3, help="how many repetitions")
    parser.add_argument("--leads", type=int, nargs="+", default=[0, 400], help="steps of the discriminator alone")
    parser.add_argument("--steps", type=int, default=600, help="steps of both, after that")
    options = parser.parse_args()

    digits = data.load(options.data, batch_size=64)
    test = data.load(options.data, split="test").columns[0]
    options.run.mkdir(parents=True, exist_ok=True)
    path = options.run / "results.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    rows = []
    for seed in range(options.seeds):
        for lead in options.leads:
            for loss in ("saturating", "least squares"):
                key = cell(loss, lead, seed, options.steps)
                picture = options.run / f"{loss.replace(' ', '_')}_{lead}_{seed}.png"
                if key not in results:
                    distance, samples = one_cell(loss, lead, options.steps, seed, digits, test)
                    images.write_png(picture, images.grid(samples[None]))
                    results[key] = distance
                    path.write_text(json.dumps(results, indent=2) + "\n")
                    print(key, round(distance, 4), flush=True)

    print("| head start | saturating | least squares |\n|---|---|---|")
    for lead in options.leads:
        cells = []
        for loss in ("saturating", "least squares"):
            found = [results[cell(loss, lead, seed, options.steps)] for seed in range(options.seeds)]
            cells.append(f"{np.mean(found):.3f} ± {np.std(found, ddof=min(1, len(found) - 1)):.3f}")
        rows.append(f"| {lead} | {cells[0]} | {cells[1]} |")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
