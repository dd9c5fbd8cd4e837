"""What watches a run. Callbacks know a model through what all have, such as snapshot(), never through its networks.

model.fit(data, epochs=40, callbacks=kerasgan.callbacks.standard("runs/digits", data))
"""

from __future__ import annotations

import os
from typing import Any

import keras

from kerasgan.callbacks.checkpoints import Checkpoints, newest, restore
from kerasgan.callbacks.convergence import Convergence
from kerasgan.callbacks.evaluation import Evaluation
from kerasgan.callbacks.film import Film
from kerasgan.callbacks.history import History
from kerasgan.callbacks.record import Export, Record
from kerasgan.callbacks.snapshots import Snapshots
from kerasgan.callbacks.stops import StopAt, StopOnSignal, StopWhenNotFinite
from kerasgan.callbacks.tensorboard import Histograms, Hyperparameters, Projector, learnt
from kerasgan.data.batches import Batches
from kerasgan.data.sources import Source

__all__ = [
    "Checkpoints",
    "Convergence",
    "Evaluation",
    "Export",
    "Film",
    "Histograms",
    "History",
    "Hyperparameters",
    "Projector",
    "Record",
    "Snapshots",
    "StopAt",
    "StopOnSignal",
    "StopWhenNotFinite",
    "newest",
    "restore",
    "standard",
]


def standard(
    run: str | os.PathLike,
    data: Batches,
    resume: bool = False,
    checkpoint_seconds: float = 30.0,
    more: tuple[keras.callbacks.Callback, ...] = (),
    histograms: bool = False,
    projected: Source | None = None,
    held_out: Batches | None = None,
    best: bool = False,
    half: bool = False,
    **settings: Any,
) -> list[keras.callbacks.Callback]:
    """Return all that a run folder is made of, for fit().

    run: the folder, which must not exist yet; with `resume`, one that an earlier fit() wrote and this one continues
    checkpoint_seconds: time between checkpoints
    more: other callbacks that write at the end of an epoch, such as Evaluation
    histograms: also write the weights of each player, as histograms for TensorBoard
    projected: images for TensorBoard's embedding projector, where the model encodes; without, those of `data`
    held_out: data of the same kind that is not trained on, which shows whether a discriminator overfits
    best: export the best checkpoint, by an Evaluation in `more`, and not the last
    half: export weights in float16, in half as many bytes; what is exported computes in float32 all the same
    settings: what else to keep in run.json; a resumed run replaces it

    Raises UserError for a run that exists, or with `resume` for one that does not or had other settings.
    """
    return [  # checkpoints after what each epoch writes: what a resumed run does not repeat has been written
        Record(run, data, resume, **settings),
        Convergence(run, data, held_out=held_out),  # before the next one: it says what stopped the run
        StopWhenNotFinite(run),
        Snapshots(run, data),
        History(run),
        Hyperparameters(run, data),
        *([Histograms(run)] if histograms else []),
        *more,
        Checkpoints(run, checkpoint_seconds),
        Export(run, best, half),
        # Last, because nothing is lost if there is no time for them.
        Projector(run, projected or learnt(data)),
        Film(run),
        StopOnSignal(),
    ]
