"""What a run trains on what, for how long and how: made once, of options or of a run.json, and passed on.

for one in kerasgan.training.planned(kerasgan.variants.variant("dcgan"), {"data": "photos/", "epochs": 20}):
    kerasgan.training.fit(one)
"""

from __future__ import annotations

import dataclasses
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasgan import class_names, run_folder, tasks
from kerasgan.errors import UserError
from kerasgan.held_out import HeldOut, is_found_by_name
from kerasgan.paths import expanded
from kerasgan.variants import Variant, class_of, variant

if TYPE_CHECKING:
    import keras

    from kerasgan.data.batches import Batches

OPTIONS = {"go_on_from": "from"}  # settings that the command line calls otherwise: `from` is no name in Python
FILLED_IN = ("classes", "total_steps", "scale")  # constructor arguments that the data or the plan decide
SEVERAL_BATCHES = ("n_critic", "n_dis")  # constructor arguments that say how many minibatches one step eats
ARGUMENT = "model."  # begins the names of constructor arguments among options and in run.json: model.width
SAMPLES = 2000  # that are measured while a run goes on

# What a resumed run may have differently, and so is not among the settings that run.json keeps.
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
    "workers",
    "data_dir",
)


@dataclasses.dataclass(frozen=True)
class Training:
    """One fit(): of a variant, into a run folder, with all that it takes."""

    variant: Variant
    run: Path

    # on what
    data: str = "digits"  # as the user names it
    data_dir: str | None = None
    image_size: tuple[int, int] | None = None
    channels: int | None = None
    halves: bool = False
    right_to_left: bool = False
    mirror: bool = False
    task: str = ""
    task_options: dict[str, Any] = dataclasses.field(default_factory=dict)

    # what: the constructor's arguments that are given
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    start_from: Path | None = None  # the run of the first stage whose networks it starts with
    go_on_from: str | None = None  # any trained model, as the user names it: see kerasgan.going_on
    freeze: int = 0  # layers of the discriminator that stay as they were in it

    # for how long
    epochs: int | None = None
    steps: int | None = None

    # how
    batch_size: int = 64
    accumulate: int = 1  # minibatches to one step
    seed: int = 0
    precision: str = "float32"
    devices: int | str = 1
    workers: str | None = None  # auto: those that TF_CONFIG or Slurm name
    xla: bool = False

    # and what is written of it
    resume: bool = False
    checkpoint_seconds: float = 30.0
    evaluate_every: int | None = None
    evaluate_with: str | None = None
    histograms: bool = False
    then: dict[str, Any] | None = None  # the stage after it, as run.json keeps it

    def place(self) -> str | None:
        """Return where its data is, from wherever one looks; None for what has no place, such as mnist."""
        return _place(self.data)

    def plan(self) -> dict[str, Any]:
        """Return how long it trains, as run.json keeps it."""
        return {"epochs": self.epochs, "steps": self.steps}

    def settings(self) -> dict[str, Any]:
        """Return what a run has to be resumed with, as run.json keeps it."""
        plain = {name: getattr(self, name) for name in DEFAULTS if name not in (*MAY_CHANGE, *tasks.OPTIONS)}
        plain["start_from"] = None if self.start_from is None or self._starts_beside() else str(self.start_from)
        if self.go_on_from and expanded(self.go_on_from).exists():
            plain["go_on_from"] = _absolute(self.go_on_from)  # wherever it is resumed from
        options = {**dict.fromkeys(tasks.OPTIONS), **self.task_options}
        return {**plain, **options, **{f"{ARGUMENT}{name}": value for name, value in self.arguments.items()}}

    def _starts_beside(self):
        """Return whether it starts from a first stage of its own, which is found beside it."""
        return self.start_from == _first_run(self.variant, self.run)


# Options of the command line that have another value than None where they are not given: as Training has them.
DEFAULTS = {
    **{
        field.name: field.default
        for field in dataclasses.fields(Training)
        if field.default is not dataclasses.MISSING and field.name != "then"
    },
    **dict.fromkeys(tasks.OPTIONS),
}


def _training(about, run, settings, **more):
    """Return the Training of settings by name, as options and run.json have them."""
    arguments = {name.removeprefix(ARGUMENT): v for name, v in settings.items() if name.startswith(ARGUMENT)}
    options = {name: settings[name] for name in tasks.options_of(settings["task"], {})}
    plain = {name: settings[name] for name in DEFAULTS if name not in tasks.OPTIONS and name in settings}
    plain["image_size"] = plain.get("image_size") and tuple(plain["image_size"])
    plain["start_from"] = plain.get("start_from") and Path(plain["start_from"])
    return Training(about, run, **{**plain, "arguments": arguments, "task_options": options, **more})


def planned(about: Variant, given: dict[str, Any]) -> list[Training]:
    """Return what there is to fit for the options that were given, in order.

    A variant that starts from another is two stages, unless it is given a run to start from. A resumed one is what it
    was, from the stage that it was in. Raises UserError for options that do not go together, or with what there is.
    """
    run = expanded(given["run"]) if given.get("run") else _default_run(about, given)
    if given.get("resume"):
        return _resumed(about, run, given)
    run_folder.check_new(run)
    _check_source(about, given)
    task = tasks.chosen(about.takes, given.get("task") or about.task)
    settings = {**DEFAULTS, "batch_size": about.batch_size, **given, "task": task}
    if "start_from" in given:
        settings |= _as_trained(about, task, given)
    settings |= tasks.options_of(task, {name: settings[name] for name in tasks.OPTIONS})
    one = _training(about, run, settings, resume=False)
    if not about.starts_from or "start_from" in given or one.go_on_from:
        return [one]
    one = dataclasses.replace(one, start_from=_first_run(about, run))
    first = _first_stage(one, given)
    run_folder.check_new(first.run)
    return [first, one]


def _check_source(about, given):
    """Raise UserError for what --from and --freeze cannot mean, or if there is no such model."""
    source = given.get("go_on_from")
    if source is None:
        if given.get("freeze"):
            raise UserError("--freeze keeps layers of a trained discriminator: say by --from of which model.")
        return
    if "start_from" in given:
        raise UserError(
            f"A run starts from a first stage ({about.starts_from}) by --start-from, or goes on from a trained "
            f"{about.key} by --from: leave out one of them."
        )
    run_folder.trained(source)


def offered(about: Variant) -> list[str]:
    """Return the options of all tasks that make what a variant takes."""
    return [name for name, option in tasks.OPTIONS.items() if option.task in tasks.fit(about.takes)]


def _first_stage(second, given):
    """Return the stage before: the same data, seed and precision, and the arguments that both constructors have."""
    first = variant(second.variant.starts_from)
    task = second.task if tasks.TASKS[second.task] == first.takes else first.task
    options = {name: value for name, value in second.task_options.items() if name in offered(first)}
    shared = [name for name in _shared(first, second.variant) if name not in FILLED_IN]
    arguments = {name: second.arguments.get(name, second.variant.arguments[name]) for name in shared}
    return dataclasses.replace(
        second,
        variant=first,
        run=_first_run(second.variant, second.run),
        batch_size=given.get("batch_size", first.batch_size),
        task=task,
        task_options=tasks.options_of(task, options),
        arguments={name: value for name, value in arguments.items() if value != first.arguments[name]},
        start_from=None,
        then={"variant": second.variant.key, "settings": second.settings(), "plan": second.plan()},
    )


def _as_trained(about, task, given):
    """Return the settings of both that the run to start from was trained with, where none were given."""
    record = run_folder.read(given["start_from"])
    if record["variant"] != about.starts_from:
        found = f"{given['start_from']} is one of {record['variant']}"
        raise UserError(f"{about.name} starts from a run of {about.starts_from}; {found}.")
    options = tasks.options_of(task, {})
    settings = {}
    for name in _shared(variant(about.starts_from), about):
        setting = name if name in options else f"{ARGUMENT}{name}"
        if setting not in given and (name in options or name not in FILLED_IN):
            value = record["hyperparameters"].get(name, about.arguments[name])
            if name in options or value != about.arguments[name]:
                settings[setting] = value
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
            second = _training(about, run, _recorded(run, then, given), resume=False, start_from=first_run)
            anew = {name: value for name, value in given.items() if name in MAY_CHANGE}
            anew |= {"data": second.data}
            run_folder.check_resumable(first_run)
            settings = _recorded(first_run, record, anew)
            return [_training(variant(about.starts_from), first_run, settings, resume=True), second]
    run_folder.check_resumable(run)
    record = run_folder.read(run)
    if record["variant"] not in (about.key, about.name, about.short):  # a class of a user's own goes by its name
        raise UserError(f"{run} is a run of {record['variant']}, not of {about.key}.")
    if "settings" not in record:
        raise UserError(f"{run} was not written by kerasgan train: resume it with the script that wrote it.")
    settings = _recorded(run, record, {name: value for name, value in given.items() if name != "start_from"})
    settings["task"] = settings["task"] or about.task
    if about.starts_from and not settings["go_on_from"]:
        was = settings["start_from"] or os.path.abspath(_first_run(about, run))
        if given.get("start_from", was) != was:
            _check_moved(run, record, given["start_from"])
            settings["start_from"] = given["start_from"]
        settings["start_from"] = settings["start_from"] or _first_run(about, run)
    return [_training(about, run, settings, resume=True)]


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
            was = before.get(name, record["hyperparameters"].get(name.removeprefix(ARGUMENT)))
            option = OPTIONS.get(name, name.removeprefix(ARGUMENT).replace("_", "-"))
            before_it = f"without --{option}" if was is None else f"with --{option} {was}, not {value}"
            raise UserError(f"{run} was started {before_it}: leave the option out to resume it.")
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
    if "place" not in record and about and not is_found_by_name(about):
        place = name  # a run of a version that kept no more of it
    if place is None or _place(name) == place:
        return name
    found = next((where for where in (place, name) if _place(where)), None)
    if found is None:
        raise UserError(f"{run} was trained on {place}, which is not there: give --data with where it is now.")
    return found


def _absolute(data):
    return os.path.abspath(expanded(data))


def _is_path(data):
    return bool(_place(data)) or os.sep in data or data.endswith(".npz")


def _place(data):
    """Return the absolute path of a folder or an .npz file; None for other data, and for what is not there."""
    path = _absolute(data)
    if data != DEFAULTS["data"] and (os.path.isdir(path) or (data.endswith(".npz") and os.path.isfile(path))):
        return path
    return None


def _comparable(name, value):
    """Return a setting so that labels are the same as one text, or as the list of numbers that runs once kept.

    And so that a trained model has one name, however a path to it is written.
    """
    if name == "go_on_from" and value is not None:
        return _absolute(value)
    if name not in ("normal", "domain_labels") or value is None:
        return value
    return [str(label) for label in class_names.listed(value)]


def _first_run(about, run):
    return run.with_name(f"{run.name}-{about.starts_from}")


def _default_run(about, given):
    """Return runs/VARIANT-DATA; a new number where that exists, or the newest where it is to be resumed."""

    def exists(run):
        return run.exists() or (about.starts_from and _first_run(about, run).exists())

    data = Path(os.path.realpath(expanded(given.get("data", DEFAULTS["data"]))))
    name = data.stem if data.suffix == ".npz" else data.name
    first = Path("runs") / f"{about.short}-{name}"
    names = [first, *(first.with_name(f"{first.name}-{i}") for i in range(2, 10_000))]
    if given.get("resume"):
        return next((n for n in reversed(names) if exists(n)), first)
    return next(n for n in names if not exists(n))


# ---- fit ------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A compiled model, the data it is trained on, and how far it is to come."""

    model: Any
    batches: Batches
    epochs: int
    steps: int


def prepared(training: Training) -> Prepared:
    """Return the model of a training, and its data. Raises UserError for what cannot be trained."""
    about = training.variant
    cls = class_of(about.key)  # before Keras: what is wrong with its settings is said in one line

    import keras

    from kerasgan import workers

    strategy = _strategy(training)  # before anything of TensorFlow computes
    keras.utils.set_random_seed(training.seed)
    keras.config.set_dtype_policy(training.precision)
    with workers.named_if_lost(strategy):
        return _prepared(training, cls, strategy)


def _prepared(training, cls, strategy):
    from kerasgan import data, workers

    about = training.variant
    if workers.of(strategy):
        settings = {name: value for name, value in training.settings().items() if name != "data"}
        workers.check_alike(strategy, {"variant": about.key, **settings, "resume": training.resume})
    batches = data.load(
        training.data,
        about.takes,
        training.batch_size,
        training.image_size,
        training.channels,
        training.data_dir,
        training.halves,
        training.mirror,
        training.seed,
        training.task,
        right_to_left=training.right_to_left,
        **training.task_options,
    )
    several = {**about.arguments, **training.arguments}
    batches_per_step = next((several[name] for name in SEVERAL_BATCHES if name in several), about.batches_per_step)
    steps_per_epoch = batches.steps_per_epoch(batches_per_step * training.accumulate)
    epochs = training.epochs or -(-(training.steps or about.default_steps) // steps_per_epoch)
    steps = training.steps or epochs * steps_per_epoch
    filled_in = {"classes": batches.classes, **training.task_options, "total_steps": steps}
    filled_in = {name: value for name, value in filled_in.items() if name in about.arguments}
    with strategy.scope():
        model = cls(image_shape=batches.image_shape, **{**filled_in, **training.arguments})
        model.compile(jit_compile=training.xla, accumulate=training.accumulate)
    return Prepared(model, batches, epochs, steps)


def fit(training: Training, ready: Prepared | None = None) -> Prepared:
    """Train, or go on with, what `prepared` returns: a run folder is written.

    Returns what it was given with the model trained; its `run_steps` are fewer than `steps` if it was stopped.
    """
    from kerasgan import callbacks, going_on, workers

    ready = ready or prepared(training)
    model, run, started = ready.model, training.run, {}
    together = workers.of(model.distribute_strategy)
    writes = together is None or together.chief
    if training.start_from and not callbacks.newest(run / "checkpoints"):
        model.start_from(callbacks.restore(training.start_from))
        started = {"started_from_sha256": run_folder.read(training.start_from).get("weights_sha256")}
    if training.go_on_from and not callbacks.newest(run / "checkpoints"):
        going_on.go_on_from(training.go_on_from, model, training.freeze)
    watching = callbacks.standard(
        run,
        ready.batches,
        training.resume,
        training.checkpoint_seconds,
        _evaluations(training, ready) if writes else (),
        training.histograms,
        _projected(training, ready) if writes else None,
        _held_out(training, ready) if writes else None,
        best=False,
        half=False,
        settings=training.settings(),
        plan=training.plan(),
        command=shlex.join(["kerasgan", *sys.argv[1:]]),
        place=training.place(),
        **started,
        **({"then": training.then} if training.then else {}),
    )
    if training.steps:
        watching.append(callbacks.StopAt(training.steps))
    model.fit(ready.batches, epochs=ready.epochs, callbacks=watching)
    return ready


def _evaluations(training, ready) -> tuple[keras.callbacks.Callback, ...]:
    """Return the callback that measures samples as they become better, if one is asked for."""
    from kerasgan import callbacks, metrics

    if not training.evaluate_every:
        return ()
    if "sample" not in training.variant.verbs:
        raise UserError(f"{training.variant.name} samples nothing that could be measured: leave out --evaluate-every.")
    held_out = HeldOut(ready.batches.about, ready.batches.image_shape, data_dir=training.data_dir)
    network = metrics.feature_network(training.evaluate_with or held_out.features())
    real = held_out.images(SAMPLES)
    if held_out.split == "train":
        print(f"{held_out.name} has no test split: samples are compared with images that were learnt.")
    name = held_out.distance(network)
    return (callbacks.Evaluation(training.run, real, network, training.evaluate_every, SAMPLES, name),)


def _projected(training, ready):
    """Return images for the embedding projector, with their labels; None to take those that are trained on."""
    from kerasgan import data

    if "encode" not in training.variant.verbs:
        return None
    held_out = HeldOut(ready.batches.about, ready.batches.image_shape, data_dir=training.data_dir)
    learnt = "TensorBoard's embedding projector will show images that were learnt."
    if held_out.split == "train":
        print(f"{held_out.name} has no test split. {learnt}")
    height, width, channels = held_out.image_shape
    try:
        return data.read(
            held_out.name,
            (height, width),
            channels,
            held_out.data_dir,
            held_out.split,
            ready.batches.about.get("value_ranges"),
        )
    except UserError as error:
        print(f"{error} {learnt}")
        return None


def _held_out(training, ready):
    """Return what the data holds beside what is trained on, if it is of the same kind and a discriminator looks at it.

    Most folders hold nothing else, which is no mistake: nothing is said of it.
    """
    batches = ready.batches
    if not ready.model.judges_images or batches.takes == "partly_labelled":  # whose labels say what is held out
        return None
    held_out = HeldOut(batches.about, batches.image_shape, data_dir=training.data_dir)
    if held_out.split == "train":
        return None
    of_halves = {"halves": training.halves, "right_to_left": training.right_to_left}
    try:
        found = held_out.load(batches.about["task"], **of_halves, **training.task_options)
    except UserError:  # there is no such split
        return None
    same = [(b.takes, b.image_shape, b.about.get("class_names")) for b in (batches, found)]
    return found if same[0] == same[1] else None


def _strategy(training):
    import tensorflow as tf

    from kerasgan import workers

    if training.workers:
        if training.xla:
            raise UserError("--xla compiles for one device: leave it out, or leave out --workers.")
        return workers.strategy(training.devices)
    gpus = tf.config.list_logical_devices("GPU")
    n = max(1, len(gpus)) if training.devices == "all" else training.devices
    if n == 1:
        return tf.distribute.get_strategy()
    if n > len(gpus):
        raise UserError(f"--devices {n} asks for {n} GPUs; TensorFlow sees {len(gpus)}.")
    if training.xla:
        raise UserError("--xla compiles for one device: leave it out, or leave out --devices.")
    if training.batch_size % n:
        raise UserError(f"--batch-size {training.batch_size} cannot be shared out evenly among {n} devices.")
    return tf.distribute.MirroredStrategy([gpu.name for gpu in gpus[:n]])
