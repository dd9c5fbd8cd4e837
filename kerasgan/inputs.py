"""The pictures that a user names, cut and scaled to what a model takes."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from kerasgan.errors import UserError, one_line
from kerasgan.paths import expanded

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

BLOCK = 100  # pictures that a model gets at once
PIXELS = 2**20  # and their pixels: a layer of 64 channels keeps 256 MiB of them
READ_AHEAD = 8


@dataclasses.dataclass(frozen=True)
class Picture:
    """One picture that is read when it is asked for."""

    name: str  # what it is called in tables and files
    file: Path | None  # where it comes from
    place: Path  # where its PNG belongs, below a folder
    read: Callable[[], Image.Image]


def check(given: list[str]) -> None:
    """Raise UserError for a file or folder that is not there. It does not need TensorFlow."""
    for name in given:
        if not os.path.exists(expanded(name)) and not _names_data(name):
            raise UserError(f"There is no {name}: give a picture, a folder of them, an .npz with images, or digits.")


def named(
    given: list[str],
    image_shape: tuple,
    data_dir: str | None,
    split: str,
    value_ranges: dict[str, list[float]] | None = None,
) -> list[Picture]:
    """Return the pictures in files, in folders at any depth, in .npz files and in data sets, in the order given.

    No two have the same place. Pixels of more than 8 bits are scaled by `value_ranges`, as those were that the model
    learnt from; by default by what holds the values of all pictures given.
    Raises UserError for a folder without pictures, and for an .npz without images.
    """
    value_ranges = dict(value_ranges or {})  # of kinds that are not there yet, completed when all files are known
    found = [picture for name in given for picture in _pictures(name, image_shape, data_dir, split, value_ranges)]
    _complete(value_ranges, found)
    taken = set()
    for i, picture in enumerate(found):
        place, number = picture.place, 2
        while str(place).lower() in taken:  # there are file systems to which A.png is a.png
            place, number = picture.place.with_stem(f"{picture.place.stem}-{number}"), number + 1
        taken.add(str(place).lower())
        found[i] = dataclasses.replace(picture, place=place)
    return found


def blocks(
    pictures: list[Picture], image_shape: tuple, half: str | None, variant: str, most: int | None = None
) -> Iterator[tuple[list[Picture], np.ndarray]]:
    """Yield consecutive pictures with their uint8 images[n, height, width, channel], fitted to a model's `image_shape`.

    A height and width of None fit any size: there, a block ends where the size changes. At most `most` pictures are
    read. Those that cannot be read are named on standard error and passed over. Raises UserError if none is left.
    """
    import numpy as np

    waiting: list[tuple[Picture, np.ndarray]] = []
    count = 0
    for picture, image in islice(_readable(pictures, image_shape, half, variant), most):
        height, width, _ = image.shape
        full = len(waiting) >= min(BLOCK, PIXELS // (height * width))
        if waiting and (full or image.shape != waiting[0][1].shape):
            yield [p for p, _ in waiting], np.stack([i for _, i in waiting])
            waiting = []
        waiting.append((picture, image))
        count += 1
    if not count:
        raise UserError(f"None of the {len(pictures)} pictures can be read.")
    yield [p for p, _ in waiting], np.stack([i for _, i in waiting])


def _names_data(name):
    return not {".", "/", "~"} & set(name)


def _complete(value_ranges, found):
    """Add the ranges of pictures of more than 8 bits that none are recorded of, and say what becomes of them."""
    from kerasgan.data import values
    from kerasgan.data.files import extents_of

    extents = extents_of(dict.fromkeys(picture.file for picture in found if picture.file))
    if ranges := values.rule(extents, value_ranges):
        value_ranges |= ranges
        print(values.in_words(extents, ranges), file=sys.stderr)


def _pictures(name, image_shape, data_dir, split, value_ranges):

    from kerasgan import data
    from kerasgan.data.files import decoded
    from kerasgan.data.sources import is_npz
    from kerasgan.image_folders import pictures_below
    from kerasgan.images import to_pil

    height, width, channels = image_shape
    size = (height, width) if height else None
    path = expanded(name)
    read = partial(decoded, value_ranges=value_ranges)
    if path.is_dir():
        files = pictures_below(path)
        return [Picture(str(f), f, f.relative_to(path).with_suffix(".png"), partial(read, f)) for f in files]
    if is_npz(str(path)):
        images = data.npz(path).images
    elif path.exists():
        return [Picture(name, path, Path(path.name).with_suffix(".png"), partial(read, path))]
    elif name == "digits":
        images = data.digits(size or (32, 32), channels).images
    else:
        images = data.tensorflow_dataset(name, size, channels, data_dir, split).images
    file = path if path.exists() else None

    def image(i):
        return to_pil(images[i])

    return [
        Picture(f"{name}/{i:05d}", file, Path(f"{path.stem}-{i:05d}.png"), partial(image, i))
        for i in range(len(images))
    ]


def _readable(pictures, image_shape, half, variant):
    """Yield each picture that can be read with its fitted image; say once what fitting does to them."""
    told = skipped = 0
    rest = iter(pictures)
    with ThreadPoolExecutor(READ_AHEAD) as readers:
        while ahead := list(islice(rest, READ_AHEAD)):
            fitted = list(readers.map(partial(_fitted, image_shape=image_shape, half=half), ahead))
            for picture, (image, before) in zip(ahead, fitted, strict=True):
                if image is None:
                    skipped += 1
                    print(one_line(f"Skipping {picture.name}: {before}"), file=sys.stderr)
                    continue
                if image.shape != before and not told:
                    told = True
                    how = "cut to their middle and scaled" if image.shape[:2] != before[:2] else "converted"
                    print(
                        one_line(
                            f"Pictures are {how} to the {_by(image.shape)} that {variant} takes; "
                            f"{picture.name} is {_by(before)}."
                        ),
                        file=sys.stderr,
                    )
                yield picture, image
    if skipped:
        print(f"Skipped {skipped} of {len(pictures)} pictures that cannot be read.", file=sys.stderr)


def _fitted(picture, image_shape, half):
    """Return a picture's image and the shape it had before; or None and why it cannot be read."""
    import numpy as np

    from kerasgan.data.files import resized, with_channels

    height, width, channels = image_shape
    try:
        read = picture.read()
    except UserError as problem:
        return None, str(problem)
    if half:
        middle = max(1, read.width // 2)
        left = 0 if half == "left" else read.width - middle
        read = read.crop((left, 0, left + middle, read.height))
    before = (read.height, read.width, len(read.getbands()))
    if height:
        read = resized(read, (height, width))
    image = np.asarray(with_channels(read, channels))
    return image.reshape(*image.shape[:2], channels), before


def _by(shape):
    return "x".join(map(str, shape))
