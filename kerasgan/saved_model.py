"""SavedModels: written with the verbs of their variant, loaded by them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from kerasgan import run_folder
from kerasgan.errors import UserError
from kerasgan.paths import for_tensorflow

if TYPE_CHECKING:
    from kerasgan.model import GenerativeModel


def write(
    path: str | os.PathLike,
    endpoints: dict[str, tuple[Callable, list[tf.TensorSpec]]],
    about: dict[str, Any],
) -> None:
    """Write {verb: (function, its inputs)}, the main verb first, as a SavedModel with a kerasgan.json beside it.

    It holds the weights that its endpoints use and no others, and loads with tf.saved_model.load() where neither
    keras nor kerasgan is installed.
    """
    module = tf.Module()
    signatures = {}
    for verb, (function, inputs) in endpoints.items():
        signatures[verb] = tf.function(function, input_signature=inputs).get_concrete_function()
        setattr(module, verb, signatures[verb])
    module.weights = list({id(v): v for s in signatures.values() for v in s.variables}.values())
    main = next(iter(signatures))
    Path(path).mkdir(parents=True, exist_ok=True)
    place = for_tensorflow(path)
    tf.saved_model.save(module, place, signatures={"serving_default": signatures[main], **signatures})
    record = {**about, "verbs": list(signatures), "main_verb": main}
    (Path(path) / "kerasgan.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


class LoadedModel:
    """A SavedModel whose verbs are methods from arrays to arrays, and whose kerasgan.json is `about`.

    model = kerasgan.load("runs/dcgan-digits")
    model.sample(n=64, seed=0)  # uint8[64, height, width, channel]
    """

    def __init__(self, path: Path):
        self.about: dict[str, Any] = run_folder.about_model(path)
        try:
            self._module = tf.saved_model.load(for_tensorflow(path))
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise UserError(f"{path} cannot be loaded: {str(error).splitlines()[0]}") from None

    def __dir__(self):
        return [*super().__dir__(), *self.about["verbs"]]

    def __repr__(self):
        return f"<{self.about['variant']} that can {', '.join(self.about['verbs'])}>"

    def image_shape(self, verb: str) -> tuple[int | None, int | None, int]:
        """Return height, width and channels of the images that a verb takes; None where any number will do."""
        return tuple(self.inputs(verb)["images"].shape[1:])

    def inputs(self, verb: str) -> dict[str, tf.TensorSpec]:
        """Return what a verb takes."""
        return self._module.signatures[verb].structured_input_signature[1]

    def __getattr__(self, verb):
        if verb.startswith("_") or verb not in self.about["verbs"]:
            raise AttributeError(f"{self.about['variant']} can {', '.join(self.about['verbs'])}, not {verb}.")
        signature = self._module.signatures[verb]
        dtypes = {name: spec.dtype for name, spec in self.inputs(verb).items()}

        def ask(**inputs) -> np.ndarray:
            (output,) = signature(**{n: tf.constant(v, dtypes[n]) for n, v in inputs.items()}).values()
            return output.numpy()

        return ask


class LiveModel:
    """A model in memory with the verbs that its SavedModel would have: what measures one, measures the other."""

    def __init__(self, model: GenerativeModel):
        self.about = {**model.describe(), "verbs": list(model.endpoints())}
        self._functions = {
            verb: (tf.function(function, input_signature=inputs), inputs)
            for verb, (function, inputs) in model.endpoints().items()
        }

    def inputs(self, verb: str) -> dict[str, tf.TensorSpec]:
        """Return what a verb takes."""
        return {spec.name: spec for spec in self._functions[verb][1]}

    def __getattr__(self, verb):
        if verb.startswith("_") or verb not in self._functions:
            raise AttributeError(f"{self.about['variant']} can {', '.join(self._functions)}, not {verb}.")
        function, specs = self._functions[verb]
        return lambda **inputs: function(*(tf.constant(inputs[spec.name], spec.dtype) for spec in specs)).numpy()


def load(path: str | os.PathLike) -> LoadedModel:
    """Load the SavedModel of a run folder, a SavedModel folder, or the trained model of a name: load("dcgan_mnist").

    A trained model that is not here is downloaded, once. Raises UserError if there is none, or if it cannot be had.
    """
    return LoadedModel(run_folder.saved_model(path))
