"""Does it help, where there are only a hundred photographs, to go on from a model of other images?

DCGAN learns once from the images of another data set. Then, for each seed, it learns from a hundred photographs of a
folder: from scratch; going on from that model; and going on with the first layers of its discriminator frozen (FreezeD,
Mo, Cho and Shin 2020, https://arxiv.org/abs/2002.10964). Each has as many seconds of a processor core, and augmentation
of all that its discriminator sees. Samples are compared with the other photographs of the folder, as hundred.py does.

    python zoo/fastgan/halves.py FACADES
    python zoo/dcgan/going_on.py --data facades_photographs --run runs/dcgan-going-on
"""

import argparse
import json
import runpy
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np

import kerasgan
from kerasgan import callbacks
from kerasgan.data import load
from kerasgan.metrics import feature_network

hundred = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("hundred.py"))))
AUGMENT = hundred.AUGMENTATIONS["with"]  # which brings a hundred photographs to a third of their distance


class StopAfter(keras.callbacks.Callback):
    """Ends a run after so many seconds of a core."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def on_train_begin(self, logs=None):
        self.started = time.process_time()

    def on_train_batch_end(self, batch, logs=None):
        if time.process_time() - self.started > self.seconds:
            self.model.stop_training = True


def train_source(run, options):
    """Train the model that others go on from, whole or not at all."""
    part = run.with_name(f"{run.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # of one that was broken off
    size = (hundred.SIDE, hundred.SIDE)
    data = load(options.source, "images", 64, image_size=size, channels=3, mirror=True, data_dir=options.data_dir)
    model = hundred.new_model(data.image_shape, "", seed=0)  # so many images are not learnt by heart
    model.compile()
    watching = [callbacks.Record(part, data), callbacks.Snapshots(part, data), callbacks.Checkpoints(part)]
    model.fit(data, epochs=10**6, verbose=0, callbacks=[*watching, StopAfter(options.source_seconds)])
    part.rename(run)


def cell(name, seed, options):
    return f"{name}, seed {seed}, {options.seconds:g} s"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/dcgan-going-on"), help="folder for what is written")
    parser.add_argument("--data", default="facades_photographs", help="a folder of more than a hundred photographs")
    parser.add_argument("--source", default="cifar10", help="the data that the model to go on from learns")
    parser.add_argument("--data-dir", help="where tensorflow-datasets keeps its data")
    parser.add_argument("--source-seconds", type=float, default=600, help="of a processor core, for that model")
    parser.add_argument("--freeze", type=int, nargs="+", default=[3], help="how many layers; each number is a run")
    parser.add_argument("--seeds", type=int, default=3, help="how many repetitions, each with other photographs")
    parser.add_argument("--seconds", type=float, default=200, help="of a processor core, for each run")
    parser.add_argument("--every", type=int, default=60, help="epochs from one comparison to the next")
    options = parser.parse_args()

    photographs = hundred.photographs_of(options.data)
    network = feature_network("cifar10")
    options.run.mkdir(parents=True, exist_ok=True)
    source = options.run / "source"
    if not source.exists():
        train_source(source, options)
    freezes = {"scratch": None, "going on": 0, **{f"going on, {n} frozen": n for n in options.freeze}}
    path = options.run / "results.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    for seed in range(options.seeds):
        learnt, unseen = hundred.parted(photographs, seed)
        for name, freeze in freezes.items():
            key = cell(name, seed, options)
            if key not in results:
                model = hundred.new_model(learnt.image_shape, AUGMENT, seed)
                if freeze is not None:
                    kerasgan.go_on_from(source, model, freeze=freeze)
                run = options.run / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}"
                results[key] = hundred.one_run(model, run, options, learnt, unseen, network)
                path.write_text(json.dumps(results, indent=2) + "\n")
                print(f"{key}: {results[key][-1]:.3g}", flush=True)

    print("| | at the first comparison | at the end | its lowest |\n|---|---|---|---|")
    for name in freezes:
        found = [results[cell(name, seed, options)] for seed in range(options.seeds)]
        rows = [(one[0], one[-1], min(one)) for one in found]
        deviations = np.std(rows, axis=0, ddof=min(1, len(rows) - 1))
        cells = [f"{mean:.1f} ± {std:.1f}" for mean, std in zip(np.mean(rows, axis=0), deviations, strict=True)]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
