"""kerasgan generate."""

from __future__ import annotations

import argparse

from kerasgan import class_names, run_folder
from kerasgan.cli import outputs
from kerasgan.cli.options import MODEL, labels, tensorflow
from kerasgan.cli.verbs import commands_of
from kerasgan.command_line import natural, positive
from kerasgan.errors import UserError
from kerasgan.paths import for_shell


def add_options(command) -> None:
    command.set_defaults(command=generate)
    command.add_argument("model", **MODEL)
    command.add_argument("-n", type=positive, default=64, help="how many images")
    command.add_argument("--seed", type=natural, default=0, help="same seed, same images")
    command.add_argument("--labels", type=labels, help="what to make, for models that take labels: cat,dog or 0,1,2")
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
        images = model.sample_labelled(labels=class_names.asked(about, chosen), seed=options.seed)
    names = None if chosen is None else [class_names.name_of(n, class_names.of_model(about)) for n in chosen]
    _write_images(to, images, chosen, names)
    drawn = "" if names is None else f", {_in_turn(names)},"
    print(f"{len(images)} images of {about['variant']}{drawn} written to {to.path}")
    return 0


def _labels(about, options):
    """Return the labels of the images to make; None for a model without. Raises UserError if it makes no images."""
    verbs, name = about["verbs"], about["variant"]
    if "sample_labelled" in verbs:
        chosen = class_names.all_of_model(about)
        if options.labels is not None:
            chosen = class_names.numbers_of_model(about, options.labels)
        return [chosen[i % len(chosen)] for i in range(options.n)]
    if options.labels is not None:
        raise UserError(f"{name} takes no labels: leave out --labels.")
    if "sample" not in verbs:
        use = " or ".join(f"kerasgan {command} {for_shell(options.model)} IMAGES" for command in commands_of(verbs))
        raise UserError(f"{name} makes no images from nothing: give it images by {use}.")
    return None


def _write_images(to, images, labels, names):
    if to.kind == ".npz":
        import numpy as np

        its = {} if labels is None else {"labels": np.array(labels, np.int32), "names": np.array(names)}
        outputs.write_npz(to.path, images=images, **its)
    elif to.kind == ".png":
        outputs.write_grid(to.path, images)
    else:
        for i, image in enumerate(images):
            name = f"{i:05d}"
            if labels is not None:
                of_number = names[i] == str(labels[i])
                name += f"_label{labels[i]}" if of_number else f"_{outputs.in_a_file_name(names[i])}"
            outputs.write_picture(to.path / f"{name}.png", image)


def _in_turn(names):
    """Return which classes are drawn, as a message says it."""
    its = list(dict.fromkeys(names))
    return f"{'all ' if len(its) == 1 else ''}of {class_names.shown(its)}{' in turn' if len(its) > 1 else ''}"
