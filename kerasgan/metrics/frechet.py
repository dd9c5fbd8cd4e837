"""The Frechet distance between two sets of features."""

from __future__ import annotations

import numpy as np

from kerasgan.errors import UserError


def frechet_distance(features_a: np.ndarray, features_b: np.ndarray) -> float:
    """Return the squared Frechet (2-Wasserstein) distance between the Gaussians fitted to two sets of features.

    |mean_a - mean_b|^2 + trace(C_a + C_b - 2 (C_a C_b)^(1/2)), with unbiased covariances C, in float64.
    features_a, features_b: [n, dimension], any two n of at least 2

    Called FID where the features are those of Inception on ImageNet, and only there. With few features it is too
    large, by more the higher the dimension: compare only distances of equally many. Raises UserError for sets that
    cannot be compared. Dowson and Landau 1982; Heusel et al. 2017, equation 6.
    """
    a, b = (np.asarray(features, np.float64) for features in (features_a, features_b))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise UserError(f"Two sets of features [n, dimension] are wanted; these are {a.shape} and {b.shape}.")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise UserError("Some features are not finite: there is no distance between such sets.")
    covariance_a, covariance_b = (np.atleast_2d(np.cov(features, rowvar=False)) for features in (a, b))
    # C_a C_b has the eigenvalues of the symmetric root_a C_b root_a: no complex roots, and no matrix root of a product
    eigenvalues, vectors = np.linalg.eigh(covariance_a)
    root_a = (vectors * np.sqrt(np.maximum(eigenvalues, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root_a @ covariance_b @ root_a), 0)).sum()
    distance = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
    return float(max(distance + np.trace(covariance_a) + np.trace(covariance_b) - 2 * shared, 0))
