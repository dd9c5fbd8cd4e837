"""How much do images without labels help a classifier, for how many labels?

For each seed and number of labels, SGAN and a supervised twin are trained: the same network, the same batches of
labelled images, as much noise, the same number of updates, the same averaging of weights. The twin has a learning rate
of its own, the best that --tune finds. Each is tested after every epoch; what counts is the last one.

    python zoo/sgan/labels.py --run runs/sgan-labels
    python zoo/sgan/labels.py --run runs/sgan-labels --tune  # judges by training images whose labels are not in use
"""

import argparse
import functools
import json
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from kerasgan import data
from kerasgan.data.labels import with_budget
from kerasgan.models import SGAN
from kerasgan.models.sgan import correct, cross_entropy

STEPS_PER_EPOCH = 250
WIDTH = 16  # of the networks
BATCH_SIZE = 64  # half of it with labels
RATES = (3e-4, 1e-3, 3e-3, 1e-2)
RATE_OF_TWIN = {50: 1e-3, 100: 3e-4, 200: 1e-2, 500: 3e-3, 1000: 3e-3}  # the best of RATES by --tune
COLOURS = {"twin": "tab:grey", "sgan": "tab:blue"}


class Twin(SGAN):
    """SGAN's classifier, taught by the labels alone."""

    rate = RATES[0]

    def __init__(self, image_shape=(28, 28, 1), width=64, **kwargs):
        super().__init__(image_shape, width=width, **kwargs)
        self.generator.trainable = False

    def players(self):
        return {"discriminator": (keras.optimizers.Adam(self.rate, beta_1=0.5), self.discriminator)}

    def train_step(self, batch):
        x, y = (column[::2] for column in batch)  # the half that has labels
        with tf.GradientTape() as tape:
            logits, _ = self.discriminator(x, training=True)
            loss = tf.reduce_mean(cross_entropy(y, logits))
        self.minimize("discriminator", loss, tape)
        self.move_average()
        return self.report(supervised=loss, accuracy=tf.reduce_mean(tf.cast(correct(y, logits), tf.float32)))


@functools.cache
def compiled(kind):
    """Return one model for all cells of a kind: to trace its steps takes as long as hundreds of them."""
    model = {"twin": Twin, "sgan": SGAN}[kind](width=WIDTH)
    model.compile()
    return model


def one_cell(kind, labels, seed, options, images, held_out):
    """Return the error on held-out images in percent after each epoch, and the seconds of it all."""
    started = time.monotonic()
    digits = partly_labelled(labels, seed, options, images)
    keras.utils.set_random_seed(seed)
    model, new = compiled(kind), compiled.__wrapped__(kind)
    for variable, first in zip(model.state(), new.state(), strict=True):
        variable.assign(first)
    epochs = options.steps // STEPS_PER_EPOCH
    fitted = model.fit(digits, steps_per_epoch=STEPS_PER_EPOCH, epochs=epochs, validation_data=held_out, verbose=0)
    errors = [round(100 - 100 * accuracy, 2) for accuracy in fitted.history["val_accuracy"]]
    return {"errors": errors, "seconds": round(time.monotonic() - started)}


def partly_labelled(labels, seed, options, images):
    """Return batches of all training images, `labels` of them with their label, as many of each digit."""
    columns = (images.images, with_budget(images, labels, seed))
    return data.Batches(columns, "partly_labelled", BATCH_SIZE, seed, classes=images.classes)


def cell(kind, labels, seed, options):
    return f"{kind}, {labels} labels, seed {seed}, {options.steps} steps"


def tune(options):
    """Print the twin's error for each learning rate, on training images that it was not given the labels of."""
    images = data.tensorflow_dataset(options.data)
    print("| labels |" + "".join(f" {rate:g} |" for rate in RATES) + "\n|---|" + "---|" * len(RATES))
    for labels in options.labels:
        seed = 100  # none of the sweep's
        rest = np.flatnonzero(with_budget(images, labels, seed) < 0)[:10_000]
        held_out = data.Batches((images.images[rest], images.labels[rest]), "labelled", 1000, classes=images.classes)
        row = []
        for Twin.rate in RATES:
            row.append(one_cell("twin", labels, seed, options, images, held_out)["errors"][-1])
        print(f"| {labels} |" + "".join(f" {error:.2f} |" for error in row), flush=True)


def table(results, options):
    """Return the errors after the last step, of the seeds that both have finished."""
    lines = ["| labels | twin, error % | SGAN, error % | SGAN better by | seeds |", "|---|---|---|---|---|"]
    for labels in options.labels:
        twin, sgan = (last_errors(results, kind, labels, options) for kind in COLOURS)
        seeds = [seed for seed in options.seeds if seed in twin and seed in sgan]
        if seeds:
            twin, sgan = np.array([twin[s] for s in seeds]), np.array([sgan[s] for s in seeds])
            lines.append(f"| {labels} | {spread(twin)} | {spread(sgan)} | {spread(twin - sgan)} | {len(seeds)} |")
    return "\n".join(lines)


def last_errors(results, kind, labels, options):
    """Return {seed: error after the last step} of the cells that are finished."""
    cells = {seed: cell(kind, labels, seed, options) for seed in options.seeds}
    return {seed: results[key]["errors"][-1] for seed, key in cells.items() if key in results}


def spread(values):
    """Return the mean and the standard deviation over seeds."""
    return f"{np.mean(values):.2f} ± {np.std(values, ddof=1) if len(values) > 1 else 0:.2f}"


def draw(results, options, path):
    figure = Figure(figsize=(10, 4), layout="constrained")
    by_labels, by_epoch = figure.subplots(1, 2)
    middle = options.labels[min(1, len(options.labels) - 1)]
    for kind, colour in COLOURS.items():
        found = [(n, list(last_errors(results, kind, n, options).values())) for n in options.labels]
        found = [(n, np.mean(e), np.std(e, ddof=min(1, len(e) - 1))) for n, e in found if e]
        if found:
            labels, means, bars = zip(*found, strict=True)
            by_labels.errorbar(labels, 100 - np.array(means), bars, marker="o", capsize=3, color=colour, label=kind)
        for seed in options.seeds:
            errors = results.get(cell(kind, middle, seed, options), {}).get("errors", [])
            steps = STEPS_PER_EPOCH * np.arange(1, len(errors) + 1)
            by_epoch.plot(
                steps,
                100 - np.array(errors),
                color=colour,
                linewidth=1,
                label=kind if seed == options.seeds[0] else None,
            )
    by_labels.set(xscale="log", xlabel="labelled images", ylabel="test accuracy, %", title="after the last step")
    by_labels.set_xticks(options.labels, map(str, options.labels))
    by_labels.minorticks_off()
    by_epoch.set(xlabel="training step", ylabel="test accuracy, %", title=f"{middle} labels, each seed")
    for axes in (by_labels, by_epoch):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=100)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/sgan-labels"), help="folder for what is written")
    parser.add_argument("--data", default="mnist", help="a data set of tensorflow-datasets with ten classes")
    parser.add_argument("--labels", type=int, nargs="+", default=[50, 100, 200, 500, 1000], help="numbers of labels")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="one repetition for each")
    parser.add_argument("--steps", type=int, default=1000, help="updates of each network")
    parser.add_argument("--only", choices=list(COLOURS), help="train only one of the two")
    parser.add_argument("--tune", action="store_true", help="try the twin's learning rates instead")
    options = parser.parse_args()
    if options.tune:
        return tune(options)

    images, test = data.tensorflow_dataset(options.data), data.tensorflow_dataset(options.data, split="test")
    test = data.Batches((test.images, test.labels), "labelled", 1000, classes=test.classes)
    options.run.mkdir(parents=True, exist_ok=True)
    path = options.run / "results.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    for seed in options.seeds:
        for labels in options.labels:
            for kind in [options.only] if options.only else COLOURS:
                key = cell(kind, labels, seed, options)
                if key not in results:
                    Twin.rate = RATE_OF_TWIN[min(RATE_OF_TWIN, key=lambda n: abs(n - labels))]
                    found = one_cell(kind, labels, seed, options, images, test)
                    results = {**(json.loads(path.read_text()) if path.exists() else {}), key: found}
                    path.write_text(json.dumps(results, indent=1) + "\n")
                    print(f"{key}: {found['errors'][-1]:.2f} % in {found['seconds']} s", flush=True)
    draw(results, options, options.run / f"{options.steps}_steps.png")
    print(table(results, options))


if __name__ == "__main__":
    main()
