"""What watches a run. Callbacks know a model through snapshot(), state() and describe(), never through its networks.

model.fit(data, epochs=40, callbacks=kerasgan.callbacks.standard("runs/digits", data))
"""

from __future__ import annotations

import os
from typing import Any

import keras

from kerasgan.callbacks.checkpoints import Checkpoints, restore
from kerasgan.callbacks.evaluation import Evaluation
from kerasgan.callbacks.film import Film
from kerasgan.callbacks.history import History
from kerasgan.callbacks.record import Export, Record
from kerasgan.callbacks.snapshots import Snapshots
from kerasgan.callbacks.stops import StopAt, StopOnSignal, StopWhenNotFinite
from kerasgan.data.batches import Batches

__all__ = [
    "Checkpoints",
    "Evaluation",
    "Export",
    "Film",
    "History",
    "Record",
    "Snapshots",
    "StopAt",
    "StopOnSignal",
    "StopWhenNotFinite",
    "restore",
    "standard",
]


def standard(
    run: str | os.PathLike,
    data: Batches,
    resume: bool = False,
    checkpoint_seconds: float = 30.0,
    more: tuple[keras.callbacks.Callback, ...] = (),
    **settings: Any,
) -> list[keras.callbacks.Callback]:
    """Return all that a run folder is made of, for fit().

    run: the folder, which must not exist yet; with `resume`, one that an earlier fit() wrote and this one continues
    checkpoint_seconds: time between checkpoints
    more: other callbacks that write at the end of an epoch, such as Evaluation
    settings: what else to keep in run.json; a resumed run replaces it

    Raises UserError for a run that exists, or with `resume` for one that does not or had other settings.
    """
    return [  # checkpoints after what each epoch writes: what a resumed run does not repeat has been written
        Record(run, data, resume, **settings),
        StopWhenNotFinite(run),
        Snapshots(run, data),
        History(run),
        *more,
        Checkpoints(run, checkpoint_seconds),
        Export(run),
        Film(run),  # last, because nothing is lost if there is no time for it
        StopOnSignal(),
    ]
