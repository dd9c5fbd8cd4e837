"""Does augmentation help where there are only a hundred photographs?

For each seed, FastGAN learns from a hundred photographs of a folder twice, with augmentation of all that its
discriminator sees and without, each for as many seconds of a processor core. Its samples are compared with the other
photographs of the folder, which it has not seen.

    python zoo/fastgan/halves.py FACADES
    python zoo/fastgan/hundred.py --data facades_photographs --run runs/fastgan-hundred
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
from kerasgan.models import FastGAN

LEARNT = 100
SIDE = 32  # pixels
EVERY = 25  # epochs from one comparison to the next
DISTANCE = "Frechet distance (cifar10_classifier)"
AUGMENTATIONS = {"without": "", "with": "color,translation,cutout"}


class Until(keras.callbacks.Callback):
    """Ends a run at the first comparison after so many seconds of a core."""

    def __init__(self, table, seconds):
        super().__init__()
        self.table, self.seconds = table, seconds

    def on_epoch_end(self, epoch, logs=None):
        rows = run_folder.read_table(self.table)
        self.model.stop_training = bool(rows) and float(rows[-1]["seconds"]) > self.seconds


def one_run(run, augment, seed, seconds, learnt, unseen, network):
    """Return the distances that a run has at its comparisons within so many seconds, in their order."""
    keras.utils.set_random_seed(seed)
    model = FastGAN(learnt.image_shape, latent_dim=128, width=16, augment=augment)
    rate = 4e-4  # that of photographs.py
    model.compile(
        discriminator=keras.optimizers.Adam(rate, beta_1=0.5),
        generator=keras.optimizers.Adam(rate, beta_1=0.5),
    )
    table = run / "evaluation.csv"
    evaluation = callbacks.Evaluation(run, unseen, network, EVERY, len(unseen), DISTANCE, time.process_time)
    model.fit(learnt, epochs=10**6, verbose=0, callbacks=[evaluation, Until(table, seconds)])
    with model.averaged():
        samples = images.to_uint8(model(model.prior(64, seed=0))).numpy()
    images.write_png(run / "samples.png", images.grid(samples.reshape(8, 8, *model.image_shape)))
    return [float(row[DISTANCE]) for row in run_folder.read_table(table) if float(row["seconds"]) <= seconds]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/fastgan-hundred"), help="folder for what is written")
    parser.add_argument("--data", default="facades_photographs", help="a folder of photographs")
    parser.add_argument("--seeds", type=int, default=3, help="how many repetitions, each with other photographs")
    parser.add_argument("--seconds", type=float, default=300, help="of a processor core, for each run")
    options = parser.parse_args()

    photographs = load(options.data, "images", 8, image_size=(SIDE, SIDE), channels=3).columns[0]
    photographs = np.asarray(photographs[np.arange(len(photographs))])
    network = feature_network("cifar10")
    options.run.mkdir(parents=True, exist_ok=True)
    path = options.run / "results.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    for seed in range(options.seeds):
        order = np.random.default_rng(seed).permutation(len(photographs))
        learnt, unseen = photographs[order[:LEARNT]], photographs[order[LEARNT:]]
        for name, augment in AUGMENTATIONS.items():
            key = f"{name} augmentation, seed {seed}, {options.seconds:g} s"
            if key not in results:
                batches = Batches((learnt,), "images", 8, seed, mirror=True)
                run = options.run / f"{name}-{seed}"
                results[key] = one_run(run, augment, seed, options.seconds, batches, unseen, network)
                path.write_text(json.dumps(results, indent=2) + "\n")
                print(f"{key}: {results[key][-1]:.3g}", flush=True)

    print("| seed | without, at the end | its best | with, at the end | its best | ratio at the end | of the best |")
    print("|---|---|---|---|---|---|---|")
    for seed in range(options.seeds):
        found = [results[f"{name} augmentation, seed {seed}, {options.seconds:g} s"] for name in AUGMENTATIONS]
        cells = [f"{value:.3g}" for one in found for value in (one[-1], min(one))]
        ratios = [f"{found[0][-1] / found[1][-1]:.2g}", f"{min(found[0]) / min(found[1]):.2g}"]
        print(f"| {seed} | {' | '.join([*cells, *ratios])} |")


if __name__ == "__main__":
    main()
