"""The Frechet distance between two sets of features."""

from __future__ import annotations

import numpy as np

from kerasgan.errors import UserError
from kerasgan.reference_statistics import Statistics


class Gaussian:
    """The Gaussian fitted to features that come in batches: its memory does not grow with their number.

    Everything is float64, and batches are merged without subtracting large sums (Chan, Golub and LeVeque 1979).
    """

    def __init__(self, features: np.ndarray | None = None):
        self.n = 0
        self.mean = np.zeros(())  # until there are some, a number for any dimension
        self._scatter = np.zeros(())
        if features is not None:
            self.add(features)

    def add(self, features: np.ndarray) -> None:
        """Take in features[n, dimension]. Raises UserError for another shape, or for some that are not finite."""
        features = np.asarray(features, np.float64)
        if features.ndim != 2 or (self.n and features.shape[1] != len(self.mean)):
            wanted = f"[n, {len(self.mean)}]" if self.n else "[n, dimension]"
            raise UserError(f"Features {wanted} are wanted; these are {features.shape}.")
        if not np.isfinite(features).all():
            raise UserError("Some features are not finite: there is no distance between such sets.")
        if not len(features):
            return
        mean = features.mean(axis=0)
        centred = features - mean
        n, shift = self.n + len(features), mean - self.mean
        self._scatter = self._scatter + centred.T @ centred + np.outer(shift, shift) * (self.n * len(features) / n)
        self.mean = self.mean + shift * (len(features) / n)
        self.n = n

    @property
    def statistics(self) -> Statistics:
        """The mean and the covariance. Raises UserError for fewer than two features."""
        return Statistics(self.mean, self.covariance)

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance [dimension, dimension]. Raises UserError for fewer than two features."""
        if self.n < 2:
            raise UserError(f"A distribution is fitted to two features or more; here are {self.n}.")
        return self._scatter / (self.n - 1)


def frechet_distance(a: Gaussian | Statistics | np.ndarray, b: Gaussian | Statistics | np.ndarray) -> float:
    """Return the squared Frechet (2-Wasserstein) distance between the Gaussians of two sets of features.

    |mean_a - mean_b|^2 + trace(C_a + C_b - 2 (C_a C_b)^(1/2)), with unbiased covariances C, in float64.
    a, b: a Gaussian, its statistics, or features [n, dimension], any two n of at least 2

    Called FID where the features are those of `inception-fid`, and only there. With few features it is too
    large, by more the higher the dimension: compare only distances of equally many. Raises UserError for sets that
    cannot be compared. Dowson and Landau 1982; Heusel et al. 2017, equation 6.
    """
    (mean_a, covariance_a), (mean_b, covariance_b) = _statistics(a), _statistics(b)
    if covariance_a.shape != covariance_b.shape:
        raise UserError(f"Features of {len(mean_a)} and of {len(mean_b)} numbers cannot be compared.")
    # C_a C_b has the eigenvalues of the symmetric root_a C_b root_a: no complex roots, and no matrix root of a product
    eigenvalues, vectors = np.linalg.eigh(covariance_a)
    root_a = (vectors * np.sqrt(np.maximum(eigenvalues, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root_a @ covariance_b @ root_a), 0)).sum()
    distance = np.sum((mean_a - mean_b) ** 2)
    return float(max(distance + np.trace(covariance_a) + np.trace(covariance_b) - 2 * shared, 0))


def _statistics(a):
    if isinstance(a, Statistics):
        return a
    return (a if isinstance(a, Gaussian) else Gaussian(a)).statistics
