"""What fit() says while it trains: a progress bar where somebody looks on, and elsewhere, as in a file, whole lines."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable
from typing import Any

import keras

from kerasgan.spacing import due

LINES = 200  # of a long run: as many as somebody reads, also of a hundred thousand epochs


def told(train: Callable, *args: Any, **kwargs: Any) -> Any:
    """Return what Keras' fit(), `train`, returns for these arguments, and see to what it prints.

    With verbose="auto", its progress bar is for terminals and Jupyter, and there is a line for an epoch elsewhere. An
    error begins on a line of its own, below the bar.
    """
    given = inspect.signature(train).bind(*args, **kwargs)
    verbose, callbacks = given.arguments.get("verbose", "auto"), given.arguments.get("callbacks")
    if isinstance(callbacks, keras.callbacks.CallbackList):  # whoever made it decided what it prints
        return train(*args, **kwargs)
    bar, callbacks = _Bar(), keras.tree.flatten(callbacks) if callbacks else []
    if verbose == "auto" and not looked_at():
        verbose, callbacks = 0, [Lines(), *callbacks]
    given.arguments |= {"verbose": verbose, "callbacks": [bar, *callbacks]}
    try:
        return train(*given.args, **given.kwargs)
    except BaseException:
        if bar.drawn and has_bar(bar.params):
            print(flush=True)
        raise


def looked_at() -> bool:
    """Return whether a progress bar can move where the output goes, by Keras' own rule for terminals and Jupyter.

    Where Keras was told to log instead of printing, it goes on doing so.
    """
    return sys.stdout.isatty() or "ipykernel" in sys.modules or not keras.config.is_interactive_logging_enabled()


def has_bar(params: dict[str, Any]) -> bool:
    """Return whether a fit() with these params of its callbacks draws a progress bar."""
    return params.get("verbose") in ("auto", 1)


def say(text: str, params: dict[str, Any]) -> None:
    """Print a line of its own from a callback with these params, below the progress bar if there is one."""
    print(f"\n{text}" if has_bar(params) else text, flush=True)


class Lines(keras.callbacks.Callback):
    """Print a line for each epoch: its losses, and the seconds since fit() began. Of a long run, for some 200 of them.

    See kerasgan.spacing for which; the last one is always among them.
    """

    def on_train_begin(self, logs=None):
        self.started, self.left_out = time.monotonic(), None

    def on_epoch_end(self, epoch, logs=None):
        n, of = epoch + 1, self.params["epochs"]
        losses = "".join(f"  {name} {value:.4g}" for name, value in (logs or {}).items())
        line = f"epoch {n}/{of}{losses}  {time.monotonic() - self.started:,.0f} s"
        self.left_out = None if due(n, of, LINES) else line
        if self.left_out is None:
            print(line, flush=True)

    def on_train_end(self, logs=None):
        if self.left_out is not None:
            print(self.left_out, flush=True)


class _Bar(keras.callbacks.Callback):
    """Know whether Keras has drawn a part of its progress bar."""

    drawn = False

    def on_train_batch_end(self, batch, logs=None):
        self.drawn = True

    def on_epoch_begin(self, epoch, logs=None):
        self.drawn = False
