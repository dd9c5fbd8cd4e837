"""Pictures in Jupyter: kerasgan.show(), and what data and trained models look like there."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from kerasgan import class_names, images
from kerasgan.data.batches import Batches
from kerasgan.errors import UserError
from kerasgan.pictures import Picture
from kerasgan.saved_model import LoadedModel

MOST = 100  # images that are shown of a stack
COLUMNS = 8
ROWS = 4
_SIDE = 600  # pixels that the longer side of a small picture is enlarged to, at most
_TOLERANCE = 1e-3  # of rounding, around [-1, 1]


def show(shown: Any, caption: str | None = None) -> Picture:
    """Return images as one picture, which Jupyter shows; small pixels are enlarged without smoothing.

    shown: uint8, or floats in [-1, 1]: one image[height, width, channel], images[n, height, width, channel] of which
        the first 100 are shown, or a grid[row, column, height, width, channel]; with 1, 3 or 4 channels. Or data from
        kerasgan.data, of which the first examples are shown; or what kerasgan.load() returns: samples of it
    caption: what it shows, to be written below it

    Raises UserError for what is no image, and for a model that makes no samples, or takes long to each.
    """
    if isinstance(shown, Batches):
        return examples(shown)
    if isinstance(shown, LoadedModel):
        if (picture := samples(shown)) is None:
            raise UserError(f"{shown!r} draws nothing unasked: show what one of these returns.")
        return picture
    try:
        array = np.asarray(shown)
    except ValueError:
        raise UserError("Images of several sizes make no grid: show each alone.") from None
    array = _uint8(array)
    if array.ndim not in (3, 4, 5) or array.shape[-1] not in (1, 3, 4) or not array.size:
        raise UserError(
            f"An array of shape {array.shape} cannot be shown: give height x width x 1, 3 or 4 channels, with n in "
            "front for several images, or rows x columns for a grid of them."
        )
    if array.ndim == 3:
        return _enlarged(array, caption)
    if array.ndim == 4:
        if len(array) > MOST:
            caption = " ".join(filter(None, [caption, f"The first {MOST} of {len(array):,} images."]))
        array = images.near_square(array[:MOST])
    return _enlarged(images.grid(array), caption)


def display(shown: Batches | LoadedModel) -> None:
    """Show data or a trained model in Jupyter: its picture if it has one, and its text otherwise."""
    from IPython.display import display

    picture = examples(shown) if isinstance(shown, Batches) else samples(shown)
    if picture is None:
        print(repr(shown))
    else:
        display(picture)


def _enlarged(pixels: np.ndarray, caption: str | None) -> Picture:
    picture = images.to_pil(pixels)
    factor = max(1, _SIDE // max(picture.size))
    return Picture(picture.resize([side * factor for side in picture.size], Image.Resampling.NEAREST), caption)


def _uint8(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8 or not array.size:
        return array
    if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
        raise UserError(f"Images are uint8, or floats in [-1, 1]; these are {array.dtype}.")
    low, high = float(array.min()), float(array.max())
    if not -1 - _TOLERANCE <= low <= high <= 1 + _TOLERANCE:
        raise UserError(f"Images are uint8, or floats in [-1, 1]; these are floats from {low:.3g} to {high:.3g}.")
    return images.to_uint8(array).numpy()


def examples(batches: Batches) -> Picture:
    """Return the first examples of the data: images in rows of eight, pairs in rows of four, domains in rows."""
    first = batches.first(COLUMNS * ROWS)
    name = batches.about.get("name", "the data")
    what = f"of {batches.examples:,} of {name}"
    if batches.takes == "pairs":
        n = len(first[1])
        sources = _resized(images.to_uint8(first[0]).numpy(), batches.image_shape[:2])
        pairs = np.stack([sources, images.to_uint8(first[1]).numpy()], axis=1).reshape(-1, *batches.image_shape)
        return show(images.in_rows(pairs, COLUMNS), f"The first {n} pairs {what}: each source left of its target.")
    if batches.takes == "domains":
        domains = [images.in_rows(images.to_uint8(domain[:COLUMNS]).numpy(), COLUMNS) for domain in first]
        return show(np.concatenate(domains), f"The first images {what}: one domain above the other.")
    if batches.takes == "images":
        return show(images.in_rows(images.to_uint8(first).numpy(), COLUMNS), f"The first {len(first)} images {what}.")
    names = dict(enumerate(batches.about.get("class_names", ())))
    labels = [str(names.get(label, label)) if label >= 0 else "?" for label in first[1].numpy().tolist()]
    rows = "; ".join(", ".join(labels[i : i + COLUMNS]) for i in range(0, len(labels), COLUMNS))
    unknown = " (? is unknown)" if "?" in labels else ""
    caption = f"The first {len(labels)} images {what}. Their labels, row by row{unknown}: {rows}."
    return show(images.in_rows(images.to_uint8(first[0]).numpy(), COLUMNS), caption)


def samples(model: LoadedModel) -> Picture | None:
    """Return samples of a model; None if it makes none, or so slowly that nobody would wait for it unasked."""
    variant, verbs, arguments = (model.about.get(part, {}) for part in ("variant", "verbs", "hyperparameters"))
    if "sample_labelled" in verbs:
        rows = min(len(class_names.all_of_model(model.about)), 10)
        its = class_names.asked(model.about, np.repeat(np.arange(rows), COLUMNS))
        made = model.sample_labelled(labels=its, seed=0)
        names = class_names.of_model(model.about)
        which = f"of {', '.join(names[:rows])}" if names else f"label from 0 to {rows - 1}"
        return show(images.in_rows(made, COLUMNS), f"Samples of {variant} (seed 0): a row for each {which}.")
    if "sample" not in verbs or "sampling_steps" in arguments:  # steps that a diffusion model takes to each image
        return None
    return show(images.in_rows(model.sample(n=COLUMNS * ROWS, seed=0), COLUMNS), f"Samples of {variant} (seed 0).")


def _resized(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Enlarge uint8 images to (height, width), without smoothing."""
    pictures = [images.to_pil(image).resize(size[::-1], Image.Resampling.NEAREST) for image in array]
    return np.stack([np.asarray(p) for p in pictures]).reshape(len(array), *size, array.shape[-1])
