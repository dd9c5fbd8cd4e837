"""The parser that answers a mistake in one line, and the kinds of values that options take."""

from __future__ import annotations

import argparse
import os
import re
import sys
from typing import Any

from kerasgan import class_names
from kerasgan.errors import UserError, nearest

FEATURES_HELP = "what samples are measured with: mnist, inception, a SavedModel or a .keras"
MODEL: dict[str, Any] = {
    "metavar": "RUN_OR_SAVED_MODEL",
    "help": "a run folder, a SavedModel of kerasgan, or the name of a trained model: kerasgan list --trained",
}


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, with the nearest name, instead of printing the usage."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, allow_abbrev=False, formatter_class=argparse.ArgumentDefaultsHelpFormatter, **kwargs)

    def error(self, message):
        raise UserError(f"{message}. See {self.prog} --help.")

    def _check_value(self, action, value):
        if action.choices is not None and value not in action.choices:
            what = (action.metavar or action.option_strings[-1]).lower()
            known = [str(choice) for choice in action.choices]
            self.error(f"there is no {what} {value}{nearest(str(value), known)}: choose from {', '.join(known)}")

    def parse_args(self, arguments):
        options, unknown = self.parse_known_args(arguments)
        if unknown:
            chosen = [self, *_chosen(self, options)][-1]
            option = unknown[0].partition("=")[0]
            chosen.error(f"there is no option {option}{nearest(option, chosen._option_string_actions)}")
        return options


def _chosen(root, options):
    """Return the parsers of the chosen command and variant, whose options were to be had."""
    for action in root._actions:
        if isinstance(action, argparse._SubParsersAction) and (name := getattr(options, action.dest, None)):
            yield action.choices[name]
            yield from _chosen(action.choices[name], options)


def _number(text, least):
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number < 2**31:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from {least} to {2**31 - 1}")
    return number


def positive(text):
    return _number(text, 1)


def seed(text):
    return _number(text, 0)


def port(text):
    return _number(text, 0)


def devices(text):
    return text if text == "all" else positive(text)


def labels(text):
    """Names of classes, or their numbers, as one text: whether a comma is part of a name, only the classes tell."""
    try:
        class_names.split(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def size(text):
    if not (match := re.fullmatch(r"(\d+)(?:x(\d+))?", text)):
        raise argparse.ArgumentTypeError(f"{text} is no size: give 64, or 96x64 for height x width")
    height, width = match.groups()
    return int(height), int(width or height)


def tensorflow():
    """Import TensorFlow without the notes that it prints before its own log level counts."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
    return tensorflow
