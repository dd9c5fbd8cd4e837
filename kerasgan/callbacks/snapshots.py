"""Pictures of what a model makes while it learns."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kerasgan import images
from kerasgan.data.batches import Batches
from kerasgan.paths import for_tensorflow


class Snapshots(keras.callbacks.Callback):
    """Write model.snapshot() before training and after each epoch, as a PNG and to TensorBoard.

    data: Batches, or one batch, from which variants that need images take the first few
    """

    def __init__(self, run: str | os.PathLike, data: Batches | Any):
        super().__init__()
        self.run = Path(run)
        self.batch = data.first(64) if isinstance(data, Batches) else data

    def on_train_begin(self, logs=None):
        self.folder = self.run / "snapshots"
        self.folder.mkdir(exist_ok=True, parents=True)
        self.writer = tf.summary.create_file_writer(for_tensorflow(self.run / "tensorboard"))

    def on_epoch_begin(self, epoch, logs=None):  # on_train_begin is too early to tell a run that goes on
        if self.model.run_steps == 0:
            self._write(0)

    def on_epoch_end(self, epoch, logs=None):
        self._write(epoch + 1)

    def on_train_end(self, logs=None):
        self.writer.close()

    def _write(self, epoch):
        picture = images.grid(images.to_uint8(self.model.snapshot(self.batch)).numpy())
        images.write_png(self.folder / f"{epoch:05d}.png", picture)
        with self.writer.as_default():
            tf.summary.image("snapshot", picture[None], step=self.model.run_steps, description=caption(self.model))


def caption(model: keras.Model) -> str:
    """Return what the grid of model.snapshot() shows: the first paragraph of its docstring."""
    return " ".join((type(model).snapshot.__doc__ or "").strip().partition("\n\n")[0].split())
