"""Where images come from: embedded digits, tensorflow-datasets, folders, and .npz files."""

from __future__ import annotations

import dataclasses
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kerasgan.data.files import ImageFiles, image_files, resized, with_channels
from kerasgan.errors import UserError, nearest


@dataclasses.dataclass
class Source:
    """uint8 `images`[n, height, width, channel], in memory or in files, and int32 `labels` of them, or None."""

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


def npz(
    path: str | os.PathLike,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    array: str = "images",
) -> Source:
    """Return the uint8 images[n, height, width(, channel)] named `array` in an .npz file, and its `labels` if any."""
    path = Path(path).expanduser()
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise UserError(f"There is no file {path}.") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as an .npz file: {error}.") from None
    if array not in arrays:
        found = ", ".join(arrays) or "nothing"
        raise UserError(f"{path} holds {found}; it needs an array named {array}: uint8, n x height x width x channels.")
    images = arrays[array]
    if (
        images.dtype != np.uint8
        or images.ndim not in (3, 4)
        or (images.ndim == 4 and images.shape[-1] not in (1, 3, 4))
    ):
        raise UserError(
            f"{array} in {path} is {images.dtype} of shape {images.shape}; it needs to be uint8, "
            "n x height x width, or n x height x width x 1, 3 or 4 channels."
        )
    images = images[..., None] if images.ndim == 3 else images
    labels = arrays.get("labels")
    if labels is not None and (labels.shape != images.shape[:1] or labels.dtype.kind not in "iu"):
        raise UserError(f"labels in {path} are {labels.dtype} of shape {labels.shape}; there are {len(images)} images.")
    labels = None if labels is None else labels.astype(np.int32)
    classes = None if labels is None else int(labels.max()) + 1
    return Source(_fitted(images, image_size, channels), labels, classes, {"name": str(path), "examples": len(images)})


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
    images, labels = _read(
        builder.as_dataset(split=split, shuffle_files=False), images_key, labels_key, image_size, channels
    )
    classes = features[labels_key].num_classes if labels_key else None
    about = {"name": name, "split": split, "version": str(builder.version), "examples": len(images)}
    if labels_key and features[labels_key].names != [str(n) for n in range(classes)]:
        about["class_names"] = features[labels_key].names
    return Source(images, labels, classes, about)


def folder(
    path: str | os.PathLike,
    image_size: tuple[int, int] = (64, 64),
    channels: int | None = None,
    split: str = "train",
) -> Source:
    """Return the images below a folder, at any depth; sub-folders that hold them are their labels.

    A folder of `train` beside `test` or `val` folders stands for the one that `split` names; without these, all of it
    is the train split.
    """
    root = _part(_existing(path), split)
    files, channels = image_files(root, channels)
    names = sorted({file.relative_to(root).parts[0] for file in files if file.parent != root})
    labelled = bool(names) and all(file.parent != root for file in files)
    labels = np.array([names.index(f.relative_to(root).parts[0]) for f in files], np.int32) if labelled else None
    about = {"name": str(path), "examples": len(files), **_about_split(split)}
    if labelled:
        about["class_names"] = names
    return Source(ImageFiles(files, image_size, channels).cached(), labels, len(names) if labelled else None, about)


def two_domains(
    path: str | os.PathLike,
    image_size: tuple[int, int],
    channels: int | None = None,
    split: str = "train",
) -> list[Source]:
    """Return the domains in folders trainA and trainB below `path`, or in its only two folders, in order of name.

    Of another split they are in folders such as testA and testB, or the only two folders in one named test.
    """
    layout = (
        f"it needs folders {split}A and {split}B, or exactly two folders of images, or pictures of two --halves, "
        "or labels and --domain-labels"
    )
    root = _existing(path, f"two domains are wanted; {layout}")
    pair = [root / f"{split}A", root / f"{split}B"]
    if not all(f.is_dir() for f in pair):
        root = _part(root, split)
        pair = _folders(root)
    if len(pair) != 2 or {f.name for f in pair} <= _SPLITS:
        raise UserError(f"{root} holds {_listed(root)}: {layout}.")
    kinds = [image_files(f, channels) for f in pair]
    channels = max(c for _, c in kinds)
    about = {"name": str(path), "domains": [f.name for f in pair], "examples": [len(files) for files, _ in kinds]}
    about |= _about_split(split)
    return [Source(ImageFiles(files, image_size, channels).cached(), None, None, about) for files, _ in kinds]


def side_by_side(
    path: str | os.PathLike,
    image_size: tuple[int, int],
    channels: int | None = None,
    split: str = "train",
) -> list[Source]:
    """Return the left halves of the pictures below a folder, and the right halves."""
    files, channels = image_files(_part(_existing(path), split), channels)
    about = {"name": str(path), "examples": len(files), "halves": ["left", "right"], **_about_split(split)}
    return [
        Source(ImageFiles(files, image_size, channels, half).cached(), None, None, about) for half in ("left", "right")
    ]


_SPLITS = {"train", "test", "val", "valid", "validation"}


def _part(root: Path, split: str) -> Path:
    """Return the folder that holds a split. Raises UserError if there is none."""
    names = {f.name for f in _folders(root)}
    if split in names and (names <= _SPLITS or {"train", "test"} <= names):
        return root / split
    if split != "train":
        raise UserError(f"{root} has no {split} split, a folder {split} beside train: it holds {_listed(root)}.")
    return root


def _about_split(split):
    return {} if split == "train" else {"split": split}


def _folders(root):
    return sorted(f for f in root.iterdir() if f.is_dir())


def _listed(root):
    return ", ".join(f.name for f in _folders(root)) or "no folders"


def _existing(path, wanted="give a folder of images, an .npz file, `digits`, or the name of a tensorflow-datasets set"):
    root = Path(path).expanduser()
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


def _read(dataset, images_key, labels_key, image_size, channels):
    """Return all images of a dataset as one array, at the size of the first unless `image_size` is given."""
    if dataset.element_spec[images_key].dtype != "uint8":
        raise UserError(f"The images are {dataset.element_spec[images_key].dtype}; only uint8 can be trained on.")
    if dataset.element_spec[images_key].shape.is_fully_defined():
        dataset = dataset.batch(1024)  # a hundred times fewer calls
    else:
        dataset = dataset.batch(1)
    images, labels = [], []
    for examples in dataset.as_numpy_iterator():
        size = image_size or (images[0].shape[1:3] if images else None)
        images.append(_fitted(examples[images_key], size, channels))
        labels.append(examples[labels_key] if labels_key else None)
    return np.concatenate(images), np.concatenate(labels).astype(np.int32) if labels_key else None


def _fitted(images, image_size, channels):
    """Return images at the wanted size and channels: as they are, where they fit already."""
    size, channels = image_size or images.shape[1:3], channels or images.shape[-1]
    if images.shape[1:] == (*size, channels):
        return images
    pictures = (Image.fromarray(i[..., 0] if i.shape[-1] == 1 else i) for i in images)
    return np.stack([np.asarray(with_channels(resized(p, size), channels)).reshape(*size, channels) for p in pictures])
