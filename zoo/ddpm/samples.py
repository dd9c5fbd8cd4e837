"""How good a trained DDPM's samples are, by sampler and number of steps; and what they cost.

Each image is judged by its nearest training images (Euclidean distance of pixels in [0, 1]):

    recognised  share of images whose five nearest training images have one and the same label
    classes     exp of the entropy of the nearest labels: 10 if all ten digits are equally frequent
    distance    mean distance to the nearest training image; a copy has 0
    seconds     CPU seconds for 100 images, without the time to build the graph

Held-out images are judged in the same way, as many of them; `loss` is L_simple (equation 14) of 2,000 of them.
`python zoo/ddpm/samples.py --run runs/ddpm-mnist` writes results.json,
path.png and samples.png into the run folder; cells that results.json has already are not measured again.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

import kerasgan
from kerasgan import data, images, run_folder
from kerasgan.model import integer
from kerasgan.models import DDPM

SEEDS = (0, 1, 2)
DDIM_STEPS = (50, 20, 10)
IMAGES = {"DDIM": 100, "ancestral": 10}  # with each seed; the paper's sampler takes twenty times as long
HELD_OUT = 2000
ROWS = ("loss", "recognised", "classes", "distance", "seconds")


class Judge:
    """Nearest training images, and their labels."""

    def __init__(self, source):
        self.pixels = source.images.reshape(len(source.images), -1).astype(np.float32) / 255
        self.squares = (self.pixels**2).sum(axis=1)
        self.labels = source.labels

    def __call__(self, judged):
        pixels = judged.reshape(len(judged), -1).astype(np.float32) / 255
        squares = self.squares - 2 * pixels @ self.pixels.T + (pixels**2).sum(axis=1)[:, None]
        nearest = np.argpartition(squares, 5, axis=1)[:, :5]
        nearest = np.take_along_axis(nearest, np.argsort(np.take_along_axis(squares, nearest, 1), axis=1), 1)
        labels = self.labels[nearest]
        counts = np.bincount(labels[:, 0], minlength=10)
        share = counts[counts > 0] / len(judged)
        return {
            "recognised": float((labels == labels[:, :1]).all(axis=1).mean()),
            "classes": float(np.exp(-(share * np.log(share)).sum())),
            "distance": float(np.sqrt(np.maximum(np.take_along_axis(squares, nearest[:, :1], 1), 0)).mean()),
            "labels": counts.tolist(),
        }


def timed(sample, n, seed):
    """Return n images and the CPU seconds for 100; the first call, which builds the graph, does not count."""
    sample(1, seed)
    start = time.process_time()
    drawn = sample(n, seed).numpy()
    return drawn, 100 * (time.process_time() - start) / n


def with_steps(trained, steps):
    model = DDPM(**{**trained.hyperparameters, "sampling_steps": steps})
    model.set_weights(trained.get_weights())
    return model


def path_of(model, columns=8, rows=8):
    """Return images[row, column]: x_T at the top, x_0 at the bottom, equally many DDIM steps apart."""
    step = tf.function(model.ddim_step, reduce_retracing=True)
    x = tf.reshape(model.prior(columns, seed=0), (-1, *model.image_shape))
    shown = set(np.linspace(model.sampling_steps, 0, rows).round().astype(int).tolist())
    path = [x]
    for i in range(model.sampling_steps, 0, -1):
        t, s = (j * model.timesteps // model.sampling_steps for j in (i, i - 1))
        x = step(x, tf.constant(t), tf.constant(s))
        path += [x] if i - 1 in shown else []
    return images.to_uint8(tf.stack(path)).numpy()


def main(run, name="mnist"):
    run = Path(run)
    found = json.loads((run / "results.json").read_text()) if (run / "results.json").exists() else {}
    trained = kerasgan.restore(run)
    judge = Judge(data.tensorflow_dataset(name))
    held_out = data.tensorflow_dataset(name, split="test").images

    def cell(sampler, seed, measure):
        if str(seed) not in found.setdefault(sampler, {}):
            found[sampler][str(seed)] = measure()
            part = run / "results.part"
            part.write_text(json.dumps(found, indent=1) + "\n")
            os.replace(part, run / "results.json")
            print(sampler, seed, found[sampler][str(seed)], flush=True)

    images.write_png(run / "path.png", images.grid(path_of(trained)))
    images.write_png(run / "samples.png", images.grid(images.to_uint8(trained.snapshot(None)).numpy()))

    trained.compile()
    for seed in SEEDS:
        some = np.random.default_rng(seed).choice(held_out, IMAGES["DDIM"], replace=False)
        cell("held-out images", seed, lambda some=some: judge(some))

        def held_out_loss(seed=seed):
            trained.noise.set_weights([np.array([seed, 0])])
            batches = data.Batches((held_out[:HELD_OUT],), "images", 100)
            return {"loss": trained.evaluate(batches, verbose=0, return_dict=True)["loss"]}

        cell("L_simple of held-out images", seed, held_out_loss)

    def ancestral(n, seed):
        return images.to_uint8(trained.ancestral(n, seed))

    samplers = {}
    for steps in DDIM_STEPS:
        sample, _ = with_steps(trained, steps).endpoints()["sample"]
        samplers[f"DDIM, {steps} steps"] = (sample, IMAGES["DDIM"])
    samplers[f"ancestral, {trained.timesteps} steps"] = (ancestral, IMAGES["ancestral"])
    for sampler, (sample, n) in samplers.items():
        sample = tf.function(sample, input_signature=[integer("n"), integer("seed")])
        for seed in SEEDS:

            def draw(seed=seed, sample=sample, n=n):
                drawn, seconds = timed(sample, n, seed)
                return {**judge(drawn), "seconds": seconds}

            cell(sampler, seed, draw)

    print(f"Trained for {run_folder.read(run)['steps']} steps. Mean and standard deviation over {len(SEEDS)} seeds.\n")
    print(f"| | {' | '.join(ROWS)} |\n|---|{'---|' * len(ROWS)}")
    for sampler, seeds in found.items():
        columns = [[values[row] for values in seeds.values() if row in values] for row in ROWS]
        cells = [f"{np.mean(c):.3f} ± {np.std(c, ddof=1):.3f}" if len(c) > 1 else "" for c in columns]
        print(f"| {sampler} | {' | '.join(cells)} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="runs/ddpm-mnist", help="the run folder of zoo/ddpm/mnist.py")
    main(parser.parse_args().run)
