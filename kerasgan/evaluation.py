"""What a trained model is worth: all measures that apply to what it can do, each with what it is to be compared with.

measures = kerasgan.evaluation.generation(model, test_images, train_images, network)
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from kerasgan import class_names, metrics
from kerasgan.errors import UserError

BLOCK = 500  # images that a model gets at once
VARIETY = "variety (1 - MS-SSIM)"


@dataclasses.dataclass(frozen=True)
class Measure:
    """One number, and what it takes to read it."""

    name: str
    value: float
    better: str  # "lower", "higher", or "" for what is only to be compared with real images
    n: int  # images measured
    unit: str = ""
    std: float | None = None  # over draws of samples
    low: float | None = None  # 95% confidence interval within one draw
    high: float | None = None
    beside: float | None = None  # what stands beside it: beside_what says what
    beside_std: float | None = None
    beside_what: str = ""


def generation(
    model: Any,
    real: np.ndarray,
    others: np.ndarray | None,
    network: metrics.FeatureNetwork,
    n: int = 10_000,
    draws: int = 3,
    name: str = "Frechet distance",
) -> list[Measure]:
    """Return how good and how various samples are: means over `draws` of n samples, each against the same real images.

    model: what kerasgan.load() returns
    real: uint8 images that it did not learn from; the first n are compared with
    others: further real images, of which up to `draws` sets of n are measured in the place of samples: the floor
    name: what the Frechet distance is called with these features on this data

    What so few or so small images have no measure of is left out: `unmeasured` says what, and why. Raises UserError for
    no images at all.
    """
    n = min(n, len(real))
    if n == 0:
        raise UserError("There are no images to measure.")
    real = real[:n]
    reference = _Reference(real, network, name)
    found, seconds = [], []
    for seed in range(draws):
        start = time.perf_counter()
        images = model.sample(n=n, seed=seed)
        seconds.append((time.perf_counter() - start) / n * 1000)
        found.append(reference.measured(images))
    floors = [] if others is None else [others[i * n : (i + 1) * n] for i in range(min(draws, len(others) // n))]
    floors = [reference.measured(images) for images in floors]
    measures = []
    for key, better in reference.better.items():
        values, beside = [one[key] for one in found], [one[key] for one in floors]
        measure = Measure(key, _mean(values), better, n, std=_std(values))
        if beside:
            shown = {"beside": _mean(beside), "beside_std": _std(beside), "beside_what": "other real images"}
            measure = dataclasses.replace(measure, **shown)
        measures.append(measure)
    low, high = np.mean([one.get("interval", (math.nan, math.nan)) for one in found], axis=0).tolist()
    if math.isfinite(low):  # few samples are one block, which has no interval
        kernel = next(i for i, one in enumerate(measures) if one.name == "kernel distance")
        measures[kernel] = dataclasses.replace(measures[kernel], low=low, high=high)
    if "sample_labelled" in model.about["verbs"] and network.logits:
        measures.append(_label_accuracy(model, network, n))
    measures.append(Measure("time for 1,000 samples", _mean(seconds[1:] or seconds), "lower", n, "s"))
    return measures


def unmeasured(n: int, image_shape: tuple[int, int, int], name: str = "Frechet distance") -> list[str]:
    """Return what `generation` cannot measure of n samples of a shape, a line for each, with the reason.

    name: what the Frechet distance is called
    """
    here = "here is 1" if n == 1 else f"here are {n:,}"
    found = []
    if n < 2:
        found.append(f"{name}: it compares covariances, which take 2 images or more; {here}")
        found.append(f"kernel distance: it compares pairs of images, so it takes 2 or more; {here}")
    elif n < 2 * metrics.FEATURES:
        found.append(
            f"confidence interval of the kernel distance: it takes two blocks of {metrics.FEATURES:,} images; {here}"
        )
    if n <= metrics.NEIGHBOURS:
        found.append(
            f"{', '.join(metrics.Manifolds._fields)}: they look at the {metrics.NEIGHBOURS} nearest neighbours of each "
            f"image, so they take {metrics.NEIGHBOURS + 1} images or more; {here}"
        )
    if n < 2:
        found.append(f"{VARIETY}: it compares pairs of images, so it takes 2 or more; {here}")
    elif min(image_shape[:2]) < metrics.WINDOW:
        found.append(f"{VARIETY}: {_too_small(image_shape)}")
    return found


def unlike(image_shape: tuple[int, int, int]) -> list[str]:
    """Return what `reconstruction` and `translation` cannot measure of images of a shape, with the reason."""
    return [f"SSIM: {_too_small(image_shape)}"] if min(image_shape[:2]) < metrics.WINDOW else []


def _too_small(image_shape):
    height, width = image_shape[:2]
    return f"it looks at windows of {metrics.WINDOW} x {metrics.WINDOW} pixels; the images have {height} x {width}"


class _Reference:
    """Real images that sets of images of equal number are measured against, by all that so many have a measure of."""

    def __init__(self, real, network, name):
        self.real, self.network, self.name = network(real), network, name
        n = len(real)
        self.better = {name: "lower", "kernel distance": "lower"} if n > 1 else {}
        self.better |= dict.fromkeys(metrics.Manifolds._fields, "higher") if n > metrics.NEIGHBOURS else {}
        self.better |= {VARIETY: ""} if n > 1 and min(real.shape[1:3]) >= metrics.WINDOW else {}
        if network.logits:
            self.better |= {"class score": "higher", "rarest class": "", "most frequent class": ""}

    def measured(self, images):
        features, found = self.network(images), {}
        if self.name in self.better:
            kernel = metrics.kernel_distance(features, self.real)
            found |= {self.name: metrics.frechet_distance(features, self.real)}
            found |= {"kernel distance": kernel.value, "interval": (kernel.low, kernel.high)}
        if "precision" in self.better:
            found |= metrics.manifolds(self.real, features)._asdict()
        if VARIETY in self.better:
            found[VARIETY] = metrics.diversity(images)
        if self.network.logits:
            logits = self.network.classify(images)
            shares = metrics.class_shares(logits)
            found |= {"class score": metrics.class_score(logits)}
            found |= {"rarest class": shares.min(), "most frequent class": shares.max()}
        return found


def _label_accuracy(model, network, n):
    labels = np.arange(n, dtype=np.int32) % len(class_names.all_of_model(model.about))
    logits = network.classify(model.sample_labelled(labels=class_names.asked(model.about, labels), seed=0))
    return Measure("label accuracy", metrics.accuracy(logits, labels), "higher", n)


def reconstruction(model: Any, images: np.ndarray) -> list[Measure]:
    """Return how like uint8 images their reconstructions are."""
    return _likeness(_asked(model.reconstruct, images), images)


def degraded(model: Any, images: np.ndarray) -> np.ndarray:
    """Return uint8 images as a model that makes its own sources damages them, to be mended."""
    return _asked(model.degrade, images)


def translation(translate: Callable, sources: np.ndarray, targets: np.ndarray) -> list[Measure]:
    """Return how like the targets the translations of uint8 sources are; beside it, the sources themselves.

    Smaller sources are enlarged by bicubic interpolation for that. Raises UserError where the translations have
    another size than the targets.
    """
    made = _asked(translate, sources)
    if made.shape != targets.shape:
        found = [" x ".join(map(str, images.shape[1:3])) for images in (sources, made, targets)]
        raise UserError(
            f"Sources of {found[0]} become {found[1]}, and the targets are {found[2]}: give the --task that was learnt."
        )
    return _likeness(made, targets, metrics.fitted(sources, targets.shape[1:]))


def _likeness(made, targets, untouched=None):
    def measured(images):
        difference = images.astype(np.float64) - targets
        # over all images: one that is equal to its target has an infinite ratio of its own
        ratio = -10 * math.log10(max((difference**2).mean() / 255**2, 1e-12))
        found = {"L1": np.abs(difference).mean() / 255, "PSNR": ratio}
        if min(targets.shape[1:3]) >= metrics.WINDOW:
            found["SSIM"] = float(metrics.ssim(images, targets).mean())
        return found

    found, beside = measured(made), {} if untouched is None else measured(untouched)
    return [
        Measure(
            name,
            value,
            "lower" if name == "L1" else "higher",
            len(targets),
            "dB" if name == "PSNR" else "",
            beside=beside.get(name),
            beside_what="the sources" if beside else "",
        )
        for name, value in found.items()
    ]


def classification(model: Any, images: np.ndarray, labels: np.ndarray) -> list[Measure]:
    """Return the share of uint8 images whose most probable class is their label."""
    logits = _asked(model.classify, images)
    return [Measure("accuracy", metrics.accuracy(logits, labels), "higher", len(images))]


def likelihood(model: Any, images: np.ndarray) -> list[Measure]:
    """Return the mean of -log p(image), in nats and in bits per channel of a pixel."""
    nats = -float(np.mean(_asked(model.log_prob, images)))
    bits = nats / (math.log(2) * math.prod(images.shape[1:]))
    return [
        Measure("-log p(image)", nats, "lower", len(images), "nats"),
        Measure("bits per dimension", bits, "lower", len(images)),
    ]


def anomalies(model: Any, images: np.ndarray, anomalous: np.ndarray) -> list[Measure]:
    """Return how well the anomaly score tells uint8 images that are anomalous (1) from normal ones (0)."""
    scores = _asked(model.anomaly_score, images).reshape(len(images))
    return [Measure("AUC of the anomaly score", metrics.auc(scores, anomalous), "higher", len(images))]


def _asked(verb, images):
    if not len(images):
        raise UserError("There are no images to measure.")
    return np.concatenate([verb(images=images[i : i + BLOCK]) for i in range(0, len(images), BLOCK)])


def _mean(values):
    return float(np.mean(values))


def _std(values):
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
