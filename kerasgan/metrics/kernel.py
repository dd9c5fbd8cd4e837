"""The kernel distance between two sets of features: unbiased at any number of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from kerasgan.errors import UserError

FEATURES = 1000  # of each set in a block


class Estimate(NamedTuple):
    """A value and its 95% confidence interval; low and high are nan where one cannot be had."""

    value: float
    low: float
    high: float


def kernel_distance(a: np.ndarray, b: np.ndarray, block: int = FEATURES) -> Estimate:
    """Return the squared maximum mean discrepancy between two sets of features, by unbiased estimates.

    The kernel is (x.y / dimension + 1)^3. The sets are cut into blocks that share no feature, so the estimates of the
    blocks are independent: their mean is the value, and Student's t gives its confidence interval. An unbiased
    estimate of a small distance may be negative.
    a, b: [n, dimension], in random order; what does not fill a block of both is left out
    block: features of each set in a block; sets of fewer are one block, without an interval

    Called KID where the features are those of Inception on ImageNet, and only there.
    Raises UserError for sets that cannot be compared. Binkowski et al. 2018, section 3; Gretton et al. 2012, lemma 6
    and (blocks) Zaremba, Gretton and Blaschko 2013.
    """
    a, b = comparable(a, b)
    size = min(block, len(a), len(b))
    starts = range(0, min(len(a), len(b)) - size + 1, size)
    estimates = [_unbiased(a[i : i + size], b[i : i + size]) for i in starts]
    value = float(np.mean(estimates))
    if len(estimates) == 1:
        return Estimate(value, float("nan"), float("nan"))
    error = np.std(estimates, ddof=1) / np.sqrt(len(estimates)) * stats.t.ppf(0.975, len(estimates) - 1)
    return Estimate(value, float(value - error), float(value + error))


def _unbiased(a, b):
    """E k(x, x') + E k(y, y') - 2 E k(x, y), no feature with itself."""

    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (kernel(a, a), kernel(b, b))]
    return sum(within) - 2 * kernel(a, b).mean()


def comparable(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two sets of features in float64. Raises UserError for sets that cannot be compared."""
    a, b = (np.asarray(features, np.float64) for features in (a, b))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise UserError(f"Two sets of features [n, dimension] are wanted; these are {a.shape} and {b.shape}.")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise UserError("Some features are not finite: there is no distance between such sets.")
    return a, b
