"""The kernel distance against a case worked out by hand, and another library."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import polynomial_kernel

from kerasgan import metrics


def features(n, dimension, seed=0, shift=0.0, scale=1.0):
    return np.random.default_rng(seed).normal(shift, scale, (n, dimension))


def test_kernel_distance_worked_out_by_hand():
    """Kernel (xy + 1)^3 of numbers: within a 8 = (1*1 + 1)^3, within b 1 = (0*2 + 1)^3, between (1, 27, 1, 27) / 4."""
    a, b = np.array([[1.0], [1.0]]), np.array([[0.0], [2.0]])
    found = metrics.kernel_distance(a, b)
    assert found.value == pytest.approx(8 + 1 - 2 * 14)
    assert np.isnan([found.low, found.high]).all()


def test_kernel_distance_is_that_of_scikit_learns_kernel():
    a, b = features(60, 7, 0), features(60, 7, 1, shift=0.3)

    def unbiased(x, y):
        k_xx, k_yy, k_xy = (
            polynomial_kernel(p, q, degree=3, gamma=1 / 7, coef0=1) for p, q in ((x, x), (y, y), (x, y))
        )
        off = ~np.eye(len(x), dtype=bool)
        return k_xx[off].mean() + k_yy[off].mean() - 2 * k_xy.mean()

    expected = [unbiased(a[i : i + 20], b[i : i + 20]) for i in (0, 20, 40)]
    found = metrics.kernel_distance(a, b, block=20)
    assert found.value == pytest.approx(np.mean(expected))
    half = 4.302653 * np.std(expected, ddof=1) / np.sqrt(3)  # Student's t, 97.5%, 2 degrees of freedom
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half))


def test_kernel_distance_is_unbiased_and_its_interval_holds_the_truth_mostly():
    found = [metrics.kernel_distance(features(200, 3, 2 * i), features(200, 3, 2 * i + 1), 20) for i in range(200)]
    values = np.array([one.value for one in found])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(200)
    assert (values < 0).any()
    assert np.mean([one.low <= 0 <= one.high for one in found]) == pytest.approx(0.95, abs=0.05)
