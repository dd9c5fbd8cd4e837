"""What `kerasgan train` is going to fit: one variant, or first the one that it starts from."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from kerasgan import class_names, run_folder, tasks
from kerasgan.errors import UserError
from kerasgan.variants import Variant, variant

FILLED_IN = ("classes", "total_steps", "scale")  # constructor arguments that the data or the plan decide
MAY_CHANGE = (
    "run",
    "resume",
    "epochs",
    "steps",
    "checkpoint_seconds",
    "evaluate_every",
    "evaluate_with",
    "histograms",
    "devices",
    "data_dir",
)  # what a resumed run may have differently

DEFAULTS = {
    "data": "digits",
    "data_dir": None,
    "image_size": None,
    "channels": None,
    "halves": False,
    "right_to_left": False,
    "mirror": False,
    "task": None,
    **dict.fromkeys(tasks.OPTIONS),
    "start_from": None,
    "epochs": None,
    "steps": None,
    "seed": 0,
    "resume": False,
    "checkpoint_seconds": 30.0,
    "evaluate_every": None,
    "evaluate_with": None,
    "histograms": False,
    "precision": "float32",
    "devices": 1,
    "xla": False,
}


@dataclasses.dataclass
class Stage:
    """One fit(): of a variant, into a run folder, with all settings that it takes."""

    variant: Variant
    run: Path
    settings: dict[str, Any]  # constructor arguments are named model.WIDTH
    resume: bool
    start_from: Path | None = None  # the run whose networks it starts with
    then: dict[str, Any] | None = None  # the stage after it, as run.json keeps it

    def task_options(self) -> dict[str, Any]:
        """Return the options of its task."""
        return {name: self.settings[name] for name in tasks.options_of(self.settings["task"], {})}

    def kept(self) -> dict[str, Any]:
        """Return what of its settings a run has to be resumed with."""
        return {name: value for name, value in self.settings.items() if name not in MAY_CHANGE}

    def place(self) -> str | None:
        """Return where its data is, from wherever one looks; None for what has no place, such as mnist."""
        return _place(self.settings["data"])

    def plan(self) -> dict[str, Any]:
        """Return how long it trains."""
        return {name: self.settings[name] for name in ("epochs", "steps")}


def stages(about: Variant, given: dict[str, Any]) -> list[Stage]:
    """Return what there is to fit for the options that were given, in order.

    A variant that starts from another is two stages, unless it is given a run to start from. A resumed one is what it
    was, from the stage that it was in. Raises UserError for options that do not go together, or with what there is.
    """
    run = given.get("run") or _default_run(about, given)
    if given.get("resume"):
        return _resumed(about, run, given)
    run_folder.check_new(run)
    task = tasks.chosen(about.takes, given.get("task") or about.task)
    settings = {**DEFAULTS, "batch_size": about.batch_size, **given, "task": task}
    if "start_from" in given:
        settings |= _as_trained(about, task, given)
    settings |= tasks.options_of(task, {name: settings[name] for name in tasks.OPTIONS})
    stage = Stage(about, run, settings, resume=False)
    if not about.starts_from:
        return [stage]
    if "start_from" in given:
        stage.start_from = Path(given["start_from"])
        return [stage]
    first = _first_stage(stage, given)
    run_folder.check_new(first.run)
    stage.start_from = first.run
    return [first, stage]


def offered(about: Variant) -> list[str]:
    """Return the options of all tasks that make what a variant takes."""
    return [name for name, option in tasks.OPTIONS.items() if option.task in tasks.fit(about.takes)]


def _first_stage(second, given):
    """Return the stage before: the same data, seed and precision, and the arguments that both constructors have."""
    first = variant(second.variant.starts_from)
    settings = {k: v for k, v in second.settings.items() if not k.startswith("model.") and k not in tasks.OPTIONS}
    task = settings["task"] if tasks.TASKS[settings["task"]] == first.takes else first.task
    settings |= {
        "batch_size": given.get("batch_size", first.batch_size),
        "task": task,
        **tasks.options_of(
            task, {n: v for n, v in second.settings.items() if n in tasks.OPTIONS and n in offered(first)}
        ),
    }
    for name in _shared(first, second.variant):
        if name not in FILLED_IN:
            settings[f"model.{name}"] = second.settings.get(f"model.{name}", second.variant.arguments[name])
    then = {"variant": second.variant.key, "settings": second.kept(), "plan": second.plan()}
    return Stage(first, _first_run(second.variant, second.run), {**DEFAULTS, **settings}, resume=False, then=then)


def _as_trained(about, task, given):
    """Return the settings of both that the run to start from was trained with, where none were given."""
    record = run_folder.read(given["start_from"])
    if record["variant"] != about.starts_from:
        found = f"{given['start_from']} is one of {record['variant']}"
        raise UserError(f"{about.name} starts from a run of {about.starts_from}; {found}.")
    options = tasks.options_of(task, {})
    settings = {}
    for name in _shared(variant(about.starts_from), about):
        setting = name if name in options else f"model.{name}"
        if setting not in given and (name in options or name not in FILLED_IN):
            settings[setting] = record["hyperparameters"][name]
    return settings


def _shared(first, second):
    return [name for name in first.arguments if name in second.arguments and name != "image_shape"]


def _resumed(about, run, given):
    if about.starts_from and not run.exists():
        first_run = _first_run(about, run)
        record = run_folder.read(first_run) if (first_run / "run.json").is_file() else {}
        then = record.get("then", {})
        if then.get("variant") == about.key:
            both = {name: record[name] for name in ("data", "place") if name in record}  # where the data of both is
            then = {**then, **both, "hyperparameters": about.arguments}
            second = Stage(about, run, _recorded(run, then, given), False, first_run)
            anew = {name: value for name, value in given.items() if name in MAY_CHANGE}
            anew |= {"data": second.settings["data"]}
            first = variant(about.starts_from)
            run_folder.check_resumable(first_run)
            return [Stage(first, first_run, _recorded(first_run, record, anew), True), second]
    run_folder.check_resumable(run)
    record = run_folder.read(run)
    if record["variant"] != about.key:
        raise UserError(f"{run} is a run of {record['variant']}, not of {about.key}.")
    if "settings" not in record:
        raise UserError(f"{run} was not written by kerasgan train: resume it with the script that wrote it.")
    settings = _recorded(run, record, {name: value for name, value in given.items() if name != "start_from"})
    stage = Stage(about, run, settings, resume=True)
    stage.settings["task"] = stage.settings["task"] or about.task
    if about.starts_from:
        was = stage.settings["start_from"] or os.path.abspath(_first_run(about, run))
        if given.get("start_from", was) != was:
            _check_moved(run, record, given["start_from"])
            stage.settings["start_from"] = given["start_from"]
        stage.start_from = Path(stage.settings["start_from"] or _first_run(about, run))
    return [stage]


def _check_moved(run, record, start_from):
    """Raise UserError if a run did not start from this one, as far as it knows."""
    found, was = run_folder.read(start_from).get("weights_sha256"), record.get("started_from_sha256")
    if was not in (None, found):
        raise UserError(
            f"{run} started from weights with the SHA-256 {was}, and those of {start_from} have {found}: "
            "leave --start-from out to resume it."
        )


def _recorded(run, record, given):
    """Return the settings that a run.json keeps; raise UserError where other ones were given."""
    before = {**DEFAULTS, **record["settings"]}
    for name, value in given.items():
        value = list(value) if isinstance(value, tuple) else value
        place = name == "data" and (_is_path(value) or _absolute(value) == record.get("place"))
        if name not in MAY_CHANGE and not place and _comparable(name, before.get(name)) != _comparable(name, value):
            was = before.get(name, record["hyperparameters"].get(name.removeprefix("model.")))
            option = name.removeprefix("model.").replace("_", "-")
            raise UserError(f"{run} was started with --{option} {was}, not {value}: leave the option out to resume it.")
    length = {k: record["plan"][k] for k in ("epochs", "steps") if not {"epochs", "steps"} & set(given)}
    data = _data_now(run, record, before["data"], given.get("data"))
    return {**before, **length, **{k: v for k, v in given.items() if k in MAY_CHANGE}, "data": data}


def _data_now(run, record, name, given):
    """Return where the data of a run is now: its digest will tell whether what is given is the same.

    Raises UserError if nothing else is given than where it was, and it is not there.
    """
    about, place = record.get("data", {}), record.get("place")
    if given is not None and given != name and _absolute(given) != place:
        return given
    if "place" not in record and about and "version" not in about and name != DEFAULTS["data"]:
        place = name  # a run of a version that kept no more of it
    if place is None or _place(name) == place:
        return name
    found = next((where for where in (place, name) if _place(where)), None)
    if found is None:
        raise UserError(f"{run} was trained on {place}, which is not there: give --data with where it is now.")
    return found


def _absolute(data):
    return os.path.abspath(os.path.expanduser(data))


def _is_path(data):
    return bool(_place(data)) or os.sep in data or data.endswith(".npz")


def _place(data):
    """Return the absolute path of a folder or an .npz file; None for other data, and for what is not there."""
    path = _absolute(data)
    if data != DEFAULTS["data"] and (os.path.isdir(path) or (data.endswith(".npz") and os.path.isfile(path))):
        return path
    return None


def _comparable(name, value):
    """Return a setting so that labels are the same as one text, or as the list of numbers that runs once kept."""
    if name not in ("normal", "domain_labels") or value is None:
        return value
    return [str(label) for label in class_names.listed(value)]


def _first_run(about, run):
    return run.with_name(f"{run.name}-{about.starts_from}")


def _default_run(about, given):
    """Return runs/VARIANT-DATA; a new number where that exists, or the newest where it is to be resumed."""

    def exists(run):
        return run.exists() or (about.starts_from and _first_run(about, run).exists())

    data = Path(os.path.realpath(os.path.expanduser(given.get("data", DEFAULTS["data"]))))
    name = data.stem if data.suffix == ".npz" else data.name
    first = Path("runs") / f"{about.key}-{name}"
    names = [first, *(first.with_name(f"{first.name}-{i}") for i in range(2, 10_000))]
    if given.get("resume"):
        return next((n for n in reversed(names) if exists(n)), first)
    return next(n for n in names if not exists(n))
