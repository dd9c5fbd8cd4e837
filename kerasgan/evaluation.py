"""What a trained model is worth: all measures that apply to what it can do, each with what it is to be compared with.

record = kerasgan.evaluation.measured(kerasgan.evaluation.Measurement("runs/dcgan-mnist"))
measures = kerasgan.evaluation.generation(model, test_images, train_images, network)
"""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasgan import class_names, run_folder
from kerasgan.errors import UserError
from kerasgan.held_out import DRAWS, SAMPLES, HeldOut
from kerasgan.installed import versions
from kerasgan.reference_statistics import Statistics, check_place, read_statistics

if TYPE_CHECKING:
    from kerasgan import metrics

BLOCK = 500  # images that a model gets at once
VARIETY = "variety (1 - MS-SSIM)"
NEAREST = "distance to the nearest training picture"


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


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A model, and how it is to be measured.

    model: a run folder, a SavedModel of kerasgan, or the name of a trained model
    data, data_dir, split: what it is measured on; by default another split of what it was trained on
    n: images at most, and samples in each of `draws`
    features: what samples are measured with, as `metrics.feature_network` takes it; by default what suits the data
    task: what makes the pairs for translations
    normal: labels of normal images, for anomaly scores
    statistics: an .npz with the mean and covariance of real images' features, which samples are compared with alone
    """

    model: str
    data: str | None = None
    data_dir: str | None = None
    split: str | None = None
    n: int = SAMPLES
    draws: int = DRAWS
    features: str | None = None
    task: str | None = None
    normal: str | None = None
    statistics: str | None = None

    def about(self) -> dict[str, Any]:
        """Return the kerasgan.json of the model, which is not loaded for it. Raises UserError without a model."""
        return run_folder.about_model(run_folder.saved_model(self.model))

    def held_out(self) -> HeldOut:
        """Return the images to measure it on, not read yet. Raises UserError if nobody says which."""
        about = self.about()
        shape = tuple(about["images"]["shape"] if "images" in about else about["image_shape"])
        return HeldOut(about.get("data", {}), shape, self.data, self.split, self.data_dir, self.task, self.normal)

    def reference(self) -> Statistics | None:
        """Return the statistics that samples are compared with, if a file of them is given.

        Raises UserError for a file without any, and for a model that samples nothing.
        """
        if self.statistics is None:
            return None
        if "sample" not in self.about()["verbs"]:
            raise UserError(f"{self.model} samples nothing that {self.statistics} could be compared with.")
        return read_statistics(self.statistics)


def measured(measurement: Measurement) -> dict[str, Any]:
    """Return all measures that apply to a model, with what they were made with, as JSON can keep them.

    Raises UserError where none applies, and for a model, data or features that there are not.
    """
    from kerasgan import metrics
    from kerasgan.saved_model import load

    about, held_out, reference = measurement.about(), measurement.held_out(), measurement.reference()
    network = None
    model = load(measurement.model)
    if "sample" in about["verbs"]:
        network = metrics.feature_network(measurement.features or held_out.features())
    groups = _groups(model, held_out, network, measurement.n, measurement.draws, reference)
    measures = {title: its for title, its in groups.items() if its}
    if not measures:
        raise UserError(f"Nothing that {about['variant']} can do is measured on {held_out.name}: {held_out.missing()}.")
    return {
        "model": measurement.model,
        "variant": about["variant"],
        "steps": about.get("steps"),
        "parameters": about.get("parameters"),
        "seconds_of_training": about.get("seconds"),
        "data": {"name": held_out.name, "split": held_out.split},
        "network": network and _described(network),
        "statistics": measurement.statistics,
        "measures": {title: [dataclasses.asdict(one) for one in its] for title, its in measures.items()},
        "unmeasured": held_out.reasons,
        "versions": versions(),
    }


def write_statistics(measurement: Measurement, path: str | os.PathLike) -> int:
    """Write the mean and covariance of the features of the images that a model is measured on; return their number.

    A few images at a time are in memory. Raises UserError for a place that is taken, fewer than two images, and for a
    model, data or features that there are not.
    """
    from kerasgan import metrics

    held_out, gaussian = measurement.held_out(), metrics.Gaussian()
    check_place(path)
    network = metrics.feature_network(measurement.features or held_out.features())
    for images in held_out.blocks(measurement.n, BLOCK):
        gaussian.add(network(images))
    metrics.write_statistics(path, gaussian.statistics)
    return gaussian.n


def _groups(model, held_out, network, n, draws, reference):
    verbs, found, reasons = model.about["verbs"], {}, held_out.reasons
    if reference:
        name = held_out.distance(network)
        found["samples"] = distance(model, reference, network, n, draws, name)
        reasons += [*_no_fid(name), "all else of samples: it takes real images; without --statistics it is measured"]
    elif network:
        others = None if held_out.split == "train" else held_out.images(n * draws, "train")
        name, real = held_out.distance(network), held_out.images(n)
        found["samples"] = generation(model, real, others, network, n, draws, name, held_out.split == "train")
        reasons += unmeasured(len(real), real.shape[1:], name)
        if "sample_labelled" in verbs and network.logits and not _knows_classes(network, model.about):
            known = class_names.shown(network.class_names)
            reasons.append(f"label accuracy: {network.name} tells other classes than those of the model: {known}")
    if "reconstruct" in verbs:
        found["reconstructions"] = reconstruction(model, held_out.images(n))
    if "translate" in verbs and (sides := pairs(model, held_out, n)):
        found["translations"] = translation(model.translate, *sides)
        if "translate_back" in verbs:
            found["translations back"] = translation(model.translate_back, *sides[::-1])
    if {"reconstructions", "translations"} & set(found):
        reasons += unlike(held_out.image_shape)
    if "classify" in verbs and (its := held_out.labelled(n)):
        found["classes"] = classification(model, *its)
    if "log_prob" in verbs:
        found["likelihood"] = likelihood(model, *held_out.columns("images", n))
    if "anomaly_score" in verbs and (its := held_out.anomalies(n)):
        found["anomalies"] = anomalies(model, *its)
    return found


def pairs(model: Any, held_out: HeldOut, n: int) -> list[np.ndarray] | None:
    """Return uint8 sources and targets, at most n; None where the data has no pairs.

    Of a model that makes its own sources they are these, unless another task was given.
    """
    if "degrade" not in model.about["verbs"] or held_out.task:
        return held_out.pairs(n)
    return [degraded(model, targets := held_out.images(n)), targets]


def _described(network):
    return {
        "name": network.name,
        "sha256": network.sha256,
        "image_shape": list(network.image_shape),
        "resizer": network.resizer,
    }


def value(one: dict[str, Any]) -> str:
    """Return the text of a measure's value, with its spread over draws and its confidence interval where it has them.

    one: a Measure as `measured` returns it
    """
    text = _number(one["value"]) + (f" ± {one['std']:.2g}" if one["std"] is not None else "")
    if one["low"] is not None:
        text += f" ({_number(one['low'])} to {_number(one['high'])})"
    return f"{text} {one['unit']}".rstrip()


def beside(one: dict[str, Any]) -> str:
    """Return the text of what stands beside a measure; nothing where nothing does."""
    if one["beside"] is None:
        return ""
    spread = f" ± {one['beside_std']:.2g}" if one["beside_std"] is not None else ""
    return f"{one['beside_what']}: {_number(one['beside'])}{spread}"


def _number(value):
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def generation(
    model: Any,
    real: np.ndarray,
    others: np.ndarray | None,
    network: metrics.FeatureNetwork,
    n: int = SAMPLES,
    draws: int = DRAWS,
    name: str = "Frechet distance",
    learnt: bool = False,
) -> list[Measure]:
    """Return how good and how various samples are: means over `draws` of n samples, each against the same real images.

    model: what kerasgan.load() returns
    real: uint8 images that it did not learn from; the first n are compared with
    others: further real images, of which up to `draws` sets of n are measured in the place of samples: the floor
    name: what the Frechet distance is called with these features on this data
    learnt: whether the real images are those that it learnt from: then the first draw is looked through for copies

    What so few or so small images have no measure of is left out: `unmeasured` says what, and why. Raises UserError for
    no images at all.
    """
    n = min(n, len(real))
    if n == 0:
        raise UserError("There are no images to measure.")
    real = real[:n]
    reference = _Reference(real, network, name)
    found, seconds, copies = [], [], []
    for seed in range(draws):
        start = time.perf_counter()
        images = model.sample(n=n, seed=seed)
        seconds.append((time.perf_counter() - start) / n * 1000)
        found.append(reference.measured(images))
        if learnt and n > 1 and seed == 0:
            copies = nearness(images, real)
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
    if "sample_labelled" in model.about["verbs"] and network.logits and _knows_classes(network, model.about):
        measures.append(_label_accuracy(model, network, n))
    measures.append(Measure("time for 1,000 samples", _mean(seconds[1:] or seconds), "lower", n, "s"))
    return measures + copies


def distance(
    model: Any,
    reference: Statistics,
    network: metrics.FeatureNetwork,
    n: int = SAMPLES,
    draws: int = DRAWS,
    name: str = "Frechet distance",
) -> list[Measure]:
    """Return how far samples are from real images of whose features only the mean and covariance are known.

    model: what kerasgan.load() returns
    name: what the Frechet distance is called with these features

    A few of n samples are in memory at once, and of their features no more than the mean and covariance. Raises
    UserError for statistics of other features than those of `network`, and for fewer than two samples.
    """
    from kerasgan import metrics

    if n < 2:
        raise UserError(f"A distribution is fitted to two samples or more: give a larger number than {n}.")
    dimension = network(model.sample(n=1, seed=0)).shape[1]  # of one: to draw many may take long
    if dimension != len(reference.mean):
        raise UserError(
            f"The statistics are of {len(reference.mean):,} features, and {network.name} has {dimension:,}: give those "
            "that were taken with the same features."
        )
    blocks, found, seconds = -(-n // BLOCK), [], []
    for draw in range(draws):
        gaussian, drawn = metrics.Gaussian(), 0.0
        for block in range(blocks):
            start = time.perf_counter()
            images = model.sample(n=min(BLOCK, n - block * BLOCK), seed=draw * blocks + block)
            drawn += time.perf_counter() - start
            gaussian.add(network(images))
        found.append(metrics.frechet_distance(gaussian, reference))
        seconds.append(drawn / n * 1000)
    return [
        Measure(name, _mean(found), "lower", n, std=_std(found)),
        Measure("time for 1,000 samples", _mean(seconds[1:] or seconds), "lower", n, "s"),
    ]


def nearness(samples: np.ndarray, learnt: np.ndarray) -> list[Measure]:
    """Return how far samples are from the nearest picture that was learnt, beside how far these are from each other.

    samples, learnt: uint8 images, more than 1 of `learnt`. The distance is the root of the mean squared difference of
        pixels in [0, 1], of the sample or of its mirror image, whichever is nearer: both may have been learnt
    """
    from kerasgan import metrics

    def nearest(images, k):
        both = [metrics.nearest_images(side, learnt, k) for side in (images, images[:, :, ::-1])]
        itself = np.arange(len(images))[:, None] if images is learnt else -1
        return np.min([np.where(one.indices == itself, np.inf, one.distances).min(axis=1) for one in both], axis=0)

    mine, theirs = nearest(samples, 1), nearest(learnt, 2)
    what = "training pictures, from each other"
    return [
        Measure(f"{NEAREST}, {which}", float(of(mine)), "", len(samples), beside=float(of(theirs)), beside_what=what)
        for which, of in (("mean", np.mean), ("smallest", np.min))
    ]


def unmeasured(n: int, image_shape: tuple[int, int, int], name: str = "Frechet distance") -> list[str]:
    """Return what `generation` cannot measure of n samples of a shape, a line for each, with the reason.

    name: what the Frechet distance is called
    """

    from kerasgan import metrics

    here = "here is 1" if n == 1 else f"here are {n:,}"
    found = _no_fid(name)
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


def _no_fid(name):
    """Return in a line why distances of Keras' Inception are no FID, where they are what is measured."""
    if name != "Frechet distance (inception)":
        return []
    return [
        "FID: the weights of inception, and how it resizes images, are not those of the literature, so that its values "
        "cannot be compared with published ones; --features inception-fid is for that"
    ]


def unlike(image_shape: tuple[int, int, int]) -> list[str]:
    """Return what `reconstruction` and `translation` cannot measure of images of a shape, with the reason."""
    from kerasgan import metrics

    return [f"SSIM: {_too_small(image_shape)}"] if min(image_shape[:2]) < metrics.WINDOW else []


def _too_small(image_shape):
    from kerasgan import metrics

    height, width = image_shape[:2]
    return f"it looks at windows of {metrics.WINDOW} x {metrics.WINDOW} pixels; the images have {height} x {width}"


class _Reference:
    """Real images that sets of images of equal number are measured against, by all that so many have a measure of."""

    def __init__(self, real, network, name):
        from kerasgan import metrics

        self.real, self.network, self.name = network(real), network, name
        n = len(real)
        self.better = {name: "lower", "kernel distance": "lower"} if n > 1 else {}
        self.better |= dict.fromkeys(metrics.Manifolds._fields, "higher") if n > metrics.NEIGHBOURS else {}
        self.better |= {VARIETY: ""} if n > 1 and min(real.shape[1:3]) >= metrics.WINDOW else {}
        if network.logits:
            self.better |= {"class score": "higher", "rarest class": "", "most frequent class": ""}

    def measured(self, images):
        from kerasgan import metrics

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


def _knows_classes(network, about):
    """Return whether the classes of a network are those of a model, as far as the network names its own."""
    return not network.class_names or [*network.class_names] == class_names.of_model(about)


def _label_accuracy(model, network, n):
    from kerasgan import metrics

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
    from kerasgan import metrics

    made = _asked(translate, sources)
    if made.shape != targets.shape:
        found = [" x ".join(map(str, images.shape[1:3])) for images in (sources, made, targets)]
        raise UserError(
            f"Sources of {found[0]} become {found[1]}, and the targets are {found[2]}: give the --task that was learnt."
        )
    return _likeness(made, targets, metrics.fitted(sources, targets.shape[1:]))


def _likeness(made, targets, untouched=None):
    def measured(images):
        from kerasgan import metrics

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
    from kerasgan import metrics

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
    from kerasgan import metrics

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
