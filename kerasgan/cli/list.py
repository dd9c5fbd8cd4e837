"""kerasgan list."""

from __future__ import annotations

import argparse
import dataclasses
import json

from kerasgan import trained_models
from kerasgan.models import CLASSES
from kerasgan.variants import others, variant

FIELDS = ("key", "name", "summary", "paper", "takes", "task", "starts_from", "verbs", "batch_size", "arguments")


def add_options(command) -> None:
    command.set_defaults(command=list_variants)
    command.add_argument("--trained", action="store_true", help="the trained models, which can be used by name")
    command.add_argument("--json", action="store_true", help="for programs")


def list_variants(options: argparse.Namespace) -> int:
    """Print the variants, or with --trained the trained models, for people or as JSON."""
    if options.trained:
        return _list_trained(options.json)
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


def _list_trained(as_json):
    known = trained_models.trained_models().values()
    places = {model.name: trained_models.place(model) or ("to download", None) for model in known}
    if as_json:
        entries = []
        for model in known:
            where, folder = places[model.name]
            entries.append({**dataclasses.asdict(model), "where": where, "folder": folder and str(folder)})
        print(json.dumps(entries, indent=2))
        return 0
    rows = [("name", "variant", "data", "MB", "where", "can")]
    for m in known:
        rows.append((m.name, m.variant, m.data, f"{m.bytes / 1e6:.1f}", places[m.name][0], ", ".join(m.verbs)))
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths)).rstrip())
    print("\nUse one by its name, in the place of RUN_OR_SAVED_MODEL: kerasgan generate dcgan_mnist")
    if any(where in ("cache", "to download") for where, _ in places.values()):
        print(f"Each is downloaded when it is first used, and kept in {trained_models.cache()}")
    return 0
