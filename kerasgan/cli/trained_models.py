"""kerasgan list --trained."""

from __future__ import annotations

import dataclasses
import json

from kerasgan import trained_models


def list_trained(as_json: bool) -> int:
    """Print the trained models that can be used by name, for people or as JSON."""
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
