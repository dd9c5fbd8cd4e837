"""PSNR, SSIM and luma against values worked out by hand."""

import numpy as np
import pytest

from kerasgan.metrics.similarity import luma, psnr, ssim

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
