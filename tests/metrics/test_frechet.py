"""The Frechet distance against closed forms and scipy."""

import numpy as np
import pytest
import scipy.linalg

from kerasgan.errors import UserError
from kerasgan.metrics.frechet import Gaussian, frechet_distance


def standardised(n, dimension, seed=0):
    """Features whose mean is exactly 0 and whose covariance is exactly I."""
    x = np.random.default_rng(seed).normal(size=(n, dimension))
    x -= x.mean(axis=0)
    return x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T


def test_equal_sets_are_at_distance_zero():
    x = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    few = x[:3]  # fewer features than dimensions: covariances without an inverse
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-6)


def test_gaussians_that_share_their_axes_have_a_closed_form():
    x, scales, shift = standardised(60, 3), np.array([1.0, 2.0, 0.5]), np.array([3.0, 0.0, -1.0])
    # sum of (difference of means)^2 + (difference of deviations)^2, axis by axis
    expected = np.sum(shift**2 + (scales - 1) ** 2)
    assert frechet_distance(x, standardised(80, 3, seed=1) * scales + shift) == pytest.approx(expected)
    assert frechet_distance(x[:, :1], 2 * x[:, :1]) == pytest.approx(1)


def test_covariances_that_do_not_commute_against_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40, 5)) @ rng.normal(size=(5, 5)), 1 + rng.normal(size=(30, 5)) @ rng.normal(size=(5, 5))
    c_a, c_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(c_a @ c_b).real
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(c_a + c_b - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))


def test_features_that_cannot_be_compared_are_an_error_in_one_line():
    good = np.zeros((4, 3))
    for bad in (np.zeros((4, 2)), np.zeros(4), np.zeros((1, 3)), np.full((4, 3), np.nan)):
        with pytest.raises(UserError, match=r"^[^\n]+$"):
            frechet_distance(good, bad)


def test_a_gaussian_of_batches_is_that_of_the_whole():
    x = 1e4 + np.random.default_rng(0).normal(size=(1000, 5))  # sums of squares would lose the spread
    gaussian = Gaussian()
    for part in np.split(x, [1, 1, 3, 400]):
        gaussian.add(part)
    assert gaussian.n == 1000
    np.testing.assert_allclose(gaussian.mean, x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(gaussian.covariance, np.cov(x, rowvar=False), rtol=1e-9, atol=1e-9)
    assert frechet_distance(gaussian, x) == pytest.approx(0, abs=1e-6)
    with pytest.raises(UserError, match=r"\[n, 5\] are wanted; these are \(3, 4\)"):
        gaussian.add(np.zeros((3, 4)))
