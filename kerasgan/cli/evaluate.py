"""kerasgan evaluate."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Any

from kerasgan import run_folder, tasks
from kerasgan.cli.options import FEATURES_HELP, MODEL, labels, positive, tensorflow
from kerasgan.errors import UserError
from kerasgan.held_out import HeldOut

SAMPLES = 10_000  # in each draw, unless another number is asked for


def add_options(command) -> None:
    command.set_defaults(command=evaluate)
    command.description = "Measure what a trained model can do, on images that it did not learn from."
    command.add_argument("model", **MODEL)
    command.add_argument("--data", help="a data set's name, a folder, an .npz, or digits (what it was trained on)")
    command.add_argument("--data-dir", help="where tensorflow-datasets keeps its data")
    command.add_argument("--split", help="of the data (test; train for digits and .npz files, which have no other)")
    command.add_argument("-n", type=positive, default=SAMPLES, help="images at most, and samples in each draw")
    command.add_argument("--draws", type=positive, default=3, help="sets of samples, for the spread")
    command.add_argument("--features", help=FEATURES_HELP)
    pairs = tuple(tasks.fit("pairs"))
    command.add_argument(
        "--task", choices=pairs, metavar="TASK", help=f"what makes the pairs for translations: {', '.join(pairs)}"
    )
    command.add_argument("--normal", type=labels, help="labels of normal images, for anomaly scores: 3, 0,1 or cat,dog")
    command.add_argument("--json", action="store_true", help="for programs")


def evaluate(options: argparse.Namespace) -> int:
    """Print a table of all measures that apply to a model."""
    record = measured(options)
    if options.json:
        print(json.dumps(record, indent=2))
    else:
        _print(record)
    return 0


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Return all measures that apply to a model, with what they were made with, as JSON can keep them.

    Raises UserError where none applies.
    """
    about = run_folder.about_model(run_folder.saved_model(options.model))
    measured_on = held_out(about, options)

    tensorflow()
    import kerasgan
    from kerasgan import metrics

    network = None
    model = kerasgan.load(options.model)
    if "sample" in model.about["verbs"]:
        try:
            network = metrics.feature_network(options.features or measured_on.features())
        except UserError as error:
            if options.features:
                raise
            measured_on.reasons.append(f"samples: {error}")  # nobody asked for this network
    measures = {title: its for title, its in _groups(model, measured_on, network, options).items() if its}
    if not measures:
        raise UserError(
            f"Nothing that {about['variant']} can do is measured on {measured_on.name}: {measured_on.missing()}."
        )
    return {
        "model": options.model,
        "variant": about["variant"],
        "steps": about.get("steps"),
        "parameters": about.get("parameters"),
        "seconds_of_training": about.get("seconds"),
        "data": {"name": measured_on.name, "split": measured_on.split},
        "network": network and _described(network),
        "measures": {title: [dataclasses.asdict(one) for one in its] for title, its in measures.items()},
        "unmeasured": measured_on.reasons,
        "versions": kerasgan.versions(),
    }


def held_out(about: dict[str, Any], options: argparse.Namespace) -> HeldOut:
    """Return what a model with this kerasgan.json is measured on."""
    shape = tuple(about["images"]["shape"] if "images" in about else about["image_shape"])
    chosen = (options.data, options.split, options.data_dir, options.task, options.normal)
    return HeldOut(about.get("data", {}), shape, *chosen)


def _groups(model, held_out, network, options):
    from kerasgan import evaluation

    verbs, found, reasons = model.about["verbs"], {}, held_out.reasons
    n = options.n
    if network:
        others = None if held_out.split == "train" else held_out.images(n * options.draws, "train")
        name, real = held_out.distance(network), held_out.images(n)
        found["samples"] = evaluation.generation(model, real, others, network, n, options.draws, name)
        reasons += evaluation.unmeasured(len(real), real.shape[1:], name)
    if "reconstruct" in verbs:
        found["reconstructions"] = evaluation.reconstruction(model, held_out.images(n))
    if "translate" in verbs and (sides := pairs(model, held_out, n)):
        found["translations"] = evaluation.translation(model.translate, *sides)
        if "translate_back" in verbs:
            found["translations back"] = evaluation.translation(model.translate_back, *sides[::-1])
    if {"reconstructions", "translations"} & set(found):
        reasons += evaluation.unlike(held_out.image_shape)
    if "classify" in verbs and (its := held_out.labelled(n)):
        found["classes"] = evaluation.classification(model, *its)
    if "log_prob" in verbs:
        found["likelihood"] = evaluation.likelihood(model, *held_out.columns("images", n))
    if "anomaly_score" in verbs and (its := held_out.anomalies(n)):
        found["anomalies"] = evaluation.anomalies(model, *its)
    return found


def pairs(model, held_out, n):
    """Return sources and targets: of a model that makes its own sources, these, unless another --task is given."""
    from kerasgan import evaluation

    if "degrade" not in model.about["verbs"] or held_out.task:
        return held_out.pairs(n)
    return evaluation.degraded(model, targets := held_out.images(n)), targets


def _described(network):
    from kerasgan.metrics.features import RESIZER

    return {
        "name": network.name,
        "sha256": network.sha256,
        "image_shape": list(network.image_shape),
        "resizer": RESIZER,
    }


def _print(record):
    steps = "" if record["steps"] is None else f", {record['steps']:,} steps"
    print(f"{record['variant']}{steps}; {record['data']['name']}, {record['data']['split']} split")
    if record["data"]["split"] == "train":
        print("these are images that it may have learnt from: new ones would tell more")
    if network := record["network"]:
        size = " x ".join(str(side or "any") for side in network["image_shape"])
        print(f"samples are measured with {network['name']} {network['sha256'][:12]} ({size}, {network['resizer']})")
    for title, its in record["measures"].items():
        print(f"\n{title}, {its[0]['n']:,}{' in each draw' if its[0]['std'] is not None else ''}")
        width, wide = max(len(one["name"]) for one in its), max(len(value(one)) for one in its)
        for one in its:
            print(f"  {one['name']:<{width}}  {value(one):<{wide}}  {beside(one)}".rstrip())
    if record["unmeasured"]:
        print("\nnot measured")
    for reason in record["unmeasured"]:
        print(f"  {reason}")


def value(one: dict[str, Any]) -> str:
    """Return a measure's value, with its spread over draws and its confidence interval where it has them."""
    text = _number(one["value"]) + (f" ± {one['std']:.2g}" if one["std"] is not None else "")
    if one["low"] is not None:
        text += f" ({_number(one['low'])} to {_number(one['high'])})"
    return f"{text} {one['unit']}".rstrip()


def beside(one: dict[str, Any]) -> str:
    """Return what stands beside a measure; nothing where nothing does."""
    if one["beside"] is None:
        return ""
    spread = f" ± {one['beside_std']:.2g}" if one["beside_std"] is not None else ""
    return f"{one['beside_what']}: {_number(one['beside'])}{spread}"


def _number(value):
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
