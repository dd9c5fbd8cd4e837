"""Going on from a trained model: a new one starts with the weights of all networks that both have, where they fit.

model = kerasgan.models.DCGAN((64, 64, 3))
kerasgan.go_on_from("runs/dcgan-cifar10", model, freeze=2)
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import os
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasgan import models, own_classes, run_folder, saved_model
from kerasgan.callbacks.checkpoints import class_of, newest, restore
from kerasgan.callbacks.record import weights_sha256
from kerasgan.errors import UserError, one_line
from kerasgan.model import GenerativeModel, layers_with_weights, learnt
from kerasgan.paths import for_shell

NAMED = 6  # new layers that one sentence names: a line that can still be read; run.json has all
ROUNDING = 2  # of 255: what images of the same weights may differ by, computed in another order
ASKED = 2  # images that a SavedModel is asked for, to see whether its weights were understood


@dataclasses.dataclass(frozen=True)
class Source:
    """A trained model, as Keras holds it, and where it came from."""

    name: str  # as messages call it
    said: str  # what it is, in words
    about: dict[str, Any]  # what run.json keeps of it
    model: keras.Model
    unknown: frozenset[int] = frozenset()  # ids of weights that are not the trained ones, as a SavedModel has not all


@dataclasses.dataclass(frozen=True)
class Taken:
    """What one network of the new model takes over: the places of its layers, each with the layer it is like."""

    network: str
    layers: list[keras.Layer]
    like: dict[int, keras.Layer]
    why: str  # layers are new, if some are
    whole: bool  # whether all that the source has of this network is taken over

    def new(self) -> list[str]:
        """Return the layers that are not taken over, in words."""
        return [f"layer {i + 1} ({described(layer)})" for i, layer in enumerate(self.layers) if i not in self.like]

    def sentence(self) -> str:
        """Return what becomes of the network, in words."""
        n, new = len(self.layers), self.new()
        all_of_them = f"all {n} layers with weights are" if n > 1 else "its one layer with weights is"
        if not new:
            return f"{self.network}: {all_of_them} taken over."
        if not self.like:
            return f"{self.network}: {all_of_them} new, as {self.why}."
        more = f" and {len(new) - NAMED} more" if len(new) > NAMED else ""
        are = "are" if len(new) > 1 else "is"
        return (
            f"{self.network}: {n - len(new)} of {n} layers with weights are taken over. New {are} "
            f"{', '.join(new[:NAMED])}{more}, as {self.why}."
        )


def go_on_from(source: str | os.PathLike, model: GenerativeModel, freeze: int = 0) -> dict[str, Any]:
    """Let a new model start with the weights of all networks that it shares with a trained one, where they fit.

    source: a run's folder, of which the best checkpoint is taken if it has one, or else the last; a SavedModel of
        kerasgan, which may lack networks, such as the discriminator; the name of a trained model; or a .keras file
    model: a new one, before fit(). Its step, its noise and its optimizers start anew
    freeze: how many layers with weights of the discriminator, from the images on, stay as they are: see
        GenerativeModel.freeze()

    Networks of the same name are compared layer by layer, in their order: a layer is taken over with all its weights,
    batch normalisation's moving statistics among them, where one of the same kind and the same shapes stands between
    the same neighbours. So a discriminator of 64x64 images takes the layers of one of 32x32. What is taken over and
    what is new is printed, returned, and kept in the run.json of the run that follows; a resumed run needs no source.

    Raises UserError for a source that cannot be read or has nothing that fits, a layer to be frozen that is not taken
    over, and a model that has been trained.
    """
    name = type(model).__name__
    if steps := int(model.step.numpy()):
        raise UserError(f"This {name} has learnt for {steps} steps: build a new one to go on from another model.")
    to_freeze = model.layers_to_freeze(freeze)
    trained = opened(source)
    taken = list(compared(model, trained))
    if not any(each.like for each in taken):
        reasons = "; ".join(f"{each.network}: {each.why}" for each in taken)
        raise UserError(
            f"Nothing of {trained.name} fits this {name} ({reasons}): choose other settings, or another model."
        )
    _check_first_stage(model, trained, taken)
    like = {id(each.layers[i]) for each in taken for i in each.like}
    if new := [layer for layer in to_freeze if id(layer) not in like]:
        raise UserError(
            f"{described(new[0])} was to be frozen, and has no weights from {trained.name} to stay at: freeze fewer "
            "layers, or go on from another model."
        )
    _take_over(model, trained, taken)
    left = [network for network in networks(trained.model) if network not in networks(model)]
    record = {
        "source": os.fspath(source),
        **trained.about,
        "networks": {each.network: _record(each) for each in taken},
        "left_out": left,
        "freeze": freeze,
    }
    model.went_on(record)
    print(f"Going on from {trained.name}, {trained.said}:")
    for each in taken:
        print(f"  {each.sentence()}")
    if left:
        print(f"  left out: {', '.join(left)}, as {name} has no network of that name.")
    if to_freeze:
        kinds = ", ".join(map(described, to_freeze))
        print(f"  frozen: {kinds}{_measured(to_freeze)}.")
    sys.stdout.flush()
    return record


def _measured(frozen):
    """Return what is measured on in frozen layers, in words."""
    measured = [w for layer in frozen for w in learnt(layer) if not w.trainable]
    return "; what batch or spectral normalisation measures in them goes on being measured" if measured else ""


def _record(taken):
    new = taken.new()
    return {"taken_over": len(taken.like), "new": new, **({"why": taken.why} if new else {})}


def _check_first_stage(model, trained, taken):
    """Raise UserError where a variant that starts from a trained one would start with new weights in their place."""
    missing = [each.network for each in taken if not each.whole and each.network not in model.judges_images]
    if model.starts_from and missing:
        raise UserError(
            f"The {' and the '.join(missing)} of {trained.name} cannot be taken over whole, and {type(model).__name__} "
            f"starts from a trained {model.starts_from}: give a run of that as --start-from instead of --from."
        )


# ---- what fits ------------------------------------------------------------------------------------------------------


def networks(model: keras.Model) -> dict[str, keras.Layer]:
    """Return what learns in a model, by name: its networks, or itself if it is no model of kerasgan."""
    if not isinstance(model, GenerativeModel):
        return {model.name: model}
    return {layer.name: layer for layer in model.layers if isinstance(layer, keras.Model) or layer.trainable_weights}


def described(layer: keras.Layer) -> str:
    """Return what kind of layer it is, and the shape of its kernel, such as Conv2D 4x4x3x64."""
    shape = max((w.shape for w in learnt(layer)), key=len)  # the kernel's
    return f"{type(layer).__name__} {'x'.join(map(str, shape))}".rstrip()


def _kind(layer):
    """Return what has to be the same for a layer's weights to be another's."""
    return type(layer).__name__, *(tuple(w.shape) for w in learnt(layer))


def compared(model: GenerativeModel, trained: Source) -> Iterator[Taken]:
    """Yield what each network of a model takes over of a trained one."""
    theirs = networks(trained.model)
    for name, network in networks(model).items():
        mine = layers_with_weights(network)
        its = layers_with_weights(theirs[name]) if name in theirs else []
        known = [layer for layer in its if not any(id(w) in trained.unknown for w in learnt(layer))]
        like = _alike(known, mine)
        why = f"{trained.name} has none of that shape there"
        if not known:
            why = f"{trained.name} has no {name}"
        elif not any(len(w.shape) > 1 for layer in like.values() for w in learnt(layer)):
            like, why = {}, f"those of {trained.name} have other shapes"  # normalisation alone is of other features
        elif len(_alike(its, mine)) == len(mine):
            why = f"{trained.name} does not hold their weights"
        yield Taken(name, mine, like, why, whole=len(like) == len(known) > 0)


def _alike(theirs, mine):
    """Return {place of a layer: the layer of theirs that it is like}, in the order of both."""
    matcher = difflib.SequenceMatcher(None, [*map(_kind, theirs)], [*map(_kind, mine)], autojunk=False)
    return {block.b + i: theirs[block.a + i] for block in matcher.get_matching_blocks() for i in range(block.size)}


def _take_over(model, trained, taken):
    layers = [(each.layers[i], theirs) for each in taken for i, theirs in each.like.items()]
    its = [pair for mine, theirs in layers for pair in zip(learnt(mine), learnt(theirs), strict=True)]
    for mine, theirs in its:
        mine.assign(theirs.numpy())
    # Outside of fit() a network holds its average, and the average's layer what trains. A source that has both gives
    # each its own: the discriminator knows what trains, and samples are of the average. Of one that has a single set,
    # fit() starts both with that.
    average, other = model.average_of_weights, getattr(trained.model, "average_of_weights", None)
    if average is not None and other is not None and not any(id(w) in trained.unknown for w in other.weights):
        average.start()
        mine_of, theirs_of = ({id(w): trains for w, trains in each.pairs} for each in (average, other))
        for mine, theirs in its:
            if id(mine) in mine_of and id(theirs) in theirs_of:
                mine_of[id(mine)].assign(theirs_of[id(theirs)].numpy())
        model.keep_average()


# ---- where it comes from --------------------------------------------------------------------------------------------


def opened(source: str | os.PathLike) -> Source:
    """Return the trained model that a user names. Raises UserError if there is none, or if it cannot be read."""
    place = run_folder.trained(source)
    name = one_line(for_shell(source))
    if place.is_file():
        return _of_file(name, place)
    if run_folder.has_checkpoints(place):
        return _of_run(name, place)
    return _of_saved_model(name, place)


def _of_run(name, run):
    """Return the best checkpoint of a run, or else the last."""
    record = run_folder.read(run)
    best = newest(run / "best") is not None
    model = restore(run, "best" if best else "checkpoints")
    steps = int(model.step.numpy()) - record.get("first_step", 0)
    said = (
        f"a run of {record['variant']}{_on(record)}, at its {'best' if best else 'last'} checkpoint, of step {steps:,}"
    )
    about = {"kind": "run", "checkpoint": "best" if best else "last", "steps": steps}
    return Source(name, said, {**about, **_of_record(record), "weights_sha256": weights_sha256(model)}, model)


def _of_file(name, path):
    models.MODELS  # noqa: B018 - their classes are known to Keras when they are imported
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{name} cannot be read as a Keras model: {(str(error).splitlines() or [''])[0]}") from None
    is_ours = isinstance(model, GenerativeModel)
    variant = own_classes.named(type(model)) if is_ours else {"variant": type(model).__name__}
    about = {"kind": ".keras file", **variant, "sha256": _sha256(path)}
    if is_ours:
        about["steps"] = int(model.step.numpy())
    return Source(name, f"a .keras file of {variant['variant']}", about, model)


def _of_saved_model(name, folder):
    loaded = saved_model.load(folder)
    record = loaded.about
    cls = class_of(name, record)
    try:
        model = cls.from_config({**record["hyperparameters"], "dtype": "float32"})
    except (KeyError, TypeError, UserError) as error:
        raise UserError(f"The {cls.__name__} of {name} cannot be built again: {error}") from None
    unknown = _fill(model, loaded, name)
    said = f"a SavedModel of {record['variant']}{_on(record)}"
    about = {"kind": "SavedModel", "steps": record.get("steps"), **_of_record(record)}
    about["sha256"] = _sha256(next((folder / "variables").glob("variables.data-*")))
    return Source(name, said, about, model, unknown)


def _on(record):
    data = record.get("data", {}).get("name")
    return f" on {data}" if data else ""


def _of_record(record):
    """Return what is kept of a run.json or a kerasgan.json: what it is, and what it learnt from."""
    kept = {name: record[name] for name in ("variant", "class", "hyperparameters") if name in record}
    data = {name: record["data"][name] for name in ("name", "sha256") if name in record.get("data", {})}
    return {**kept, "data": data} if data else kept


def _sha256(path):
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(2**20):
            digest.update(block)
        return digest.hexdigest()


# ---- the weights of a SavedModel ------------------------------------------------------------------------------------


def _fill(model, loaded, name):
    """Give a model the weights of its SavedModel, and return the ids of those that it does not hold.

    A SavedModel has weights by no names that last. But a verb has those that it uses in the order in which it uses
    them, and so has the same verb of the model that was built again. Whether they were understood is asked of the
    result: it has to make the same images.
    """
    stored = {id(v.handle): v for v in loaded.trackable.weights}
    known = set()
    in_halves = loaded.about.get("weights") == "float16"  # then they are in the order of model.weights: see halved()
    verbs = sorted(loaded.about["verbs"], key=lambda verb: verb.startswith("sample"))  # decode is traced sooner
    asked = []
    for verb in verbs:
        theirs = [stored[id(t)] for t in getattr(loaded.trackable, verb).captured_inputs if id(t) in stored]
        if {id(v) for v in theirs} <= known:
            continue
        mine = _used(model, verb)
        if in_halves:
            used = {id(w) for w in mine}
            mine = [w for w in model.weights if id(w) in used]
        if [tuple(w.shape) for w in mine] != [tuple(v.shape) for v in theirs]:
            raise _not_understood(loaded, name)
        for w, v in zip(mine, theirs, strict=True):
            w.assign(v.numpy().astype(keras.backend.standardize_dtype(w.dtype)))
        known |= {id(v) for v in theirs} | {id(w) for w in mine}
        asked.append(verb)
    live = saved_model.LiveModel(model)
    for verb in asked:
        inputs = {name: _input(name, spec, model) for name, spec in loaded.inputs(verb).items()}
        theirs, ours = (getattr(each, verb)(**inputs) for each in (loaded, live))
        rounding = ROUNDING if theirs.dtype == np.uint8 else 1e-3 * np.abs(theirs).max()
        if not np.abs(theirs.astype(np.float64) - ours).max() <= rounding:
            raise _not_understood(loaded, name)
    return frozenset(_without_averaged(model, known))


def _used(model, verb):
    """Return the weights that a verb of a model uses, in the order in which it does."""
    function, inputs = model.endpoints()[verb]
    traced = tf.function(function, input_signature=inputs).get_concrete_function()
    weights = {id(w.value.handle): w for w in model.weights}
    return [weights[id(t)] for t in traced.captured_inputs if id(t) in weights]


def _input(name, spec, model):
    """Return something to ask a verb with."""
    rng = np.random.default_rng(0)
    if spec.shape.rank == 0:
        return ASKED if name == "n" else 0
    shape = [ASKED, *(side or known for side, known in zip(spec.shape[1:], model.image_shape))]
    if spec.dtype == tf.uint8:
        return rng.integers(0, 256, shape, np.uint8)
    return np.zeros(shape, np.int32) if spec.dtype.is_integer else rng.normal(size=shape).astype(np.float32)


def _not_understood(loaded, name):
    return UserError(
        f"The weights in {name} are not those that {loaded.about['variant']} trains: it was exported in another form, "
        "or by another version of kerasgan. Go on from its run, or from a .keras file."
    )


def _without_averaged(model, known):
    """Return the ids of weights that are not known, where what trains starts as its average if that alone is known."""
    unknown = {id(w) for w in model.weights} - known
    its = networks(model)
    if (average := its.get("average")) is not None:
        of = layers_with_weights(average)
        for network in its.values():
            layers = layers_with_weights(network)
            if network is average or [*map(_kind, layers)] != [*map(_kind, of)]:
                continue
            pairs = [(w, v) for pair in zip(layers, of) for w, v in zip(*map(learnt, pair), strict=True)]
            if all(id(w) in unknown and id(v) in known for w, v in pairs):
                for w, v in pairs:
                    w.assign(v.numpy())
                unknown -= {id(w) for w, _ in pairs}
    return unknown
