"""All images of a data set of tensorflow-datasets, and their labels: in memory, or prepared, if they are too many."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import numpy as np

from kerasgan import prepared
from kerasgan.data.files import fitted
from kerasgan.errors import UserError

TOGETHER = 1024  # images of one size that are fetched at once: a hundred times fewer calls
BYTES = 2**24  # of them at most
AHEAD = 2**28  # bytes that TensorFlow may read ahead


def examples(
    builder: Any,
    split: str,
    images_key: str,
    labels_key: str | None,
    image_size: tuple[int, int] | None,
    channels: int | None,
) -> tuple[np.ndarray | prepared.Images, np.ndarray | None]:
    """Return uint8 images[n, height, width, channel] of a split, at the size of the first unless one is given, and
    int32 labels[n], if it has them.

    builder: the data set, as tensorflow-datasets has it, downloaded

    Raises UserError for images that are not uint8, and if they neither fit in memory nor can be kept.
    """
    its = builder.info.splits[split]
    dataset = builder.as_dataset(split=split, shuffle_files=False, read_config=_read_config())
    if dataset.element_spec[images_key].dtype != "uint8":
        raise UserError(f"The images are {dataset.element_spec[images_key].dtype}; only uint8 can be trained on.")
    (first,) = dataset.take(1).as_numpy_iterator()
    *size, depth = first[images_key].shape
    shape = (its.num_examples, 1, *(image_size or size), channels or depth)
    stream = _Stream(dataset, images_key, labels_key, shape[2:])
    if np.prod(shape, dtype=np.int64) <= prepared.IN_MEMORY:
        few = stream.rows(0, its.num_examples, lambda n: None)
        return few.pixels[:, 0], None if labels_key is None else np.array(few.notes["labels"], np.int32)
    files = [(os.fspath(file), os.stat(file)) for file in its.filepaths]
    facts = {
        "files": [(os.path.realpath(file), about.st_size, about.st_mtime_ns) for file, about in files],
        "shape": shape,
        "split": split,
        "keys": (images_key, labels_key),
    }
    known = {"roots": [], "image_size": shape[2:4]}
    kept = prepared.kept(builder.info.full_name, facts, known, lambda: prepared.Plan(shape, {}, stream.rows))
    rows = np.arange(sum(len(shard) for shard in kept.shards))
    digests = "\n".join(notes["sha256"] for notes in kept.notes).encode()
    images = prepared.Images(kept.shards, rows, 0, lambda rows: digests + rows.tobytes())
    labels = np.concatenate([np.array(notes["labels"], np.int32) for notes in kept.notes])
    return images, labels if labels_key else None


def _read_config():
    import tensorflow as tf
    import tensorflow_datasets as tfds

    options = tf.data.Options()
    options.autotune.ram_budget = AHEAD
    return tfds.ReadConfig(options=options, try_autocache=False)  # which would keep it in memory twice


class _Stream:
    """The examples of a dataset as rows of uint8 pixels[part, height, width, channel], made in their order."""

    def __init__(self, dataset, images_key, labels_key, shape):
        self.dataset, self.images_key, self.labels_key, self.shape = dataset, images_key, labels_key, shape
        its = dataset.element_spec[images_key].shape
        same = its.is_fully_defined()
        self.together = max(1, min(TOGETHER, BYTES // its.num_elements())) if same else 1
        self.at, self.left = -1, (np.empty((0, *shape), np.uint8), [])  # which is next, and what is made of it already

    def rows(self, start, stop, done):
        """Return the rows from one number to another, with their labels."""
        if start != self.at:
            self.at, self.left = start, (self.left[0][:0], [])
            batches = self.dataset.skip(start).batch(self.together).as_numpy_iterator()
            self.made = prepared.in_order(self._fitted, batches, lambda batch: batch[self.images_key].nbytes)
        pixels, labels = np.empty((stop - start, 1, *self.shape), np.uint8), []
        while self.at < stop:
            if not len(self.left[0]):
                self.left = next(self.made)
            images, its = (column[: stop - self.at] for column in self.left)
            pixels[self.at - start :][: len(images), 0] = images
            labels += its
            self.left = tuple(column[len(images) :] for column in self.left)
            self.at += len(images)
            done(len(images))
        return prepared.Shard(pixels, {"labels": labels, "sha256": hashlib.sha256(pixels.data).hexdigest()})

    def _fitted(self, batch):
        labels = batch[self.labels_key].tolist() if self.labels_key else [0] * len(batch[self.images_key])
        return fitted(batch[self.images_key], self.shape[:2], self.shape[2]), labels
