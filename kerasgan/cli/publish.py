"""kerasgan publish."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from kerasgan import hub
from kerasgan.cli.options import MODEL, tensorflow
from kerasgan.errors import UserError
from kerasgan.paths import expanded


def add_options(command) -> None:
    command.set_defaults(command=publish)
    command.description = (
        "Write a folder with all that it takes to use a trained model and to go on with it: the SavedModel, of a run "
        "all networks as model.keras, a card as README.md, LICENSE, samples.png and run.json, none of which says where "
        "things are on this machine. With --to, upload it to Hugging Face's hub, by the token of `hf auth login` or of "
        "HF_TOKEN."
    )
    command.add_argument("model", **MODEL)
    command.add_argument("-o", "--output", metavar="FOLDER", help="a new folder (NAME-published; with --to, none)")
    command.add_argument("--to", metavar="hf://USER/NAME", help="upload it there: a new repository, or a new version")
    command.add_argument(
        "--licence",
        default="mit",
        help="mit, another identifier that Hugging Face knows such as cc-by-4.0, or a file with a text (%(default)s)",
    )
    command.add_argument("--private", action="store_true", help="with --to: a new repository that only you can see")


def publish(options: argparse.Namespace) -> int:
    """Write a model as others can use it and go on with it, and upload it where that is asked for."""
    from kerasgan.publish import check

    if options.private and options.to is None:
        raise UserError("--private is for what is uploaded: say by --to where.")
    if options.to is not None:
        hub.parsed(options.to)  # a wrong one is said before a trained model is downloaded
    output = options.output
    if output is None and options.to is None:
        output = f"{expanded(options.model).resolve().name}-published"
    check(options.model, output, options.licence)
    if options.to is not None:
        hub.check(options.to)
    tensorflow()
    if output is not None:
        return _publish(options, Path(output))
    with tempfile.TemporaryDirectory(prefix="kerasgan-") as folder:
        return _publish(options, Path(folder) / hub.parsed(options.to)[0].rpartition("/")[2])


def _publish(options, to):
    from kerasgan.publish import write

    folder = write(options.model, to, options.to, options.licence)
    if options.output is not None or options.to is None:
        print(f"{options.model} is published in {to}: {', '.join(sorted(file.name for file in folder.iterdir()))}")
    if options.to is not None:
        address = hub.upload(folder, options.to, options.private)
        print(f"{options.model} is published at {address}, and can be used by the name {options.to}")
    return 0
