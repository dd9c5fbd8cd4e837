"""Images to train on, from anywhere, made into what a model takes.

data = kerasgan.data.load("digits", batch_size=64)
model.fit(data, epochs=40)

pairs = kerasgan.data.load("~/photos", task="super_resolution", scale=4)
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from kerasgan import class_names
from kerasgan.data.batches import Batches
from kerasgan.data.degradations import FUNCTIONS, Degradation
from kerasgan.data.labels import UNKNOWN, as_named, labelled, of_labels, only, with_budget
from kerasgan.data.sources import Source, digits, folder, is_npz, npz, side_by_side, tensorflow_dataset, two_domains
from kerasgan.errors import UserError
from kerasgan.tasks import OPTIONS, TASKS, chosen, options_of

__all__ = [
    "OPTIONS",
    "TASKS",
    "Batches",
    "Degradation",
    "Source",
    "digits",
    "folder",
    "load",
    "npz",
    "read",
    "side_by_side",
    "tensorflow_dataset",
    "two_domains",
]


def load(
    name: str | os.PathLike,
    takes: str | None = None,
    batch_size: int = 64,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    data_dir: str | os.PathLike | None = None,
    halves: bool = False,
    mirror: bool = False,
    seed: int = 0,
    task: str | None = None,
    split: str = "train",
    right_to_left: bool = False,
    value_ranges: dict[str, list[float]] | None = None,
    **options: Any,
) -> Batches:
    """Return batches of `digits`, a folder of images, an .npz file, or a data set of tensorflow-datasets.

    takes: what the model's `takes` says; by default what the task makes
    image_size: (height, width); by default that of the data, or 64x64 for a folder
    channels: 1, 3 or 4; by default those of the data
    data_dir: where tensorflow-datasets keeps its files
    halves: each picture of the folder holds two images side by side (for pairs and domains)
    mirror: flip images left to right half of the time
    seed: fixes the order, which images keep their labels, and where holes and noise are
    task: what the images are made into; by default what is called as `takes` is
    split: train, test, or another that the data has
    right_to_left: of two halves, the right one is the source
    value_ranges: what becomes 0 to 255 where pictures in a folder have more than 8 bits, such as
        {"integers": [0, 4095]}: that in the `about` of what a model learnt from; by default what holds all values

    Labels (`normal`, `domain_labels`) are names of classes, which are the names of their folders, or numbers where no
    class has that name: "cat", 3, ("cat", "dog"), or a text such as 'cat,dog' or '"black, white",dog'.

    The tasks, with their options:

        images            nothing but images
        one_class         images with the labels `normal` alone; of another split all images, labelled 0 (normal) or
                          1 (not). Without `normal`, all images of a data set without labels are normal
        labelled          images and labels; images without are left out
        partly_labelled   images and labels, of which all but `labels` are -1: as many of each class as can be
        pairs             sources and targets in one picture (`halves`), or arrays `source` and `target` of an .npz
        colouring         pairs of a grey image, with as many channels, and the image
        edges             pairs of a drawing of an image's edges and the image
        super_resolution  pairs of an image made `scale` times smaller and the image
        completion        pairs of an image with a hole and the image
        denoising         pairs of an image with Gaussian noise of deviation `noise` in [-1, 1] and the image
        domains           two folders, halves, arrays `a` and `b` of an .npz, or the images of two `domain_labels`

    Raises UserError, in one line, for data that is missing, unreadable, or not what the task needs.
    """
    name = os.fspath(name)
    task = chosen(takes, task)
    given = {option: value for option, value in options.items() if value is not None}
    options = options_of(task, given)
    _check_halves(halves, right_to_left, task)
    makes, degradation = TASKS[task], None
    if task == "pairs" or (task == "domains" and options["domain_labels"] is None):
        sources = _two_columns(name, task, image_size, channels, halves, split, value_ranges)
        columns = tuple(source.images for source in sources)[:: -1 if right_to_left else 1]
        classes, about = None, {**sources[0].about, **({"right_to_left": True} if right_to_left else {})}
    else:
        source = read(name, image_size, channels, data_dir, split, value_ranges)
        classes, about = source.classes, source.about
        columns = (source.images,)
        if task in FUNCTIONS:
            degradation = Degradation(task, options)
        elif task == "labelled":
            _labels(source, task)
            known = labelled(source, task)
            columns = (known.images, known.labels)
        elif task == "partly_labelled":
            labels = _labels(source, task)
            if "labels" in given or UNKNOWN not in labels:  # else the data says itself which are unknown
                labels = with_budget(source, options["labels"], seed)
            columns = (source.images, labels)
        elif task == "domains":
            _labels(source, task)
            both = class_names.listed(options["domain_labels"])
            columns = _of_two_labels(source, *both)
            options["domain_labels"] = as_named(source, both)
        elif task == "one_class":
            columns = _one_class(source, options["normal"], split)
            if options["normal"] is not None:
                options["normal"] = as_named(source, options["normal"])
            makes, classes = ("images", None) if len(columns) == 1 else ("labelled", 2)
    examples = [len(column) for column in columns] if task == "domains" else len(columns[0])
    about = {**about, "name": name, "task": task, **options, "examples": examples}
    return Batches(columns, makes, batch_size, seed, mirror, classes, about, degradation)


def read(
    name: str | os.PathLike,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    data_dir: str | os.PathLike | None = None,
    split: str = "train",
    value_ranges: dict[str, list[float]] | None = None,
) -> Source:
    """Return the images that `load` makes batches of, and their labels, if they have any. Its arguments are the same.

    Raises UserError, in one line, for data that is missing or unreadable.
    """
    name = os.fspath(name)
    if split != "train" and (name == "digits" or is_npz(name)):
        raise UserError(f"{name} has no {split} split: all of it is to train on. A folder or another data set may do.")
    if name == "digits":
        return digits(image_size or (32, 32), channels or 1)
    if is_npz(name):
        return npz(name, image_size, channels)
    if os.path.isfile(name) and (os.sep in name or "." in name):
        raise UserError(f"{name} is a file, and no .npz: give a folder of images, or an .npz with an array `images`.")
    if os.path.isdir(name) or os.sep in name or name.startswith("~"):
        return folder(name, image_size or (64, 64), channels, split, value_ranges)
    return tensorflow_dataset(name, image_size, channels, data_dir, split)


def _two_columns(name, task, image_size, channels, halves, split, value_ranges):
    size = image_size or (64, 64)
    if is_npz(name):
        if split != "train":
            raise UserError(f"{name} has no {split} split: all of it is to train on.")
        both = [npz(name, image_size, channels, a) for a in (("source", "target") if task == "pairs" else ("a", "b"))]
        if task == "pairs" and len({len(one.images) for one in both}) > 1:
            raise UserError(f"{name} has {len(both[0].images)} images in source and {len(both[1].images)} in target.")
        return both
    if halves:
        return side_by_side(name, size, channels, split, value_ranges)
    if task == "pairs":
        raise UserError(
            f"pairs needs pictures of two --halves, source left and target right, or an .npz with source and target; "
            f"{name} is none. Any images will do for --task {', '.join(FUNCTIONS)}."
        )
    if name == "digits":
        raise UserError("digits is one set of images, and domains needs two: give --domain-labels, such as 3,8.")
    return two_domains(name, size, channels, split, value_ranges)


def _check_halves(halves, right_to_left, task):
    if halves and task not in ("pairs", "domains"):
        raise UserError(f"Pictures of two halves hold pairs or domains, and the task is {task}: leave out --halves.")
    if right_to_left and not halves:
        raise UserError("--right-to-left is for pictures of two --halves: leave it out.")


def _of_two_labels(source, first, second):
    """Return the images of each label. Raises UserError if both name the same class."""
    a, b = (of_labels(source, [label]) for label in (first, second))
    if np.array_equal(a, b):
        raise UserError(f"--domain-labels {first},{second} name the same class: give two different ones.")
    return only(source, a).images, only(source, b).images


def _labels(source, task):
    """Return a source's labels. Raises UserError if it has none, or fewer than the task needs."""
    name, labels = source.about["name"], source.labels
    if labels is None:
        raise UserError(
            f"{name} has no labels, and {task} needs them: put the images of each class into its own folder."
        )
    if source.classes < 2:
        raise UserError(f"{name} has images of one class, and {task} needs at least two, each in a folder of its own.")
    return labels


def _one_class(source, normal, split):
    """Return the normal images; of another split than train, all images, and whether each is an anomaly."""
    name = source.about["name"]
    train = split == "train"
    if normal is None:
        if train and (source.labels is None or source.classes == 1):
            return (source.images,)
        raise UserError(f"one_class needs to know which of the labels in {name} are normal: give --normal, such as 0.")
    if source.labels is None:
        raise UserError(f"{name} has no labels, and --normal needs them: put the images of each class in a folder.")
    if train:
        return (only(source, of_labels(source, normal)).images,)
    source = labelled(source, "one_class")  # what is in no class is neither normal nor an anomaly
    anomalous = np.ones(len(source.labels), np.int32)
    anomalous[of_labels(source, normal)] = 0
    return source.images, anomalous
