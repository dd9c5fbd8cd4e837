"""run.json: all that is needed to repeat a run; and the SavedModel at its end."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shlex
import shutil
import sys
import time
from typing import Any

import keras
import numpy as np

from kerasgan import progress, run_folder
from kerasgan.callbacks.checkpoints import newest, restore
from kerasgan.callbacks.snapshots import caption
from kerasgan.data.batches import Batches
from kerasgan.errors import UserError
from kerasgan.model import ABOUT
from kerasgan.paths import expanded, for_tensorflow

ENOUGH = 20  # different images, from which on a model may make new ones: of fewer, all that were tried made copies


class Record(keras.callbacks.Callback):
    """Make the run folder with its run.json, and complete that at the end. See `standard` for the arguments."""

    chief_only = True

    def __init__(self, run: str | os.PathLike, data: Batches, resume: bool = False, **settings: Any):
        super().__init__()
        self.run, self.data, self.resume, self.settings = expanded(run), data, resume, settings
        for_tensorflow(run)  # or it says now that it cannot use the name
        (run_folder.check_resumable if resume else run_folder.check_new)(run)

    def on_train_begin(self, logs=None):
        about = {
            **self.model.describe(),
            "data": {
                **self.data.about,
                "takes": self.data.takes,
                "batch_size": self.data.batch_size,
                "sha256": self.data.sha256(),
            },
            "seed": self.data.seed,
            "snapshot": caption(self.model),
        }
        if self.resume:
            self._lock()
            self._check_same(about)
            if went := run_folder.read(self.run).get("went_on_from"):
                self.model.went_on(went)  # as its checkpoints do not say what stands still
            counts = self._count_from_here()
            changed = {"data": about["data"], **self.settings, "first_step": counts["first_step"]}
            run_folder.write(self.run, {**run_folder.read(self.run), **changed})
        else:
            started = {**_command(), "cores": _cores(), **self.settings, "started": _now()}
            self._make_folder({**about, **self._count_from_here(), **started})
            self._lock()
            self._say_if_few()
            self._say_what_is_not_accumulated()
        self._check_space()
        self.started = time.monotonic()

    def on_train_end(self, logs=None):
        record, steps = run_folder.read(self.run), self.model.run_steps
        if record.get("steps") == steps:
            return  # a run that had ended, and was resumed in vain
        seconds = record.get("seconds", 0) + time.monotonic() - self.started  # a process that was killed told none
        record |= {"steps": steps, "epochs": self.params["epochs"], "ended": _now(), "seconds": round(seconds, 1)}
        with self.model.averaged():
            record["weights_sha256"] = weights_sha256(self.model)
        run_folder.write(self.run, record)

    def _say_if_few(self):
        if "sample" not in self.model.endpoints() or (found := self.data.different(ENOUGH)) == ENOUGH:
            return
        n = self.data.examples
        what = {
            n: f"There are only {n} images",
            1: f"All {n} images are the same" if n > 1 else "There is only 1 image",
        }.get(found, f"Only {found} of the {n} images are different")
        progress.say(
            f"{what}: a model learns so few by heart, and makes no others. Give it {ENOUGH} or more that differ, and "
            "better hundreds.",
            self.params,
        )

    def _say_what_is_not_accumulated(self):
        if (n := self.model.accumulate) > 1:
            size = self.data.batch_size
            for what in self.model.seen_by_itself():
                progress.say(f"{what} sees each minibatch of {size} by itself, not all {n * size}.", self.params)

    def _lock(self):
        self.model.when_fit_ends.callback(run_folder.lock(self.run).release)

    def _count_from_here(self):
        """Count steps from where the run began: its model may have had steps behind it, and Keras an initial epoch."""
        if newest(self.run / "checkpoints"):
            self.model.first_step = run_folder.read(self.run).get("first_step", 0)
        else:
            before = self.model.first_epoch * (self.params["steps"] or 0)
            self.model.first_step = int(self.model.step.numpy()) - before
        self.model.when_fit_ends.callback(setattr, self.model, "first_step", 0)
        return {"steps": self.model.run_steps, "first_step": self.model.first_step}

    def _make_folder(self, record):
        """Let folder and run.json appear at once: whoever finds the one finds the other."""
        part = self.run.with_name(f".{self.run.name}.{os.getpid()}")
        try:
            part.mkdir(parents=True)
            run_folder.write(part, record)
            part.rename(self.run)
        except OSError as error:
            shutil.rmtree(part, ignore_errors=True)
            run_folder.check_new(self.run)  # another process may have made it meanwhile
            raise UserError(
                f"Cannot write to {self.run}: {error.strerror}. Choose another folder with --run."
            ) from None

    def _check_same(self, about):
        recorded = {"accumulate": 1, **run_folder.read(self.run)}  # runs of versions that could not, say nothing of it
        about = json.loads(json.dumps(about))
        if recorded["data"].get("sha256") == about["data"]["sha256"]:  # the same data, wherever it is, and its name
            for record in (recorded, about):
                record["data"] = {name: record["data"].get(name) for name in ("takes", "batch_size")}
        for part in ("variant", "hyperparameters", "optimizers", "precision", "accumulate", "data", "seed"):
            if recorded[part] != about[part]:
                raise UserError(
                    f"{self.run} cannot be resumed with another {part}: {_changes(recorded[part], about[part])}."
                )

    def _check_space(self):
        """Two checkpoints and one in the making, the SavedModel, and the pictures have to fit."""
        needed = 4 * sum(v.value.dtype.size * int(np.prod(v.shape)) for v in self.model.state()) + 2**26
        free = shutil.disk_usage(self.run).free
        if free < needed:
            raise UserError(f"{self.run} needs {needed >> 20} MiB for checkpoints; its disk has {free >> 20} MiB left.")


class Export(keras.callbacks.Callback):
    """Write the SavedModel when training ends, also when it is stopped; leave it alone if no step was taken.

    best: what is written is the checkpoint that Evaluation found to be the best, if there is one, and not the last step
    half: its weights are stored in float16
    """

    chief_only = True

    def __init__(self, run: str | os.PathLike, best: bool = False, half: bool = False):
        super().__init__()
        self.run, self.best, self.half = expanded(run), best, half

    def on_train_end(self, logs=None):
        folder, part = self.run / "saved_model", self.run / "saved_model.part"
        about = folder / "kerasgan.json"
        model = restore(self.run, "best") if self.best and newest(self.run / "best") else self.model
        if about.is_file() and run_folder.about_model(folder)["steps"] == int(model.step.numpy()):
            return
        shutil.rmtree(part, ignore_errors=True)
        record = run_folder.read(self.run)
        with model.averaged():
            model.export(part, half=self.half, **{name: record[name] for name in ABOUT if name in record})
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)


def weights_sha256(model: keras.Model) -> str:
    """Return the SHA-256 of all weights, trainable or not, in the order of model.weights."""
    digest = hashlib.sha256()
    for w in model.weights:
        digest.update(np.ascontiguousarray(w.numpy()).tobytes())
    return digest.hexdigest()


def _command():
    """Return what a script was called with, such as a recipe; nothing for what else trains, such as a notebook."""
    return {"command": shlex.join(["python", *sys.argv])} if sys.argv[0].endswith(".py") else {}


def _cores():
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def _changes(before, now):
    if not isinstance(before, dict) or not isinstance(now, dict):
        return f"it was {before}, not {now}"
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return ", ".join(f"{name} ({_changes(before.get(name), now.get(name))})" for name in names)
