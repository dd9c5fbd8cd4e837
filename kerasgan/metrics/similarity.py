"""How alike images are: PSNR and SSIM of two, and the variety of many."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kerasgan.errors import UserError

WINDOW = 11  # pixels on each side of SSIM's windows
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # weights of the scales, from full size down


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


def diversity(images: np.ndarray, pairs: int = 1000, seed: int = 0) -> float:
    """Return 1 minus the mean multi-scale SSIM of random pairs of images: 0 where all are alike.

    images: [n, height, width, channel], uint8 or float from 0 to 255, n of at least 2
    pairs: how many pairs of two different ones are drawn, by `seed`

    Images that are too small for five scales have fewer, with the same weights scaled to sum up to 1. Sharp noise is
    various, too: compare with the value of real images. Wang, Simoncelli and Bovik 2003; Odena, Olah and Shlens 2017,
    section 4.2. Raises UserError for fewer than two images, or sides below 11 pixels.
    """
    n, *shape = np.shape(images)
    if n < 2 or min(shape[:2]) < WINDOW:
        raise UserError(
            f"Variety takes two images or more, with sides from {WINDOW} pixels; these are {n} of {shape[:2]}."
        )
    rng = np.random.default_rng(seed)
    first = rng.integers(0, n, pairs)
    second = (first + rng.integers(1, n, pairs)) % n
    scales = min(len(SCALES), int(np.log2(min(shape[:2]) / WINDOW)) + 1)
    weights = np.array(SCALES[:scales]) / sum(SCALES[:scales])
    blocks = np.array_split(np.arange(pairs), -(-pairs // 250))
    values = [
        tf.image.ssim_multiscale(*_floats(images[first[b]], images[second[b]], 0), max_val=255, power_factors=weights)
        for b in blocks
    ]
    return float(1 - np.concatenate(values).mean())


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
