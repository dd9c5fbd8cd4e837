"""Quality and variety apart: precision and recall, density and coverage, by nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from kerasgan.errors import UserError
from kerasgan.metrics.kernel import comparable

ROWS = 1000  # of a table of distances that are in memory at once


class Manifolds(NamedTuple):
    """How two sets of features overlap; see `manifolds`."""

    precision: float
    recall: float
    density: float
    coverage: float


def manifolds(real: np.ndarray, fake: np.ndarray, k: int = 5) -> Manifolds:
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
    balls, recalled, covered = [], [], np.zeros(len(real), bool)
    for _, distances in _squared_distances(fake, real):
        inside = distances <= radii_real
        balls.append(inside.sum(axis=1))
        covered |= inside.any(axis=0)
    for _, distances in _squared_distances(real, fake):
        recalled.append((distances <= radii_fake).any(axis=1))
    balls = np.concatenate(balls)
    return Manifolds(
        precision=float((balls > 0).mean()),
        recall=float(np.concatenate(recalled).mean()),
        density=float(balls.mean() / k),
        coverage=float(covered.mean()),
    )


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
