"""Image files of any kind, read as uint8 arrays of one size."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps
from PIL import TiffImagePlugin as tiff
from PIL.JpegImagePlugin import JpegImageFile

from kerasgan import prepared
from kerasgan.data import values
from kerasgan.errors import UserError, one_line
from kerasgan.image_folders import formats
from kerasgan.images import to_pil

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
COLOURS = {"L": 1, "LA": 1, "RGB": 3, "RGBA": 3}  # channels without alpha, of modes whose files can have 16 bits
UNSIGNED, WHITE_IS_ZERO = 1, 0  # TIFF 6.0, SampleFormat and PhotometricInterpretation
DRAFT = 4  # times the sides of what is wanted: so much is left of a JPEG that is decoded smaller. It is seen only in
# pictures of at least 8 times the sides: others, as most data sets have, keep their pixels exactly
TURNED = range(5, 9)  # values of EXIF's Orientation that swap the sides
BYTES = 4  # of a pixel in Pillow's memory
HEAD = 4  # times a file's bytes: about what those take that are decoded for the extent of their values


@dataclasses.dataclass(frozen=True)
class Pictures:
    """The pictures of a folder that can be read, in order of name: their files, and uint8 images of each part."""

    files: list[str]
    columns: list[np.ndarray | prepared.Images]


class NotReached(UserError):
    """A file that the system does not give: another time it may."""


def read_folders(
    name: str,
    roots: list[Path],
    image_size: tuple[int, int],
    channels: int | None = None,
    halves: bool = False,
    value_ranges: dict[str, list[float]] | None = None,
) -> tuple[list[Pictures], dict[str, list[float]]]:
    """Return all pictures below each of some folders, and what becomes 0 to 255 of those of more than 8 bits.

    They are decoded when they are first asked for, and kept (see `kerasgan.prepared`). The channels are the most that
    one has, 3 for one with alpha, unless they are given; with `halves`, there are left and right halves.

    Files that cannot be read are named on standard error and passed over. Raises UserError if none is left.
    """
    files = prepared.Files(roots)
    facts = {
        "files": files.digest,
        "size": image_size,
        "channels": channels,
        "halves": halves,
        "ranges": value_ranges,
        "draft": DRAFT,
    }
    known = {"roots": [str(root.resolve()) for root in roots], "digest": files.digest, "image_size": image_size}
    preparation = _Preparation(files, image_size, channels, 2 if halves else 1, value_ranges)
    kept = _alike(facts, channels, value_ranges)
    kept = kept or prepared.kept(name, facts, known, lambda: preparation.plan(name))
    problems = {int(i): problem for notes in kept.notes for i, problem in notes["problems"].items()}
    found, start = [], 0
    for root, count in zip(roots, files.counts, strict=True):
        rows = np.setdiff1d(np.arange(start, start + count), list(problems))
        _say_what_cannot_be_read(root, files.files, range(start, start + count), problems)
        parts = range(2 if halves else 1)
        columns = [prepared.Images(kept.shards, rows, part, files.names_and_sizes).cached() for part in parts]
        found.append(Pictures(files.files[rows].tolist(), columns))
        start += count
    if kept.about["said"]:
        print(kept.about["said"], file=sys.stderr)
    return found, kept.about["ranges"]


def _alike(facts, channels, value_ranges):
    """Return what was prepared of the same files without being asked for channels and ranges, if it has these."""
    kept = prepared.found({**facts, "channels": None, "ranges": None})
    if kept is None or channels not in (None, kept.shards[0].shape[-1]):
        return None
    ranges = kept.about["ranges"]
    return kept if {kind: (value_ranges or {}).get(kind, its) for kind, its in ranges.items()} == ranges else None


class _Preparation:
    """How files become rows of uint8 pixels[part, height, width, channel]."""

    def __init__(self, files, image_size, channels, parts, recorded):
        self.files, self.sizes, self.image_size = files.files, files.sizes, image_size
        self.channels, self.parts, self.recorded = channels, parts, recorded

    def plan(self, name):
        """Return what is to be made, from the heads of all files, and all of those with more than 8 bits."""
        grey, extents, self.weights = True, [], np.zeros(len(self.files), np.int64)
        with prepared.progress(f"Looking through {name}", len(self.files)) as done:
            every = range(len(self.files))
            heads = prepared.in_order(self._head, every, lambda i: HEAD * self.sizes[i], done)
            for i, (its_grey, extent, weight) in enumerate(heads):
                self.weights[i] = weight
                grey &= its_grey
                if extent:
                    extents.append(extent)
        self.ranges = values.rule(extents, self.recorded)
        self.said = values.in_words(extents, self.ranges) if self.ranges else ""
        return self._of(self.channels or (1 if grey else 3))

    def _of(self, channels):
        shape = (len(self.files), self.parts, *self.image_size, channels)
        about = {"ranges": self.ranges, "said": self.said}

        def revised(notes):
            """Of what heads say of colours, pictures that cannot be read, and palettes, may make something else."""
            grey = all(its["grey"] for its in notes)
            return None if self.channels or grey == (channels == 1) else self._of(1 if grey else 3)

        return prepared.Plan(shape, about, lambda *rows: self._rows(shape[1:], *rows), revised)

    def _rows(self, shape, start, stop, done):
        pixels = np.zeros((stop - start, *shape), np.uint8)
        grey, passing, problems = True, False, {}

        def decode(i):
            try:
                return self._into(pixels[i - start], self.files[i])
            except UserError as problem:
                return problem

        made = prepared.in_order(decode, range(start, stop), lambda i: self.weights[i], done)
        for i, its in enumerate(made, start):
            if isinstance(its, UserError):
                problems[str(i)] = str(its)
                passing |= isinstance(its, NotReached)
            else:
                grey &= its
        return prepared.Shard(pixels, {"problems": problems, "grey": grey}, passing)

    def _into(self, pixels, file):
        """Write the pixels of a file's picture; return whether it is grey."""
        opened = _opened(file, self._smallest())
        picture = _plain(opened, self.ranges)
        width = picture.width // self.parts
        for part, its in enumerate(pixels):
            one = picture.crop((part * width, 0, (part + 1) * width, picture.height)) if self.parts > 1 else picture
            its[...] = np.asarray(with_channels(resized(one, self.image_size), its.shape[-1])).reshape(its.shape)
        grey = opened.picture.mode in ("1", "L") or opened.numbers is not None
        return grey and "transparency" not in opened.picture.info

    def _smallest(self):
        """Return the width and height that is enough of a picture to be made smaller from."""
        height, width = self.image_size
        return DRAFT * width * self.parts, DRAFT * height

    def _head(self, i):
        """Return whether a picture is grey, as far as its head tells, its extent, and the bytes that decoding takes."""
        try:
            with Image.open(self.files[i], formats=formats()) as opened:
                deep = _is_deep(opened)
                grey = opened.mode in ("1", "L") or opened.mode.startswith(("I", "F"))
                grey &= "transparency" not in opened.info
                _shrink(opened, self._smallest())
                weight = BYTES * opened.width * opened.height
            return grey, _opened(self.files[i]).extent if deep else None, weight
        except Exception:  # it is named when it is read
            return True, None, 0


def _say_what_cannot_be_read(root, files, among, problems):
    """Name the files. Raises UserError if there are no others."""
    those = [i for i in among if i in problems] if problems else []
    for i in those:
        print(one_line(f"Skipping {files[i]}: {problems[i]}"), file=sys.stderr)
    if len(those) == len(among):
        raise UserError(f"None of the {len(among)} images in {root} can be read.")
    if those:
        print(f"Skipped {len(those)} of {len(among)} images that cannot be read.", file=sys.stderr)


def extents_of(files: Iterable[Path]) -> list[values.Extent]:
    """Return the extents of those of the files that have more than 8 bits; of others, the head alone is read."""
    found = prepared.in_order(_extent_of, files, lambda file: HEAD * file.stat().st_size)
    return [extent for extent in found if extent]


def decoded(file: str | Path, value_ranges: dict[str, list[float]] | None = None) -> Image.Image:
    """Return a file's picture, the first frame of several, the right way up, in mode L, RGB or RGBA.

    value_ranges: what becomes 0 to 255 where pixels have more than 8 bits; by default the picture's own
    Raises UserError, which does not name the file, for one that cannot be read.
    """
    return _plain(_opened(file), value_ranges or {})


def _plain(opened, value_ranges):
    picture = _of_8_bits(opened, value_ranges) if opened.extent else opened.picture
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


def fitted(images: np.ndarray, image_size: tuple[int, int] | None, channels: int | None) -> np.ndarray:
    """Return uint8 images[n, height, width, channel] at another size, with other channels; themselves, if they fit."""
    size, channels = image_size or images.shape[1:3], channels or images.shape[-1]
    if images.shape[1:] == (*size, channels):
        return images
    pictures = (with_channels(resized(to_pil(image), size), channels) for image in images)
    return np.stack([np.asarray(picture).reshape(*size, channels) for picture in pictures])


class _Opened(NamedTuple):
    """A file's picture, upright. Of one with more than 8 bits also their extent, and the values themselves if Pillow
    has them; `negative` says that 0 is white there."""

    picture: Image.Image
    extent: values.Extent | None = None
    numbers: np.ndarray | None = None
    negative: bool = False


def _opened(file, smallest=None):
    """Return a file's picture; of a JPEG, it may be smaller, by a half, a quarter or an eighth, but not than that."""
    try:
        with Image.open(file, formats=formats()) as opened:
            raw_mode, declared = _declared(opened)
            tags = dict(opened.tag_v2) if opened.format == "TIFF" else {}
            if smallest:
                _shrink(opened, smallest)
            opened.load()
            picture = ImageOps.exif_transpose(opened)
    except Image.UnidentifiedImageError:
        raise UserError("it is no picture that Pillow can read") from None
    except Exception as error:  # of a broken file, each of Pillow's readers raises what it stumbles over
        kind = NotReached if isinstance(error, OSError) and error.errno is not None else UserError
        raise kind(str(error).splitlines()[0] if str(error) else type(error).__name__) from None
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


def _is_deep(opened):
    """Return whether a file that is not loaded yet may have more than 8 bits."""
    return opened.mode.startswith(("I", "F")) or ";16" in _declared(opened)[0]


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


def _shrink(opened, smallest):
    """Let a JPEG be decoded to a half, a quarter or an eighth of its sides, if no less than (width, height) is left.

    Its decoder takes the mean of pixels on the way, in a fraction of the time.
    """
    if isinstance(opened, JpegImageFile) and min(opened.size) >= 2 * min(smallest):
        turned = opened.getexif().get(ExifTags.Base.Orientation) in TURNED
        opened.draft(None, smallest[::-1] if turned else smallest)


def _extent_of(file):
    """Return the extent of a file's picture if it has more than 8 bits; None for one that cannot be read."""
    try:
        with Image.open(file, formats=formats()) as opened:
            deep = _is_deep(opened)
        return _opened(file).extent if deep else None
    except Exception:  # it is named when it is read
        return None
