"""Settings of Keras: those that models can have, and those under which nothing here works, said by what needs Keras."""

from __future__ import annotations

import importlib.abc
import importlib.util
import json
import os
import sys

from kerasgan.errors import UserError
from kerasgan.paths import expanded

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")  # dtype policies that networks can compute in
NEED_KERAS = ("callbacks", "data.given", "layers", "metrics", "model", "models.")


class Refusal(importlib.abc.MetaPathFinder):
    """Raises UserError where a module that needs Keras is imported: Keras' own errors come from deep inside of it."""

    def __init__(self, reason: str):
        self.reason = reason

    def find_spec(self, name, path=None, target=None):
        part = name.removeprefix("kerasgan.")
        if part != name and any(part == need or (need[-1] == "." and part.startswith(need)) for need in NEED_KERAS):
            raise UserError(self.reason)


def wrong() -> str | None:
    """Return what is wrong with how Keras is set, and what to do; None if nothing is."""
    if (backend := _backend()) != "tensorflow":
        return (
            f"Keras is set to the backend {backend}, and kerasgan needs tensorflow: set the environment variable "
            "KERAS_BACKEND=tensorflow before Python starts."
        )
    legacy = os.environ.get("TF_USE_LEGACY_KERAS") in ("1", "true", "True")  # as TensorFlow reads it
    if legacy and importlib.util.find_spec("tf_keras") is None:
        return (
            "TF_USE_LEGACY_KERAS asks TensorFlow for Keras 2, which is not installed, and kerasgan does without: unset "
            "that environment variable."
        )
    return None


def _backend():
    """Return the backend that Keras has, or would take."""
    if hasattr(loaded := sys.modules.get("keras"), "config"):
        return loaded.config.backend()
    if named := os.environ.get("KERAS_BACKEND"):
        return named
    home = os.environ.get("KERAS_HOME") or "~/.keras"
    try:
        settings = json.loads((expanded(home) / "keras.json").read_text())
    except (OSError, ValueError):  # Keras takes its defaults then
        settings = {}
    return settings.get("backend", "tensorflow")
