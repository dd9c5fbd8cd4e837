"""The zoo's cards: what each card.json and README.md say, and the table and the gallery of all.

A card is of a variant and of the data that a model of it has learnt from: the first one of a variant lies in
zoo/VARIANT, each one of further data in zoo/VARIANT/DATA. It is begun from a run, kept up with what its model reaches,
and read for the table of all:

kerasgan.cards.update(kerasgan.evaluation.Measurement("runs/dcgan-mnist"), Path("zoo"))
kerasgan.cards.write_table(Path("zoo"))
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerasgan import evaluation, film, run_folder, trained_models
from kerasgan.errors import UserError
from kerasgan.evaluation import Measurement, beside, value
from kerasgan.held_out import SAMPLES, anywhere
from kerasgan.models import CLASSES
from kerasgan.paths import expanded, write_whole
from kerasgan.variants import citation, variant

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

One row for each variant and data set, from its card.json. Written by `kerasgan card`, not by hand.

Samples are measured with the MNIST classifier in `kerasgan/metrics`: MNIST-FID is the Frechet distance of its features,
KID their kernel distance, precision and recall are of 5 neighbours. There are {SAMPLES:,} in each of three
draws, against the 10,000 test images; ± is the spread over draws. The row of real images is what as many training
images reach: the floor. Where there are fewer, n says so, and the distance cannot be set beside the others: the fewer,
the larger. Seconds are those of the model that was evaluated, or else of the recipe, on the cores of the next column.
How, is said in each one's own card. `kerasgan card --again` measures all models anew, each as its card says: it
takes the folder `facades` of the pix2pix data set, and what zoo/srresnet/tiles.py and zoo/fastgan/halves.py make of it.
"""
COLOUR = "Frechet distance (cifar10_classifier)"
COLOUR_HEAD = """\
## Colour images

Samples of these are measured with the classifier of CIFAR-10 in `kerasgan/metrics`, whose card is
[cifar10_classifier](cifar10_classifier/README.md); all else is as above. Distances are of its features, so none of
them can be set beside one of the first table, nor beside one of other data or of another number of images. Where there
is too little data to hold any back, samples are compared with the training images, as papers on few images do it, and
"nearest" shows whether they were learnt by heart: how far a sample is from the training picture nearest to it, by
pixels, and in parentheses how far that is for training pictures among themselves. Images/s are those that it learnt
from while it trained.
"""
UNWRITTEN = "To be written by hand:"  # begins what a card lacks when it is begun
TABLES = {  # that list variants and their trained models: files beside the zoo, with the head of each one's table
    "README.md": "| | | takes | paper |",
    "saved_models/README.md": "| folder | what it does | MB | made by |",
}
START, END = "<!-- by kerasgan card, from card.json -->", "<!-- end -->"
GALLERY = """\
![Samples of every model](gallery.png)

Samples, not chosen; of what translates or reconstructs, the source above and what became of it below.
"""


def read(zoo: Path) -> list[dict[str, Any]]:
    """Return what each card.json says, in the order of the variants, and its `folder` in the zoo.

    Raises UserError if there is none.
    """
    found = [
        {**json.loads(file.read_text(encoding="utf-8")), "folder": file.parent.relative_to(zoo).as_posix()}
        for key in CLASSES
        for file in (zoo / key / "card.json", *sorted((zoo / key).glob("*/card.json")))
        if file.is_file()
    ]
    if not found:
        raise UserError(f"There is no card.json in the folders of {zoo}: call it in a clone, or give its --zoo.")
    return found


def folder_of(about: dict[str, Any], zoo: Path) -> Path:
    """Return where the card of a run or a model is, or will be, when it is begun.

    about: what its run.json or kerasgan.json says

    Raises UserError if that does not say what it has learnt from.
    """
    first = zoo / about["variant"]
    if not (first / "card.json").is_file():
        return first
    data = _data(about)
    is_of_first = json.loads((first / "card.json").read_text(encoding="utf-8"))["data"] == data
    return first if is_of_first else first / data.replace("/", "_")


def check(measurement: Measurement, zoo: Path) -> Path:
    """Return the card.json of a model, which is there or can be begun; nothing is measured for that.

    Raises UserError for what `update` would fail at: no zoo, no model, no data to measure it on, no variant of the
    package, a folder that cannot be written, and no card where `begin` cannot begin one.
    """
    read(zoo)
    about = measurement.about()
    key = about["variant"]
    if key not in CLASSES or "class" in about:
        raise UserError(
            f"{measurement.model} is one of {key}, which is no variant of the package, so it has no card: put its file "
            "into kerasgan/models/, its line into kerasgan/models/__init__.py, and train it anew."
        )
    file = folder_of(about, zoo) / "card.json"
    folder = next(folder for folder in file.parents if folder.is_dir())
    if not os.access(folder, os.W_OK):
        raise UserError(f"{folder} is write-protected: a card is written there.")
    measurement.held_out()
    if not file.is_file():
        _check_begin(measurement.model, key, zoo)
    return file


def update(measurement: Measurement, zoo: Path) -> list[Path]:
    """Measure a model, and keep what it reaches in its card, which is begun if there is none.

    Returns what was written, the card.json first. Raises UserError as `check` does, before anything is measured, and
    for a model that cannot be measured, before anything is written.
    """
    file, begun = check(measurement, zoo), []
    record = evaluation.measured(measurement)
    if not file.is_file():
        if measurement.data is None:
            record["data"]["name"] = _data(measurement.about())
        begun = begin(measurement.model, zoo)
        measurement = dataclasses.replace(measurement, model=str(_trained(measurement.model, zoo)))
        record["model"] = measurement.model
    about = json.loads(file.read_text(encoding="utf-8"))
    about["evaluation"] = {**record, "command": command(measurement)}
    _write_json(file, about)
    text, row = file.with_name("README.md"), file.with_name("row.png")
    _write(text, with_section(text.read_text(encoding="utf-8") if text.is_file() else "", about["evaluation"]))
    _write_row(row, measurement)
    return list(dict.fromkeys([file, *begun, text, row]))


def begin(run: str | os.PathLike, zoo: Path) -> list[Path]:
    """Write the card of a run that has none, as far as the run knows it; `remaining` says the rest.

    That is card.json, README.md and samples.png, and beside the zoo the model in saved_models/, and a row of it in each
    of TABLES. What exists is left as it is. Returns what was written. Raises UserError where that cannot be.
    """
    run = expanded(run)
    record = run_folder.read(run)
    key = record["variant"]
    _check_begin(run, key, zoo)
    folder, trained, written = folder_of(record, zoo), _trained(run, zoo), []
    about = _begun(record)
    if not trained.exists():
        part = trained.with_name(f"{trained.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(run_folder.saved_model(run), part)
        _write_json(part / "kerasgan.json", _shipped(run))
        part.rename(trained)
        written.append(trained)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "samples.png").exists():
        pictures = film.snapshots(run)
        shutil.copyfile(pictures[max(pictures)], folder / "samples.png")
        written.append(folder / "samples.png")
    if not (folder / "README.md").exists():
        _write(folder / "README.md", _prose(about, record))
        written.append(folder / "README.md")
    one = variant(key)
    what = one.summary[0].lower() + one.summary[1:].rstrip(".")
    size = sum(file.stat().st_size for file in trained.rglob("*") if file.is_file()) / 1e6
    rows = [
        [f"`{key}`", what, one.takes.replace("_", " "), f"[{citation(key)}]({one.paper})"],
        [f"`{trained.name}`", what, f"{size:.1f}", f"`{about['command']}`"],
    ]
    for (name, head), cells in zip(TABLES.items(), rows, strict=True):
        file = zoo.parent / name
        text = file.read_text(encoding="utf-8")
        if f"| {cells[0]} |" not in text:
            _write(file, _with_row(text, head, _row(cells)))
            written.append(file)
    _write_json(folder / "card.json", about)  # the last: with it, the card is begun
    return [folder / "card.json", *written]


def remaining(file: Path, zoo: Path) -> list[str]:
    """Return what a card.json, and what belongs to it, still lacks, a sentence for each."""
    about = json.loads(file.read_text(encoding="utf-8"))
    text = file.with_name("README.md").read_text(encoding="utf-8")
    found = [f"{file.with_name('README.md')}: {line}" for line in text.splitlines() if UNWRITTEN in line]
    if not (zoo.parent / about["recipe"]).is_file():
        found.append(f"{UNWRITTEN} the recipe {zoo.parent / about['recipe']}, which trained the model.")
    model = Path(about.get("evaluation", {}).get("model", ""))
    is_shipped = model.resolve().parent == (zoo.parent / "saved_models").resolve()
    if is_shipped and model.name not in trained_models.trained_models():
        found.append(
            f"{trained_models.MANIFEST.name} lacks {model.name}: call python saved_models/archives.py dist/models."
        )
    return found


def _check_begin(run, key, zoo):
    """Raise UserError if the card of a variant cannot be begun from a run."""
    run = expanded(run)
    if not (run / "run.json").is_file():
        raise UserError(f"{run} is one of {key}, and has no card yet: give the run folder of the model to begin one.")
    if not film.snapshots(run):
        raise UserError(f"{run} has no pictures in its snapshots, one of which begins the card of {key}.")
    for name, head in TABLES.items():
        file = zoo.parent / name
        if not file.is_file() or f"{head}\n" not in file.read_text(encoding="utf-8"):
            raise UserError(f"{file} has no table {head} to list {key} in: call it in a clone, or give its --zoo.")
    trained = _trained(run, zoo)
    for place in (trained.parent, *(zoo.parent / name for name in TABLES)):
        if not os.access(place, os.W_OK):
            raise UserError(f"{place} is write-protected: {key} is listed there, and its model is put there.")
    if trained.exists() and run_folder.about_model(trained) != _shipped(run):
        raise UserError(f"{trained} exists, and is another model than that of {run}: remove it first.")


def _data(about):
    """Return the name of what a run or a model learnt from, without the path of the machine that it was on.

    Raises UserError if it has none.
    """
    if about.get("data", {}).get("name") is None:
        raise UserError(f"This model of {about['variant']} does not say what it was trained on, which its card names.")
    return anywhere(about["data"])


def _trained(run, zoo):
    """Return where the trained model of a run is, or will be, when its card is begun."""
    about = run_folder.about_model(run_folder.saved_model(run))
    return zoo.parent / "saved_models" / f"{about['variant']}_{_data(about).replace('/', '_')}"


def _shipped(run):
    """Return the kerasgan.json of a run's model as saved_models/ has it."""
    about = run_folder.about_model(run_folder.saved_model(run))
    name = _data(about)
    shipped = {**about, "data": {**about["data"], "name": name}}
    if "command" in about:
        shipped["command"] = command_anywhere(about["command"], about["variant"], name)
    return shipped


def _images_per_step(record):
    return record["data"]["batch_size"] * record.get("accumulate", 1)


def _begun(record):
    """Return the card.json that a run.json says."""
    key, data = record["variant"], _data(record)
    recipe = _recipe(key, data)
    return {
        "variant": key,
        "paper": variant(key).paper,
        "data": data,
        "recipe": recipe,
        "command": command_anywhere(record.get("command", f"python {recipe}"), key, data),
        "train_seconds": round(record["seconds"]),
        "cores": record.get("cores", os.cpu_count()),
        "images_per_second": round(_images_per_step(record) * record["steps"] / record["seconds"]),
        "measured": [],
        "published": [],
        "versions": record["versions"],
    }


def _recipe(variant, data):
    return f"zoo/{variant}/{data.replace('/', '_')}.py"


def command_anywhere(command: str, variant: str, data: str) -> str:
    """Return the command of a run without where things were on one machine, and without --resume.

    variant, data: what it trained, and the name of what on
    """
    recipe = _recipe(variant, data)
    words, kept = iter(shlex.split(command)), []
    for word in words:
        option, given, _ = word.partition("=")
        if option in ("--run", "--data-dir", "--data") and not given:
            next(words, None)
        if option == "--data":
            kept += ["--data", data]
        elif option not in ("--run", "--data-dir", "--resume"):
            kept.append(recipe if word.endswith(recipe) else word)
    return shlex.join(kept)


def heading(about: dict[str, Any]) -> str:
    """Return how a card begins: the name of a variant, what it is, and its paper.

    about: what a card.json, run.json or kerasgan.json says
    """
    if about["variant"] not in CLASSES or "class" in about:
        paper = f"\nPaper: {about['paper']}\n" if about.get("paper") else ""
        return f"# {about['variant']}\n{paper}"
    one = variant(about["variant"])
    return f"# {one.name}\n\n{one.summary}\n\nPaper: {one.paper}\n"


def training(record: dict[str, Any]) -> str:
    """Return how a model was trained, as far as its run.json or kerasgan.json says it."""
    data = record.get("data", {}).get("name") or "data without a name"
    command = f"```sh\n{record['command']}\n```\n\n" if "command" in record else ""
    if record.get("steps") is None:
        return f"{command}Of {data}."
    return command + _time(record["steps"], record.get("epochs"), data, record.get("seconds"), record.get("cores"))


def _time(steps, epochs, data, seconds, cores):
    """Return in a sentence how long a model learnt, with what is known of it."""
    its_epochs = f" ({epochs} epoch{'s' if epochs > 1 else ''})" if epochs else ""
    on = "" if cores is None else " of one core" if cores == 1 else f" of {cores} cores"
    return f"{steps:,} steps{its_epochs} of {data}{'' if seconds is None else f' in {round(seconds):,} s{on}'}."


def _prose(about, record):
    """Return the README.md with which a card begins."""
    return f"""\
{heading(about)}
## Recipe

In `{about["recipe"]}`:

```sh
{about["command"]}
```

{_time(record["steps"], record["epochs"], about["data"], about["train_seconds"], about["cores"])}

![What {variant(about["variant"]).name} made](samples.png)

{record["snapshot"]}

## Where it departs from the paper

{UNWRITTEN} where the code and the recipe depart from the paper, and why.
"""


def _with_row(text, head, row):
    """Return a text with one more row at the end of the table that has this head."""
    before, table = text.split(f"{head}\n", 1)
    rows = table.split("\n")
    end = next((i for i, line in enumerate(rows) if not line.startswith("|")), len(rows))
    return f"{before}{head}\n" + "\n".join([*rows[:end], row, *rows[end:]])


def measurements(zoo: Path, data_dir: str | None = None) -> Iterator[Measurement]:
    """Yield how the models of all cards were measured, as the cards say it, with data sets in another `data_dir`."""
    for one in read(zoo):
        if "evaluation" in one:
            yield dataclasses.replace(measurement_of(one["evaluation"]["command"]), data_dir=data_dir)


def command(measurement: Measurement) -> str:
    """Return the command that measures a model as it was measured, but for where data sets are kept."""
    words = ["kerasgan", "evaluate", measurement.model]
    for option, field in _options().items():
        if (given := getattr(measurement, field.name)) != field.default:
            words += [option, str(given)]
    return shlex.join(words)


def measurement_of(command: str) -> Measurement:
    """Return what a card's command measures. Raises UserError for one that `command` does not write."""
    _, _, model, *words = shlex.split(command)
    known, given = _options(), dict(zip(words[::2], words[1::2]))
    numbers = [value for option, value in given.items() if option in known and isinstance(known[option].default, int)]
    if len(words) % 2 or not set(given) <= set(known) or not all(map(str.isdecimal, numbers)):
        raise UserError(f"A card has the command {command}: write it as kerasgan card does.")
    fields: dict[str, Any] = {
        known[option].name: int(value) if isinstance(known[option].default, int) else value
        for option, value in given.items()
    }
    return Measurement(model, **fields)


def _options():
    """Return the fields of a measurement by the options of kerasgan evaluate that a command has."""
    fields = [field for field in dataclasses.fields(Measurement) if field.name not in ("model", "data_dir")]
    return {f"--{field.name}" if len(field.name) > 1 else f"-{field.name}": field for field in fields}


def write_table(zoo: Path) -> Path:
    """Write gallery.png and README.md of the zoo, from all cards. Returns the README.md."""
    _write_gallery(zoo)
    _write(zoo / "README.md", readme(zoo))
    return zoo / "README.md"


def readme(zoo: Path) -> str:
    """Return the text of the zoo's README.md: what its cards say."""
    cards = read(zoo)
    gallery = [GALLERY] if (zoo / "gallery.png").is_file() else []
    return "\n".join([HEAD, *gallery, *_results(cards), "", *_published(cards)]) + "\n"


def with_section(text: str, evaluated: dict[str, Any]) -> str:
    """Return the text of a variant's README.md with the table of its evaluation, in the place of an older one."""
    lines = [START, "", "## Evaluation", "", f"    {evaluated['command']}", ""]
    if network := evaluated["network"]:
        lines += [f"Samples are measured with {network['name']} {network['sha256'][:12]}, {network['resizer']}.", ""]
    data = evaluated["data"]
    lines += [_row(["", f"{data['name']}, {data['split']} split", "images", "beside"]), _row(["---"] * 4)]
    for group, its in evaluated["measures"].items():
        lines += [_row([f"{group}: {m['name']}", value(m), f"{m['n']:,}", beside(m)]) for m in its]
    section = "\n".join([*lines, "", END])
    before, found, after = text.partition(START)
    if not found:
        return f"{text.rstrip()}\n\n{section}\n"
    return f"{before}{section}{after.partition(END)[2]}"


def _results(cards):
    colour = [one for one in cards if COLOUR in _samples(one)]
    yield from _table([one for one in cards if one not in colour], "MNIST-FID")
    if colour:
        yield ""
        yield COLOUR_HEAD
        yield from _table(colour, COLOUR, {"nearest": _nearest, "images/s": _images_per_second})


def _table(cards, distance, more=None):
    """Yield the lines of a table; more: texts of a card, by the names of further columns."""
    more = more or {}
    columns = (
        "variant",
        "data",
        distance,
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
        *more,
    )
    yield _row(columns)
    yield _row(["---"] * len(columns))
    names = (distance, "kernel distance", "precision", "recall")
    floors = {}
    for one in cards:
        its = _samples(one)
        if distance in its and its[distance]["beside"] is not None:
            floors.setdefault(one["evaluation"]["data"]["name"], its)
    for data, its in floors.items():
        beside = {name: {**its[name], "value": its[name]["beside"], "std": its[name]["beside_std"]} for name in names}
        yield _row(["real images", data, *_numbers(beside, names), *[""] * (7 + len(more))])
    for one in cards:
        found, samples = one.get("evaluation", {}), _samples(one)
        its = samples if distance in samples else {}  # another network's kernel distance is no KID of this table
        time = samples.get("time for 1,000 samples")
        yield _row(
            [
                f"[{one['variant']}]({one['folder']}/README.md)",
                one["data"],
                *_numbers(its, (*names, "label accuracy")),
                _task(one),
                f"{found['parameters']:,}" if found.get("parameters") else "",
                f"{round(found.get('seconds_of_training') or one['train_seconds']):,}",
                str(one["cores"]),
                value(time).removesuffix(" s") if time else "",
                one["versions"]["kerasgan"],
                *(text(one) for text in more.values()),
            ]
        )


def _nearest(card):
    its = _samples(card).get(f"{evaluation.NEAREST}, mean")
    return f"{its['value']:.3f} ({its['beside']:.3f})" if its else ""


def _images_per_second(card):
    return f"{card['images_per_second']:,}" if "images_per_second" in card else ""


def _numbers(measures, names):
    """Return the texts of measures, the first with how many images it is of where they are not as many as elsewhere."""
    texts = [value({**measures[name], "low": None}) if name in measures else "" for name in names]
    if texts[0] and measures[names[0]]["n"] != SAMPLES:
        texts[0] += f", n = {measures[names[0]]['n']:,}"
    return texts


def _samples(card):
    """Return what samples were measured to be, by name; nothing where they were not."""
    return {one["name"]: one for one in card.get("evaluation", {"measures": {}})["measures"].get("samples", [])}


def _task(card):
    """Return the numbers that stand for a card's task: what it says is its task's, and what was evaluated."""
    found = [f"{m['what']}: {_value(m)}" for m in card["measured"] if m["what"] == card.get("task")]
    measures = card.get("evaluation", {"measures": {}})["measures"]
    for group, name in TASK_MEASURES.items():
        found += [f"{group}: {name} {value(m)}" for m in measures.get(group, []) if m["name"] == name]
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


def _write_row(file, measurement):
    """Write the pictures that show a model in the gallery: samples, or sources above what became of them."""
    import numpy as np

    from kerasgan import images, metrics
    from kerasgan.saved_model import load

    loaded = load(measurement.model)
    held_out, verbs = measurement.held_out(), loaded.about["verbs"]
    if "sample" in verbs:
        rows = [loaded.sample(n=ROW, seed=0)]
    elif "translate" in verbs:
        both = evaluation.pairs(loaded, held_out, ROW)
        sources = both[0] if both else held_out.images(ROW)
        rows = [sources, loaded.translate(images=sources)]
    elif "reconstruct" in verbs:
        sources = held_out.images(ROW)
        rows = [sources, loaded.reconstruct(images=sources)]
    else:
        raise UserError(f"{measurement.model} makes no pictures: it can {', '.join(verbs)}.")
    rows = np.stack([metrics.fitted(row, (SIDE, SIDE, 3)) for row in rows])
    images.write_png(file, images.grid(rows, gap=2))


def _write_gallery(zoo):
    """Put the rows of all cards into one picture, each with its name; nothing where there are none."""
    from matplotlib.figure import Figure
    from PIL import Image

    folders = [one["folder"] for one in read(zoo)]
    rows = {folder: Image.open(zoo / folder / "row.png") for folder in folders if (zoo / folder / "row.png").is_file()}
    if not rows:
        return
    heights = [row.height for row in rows.values()]
    figure = Figure(figsize=(8.6, sum(heights) / 100 + 0.05 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), height_ratios=heights, squeeze=False)[:, 0]
    for (folder, row), ax in zip(rows.items(), axes, strict=True):
        ax.imshow(row, interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        ax.set_ylabel(re.sub("[_/]", "\n", folder), rotation=0, ha="right", va="center", fontsize=8)
        for spine in ax.spines.values():
            spine.set_visible(False)
    drawn, part = io.BytesIO(), zoo / "gallery.part"
    figure.savefig(drawn, dpi=120, format="png")
    Image.open(drawn).convert("RGB").quantize(256).save(part, format="PNG")  # a third of the bytes
    os.replace(part, zoo / "gallery.png")


def _write(path, text):
    write_whole(path, text.encode())


def _write_json(path, about):
    _write(path, json.dumps(about, indent=2, ensure_ascii=False) + "\n")
