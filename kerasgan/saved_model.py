"""SavedModels: written with the verbs of their variant, loaded by them."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from kerasgan import class_names, exports, run_folder
from kerasgan.errors import UserError, nearest
from kerasgan.paths import expanded, for_tensorflow

if TYPE_CHECKING:
    from kerasgan.model import GenerativeModel

ORDER = ("n", "images", "latents", "labels", "seed")  # of what verbs take, where it is not named


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
    path = expanded(path)
    path.mkdir(parents=True, exist_ok=True)
    place = for_tensorflow(path)
    tf.saved_model.save(module, place, signatures={"serving_default": signatures[main], **signatures})
    record = {**about, "verbs": list(signatures), "main_verb": main}
    (path / "kerasgan.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def halved(model: GenerativeModel) -> dict[str, tuple[Callable, list[tf.TensorSpec]]]:
    """Return a model's endpoints, which store float32 weights in float16 and compute with them in float32."""
    import keras

    def exported():  # of its own for each use: a model may keep what was traced for another verb
        return model.twin().for_inference()

    weights = exported().weights
    stored = [tf.Variable(tf.cast(w.value, tf.float16)) if w.dtype == "float32" else w.value for w in weights]

    def of_stored(verb):
        tried, twin = exported(), exported()
        function, inputs = tried.endpoints()[verb]
        traced = tf.function(function, input_signature=inputs, autograph=False).get_concrete_function()
        used = {id(v) for v in traced.variables}
        places = [i for i, w in enumerate(tried.weights) if id(w.value) in used]
        function, inputs = twin.endpoints()[verb]

        @tf.autograph.experimental.do_not_convert
        def call(*arguments):
            values = [(twin.weights[i], tf.cast(stored[i], twin.weights[i].dtype)) for i in places]
            with keras.StatelessScope(values):
                return function(*arguments)

        return call, inputs

    return {verb: of_stored(verb) for verb in model.endpoints()}


class _HasVerbs:
    """What a model can do, as methods from arrays to arrays: `about`, inputs() and _function() say what that is.

    `trackable` holds its variables.
    """

    def __getattr__(self, verb):
        about = vars(self).get("about", {"variant": "", "verbs": []})  # copies are looked at before they have theirs
        verbs = about["verbs"]
        if verb not in verbs:
            raise AttributeError(f"{about['variant']} can {', '.join(verbs)}, not {verb}{nearest(verb, verbs)}.")
        return Verb(verb, about, self.inputs(verb), self._function(verb))

    export = exports.write  # the verbs, for another runtime: format="onnx" or "litert"


class LoadedModel(_HasVerbs):
    """A SavedModel whose verbs are methods from arrays to arrays, and whose kerasgan.json is `about`.

    model = kerasgan.load("runs/dcgan-digits")
    model.sample(n=64, seed=0)  # uint8[64, height, width, channel]
    """

    def __init__(self, path: Path):
        self.about: dict[str, Any] = run_folder.about_model(path)
        try:
            self.trackable = tf.saved_model.load(for_tensorflow(path))
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
        return self.trackable.signatures[verb].structured_input_signature[1]

    def _function(self, verb):
        signature = self.trackable.signatures[verb]

        def function(**inputs):
            (output,) = signature(**inputs).values()
            return output

        return function


class LiveModel(_HasVerbs):
    """A model in memory with the verbs that its SavedModel would have: what measures one, measures the other."""

    def __init__(self, model: GenerativeModel):
        self.trackable = model
        self.about = {**model.describe(), "verbs": list(model.endpoints())}
        self._functions = {
            verb: (tf.function(function, input_signature=inputs), inputs)
            for verb, (function, inputs) in model.endpoints().items()
        }

    def inputs(self, verb: str) -> dict[str, tf.TensorSpec]:
        """Return what a verb takes."""
        return {spec.name: spec for spec in self._functions[verb][1]}

    def _function(self, verb):
        function, specs = self._functions[verb]
        return lambda **inputs: function(*(inputs[spec.name] for spec in specs))


class Verb:
    """What a model can do, as a function from arrays to an array: model.sample(n=4), model.sample(4, seed=1).

    verb: its name
    about: the kerasgan.json of its model
    inputs: {name: spec} of what it takes: `n`, `images`, `latents`, `labels` and `seed`, in this order, then others
    function: from tensors by name to a tensor

    Without a seed, Python's `random` draws one, which keras.utils.set_random_seed() sets. Images are uint8, or other
    whole numbers from 0 to 255. Labels are names of classes, and numbers where no class has that name: 3 is the folder
    "3", if there is one. Raises UserError, in one line, for whatever else it is given.
    """

    def __init__(
        self, verb: str, about: dict[str, Any], inputs: dict[str, tf.TensorSpec], function: Callable[..., tf.Tensor]
    ):
        known = [name for name in ORDER if name in inputs]
        self.name, self.about, self.function = verb, about, function
        self.inputs = {name: inputs[name] for name in [*known, *(set(inputs) - set(known))]}

    def __repr__(self):
        inputs = ", ".join("seed=..." if name == "seed" else name for name in self.inputs)
        return f"{self.about['variant']}.{self.name}({inputs})"

    def __call__(self, *arguments: Any, **named: Any) -> np.ndarray:
        given = self._by_name(arguments, named)
        tensors = {name: self._tensor(name, value) for name, value in given.items()}
        lengths = {name: len(tensor) for name, tensor in tensors.items() if tensor.shape.rank}
        if len(set(lengths.values())) > 1:
            found = " and ".join(f"{n} {name}" for name, n in lengths.items())
            raise UserError(f"{self} takes as many of each; here are {found}.")
        return self.function(**tensors).numpy()

    def _by_name(self, arguments, named):
        """Return all inputs by name. Raises UserError for one that is missing, given twice, or not to be had."""
        if len(arguments) > len(self.inputs):
            raise UserError(f"{self} takes {' and '.join(self.inputs)}; here are {len(arguments)} arguments.")
        given = dict(zip(self.inputs, arguments, strict=False))
        for name, value in named.items():
            if name not in self.inputs:
                raise UserError(f"{self} takes no {name}{nearest(name, self.inputs)}: leave it out.")
            if name in given:
                raise UserError(f"{self} is given {name} twice.")
            given[name] = value
        if "seed" in self.inputs and given.get("seed") is None:
            given["seed"] = random.randrange(2**31)
        if missing := [name for name in self.inputs if given.get(name) is None]:
            raise UserError(f"{self} needs {' and '.join(f'{name} as {self._wanted(name)}' for name in missing)}.")
        return given

    def _wanted(self, name):
        """Return what an input has to be, in words."""
        spec = self.inputs[name]
        low, high = self._range(name)
        numbers = f"numbers from {low} to {high}"
        if not spec.shape.rank:
            return f"one of the whole {numbers}" if spec.dtype.is_integer else "one number"
        kind = f"{spec.dtype.name}{f' from {low} to {high}' if spec.dtype.is_integer else ''}"
        if name == "labels":
            kind = f"names of classes, or {numbers}" if class_names.of_model(self.about) else numbers
        sides = ("n", "height", "width", "channels")[: spec.shape.rank]
        return f"{kind}, [{', '.join(str(side or its) for side, its in zip(spec.shape, sides, strict=True))}]"

    def _tensor(self, name, value):
        """Return an input as the tensor that the model takes. Raises UserError for what it does not take."""
        spec = self.inputs[name]
        try:
            array = np.asarray(value)
        except (TypeError, ValueError):  # a list whose parts have several lengths, say
            raise self._refused(name, f"a {type(value).__name__} that is no array") from None
        found = f"{array.dtype} {list(array.shape)}" if array.ndim else repr(value)
        if array.ndim == 0 and spec.shape.rank == 1:
            raise self._refused(name, f"{found} (of one, give {name}=[{found}])")
        if array.ndim and spec.shape[1:] == array.shape:
            raise self._refused(name, f"{found} (of one, give {name}[None])")
        if not spec.shape.is_compatible_with(array.shape) or 0 in array.shape[1:]:
            raise self._refused(name, found)
        kinds = "iu" if spec.dtype.is_integer else "iuf"
        if array.size and array.dtype.kind not in (kinds + "UO" if name == "labels" else kinds):
            if name == "images" and array.dtype.kind == "f":
                found += f" from {array.min():.3g} to {array.max():.3g} (kerasgan.images.to_uint8() converts [-1, 1])"
            raise self._refused(name, found)
        if name == "labels" and (array.dtype.kind in "UO" or class_names.of_model(self.about)):
            array = self._numbers(array)
        if spec.dtype.is_integer and array.size:
            low, high = self._range(name)
            if array.min() < low or array.max() > high:
                raise self._refused(name, f"{array.min() if array.min() < low else array.max()}")
        return tf.constant(array.astype(spec.dtype.as_numpy_dtype))

    def _numbers(self, labels):
        """Return the numbers of classes that are named."""
        its, places = np.unique(labels.astype(str), return_inverse=True)
        numbers = class_names.numbers_of_model(self.about, its.tolist())
        return np.array(numbers, np.int32)[places.reshape(labels.shape)]

    def _range(self, name):
        """Return the least and the largest number that an input may be, or hold."""
        dtype = self.inputs[name].dtype
        if name == "labels":
            return 0, (class_names.count_of_model(self.about) or dtype.max + 1) - 1
        return 0 if name == "n" else dtype.min, dtype.max

    def _refused(self, name, found):
        return UserError(f"{self} takes {name} as {self._wanted(name)}; here is {found}.")


def load(path: str | os.PathLike) -> LoadedModel:
    """Load the SavedModel of a run folder, a SavedModel folder, or the trained model of a name: load("dcgan_mnist").

    A trained model that is not here is downloaded, once. Raises UserError if there is none, or if it cannot be had.
    """
    return LoadedModel(run_folder.saved_model(path))
