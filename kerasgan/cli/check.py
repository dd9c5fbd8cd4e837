"""kerasgan check: whether a variant keeps what every variant promises."""

from __future__ import annotations

import argparse

from kerasgan.cli.options import tensorflow
from kerasgan.cli.train import add_model_options

MODEL = "model."


def add_options(command, variant) -> None:
    command.description = (
        "Test on small random pictures, in less than a minute, what every variant promises: that each player moves its "
        "own weights, that a run which was broken off goes on exactly, that two devices train as one, and so on. A "
        "promise that does not hold is red, and what to look at is said at the end."
    )
    command.add_argument("--only", metavar="WORDS", help="only promises with these words in their names")
    add_model_options(command, variant, shown=dict.fromkeys(variant.arguments, "small"))


def check(options: argparse.Namespace) -> int:
    """Print which promises hold. Returns the exit code: 1 if one does not."""
    tensorflow()
    from kerasgan import contract

    settings = {k.removeprefix(MODEL): v for k, v in vars(options).items() if k.startswith(MODEL)}
    return 0 if contract.check(options.variant, getattr(options, "only", ""), **settings) else 1
