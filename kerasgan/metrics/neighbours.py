"""Nearest neighbours: quality and variety apart (precision, recall, density, coverage), and images learnt by heart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from sklearn.neighbors import NearestNeighbors

from kerasgan.errors import UserError
from kerasgan.metrics.kernel import comparable

NEIGHBOURS = 5  # k of the papers' experiments with coverage; each has to be another feature than the one it is near to
ROWS = 1000  # of a table of distances that are in memory at once
BLOCK = 5000  # images that are in memory at once as numbers


class Manifolds(NamedTuple):
    """How two sets of features overlap; see `manifolds`."""

    precision: float
    recall: float
    density: float
    coverage: float


def manifolds(real: np.ndarray, fake: np.ndarray, k: int = NEIGHBOURS) -> Manifolds:
    """Return how much of the fake lies among the real, and how much of the real among the fake.

    Each feature has a ball that reaches to its k-th nearest neighbour in its own set; its border belongs to it.
    precision: share of fake in the ball of any real; recall: share of real in the ball of any fake
    density: mean number of balls of real that a fake is in, over k; coverage: share of balls of real with a fake in it
    real, fake: [n, dimension], more than k of each. Precision and recall fall as n grows: compare equal n.

    Raises UserError for sets that cannot be compared. Kynkäänniemi et al. 2019, equation 1; Naeem et al. 2020,
    section 3.
    """
    real, fake = comparable(real, fake)
    if min(len(real), len(fake)) <= k:
        raise UserError(f"The {k}-th neighbour takes {k + 1} features or more; here are {len(real)} and {len(fake)}.")
    radii_real, radii_fake = _radii(real, k), _radii(fake, k)
    counts, recalled, covered = [], np.zeros(len(real), bool), np.zeros(len(real), bool)
    for rows, distances in _squared_distances(fake, real):
        inside = distances <= radii_real
        counts.append(inside.sum(axis=1))
        covered |= inside.any(axis=0)
        recalled |= (distances <= radii_fake[rows, None]).any(axis=0)
    balls = np.concatenate(counts)
    return Manifolds(
        precision=float((balls > 0).mean()),
        recall=float(recalled.mean()),
        density=float(balls.mean() / k),
        coverage=float(covered.mean()),
    )


class Neighbours(NamedTuple):
    """The images that are nearest to others; see `nearest_images`."""

    indices: np.ndarray  # int64 [n, k]
    distances: np.ndarray  # float64 [n, k]: root of the mean squared difference of pixels in [0, 1]


def nearest_images(images: np.ndarray, among: np.ndarray, k: int = 1) -> Neighbours:
    """Return which k images of a set are nearest to each image, by pixels, the nearest first.

    images, among: uint8 [n, height, width, channel] of one shape; `among`, at least k, may be any array-like that an
        integer array indexes: it is read in blocks

    To set beside samples, so that images learnt by heart are seen (Theis, van den Oord and Bethge 2016, section 4.1,
    on how little else pixels tell: a shift by a pixel is enough to hide one). Raises UserError for other shapes, or
    fewer than k.
    """
    if images.shape[1:] != tuple(among.shape[1:]) or len(among) < k:
        raise UserError(
            f"Among images of {tuple(among.shape)}, there are no {k} nearest to images of {images.shape[1:]}."
        )
    queries = images.reshape(len(images), -1).astype(np.float32)
    indices, distances = np.empty((len(images), 0), np.int64), np.empty((len(images), 0))
    for start in range(0, len(among), BLOCK):
        block = among[np.arange(start, min(start + BLOCK, len(among)))].reshape(-1, queries.shape[1])
        model = NearestNeighbors(n_neighbors=min(k, len(block)), algorithm="brute").fit(block.astype(np.float32))
        found, which = model.kneighbors(queries)
        distances = np.concatenate([distances, found], axis=1)
        indices = np.concatenate([indices, start + which], axis=1)
        order = np.argsort(distances, axis=1, kind="stable")[:, :k]
        distances = np.take_along_axis(distances, order, axis=1)
        indices = np.take_along_axis(indices, order, axis=1)
    return Neighbours(indices, distances / (255 * np.sqrt(queries.shape[1])))


def _radii(features, k):
    """Return the squared distance of each to its k-th nearest neighbour, not counting itself."""
    radii = []
    for rows, distances in _squared_distances(features, features):
        distances[np.arange(len(distances)), rows] = np.inf
        radii.append(np.partition(distances, k - 1, axis=1)[:, k - 1])
    return np.concatenate(radii)


def _squared_distances(a, b) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield indices of rows of a, and their squared distances to all of b."""
    squares_a, squares_b = (a**2).sum(axis=1), (b**2).sum(axis=1)
    for start in range(0, len(a), ROWS):
        rows = np.arange(start, min(start + ROWS, len(a)))
        yield rows, np.maximum(squares_a[rows, None] + squares_b - 2 * (a[rows] @ b.T), 0)
