"""PSNR, SSIM and luma against values worked out by hand."""

import numpy as np
import pytest

from kerasgan.errors import UserError
from kerasgan.metrics.similarity import diversity, luma, psnr, ssim

RNG = np.random.default_rng(0)


def test_psnr_of_a_constant_difference():
    images = np.full((2, 16, 16, 3), 100, np.uint8)
    others = images + np.array([10, 1], np.uint8)[:, None, None, None]
    assert psnr(others, images) == pytest.approx([20 * np.log10(255 / 10), 20 * np.log10(255)], rel=1e-5)
    assert psnr(images, others) == pytest.approx(psnr(others, images))  # 100 - 110 in uint8 would wrap around
    assert np.isinf(psnr(images, images)).all()


def test_psnr_is_of_the_squared_error_over_all_channels():
    images = np.zeros((1, 8, 8, 3), np.uint8)
    others = images.copy()
    others[..., 0] = 30
    assert psnr(others, images) == pytest.approx([10 * np.log10(255**2 / 300)], rel=1e-5)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_a_crop_leaves_the_border_out(metric):
    images = RNG.integers(0, 256, (1, 24, 20, 1), np.uint8)
    others = images.copy()
    others[:, :4], others[:, -4:], others[:, :, :4], others[:, :, -4:] = 0, 0, 0, 0
    same = metric(images, images)
    assert metric(others, images, crop=4) == pytest.approx(same)
    for crop in (0, 3):
        assert metric(others, images, crop)[0] < same[0]


def test_ssim_of_constant_images():
    a, b, c = 100.0, 150.0, (0.01 * 255) ** 2
    images, others = (np.full((1, 16, 16, 1), value, np.uint8) for value in (a, b))
    assert ssim(images, others) == pytest.approx([(2 * a * b + c) / (a**2 + b**2 + c)], rel=1e-4)
    noise = RNG.integers(0, 256, (2, 16, 16, 3), np.uint8)
    assert ssim(noise, noise) == pytest.approx([1, 1])
    assert ssim(noise[:1], noise[1:])[0] < 0.2


def test_luma_is_that_of_video():
    colours = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    y = luma(colours[None, None])
    assert y.shape == (1, 1, 5, 1)
    assert y.ravel() == pytest.approx([16, 235, 81.481, 144.553, 40.966], rel=1e-5)


def test_diversity_is_none_among_equal_images_and_more_among_strangers():
    rng = np.random.default_rng(0)
    one = rng.integers(0, 256, (28, 28, 1), np.uint8)
    alike = np.repeat(one[None], 20, axis=0)
    strangers = rng.integers(0, 256, (20, 28, 28, 1), np.uint8)
    assert diversity(alike, pairs=50) == pytest.approx(0, abs=1e-5)
    assert diversity(strangers, pairs=50) > 0.5
    assert diversity(strangers, pairs=50, seed=1) != diversity(strangers, pairs=50)


def test_diversity_takes_small_and_large_images():
    rng = np.random.default_rng(0)
    for side in (11, 22, 180):
        images = rng.integers(0, 256, (3, side, side, 3), np.uint8)
        assert 0 < diversity(images, pairs=4) < 2
    with pytest.raises(UserError, match="from 11 pixels"):
        diversity(np.zeros((3, 10, 12, 1), np.uint8))
