"""Images to train on, from anywhere.

data = kerasgan.data.load("digits", batch_size=64)
model.fit(data, epochs=40)
"""

from __future__ import annotations

import os

from kerasgan.data.batches import Batches
from kerasgan.data.sources import Source, digits, folder, npz, side_by_side, tensorflow_dataset, two_domains
from kerasgan.errors import UserError

__all__ = ["Batches", "Source", "digits", "folder", "load", "npz", "side_by_side", "tensorflow_dataset", "two_domains"]


def load(
    name: str | os.PathLike,
    takes: str = "images",
    batch_size: int = 64,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    data_dir: str | os.PathLike | None = None,
    halves: bool = False,
    mirror: bool = False,
    seed: int = 0,
    reverse: bool = False,
) -> Batches:
    """Return batches of `digits`, a folder of images, an .npz file, or a data set of tensorflow-datasets.

    takes: images, labelled, pairs or domains: what the model's `takes` says
    image_size: (height, width); by default that of the data, or 64x64 for a folder
    channels: 1, 3 or 4; by default those of the data
    data_dir: where tensorflow-datasets keeps its files
    halves: each picture of the folder holds two images side by side (for pairs and domains)
    mirror: flip images left to right half of the time
    seed: fixes the order
    reverse: swap source and target of pairs, or the two domains: from the right half to the left one

    Raises UserError, in one line, for data that is missing, unreadable, or of another kind than `takes`.
    """
    name = os.fspath(name)
    if takes in ("pairs", "domains"):
        columns, about = _two_columns(name, takes, image_size, channels, halves)
        if reverse:
            columns, about = columns[::-1], {**about, "reverse": True}
        return Batches(columns, takes, batch_size, seed, mirror, about=about)

    if halves:
        raise UserError(f"Pictures of two halves hold pairs or domains; this model takes {takes}: leave out --halves.")
    if reverse:
        raise UserError(f"Pairs and domains can be reversed; this model takes {takes}: leave out --reverse.")
    if name == "digits":
        source = digits(image_size or (32, 32), channels or 1)
    elif name.endswith(".npz"):
        source = npz(name, image_size, channels)
    elif os.path.isdir(name) or os.sep in name or name.startswith("~"):
        source = folder(name, image_size or (64, 64), channels)
    else:
        source = tensorflow_dataset(name, image_size, channels, data_dir)

    if takes == "labelled" and source.labels is None:
        raise UserError(f"{name} has no labels: put the images of each class into a folder of its own.")
    columns = (source.images, source.labels) if takes == "labelled" else (source.images,)
    return Batches(columns, takes, batch_size, seed, mirror, source.classes, source.about)


def _two_columns(name, takes, image_size, channels, halves):
    size = image_size or (64, 64)
    if name.endswith(".npz"):
        names = ("source", "target") if takes == "pairs" else ("a", "b")
        sources = [npz(name, image_size, channels, array) for array in names]
    elif halves:
        sources = side_by_side(name, size, channels)
    elif takes == "domains":
        sources = two_domains(name, size, channels)
    else:
        raise UserError(f"Pairs are pictures with the source left and the target right: is {name} a folder of them?")
    return tuple(s.images for s in sources), {**sources[0].about, "name": name}
