"""A zoo of generative models on Keras 3 and TensorFlow 2."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerasgan import (
        callbacks,
        cards,
        data,
        evaluation,
        explore,
        film,
        images,
        latent,
        layers,
        losses,
        metrics,
        models,
        publish,
    )
    from kerasgan.callbacks.checkpoints import restore
    from kerasgan.going_on import go_on_from
    from kerasgan.installed import versions
    from kerasgan.model import GenerativeModel
    from kerasgan.notebook import show
    from kerasgan.saved_model import load

from kerasgan import keras_settings

if reason := keras_settings.wrong():
    sys.meta_path.insert(0, keras_settings.Refusal(reason))

__version__ = version("kerasgan")

_SUBMODULES = (
    "callbacks",
    "cards",
    "data",
    "evaluation",
    "explore",
    "film",
    "images",
    "latent",
    "layers",
    "losses",
    "metrics",
    "models",
    "publish",
)


def __getattr__(name):
    """Import a part when it is first asked for: TensorFlow takes seconds, and `kerasgan list` does not need it."""
    if name in _SUBMODULES:
        return importlib.import_module(f"kerasgan.{name}")
    if name == "GenerativeModel":
        return importlib.import_module("kerasgan.model").GenerativeModel
    if name == "go_on_from":
        return importlib.import_module("kerasgan.going_on").go_on_from
    if name == "load":
        return importlib.import_module("kerasgan.saved_model").load
    if name == "restore":
        return importlib.import_module("kerasgan.callbacks.checkpoints").restore
    if name == "show":
        return importlib.import_module("kerasgan.notebook").show
    if name == "versions":
        return importlib.import_module("kerasgan.installed").versions
    raise AttributeError(f"module 'kerasgan' has no attribute {name!r}")


def _shown_in_jupyter(shell) -> None:
    """Let a notebook show data and trained models as pictures; their classes are named, and not imported, for it."""
    formatter = shell.display_formatter.ipython_display_formatter
    for module, name in (("kerasgan.data.batches", "Batches"), ("kerasgan.saved_model", "LoadedModel")):
        formatter.for_type_by_name(
            module, name, lambda shown: importlib.import_module("kerasgan.notebook").display(shown)
        )


if (_ipython := sys.modules.get("IPython")) and (_shell := _ipython.get_ipython()):
    _shown_in_jupyter(_shell)
