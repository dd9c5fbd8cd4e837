"""How good images are, in numbers: of features, logits and pixels. Nothing here knows how a model learns."""

from kerasgan.metrics.classes import accuracy, auc, class_score, class_shares, probabilities
from kerasgan.metrics.features import FeatureNetwork, feature_network, fitted
from kerasgan.metrics.frechet import Gaussian, frechet_distance
from kerasgan.metrics.kernel import FEATURES, Estimate, kernel_distance
from kerasgan.metrics.neighbours import NEIGHBOURS, Manifolds, Neighbours, manifolds, nearest_images
from kerasgan.metrics.similarity import WINDOW, diversity, luma, psnr, ssim
from kerasgan.reference_statistics import Statistics, read_statistics, write_statistics

__all__ = [
    "FEATURES",
    "NEIGHBOURS",
    "WINDOW",
    "Estimate",
    "FeatureNetwork",
    "Gaussian",
    "Manifolds",
    "Neighbours",
    "Statistics",
    "accuracy",
    "auc",
    "class_score",
    "class_shares",
    "diversity",
    "feature_network",
    "fitted",
    "frechet_distance",
    "kernel_distance",
    "luma",
    "manifolds",
    "nearest_images",
    "probabilities",
    "psnr",
    "read_statistics",
    "ssim",
    "write_statistics",
]
