"""kerasgan list."""

from __future__ import annotations

import argparse
import json

from kerasgan.models import CLASSES
from kerasgan.variants import others, variant

FIELDS = ("key", "name", "summary", "paper", "takes", "task", "starts_from", "verbs", "batch_size", "arguments")


def add_options(command) -> None:
    command.set_defaults(command=list_variants)
    command.add_argument("--json", action="store_true", help="for programs")


def list_variants(options: argparse.Namespace) -> int:
    """Print the variants, for people or as JSON: the zoo's, and those that installed packages offer."""
    variants = [variant(key) for key in CLASSES]
    if options.json:
        print(json.dumps([{field: getattr(one, field) for field in FIELDS} for one in variants], indent=2))
        return 0
    width = max(len(key) for key in [*CLASSES, *others()])
    for one in variants:
        print(f"{one.key:<{width}}  {one.summary}\n{'':<{width}}  takes {one.takes}; {one.paper}")
    for key in others():  # to import them would take seconds
        print(f"{key:<{width}}  of an installed package: kerasgan train {key} --help")
    return 0
