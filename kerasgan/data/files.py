"""Image files of any kind, read as uint8 arrays of one size."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps
from PIL import TiffImagePlugin as tiff

from kerasgan.data import values
from kerasgan.errors import UserError, one_line

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
IN_MEMORY = 2**32  # bytes of images that are kept decoded; beyond, files are read again for each batch
READERS = 8
NO_PICTURES = {"BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "PDF", "WMF"}  # that Pillow knows, and are no pixels
LEFT_BEHIND = {  # by archives, desktops and servers, beside what is hidden by a dot
    "__macosx",
    "__pycache__",
    "$recycle.bin",
    "@eadir",
    "desktop.ini",
    "ehthumbs.db",
    "icon\r",
    "lost+found",
    "system volume information",
    "thumbs.db",
}
KINDS_NAMED = 8  # of what is passed over
COLOURS = {"L": 1, "LA": 1, "RGB": 3, "RGBA": 3}  # channels without alpha, of modes whose files can have 16 bits
UNSIGNED, WHITE_IS_ZERO = 1, 0  # TIFF 6.0, SampleFormat and PhotometricInterpretation


class ImageFiles:
    """Files as an array of uint8 images[n, height, width, channel], read when an integer array indexes it.

    half: None for the whole picture, or "left" or "right"
    value_ranges: what becomes 0 to 255 where pixels have more than 8 bits
    """

    def __init__(
        self,
        files: list[Path],
        image_size: tuple[int, int],
        channels: int,
        half: str | None = None,
        value_ranges: dict[str, list[float]] | None = None,
    ):
        self.files, self.image_size, self.channels, self.half = files, image_size, channels, half
        self.value_ranges = value_ranges
        self.shape = (len(files), *image_size, channels)
        self.readers = ThreadPoolExecutor(READERS)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        return np.stack(list(self.readers.map(self._read, (self.files[i] for i in indices))))

    def cached(self) -> np.ndarray | ImageFiles:
        """Return all images as an array in memory if they fit, else these files."""
        return self[np.arange(len(self))] if np.prod(self.shape) <= IN_MEMORY else self

    def subset(self, indices: np.ndarray) -> ImageFiles:
        """Return these of the files."""
        files = [self.files[i] for i in indices]
        return ImageFiles(files, self.image_size, self.channels, self.half, self.value_ranges)

    def names_and_sizes(self) -> bytes:
        """Return what tells these files from others without reading them."""
        return b"\n".join(b"%s %d" % (os.fsencode(file.name), file.stat().st_size) for file in self.files)

    def _read(self, file):
        picture = decoded(file, self.value_ranges)
        if self.half:
            middle = picture.width // 2
            left = 0 if self.half == "left" else middle
            picture = picture.crop((left, 0, left + middle, picture.height))
        return np.asarray(with_channels(resized(picture, self.image_size), self.channels)).reshape(self.shape[1:])


@dataclasses.dataclass(frozen=True)
class Survey:
    """The pictures of a folder that can be read, in order of name; the most channels that one has (3 for one with
    alpha, which is asked for by name); and the extents of those of more than 8 bits."""

    files: list[Path]
    channels: int
    extents: list[values.Extent]


def survey(root: Path) -> Survey:
    """Read all pictures below a folder once.

    Files that cannot be read are named on standard error and passed over. Raises UserError if none is left.
    """
    files = pictures_below(root)
    with ThreadPoolExecutor(READERS) as readers:
        found = list(readers.map(_kind_of, files))
    good = [(file, kind) for file, kind in zip(files, found, strict=True) if not isinstance(kind, str)]
    for file, problem in zip(files, found, strict=True):
        if isinstance(problem, str):
            print(one_line(f"Skipping {file}: {problem}"), file=sys.stderr)
    if not good:
        raise UserError(f"None of the {len(files)} images in {root} can be read.")
    if len(good) < len(files):
        print(f"Skipped {len(files) - len(good)} of {len(files)} images that cannot be read.", file=sys.stderr)
    extents = [extent for _, (_, extent) in good if extent]
    return Survey([file for file, _ in good], max(channels for _, (channels, _) in good), extents)


def pictures_below(root: Path) -> list[Path]:
    """Return the files below a folder that are pictures by their suffix, or by their content if they have none.

    They are in order of name. Links are followed, and folders that several lead to are read once: where they are, or
    else by the first of the links. What is passed over is counted on standard error, and links to nothing are named.
    Raises UserError if there are no pictures.
    """
    files: list[Path] = []
    links: list[Path] = []
    folders, passed_over = [root], Counter[str]()
    read = {_identity(parent) for parent in root.resolve().parents}
    while folders or links:
        if not folders:  # what is reached without a link is read there
            links.sort(reverse=True)
        folder = (folders or links).pop()
        if (identity := _identity(folder)) in read:
            passed_over["links to folders that are read already, or that hold this one"] += 1
            continue
        read.add(identity)
        for path in _inside(folder, root):
            if is_left_behind(path.name):
                passed_over["hidden or left behind by programs"] += 1
            elif os.path.isdir(path):
                (links if path.is_symlink() else folders).append(path)
            elif os.path.isfile(path):
                suffix = path.suffix.lower()
                if suffix in suffixes() or (not suffix and _is_picture(path)):
                    files.append(path)
                else:
                    passed_over[suffix or "without suffix"] += 1
            elif path.is_symlink():
                print(one_line(f"Skipping {path}: it is a link to nothing."), file=sys.stderr)
            else:
                passed_over["neither files nor folders"] += 1
    said = _in_words(passed_over)
    if not files:
        holds = f", which holds {said}" if said else ""
        raise UserError(f"There are no images in {root}{holds}: it needs files such as .png or .jpg.")
    if said:
        n = passed_over.total()
        what = "file or folder" if n == 1 else "files and folders"
        print(one_line(f"Passed over {n} {what} in {root}: {said}."), file=sys.stderr)
    return sorted(files)


def folders_in(root: Path) -> list[Path]:
    """Return the folders in a folder, in order of name, without what programs leave behind and links that lead back."""
    above = {_identity(folder) for folder in (root, *root.resolve().parents)}
    return sorted(
        path
        for path in root.iterdir()
        if os.path.isdir(path) and not is_left_behind(path.name) and _identity(path) not in above
    )


def is_left_behind(name: str) -> bool:
    """Return whether a file or folder of this name is no data: hidden, or what archives and desktops leave behind."""
    return name.startswith(".") or name.lower() in LEFT_BEHIND


@functools.cache
def formats() -> tuple[str, ...]:
    """Return the formats whose pixels Pillow can read here, and that have a suffix."""
    with_suffix = set(Image.registered_extensions().values())
    return tuple(name for name in Image.OPEN if name in with_suffix - NO_PICTURES)


@functools.cache
def suffixes() -> frozenset[str]:
    """Return the suffixes, in lower case, of files in these formats."""
    known = {*formats(), "MPO"}  # which Pillow opens as a JPEG
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in known)


def extents_of(files: Iterable[Path]) -> list[values.Extent]:
    """Return the extents of those of the files that have more than 8 bits; of others, the head alone is read."""
    with ThreadPoolExecutor(READERS) as readers:
        return [extent for extent in readers.map(_extent_of, files) if extent]


def decoded(file: Path, value_ranges: dict[str, list[float]] | None = None) -> Image.Image:
    """Return a file's picture, the first frame of several, the right way up, in mode L, RGB or RGBA.

    value_ranges: what becomes 0 to 255 where pixels have more than 8 bits; by default the picture's own
    Raises UserError, which does not name the file, for one that cannot be read.
    """
    opened = _opened(file)
    picture = _of_8_bits(opened, value_ranges or {}) if opened.extent else opened.picture
    if picture.mode == "La":  # from which Pillow knows no other way
        picture = picture.convert("LA")
    if "transparency" in picture.info or picture.mode in ("RGBA", "RGBa", "LA", "PA"):
        return picture.convert("RGBA")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def with_channels(picture: Image.Image, channels: int) -> Image.Image:
    """Convert a picture to 1, 3 or 4 channels; what is transparent becomes white where there is no alpha to keep it."""
    if picture.mode == "RGBA" and channels != 4:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return picture.convert(MODES[channels])


def resized(picture: Image.Image, image_size: tuple[int, int]) -> Image.Image:
    """Cut a picture's middle to the shape of (height, width) and scale it there, antialiased."""
    height, width = image_size
    if picture.size == (width, height):
        return picture
    return ImageOps.fit(picture, (width, height), method=Image.Resampling.LANCZOS)


class _Opened(NamedTuple):
    """A file's picture, upright. Of one with more than 8 bits also their extent, and the values themselves if Pillow
    has them; `negative` says that 0 is white there."""

    picture: Image.Image
    extent: values.Extent | None = None
    numbers: np.ndarray | None = None
    negative: bool = False


def _opened(file):
    try:
        with Image.open(file, formats=formats()) as opened:
            raw_mode, declared = _declared(opened)
            tags = dict(opened.tag_v2) if opened.format == "TIFF" else {}
            opened.load()
            picture = ImageOps.exif_transpose(opened)
    except Image.UnidentifiedImageError:
        raise UserError("it is no picture that Pillow can read") from None
    except Exception as error:  # of a broken file, each of Pillow's readers raises what it stumbles over
        raise UserError(str(error).splitlines()[0] if str(error) else type(error).__name__) from None
    if picture.mode.startswith(("I", "F")):
        numbers = np.asarray(picture)
        if tags and picture.mode == "I" and tags.get(tiff.SAMPLEFORMAT, (UNSIGNED,))[0] == UNSIGNED:
            numbers = numbers.view(np.uint32)  # Pillow has 32 bits with a sign alone
        negative = tags.get(tiff.PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO  # which Pillow minds in 8 bits alone
        return _Opened(picture, values.extent(numbers, declared), numbers, negative)
    if picture.mode in COLOURS and re.search(r";16[BLN]", raw_mode):  # and not BGR;16, which are 5, 6 and 5 bits
        colours = np.asarray(picture)[..., : COLOURS[picture.mode]]
        return _Opened(picture, values.Extent("integers", 0, 257 * int(colours.max()), upper_bits=True))
    return _Opened(picture)


def _declared(opened):
    """Return the raw mode of a file that is not loaded yet, and the highest value that it can hold, if it says so."""
    if not opened.tile:
        return "", None
    codec, arguments = opened.tile[0][0], opened.tile[0][3]
    raw_mode = arguments[0] if isinstance(arguments, tuple) else arguments
    if codec in ("ppm", "jpeg2k"):  # Pillow scales what they declare to 16 bits
        return str(raw_mode), 2**16 - 1
    return str(raw_mode), 2**12 - 1 if raw_mode == "I;12" else None


def _of_8_bits(opened, value_ranges):
    """Return a picture of more than 8 bits as L, LA, RGB or RGBA."""
    low, high = value_ranges.get(opened.extent.kind) or values.rule([opened.extent])[opened.extent.kind]
    if opened.numbers is None:
        table = values.to_uint8(257 * np.arange(256), low, high).tolist()
        alpha = list(range(256))
        tables = [alpha if band == "A" else table for band in opened.picture.getbands()]
        return opened.picture.point(sum(tables, []))
    picture = Image.fromarray(values.to_uint8(opened.numbers, low, high))
    if opened.negative:
        picture = ImageOps.invert(picture)
    if (transparent := opened.picture.info.get("transparency")) is not None:
        alpha = np.where(opened.numbers == transparent, 0, 255).astype(np.uint8)
        picture.putalpha(Image.fromarray(alpha))
    return picture


def _kind_of(file):
    """Return the channels of a file's picture (3 for one with alpha) and its extent, or the problem."""
    try:
        opened = _opened(file)
    except UserError as problem:
        return str(problem)
    grey = opened.picture.mode in ("1", "L") or opened.numbers is not None
    return 1 if grey and "transparency" not in opened.picture.info else 3, opened.extent


def _extent_of(file):
    """Return the extent of a file's picture if it has more than 8 bits; None for one that cannot be read."""
    try:
        with Image.open(file, formats=formats()) as opened:
            plain = not opened.mode.startswith(("I", "F")) and ";16" not in _declared(opened)[0]
        return None if plain else _opened(file).extent
    except Exception:  # it is named when it is read
        return None


def _is_picture(file):
    """Return whether a file without suffix begins as a picture does."""
    try:
        Image.open(file, formats=formats()).close()
        return True
    except Exception:  # as in _opened
        return False


def _inside(folder, root):
    try:
        return list(folder.iterdir())
    except OSError as error:
        if folder == root:
            raise
        print(one_line(f"Skipping {folder}: {error.strerror}."), file=sys.stderr)
        return []


def _identity(folder):
    about = folder.stat()
    return about.st_dev, about.st_ino


def _in_words(passed_over):
    """Return what was passed over, the most of a kind first."""
    kinds = passed_over.most_common()
    named, others = kinds[:KINDS_NAMED], kinds[KINDS_NAMED:]
    if others:
        named.append(("others", sum(count for _, count in others)))
    return ", ".join(f"{kind} ({count})" for kind, count in named)
