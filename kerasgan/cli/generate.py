"""kerasgan generate."""

from __future__ import annotations

import argparse
from pathlib import Path

from kerasgan.cli.options import tensorflow
from kerasgan.errors import UserError


def generate(options: argparse.Namespace) -> int:
    """Write images that a SavedModel makes: a grid, a folder, or an .npz."""
    output = Path(options.output)
    kind = output.suffix.lower()
    if kind not in ("", ".png", ".npz"):
        raise UserError(f"{output} is no place for images: give a name that ends in .png or .npz, or a folder.")
    if output.exists() and not options.overwrite and (kind or any(output.iterdir())):
        raise UserError(f"{output} exists: choose another --output, or replace it with --overwrite.")

    tensorflow()
    from kerasgan.saved_model import load

    model = load(options.model)
    images, labels = _sampled(model, options)
    _write_images(output, images, labels)
    print(f"{len(images)} images of {model.about['variant']} written to {output}")
    return 0


def _sampled(model, options):
    import numpy as np

    verbs, name = model.about["verbs"], model.about["variant"]
    if "sample_labelled" in verbs:
        classes = model.about["hyperparameters"]["classes"]
        chosen = options.labels or range(classes)
        if wrong := [label for label in chosen if label >= classes]:
            raise UserError(f"{name} knows labels 0 to {classes - 1}, not {wrong[0]}.")
        labels = np.resize(np.array(chosen, np.int32), options.n)
        return model.sample_labelled(labels=labels, seed=options.seed), labels
    if options.labels:
        raise UserError(f"{name} takes no labels: leave out --labels.")
    if "sample" not in verbs:
        raise UserError(f"{name} makes images from images, not from nothing: in Python, kerasgan.load() has {verbs}.")
    return model.sample(n=options.n, seed=options.seed), None


def _write_images(output, images, labels):
    import numpy as np

    from kerasgan.images import grid, near_square, write_png

    if output.suffix.lower() == ".npz":
        output.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(output, images=images, **({} if labels is None else {"labels": labels}))
    elif output.suffix:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_png(output, grid(near_square(images)))
    else:
        output.mkdir(parents=True, exist_ok=True)
        for i, image in enumerate(images):
            write_png(output / (f"{i:05d}.png" if labels is None else f"{i:05d}_label{labels[i]}.png"), image)
