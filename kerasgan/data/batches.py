"""Batches whose order is a pure function of the seed and the step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kerasgan import images
from kerasgan.data.degradations import Degradation
from kerasgan.data.labels import UNKNOWN
from kerasgan.errors import UserError


class Batches:
    """Examples that fit() trains on: shuffled anew every epoch, without a remainder, the same ones at the same step.

    `columns` are equally long array-likes that an integer array can index: uint8 images[n, height, width, channel],
    and for "labelled" int32 labels[n]. `takes` says what a batch is made of:

        images      float32 images in [-1, 1]
        labelled    (images, labels)
        partly_labelled  (images, labels), where a label of -1 is unknown: an image with its label and any image
                    without (-1), by turns, so that a few labels among many images are in every batch. An epoch shows
                    every image once without its label; first() and in_order() take no turns
        pairs       (source images, target images); with a `degradation`, of targets alone: sources are made of them
        domains     (images of one domain, images of the other), drawn independently; an epoch is the longer one

    With `mirror`, every image is flipped left to right half of the time. What a degradation draws is a function of the
    seed, the epoch and the place in it; first() and in_order() always draw the same. `image_shape` is that of the
    targets, where there are pairs.

    Raises ValueError for fewer examples than one batch.
    """

    def __init__(
        self,
        columns: tuple,
        takes: str,
        batch_size: int,
        seed: int = 0,
        mirror: bool = False,
        classes: int | None = None,
        about: dict[str, Any] | None = None,
        degradation: Degradation | None = None,
    ):
        self.columns, self.takes, self.batch_size, self.seed, self.mirror = columns, takes, batch_size, seed, mirror
        self.classes = int(columns[1].max()) + 1 if takes.endswith("labelled") and classes is None else classes
        self.about = about or {}
        self.degradation = degradation
        shapes = [tuple(column.shape[1:]) for column in columns if len(column.shape) == 4]
        if degradation:
            shapes = [degradation.source_shape(shapes[0]), *shapes]
        self.source_shape, self.image_shape = shapes[0], shapes[-1]
        self.examples = max(len(column) for column in columns)
        if takes == "partly_labelled" and not (columns[1] != UNKNOWN).any():
            raise UserError(f"None of the {self.examples} images has a label: partly_labelled needs at least one.")
        self.steps_per_epoch(1)

    def __len__(self) -> int:
        return self.steps_per_epoch(1)

    def steps_per_epoch(self, batches_per_step: int) -> int:
        """Return how many steps of `batches_per_step` batches an epoch has; raise ValueError if it has none."""
        length = self.examples * (2 if self.takes == "partly_labelled" else 1)
        steps = length // (self.batch_size * batches_per_step)
        if steps == 0:
            found = "There is 1 example" if self.examples == 1 else f"There are {self.examples} examples"
            needed = f"{batches_per_step} batches of {self.batch_size}" if batches_per_step > 1 else self.batch_size
            largest = length // batches_per_step
            what = f"a batch size of at most {largest}" if largest else f"at least {batches_per_step} examples"
            raise UserError(f"{found}; one step needs {needed}: give {what}.")
        return steps

    def sha256(self) -> str:
        """Return a digest of all examples; of very many images, of their names and sizes."""
        digest = hashlib.sha256()
        for column in self.columns:
            for part in [np.ascontiguousarray(column).data] if isinstance(column, np.ndarray) else column.content():
                digest.update(part)
        if self.degradation:
            digest.update(repr(self.degradation).encode())
        return digest.hexdigest()

    def different(self, most: int) -> int:
        """Return how many different images there are to learn, or `most` as soon as there are as many."""
        images = [column for column in self.columns if len(column.shape) == 4][-1]
        seen = set()
        for i in range(len(images)):
            seen.add(images[np.arange(i, i + 1)].tobytes())
            if len(seen) >= most:
                break
        return len(seen)

    def first(self, n: int) -> Any:
        """Return the first n examples as one batch, in the order they came: what snapshots are made of."""
        return self._tensors(self._as_they_came(0, n))

    def some(self, n: int) -> np.ndarray:
        """Return up to n of the images (of the sources, where there are pairs), chosen at random, always the same."""
        return self.columns[0][np.random.default_rng(0).permutation(len(self.columns[0]))[:n]]

    def in_order(self) -> tf.data.Dataset:
        """Return a dataset of all examples as they came, once, with a last batch that may be smaller."""
        starts = range(0, self.examples, self.batch_size)
        return self._dataset(
            lambda: (self._as_they_came(start, start + self.batch_size) for start in starts), None
        ).apply(tf.data.experimental.assert_cardinality(len(starts)))

    def stream(
        self, first_step: Callable[[], int], batches_per_step: int = 1, shares: Sequence[int] = (0,), of: int = 1
    ) -> tf.data.Dataset:
        """Return an endless dataset of batches; each time it is iterated, it starts at `first_step()`.

        shares: which ones of each batch, `of` how many, to yield one after the other. No others are read
        """
        size = self.batch_size // of * batches_per_step
        return self._dataset(lambda: self._numpy_batches(first_step(), batches_per_step, shares, of), size)

    def _dataset(self, batches, size):
        signature = [
            tf.TensorSpec((size, *column.shape[1:]), np.uint8 if len(column.shape) == 4 else np.int32)
            for column in self.columns
        ]
        if self.degradation:
            signature = [tf.TensorSpec((size, *self.source_shape), np.uint8), *signature]
        batches = tf.data.Dataset.from_generator(batches, output_signature=tuple(signature))
        options = tf.data.Options()
        options.autotune.enabled = False  # its thread holds up the end of fit() for seconds
        return batches.map(lambda *columns: self._tensors(columns)).prefetch(2).with_options(options)

    def _as_they_came(self, start: int, stop: int) -> tuple[np.ndarray, ...]:
        """Return the columns of some examples in their own order; what is drawn for them, no seed changes."""
        columns = tuple(column[np.arange(start, min(stop, len(column)))] for column in self.columns)
        return self._degraded(columns, (0, 0), np.arange(start, stop))

    def _numpy_batches(self, step, batches_per_step, shares, of) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield the columns of each batch, or of some shares of it, from `step` on."""
        # A share has the same place in each of the batches of a step.
        places = np.arange(self.batch_size * batches_per_step).reshape(batches_per_step, of, -1)
        steps, size = self.steps_per_epoch(batches_per_step), self.batch_size * batches_per_step
        epoch, first = divmod(step, steps)
        while True:
            orders = [self._order(epoch, column, steps * size) for column in range(len(self.columns))]
            for start in range(first * size, steps * size, size):
                for share in shares:
                    rows = start + places[:, share].ravel()
                    columns = tuple(
                        self._flipped(column[indices[rows]], mirrored[rows])
                        for column, (indices, mirrored) in zip(self.columns, orders, strict=True)
                    )
                    if self.takes == "partly_labelled":
                        columns = columns[0], np.where(rows % 2, UNKNOWN, columns[1])
                    yield self._degraded(columns, (self.seed, epoch + 1), rows)
            epoch, first = epoch + 1, 0

    def _degraded(self, columns, seeds, rows):
        """Return the columns with the sources that a degradation makes of their images put first."""
        if not self.degradation:
            return columns
        # the last number tells these generators from the one that draws the order
        return self.degradation(columns[0], lambda i: np.random.default_rng((*seeds, rows[i], 1))), *columns

    def _order(self, epoch: int, column: int, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices of one epoch, and which of them are mirrored: alike in columns that belong together."""
        generator = np.random.default_rng((self.seed, epoch, column if self.takes == "domains" else 0))
        n = len(self.columns[column])
        if self.takes == "partly_labelled":
            labelled = np.flatnonzero(self.columns[1] != UNKNOWN)
            indices = np.empty(length, np.int64)
            indices[::2] = labelled[_permutations(generator, len(labelled), len(indices[::2]))]
            indices[1::2] = _permutations(generator, n, len(indices[1::2]))
        else:
            indices = _permutations(generator, n, length)
        return indices, generator.random(length) < (0.5 if self.mirror else 0)

    @staticmethod
    def _flipped(values: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
        if values.ndim == 4 and mirrored.any():
            values = np.ascontiguousarray(values)  # as what an array of integers indexes is, and no one else's
            pixels = values.view(f"V{values.shape[-1]}")  # which numpy moves five times as fast as their bytes
            pixels[mirrored] = pixels[mirrored][:, :, ::-1]
        return values

    @staticmethod
    def _tensors(columns) -> Any:
        tensors = tuple(images.from_uint8(c) if len(c.shape) == 4 else tf.cast(c, tf.int32) for c in columns)
        return tensors if len(tensors) > 1 else tensors[0]


def _permutations(generator: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Return `length` indices below n, each as often as the others, in one permutation after another."""
    return np.concatenate([generator.permutation(n) for _ in range(-(-length // n))])[:length]
