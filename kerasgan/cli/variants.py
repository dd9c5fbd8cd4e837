"""What the command line has to know of the variants, read from their source: nothing here imports TensorFlow."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from kerasgan.cli.trained_models import list_trained
from kerasgan.models import CLASSES

PACKAGE = Path(__file__).parents[1]


@dataclasses.dataclass
class Variant:
    """What the command line has to know of a variant: its constructor's arguments, and what its class says."""

    key: str
    name: str
    summary: str
    paper: str
    takes: str
    task: str  # the natural one
    starts_from: str
    batch_size: int
    default_steps: int
    arguments: dict[str, Any]  # name: default
    help: dict[str, str]


def variant(key: str) -> Variant:
    """Read a variant's class statement, without running it."""
    tree = ast.parse((PACKAGE / "models" / f"{key}.py").read_text(encoding="utf-8"))
    base = ast.parse((PACKAGE / "model.py").read_text(encoding="utf-8"))
    cls = _class(tree, CLASSES[key])
    constants = {**_constants(_class(base, "GenerativeModel")), **_constants(cls)}
    init = next(f for f in cls.body if isinstance(f, ast.FunctionDef) and f.name == "__init__")
    names = [a.arg for a in init.args.args if a.arg != "self"]
    docstring = ast.get_docstring(cls)
    return Variant(
        key=key,
        name=cls.name,
        summary=docstring.splitlines()[0],
        arguments=dict(zip(names, map(ast.literal_eval, init.args.defaults), strict=True)),
        help=dict(re.findall(r"^(\w+): (.+)$", docstring, re.MULTILINE)),
        task=constants["task"] or constants["takes"],
        **{name: constants[name] for name in ("paper", "takes", "starts_from", "batch_size", "default_steps")},
    )


def variants_with(verb: str) -> list[str]:
    """Return variants whose SavedModels have a verb; not those that import their endpoints from another's file."""
    sources = {key: (PACKAGE / "models" / f"{key}.py").read_text(encoding="utf-8") for key in CLASSES}
    return [key for key, source in sources.items() if f'"{verb}": (' in source]


def _class(tree, name):
    return next(c for c in tree.body if isinstance(c, ast.ClassDef) and c.name == name)


def _constants(cls):
    plain = [s for s in cls.body if isinstance(s, ast.Assign) and isinstance(s.value, ast.Constant | ast.Tuple)]
    return {s.targets[0].id: ast.literal_eval(s.value) for s in plain}


def list_variants(options: argparse.Namespace) -> int:
    """Print the variants, or with --trained the trained models, for people or as JSON."""
    if options.trained:
        return list_trained(options.json)
    variants = [variant(key) for key in CLASSES]
    if options.json:
        fields = ("key", "name", "summary", "paper", "takes", "task", "starts_from", "batch_size", "arguments")
        print(json.dumps([{f: getattr(v, f) for f in fields} for v in variants], indent=2))
        return 0
    for v in variants:
        print(f"{v.key:<10} {v.summary}\n{'':<10} takes {v.takes}; {v.paper}")
    return 0
