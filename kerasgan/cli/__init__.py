"""kerasgan list | train | check | film | tensorboard | generate | explore | evaluate | export | publish | demo | data.

And card, and the verbs. Nothing here imports TensorFlow before it has to train or use a model: help, lists and
mistakes are answered at once.
"""

from __future__ import annotations

import argparse
import sys

from kerasgan import __version__
from kerasgan.cli import (
    card,
    check,
    data,
    demo,
    evaluate,
    explore,
    export,
    film,
    generate,
    publish,
    tensorboard,
    train,
    verbs,
)
from kerasgan.cli import list as list_
from kerasgan.cli.options import tensorflow
from kerasgan.command_line import Parser, answer
from kerasgan.models import CLASSES
from kerasgan.variants import is_file, others, variant

__all__ = ["main", "parser"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0, or 2 for what the user can put right."""
    return answer("kerasgan", lambda: _run(sys.argv[1:] if arguments is None else arguments))


def _run(arguments):
    options = parser(arguments).parse_args(arguments)
    return options.command(options)


def parser(arguments: list[str]) -> Parser:
    """Return the parser; of the variants, only one that `arguments` names is read."""
    root = Parser("kerasgan", description="Train generative models on images, and use them.")
    root.add_argument("--version", action="version", version=f"kerasgan {__version__}")
    commands = root.add_subparsers(dest="command_name", required=True, metavar="COMMAND", parser_class=Parser)

    list_.add_options(commands.add_parser("list", help="what can be trained, and what is trained"))

    for name, help_, add_options, run in (
        ("train", "train a variant on images", train.add_options, train.train),
        ("check", "test what every variant promises", check.add_options, check.check),
    ):
        command = commands.add_parser(name, help=help_)
        variants = command.add_subparsers(dest="variant", required=True, metavar="VARIANT", parser_class=Parser)
        files = [argument for argument in arguments[1:2] if arguments[0] == name and is_file(argument)]
        for key in [*CLASSES, *others(), *files]:
            see = f"see kerasgan {name} {key} --help"
            one = variants.add_parser(key, help=see, argument_default=argparse.SUPPRESS)
            if key in arguments:
                if key not in CLASSES:
                    tensorflow()  # which the variant imports, without its notes
                add_options(one, variant(key))
            one.set_defaults(command=run)

    film.add_options(commands.add_parser("film", help="show how a run learnt"))
    tensorboard.add_options(commands.add_parser("tensorboard", help="open a run, or several, in TensorBoard"))
    generate.add_options(commands.add_parser("generate", help="make images with a trained model"))
    evaluate.add_options(commands.add_parser("evaluate", help="measure what a trained model can do"))
    verbs.add_commands(commands)
    explore.add_options(commands.add_parser("explore", help="look at what a trained model's latents mean"))
    export.add_options(commands.add_parser("export", help="write a trained model for ONNX, LiteRT, and others"))
    publish.add_options(commands.add_parser("publish", help="write a trained model for others, or upload it"))
    demo.add_options(commands.add_parser("demo", help="make a page for the browser in which trained models run"))
    data.add_commands(commands.add_parser("data", help="what is kept of prepared images, and how to remove it"))
    card.add_options(commands.add_parser("card", help="write the zoo's table of results"))
    return root
