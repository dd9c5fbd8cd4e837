"""Publishing: a folder with all that it takes to use a trained model and to go on with it.

kerasgan.publish.write("runs/dcgan-digits", "dcgan-digits-published")
"""

from __future__ import annotations

import datetime
import json
import os
import re
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasgan import cards, class_names, film, held_out, hub, run_folder, trained_models
from kerasgan.errors import UserError
from kerasgan.exports import check_free
from kerasgan.paths import expanded, write_whole

if TYPE_CHECKING:
    from kerasgan.model import GenerativeModel

MODEL = "model.keras"  # all networks
SAMPLES = 64  # in samples.png
PIPELINES = {  # what Hugging Face calls that which a verb does
    "sample": "unconditional-image-generation",
    "sample_labelled": "unconditional-image-generation",
    "translate": "image-to-image",
    "reconstruct": "image-to-image",
    "classify": "image-classification",
    "encode": "image-feature-extraction",
}
METRICS = {"FID": "fid", "accuracy": "accuracy"}  # Hugging Face's names; other features than Inception's make no FID
MIT = """\
MIT License

Copyright (c) {year} {holder}

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


def check(model: str | os.PathLike, to: str | os.PathLike | None, licence: str) -> None:
    """Raise UserError for what `write` would fail at; TensorFlow is not imported for that."""
    if to is not None:
        check_free(to)
    _licence(licence, "")
    run_folder.about_model(run_folder.saved_model(model))
    run_folder.trained(model)


def write(model: str | os.PathLike, to: str | os.PathLike, name: str | None = None, licence: str = "mit") -> Path:
    """Write a folder with all that it takes to use a trained model and to go on with it, and return it.

    model: a run, of which the model is the one in its SavedModel; a SavedModel; a trained model's name; or a folder
        that was published
    to: a new folder, with saved_model/, model.keras (all networks, if the model has them here), README.md (the card,
        with the metadata that Hugging Face reads), LICENSE, samples.png, and a run's run.json. No file says where
        things were on this machine
    name: what the card calls it, such as hf://user/name; by default what the folder is called
    licence: "mit", another identifier that Hugging Face knows, or a file with the text of one

    Raises UserError for a model or a licence that there is not, and for a folder that holds something.
    """
    check(model, to, licence)
    place = expanded(to).absolute()
    name = name or place.name
    folder = run_folder.saved_model(model)
    about = placeless(run_folder.about_model(folder))
    record = _record(model, folder)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=place.parent) as part:
        new = Path(part) / place.name
        shutil.copytree(folder, new / "saved_model", ignore=shutil.ignore_patterns(*_NOT_OF_IT))
        _write_json(new / "saved_model" / "kerasgan.json", about)
        if record:
            _write_json(new / "run.json", record)
        whole = _write_keras(model, folder, new / MODEL)
        caption = _write_samples(model, folder, name, new / "samples.png")
        identifier, text = _licence(licence, _holder(model, name))
        write_whole(new / "LICENSE", text.encode())
        evaluated = _evaluated(about)
        learnt = {} if evaluated else _measured_while_training(model, about)
        head = _metadata(about, name, identifier, whole, evaluated, learnt)
        write_whole(
            new / "README.md", f"{head}\n{_card(about, record, name, whole, caption, evaluated, learnt)}".encode()
        )
        if place.is_dir():
            place.rmdir()  # it is empty: see check_free()
        new.rename(place)
    return place


_NOT_OF_IT = ("README.md", "LICENSE", "samples.png", "run.json", "*.keras", "saved_model", ".*")  # of a flat folder


def placeless(about: dict[str, Any]) -> dict[str, Any]:
    """Return a run.json or a kerasgan.json without where things were on one machine, and what only resuming needs."""
    kept = {key: value for key, value in about.items() if key not in ("settings", "plan", "place", "then")}
    if name := kept.get("data", {}).get("name"):
        name = held_out.anywhere(kept["data"])
        kept["data"] = {**kept["data"], "name": name}
        if "command" in kept:
            kept["command"] = cards.command_anywhere(kept["command"], kept["variant"], name)
    if "command" in kept:
        kept["command"] = shlex.join(map(_without_place, shlex.split(kept["command"])))
    return _each_text(kept)


def _each_text(value):
    if isinstance(value, dict):
        return {key: its if key == "command" else _each_text(its) for key, its in value.items()}
    if isinstance(value, list):
        return [_each_text(its) for its in value]
    return _without_place(value) if isinstance(value, str) else value


def _without_place(text):
    """Return the last part of a path that leads out of the working folder, alone or after --option=; else the text."""
    option, equals, path = text.partition("=") if text.startswith("--") else ("", "", text)
    is_place = os.path.isabs(path) or path.startswith(("~", f"..{os.sep}")) or bool(re.match(r"[A-Za-z]:[\\/]", path))
    last = re.split(r"[/\\]", path.rstrip("/"))[-1]
    return f"{option}{equals}{last}" if is_place else text


def _record(model, folder):
    """Return the run.json of a run, or of a model that was published, as it is published; None if there is none."""
    for place in (expanded(model), folder.parent):
        if (place / "run.json").is_file() and folder in (place, place / "saved_model"):
            return placeless(run_folder.read(place))
    return None


def _write_keras(model, folder, to):
    """Write all networks as a .keras file where they are to be had. Returns whether they are."""
    source = run_folder.trained(model)
    if source.is_file():
        shutil.copyfile(source, to)
        return True
    if not run_folder.has_checkpoints(source):
        return False
    from kerasgan.callbacks.checkpoints import exported

    restored: GenerativeModel = exported(source)
    vars(restored)["hyperparameters"] = _each_text(restored.hyperparameters)  # what the file says of it
    restored.compile()  # with the optimizers that it goes on with, which start anew
    restored.save(to)
    return True


def _write_samples(model, folder, name, to):
    """Draw samples, or take a run's last picture or one that was published. Returns what to say of it, or None."""
    from kerasgan import images
    from kerasgan.saved_model import load

    loaded = load(folder)
    how = f"Samples, not chosen: `kerasgan generate {name} -n {SAMPLES} --seed 0`."
    if "sample_labelled" in loaded.about["verbs"]:
        its = class_names.all_of_model(loaded.about)
        labels = class_names.asked(loaded.about, [its[i % len(its)] for i in range(SAMPLES)])
        images.write_png(to, images.grid(images.near_square(loaded.sample_labelled(labels=labels, seed=0))))
        return how
    if "sample" in loaded.about["verbs"]:
        images.write_png(to, images.grid(images.near_square(loaded.sample(n=SAMPLES, seed=0))))
        return how
    pictures = film.snapshots(model)
    if pictures:
        shutil.copyfile(pictures[max(pictures)], to)
        return run_folder.read(model).get("snapshot", "What it made, after the last epoch.")
    if (folder.parent / "samples.png").is_file():
        shutil.copyfile(folder.parent / "samples.png", to)
        return "What it made."
    return None


def _holder(model, name):
    """Return who has the copyright of a model, as far as it is known here."""
    if str(model) in trained_models.trained_models():
        return "the kerasgan authors"
    return name.removeprefix(hub.SCHEME).partition("/")[0] if hub.is_name(name) else f"the authors of {name}"


def _licence(licence, holder):
    """Return Hugging Face's identifier of a licence, and the text of the file LICENSE."""
    if expanded(licence).is_file():
        try:
            return "other", expanded(licence).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"The licence {licence} cannot be read as text: {error}.") from None
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", licence):
        raise UserError(
            f"{licence} is neither a file nor the identifier of a licence: give one such as mit or cc-by-4.0, or a "
            "file with its text."
        )
    if licence == "mit":
        return "mit", MIT.format(year=datetime.date.today().year, holder=holder)
    return licence, f"Copyright (c) {datetime.date.today().year} {holder}\n\nLicence: {licence}\n"


# ---- the card -------------------------------------------------------------------------------------------------------


def _evaluated(about):
    """Return how a model was measured, if a card of the zoo says it of this very model; else None."""
    zoo = trained_models.CLONE / "zoo"
    for one in cards.read(zoo) if (zoo / "README.md").is_file() else ():
        found = one.get("evaluation")
        same = (("variant", "variant"), ("steps", "steps"), ("seconds_of_training", "seconds"))
        if found and all(found.get(theirs) == about.get(mine) is not None for theirs, mine in same):
            return found
    return None


def _measured_while_training(model, about):
    """Return what a run's Evaluation measured of the weights that were exported, by name; nothing if it did not."""
    if not (expanded(model) / "run.json").is_file():
        return {}
    first = run_folder.read(model).get("first_step", 0)
    for row in run_folder.read_table(expanded(model) / "evaluation.csv"):
        if int(row["step"]) + first == about["steps"] and about.get("data", {}).get("name"):
            return {m: float(value) for m, value in row.items() if value and m not in ("epoch", "step", "seconds")}
    return {}


def _metadata(about, name, licence, whole, evaluated, learnt):
    """Return the block of YAML that Hugging Face reads: JSON, of which each value is made, is YAML, too."""
    pipeline = next((PIPELINES[verb] for verb in about["verbs"] if verb in PIPELINES), None)
    its: dict[str, Any] = {"license": licence, "library_name": "keras" if whole else "tensorflow"}
    its["tags"] = ["kerasgan", about["variant"], *(["gan"] if "gan" in about["variant"].lower() else [])]
    if pipeline:
        its["pipeline_tag"] = pipeline
    data = about.get("data", {})
    if data.get("name") and "version" in data:  # tensorflow-datasets has it, by a public name
        its["datasets"] = [data["name"]]
    if (evaluated or learnt) and pipeline:
        values = list(learnt.items())
        on = evaluated["data"] if evaluated else data
        for measures in evaluated["measures"].values() if evaluated else ():
            values += [(m["name"], m["value"]) for m in measures]
        metrics = [{"type": METRICS.get(m.partition(" (")[0], m), "name": m, "value": value} for m, value in values]
        dataset = {"type": on["name"], "name": on["name"], **({"split": on["split"]} if on.get("split") else {})}
        results = [{"task": {"type": pipeline}, "dataset": dataset, "metrics": metrics}]
        its["model-index"] = [{"name": name.rpartition("/")[2], "results": results}]
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in its.items()]
    return "\n".join(["---", *lines, "---", ""])


def _card(about, record, name, whole, caption, evaluated, learnt):
    """Return the text of the card below its metadata."""
    quoted = shlex.quote(name)
    verb = about["verbs"][0]
    use = f"kerasgan generate {quoted} -o samples.png" if verb.startswith("sample") else f"kerasgan evaluate {quoted}"
    parts = [cards.heading(about), "## Use", ""]
    parts += ["```sh", 'python -m pip install "kerasgan[hub]"', use]
    if whole:
        parts += [f"kerasgan train {about['variant']} --data FOLDER --from {quoted}"]
    parts += ["```", "", f"In Python, `kerasgan.load({json.dumps(name)})` can {', '.join(about['verbs'])}.", ""]
    parts += [
        "`saved_model/` needs neither kerasgan nor Keras: `tf.saved_model.load()` reads it, and its `kerasgan.json` "
        "says what each signature takes. "
        + (
            f"`{MODEL}` holds all networks, to go on training."
            if whole
            else "There is no `.keras` file of all networks, as only a run has them: going on from this model starts "
            "with the networks that its SavedModel holds."
        ),
        "",
    ]
    if "class" in about:
        parts += [f"Going on takes the file that defines the class {about['class']['name']}, which is not in here.", ""]
    parts += ["## Training", "", cards.training({**about, **(record or {}), "steps": about.get("steps")}), ""]
    if caption:
        parts += [f"![What {about['variant']} made](samples.png)", "", caption, ""]
    text = "\n".join(parts)
    if evaluated:
        measured = {**evaluated, "command": evaluated["command"].replace(evaluated["model"], name)}
        return cards.with_section(text, measured)
    if learnt:
        rows = "\n".join(f"| {measure} | {value:.4g} |" for measure, value in learnt.items())
        return (
            f"{text}\n## Evaluation\n\nAs it was measured while it trained, in one draw of few samples; `kerasgan "
            f"evaluate {quoted}` measures it as a whole.\n\n| | |\n| --- | --- |\n{rows}\n"
        )
    return f"{text}\n## Evaluation\n\nIt was not measured for this card: `kerasgan evaluate {quoted}` does so.\n"


def _write_json(path, about):
    write_whole(path, (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode())
