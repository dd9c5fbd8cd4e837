"""The film of a run while it goes on: timeline.gif and timeline.mp4."""

from __future__ import annotations

import os
import time

import keras

from kerasgan import film
from kerasgan.paths import expanded


class Film(keras.callbacks.Callback):
    """Write the film of a run at the end, and now and then while it goes on: not more than `share` of the time.

    It is made of what Snapshots and History write; there is none of a run without an epoch.
    """

    chief_only = True

    def __init__(self, run: str | os.PathLike, seconds: float = 60.0, share: float = 0.02):
        super().__init__()
        self.run, self.seconds, self.share = expanded(run), seconds, share

    def on_train_begin(self, logs=None):
        self.written_at = time.monotonic()
        self.wait = self.seconds

    def on_epoch_end(self, epoch, logs=None):
        if time.monotonic() > self.written_at + self.wait:
            self._write()

    def on_train_end(self, logs=None):
        self._write()

    def _write(self):
        if not film.has_begun(self.run):
            return
        started = time.monotonic()
        film.write(film.scene(self.run), self.run / "timeline.gif", self.run / "timeline.mp4")
        self.written_at = time.monotonic()
        self.wait = max(self.seconds, (self.written_at - started) / self.share)
