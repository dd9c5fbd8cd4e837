"""kerasgan generate."""

from __future__ import annotations

import argparse

from kerasgan import run_folder
from kerasgan.cli import outputs
from kerasgan.cli.options import MODEL, labels, positive, seed, tensorflow
from kerasgan.cli.verbs import commands_of
from kerasgan.errors import UserError
from kerasgan.paths import for_shell


def add_options(command) -> None:
    command.set_defaults(command=generate)
    command.add_argument("model", **MODEL)
    command.add_argument("-n", type=positive, default=64, help="how many images")
    command.add_argument("--seed", type=seed, default=0, help="same seed, same images")
    command.add_argument("--labels", type=labels, help="0,1,2: what to make, for models that take labels")
    command.add_argument("-o", "--output", default="samples.png", help="grid.png, folder/ or samples.npz")
    command.add_argument("--overwrite", action="store_true", help="replace an output that exists")


def generate(options: argparse.Namespace) -> int:
    """Write images that a SavedModel makes: a grid, a folder, or an .npz."""
    to = outputs.output(options.output, (".png", ".npz", ""), options.overwrite)
    about = run_folder.about_model(run_folder.saved_model(options.model))
    chosen = _labels(about, options)

    tensorflow()
    from kerasgan.saved_model import load

    model = load(options.model)
    if chosen is None:
        images = model.sample(n=options.n, seed=options.seed)
    else:
        images = model.sample_labelled(labels=chosen, seed=options.seed)
    _write_images(to, images, chosen)
    print(f"{len(images)} images of {about['variant']} written to {to.path}")
    return 0


def _labels(about, options):
    """Return the labels of the images to make; None for a model without. Raises UserError if it makes no images."""
    verbs, name = about["verbs"], about["variant"]
    if "sample_labelled" in verbs:
        classes = about["hyperparameters"]["classes"]
        chosen = options.labels or range(classes)
        if wrong := [label for label in chosen if label >= classes]:
            raise UserError(f"{name} knows labels 0 to {classes - 1}, not {wrong[0]}.")
        return [chosen[i % len(chosen)] for i in range(options.n)]
    if options.labels:
        raise UserError(f"{name} takes no labels: leave out --labels.")
    if "sample" not in verbs:
        use = " or ".join(f"kerasgan {command} {for_shell(options.model)} IMAGES" for command in commands_of(verbs))
        raise UserError(f"{name} makes no images from nothing: give it images by {use}.")
    return None


def _write_images(to, images, labels):
    if to.kind == ".npz":
        outputs.write_npz(to.path, images=images, **({} if labels is None else {"labels": _int32(labels)}))
    elif to.kind == ".png":
        outputs.write_grid(to.path, images)
    else:
        for i, image in enumerate(images):
            name = f"{i:05d}.png" if labels is None else f"{i:05d}_label{labels[i]}.png"
            outputs.write_picture(to.path / name, image)


def _int32(labels):
    import numpy as np

    return np.array(labels, np.int32)
