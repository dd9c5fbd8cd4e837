"""kerasgan evaluate."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Any

from kerasgan import tasks
from kerasgan.cli.options import FEATURES_HELP, MODEL, labels, tensorflow
from kerasgan.command_line import positive
from kerasgan.errors import UserError
from kerasgan.held_out import DRAWS, SAMPLES


def add_options(command) -> None:
    command.set_defaults(command=evaluate)
    command.description = "Measure what a trained model can do, on images that it did not learn from."
    add_measurement(command)
    command.add_argument(
        "--write-statistics",
        metavar="FILE.npz",
        help="measure nothing: write the mean and covariance of the images' features, for --statistics or other tools",
    )


def add_measurement(command) -> None:
    """Add what an `evaluation.Measurement` is made of."""
    command.add_argument("model", **MODEL)
    command.add_argument("--data", help="a data set's name, a folder, an .npz, or digits (what it was trained on)")
    command.add_argument("--data-dir", help="where tensorflow-datasets keeps its data")
    command.add_argument("--split", help="of the data (test; train for digits and .npz files, which have no other)")
    command.add_argument("-n", type=positive, default=SAMPLES, help="images at most, and samples in each draw")
    command.add_argument("--draws", type=positive, default=DRAWS, help="sets of samples, for the spread")
    command.add_argument("--features", help=FEATURES_HELP)
    command.add_argument(
        "--statistics",
        metavar="FILE.npz",
        help="compare samples with these alone: mu and sigma, the mean and covariance of real images' features",
    )
    pairs = tuple(tasks.fit("pairs"))
    command.add_argument(
        "--task", choices=pairs, metavar="TASK", help=f"what makes the pairs for translations: {', '.join(pairs)}"
    )
    command.add_argument("--normal", type=labels, help="labels of normal images, for anomaly scores: 3, 0,1 or cat,dog")
    command.add_argument("--json", action="store_true", help="for programs")


def evaluate(options: argparse.Namespace) -> int:
    """Print a table of all measures that apply to a model."""
    from kerasgan import evaluation

    measurement = evaluation.Measurement(**chosen(options))
    measurement.held_out()  # what is wrong with it is said now
    measurement.reference()
    if options.write_statistics:
        return _write_statistics(measurement, options.write_statistics)
    tensorflow()
    record = evaluation.measured(measurement)
    if options.json:
        print(json.dumps(record, indent=2))
    else:
        _print(record)
    return 0


def _write_statistics(measurement, path):
    from kerasgan import evaluation
    from kerasgan.reference_statistics import check_place

    if measurement.statistics:
        raise UserError("--write-statistics writes what --statistics reads: leave out one of them.")
    check_place(path)
    tensorflow()
    n, held_out = evaluation.write_statistics(measurement, path), measurement.held_out()
    features = measurement.features or held_out.features()
    print(
        f"{held_out.name}, {held_out.split} split: {n:,} images, measured with {features}; mu and sigma are in {path}"
    )
    return 0


def chosen(options: argparse.Namespace) -> dict[str, Any]:
    """Return what an `evaluation.Measurement` is made of, beside a model where there are several."""
    from kerasgan.evaluation import Measurement

    fields = [field.name for field in dataclasses.fields(Measurement)]
    return {name: value for name, value in vars(options).items() if name in fields}


def _print(record):
    from kerasgan.evaluation import beside, value

    steps = "" if record["steps"] is None else f", {record['steps']:,} steps"
    print(f"{record['variant']}{steps}; {record['data']['name']}, {record['data']['split']} split")
    if record["data"]["split"] == "train":
        print("these are images that it may have learnt from: new ones would tell more")
    if network := record["network"]:
        size = " x ".join(str(side or "any") for side in network["image_shape"])
        print(f"samples are measured with {network['name']} {network['sha256'][:12]} ({size}, {network['resizer']})")
    if record["statistics"]:
        print(f"samples are compared with the mean and covariance in {record['statistics']}")
    for title, its in record["measures"].items():
        print(f"\n{title}, {its[0]['n']:,}{' in each draw' if its[0]['std'] is not None else ''}")
        width, wide = max(len(one["name"]) for one in its), max(len(value(one)) for one in its)
        for one in its:
            print(f"  {one['name']:<{width}}  {value(one):<{wide}}  {beside(one)}".rstrip())
    if record["unmeasured"]:
        print("\nnot measured")
    for reason in record["unmeasured"]:
        print(f"  {reason}")
