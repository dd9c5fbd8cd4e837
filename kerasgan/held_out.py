"""The images that a model is measured on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasgan import class_names, tasks
from kerasgan.errors import UserError
from kerasgan.paths import expanded

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from kerasgan import data, metrics

SAMPLES, DRAWS = 10_000, 3  # images at most, and samples in each draw, unless other numbers are asked for


def is_found_by_name(about: dict[str, Any]) -> bool:
    """Return whether data, the `data` in kerasgan.json, is found by its name wherever one is, and not at a place."""
    return about.get("name") == "digits" or "version" in about  # as data sets of tensorflow-datasets have


def anywhere(about: dict[str, Any]) -> str:
    """Return the name of data, the `data` in kerasgan.json, without the path of the machine that it was on."""
    return about["name"] if is_found_by_name(about) else Path(about["name"]).name  # tensorflow-datasets may have a /


class HeldOut:
    """The data that a model is measured on: what it was trained on, of another split, unless another is named.

    trained_on: the `data` in kerasgan.json
    normal: labels of the only images that were learnt, where not all were
    """

    def __init__(
        self,
        trained_on: dict[str, Any],
        image_shape: tuple[int, int, int],
        name: str | None = None,
        split: str | None = None,
        data_dir: str | None = None,
        task: str | None = None,
        normal: str | None = None,
    ):
        self.trained_on, self.image_shape, self.data_dir, self.task = trained_on, image_shape, data_dir, task
        self.is_given = name is not None
        found = name or trained_on.get("name")
        if found is None:
            raise UserError("The model does not say what it was trained on: give --data.")
        self.name: str = found
        self.split = split or ("train" if self._is_all_to_train_on() else "test")
        self.normal = trained_on.get("normal") if normal is None else normal
        self.reasons: list[str] = []

    def features(self) -> str:
        """Return which network measures samples, unless one is named."""
        return "mnist" if self.name in ("mnist", "digits") else "cifar10"

    def distance(self, network: metrics.FeatureNetwork) -> str:
        """Return what the Frechet distance is called."""
        from kerasgan.metrics import inception

        if network.sha256 == inception.SHA256:
            return "FID"
        if (network.name, self.name) == ("mnist_classifier", "mnist"):
            return "MNIST-FID"
        return f"Frechet distance ({network.name})"

    def load(self, task: str, split: str | None = None, **options: Any) -> data.Batches:
        """Return the data as a task makes it."""
        from kerasgan import data

        self._check_that_it_is_there()
        height, width, channels = self.image_shape
        return data.load(
            self.name,
            task=task,
            batch_size=1,
            image_size=(height, width),
            channels=channels,
            data_dir=self.data_dir,
            split=split or self.split,
            value_ranges=self.trained_on.get("value_ranges"),
            **options,
        )

    def columns(self, task: str, n: int | None, split: str | None = None, **options: Any) -> list[np.ndarray]:
        """Return n images, and what the task has beside them, as arrays, in a random order that is always the same."""
        import numpy as np

        columns = self.load(task, split, **options).columns
        chosen = np.random.default_rng(0).permutation(len(columns[0]))[:n]  # files come class by class
        return [column[chosen] for column in columns]

    def images(self, n: int, split: str | None = None) -> np.ndarray:
        """Return n images of the kind that was learnt: the normal ones, where some are not."""
        column, chosen = self._chosen(n, split)
        return column[chosen]

    def blocks(self, n: int, size: int) -> Iterator[np.ndarray]:
        """Yield the same images, `size` at a time: only these are in memory at once."""
        column, chosen = self._chosen(n, None)
        for start in range(0, len(chosen), size):
            yield column[chosen[start : start + size]]

    def _chosen(self, n, split):
        """Return what holds the images, and the indices of n of them, in a random order that is always the same."""
        import numpy as np

        if self.normal is None:
            columns = self.load("images", split).columns
        else:
            columns = self.load("one_class", split, normal=self.normal).columns
        order = np.random.default_rng(0).permutation(len(columns[0]))  # files come class by class
        if len(columns) > 1:
            order = order[columns[1][order] == 0]
        return columns[0], order[:n]

    def pairs(self, n: int) -> list[np.ndarray] | None:
        """Return uint8 sources and targets, at most n; None where the data has no pairs."""
        from kerasgan import images

        task, options = self.task or self.trained_on.get("task", "pairs"), {}
        if self.trained_on.get("halves") and not self.task:
            task, options = "pairs", {"halves": True, "right_to_left": self.trained_on.get("right_to_left", False)}
        elif tasks.TASKS[task] != "pairs":
            fitting = ", ".join(tasks.fit("pairs"))
            self.reasons.append(
                f"translations: they are judged by pairs, and it learnt without: give --task, one of {fitting}"
            )
            return None
        options |= {name: self.trained_on[name] for name in tasks.options_of(task, {}) if name in self.trained_on}
        batches = self.load(task, **options)
        return [images.to_uint8(side).numpy() for side in batches.first(min(n, batches.examples))]

    def _is_all_to_train_on(self):
        if self.name == "digits" or self.name.lower().endswith(".npz"):
            return True
        from kerasgan.data.sources import holds_split

        return os.path.isdir(expanded(self.name)) and not holds_split(expanded(self.name), "test")

    def _check_that_it_is_there(self):
        if self.is_given or is_found_by_name(self.trained_on) or os.path.exists(expanded(self.name)):
            return
        import tensorflow_datasets as tfds

        if self.name not in tfds.list_builders(with_community_datasets=False):  # a script may leave the version out
            raise UserError(
                f"The model was trained on {self.name}, which is not there: give --data with where it is now."
            )

    def labelled(self, n: int) -> list[np.ndarray] | None:
        """Return n images at most and their labels, by the numbers that the model's classes have; None without labels.

        Classes are matched by name: a split that lacks some numbers its own in another way.
        """
        import numpy as np

        from kerasgan import data
        from kerasgan.data.labels import UNKNOWN

        height, width, channels = self.image_shape
        ranges = self.trained_on.get("value_ranges")
        source = data.read(self.name, (height, width), channels, self.data_dir, self.split, value_ranges=ranges)
        if source.labels is None:
            self.reasons.append(f"accuracy: it takes labels, and {self.name} has none")
            return None
        names = source.about.get("class_names", [])
        theirs = [class_names.name_of(n, names) for n in range(source.classes or 0)]
        numbers = class_names.matched(theirs, self.trained_on.get("class_names", []))
        ours = np.array([UNKNOWN if n is None else n for n in numbers])
        labels = np.where(source.labels == UNKNOWN, UNKNOWN, ours[source.labels])
        known = np.flatnonzero(labels != UNKNOWN)
        if left := len(labels) - len(known):
            self.reasons.append(f"accuracy of {left} of {len(labels)} images: they are in no class that was learnt")
        chosen = known[np.random.default_rng(0).permutation(len(known))[:n]]  # files come class by class
        return [source.images[chosen], labels[chosen]] if len(known) else None

    def anomalies(self, n: int) -> list[np.ndarray] | None:
        """Return n images at most and which are anomalies (1); None where an AUC cannot be taken of them."""
        if self.normal is None:
            why = "give --normal, the labels of the images that are no anomalies"
        elif self.split == "train":
            why = "the train split has normal images alone: give another --split"
        else:
            images, anomalous = self.columns("one_class", n, normal=self.normal)
            if 0 < anomalous.sum() < len(anomalous):
                return [images, anomalous]
            kind = "anomalies" if anomalous.any() else "normal"
            why = f"it compares normal images with anomalies; all {len(images)} are {kind}"
        self.reasons.append(f"AUC of the anomaly score: {why}")
        return None

    def missing(self) -> str:
        """Return why nothing can be measured."""
        return "; ".join(self.reasons) or "it has no verb that there is a measure for"
