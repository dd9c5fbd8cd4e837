"""kerasgan list | train | film | tensorboard | generate | explore | evaluate | card; and a command for each verb.

Nothing here imports TensorFlow before it has to train or use a model: help, lists and mistakes are answered at once.
"""

from __future__ import annotations

import argparse
import os
import sys

from kerasgan import __version__
from kerasgan.cli import card, evaluate, explore, film, generate, tensorboard, verbs
from kerasgan.cli import list as list_
from kerasgan.cli.options import Parser, tensorflow
from kerasgan.cli.train import add_options, train
from kerasgan.errors import UserError
from kerasgan.models import CLASSES
from kerasgan.variants import is_file, others, variant

__all__ = ["main", "parser"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0, or 2 for what the user can put right."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up notes; its errors are still raised
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        options = parser(arguments).parse_args(arguments)
        code = options.command(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # who reads a table has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except UserError as error:
        print(f"kerasgan: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno is None:
            raise
        print(f"kerasgan: {error.filename or 'The disk'}: {error.strerror}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("kerasgan: interrupted.", file=sys.stderr)
        return 130


def parser(arguments: list[str]) -> Parser:
    """Return the parser; of the variants, only one that `arguments` names is read."""
    root = Parser("kerasgan", description="Train generative models on images, and use them.")
    root.add_argument("--version", action="version", version=f"kerasgan {__version__}")
    commands = root.add_subparsers(dest="command_name", required=True, metavar="COMMAND", parser_class=Parser)

    list_.add_options(commands.add_parser("list", help="what can be trained"))

    command = commands.add_parser("train", help="train a variant on images")
    variants = command.add_subparsers(dest="variant", required=True, metavar="VARIANT", parser_class=Parser)
    files = [argument for argument in arguments[1:2] if arguments[0] == "train" and is_file(argument)]
    for key in [*CLASSES, *others(), *files]:
        one = variants.add_parser(key, help=f"see kerasgan train {key} --help", argument_default=argparse.SUPPRESS)
        if key in arguments:
            if key not in CLASSES:
                tensorflow()  # which the variant imports, without its notes
            add_options(one, variant(key))
        one.set_defaults(command=train)

    film.add_options(commands.add_parser("film", help="show how a run learnt"))
    tensorboard.add_options(commands.add_parser("tensorboard", help="open a run, or several, in TensorBoard"))
    generate.add_options(commands.add_parser("generate", help="make images with a trained model"))
    evaluate.add_options(commands.add_parser("evaluate", help="measure what a trained model can do"))
    verbs.add_commands(commands)
    explore.add_options(commands.add_parser("explore", help="look at what a trained model's latents mean"))
    card.add_options(commands.add_parser("card", help="write the zoo's table of results"))
    return root
