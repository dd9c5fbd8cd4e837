"""Checkpoints that no kill can break, and from which a run goes on as if nothing had happened."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasgan import models, own_classes, run_folder
from kerasgan.errors import Diverged, UserError
from kerasgan.model import GenerativeModel
from kerasgan.paths import expanded, for_tensorflow


class Checkpoints(keras.callbacks.Callback):
    """Save all that training changes, every `seconds` and at the end; start from the newest checkpoint there is.

    Saved are weights, optimizers, loss scales, image pools, counts of drawn noise, and the running means of the
    epoch; data from kerasgan.data needs no more than the step. The two newest checkpoints are kept.
    Raises Diverged instead of saving a weight that is not finite.
    """

    chief_only = True

    def __init__(self, run: str | os.PathLike, seconds: float = 30.0):
        super().__init__()
        self.folder = expanded(run) / "checkpoints"
        self.seconds = seconds
        self.means = None

    def on_train_begin(self, logs=None):
        if self.params["steps"] is None:
            raise UserError("Checkpoints need to know the length of an epoch: give fit() steps_per_epoch.")
        for broken in self.folder.glob("*_temp"):
            shutil.rmtree(broken)
        state = [v.value for v in self.model.state()]
        checkpoint = tf.train.Checkpoint(state=state)
        self.manager = tf.train.CheckpointManager(checkpoint, for_tensorflow(self.folder), max_to_keep=2)
        self.model.when_fit_ends.callback(self._begin_anew)
        self.saved_step = None
        if self.manager.latest_checkpoint:
            self._restore()
        else:
            self._save()

    def on_epoch_begin(self, epoch, logs=None):
        if self.means is not None:  # fit() has just reset the means of the epoch that was broken off
            for variable, value in zip(self._mean_variables(), self.means, strict=True):
                variable.assign(value)
            self.means = None

    def on_train_batch_end(self, batch, logs=None):
        # not on the last step of an epoch: a run that went on from there would miss what on_epoch_end writes
        if time.monotonic() > self.saved_at + self.seconds and self.model.run_steps % self.params["steps"]:
            self._save()

    def on_epoch_end(self, epoch, logs=None):
        if time.monotonic() > self.saved_at + self.seconds / 4:
            self._save()

    def on_train_end(self, logs=None):
        self._save()

    def _begin_anew(self):
        """Let a further fit() start at its own first epoch, also after one that was broken off."""
        self.model._initial_epoch = None
        self.model.steps_to_skip = 0

    def _save(self):
        step = self.model.run_steps
        if step != self.saved_step:
            check_finite(self.model, newest(self.folder))
            try:
                self.manager.save(checkpoint_number=step)
            except tf.errors.OpError as error:
                kept = newest(self.folder)
                raise UserError(f"Cannot write to {self.folder}: {error.message} {kept} is kept.") from None
        self.saved_step, self.saved_at = step, time.monotonic()

    def _restore(self):
        self.manager.checkpoint.restore(self.manager.latest_checkpoint).assert_consumed()
        self.saved_step, self.saved_at = self.model.run_steps, time.monotonic()
        epoch, steps_taken = divmod(self.model.run_steps, self.params["steps"])
        self.model._initial_epoch = epoch  # as keras.callbacks.BackupAndRestore does
        self.model.steps_to_skip = steps_taken
        if steps_taken:
            self.means = [v.numpy() for v in self._mean_variables()]

    def _mean_variables(self):
        return [v for mean in self.model.metrics for v in mean.variables]


def newest(folder: str | os.PathLike) -> Path | None:
    """Return the newest checkpoint in a folder; None if there is none."""
    found = tf.train.latest_checkpoint(for_tensorflow(folder))
    return found and Path(folder) / os.path.basename(found)


def restore(run: str | os.PathLike, folder: str = "checkpoints") -> keras.Model:
    """Return the model of a run folder, built as its run.json says, with the weights of its newest checkpoint.

    folder: of the checkpoints; `best` for the one that `Evaluation` kept

    A class of one's own has to be defined or imported before. The model goes on training with optimizers that start
    anew; to continue the run itself, resume it. Raises UserError if the folder holds no run, or no checkpoint, or if
    its class is not there or has changed.
    """
    record = run_folder.read(run)
    checkpoint = newest(expanded(run) / folder)
    if checkpoint is None:
        raise UserError(f"There is no checkpoint in {expanded(run) / folder}: train it first.")
    cls = class_of(run, record)
    try:
        model = cls.from_config({**record["hyperparameters"], "dtype": record["precision"]})
    except (TypeError, UserError) as error:
        raise UserError(f"The {cls.__name__} of {run} cannot be built again: {error}") from None
    weights = tf.train.Checkpoint(state=[w.value for w in model.weights])  # the first part of model.state()
    try:
        weights.restore(for_tensorflow(checkpoint)).assert_existing_objects_matched().expect_partial()
    except (ValueError, AssertionError):
        raise UserError(f"{run} was trained with a {cls.__name__} whose networks had other shapes.") from None
    return model


def exported(run: str | os.PathLike) -> keras.Model:
    """Return the model of a run folder with the weights that its SavedModel has: those of the best checkpoint, or not.

    Raises UserError as restore() does, and if there is no checkpoint of that step.
    """
    steps = run_folder.about_model(run_folder.saved_model(run))["steps"]
    for folder in ("checkpoints", "best"):
        if (expanded(run) / folder).is_dir() and int((model := restore(run, folder)).step.numpy()) == steps:
            return model
    raise UserError(f"{run} has no checkpoint of step {steps:,}, where it was exported.")


def class_of(run: str | os.PathLike, record: dict[str, Any]) -> type[GenerativeModel]:
    """Return the class that a run.json or a kerasgan.json names. Raises UserError if it is not here."""
    if "class" in record:
        return own_classes.find(run, record, GenerativeModel)
    if record["variant"] not in models.CLASSES:
        raise UserError(f"{run} was trained by {record['variant']}, which is no variant of this kerasgan.")
    return models.MODELS[record["variant"]]


def check_finite(model: keras.Model, last_good: Path | None) -> None:
    """Raise Diverged if a weight is not finite."""
    for w in model.weights:
        if not np.isfinite(w.numpy()).all():
            raise Diverged(f"{w.path} is not finite after step {model.run_steps}. {advice(last_good)}")


def advice(last_good: Path | None) -> str:
    """Return what to do about a run that diverged."""
    kept = f"The last good checkpoint is {last_good}." if last_good else "There is no checkpoint before it."
    return f"{kept} Try lower learning rates, or --precision float32 if it was not."
