"""kerasgan train."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from kerasgan import run_folder
from kerasgan.cli.options import devices, positive, seed, size, tensorflow
from kerasgan.cli.variants import variant
from kerasgan.errors import UserError

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

DEFAULTS = {
    "data": "digits",
    "data_dir": None,
    "image_size": None,
    "channels": None,
    "halves": False,
    "mirror": False,
    "reverse": False,
    "epochs": None,
    "steps": None,
    "seed": 0,
    "resume": False,
    "checkpoint_seconds": 30.0,
    "precision": "float32",
    "devices": 1,
    "xla": False,
}


def add_options(command, variant):
    command.description = f"{variant.summary} {variant.paper}"
    data = command.add_argument_group("data")
    data.add_argument("--data", help="digits, a tensorflow-datasets name such as mnist, a folder, or an .npz (digits)")
    data.add_argument("--data-dir", help="where tensorflow-datasets keeps its data")
    data.add_argument("--image-size", type=size, help="32, or 96x64 for height x width (the data's, 64 for a folder)")
    data.add_argument("--channels", type=int, choices=(1, 3, 4), help="grey, colour, or colour and alpha (the data's)")
    data.add_argument("--halves", action="store_true", help="each picture holds two, side by side: pairs or domains")
    data.add_argument("--mirror", action="store_true", help="flip images left to right half of the time")
    data.add_argument("--reverse", action="store_true", help="swap source and target, or the two domains")
    training = command.add_argument_group("training")
    length = training.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=positive, help=f"times through the data (about {variant.default_steps} steps)")
    length.add_argument("--steps", type=positive, help="training steps, instead of epochs")
    training.add_argument("--batch-size", type=positive, help=f"images in a minibatch ({variant.batch_size})")
    training.add_argument("--seed", type=seed, help="fixes weights, noise and order (0)")
    training.add_argument("--run", type=Path, help=f"folder for what is written (runs/{variant.key}-DATA)")
    training.add_argument("--resume", action="store_true", help="go on with the run where it was stopped or killed")
    training.add_argument("--checkpoint-seconds", type=float, help="time between checkpoints (30)")
    training.add_argument("--precision", choices=PRECISIONS, help="what networks compute in (float32)")
    training.add_argument("--devices", type=devices, help="how many GPUs, or all (1)")
    training.add_argument("--xla", action="store_true", help="compile the step with XLA")
    model = command.add_argument_group(variant.name)
    for name, default in variant.arguments.items():
        if name == "image_shape":
            continue
        given = {"type": positive if isinstance(default, int) else type(default), "metavar": name.upper()}
        if isinstance(default, bool):
            given = {"action": argparse.BooleanOptionalAction}
        shown = "from the data and --epochs" if name in FILLED_IN else default
        option = f"--{name.replace('_', '-')}"
        model.add_argument(option, dest=f"model.{name}", help=f"{variant.help[name]} ({shown})", **given)


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

    tf = tensorflow()
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
        settings["reverse"],
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
