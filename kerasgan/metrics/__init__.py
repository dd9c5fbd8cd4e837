"""How good images are, in numbers. Features and images go in, numbers come out; nothing here knows a model."""

from kerasgan.metrics.classes import accuracy, auc, class_score, class_shares, probabilities
from kerasgan.metrics.frechet import Gaussian, frechet_distance
from kerasgan.metrics.kernel import Estimate, kernel_distance
from kerasgan.metrics.neighbours import Manifolds, manifolds
from kerasgan.metrics.similarity import diversity, luma, psnr, ssim

__all__ = [
    "Estimate",
    "Gaussian",
    "Manifolds",
    "accuracy",
    "auc",
    "class_score",
    "class_shares",
    "diversity",
    "frechet_distance",
    "kernel_distance",
    "luma",
    "manifolds",
    "probabilities",
    "psnr",
    "ssim",
]
