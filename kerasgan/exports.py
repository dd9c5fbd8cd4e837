"""What a model can do, as files for other runtimes: ONNX and LiteRT. Each is run there before it is kept.

kerasgan.load("dcgan_mnist").export("digits", format="onnx")  # digits/decode.onnx, and digits/kerasgan.json
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kerasgan import class_names
from kerasgan.command_line import quiet
from kerasgan.errors import UserError, nearest
from kerasgan.held_out import anywhere
from kerasgan.paths import check_writable, expanded, write_whole

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

    from kerasgan.saved_model import Verb

RESULTS = {  # what the output of a verb is called; of another verb, as the verb itself
    "decode": "images",
    "style": "styles",
    "decode_styles": "images",
    "translate": "translated",
    "translate_back": "translated",
    "reconstruct": "reconstructed",
    "degrade": "degraded",
    "encode": "latents",
    "classify": "logits",
}
OPSET = 17  # of ONNX: what onnxruntime has had since 2022, in browsers, too
TRIED = 3  # examples that a file is tried with: another number than 1, at which its batch could have been fixed
SIDE = 24  # pixels of pictures for a model that takes any size
CLOSE = 1e-3  # how far numbers that are no pixels may lie apart, as a share of the largest
COMPILED = "_XlaMustCompile"  # the attribute of what XLA has to compile, in TensorFlow's graphs
ROUNDED = 8  # times as far, where weights are rounded to float16


class Unconvertible(UserError):
    """A verb that a format cannot hold."""

    def __init__(self, verb: str, reason: str):
        super().__init__(f"{verb} cannot be exported: {reason}.")
        self.reason = reason


@dataclasses.dataclass(frozen=True)
class Format:
    """A format: how a verb is converted to it, and how that is loaded, as a function from arrays to arrays by name."""

    title: str
    suffix: str
    packages: tuple[str, ...]
    convert: Callable[[str, tf.types.experimental.PolymorphicFunction, list[tf.TensorSpec], Any, bool], bytes]
    load: Callable[[bytes], Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]]


@dataclasses.dataclass(frozen=True)
class Converted:
    """A verb in another format."""

    content: bytes
    about: dict[str, Any]  # its inputs and outputs
    difference: float  # the largest between what it and the SavedModel make of the same inputs


def check(format: str, path: str | os.PathLike) -> None:
    """Raise UserError for a format that there is not, for packages that it lacks, and for a path that is taken."""
    if format not in FORMATS:
        raise UserError(f"There is no format {format}{nearest(format, FORMATS)}: choose from {', '.join(FORMATS)}.")
    if missing := [name for name in FORMATS[format].packages if importlib.util.find_spec(name) is None]:
        raise UserError(
            f'{FORMATS[format].title} needs {" and ".join(missing)}: python -m pip install "kerasgan[export]".'
        )
    check_free(path)
    if is_file(format, path):
        check_free(expanded(path).with_suffix(".json"))


def check_free(path: str | os.PathLike) -> None:
    """Raise UserError if there is something, or if nothing can be written there."""
    to = expanded(path).absolute()
    if to.is_file() or (to.is_dir() and any(to.iterdir())):
        raise UserError(f"{path} exists: choose another place.")
    check_writable(to, path)


def is_file(format: str, path: str | os.PathLike) -> bool:
    """Return whether a path is one file of a format, by its suffix, and no folder of them."""
    return expanded(path).suffix == FORMATS[format].suffix


def chosen(about: dict[str, Any], verb: str | None, to_a_file: bool) -> list[str]:
    """Return which verbs to convert. Raises UserError for one that the model has not, and for several in one file."""
    verbs = about["verbs"]
    if verb is not None and verb not in verbs:
        raise UserError(f"{about['variant']} has no {verb}{nearest(verb, verbs)}: it has {', '.join(verbs)}.")
    wanted = verbs if verb is None else [verb]
    if to_a_file and len(wanted) > 1:
        raise UserError(
            f"A file holds one verb, and {about['variant']} has {', '.join(wanted)}: choose one, or a folder."
        )
    return wanted


def write(
    model: Any,
    path: str | os.PathLike,
    format: str,
    verb: str | None = None,
    half: bool = False,
    verbose: bool | None = None,
) -> dict[str, str]:
    """Write what a model can do in another format: a file for each verb, with a .json that says what it takes.

    model: what kerasgan.load() returns, or a LiveModel
    path: a folder, whose kerasgan.json says it of all files; or for one verb, a file, which has a .json beside it
    format: onnx or litert
    verb: the only one to convert; all that can be, by default
    half: store kernels in float16; they are float32 again where they are used

    Returns {verb: why it could not be converted}. Raises UserError if there is a mistake in the arguments, a package
    is missing, something would be overwritten, the verb that was asked for cannot be converted, or none can.
    """
    check(format, path)
    kind, to = FORMATS[format], expanded(path)
    to_a_file = is_file(format, path)
    half = half or model.about.get("weights") == "float16"  # what was stored in half stays as small
    made: dict[str, Converted] = {}
    refused: dict[str, str] = {}
    for name in chosen(model.about, verb, to_a_file):
        try:
            made[name] = converted(model, name, format, half)
        except Unconvertible as reason:
            if verb is not None:
                raise
            refused[name] = reason.reason
        if verbose:
            its = made.get(name)
            print(f"{name}: {len(its.content) / 1e6:.1f} MB" if its else Unconvertible(name, refused[name]), flush=True)
    if not made:
        raise Unconvertible(f"Nothing that {model.about['variant']} does", "; ".join(map(": ".join, refused.items())))

    files = {name: to if to_a_file else to / f"{name}{kind.suffix}" for name in made}
    record = {
        **_anywhere(model.about),
        "format": format,
        "weights": "float16" if half else "float32",
        **_latents(model),
        **_classes(model),
        "verbs": {name: {"file": files[name].name, **its.about} for name, its in made.items()},
        "not_exported": refused,
    }
    (to.parent if to_a_file else to).mkdir(parents=True, exist_ok=True)
    for name, its in made.items():
        write_whole(files[name], its.content)
    said = to.with_suffix(".json") if to_a_file else to / "kerasgan.json"
    write_whole(said, f"{json.dumps(record, indent=2)}\n".encode())
    return refused


def _anywhere(about):
    """Return what a kerasgan.json says of a model, without the paths of the machine that it was trained on."""
    kept = {name: value for name, value in about.items() if name not in ("optimizers", "verbs", "main_verb", "command")}
    data = about.get("data", {})
    return {**kept, "data": {**data, "name": anywhere(data)}} if "name" in data else kept


def _latents(model):
    """Return how the latents of `decode` are drawn, for who has nothing of TensorFlow's."""
    if "decode" not in model.about["verbs"]:
        return {}
    its = {"dimension": model.inputs("decode")["latents"].shape[-1]}
    if "sample" not in model.about["verbs"]:  # it encodes
        return {"latents": its}
    drawn = {"distribution": "normal", "mean": 0.0, "standard_deviation": 1.0}
    truncation = "draw each number again that is farther from 0 than a threshold, such as 2, 1 or 0.5"
    return {"latents": {**its, **drawn, "truncation": truncation}}


def _classes(model):
    """Return the names of classes in the order of labels and logits, or their numbers where they have no names."""
    its_inputs = [model.inputs(verb) for verb in model.about["verbs"]]
    if not any("labels" in inputs for inputs in its_inputs) and "classify" not in model.about["verbs"]:
        return {}
    names = class_names.of_model(model.about)
    return {"class_names": names or [str(number) for number in class_names.all_of_model(model.about)]}


def converted(model: Any, verb: str, format: str, half: bool = False) -> Converted:
    """Return a verb in another format, which was run there. Raises Unconvertible with the reason."""
    import numpy as np
    import tensorflow as tf

    its, kind = getattr(model, verb), FORMATS[format]
    if "seed" in its.inputs:
        instead = "; draw latents, and give them to decode" if verb.startswith("sample") else ""
        raise Unconvertible(verb, f"{kind.title} has no noise of a seed, as TensorFlow has{instead}")
    result = RESULTS.get(verb, verb)
    specs = [tf.TensorSpec(spec.shape, spec.dtype, name) for name, spec in its.inputs.items()]

    @tf.function(autograph=False, input_signature=specs)
    def function(*inputs):
        return {result: its.function(**dict(zip(its.inputs, inputs, strict=True)))}

    try:
        with quiet():
            content = kind.convert(verb, _uncompiled(function), specs, model.trackable, half)
    except Unconvertible:
        raise
    except Exception as error:  # whatever a converter raises, of which no list exists
        raise Unconvertible(verb, f"{kind.title} cannot hold it: {_reason(error)}") from error

    inputs = examples(its, TRIED)
    wanted = its.function(**{name: tf.constant(value) for name, value in inputs.items()}).numpy()
    try:
        with quiet():
            found = kind.load(content)(inputs)[result]
    except Exception as error:  # likewise
        raise Unconvertible(verb, f"{kind.title} cannot run it: {_reason(error)}") from error
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        results = f"{found.dtype} {list(found.shape)} in place of {wanted.dtype} {list(wanted.shape)}"
        raise Unconvertible(verb, f"in {kind.title} it makes {results}")
    difference = float(np.abs(found.astype(np.float64) - wanted).max())
    most = 1 if wanted.dtype == np.uint8 else CLOSE * np.abs(wanted).max()
    if half and model.about.get("weights") != "float16":
        most *= ROUNDED
    if difference > most:
        raise Unconvertible(verb, f"in {kind.title} its results are others, by up to {difference:.3g}")
    outputs = function.get_concrete_function().structured_outputs
    about = {
        "inputs": {spec.name: _described(spec) for spec in specs},
        "outputs": {name: _described(spec) for name, spec in outputs.items()},
    }
    return Converted(content, about, difference)


def _uncompiled(function):
    """Return a tf.function as it is, or if it has pieces that XLA has to compile, one without: it does the same.

    Keras has every grouped convolution compiled (R3GAN's), since TensorFlow's own are not to be relied on without it on
    a CPU, and no converter looks into such a piece. What is returned is for converters alone.
    """
    import tensorflow as tf

    traced = function.get_concrete_function()
    if not any(COMPILED in piece.attr for piece in _pieces(traced.graph.as_graph_def())):
        return function
    (result,) = traced.structured_outputs
    frozen = _frozen(traced)
    graph = frozen.graph.as_graph_def()
    for piece in _pieces(graph):
        for name in (COMPILED, "_noinline"):
            piece.attr.pop(name, None)
    names = [tensor.name for tensor in frozen.inputs], [tensor.name for tensor in frozen.outputs]

    def imported(graph, inputs, outputs):
        @tf.function(autograph=False, input_signature=function.input_signature)
        def function_of_graph(*tensors):
            its = dict(zip(inputs, tensors, strict=True))
            (made,) = tf.graph_util.import_graph_def(graph, input_map=its, return_elements=outputs)
            return {result: made}

        return function_of_graph

    inlined = _frozen(imported(graph, *names).get_concrete_function())
    names = [tensor.name for tensor in inlined.inputs], [tensor.name for tensor in inlined.outputs]
    return imported(_with_fixed_shapes(inlined.graph), *names)


def _pieces(definition):
    """Return the nodes of a graph, the functions that it has, and their nodes."""
    functions = definition.library.function
    return [*definition.node, *functions, *(node for its in functions for node in its.node_def)]


def _frozen(traced):
    """Return a concrete function with its variables as constants, and the functions that it calls within it."""
    from tensorflow.python.framework import convert_to_constants  # which the converters of both formats call, too

    return convert_to_constants.convert_variables_to_constants_v2(
        traced, lower_control_flow=False, aggressive_inlining=True
    )


def _with_fixed_shapes(graph):
    """Return a graph's definition in which no shape is computed of which only the number of examples is open.

    LiteRT's converter gives up after some such computations one after the other, as doublings of the size have them.
    """
    import tensorflow as tf

    definition = graph.as_graph_def()
    for node in list(definition.node):
        if node.op != "Reshape":
            continue
        shape = graph.get_operation_by_name(node.name).outputs[0].shape
        if shape.rank is None or sum(side is None for side in shape) > 1:
            continue
        sides = tf.constant([-1 if side is None else side for side in shape], tf.int32)
        constant = definition.node.add(name=f"{node.name}/fixed_shape", op="Const")
        constant.attr["dtype"].type = sides.dtype.as_datatype_enum
        constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(sides))
        node.input[1] = constant.name
        node.attr["Tshape"].type = sides.dtype.as_datatype_enum
    return definition


def _described(spec):
    sides = ("n", "height", "width", "channels")[: spec.shape.rank]
    return {
        "dtype": spec.dtype.name,
        "shape": [side or name for side, name in zip(spec.shape, sides, strict=True)],
    }


def examples(verb: Verb, n: int) -> dict[str, np.ndarray]:
    """Return n inputs that a verb can be tried with: noise, and labels in turn."""
    import numpy as np

    rng = np.random.default_rng(0)

    def example(name, spec):
        shape = (n, *(side or SIDE for side in spec.shape[1:]))
        if name == "labels":
            return (np.arange(n) % class_names.count_of_model(verb.about)).astype(spec.dtype.as_numpy_dtype)
        if spec.dtype.is_integer:
            return rng.integers(0, 256, shape).astype(spec.dtype.as_numpy_dtype)
        return rng.standard_normal(shape).astype(spec.dtype.as_numpy_dtype)

    return {name: example(name, spec) for name, spec in verb.inputs.items()}


def _reason(error):
    """Return what a converter or a runtime complains about: the operations that it does not have, or its first line."""
    if missing := dict.fromkeys(re.findall(r"'(tf\.\w+)' op", str(error))):
        return f"it has no {', '.join(missing)}"
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


# ---- ONNX -----------------------------------------------------------------------------------------------------------


def _to_onnx(verb, function, specs, trackable, half):
    import onnx
    import tf2onnx

    log1p = {"Log1p": (_log1p, ["Log"])}  # which the converter does not know
    model, _ = tf2onnx.convert.from_function(function, specs, opset=OPSET, custom_op_handlers=log1p)
    # The converter reports what it does not know to its log alone, and hands it on as it is.
    if missing := sorted({n.op_type for n in _nodes(model.graph) if not onnx.defs.has(n.op_type, n.domain)}):
        raise Unconvertible(verb, f"ONNX has no {', '.join(missing)}")
    if half:
        _halve(model.graph)
    sides = ("n", "height", "width", "channels")
    for where, values in (("", model.graph.input), ("new_", model.graph.output)):
        for value in values:
            for i, (name, side) in enumerate(zip(sides, value.type.tensor_type.shape.dim)):
                if not side.HasField("dim_value"):
                    side.dim_param = f"{where if i else ''}{name}"
    return model.SerializeToString()


def _log1p(graph, node, name, args):
    """Make log(1 + x) of log1p(x), in the converter's graph."""
    import numpy as np

    one = graph.make_const(f"{name}_one", np.ones((), np.float32))
    sum_ = graph.make_node("Add", [node.input[0], one.output[0]])
    graph.replace_input(node, node.input[0], sum_.output[0], 0)


def _nodes(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _halve(graph):
    """Store kernels in float16. A runtime casts them to float32 once, when it loads the model."""
    import numpy as np
    import onnx

    casts = []
    for tensor in graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) > 1:
            name = tensor.name
            values = onnx.numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, f"{name}_float16"))
            casts.append(onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _load_onnx(content):
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs)))


# ---- LiteRT ---------------------------------------------------------------------------------------------------------


def _to_litert(verb, function, specs, trackable, half):
    import tempfile

    import tensorflow as tf

    module = tf.Module()
    module.function, module.model = function, trackable
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={verb: function})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[verb])
        if half:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()


def _load_litert(content):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    (verb,) = interpreter.get_signature_list()
    run = interpreter.get_signature_runner(verb)
    return lambda inputs: run(**inputs)


FORMATS = {
    "onnx": Format("ONNX", ".onnx", ("onnx", "tf2onnx", "onnxruntime"), _to_onnx, _load_onnx),
    "litert": Format("LiteRT", ".tflite", ("ai_edge_litert",), _to_litert, _load_litert),
}
