"""Latents that a user names: samples by number, pictures, images of the data, exemplars of a label or of a name."""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasgan import class_names, inputs
from kerasgan.errors import UserError
from kerasgan.held_out import HeldOut
from kerasgan.paths import expanded

if TYPE_CHECKING:
    import numpy as np

    from kerasgan.latent import Decoder

NUMBERED = 100_000  # samples
LONGEST = 30  # letters in the name of a point
CANDIDATES = 1000  # samples among which exemplars are looked for


@dataclasses.dataclass(frozen=True)
class Point:
    """One latent, or several whose mean is taken: a kind (such as sample or label) and a value for each part."""

    name: str
    parts: tuple[tuple[str, Any], ...]

    def files(self) -> list[str]:
        """Return the pictures and folders that are read for it."""
        return [value for kind, value in self.parts if kind == "path"]


def point(named: str | int | np.ndarray | Point) -> Point:
    """Return what a user means by one latent.

    named: the number of a sample; or text: a number, `image:17`, `label:cat`, `name:*cat*` (samples whose nearest
        training picture has such a file name), a picture's file or a folder of them, or several of these with commas,
        whose mean is taken; or an array: of uint8 images [height, width, channel] or [n, height, width, channel] to be
        encoded, or of latents [latent_dim] or [n, latent_dim]

    Raises UserError for anything else.
    """
    if isinstance(named, Point):
        return named
    if hasattr(named, "ndim") and named.ndim:
        return _of_array(named)
    text = str(named)
    names: list[str] = []
    parts: list[tuple[str, Any]] = []
    for part in _parts(text):
        kind, colon, value = part.partition(":")
        if part.isdecimal() and int(part) < NUMBERED:
            names, parts = [*names, f"sample {part}"], [*parts, ("sample", int(part))]
        elif kind == "image" and value.isdecimal():
            names, parts = [*names, f"image {value}"], [*parts, ("image", int(value))]
        elif kind == "label" and value:
            value = value.strip('"')
            names, parts = [*names, f"label {value}"], [*parts, ("label", value)]
        elif kind == "name" and value:
            names, parts = [*names, value], [*parts, ("name", value)]
        elif not colon and expanded(part).exists():
            names, parts = [*names, Path(part).stem], [*parts, ("path", part)]
        else:
            raise UserError(
                f"There is no {part}: give a sample's number below {NUMBERED}, a picture, image:NUMBER, label:LABEL or "
                "name:PATTERN."
            )
    kinds = {kind for kind, _ in parts}
    if len(parts) > 1 and kinds in ({"sample"}, {"image"}):
        names = [f"{kinds.pop()}s {', '.join(str(number) for _, number in parts)}"]
    name = " + ".join(names)
    return Point(name if len(name) <= LONGEST else f"{len(parts)} averaged", tuple(parts))


def _parts(text):
    """Return the latents that a text names: a file of this name, or one after each comma that is in no name.

    A comma is part of a class's name where what follows is no latent, as in label:black, white; or in quotes.
    """
    if expanded(text).exists():
        return [text]
    parts = class_names.split(text)
    latents = [p.isdecimal() or p.startswith(("image:", "label:", "name:")) or expanded(p).exists() for p in parts]
    return parts if all(latents) or not text.startswith("label:") else [text]


def _of_array(array):
    if array.dtype == "uint8" and array.ndim in (3, 4):
        images = array[None] if array.ndim == 3 else array
        return Point(counted(len(images), "image"), (("pixels", images),))
    if array.dtype.kind == "f" and array.ndim in (1, 2):
        latents = array[None] if array.ndim == 1 else array
        return Point(counted(len(latents), "latent"), (("latents", latents),))
    raise UserError(
        f"An array of {array.dtype} of shape {array.shape} is no latent: give floats [latent_dim] or [n, latent_dim], "
        "or uint8 images to encode."
    )


def counted(n: int, what: str) -> str:
    """Return a number of things: 1 picture, 2 pictures."""
    return f"{n} {what}{'' if n == 1 else 's'}"


def usual(about: dict[str, Any], n: int) -> list[Point]:
    """Return the first samples of a model, or images of its data, if it draws none."""
    return [point(f"{i}" if "sample" in about["verbs"] else f"image:{i}") for i in range(n)]


def check(points: list[Point], about: dict[str, Any]) -> None:
    """Raise UserError for a kind of latents that a model with this kerasgan.json has not. It needs no TensorFlow."""
    name, verbs = about["variant"], about["verbs"]
    for kind, value in (part for one in points for part in one.parts):
        if kind == "sample" and "sample" not in verbs:
            raise UserError(f"{name} draws no samples, so that there is none of number {value}: give a picture.")
        if kind == "name" and "sample" not in verbs:
            raise UserError(f"{name} draws no samples, of which {value} could name some: give a picture.")
        if kind in ("path", "image", "pixels") and "encode" not in verbs:
            what = value if isinstance(value, str | int) else "pictures"
            raise UserError(f"{name} has no encoder that tells the latents of {what}: give samples by number.")
        if kind == "label" and "sample_labelled" in verbs:
            raise UserError(f"{name} is told the label beside its latents, which do not hold it: give samples.")


class Latents:
    """Where the latents of points come from: a model, its data, and a classifier where it takes one.

    seed: of the samples
    exemplars: how many latents stand for a label, or for a name
    data, data_dir, split: where images and labels are looked for; by default in what the model was trained on
    features: the classifier that tells the label of samples, as in kerasgan.metrics.feature_network
    """

    def __init__(
        self,
        model: Any,
        decode: Decoder,
        seed: int = 0,
        exemplars: int = 3,
        data: str | None = None,
        data_dir: str | None = None,
        split: str | None = None,
        features: str | None = None,
    ):
        self.model, self.decode, self.seed, self.count = model, decode, seed, exemplars
        self.data, self.data_dir, self.split, self.features = data, data_dir, split, features

    @functools.cached_property
    def held_out(self) -> HeldOut:
        """The data, which a model that does not say what it learnt from may do without."""
        about = self.model.about
        shape = tuple(about["images"]["shape"])
        return HeldOut(about.get("data", {}), shape, self.data, self.split, self.data_dir)

    @functools.cached_property
    def candidates(self) -> tuple[np.ndarray, np.ndarray]:
        """The latents among which exemplars are looked for, and the images that they make."""
        from kerasgan import latent

        latents = latent.prior(CANDIDATES, self.decode.latent_dim, self.seed)
        return latents, self.decode(latents)

    @functools.cached_property
    def names(self) -> tuple[list[str], np.ndarray, list[str]]:
        """The file names of training pictures; the candidates, the nearest to one first; and the name of each one's."""
        from kerasgan import metrics
        from kerasgan.data.sources import pictures

        height, width, channels = self.held_out.image_shape
        ranges = self.held_out.trained_on.get("value_ranges")
        files = [file.name for file in pictures(self.held_out.name, (height, width), channels, value_ranges=ranges)]
        nearest = metrics.nearest_images(self.candidates[1], self.held_out.load("images", "train").columns[0])
        order = nearest.distances[:, 0].argsort(kind="stable")
        return files, order, [files[i] for i in nearest.indices[order, 0]]

    def mean(self, point: Point) -> np.ndarray:
        """Return the one latent that a point stands for, float32 [latent_dim]."""
        return self.exemplars(point).mean(axis=0)

    def exemplars(self, point: Point) -> np.ndarray:
        """Return all latents of a point, float32 [n, latent_dim]."""
        import numpy as np

        return np.concatenate([getattr(self, f"_of_{kind}")(value) for kind, value in point.parts])

    def encoded(self, n: int) -> np.ndarray:
        """Return the latents of n images of the data, or of all that there are."""
        from kerasgan import latent

        return latent.encode(self.model, self.held_out.images(n))

    def _of_sample(self, number):
        from kerasgan import latent

        return latent.prior(number + 1, self.decode.latent_dim, self.seed)[number:]

    def _of_image(self, number):
        import numpy as np

        from kerasgan import latent

        images = self.held_out.load("images").columns[0]
        if number >= len(images):
            raise UserError(f"{self.held_out.name} has {len(images)} images, 0 to {len(images) - 1}: not {number}.")
        return latent.encode(self.model, images[np.array([number])])

    def _of_path(self, path):
        import numpy as np

        from kerasgan import latent

        shape = self.model.image_shape("encode")
        ranges = self.model.about.get("data", {}).get("value_ranges")
        found = inputs.named([path], shape, self.data_dir, self.split or "test", ranges)
        blocks = inputs.blocks(found, shape, None, self.model.about["variant"])
        return np.concatenate([latent.encode(self.model, images) for _, images in blocks])

    def _of_pixels(self, images):
        from kerasgan import latent

        return latent.encode(self.model, images)

    def _of_latents(self, latents):
        return latents

    def _of_label(self, label):
        return self._encoded_of_label(label) if "encode" in self.model.about["verbs"] else self._samples_of_label(label)

    def _encoded_of_label(self, label):
        from kerasgan import data, latent
        from kerasgan.data.labels import of_labels

        batches = self.held_out.load("labelled")
        images, labels = batches.columns
        found = of_labels(data.Source(images, labels, batches.classes, batches.about), [label])
        self._check_enough(found, label, f"images of {self.held_out.name}")
        return latent.encode(self.model, images[found[: self.count]])

    def _samples_of_label(self, label):
        """Return the latents of the samples of a class that a classifier is surest of."""
        from kerasgan import metrics

        latents, images = self.candidates
        if "classify" in self.model.about["verbs"] and not self.features:
            logits, names = self.model.classify(images=images), class_names.of_model(self.model.about)
        else:
            network = metrics.feature_network(self.features or self.held_out.features())
            logits, names = network.classify(images), network.class_names
        number = class_names.number(label, names, range(logits.shape[1]), "The classifier knows no class")
        of_label = (logits.argmax(axis=1) == number).nonzero()[0]
        self._check_enough(of_label, label, f"{CANDIDATES:,} samples")
        surest = metrics.probabilities(logits)[of_label, number].argsort(kind="stable")[::-1]
        return latents[of_label[surest[: self.count]]]

    def _of_name(self, pattern):
        """Return the latents of the samples that are nearest to training pictures whose file names match."""
        files, order, names = self.names
        if not any(fnmatch.fnmatchcase(file, pattern) for file in files):
            raise UserError(f"No picture in {self.held_out.name} is named {pattern}: the first is {files[0]}.")
        found = [i for i, name in zip(order, names, strict=True) if fnmatch.fnmatchcase(name, pattern)]
        self._check_enough(found, pattern, f"{CANDIDATES:,} samples", "near pictures named")
        return self.candidates[0][found[: self.count]]

    def _check_enough(self, found, label, among, what="labelled"):
        if len(found) < self.count:
            raise UserError(
                f"Of the {among}, {len(found)} are {what} {label}, and {self.count} are to be averaged: "
                "ask for fewer --exemplars."
            )
