"""Pictures of what a model makes while it learns."""

from __future__ import annotations

import os
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasgan import film, images
from kerasgan.data.batches import Batches
from kerasgan.paths import expanded, for_tensorflow
from kerasgan.spacing import due

PICTURES = 100  # of a run: as many as a film has frames; and fewer, if these would be more than
MEGABYTES = 256  # of pixels; as PNG they are about half of that, once as files and once for TensorBoard


class Snapshots(keras.callbacks.Callback):
    """Write model.snapshot() before training and after each epoch, as a PNG and to TensorBoard; of long runs not all.

    data: Batches, or one batch, from which variants that need images take the first few

    Of more than 100 planned epochs, and of fewer if pictures are large, about 100 are shown: see kerasgan.spacing. A
    run that goes on for longer removes those files that it would not have written, had it been planned so; TensorBoard
    keeps what it was given.
    """

    chief_only = True

    def __init__(self, run: str | os.PathLike, data: Batches | Any):
        super().__init__()
        self.run = expanded(run)
        self.batch = data.first(64) if isinstance(data, Batches) else data

    def on_train_begin(self, logs=None):
        self.folder = self.run / "snapshots"
        self.folder.mkdir(exist_ok=True, parents=True)
        self.writer = tf.summary.create_file_writer(for_tensorflow(self.run / "tensorboard"))
        self.most = self.left_out = None

    def on_epoch_begin(self, epoch, logs=None):
        if self.most is None:  # now, as on_train_begin is too early to tell a run that goes on
            picture = self._picture()
            self.most = max(1, min(PICTURES, MEGABYTES * 2**20 // picture.nbytes))
            if self.model.run_steps == 0:
                self._write(0, picture)
            for shown, path in film.snapshots(self.run).items():
                if shown <= epoch and not self._due(shown):
                    path.unlink()

    def on_epoch_end(self, epoch, logs=None):
        self.left_out = None if self._due(epoch + 1) else epoch + 1
        if self.left_out is None:
            self._write(epoch + 1, self._picture())

    def on_train_end(self, logs=None):
        if self.left_out is not None:  # the last one is always shown
            self._write(self.left_out, self._picture())
        self.writer.close()

    def _due(self, epoch):
        return due(epoch, self.params["epochs"], self.most)

    def _picture(self) -> np.ndarray:
        with self.model.averaged():
            return images.grid(images.to_uint8(self.model.snapshot(self.batch)).numpy())

    def _write(self, epoch, picture):
        images.write_png(self.folder / f"{epoch:05d}.png", picture)
        with self.writer.as_default():
            tf.summary.image("snapshot", picture[None], step=self.model.run_steps, description=caption(self.model))


def caption(model: keras.Model) -> str:
    """Return what the grid of model.snapshot() shows: the first paragraph of its docstring."""
    return " ".join((type(model).snapshot.__doc__ or "").strip().partition("\n\n")[0].split())
