"""kerasgan export."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from kerasgan import exports, run_folder
from kerasgan.cli.options import MODEL, tensorflow
from kerasgan.errors import UserError
from kerasgan.paths import expanded, for_shell

TO = (*exports.FORMATS, "savedmodel", "keras")


def add_options(command) -> None:
    command.set_defaults(command=export)
    command.description = (
        "Write what a trained model can do as files for another runtime: for ONNX and LiteRT, a file for each verb, "
        "beside a kerasgan.json that says what it takes and makes, and how latents are drawn."
    )
    command.add_argument("model", **MODEL)
    command.add_argument("--to", choices=TO, required=True, metavar="FORMAT", help=", ".join(TO))
    command.add_argument("--verb", help="the only one to write, such as decode (all that the format can hold)")
    command.add_argument("--half", action="store_true", help="store weights in float16, in half as many bytes")
    command.add_argument(
        "-o", "--output", help="folder/, or for one verb a file.onnx or file.tflite; for keras a file.keras"
    )


def export(options: argparse.Namespace) -> int:
    """Write a model in another format; say in a line each what that cannot hold."""
    folder = run_folder.saved_model(options.model)
    about = run_folder.about_model(folder)
    name = expanded(options.model).resolve().name
    to = options.output or (f"{name}.keras" if options.to == "keras" else f"{name}-{options.to}")
    if options.to in exports.FORMATS:
        exports.check(options.to, to)
        exports.chosen(about, options.verb, exports.is_file(options.to, to))
        tensorflow()
        from kerasgan.saved_model import load

        refused = load(options.model).export(to, options.to, options.verb, options.half, verbose=True)
        written = [verb for verb in exports.chosen(about, options.verb, False) if verb not in refused]
        print(f"{', '.join(written)} of {about['variant']} written to {to}")
        return 0
    if options.verb is not None:
        raise UserError(f"A {options.to} holds all that a model can do: leave out --verb.")
    exports.check_free(to)
    if options.to == "keras":
        _write_keras(options, to)
    elif options.half and about.get("weights") != "float16":
        _write_half(options, to)
    else:
        part = _beside(to)
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(folder, part)
        part.rename(expanded(to))
    print(f"{about['variant']} written to {to}")
    return 0


def _write_keras(options, to):
    if options.half:
        raise UserError("A .keras file goes on with training, in the precision of the run: leave out --half.")
    if not to.endswith(".keras"):
        raise UserError(f"{to} is no place for a .keras file: give a name that ends in .keras.")
    _check_run(options.model, "all networks, which a .keras file holds")
    tensorflow()
    from kerasgan.callbacks.checkpoints import restore

    part = _beside(to)
    model = restore(options.model)
    model.compile()  # with the optimizers that it goes on with, which start anew
    model.save(part)
    part.rename(expanded(to))


def _write_half(options, to):
    _check_run(options.model, "weights to be stored in float16")
    tensorflow()
    from kerasgan.callbacks.checkpoints import exported
    from kerasgan.model import ABOUT

    record = run_folder.read(options.model)
    part = _beside(to)
    shutil.rmtree(part, ignore_errors=True)
    exported(options.model).export(part, half=True, **{name: record[name] for name in ABOUT if name in record})
    part.rename(expanded(to))


def _check_run(model, what):
    """Raise UserError for a SavedModel, where there have to be checkpoints."""
    if not run_folder.has_checkpoints(expanded(model)):
        raise UserError(f"{for_shell(model)} is a SavedModel, and only a run has {what}: give its folder.")


def _beside(to) -> Path:
    path = expanded(to)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f"{path.stem}.part{path.suffix}")
