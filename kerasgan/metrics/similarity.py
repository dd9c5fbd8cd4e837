"""How alike two images are, pixel by pixel: PSNR and SSIM."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def psnr(images: np.ndarray, references: np.ndarray, crop: int = 0) -> np.ndarray:
    """Return the peak signal-to-noise ratio of each image in decibel: 10 log10(255^2 / mean squared error).

    images, references: [n, height, width, channel] of one shape, uint8 or float from 0 to 255
    crop: pixels left out at each border; for enlarged images the field leaves out as many as the scale

    Equal images have an infinite ratio.
    """
    return tf.image.psnr(*_floats(images, references, crop), max_val=255).numpy()


def ssim(images: np.ndarray, references: np.ndarray, crop: int = 0) -> np.ndarray:
    """Return the structural similarity of each image, averaged over its channels: 1 for equal images, 0 for strangers.

    Gaussian windows of 11x11 pixels and deviation 1.5. For the arguments see `psnr`; what is left after the crop must
    have 11 pixels on each side. Wang, Bovik, Sheikh and Simoncelli 2004.
    """
    return tf.image.ssim(*_floats(images, references, crop), max_val=255).numpy()


def luma(images: np.ndarray) -> np.ndarray:
    """Return the brightness Y of RGB images[n, height, width, 3] from 0 to 255, as float32 [n, height, width, 1].

    ITU-R BT.601 in the range of video, 16 (black) to 235 (white), in which the literature on super-resolution measures
    PSNR and SSIM with a peak of 255. Nothing is rounded.
    """
    weights = np.array([65.481, 128.553, 24.966], np.float32) / 255
    return (16 + np.asarray(images, np.float32) @ weights)[..., None]


def _floats(images, references, crop):
    inner = slice(crop, -crop or None)
    return [tf.constant(np.asarray(side, np.float32)[:, inner, inner]) for side in (images, references)]
