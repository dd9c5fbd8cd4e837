"""Sizes and times of exports: python benchmarks/exports.py

Converts all that the trained models can do to ONNX and LiteRT, runs each beside the SavedModel on the same inputs, in
turns, and writes exports.md: which variant has which verb in which format, how large the files are, how far what they
make lies from what the SavedModel makes, and how long one example takes. A variant without a trained model is
converted as a new one of small settings, and not timed. What is in exports.json already is not measured again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

import kerasgan
from kerasgan import exports, saved_model
from kerasgan.command_line import quiet
from kerasgan.contract.small import small_model
from kerasgan.models import CLASSES

ROOT = Path(__file__).parents[1]
SECONDS = 0.2  # of a round of one runtime
TITLES = {"saved_model": "SavedModel", **{name: its.title for name, its in exports.FORMATS.items()}}


def main(to: Path, rounds: int) -> None:
    """Measure what is not measured yet, and write exports.json and exports.md."""
    record = json.loads((to / "exports.json").read_text()) if (to / "exports.json").is_file() else {}
    for key in CLASSES:
        for name in [folder.name for folder in trained(key)] or [None]:
            if (name or key) not in record:
                model = kerasgan.load(name) if name else saved_model.LiveModel(small_model(key).for_inference())
                verbs = {verb: measured(model, verb, rounds if name else 0) for verb in model.about["verbs"]}
                record[name or key] = {"variant": key, "trained": name is not None, "verbs": verbs}
                (to / "exports.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
                print(f"{name or key}: {', '.join(verbs)}", flush=True)
    (to / "exports.md").write_text(page(record), encoding="utf-8")
    print(f"{to / 'exports.md'} is written.")


def trained(key: str) -> list[Path]:
    """Return the folders of a variant's trained models."""
    found = sorted((ROOT / "saved_models").glob("*/kerasgan.json"))
    return [file.parent for file in found if json.loads(file.read_text(encoding="utf-8"))["variant"] == key]


def measured(model: saved_model.LoadedModel | saved_model.LiveModel, verb: str, rounds: int) -> dict:
    """Return {format: bytes and difference, or why not}, and milliseconds of one example in each."""
    its, record, runs = getattr(model, verb), {}, {}
    for name, kind in exports.FORMATS.items():
        try:
            made = exports.converted(model, verb, name)
        except exports.Unconvertible as refused:
            record[name] = {"reason": refused.reason}
            continue
        record[name] = {"bytes": len(made.content), "difference": made.difference, "dtype": dtype(made)}
        with quiet():
            runs[name] = kind.load(made.content)
    if runs and rounds:
        inputs = exports.examples(its, 1)
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        calls = {"saved_model": lambda: its.function(**tensors).numpy()}
        calls |= {name: lambda run=run: run(inputs) for name, run in runs.items()}
        for name, milliseconds in in_turns(calls, rounds).items():
            record.setdefault(name, {})["milliseconds"] = milliseconds
    return record


def dtype(made: exports.Converted) -> str:
    (output,) = made.about["outputs"].values()
    return output["dtype"]


def in_turns(calls: dict[str, Callable], rounds: int) -> dict[str, float]:
    """Return the median over the rounds of the milliseconds that each call takes, warmed up, in turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    repeated = {}
    for name, call in calls.items():
        call()
        start = time.perf_counter()
        call()
        repeated[name] = int(np.clip(SECONDS / (time.perf_counter() - start), 1, 1000))
    for i in range(rounds):
        for name in list(calls)[:: 1 if i % 2 else -1]:
            start = time.perf_counter()
            for _ in range(repeated[name]):
                calls[name]()
            times[name].append(1000 * (time.perf_counter() - start) / repeated[name])
    return {name: statistics.median(its) for name, its in times.items()}


def page(record: dict) -> str:
    """Return what was measured, in Markdown."""
    titles = [TITLES[name] for name in exports.FORMATS]
    head = [f"{title}, MB | difference" for title in titles] + [f"{title}, ms" for title in TITLES.values()]
    lines = [
        "# Exports",
        "",
        "What each variant can do in which format, by its trained model; in italics, by a new one of small settings.",
        "Differences are the largest from what the SavedModel makes of the same three inputs: of images in units of 1",
        "of 255, of other numbers as they are. Milliseconds are those of one example on this CPU, medians of rounds in",
        "turns; other work shared the machine, so that they compare runtimes with one another, and no more.",
        "",
        f"| model | verb | {' | '.join(head)} |",
        f"|---|---|{'---|' * (2 * len(titles) + len(TITLES))}",
    ]
    reasons: dict[str, int] = {}
    for name, its in record.items():
        shown = f"`{name}`" if its["trained"] else f"*`{name}`*"
        for verb, measures in its["verbs"].items():
            cells = [cell for key in exports.FORMATS for cell in size_cells(measures[key], reasons)]
            times = [measures.get(key, {}).get("milliseconds") for key in TITLES]
            cells += [f"{time:.3g}" if time else "" for time in times]
            lines.append(f"| {shown} | `{verb}` | {' | '.join(cells)} |")
    lines += ["", *(f"{number}. {reason}." for reason, number in reasons.items()), ""]
    lines += ["Written by `python benchmarks/exports.py`.", ""]
    return "\n".join(lines)


def size_cells(measures: dict, reasons: dict[str, int]) -> tuple[str, str]:
    """Return the cells of a format's size and difference; without it, the number of the reason, which is kept."""
    if "reason" in measures:
        return "-", f"({reasons.setdefault(measures['reason'], len(reasons) + 1)})"
    unit = measures["difference"]
    return f"{measures['bytes'] / 1e6:.1f}", f"{unit:.0f}" if measures["dtype"] == "uint8" else f"{unit:.1e}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=Path(__file__).parent, help="the folder of exports.md")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each runtime")
    options = parser.parse_args()
    main(options.to, options.rounds)
