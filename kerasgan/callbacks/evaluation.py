"""How good samples become while a model learns, and the best of its checkpoints."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from kerasgan import evaluation, progress, run_folder
from kerasgan.errors import UserError
from kerasgan.metrics import FeatureNetwork
from kerasgan.paths import expanded, for_tensorflow
from kerasgan.saved_model import LiveModel


class Evaluation(keras.callbacks.Callback):
    """Measure samples every few epochs; write evaluation.csv and TensorBoard scalars, and keep the best checkpoint.

    real: uint8 images that are not trained on
    network: what images are measured with, from kerasgan.metrics.feature_network()
    every: epochs from one evaluation to the next; the last epoch has one, too
    n: samples, and real images; fewer than for a final number, whose Frechet distance would be lower
    name: what the Frechet distance is called with these features on this data
    clock: what seconds are read from; time.process_time counts those that processor cores worked

    What too few images do not let be measured is left out; without a Frechet distance, no checkpoint is the best one.
    The checkpoint of the lowest Frechet distance is in the run's folder `best`: kerasgan.restore(run, "best").
    Seconds are those of training alone, without those of an epoch that was broken off. What cannot be measured is said
    and left out: it ends no run. Raises UserError for a model that samples nothing, and for no real images.
    """

    chief_only = True

    def __init__(
        self,
        run: str | os.PathLike,
        real: np.ndarray,
        network: FeatureNetwork,
        every: int = 1,
        n: int = 2000,
        name: str = "Frechet distance",
        clock: Callable[[], float] = time.monotonic,
    ):
        super().__init__()
        self.run, self.real, self.network = expanded(run), real, network
        self.every, self.n, self.name, self.clock = every, n, name, clock

    def on_train_begin(self, logs=None):
        if "sample" not in self.model.endpoints():
            raise UserError(
                f"{type(self.model).__name__} samples nothing, so there is nothing to evaluate as it learns."
            )
        if not len(self.real):
            raise UserError("There are no images to compare samples with as it learns.")
        for line in evaluation.unmeasured(min(self.n, len(self.real)), self.real.shape[1:], self.name):
            print(f"Not measured: {line}.", flush=True)
        self.path = self.run / "evaluation.csv"
        self.writer = tf.summary.create_file_writer(for_tensorflow(self.run / "tensorboard"))
        state = [v.value for v in self.model.state()]
        self.best = tf.train.CheckpointManager(
            tf.train.Checkpoint(state=state), for_tensorflow(self.run / "best"), max_to_keep=1
        )
        self.live = LiveModel(self.model)
        self.started, self.seconds_before = self.clock(), None

    def on_epoch_begin(self, epoch, logs=None):
        if self.seconds_before is None:  # of the epochs that an earlier process trained
            rows = [r for r in run_folder.read_table(self.path) if int(r["epoch"]) <= epoch]
            self.seconds_before = float(rows[-1]["seconds"]) if rows else 0.0

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every and epoch + 1 < self.params["epochs"]:
            return
        seconds = self.seconds_before + self.clock() - self.started
        try:
            with self.model.averaged():
                measures = evaluation.generation(self.live, self.real, None, self.network, self.n, 1, self.name)
        except UserError as error:
            progress.say(f"Epoch {epoch + 1} is not measured: {error}", self.params)
            return
        step, found = self.model.run_steps, {one.name: one.value for one in measures}
        rows = [r for r in run_folder.read_table(self.path) if int(r["epoch"]) <= epoch]
        distance = found.get(self.name)
        if distance is not None and all(distance < float(r[self.name]) for r in rows if r.get(self.name)):
            self.best.save(checkpoint_number=step)
        row = {"epoch": epoch + 1, "step": step, "seconds": f"{seconds:.1f}", **found}
        run_folder.write_table(self.path, [*rows, row])
        with self.writer.as_default(step=step):
            for name, value in found.items():
                tf.summary.scalar(f"evaluation/{name}", value)
        if distance is not None:
            n = min(self.n, len(self.real))
            progress.say(f"{self.name} of {n:,} samples: {distance:.4g}", self.params)
        self.seconds_before, self.started = seconds, self.clock()

    def on_train_end(self, logs=None):
        self.writer.close()
