"""Precision, recall, density, coverage and nearest images against a case worked out by hand, and another library."""

import re

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from kerasgan import metrics
from kerasgan.errors import UserError
from kerasgan.metrics import nearest_images, neighbours


def features(n, dimension, seed=0, shift=0.0, scale=1.0):
    return np.random.default_rng(seed).normal(shift, scale, (n, dimension))


def test_manifolds_worked_out_by_hand():
    """k = 1. Real 0, 1, 5 have balls of radius 1, 1, 4; fake 0.5, 2, 20 of 1.5, 1.5, 18."""
    real, fake = np.array([[0.0], [1.0], [5.0]]), np.array([[0.5], [2.0], [20.0]])
    found = metrics.manifolds(real, fake, k=1)
    assert found.precision == pytest.approx(2 / 3)  # 20 is in no ball of real
    assert found.recall == pytest.approx(1)  # 0 and 1 are in the ball of 0.5, and 5 in that of 20
    assert found.density == pytest.approx((2 + 2 + 0) / 3)  # 0.5 in those of 0 and 1, 2 on the border of 1's and in 5's
    assert found.coverage == pytest.approx(1)


def test_manifolds_are_those_of_scikit_learns_neighbours():
    real, fake, k = features(2300, 6, 0), features(1200, 6, 1, shift=0.7, scale=0.6), 5

    def radii(x):
        return NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x)[0][:, k]

    distances = np.sqrt(((fake[:, None] - real) ** 2).sum(-1))
    in_real, in_fake = distances <= radii(real), distances <= radii(fake)[:, None]
    found = metrics.manifolds(real, fake, k)
    assert found.precision == pytest.approx(in_real.any(1).mean())
    assert found.recall == pytest.approx(in_fake.any(0).mean())
    assert found.density == pytest.approx(in_real.sum(1).mean() / k)
    assert found.coverage == pytest.approx(in_real.any(0).mean())


def test_manifolds_tell_a_missing_mode_from_noise():
    rng = np.random.default_rng(0)
    two_modes = np.concatenate([rng.normal(0, 1, (300, 4)), rng.normal(20, 1, (300, 4))])
    one_mode = rng.normal(0, 1, (600, 4))
    noise = rng.uniform(-30, 50, (600, 4))
    dropped, noisy = metrics.manifolds(two_modes, one_mode), metrics.manifolds(two_modes, noise)
    assert dropped.precision > 0.9
    assert dropped.recall < 0.6
    assert dropped.coverage < 0.6
    assert noisy.precision < 0.1
    assert noisy.density < 0.1


def test_manifolds_want_more_than_k_features():
    with pytest.raises(UserError, match="6 features or more; here are 100 and 5"):
        metrics.manifolds(features(100, 2), features(5, 2), k=5)


# ---- nearest images -------------------------------------------------------------------------------------------------


def test_nearest_images_find_a_planted_copy_in_any_block(monkeypatch):
    rng = np.random.default_rng(0)
    among = rng.integers(0, 256, (50, 4, 4, 3), np.uint8)
    images = rng.integers(0, 256, (6, 4, 4, 3), np.uint8)
    images[2], images[4] = among[37], among[3]
    differences = (images[:, None] / 255 - among / 255).reshape(6, 50, -1)
    table = np.sqrt((differences**2).mean(axis=2))
    for block in (5000, 7):
        monkeypatch.setattr(neighbours, "BLOCK", block)
        found = nearest_images(images, among, k=3)
        np.testing.assert_array_equal(found.indices, table.argsort(axis=1)[:, :3])
        np.testing.assert_allclose(found.distances, np.sort(table, axis=1)[:, :3], atol=1e-6)
        assert found.indices[2, 0] == 37
        assert found.distances[2, 0] == found.distances[4, 0] == 0


def test_nearest_images_want_enough_of_one_size():
    images = np.zeros((2, 4, 4, 1), np.uint8)
    with pytest.raises(UserError, match="there are no 3 nearest"):
        nearest_images(images, images, k=3)
    with pytest.raises(UserError, match=re.escape("to images of (4, 4, 1)")):
        nearest_images(images, np.zeros((2, 4, 5, 1), np.uint8))
