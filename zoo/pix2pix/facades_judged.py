"""pix2pix, its generator with L1 alone, and CycleGAN on facades, both ways, judged by the test pairs.

Trains what is not trained yet by the recipes, and measures it on the 106 test pictures, which show CycleGAN's outputs
beside what they should be. Every finished cell is written to results.json and not computed again.

The Frechet distance is taken on the features of a small CIFAR-10 classifier (zoo/srgan/features.py), averaged over
32x32 patches: it is no FID, and comparable only within this table.
"""

import argparse
import json
import runpy
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import kerasgan
from kerasgan import data, images
from kerasgan.metrics import similarity
from kerasgan.metrics.frechet import frechet_distance
from kerasgan.models import CycleGAN

ZOO = Path(__file__).parents[1]
MODELS = ("pix2pix", "l1_alone", "cyclegan")
WAYS = ("photographs", "labels")  # what comes out, the other going in
STEP = 8  # pixels from one 32x32 patch to the next
SEEDS = (0, 1, 2)
MEASURES = {"l1": "L1", "psnr": "PSNR, dB", "ssim": "SSIM", "frechet": "Frechet distance"}
DIGITS = {"l1": 4, "psnr": 2, "ssim": 3, "frechet": 3}


def main(
    facades="facades",
    run="runs/facades_judged",
    features="runs/features.keras",
    models=MODELS,
    to=WAYS,
    seeds=SEEDS,
    epochs=None,
    judge=True,
):
    run = Path(run)
    run.mkdir(parents=True, exist_ok=True)
    results = json.loads((run / "results.json").read_text()) if (run / "results.json").exists() else {}
    for seed in seeds:
        for way in to:
            for name in models:
                if str(seed) not in results.get(way, {}).get(name, {}):
                    train(name, way, seed, facades, run, epochs)
    if not judge:
        return

    sets = {split: real(facades, split) for split in ("train", "test")}
    judge = Judge(sets, keras.models.load_model(features))
    for way in to:
        source, target = (sets["test"][w] for w in (WAYS[1 - WAYS.index(way)], way))
        shown = [source[:8], target[:8]]
        for name in models:
            cells = results.setdefault(way, {}).setdefault(name, {})
            for seed in seeds:
                if str(seed) in cells and seed != seeds[0]:
                    continue
                outputs = translated(source, way, run / folder(name, way, seed))
                if seed == seeds[0]:
                    shown.append(outputs[:8])
                cells.setdefault(str(seed), judge(outputs, way))
                write(run, results)
        # the same for every seed. The floor: as many real images, which the test images do not resemble pixel by pixel
        mean = np.round(sets["train"][way].mean(axis=0)).astype(np.uint8)
        fixed = {
            "mean_of_training": np.broadcast_to(mean, target.shape),
            "real_training_images": sets["train"][way][: len(target)],
        }
        for name, outputs in fixed.items():
            results[way].setdefault(name, {"": judge(outputs, way)})
        write(run, results)
        images.write_png(run / f"to_{way}.png", images.grid(np.stack(shown)))
    print(table(results, judge.patches))


def write(run, results):
    (run / "results.json").write_text(json.dumps(results, indent=2) + "\n")


def folder(name, way, seed):
    """Return the name of a run; CycleGAN learns both ways at once."""
    return f"{name}-{seed}" if name == "cyclegan" else f"{name}_to_{way}-{seed}"


def train(name, way, seed, facades, run, epochs):
    """Train by the recipe, or go on where the run was broken off: at once, if it was not."""
    where = run / folder(name, way, seed)
    given = {"seed": seed, "resume": (where / "run.json").exists()} | ({"epochs": epochs} if epochs else {})
    if name != "cyclegan":
        given |= {"right_to_left": way == "photographs", "adversarial": 0.0 if name == "l1_alone" else 1.0}
    recipe = runpy.run_path(str(ZOO / ("cyclegan" if name == "cyclegan" else "pix2pix") / "facades.py"))
    recipe["main"](facades, where, **given)


def translated(source, way, run):
    model = kerasgan.restore(run)
    translate = model.F if way == "photographs" and isinstance(model, CycleGAN) else model
    return np.concatenate([images.to_uint8(translate(x)) for x in tf.split(images.from_uint8(source), 2)])


def real(facades, split):
    left, right = data.side_by_side(facades, image_size=(64, 64), split=split)
    return {"photographs": left.images, "labels": right.images}


class Judge:
    """Measures outputs[n, 64, 64, 3] against the test pictures of the same order."""

    def __init__(self, sets, features):
        self.features = features
        self.real = sets["test"]
        self.of_real = {way: self.pooled(self.real[way]) for way in WAYS}
        self.patches = len(self.of_real[WAYS[0]])

    def pooled(self, pictures):
        starts = range(0, pictures.shape[1] - 31, STEP)
        patches = [pictures[:, top : top + 32, left : left + 32] for top in starts for left in starts]
        maps = self.features.predict(images.from_uint8(np.concatenate(patches)).numpy(), batch_size=256, verbose=0)
        return maps.astype(np.float64).mean(axis=(1, 2))

    def __call__(self, outputs, way):
        target, outputs = (tf.constant(x) for x in (self.real[way], outputs))
        difference = tf.cast(target, tf.float32) - tf.cast(outputs, tf.float32)
        return {
            "l1": float(tf.reduce_mean(tf.abs(difference))) / 255,
            "psnr": float(similarity.psnr(outputs, target).mean()),
            "ssim": float(similarity.ssim(outputs, target).mean()),
            "frechet": frechet_distance(self.pooled(outputs.numpy()), self.of_real[way]),
        }


def table(results, patches):
    """Return Markdown: means over seeds, and standard deviations where there are several."""
    lines = [f"Frechet distance on CIFAR-classifier features, 32x32 patches, n = {patches}; L1 of pixels in [0, 1]."]
    for way, models in results.items():
        lines += ["", f"| to {way} | {' | '.join(MEASURES.values())} | runs |", "|---|---|---|---|---|---|"]
        for name, cells in models.items():
            runs = "" if "" in cells else len(cells)
            each = [spread([cell[m] for cell in cells.values()], DIGITS[m]) for m in MEASURES]
            lines.append(f"| {name.replace('_', ' ')} | {' | '.join(each)} | {runs} |")
    return "\n".join(lines)


def spread(values, digits):
    return f"{np.mean(values):.{digits}f}" + (f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--facades", default="facades", help="the folder of the pix2pix data set")
    parser.add_argument("--run", default="runs/facades_judged", help="folder for the runs and results.json")
    parser.add_argument("--features", default="runs/features.keras", help="what zoo/srgan/features.py wrote")
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS, help="only these")
    parser.add_argument("--to", nargs="+", default=WAYS, choices=WAYS, help="only these ways")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--epochs", type=int, help="other than the recipes'")
    parser.add_argument("--train-only", action="store_true", help="leave the judging to a later call")
    given = parser.parse_args()
    main(
        given.facades,
        given.run,
        given.features,
        given.models,
        given.to,
        given.seeds,
        given.epochs,
        not given.train_only,
    )
