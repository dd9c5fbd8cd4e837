"""The kinds of values that options of several commands take."""

from __future__ import annotations

import argparse
import re
from typing import Any

from kerasgan import class_names
from kerasgan.command_line import positive, quiet
from kerasgan.errors import UserError

FEATURES_HELP = (
    "what samples are measured with: mnist, cifar10, inception-fid (the FID of the literature), inception (of Keras), "
    "a SavedModel or a .keras (mnist for digits, else cifar10)"
)
MODEL: dict[str, Any] = {
    "metavar": "RUN_OR_SAVED_MODEL",
    "help": "a run folder, a SavedModel of kerasgan, the name of a trained model (kerasgan list --trained), or "
    "hf://user/name",
}


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
    with quiet():
        import tensorflow
    return tensorflow
