"""Does augmentation help where there are only a hundred photographs?

For each seed, DCGAN learns from a hundred photographs of a folder twice, with augmentation of all that its
discriminator sees and without, each for as many seconds of a processor core. Its samples are compared with the other
photographs of the folder, which it has not seen.

    python zoo/fastgan/halves.py FACADES
    python zoo/dcgan/hundred.py --data facades_photographs --run runs/dcgan-hundred
"""

import argparse
import json
import time
from pathlib import Path

import keras
import numpy as np

from kerasgan import callbacks, images, run_folder
from kerasgan.data import load
from kerasgan.data.batches import Batches
from kerasgan.metrics import feature_network
from kerasgan.models import DCGAN

LEARNT = 100
SIDE = 32  # pixels
DISTANCE = "Frechet distance (cifar10_classifier)"
AUGMENTATIONS = {"without": "", "with": "color,translation"}


class Until(keras.callbacks.Callback):
    """Ends a run at the first comparison after so many seconds of a core."""

    def __init__(self, evaluation, seconds):
        super().__init__()
        self.evaluation, self.seconds = evaluation, seconds

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = self.evaluation.seconds_before > self.seconds  # those of the last comparison


def new_model(image_shape, augment, seed):
    keras.utils.set_random_seed(seed)
    return DCGAN(image_shape, width=32, augment=augment, half_life=5500)


def one_run(model, run, options, learnt, unseen, network):
    """Return the distances that a run has at its comparisons, the last of them after the seconds that it was given."""
    table = run / "evaluation.csv"
    table.unlink(missing_ok=True)  # of a run that was broken off
    evaluation = callbacks.Evaluation(run, unseen, network, options.every, len(unseen), DISTANCE, time.process_time)
    model.compile()
    model.fit(learnt, epochs=10**6, verbose=0, callbacks=[evaluation, Until(evaluation, options.seconds)])
    with model.averaged():
        samples = images.to_uint8(model(model.prior(64, seed=0))).numpy()
    images.write_png(run / "samples.png", images.grid(samples.reshape(8, 8, *model.image_shape)))
    return [float(row[DISTANCE]) for row in run_folder.read_table(table)]


def cell(name, seed, options):
    return f"{name} augmentation, seed {seed}, {options.seconds:g} s"


def photographs_of(data):
    """Return uint8[n, SIDE, SIDE, 3] of a folder, or of another place for data."""
    photographs = load(data, "images", 20, image_size=(SIDE, SIDE), channels=3).columns[0]
    return np.asarray(photographs[np.arange(len(photographs))])


def parted(photographs, seed):
    """Return a hundred photographs as batches to learn from, and the others."""
    order = np.random.default_rng(seed).permutation(len(photographs))
    learnt = Batches((photographs[order[:LEARNT]],), "images", 20, seed, mirror=True)
    return learnt, photographs[order[LEARNT:]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/dcgan-hundred"), help="folder for what is written")
    parser.add_argument("--data", default="facades_photographs", help="a folder of more than a hundred photographs")
    parser.add_argument("--seeds", type=int, default=3, help="how many repetitions, each with other photographs")
    parser.add_argument("--seconds", type=float, default=200, help="of a processor core, for each run")
    parser.add_argument("--every", type=int, default=60, help="epochs from one comparison to the next")
    options = parser.parse_args()

    photographs = photographs_of(options.data)
    network = feature_network("cifar10")
    options.run.mkdir(parents=True, exist_ok=True)
    path = options.run / "results.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    for seed in range(options.seeds):
        learnt, unseen = parted(photographs, seed)
        for name, augment in AUGMENTATIONS.items():
            key = cell(name, seed, options)
            if key not in results:
                run = options.run / f"{name}-{seed}"
                model = new_model(learnt.image_shape, augment, seed)
                results[key] = one_run(model, run, options, learnt, unseen, network)
                path.write_text(json.dumps(results, indent=2) + "\n")
                print(f"{key}: {results[key][-1]:.3g}", flush=True)

    print("| seed | without, at the end | its best | with, at the end | its best |\n|---|---|---|---|---|")
    rows = []
    for seed in range(options.seeds):
        found = [results[cell(name, seed, options)] for name in AUGMENTATIONS]
        rows.append([value for one in found for value in (one[-1], min(one))])
        print(f"| {seed} | " + " | ".join(f"{value:.1f}" for value in rows[-1]) + " |")
    deviations = np.std(rows, axis=0, ddof=min(1, len(rows) - 1))
    cells = [f"{mean:.1f} ± {std:.1f}" for mean, std in zip(np.mean(rows, axis=0), deviations, strict=True)]
    print(f"| mean | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
