"""What makes a source of a target: images without their colours, their pixels, a part of them, or with noise.

Each function maps uint8 images[n, height, width, channel] to uint8 images. Those that draw at random take one NumPy
generator for each image, so that what they draw depends on nothing but whose generator it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from kerasgan.errors import UserError
from kerasgan.images import to_pil

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue: ITU-R BT.601
GREY = 128  # what fills a hole


@dataclasses.dataclass(frozen=True)
class Degradation:
    """One task's way from targets to sources, with its options."""

    task: str
    options: dict[str, Any]

    def __post_init__(self):
        if self.task not in FUNCTIONS:
            raise UserError(f"There is no degradation {self.task}: choose from {', '.join(FUNCTIONS)}.")

    def __call__(self, images: np.ndarray, generator: Callable[[int], np.random.Generator]) -> np.ndarray:
        """Return the sources; `generator(i)` is that of image i, and is called only if something is drawn."""
        if self.task in RANDOM:
            return FUNCTIONS[self.task](images, [generator(i) for i in range(len(images))], **self.options)
        return FUNCTIONS[self.task](images, **self.options)

    def source_shape(self, image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """Return the shape of the source of an image. Raises UserError for an image that cannot have one."""
        height, width, channels = image_shape
        if self.task == "colouring" and channels == 1:
            raise UserError("colouring needs images with colours, and these have 1 channel: give other --data.")
        if self.task != "super_resolution":
            return image_shape
        scale = self.options["scale"]
        if min(height, width) <= scale:
            raise UserError(f"--scale {scale} leaves no more than a pixel of {height}x{width}: give a smaller one.")
        return (-(-height // scale), -(-width // scale), channels)


def grey(images: np.ndarray) -> np.ndarray:
    """Give all colours the luma; alpha stays."""
    result = images.copy()
    result[..., :3] = np.round(luma(images))[..., None]
    return result


def edges(images: np.ndarray) -> np.ndarray:
    """Draw how steep the luma is, dark on white: its gradient by Sobel's filters, black at a step from 0 to 255.

    Alpha stays.
    """
    y = np.pad(luma(images), ((0, 0), (1, 1), (1, 1)), "edge")
    down = y[:, 2:] - y[:, :-2]
    across = y[:, :, 2:] - y[:, :, :-2]
    down = (down[:, :, :-2] + 2 * down[:, :, 1:-1] + down[:, :, 2:]) / 4
    across = (across[:, :-2] + 2 * across[:, 1:-1] + across[:, 2:]) / 4
    drawing = np.round(255 - np.minimum(np.hypot(down, across), 255))
    result = images.copy()
    result[..., : 3 if images.shape[-1] > 1 else 1] = drawing[..., None]
    return result


def reduced(images: np.ndarray, scale: int) -> np.ndarray:
    """Make images `scale` times smaller, by antialiased bicubic interpolation (Keys 1981, a = -0.5).

    Sides that are no multiple of `scale` are first continued at the bottom and right by reflection, edge included.
    """
    _, height, width, channels = images.shape
    images = np.pad(images, ((0, 0), (0, -height % scale), (0, -width % scale), (0, 0)), "symmetric")
    size = (images.shape[2] // scale, images.shape[1] // scale)
    small = [np.asarray(to_pil(image).resize(size, Image.Resampling.BICUBIC)) for image in images]
    return np.stack(small).reshape(len(images), size[1], size[0], channels)


def with_hole(images: np.ndarray, generators: list[np.random.Generator]) -> np.ndarray:
    """Fill a rectangle of a quarter of the area with grey, anywhere, and up to twice as long as the image in shape."""
    _, height, width, _ = images.shape
    result = images.copy()
    for image, generator in zip(result, generators, strict=True):
        stretch = 2 ** generator.uniform(-0.5, 0.5)
        h, w = round(height / 2 * stretch), round(width / 2 / stretch)
        top, left = generator.integers(0, height - h + 1), generator.integers(0, width - w + 1)
        image[top : top + h, left : left + w] = GREY
    return result


def noisy(images: np.ndarray, generators: list[np.random.Generator], noise: float) -> np.ndarray:
    """Add Gaussian noise of deviation `noise`, of images in [-1, 1], and clip what leaves the range."""
    drawn = np.stack([g.standard_normal(images.shape[1:], np.float32) for g in generators])
    return np.clip(np.round(images + 127.5 * noise * drawn), 0, 255).astype(np.uint8)


def luma(images: np.ndarray) -> np.ndarray:
    """Return the brightness that an eye sees, float32 [n, height, width] from 0 to 255."""
    return images[..., 0].astype(np.float32) if images.shape[-1] == 1 else images[..., :3] @ LUMA


FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "colouring": grey,
    "edges": edges,
    "super_resolution": reduced,
    "completion": with_hole,
    "denoising": noisy,
}
RANDOM = ("completion", "denoising")  # drawn anew in each epoch
