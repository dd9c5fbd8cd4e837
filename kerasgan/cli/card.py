"""kerasgan card: the zoo's results, from one card for each variant."""

from __future__ import annotations

import argparse
import io
import json
import os
import shlex
from pathlib import Path
from typing import Any

from kerasgan.cli import evaluate
from kerasgan.cli.options import Parser
from kerasgan.errors import UserError
from kerasgan.models import CLASSES

ROW = 12  # pictures that show a variant in the gallery
SIDE = 56  # pixels of each
TASK_MEASURES = {  # what stands for a task in the table
    "classes": "accuracy",
    "likelihood": "bits per dimension",
    "anomalies": "AUC of the anomaly score",
    "translations": "PSNR",
    "reconstructions": "PSNR",
}
HEAD = f"""\
# Results

One row for each variant, from its card.json. Written by `kerasgan card`, not by hand.

Samples are measured with the MNIST classifier in `kerasgan/metrics`: MNIST-FID is the Frechet distance of its features,
KID their kernel distance, precision and recall are of 5 neighbours. There are {evaluate.SAMPLES:,} in each of three
draws, against the 10,000 test images; ± is the spread over draws. The row of real images is what as many training
images reach: the floor. Where there are fewer, n says so, and the distance cannot be set beside the others: the fewer,
the larger. Seconds are those of the model that was evaluated, or else of the recipe, on the cores of the next column.
How, is said in each variant's own card. `kerasgan card --again` measures all models anew, each as its card says: it
takes the folder `facades` of the pix2pix data set, and `facades-tiles`, which zoo/srresnet/tiles.py makes of it.
"""


START, END = "<!-- by kerasgan card, from card.json -->", "<!-- end -->"
GALLERY = """\
![Samples of every variant](gallery.png)

Samples, not chosen; of what translates or reconstructs, the source above and what became of it below.
"""


def add_options(command) -> None:
    evaluate.add_options(command)
    command.set_defaults(command=card)
    command.description = (
        "Measure trained models, keep the numbers in the card.json of their variants, and write the table and the "
        "gallery of all cards."
    )
    model = next(action for action in command._actions if action.dest == "model")
    model.dest, model.nargs, model.metavar = "models", "*", "SAVED_MODEL"
    command.add_argument("--zoo", type=Path, default=Path("zoo"), help="the folder of cards")
    command.add_argument("--again", action="store_true", help="measure the model of every card anew, as the card says")


def card(options: argparse.Namespace) -> int:
    """Update the cards of the models given, and write README.md and gallery.png of the zoo from all cards."""
    zoo = options.zoo
    if not any(zoo.glob("*/card.json")):
        raise UserError(f"There is no card.json in the folders of {zoo}: call it in a clone, or give its --zoo.")
    measurements = [argparse.Namespace(**{**vars(options), "model": model}) for model in options.models]
    for measurement in [*measurements, *(_measurements(zoo, options.data_dir) if options.again else ())]:
        model, record = measurement.model, evaluate.measured(measurement)
        file = zoo / record["variant"] / "card.json"
        if not file.is_file():
            raise UserError(f"{model} is one of {record['variant']}, which has no card: {file} is missing.")
        about = json.loads(file.read_text(encoding="utf-8"))
        about["evaluation"] = {**record, "command": _command(measurement)}
        _write(file, json.dumps(about, indent=2, ensure_ascii=False) + "\n")
        text = file.with_name("README.md").read_text(encoding="utf-8") if file.with_name("README.md").is_file() else ""
        _write(file.with_name("README.md"), with_section(text, about["evaluation"]))
        _write_row(file.with_name("row.png"), measurement)
        print(f"{file} says what {model} reaches.")
    _write_gallery(zoo)
    _write(zoo / "README.md", readme(zoo))
    print(f"{zoo / 'README.md'} is written.")
    return 0


def _measurements(zoo, data_dir):
    """Return the options of `kerasgan evaluate` with which the models of all cards were measured."""
    for one in _cards(zoo):
        if "evaluation" in one:
            _, _, *words = shlex.split(one["evaluation"]["command"])
            yield _evaluate_options([*words, *(["--data-dir", data_dir] if data_dir else [])])


def _command(options):
    """Return the command that measures a model as it was measured."""
    usual = vars(_evaluate_options([options.model]))
    words = ["kerasgan", "evaluate", options.model]
    for name in ("data", "split", "n", "draws", "features", "task", "normal"):
        if (given := getattr(options, name)) != usual[name]:
            words += [f"--{name}" if len(name) > 1 else f"-{name}", str(given)]
    return shlex.join(words)


def _evaluate_options(words):
    parser = Parser()
    evaluate.add_options(parser)
    return parser.parse_args(words)


def readme(zoo: Path) -> str:
    """Return the text of the zoo's README.md: what its cards say."""
    cards = _cards(zoo)
    gallery = [GALLERY] if (zoo / "gallery.png").is_file() else []
    return "\n".join([HEAD, *gallery, *_results(cards), "", *_published(cards)]) + "\n"


def _cards(zoo):
    files = [zoo / key / "card.json" for key in CLASSES]
    return [json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()]


def with_section(text: str, evaluation: dict[str, Any]) -> str:
    """Return the text of a variant's README.md with the table of its evaluation, in the place of an older one."""
    lines = [START, "", "## Evaluation", "", f"    {evaluation['command']}", ""]
    if network := evaluation["network"]:
        lines += [f"Samples are measured with {network['name']} {network['sha256'][:12]}, {network['resizer']}.", ""]
    data = evaluation["data"]
    lines += [_row(["", f"{data['name']}, {data['split']} split", "images", "beside"]), _row(["---"] * 4)]
    for group, its in evaluation["measures"].items():
        lines += [_row([f"{group}: {m['name']}", evaluate.value(m), f"{m['n']:,}", evaluate.beside(m)]) for m in its]
    section = "\n".join([*lines, "", END])
    before, found, after = text.partition(START)
    if not found:
        return f"{text.rstrip()}\n\n{section}\n"
    return f"{before}{section}{after.partition(END)[2]}"


def _results(cards):
    columns = (
        "variant",
        "data",
        "MNIST-FID",
        "KID",
        "precision",
        "recall",
        "label accuracy",
        "task",
        "parameters",
        "training, s",
        "cores",
        "1,000 samples, s",
        "version",
    )
    yield _row(columns)
    yield _row(["---"] * len(columns))
    floor = next((c["evaluation"] for c in cards if _floor(c)), None)
    if floor:
        its = {one["name"]: one for one in floor["measures"]["samples"]}
        names = ("MNIST-FID", "kernel distance", "precision", "recall")
        beside = [{**its[name], "value": its[name]["beside"], "std": its[name]["beside_std"]} for name in names]
        yield _row(["real images", "mnist", *(evaluate.value({**one, "low": None}) for one in beside), *[""] * 7])
    for one in cards:
        found = one.get("evaluation", {"measures": {}})
        samples = {m["name"]: m for m in found["measures"].get("samples", [])}
        names = ("MNIST-FID", "kernel distance", "precision", "recall", "label accuracy")
        numbers = [evaluate.value({**samples[n], "low": None}) if n in samples else "" for n in names]
        if numbers[0] and samples[names[0]]["n"] != evaluate.SAMPLES:
            numbers[0] += f", n = {samples[names[0]]['n']:,}"
        time = samples.get("time for 1,000 samples")
        yield _row(
            [
                f"[{one['variant']}]({one['variant']}/README.md)",
                one["data"],
                *numbers,
                _task(one),
                f"{found['parameters']:,}" if found.get("parameters") else "",
                f"{round(found.get('seconds_of_training') or one['train_seconds']):,}",
                str(one["cores"]),
                evaluate.value(time).removesuffix(" s") if time else "",
                one["versions"]["kerasgan"],
            ]
        )


def _floor(card):
    samples = card.get("evaluation", {"measures": {}})["measures"].get("samples", [])
    return samples and samples[0]["name"] == "MNIST-FID" and samples[0]["beside"] is not None


def _task(card):
    """Return the numbers that stand for a card's task: what it says is its task's, and what was evaluated."""
    found = [f"{m['what']}: {_value(m)}" for m in card["measured"] if m["what"] == card.get("task")]
    measures = card.get("evaluation", {"measures": {}})["measures"]
    for group, name in TASK_MEASURES.items():
        found += [f"{group}: {name} {evaluate.value(m)}" for m in measures.get(group, []) if m["name"] == name]
    return "; ".join(found)


def _value(number):
    spread = f" ± {number['std']}" if number["std"] is not None else ""
    return f"{number['value']}{spread} {number['unit']}".rstrip()


def _published(cards):
    yield "## Measured, beside published"
    yield ""
    yield "What a number was measured on, and how, is on the variant's card: few of these pairs share a protocol."
    yield ""
    yield _row(["variant", "what", "value", "runs", "from"])
    yield _row(["---"] * 5)
    for one in cards:
        for number in one["measured"]:
            yield _row([one["variant"], number["what"], _value(number), str(number["runs"]), f"`{number['command']}`"])
        for number in one["published"]:
            yield _row([one["variant"], number["what"], str(number["value"]), "published", number["source"]])


def _row(cells):
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _write_row(file, options):
    """Write the pictures that show a model in the gallery: samples, or sources above what became of them."""
    import numpy as np

    import kerasgan
    from kerasgan import images, metrics

    loaded = kerasgan.load(options.model)
    held_out, verbs = evaluate.held_out(loaded.about, options), loaded.about["verbs"]
    if "sample" in verbs:
        rows = [loaded.sample(n=ROW, seed=0)]
    elif "translate" in verbs:
        pairs = evaluate.pairs(loaded, held_out, ROW)
        sources = pairs[0] if pairs else held_out.images(ROW)
        rows = [sources, loaded.translate(images=sources)]
    elif "reconstruct" in verbs:
        sources = held_out.images(ROW)
        rows = [sources, loaded.reconstruct(images=sources)]
    else:
        raise UserError(f"{options.model} makes no pictures: it can {', '.join(verbs)}.")
    rows = np.stack([metrics.fitted(row, (SIDE, SIDE, 3)) for row in rows])
    images.write_png(file, images.grid(rows, gap=2))


def _write_gallery(zoo):
    """Put the rows of all variants into one picture, each with its name; nothing where there are none."""
    from matplotlib.figure import Figure
    from PIL import Image

    rows = {key: Image.open(zoo / key / "row.png") for key in CLASSES if (zoo / key / "row.png").is_file()}
    if not rows:
        return
    heights = [row.height for row in rows.values()]
    figure = Figure(figsize=(8.6, sum(heights) / 100 + 0.05 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), height_ratios=heights, squeeze=False)[:, 0]
    for (key, row), ax in zip(rows.items(), axes, strict=True):
        ax.imshow(row, interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        ax.set_ylabel(key.replace("_", "\n"), rotation=0, ha="right", va="center", fontsize=8)
        for spine in ax.spines.values():
            spine.set_visible(False)
    drawn, part = io.BytesIO(), zoo / "gallery.part"
    figure.savefig(drawn, dpi=120, format="png")
    Image.open(drawn).convert("RGB").quantize(256).save(part, format="PNG")  # a third of the bytes
    os.replace(part, zoo / "gallery.png")


def _write(path, text):
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
