"""Latents that a user names: samples by number, pictures, images of the data, and exemplars of a label."""

from __future__ import annotations

import argparse
import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasgan.cli import pictures
from kerasgan.cli.held_out import FEATURES_HELP, HeldOut
from kerasgan.cli.options import positive, seed
from kerasgan.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from kerasgan.cli.outputs import Output
    from kerasgan.latent import Decoder

HELP = (
    "a sample by its number in the grid of `kerasgan generate` (0 is the first); and for models that encode, a picture "
    "or a folder of them, or image:17 of the data; or label:7, some --exemplars of it. Several with commas are averaged"
)
NUMBERED = 100_000  # samples
LONGEST = 30  # letters in the name of a point
CANDIDATES = 1000  # samples among which a classifier looks for exemplars


@dataclasses.dataclass(frozen=True)
class Point:
    """One latent, or several whose mean is taken: a kind (sample, image, label or path) and a value for each part."""

    name: str
    parts: tuple[tuple[str, Any], ...]


def add_options(command: argparse.ArgumentParser) -> None:
    """Add what says where latents come from."""
    command.add_argument("--seed", type=seed, default=0, help="of the samples")
    command.add_argument("--label", type=seed, help="what is made throughout, for models that take labels (0)")
    command.add_argument("--exemplars", type=positive, default=3, help="how many latents stand for a label")
    command.add_argument("--data", help="where image: and label: look (what the model was trained on)")
    command.add_argument("--data-dir", help="where tensorflow-datasets keeps its data")
    command.add_argument("--split", help="of the data (test; train for digits and .npz files, which have no other)")
    command.add_argument("--features", help=f"for label: of a model without encoder: {FEATURES_HELP}")


def point(text: str) -> Point:
    """Read what a user wrote for one latent."""
    names, parts = [], []
    for part in [text] if Path(text).expanduser().exists() else text.split(","):
        kind, colon, value = part.partition(":")
        if part.isdecimal() and int(part) < NUMBERED:
            names, parts = [*names, f"sample {part}"], [*parts, ("sample", int(part))]
        elif kind == "image" and value.isdecimal():
            names, parts = [*names, f"image {value}"], [*parts, ("image", int(value))]
        elif kind == "label" and value:
            names, parts = [*names, f"label {value}"], [*parts, ("label", int(value) if value.isdecimal() else value)]
        elif not colon and Path(part).expanduser().exists():
            names, parts = [*names, Path(part).stem], [*parts, ("path", part)]
        else:
            raise argparse.ArgumentTypeError(
                f"there is no {part}: give a sample's number below {NUMBERED}, a picture, image:NUMBER or label:LABEL"
            )
    kinds = {kind for kind, _ in parts}
    if len(parts) > 1 and kinds in ({"sample"}, {"image"}):
        names = [f"{kinds.pop()}s {', '.join(str(number) for _, number in parts)}"]
    name = " + ".join(names)
    return Point(name if len(name) <= LONGEST else f"{len(parts)} averaged", tuple(parts))


def usual(about: dict[str, Any], n: int) -> list[Point]:
    """Return the first samples of a model, or images of its data, if it draws none."""
    return [point(f"{i}" if "sample" in about["verbs"] else f"image:{i}") for i in range(n)]


def check(points: list[Point], about: dict[str, Any]) -> None:
    """Raise UserError for a kind of latents that a model with this kerasgan.json has not. It needs no TensorFlow."""
    name, verbs = about["variant"], about["verbs"]
    for kind, value in (part for one in points for part in one.parts):
        if kind == "sample" and "sample" not in verbs:
            raise UserError(f"{name} draws no samples, so that there is none of number {value}: give a picture.")
        if kind in ("path", "image") and "encode" not in verbs:
            raise UserError(f"{name} has no encoder that tells the latents of {value}: give samples by number.")
        if kind == "label" and "sample_labelled" in verbs:
            raise UserError(f"{name} is told the label beside its latents, which do not hold it: give samples.")


class Latents:
    """Where the latents of points come from: a model, its data, and a classifier where it takes one.

    to: what is written, which must be none of the pictures that are read
    """

    def __init__(self, model: Any, decode: Decoder, options: argparse.Namespace, to: Output):
        self.model, self.decode, self.options, self.to = model, decode, options, to

    @functools.cached_property
    def held_out(self) -> HeldOut:
        """The data, which a model that does not say what it learnt from may do without."""
        return held_out(self.model.about, self.options)

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

        return latent.prior(number + 1, self.decode.latent_dim, self.options.seed)[number:]

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
        found = pictures.named([path], shape, self.options.data_dir, self.options.split or "test", ranges)
        pictures.check_that_they_stay(found, self.to)
        blocks = pictures.blocks(found, shape, None, self.model.about["variant"])
        return np.concatenate([latent.encode(self.model, images) for _, images in blocks])

    def _of_label(self, label):
        return self._encoded_of_label(label) if "encode" in self.model.about["verbs"] else self._samples_of_label(label)

    def _encoded_of_label(self, label):
        from kerasgan import data, latent
        from kerasgan.data.labels import of_labels

        batches = self.held_out.load("labelled")
        images, labels = batches.columns
        found = of_labels(data.Source(images, labels, batches.classes, batches.about), [label])
        self._check_enough(found, label, f"images of {self.held_out.name}")
        return latent.encode(self.model, images[found[: self.options.exemplars]])

    def _samples_of_label(self, label):
        """Return the latents of the samples of a class that a classifier is surest of."""
        from kerasgan import latent, metrics

        latents = latent.prior(CANDIDATES, self.decode.latent_dim, self.options.seed)
        images = self.decode(latents)
        if "classify" in self.model.about["verbs"] and not self.options.features:
            logits = self.model.classify(images=images)
        else:
            logits = metrics.feature_network(self.options.features or self.held_out.features()).classify(images)
        if not isinstance(label, int) or label >= logits.shape[1]:
            raise UserError(f"The classifier knows labels by number, 0 to {logits.shape[1] - 1}, and not {label}.")
        of_label = (logits.argmax(axis=1) == label).nonzero()[0]
        self._check_enough(of_label, label, f"{CANDIDATES:,} samples")
        surest = metrics.probabilities(logits)[of_label, label].argsort(kind="stable")[::-1]
        return latents[of_label[surest[: self.options.exemplars]]]

    def _check_enough(self, found, label, among):
        if len(found) < self.options.exemplars:
            raise UserError(
                f"Of the {among}, {len(found)} are labelled {label}, and {self.options.exemplars} are to be averaged: "
                "ask for fewer --exemplars."
            )


def held_out(about: dict[str, Any], options: argparse.Namespace) -> HeldOut:
    """Return the data that a model with this kerasgan.json is explored with."""
    return HeldOut(
        about.get("data", {}), tuple(about["images"]["shape"]), options.data, options.split, options.data_dir
    )
