"""kerasgan list | train | generate: the command line.

Nothing here imports TensorFlow before it has to train or generate: help, lists and mistakes are answered at once.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

from kerasgan import __version__, run_folder
from kerasgan.errors import UserError, nearest
from kerasgan.models import CLASSES

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
FILLED_IN = ("classes", "total_steps")  # constructor arguments that the data or the plan decide
MAY_CHANGE = (
    "run",
    "resume",
    "epochs",
    "steps",
    "checkpoint_seconds",
    "devices",
    "data_dir",
)  # what a resumed run may have differently


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0, or 2 for what the user can put right."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up notes; its errors are still raised
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        options = parser(arguments).parse_args(arguments)
        return options.command(options)
    except UserError as error:
        print(f"kerasgan: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno is None:
            raise
        print(f"kerasgan: {error.filename or 'The disk'}: {error.strerror}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("kerasgan: interrupted.", file=sys.stderr)
        return 130


# ---- what the variants are, read from their source ------------------------------------------------------------------


@dataclasses.dataclass
class Variant:
    """What the command line has to know of a variant: its constructor's arguments, and what its class says."""

    key: str
    name: str
    summary: str
    paper: str
    takes: str
    batch_size: int
    default_steps: int
    arguments: dict[str, Any]  # name: default
    help: dict[str, str]


def variant(key: str) -> Variant:
    """Read a variant's class statement, without running it."""
    tree = ast.parse((Path(__file__).parent / "models" / f"{key}.py").read_text(encoding="utf-8"))
    base = ast.parse((Path(__file__).parent / "model.py").read_text(encoding="utf-8"))
    cls = _class(tree, CLASSES[key])
    constants = {**_constants(_class(base, "GenerativeModel")), **_constants(cls)}
    init = next(f for f in cls.body if isinstance(f, ast.FunctionDef) and f.name == "__init__")
    names = [a.arg for a in init.args.args if a.arg != "self"]
    docstring = ast.get_docstring(cls)
    return Variant(
        key=key,
        name=cls.name,
        summary=docstring.splitlines()[0],
        arguments=dict(zip(names, map(ast.literal_eval, init.args.defaults), strict=True)),
        help=dict(re.findall(r"^(\w+): (.+)$", docstring, re.MULTILINE)),
        **{name: constants[name] for name in ("paper", "takes", "batch_size", "default_steps")},
    )


def _class(tree, name):
    return next(c for c in tree.body if isinstance(c, ast.ClassDef) and c.name == name)


def _constants(cls):
    plain = [s for s in cls.body if isinstance(s, ast.Assign) and isinstance(s.value, ast.Constant | ast.Tuple)]
    return {s.targets[0].id: ast.literal_eval(s.value) for s in plain}


# ---- options --------------------------------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, with the nearest name, instead of printing the usage."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, allow_abbrev=False, formatter_class=argparse.ArgumentDefaultsHelpFormatter, **kwargs)

    def error(self, message):
        raise UserError(f"{message}. See {self.prog} --help.")

    def _check_value(self, action, value):
        if action.choices is not None and value not in action.choices:
            what = (action.metavar or action.option_strings[-1]).lower()
            known = [str(choice) for choice in action.choices]
            self.error(f"there is no {what} {value}{nearest(str(value), known)}: choose from {', '.join(known)}")

    def parse_args(self, arguments):
        options, unknown = self.parse_known_args(arguments)
        if unknown:
            *_, chosen = self, *_chosen(self, options)
            option = unknown[0].partition("=")[0]
            chosen.error(f"there is no option {option}{nearest(option, chosen._option_string_actions)}")
        return options


def _chosen(root, options):
    """Return the parsers of the chosen command and variant, whose options were to be had."""
    for action in root._actions:
        if isinstance(action, argparse._SubParsersAction) and (name := getattr(options, action.dest, None)):
            yield action.choices[name]
            yield from _chosen(action.choices[name], options)


def parser(arguments: list[str]) -> Parser:
    """Return the parser; of the variants, only one that `arguments` names is read."""
    root = Parser("kerasgan", description="Train generative models on images, and use them.")
    root.add_argument("--version", action="version", version=f"kerasgan {__version__}")
    commands = root.add_subparsers(dest="command_name", required=True, metavar="COMMAND", parser_class=Parser)

    command = commands.add_parser("list", help="what can be trained")
    command.set_defaults(command=list_variants)
    command.add_argument("--json", action="store_true", help="for programs")

    command = commands.add_parser("train", help="train a variant on images")
    variants = command.add_subparsers(dest="variant", required=True, metavar="VARIANT", parser_class=Parser)
    for key in CLASSES:
        one = variants.add_parser(key, help=f"see kerasgan train {key} --help", argument_default=argparse.SUPPRESS)
        if key in arguments:
            _add_training_options(one, variant(key))
        one.set_defaults(command=train)

    command = commands.add_parser("generate", help="make images with a trained model")
    command.set_defaults(command=generate)
    command.add_argument("model", metavar="RUN_OR_SAVED_MODEL", help="a run folder, or a SavedModel of kerasgan")
    command.add_argument("-n", type=_positive, default=64, help="how many images")
    command.add_argument("--seed", type=_seed, default=0, help="same seed, same images")
    command.add_argument("--labels", type=_labels, help="0,1,2: what to make, for models that take labels")
    command.add_argument("-o", "--output", default="samples.png", help="grid.png, folder/ or samples.npz")
    command.add_argument("--overwrite", action="store_true", help="replace an output that exists")
    return root


def _add_training_options(command, variant):
    command.description = f"{variant.summary} {variant.paper}"
    data = command.add_argument_group("data")
    data.add_argument("--data", help="digits, a tensorflow-datasets name such as mnist, a folder, or an .npz (digits)")
    data.add_argument("--data-dir", help="where tensorflow-datasets keeps its data")
    data.add_argument("--image-size", type=_size, help="32, or 96x64 for height x width (the data's, 64 for a folder)")
    data.add_argument("--channels", type=int, choices=(1, 3, 4), help="grey, colour, or colour and alpha (the data's)")
    data.add_argument("--halves", action="store_true", help="each picture holds two, side by side: pairs or domains")
    data.add_argument("--mirror", action="store_true", help="flip images left to right half of the time")
    training = command.add_argument_group("training")
    length = training.add_mutually_exclusive_group()
    length.add_argument(
        "--epochs", type=_positive, help=f"times through the data (about {variant.default_steps} steps)"
    )
    length.add_argument("--steps", type=_positive, help="training steps, instead of epochs")
    training.add_argument("--batch-size", type=_positive, help=f"images in a minibatch ({variant.batch_size})")
    training.add_argument("--seed", type=_seed, help="fixes weights, noise and order (0)")
    training.add_argument("--run", type=Path, help=f"folder for what is written (runs/{variant.key}-DATA)")
    training.add_argument("--resume", action="store_true", help="go on with the run where it was stopped or killed")
    training.add_argument("--checkpoint-seconds", type=float, help="time between checkpoints (30)")
    training.add_argument("--precision", choices=PRECISIONS, help="what networks compute in (float32)")
    training.add_argument("--devices", type=_devices, help="how many GPUs, or all (1)")
    training.add_argument("--xla", action="store_true", help="compile the step with XLA")
    model = command.add_argument_group(variant.name)
    for name, default in variant.arguments.items():
        if name == "image_shape":
            continue
        given = {"type": _positive if isinstance(default, int) else type(default), "metavar": name.upper()}
        if isinstance(default, bool):
            given = {"action": argparse.BooleanOptionalAction}
        shown = "from the data and --epochs" if name in FILLED_IN else default
        option = f"--{name.replace('_', '-')}"
        model.add_argument(option, dest=f"model.{name}", help=f"{variant.help[name]} ({shown})", **given)


def _number(text, least):
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number < 2**31:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from {least} to {2**31 - 1}")
    return number


def _positive(text):
    return _number(text, 1)


def _seed(text):
    return _number(text, 0)


def _devices(text):
    return text if text == "all" else _positive(text)


def _labels(text):
    return [_number(label, 0) for label in text.split(",")]


def _size(text):
    if not (match := re.fullmatch(r"(\d+)(?:x(\d+))?", text)):
        raise argparse.ArgumentTypeError(f"{text} is no size: give 64, or 96x64 for height x width")
    height, width = match.groups()
    return int(height), int(width or height)


def _tensorflow():
    """Import TensorFlow without the notes that it prints before its own log level counts."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
    return tensorflow


# ---- kerasgan list --------------------------------------------------------------------------------------------------


def list_variants(options: argparse.Namespace) -> int:
    """Print the variants, for people or as JSON."""
    variants = [variant(key) for key in CLASSES]
    if options.json:
        fields = ("key", "name", "summary", "paper", "takes", "batch_size", "arguments")
        print(json.dumps([{f: getattr(v, f) for f in fields} for v in variants], indent=2))
        return 0
    for v in variants:
        print(f"{v.key:<10} {v.summary}\n{'':<10} takes {v.takes}; {v.paper}")
    return 0


# ---- kerasgan train -------------------------------------------------------------------------------------------------

DEFAULTS = {
    "data": "digits",
    "data_dir": None,
    "image_size": None,
    "channels": None,
    "halves": False,
    "mirror": False,
    "epochs": None,
    "steps": None,
    "seed": 0,
    "resume": False,
    "checkpoint_seconds": 30.0,
    "precision": "float32",
    "devices": 1,
    "xla": False,
}


def train(options: argparse.Namespace) -> int:
    """Train a variant; everything it needs to be resumed is in the run folder's run.json."""
    about = variant(options.variant)
    given = {k: v for k, v in vars(options).items() if k not in ("command", "command_name", "variant")}
    run = given.get("run") or _default_run(about.key, given)
    settings = {**DEFAULTS, "batch_size": about.batch_size, **given}
    if settings["resume"]:
        settings = _recorded_settings(run, about, given)
    else:
        run_folder.check_new(run)

    tf = _tensorflow()
    import keras

    from kerasgan import callbacks, data, models

    keras.utils.set_random_seed(settings["seed"])
    keras.config.set_dtype_policy(settings["precision"])
    strategy = _strategy(tf, settings["devices"], settings["xla"], settings["batch_size"])
    batches = data.load(
        settings["data"],
        about.takes,
        settings["batch_size"],
        settings["image_size"] and tuple(settings["image_size"]),
        settings["channels"],
        settings["data_dir"],
        settings["halves"],
        settings["mirror"],
        settings["seed"],
    )
    hyperparameters = {k.removeprefix("model."): v for k, v in settings.items() if k.startswith("model.")}
    hyperparameters |= {"image_shape": batches.image_shape}
    if "classes" in about.arguments:
        hyperparameters.setdefault("classes", batches.classes)
    steps_per_epoch = batches.steps_per_epoch(hyperparameters.get("n_critic", about.arguments.get("n_critic", 1)))
    epochs = settings["epochs"] or -(-(settings["steps"] or about.default_steps) // steps_per_epoch)
    if "total_steps" in about.arguments:
        hyperparameters.setdefault("total_steps", settings["steps"] or epochs * steps_per_epoch)

    print(f"Training {about.name} on {settings['data']} for {epochs} epochs. Pictures: {run}/snapshots", flush=True)
    with strategy.scope():
        model = models.MODELS[about.key](**hyperparameters)
        model.compile(jit_compile=settings["xla"])
    watching = callbacks.standard(
        run,
        batches,
        settings["resume"],
        settings["checkpoint_seconds"],
        settings={k: v for k, v in settings.items() if k not in MAY_CHANGE},
        plan={"epochs": settings["epochs"], "steps": settings["steps"]},
        command=shlex.join(["kerasgan", *sys.argv[1:]]),
    )
    if settings["steps"]:
        watching.append(callbacks.StopAt(settings["steps"]))
    model.fit(batches, epochs=epochs, callbacks=watching)
    _print_what_was_written(run, model, epochs)
    return 0


def _default_run(key, given):
    """Return runs/VARIANT-DATA; a new number where that exists, or the newest where it is to be resumed."""
    name = Path(given.get("data", DEFAULTS["data"])).expanduser().resolve().stem
    first = Path("runs") / f"{key}-{name}"
    names = [first, *(first.with_name(f"{first.name}-{i}") for i in range(2, 10_000))]
    if given.get("resume"):
        return next((n for n in reversed(names) if n.exists()), first)
    return next(n for n in names if not n.exists())


def _recorded_settings(run, about, given):
    """Return the settings of the run to resume; raise UserError where other ones were given."""
    run_folder.check_resumable(run)
    recorded = run_folder.read(run)
    if recorded["variant"] != about.key:
        raise UserError(f"{run} is a run of {recorded['variant']}, not of {about.key}.")
    if "settings" not in recorded:
        raise UserError(f"{run} was not written by kerasgan train: resume it with the script that wrote it.")
    before = {**DEFAULTS, **recorded["settings"]}
    for name, value in given.items():
        value = list(value) if isinstance(value, tuple) else value
        if name not in MAY_CHANGE and before.get(name) != value:
            was = before.get(name, recorded["hyperparameters"].get(name.removeprefix("model.")))
            option = name.removeprefix("model.").replace("_", "-")
            raise UserError(f"{run} was started with --{option} {was}, not {value}: leave the option out to resume it.")
    length = {k: recorded["plan"][k] for k in ("epochs", "steps") if not {"epochs", "steps"} & set(given)}
    return {**before, **length, **{k: v for k, v in given.items() if k in MAY_CHANGE}}


def _strategy(tf, devices, xla, batch_size):
    gpus = tf.config.list_logical_devices("GPU")
    n = max(1, len(gpus)) if devices == "all" else devices
    if n == 1:
        return tf.distribute.get_strategy()
    if n > len(gpus):
        raise UserError(f"--devices {n} asks for {n} GPUs; TensorFlow sees {len(gpus)}.")
    if xla:
        raise UserError("--xla compiles for one device: leave it out, or leave out --devices.")
    if batch_size % n:
        raise UserError(f"--batch-size {batch_size} cannot be shared out evenly among {n} devices.")
    return tf.distribute.MirroredStrategy([gpu.name for gpu in gpus[:n]])


def _print_what_was_written(run, model, epochs):
    last = max((run / "snapshots").glob("*.png"))
    print(f"\n{int(model.step.numpy())} steps done. In {run}:")
    print(f"  {last.relative_to(run)}, timeline.gif    what it makes, and how it learnt to")
    print("  losses.png, history.csv          its losses")
    print("  saved_model/                     the model, for kerasgan.load() and tf.saved_model.load()")
    print("Next:")
    if "sample" in model.endpoints():
        print(f"  kerasgan generate {run} -n 64 --seed 0 -o {run}/samples.png")
    print(f"  tensorboard --logdir {run}/tensorboard")
    more = "" if "total_steps" in model.hyperparameters else f" --epochs {2 * epochs}"
    print(f"  kerasgan train {model.describe()['variant']} --run {run} --resume{more}")


# ---- kerasgan generate ----------------------------------------------------------------------------------------------


def generate(options: argparse.Namespace) -> int:
    """Write images that a SavedModel makes: a grid, a folder, or an .npz."""
    output = Path(options.output)
    kind = output.suffix.lower()
    if kind not in ("", ".png", ".npz"):
        raise UserError(f"{output} is no place for images: give a name that ends in .png or .npz, or a folder.")
    if output.exists() and not options.overwrite and (kind or any(output.iterdir())):
        raise UserError(f"{output} exists: choose another --output, or replace it with --overwrite.")

    _tensorflow()
    from kerasgan.saved_model import load

    model = load(options.model)
    images, labels = _sampled(model, options)
    _write_images(output, images, labels)
    print(f"{len(images)} images of {model.about['variant']} written to {output}")
    return 0


def _sampled(model, options):
    import numpy as np

    verbs, name = model.about["verbs"], model.about["variant"]
    if "sample_labelled" in verbs:
        classes = model.about["hyperparameters"]["classes"]
        chosen = options.labels or range(classes)
        if wrong := [label for label in chosen if label >= classes]:
            raise UserError(f"{name} knows labels 0 to {classes - 1}, not {wrong[0]}.")
        labels = np.resize(np.array(chosen, np.int32), options.n)
        return model.sample_labelled(labels=labels, seed=options.seed), labels
    if options.labels:
        raise UserError(f"{name} takes no labels: leave out --labels.")
    if "sample" not in verbs:
        raise UserError(f"{name} makes images from images, not from nothing: in Python, kerasgan.load() has {verbs}.")
    return model.sample(n=options.n, seed=options.seed), None


def _write_images(output, images, labels):
    import numpy as np

    from kerasgan.images import grid, near_square, write_png

    if output.suffix.lower() == ".npz":
        output.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(output, images=images, **({} if labels is None else {"labels": labels}))
    elif output.suffix:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_png(output, grid(near_square(images)))
    else:
        output.mkdir(parents=True, exist_ok=True)
        for i, image in enumerate(images):
            write_png(output / (f"{i:05d}.png" if labels is None else f"{i:05d}_label{labels[i]}.png"), image)


if __name__ == "__main__":
    sys.exit(main())
