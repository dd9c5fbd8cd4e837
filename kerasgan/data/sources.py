"""Where images come from: embedded digits, tensorflow-datasets, folders, and .npz files."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kerasgan import class_names
from kerasgan.data.examples import examples
from kerasgan.data.files import Pictures, fitted, read_folders, resized, with_channels
from kerasgan.errors import UserError, nearest, one_line
from kerasgan.image_folders import folders_in, is_left_behind, suffixes
from kerasgan.paths import expanded

LISTED = 5  # of what is beside splits and domains
NPY, ZIP = b"\x93NUMPY", b"PK\3\4"  # how a file of one array begins, and one of several


@dataclasses.dataclass
class Source:
    """uint8 `images`[n, height, width, channel], in memory or prepared files, and int32 `labels` of them, or None."""

    images: Any
    labels: np.ndarray | None
    classes: int | None
    about: dict[str, Any]


def digits(image_size: tuple[int, int] = (32, 32), channels: int = 1) -> Source:
    """Return the 1,797 handwritten digits that come with scikit-learn: scans of 8x8 pixels, framed and enlarged.

    Alpaydin and Kaynak 1998, Optical recognition of handwritten digits.
    """
    from sklearn.datasets import load_digits

    scans = load_digits()
    small = np.round(scans.images * (255 / 16)).astype(np.uint8)
    small = np.pad(small, ((0, 0), (1, 1), (1, 1)))  # the scans are cut to the stroke
    pictures = [np.asarray(with_channels(resized(Image.fromarray(s), image_size), channels)) for s in small]
    images = np.stack(pictures).reshape(len(pictures), *image_size, channels)
    return Source(images, scans.target.astype(np.int32), 10, {"name": "digits", "examples": len(images)})


def is_npz(name: str) -> bool:
    """Return whether what is called so is an .npz file, and no folder, data set or other file."""
    return name.lower().endswith(".npz") and not os.path.isdir(name)


def npz(
    path: str | os.PathLike,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    array: str = "images",
) -> Source:
    """Return the uint8 images[n, height, width(, channel)] named `array` in an .npz file, and `labels` of `images`.

    Labels are whole numbers or texts, and -1 where they are unknown. Unless they are 0, 1, 2 and so on without a gap,
    each is the name of a class, and the classes are in order of value.
    Raises UserError, in one line, for a file that is none, and for other arrays.
    """
    path = expanded(path)
    arrays = _arrays(path, [array, "labels"] if array == "images" else [array])
    images, labels = _images(arrays[array], f"{array} in {path}"), arrays.get("labels")
    about = {"name": str(path), "examples": len(images)}
    classes = None
    if labels is not None:
        labels, names = _numbered(labels, len(images), f"labels in {path}")
        classes = len(names) or None
        if not names:  # of no image is it known
            labels = None
        elif names != [str(i) for i in range(len(names))]:
            about["class_names"] = names
    return Source(fitted(images, image_size, channels), labels, classes, about)


def tensorflow_dataset(
    name: str,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    data_dir: str | os.PathLike | None = None,
    split: str = "train",
) -> Source:
    """Return a data set of tensorflow-datasets, downloaded when it is first used."""
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir, try_gcs=False)
    except (tfds.core.registered.DatasetNotFoundError, ValueError, ModuleNotFoundError):
        known = ["digits", *tfds.list_builders(with_community_datasets=False)]
        raise UserError(f"There is no data set {name}{nearest(name, known)}, and no folder or .npz file.") from None
    if not builder.info.splits:
        _download(builder, name)
    features = builder.info.features
    images_key = next((k for k, f in features.items() if isinstance(f, tfds.features.Image)), None)
    labels_key = next((k for k, f in features.items() if isinstance(f, tfds.features.ClassLabel)), None)
    if images_key is None:
        raise UserError(f"{name} has {', '.join(features)}; no images.")
    if split not in builder.info.splits:
        raise UserError(f"{name} has no {split} split: it has {', '.join(builder.info.splits)}.")
    images, labels = examples(builder, split, images_key, labels_key, image_size, channels)
    classes = features[labels_key].num_classes if labels_key else None
    about = {"name": name, "split": split, "version": str(builder.version), "examples": len(images)}
    if classes and features[labels_key].names != [str(n) for n in range(classes)]:
        about["class_names"] = features[labels_key].names
    return Source(images, labels, classes, about)


def folder(
    path: str | os.PathLike,
    image_size: tuple[int, int] = (64, 64),
    channels: int | None = None,
    split: str = "train",
    value_ranges: dict[str, list[float]] | None = None,
) -> Source:
    """Return the images below a folder, at any depth; sub-folders that hold them are their labels.

    Classes are in the order of `class_names.in_order`; images beside their folders have the label -1. A folder of
    `train` beside `test` or `val` folders stands for the one that `split` names; without these, all of it is the train
    split. A folder that holds nothing but one folder of folders stands for that one, as archives often unpack.

    value_ranges: what becomes 0 to 255 where pixels have more than 8 bits, as `about` says of other images; by
        default what holds the values of all pictures here (see `kerasgan.data.values`)
    """
    root, found, value_ranges = _found(path, image_size, channels, split, value_ranges)
    begins = len(os.path.join(root, "")) if root != Path() else 0
    ends = (file.find(os.sep, begins) for file in found.files)
    of_files = [None if end < 0 else file[begins:end] for file, end in zip(found.files, ends)]
    names = class_names.in_order({name for name in of_files if name is not None})
    numbers: dict[str | None, int] = {name: i for i, name in enumerate(names)}
    labels = np.array([numbers.get(name, -1) for name in of_files], np.int32) if names else None
    about = {"name": str(path), "examples": len(found.files), **_about(split, value_ranges)}
    if names:
        about["class_names"] = names
    return Source(found.columns[0], labels, len(names) or None, about)


def pictures(
    path: str | os.PathLike,
    image_size: tuple[int, int] = (64, 64),
    channels: int | None = None,
    split: str = "train",
    value_ranges: dict[str, list[float]] | None = None,
) -> list[Path]:
    """Return the files that `folder` reads, in the order of its images. Raises UserError if it is no folder."""
    if not expanded(path).is_dir():
        raise UserError(f"{path} is no folder, so its images have no files with names.")
    _, found, _ = _found(path, image_size, channels, split, value_ranges)
    return [Path(file) for file in found.files]


def _found(path, image_size, channels, split, value_ranges) -> tuple[Path, Pictures, dict[str, list[float]]]:
    """Return the folder below `path` that holds the images of a split, these, and what becomes 0 to 255 of them."""
    around = _unwrapped(_existing(path))
    root = around if (part := _part(around, split)) == around else _unwrapped(part)
    (found,), value_ranges = read_folders(str(path), [root], image_size, channels, value_ranges=value_ranges)
    return root, found, value_ranges


def two_domains(
    path: str | os.PathLike,
    image_size: tuple[int, int],
    channels: int | None = None,
    split: str = "train",
    value_ranges: dict[str, list[float]] | None = None,
) -> list[Source]:
    """Return the domains in folders trainA and trainB below `path`, or in its only two folders, in order of name.

    Of another split they are in folders such as testA and testB, or the only two folders in one named test. For
    `value_ranges` see `folder`; both domains have the same.
    """
    layout = (
        f"it needs folders {split}A and {split}B, or exactly two folders of images, or pictures of two --halves, "
        "or labels and --domain-labels"
    )
    root = _unwrapped(_existing(path, f"two domains are wanted; {layout}"))
    pair = [root / f"{split}A", root / f"{split}B"]
    if not all(f.is_dir() for f in pair):
        root = _part(root, split)
        pair = folders_in(root)
    if len(pair) != 2 or {f.name for f in pair} <= _SPLITS:
        raise UserError(f"{root} holds {_listed(root)}: {layout}.")
    _say_what_is_beside(root, [f"{s}{side}" for s in _SPLITS for side in "AB"] + [f.name for f in pair])
    found, value_ranges = read_folders(str(path), pair, image_size, channels, value_ranges=value_ranges)
    about = {"name": str(path), "domains": [f.name for f in pair], "examples": [len(one.files) for one in found]}
    about |= _about(split, value_ranges)
    return [Source(one.columns[0], None, None, about) for one in found]


def side_by_side(
    path: str | os.PathLike,
    image_size: tuple[int, int],
    channels: int | None = None,
    split: str = "train",
    value_ranges: dict[str, list[float]] | None = None,
) -> list[Source]:
    """Return the left halves of the pictures below a folder, and the right halves. For `value_ranges` see `folder`."""
    root = _part(_unwrapped(_existing(path)), split)
    (found,), value_ranges = read_folders(
        str(path), [root], image_size, channels, halves=True, value_ranges=value_ranges
    )
    about = {
        "name": str(path),
        "examples": len(found.files),
        "halves": ["left", "right"],
        **_about(split, value_ranges),
    }
    return [Source(half, None, None, about) for half in found.columns]


_SPLITS = {"train", "test", "val", "valid", "validation"}


def _arrays(path, names):
    """Return those of the arrays in an .npz file that are there, of which the first one has to be."""
    if not path.exists():
        raise UserError(f"There is no file {path}.")
    try:
        with path.open("rb") as file:
            start = file.read(len(NPY))
        if not zipfile.is_zipfile(path):
            beginnings = {ZIP: "cut off", NPY: "a single .npy array"}
            what = next((its for begins, its in beginnings.items() if start.startswith(begins)), "something else")
            what = what if start else "empty"
            raise UserError(
                f"{path} cannot be read as an .npz file: it is {what}. np.savez('x.npz', {names[0]}=array) writes one."
            )
        with np.load(path) as file:
            if names[0] not in file.files:
                found = ", ".join(file.files) or "nothing"
                wanted = f"an array named {names[0]}: uint8, n x height x width x channels"
                raise UserError(f"{path} holds {found}; it needs {wanted}.")
            return {name: _array(file, name, path) for name in names if name in file.files}
    except UserError:
        raise
    except Exception as error:  # numpy, zipfile and zlib raise what they stumble over in a broken file
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).partition("\n")[0]
        raise UserError(f"{path} cannot be read as an .npz file: {reason.rstrip('.')}.") from None


def _array(file, name, path):
    try:
        return np.asarray(file[name])
    except ValueError as error:
        if "pickle" not in str(error):
            raise
        raise UserError(
            f"{name} in {path} holds Python objects, which may be programs: save {name} as an array of numbers, or of "
            "texts for labels, such as np.array(labels, str)."
        ) from None


def _images(images, what):
    """Return images[n, height, width, channel]. Raises UserError for an array that holds none."""
    wanted = "n x height x width, or n x height x width x 1, 3 or 4 channels"
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[-1] not in (1, 3, 4)):
        raise UserError(f"{what} is {images.dtype} of shape {images.shape}; it needs to be uint8, {wanted}.")
    if not images.size:
        raise UserError(f"{what} has shape {images.shape}, and no pixels: it needs to be {wanted}.")
    if images.dtype != np.uint8:
        found = f", from {images.min():.6g} to {images.max():.6g}" if images.dtype.kind in "iuf" else ""
        raise UserError(
            f"{what} is {images.dtype} of shape {images.shape}{found}; it needs to be uint8, from 0 to 255: scale it "
            "as the values mean, and round it, such as np.round(255 * x).astype(np.uint8) from 0 to 1."
        )
    return images[..., None] if images.ndim == 3 else images


def _numbered(labels, n, what):
    """Return int32 numbers of n labels, -1 where they are unknown, and the name of each class in order of number."""
    if labels.shape != (n,):
        raise UserError(
            f"{what} have shape {labels.shape}, and there are {n} images: they need a number or a text each, such as "
            "labels.argmax(axis=1) of labels of a column each."
        )
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "surrogateescape")
    if labels.dtype.kind == "f" and np.isfinite(labels).all() and (labels == np.round(labels)).all():
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "biuU":
        raise UserError(f"{what} are {labels.dtype}, such as {labels[0]}; they need to be whole numbers or texts.")
    if labels.dtype.kind == "b" or (labels.dtype.kind == "U" and all(map(_is_number, np.unique(labels).tolist()))):
        labels = labels.astype(np.int64)
    known = np.ones(n, bool) if labels.dtype.kind == "U" else labels != -1
    its, numbers = np.unique(labels[known], return_inverse=True)
    if labels.dtype.kind != "U" and len(its) and its[0] < 0:
        raise UserError(f"{what} hold {its[0]}; they need to be 0 or more, or -1 where they are unknown.")
    result = np.full(n, -1, np.int32)
    result[known] = numbers
    return result, [str(value) for value in its.tolist()]


def _is_number(text):
    return re.fullmatch("-1|0|[1-9][0-9]{0,17}", text) is not None


def _unwrapped(root: Path) -> Path:
    """Return the folder that holds what is in `root`: where that is one folder of folders and no pictures, this one."""
    while True:
        folders = folders_in(root)
        if len(folders) != 1 or folders[0].name in _SPLITS or _holds_pictures(root) or _holds_pictures(folders[0]):
            return root
        if not folders_in(folders[0]) or root.resolve().is_relative_to(folders[0].resolve()):  # a link back
            return root
        root = folders[0]


def _holds_pictures(root):
    return any(
        path.suffix.lower() in suffixes() and not is_left_behind(path.name) for path in root.iterdir() if path.is_file()
    )


def holds_split(root: Path, split: str) -> bool:
    """Return whether a folder of images holds a split, or two domains of it, in folders of their own."""
    names = {f.name for f in folders_in(_unwrapped(root))}
    return _is_split(split, names) or f"{split}A" in names


def _is_split(split, names):
    return split in names and (names <= _SPLITS or {"train", "test"} <= names)


def _part(root: Path, split: str) -> Path:
    """Return the folder that holds a split. Raises UserError if there is none."""
    if _is_split(split, {f.name for f in folders_in(root)}):
        _say_what_is_beside(root, _SPLITS)
        return root / split
    if split != "train":
        raise UserError(f"{root} has no {split} split, a folder {split} beside train: it holds {_listed(root)}.")
    return root


def _about(split, value_ranges):
    return {
        **({} if split == "train" else {"split": split}),
        **({"value_ranges": value_ranges} if value_ranges else {}),
    }


def _say_what_is_beside(root, known):
    """Say which folders and pictures are not looked at, because others beside them are splits or domains."""
    others = sorted(
        path.name
        for path in root.iterdir()
        if path.name not in known
        and not is_left_behind(path.name)
        and (path.is_dir() or path.suffix.lower() in suffixes())
    )
    if others:
        more = f" and {len(others) - LISTED} more" if len(others) > LISTED else ""
        print(one_line(f"Passed over in {root}: {', '.join(others[:LISTED])}{more}."), file=sys.stderr)


def _listed(root):
    return ", ".join(f.name for f in folders_in(root)) or "no folders"


def _existing(path, wanted="give a folder of images, an .npz file, `digits`, or the name of a tensorflow-datasets set"):
    root = expanded(path)
    if not root.is_dir():
        raise UserError(f"There is no folder {root}: {wanted}.")
    return root


def _download(builder, name):
    """Fetch a data set, or say at once that there is no way to: tensorflow-datasets tries for minutes in silence."""
    try:
        urllib.request.urlopen("https://storage.googleapis.com", timeout=5).close()
    except urllib.error.HTTPError:
        pass  # an answer, whatever it is, is a network
    except OSError as error:
        raise UserError(
            f"{name} is not in {builder.data_dir} and there is no network to download it from ({error}): "
            "use --data digits, give the folder that holds it as --data-dir, or train on a folder of images."
        ) from None
    print(f"Downloading {name} to {builder.data_dir}", flush=True)
    builder.download_and_prepare()
