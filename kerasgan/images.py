"""Pictures: the border between [-1, 1] inside the package and uint8 outside it."""

from __future__ import annotations

import os

import imageio_ffmpeg
import numpy as np
import tensorflow as tf
from PIL import Image

from kerasgan.paths import expanded


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


def in_rows(images: np.ndarray, columns: int) -> np.ndarray:
    """Arrange images[n, height, width, channel] in rows of at most `columns`; what is left of the last stays white."""
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    table = np.full((rows * columns, *images.shape[1:]), 255, np.uint8)
    table[: len(images)] = images
    return table.reshape(rows, columns, *images.shape[1:])


def near_square(images: np.ndarray) -> np.ndarray:
    """Arrange images[n, height, width, channel] in about as many rows as columns."""
    return in_rows(images, int(np.ceil(np.sqrt(len(images)))))


def to_pil(picture: np.ndarray) -> Image.Image:
    """Return uint8 picture[height, width, 1 or 3 or 4] as a Pillow image."""
    return Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)


def write_png(path: str | os.PathLike, picture: np.ndarray) -> None:
    """Write uint8 picture[height, width, 1 or 3 or 4], whole or not at all."""
    path = expanded(path)
    part = path.with_suffix(".part")
    to_pil(picture).save(part, format="PNG")
    os.replace(part, path)


def tiles(pictures: np.ndarray, side: int) -> np.ndarray:
    """Cut pictures[n, height, width, channel], whose sides are multiples of `side`, into squares, row by row."""
    n, height, width, channels = pictures.shape
    cut = pictures.reshape(n, height // side, side, width // side, side, channels).swapaxes(2, 3)
    return cut.reshape(-1, side, side, channels)


def write_gif(path: str | os.PathLike, pictures: list[np.ndarray], seconds: float = 10.0, hold: float = 2.0) -> None:
    """Write uint8 pictures as one GIF of about `seconds`, holding the last one for `hold` seconds more."""
    frames = [to_pil(picture).convert("RGB") for picture in pictures]
    colours = _palette(frames)
    frames = [frame.quantize(palette=colours, dither=Image.Dither.NONE) for frame in frames]
    each = _milliseconds(frames, seconds)
    path = expanded(path)
    part = path.with_suffix(".part")
    durations = [each] * (len(frames) - 1) + [each + int(1000 * hold)]
    frames[0].save(part, format="GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    os.replace(part, path)


def write_mp4(path: str | os.PathLike, pictures: list[np.ndarray], seconds: float = 10.0) -> None:
    """Write pictures as an H.264 film of about `seconds`.

    pictures: uint8 [height, width, 1 or 3 or 4], all of one size; an odd height or width gets one more row or column
        like its last, because players want colours at half of the resolution (yuv420p)
    """
    frames = [np.asarray(to_pil(picture).convert("RGB")) for picture in pictures]
    height, width = frames[0].shape[:2]
    frames = [np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge") for frame in frames]
    path = expanded(path)
    part = path.with_suffix(".part")
    film = imageio_ffmpeg.write_frames(
        str(part.absolute()),  # ffmpeg takes -x for an option, and a: for a protocol
        frames[0].shape[1::-1],
        fps=1000 / _milliseconds(frames, seconds),
        macro_block_size=2,
        # The format, which the name of the part does not say; and a third of the time for the same size.
        output_params=["-f", "mp4", "-preset", "veryfast"],
    )
    film.send(None)  # starts ffmpeg
    for frame in frames:
        film.send(np.ascontiguousarray(frame))
    film.close()
    os.replace(part, path)


def _palette(frames: list[Image.Image], pixels: int = 200_000) -> Image.Image:
    """Return 256 colours for all frames, from a sample of their pixels: colours for each frame would take seconds."""
    every = max(1, sum(frame.width * frame.height for frame in frames) // pixels)
    sample = np.concatenate([np.asarray(frame).reshape(-1, 3)[::every] for frame in frames])
    return Image.fromarray(sample[None]).quantize(256, dither=Image.Dither.NONE)


def _milliseconds(frames: list, seconds: float) -> int:
    """Return how long each frame is shown: neither faster than players show them, nor slower than a film moves."""
    return max(40, min(500, int(1000 * seconds / len(frames))))
