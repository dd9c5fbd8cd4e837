"""One of several workers, in a process of its own: what tests/test_workers.py and tests/several_workers.py start.

python as_worker.py train VARIANT    train, see what workers say to each other, and be killed in a second run
python as_worker.py resume VARIANT   go on with the second run

Each writes what it saw into NUMBER.json, its weights after an epoch into epoch-NUMBER.npz, and all its variables after
the last one into NUMBER.npz, in the folder where it is started.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import keras
import numpy as np

from kerasgan import callbacks, workers
from kerasgan.command_line import answer
from kerasgan.contract import small
from kerasgan.contract.small import small_batches, small_model
from kerasgan.data import Batches
from kerasgan.errors import UserError

EPOCHS = 2
STEP_OF_DEATH = 3  # of the second epoch; one of n_critic minibatches has few steps


class At(keras.callbacks.Callback):
    """Do something on one worker, after one step of the run."""

    def __init__(self, is_here, step, do):
        super().__init__()
        self.is_here, self.step, self.do = is_here, step, do

    def on_train_batch_end(self, batch, logs=None):
        if self.is_here and self.model.run_steps == self.step:
            self.do(self.model)


class ChiefStops(keras.callbacks.Callback):
    """Ask for the end after an epoch, on the chief alone, as something that only the chief measures would."""

    chief_only = True

    def on_epoch_end(self, epoch, logs=None):
        stop(self.model)


def stop(model):
    model.stop_training = True


def die(model):
    os.kill(os.getpid(), signal.SIGKILL)


def everything(model):
    optimizers = [v for optimizer in model.optimizers.values() for v in optimizer.variables]
    return [*model.weights, *optimizers, *(v for mean in model.metrics for v in mean.variables)]


def watching(run, batches, resume=False, *more):
    record = callbacks.Record(run, batches, resume)
    return [record, callbacks.StopWhenNotFinite(run), callbacks.History(run), *more, callbacks.Checkpoints(run, 0)]


def refused(do):
    try:
        do()
    except UserError as error:
        return str(error)
    return None


def train(key, strategy, number):
    seen = {}
    batches = small_batches(key)
    with strategy.scope():
        seen["other model"] = refused(lambda: small_model(key, shape=(12, 10 + 2 * number, 1)))
        seen["xla"] = refused(lambda: small_model(key, jit_compile=True))
        seen["several steps"] = refused(lambda: small_model(key, steps_per_execution=2))
        seen["accumulate"] = refused(lambda: small_model(key, accumulate=2))
        model = small_model(key, seed=number)  # the chief's weights are all workers'
    others = Batches(tuple(c[::-1] if number else c for c in batches.columns), batches.takes, 4, classes=small.CLASSES)
    seen["other data"] = refused(lambda: model.fit(others, verbose=0))
    start = [v.numpy() for v in everything(model)]
    steps = batches.steps_per_epoch(model.batches_per_step)

    def keep(model):
        np.savez(f"epoch-{number}.npz", *[v.numpy() for v in model.weights])

    model.fit(batches, epochs=EPOCHS, verbose=0, callbacks=watching("whole", batches, False, At(True, steps, keep)))
    np.savez(f"{number}.npz", *[v.numpy() for v in everything(model)])

    def stopped_after(*which):
        before = int(model.step.numpy())
        model.fit(batches, epochs=before // steps + 3, initial_epoch=before // steps, verbose=0, callbacks=[*which])
        return int(model.step.numpy()) - before

    if steps > 4:  # of few steps, there is no middle of an epoch
        seen["steps of an epoch"] = steps
        at = int(model.step.numpy()) + 2
        seen["stopped by one"] = stopped_after(At(number == 1, at, stop))
        seen["stopped by all"] = stopped_after(callbacks.StopAt(int(model.step.numpy()) + 2))
        seen["stopped by the chief"] = stopped_after(ChiefStops())
    Path(f"{number}.json").write_text(json.dumps(seen))

    for variable, value in zip(everything(model), start, strict=True):
        variable.assign(value)
    killed = At(number == 1, steps + min(STEP_OF_DEATH, steps - 1), die)
    model.fit(batches, epochs=EPOCHS, verbose=0, callbacks=watching("broken", batches, False, killed))
    return 0


def resume(key, strategy, number):
    batches = small_batches(key)
    with strategy.scope():
        model = small_model(key, seed=7)
    model.fit(batches, epochs=EPOCHS, verbose=0, callbacks=watching("broken", batches, True))
    np.savez(f"{number}.npz", *[v.numpy() for v in everything(model)])
    return 0


def main(scenario, key):
    if Path("features.keras").exists():
        small.GIVEN["srgan"] = {"features": str(Path("features.keras").absolute())}
    strategy = workers.strategy("all")
    return {"train": train, "resume": resume}[scenario](key, strategy, workers.of(strategy).number)


if __name__ == "__main__":
    sys.exit(answer("as_worker", lambda: main(*sys.argv[1:])))
