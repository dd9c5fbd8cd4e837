"""Pictures: the border between [-1, 1] inside the package and uint8 outside it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image


def to_uint8(x: tf.Tensor) -> tf.Tensor:
    """Round float images in [-1, 1] to uint8; values outside the range are clipped."""
    return tf.cast(tf.clip_by_value(tf.round((tf.cast(x, tf.float32) + 1) * 127.5), 0, 255), tf.uint8)


def from_uint8(x: tf.Tensor) -> tf.Tensor:
    """Scale uint8 images to float32 in [-1, 1]."""
    return tf.cast(x, tf.float32) / 127.5 - 1


def grid(images: np.ndarray, gap: int = 2) -> np.ndarray:
    """Lay uint8 images[row, column, height, width, channel] out as one picture, `gap` white pixels apart."""
    rows, columns, height, width, channels = images.shape
    picture = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 255, np.uint8)
    for row in range(rows):
        for column in range(columns):
            top, left = gap + row * (height + gap), gap + column * (width + gap)
            picture[top : top + height, left : left + width] = images[row, column]
    return picture


def near_square(images: np.ndarray) -> np.ndarray:
    """Arrange images[n, height, width, channel] in rows and columns; what is left of the last row stays white."""
    columns = int(np.ceil(np.sqrt(len(images))))
    rows = -(-len(images) // columns)
    table = np.full((rows * columns, *images.shape[1:]), 255, np.uint8)
    table[: len(images)] = images
    return table.reshape(rows, columns, *images.shape[1:])


def to_pil(picture: np.ndarray) -> Image.Image:
    """Return uint8 picture[height, width, 1 or 3 or 4] as a Pillow image."""
    return Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)


def write_png(path: str | os.PathLike, picture: np.ndarray) -> None:
    """Write uint8 picture[height, width, 1 or 3 or 4], whole or not at all."""
    part = Path(path).with_suffix(".part")
    to_pil(picture).save(part, format="PNG")
    os.replace(part, path)


def write_gif(path: str | os.PathLike, pictures: list[Path], seconds: float = 10.0) -> None:
    """Write picture files as one GIF of at most `seconds`, holding the last picture for two seconds more."""
    frames = [Image.open(p).convert("RGB").quantize(64, dither=Image.Dither.NONE) for p in pictures]
    each = max(40, min(500, int(1000 * seconds / len(frames))))
    part = Path(path).with_suffix(".part")
    durations = [each] * (len(frames) - 1) + [2000]
    frames[0].save(part, format="GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    os.replace(part, path)
