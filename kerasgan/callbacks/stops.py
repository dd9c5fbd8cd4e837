"""What ends a run before its last epoch."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading

import keras

from kerasgan.callbacks.checkpoints import advice, newest
from kerasgan.errors import Diverged
from kerasgan.paths import expanded


class StopWhenNotFinite(keras.callbacks.Callback):
    """Raise Diverged at the first loss that is not finite, with its step, its player, and the last good checkpoint."""

    def __init__(self, run: str | os.PathLike):
        super().__init__()
        self.folder = expanded(run) / "checkpoints"

    def on_train_batch_end(self, batch, logs=None):
        if all(math.isfinite(value) for value in (logs or {}).values()):
            return
        losses = {player: float(loss.numpy()) for player, loss in self.model.last_losses.items()}
        wrong = [f"the {player} is {loss}" for player, loss in losses.items() if not math.isfinite(loss)]
        step, last_good = self.model.run_steps, newest(self.folder)
        raise Diverged(
            f"At step {step} the loss of {' and of '.join(wrong) or 'a player is ' + str(logs)}. {advice(last_good)}"
        )


class StopAt(keras.callbacks.Callback):
    """End training after the step of the run that is numbered `step`."""

    def __init__(self, step: int):
        super().__init__()
        self.last_step = step

    def on_train_batch_end(self, batch, logs=None):
        if self.model.run_steps >= self.last_step:
            self.model.stop_training = self.model.stops_alike = True


class StopOnSignal(keras.callbacks.Callback):
    """On Ctrl-C or SIGTERM, end training after the current step, so that all is written; on a second one, at once."""

    def on_train_begin(self, logs=None):
        self.before = {}
        if threading.current_thread() is threading.main_thread():
            self.before = {s: signal.signal(s, self._stop) for s in (signal.SIGINT, signal.SIGTERM)}
            self.model.when_fit_ends.callback(self._restore)

    def _stop(self, signum, frame):
        self._restore()
        print(
            "\nStopping after this step, and writing what there is. Again to stop at once.", file=sys.stderr, flush=True
        )
        self.model.stop_training = True

    def _restore(self):
        for s, handler in self.before.items():
            signal.signal(s, handler)
        self.before = {}
