"""The command line of a recipe: what its main() can be given, it takes as options.

if __name__ == "__main__":
    recipe.run(main)
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kerasgan.command_line import Parser, answer, natural, positive
from kerasgan.variants import meanings

MEANINGS = {  # of what most recipes take, unless their docstrings say more
    "data": "digits, a name of tensorflow-datasets, a folder, or an .npz",
    "data_dir": "where tensorflow-datasets keeps its data (its own folder)",
    "run": "folder for what is written",
    "epochs": "times through the data",
    "resume": "go on with the run where it was stopped or killed",
    "seed": "fixes weights, noise and order",
}


def run(main: Callable[..., None], **defaults: Any) -> None:
    """Call a recipe's main() with what the command line says, and end with its exit code: 0, or 2 after one line.

    Each argument whose default is a number, a text, True, False or None is an option of the same name, with the help
    that the docstring of `main`, or of its file, has for it as `name: what it is`.

    defaults: those of the command line, where they are others than those of Python
    """
    program = sys.argv[0]

    def command():
        main(**{**defaults, **vars(_parser(f"python {program}", main, defaults).parse_args(sys.argv[1:]))})
        return 0

    sys.exit(answer(program, command))


def make_folder(main: Callable[..., None]) -> None:
    """Call the main(source, output) of a script that makes a new folder out of a data set, with what was given.

    Its help is the docstring of main's file. Ends with exit code 2 if the output exists.
    """
    source, output = inspect.signature(main).parameters.values()
    description, formatted = main.__globals__["__doc__"], argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=description, formatter_class=formatted)
    parser.add_argument(source.name, help="the folder of the data set")
    parser.add_argument(output.name, nargs="?", default=output.default, help="a new folder")
    given = vars(parser.parse_args())
    if Path(given[output.name]).exists():
        parser.error(f"{given[output.name]} exists: choose another folder.")
    main(**given)


def _parser(program, main, defaults):
    docstrings = [inspect.cleandoc(text) for text in (main.__doc__, main.__globals__["__doc__"]) if text]
    parser = Parser(program, description=docstrings[-1].partition("\n\n")[0])
    arguments = {name: defaults.get(name, p.default) for name, p in inspect.signature(main).parameters.items()}
    meaning = {**MEANINGS, **meanings(docstrings, arguments)}
    for name, default in arguments.items():
        if isinstance(default, bool | int | float | str | None):
            option, kind = f"--{name.replace('_', '-')}", _kind(name, default)
            parser.add_argument(option, default=default, help=meaning[name], **kind)
    return parser


def _kind(name, default):
    """Return what argparse has to know of an option with this default."""
    if isinstance(default, bool):
        return {"action": argparse.BooleanOptionalAction if default else "store_true"}
    if isinstance(default, int):
        return {"type": natural if name == "seed" else positive, "metavar": name.upper()}
    return {"type": float if isinstance(default, float) else str, "metavar": name.upper()}
