"""kerasgan train."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

from kerasgan import run_folder, tasks
from kerasgan.cli.options import FEATURES_HELP, devices, labels, positive, seed, size, tensorflow
from kerasgan.cli.stages import FILLED_IN, offered, stages
from kerasgan.errors import UserError
from kerasgan.held_out import HeldOut
from kerasgan.paths import for_shell
from kerasgan.variants import variant

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
SAMPLES = 2000  # that --evaluate-every measures
TYPES = {"labels": positive, "normal": labels, "domain_labels": labels, "scale": positive, "noise": float}


def add_options(command, variant):
    command.description = f"{variant.summary} {variant.paper}"
    data = command.add_argument_group("data")
    what = "digits, a tensorflow-datasets name such as mnist, a folder, or an .npz (digits)"
    data.add_argument("--data", type=_name, help=what)
    data.add_argument("--data-dir", help="where tensorflow-datasets keeps its data")
    data.add_argument("--image-size", type=size, help="32, or 96x64 for height x width (the data's, 64 for a folder)")
    data.add_argument("--channels", type=int, choices=(1, 3, 4), help="grey, colour, or colour and alpha (the data's)")
    data.add_argument("--halves", action="store_true", help="each picture holds two, side by side: pairs or domains")
    data.add_argument("--right-to-left", action="store_true", help="of two halves, the right one is the source")
    data.add_argument("--mirror", action="store_true", help="flip images left to right half of the time")
    fitting = ", ".join(tasks.fit(variant.takes))
    made = f"what the data is made into: {fitting} ({variant.task})"
    data.add_argument("--task", choices=tuple(tasks.TASKS), metavar="TASK", help=made)
    for name in offered(variant):
        option = tasks.OPTIONS[name]
        meaning = option.meaning if option.default is None else f"{option.meaning} ({option.default})"
        data.add_argument(f"--{name.replace('_', '-')}", type=TYPES[name], help=f"{option.task}: {meaning}")
    training = command.add_argument_group("training")
    length = training.add_mutually_exclusive_group()
    each = ", in each stage" if variant.starts_from else ""
    about = f"about {variant.default_steps} steps"
    length.add_argument("--epochs", type=positive, help=f"times through the data{each} ({about})")
    length.add_argument("--steps", type=positive, help=f"training steps, instead of epochs{each}")
    training.add_argument("--batch-size", type=positive, help=f"images in a minibatch ({variant.batch_size})")
    training.add_argument("--seed", type=seed, help="fixes weights, noise and order (0)")
    training.add_argument("--run", type=_folder, help=f"folder for what is written (runs/{variant.key}-DATA)")
    if variant.starts_from:
        training.add_argument(
            "--start-from",
            metavar="RUN",
            type=os.path.abspath,
            help=f"folder of a trained {variant.starts_from} (it is trained first, in RUN-{variant.starts_from})",
        )
    training.add_argument("--resume", action="store_true", help="go on with the run where it was stopped or killed")
    training.add_argument("--checkpoint-seconds", type=float, help="time between checkpoints (30)")
    training.add_argument(
        "--evaluate-every",
        metavar="EPOCHS",
        type=positive,
        help="measure samples each time, and keep the best checkpoint (never)",
    )
    training.add_argument("--evaluate-with", help=f"{FEATURES_HELP} (mnist for digits, else inception)")
    training.add_argument("--histograms", action="store_true", help="of all weights, epoch by epoch, for TensorBoard")
    training.add_argument("--precision", choices=PRECISIONS, help="what networks compute in (float32)")
    training.add_argument("--devices", type=devices, help="how many GPUs, or all (1)")
    training.add_argument("--xla", action="store_true", help="compile the step with XLA")
    model = command.add_argument_group(variant.name)
    for name, default in variant.arguments.items():
        if name == "image_shape" or name in offered(variant):
            continue
        given = {"type": positive if isinstance(default, int) else type(default), "metavar": name.upper()}
        if isinstance(default, bool):
            given = {"action": argparse.BooleanOptionalAction}
        shown = "from the data and --epochs" if name in FILLED_IN else default
        option = f"--{name.replace('_', '-')}"
        model.add_argument(option, dest=f"model.{name}", help=f"{variant.help[name]} ({shown})", **given)


def _folder(text):
    return Path(os.path.expanduser(_name(text)))


def _name(text):
    """Return a name as it is; one that begins with ~ and is nobody's home, as a path that is not taken for a home."""
    return os.path.abspath(text) if text.startswith("~") and os.path.expanduser(text) == text else text


def train(options: argparse.Namespace) -> int:
    """Train a variant; everything it needs to be resumed is in the run folder's run.json."""
    given = {k: v for k, v in vars(options).items() if k not in ("command", "command_name", "variant")}
    about = variant(options.variant)
    while True:
        planned = stages(about, given)
        try:
            return _fit_all(planned)
        except run_folder.Taken as error:
            if "run" in given or error.run != planned[0].run:
                raise
            print(f"Another process has just begun {for_shell(error.run)}: this one takes the next number.", flush=True)


def _fit_all(planned):
    *before, last = planned
    if before:
        _prepared(last)  # what is wrong with it is said now, and not after hours of the first stage
    for stage in before:
        model, finished, _ = _fit(stage)
        steps = f"{int(model.step.numpy())} steps of the first stage are done, in {for_shell(stage.run)}"
        print(f"\n{steps}{'' if finished else '; go on with --resume'}", flush=True)
        if not finished:
            return 0
    model, _, epochs = _fit(last)
    _print_what_was_written(last.run, model, epochs, last.settings)
    return 0


def _fit(stage):
    """Train one stage. Returns the model, whether it took all of its steps, and the epochs that they are."""
    tensorflow()
    from kerasgan import callbacks

    about, run, settings = stage.variant, stage.run, stage.settings
    model, batches, epochs, steps = _prepared(stage)
    data, pictures = for_shell(settings["data"]), for_shell(run / "snapshots")
    print(f"Training {about.name} on {data} for {epochs} epochs. Pictures: {pictures}", flush=True)
    started = {}
    if stage.start_from and not callbacks.newest(run / "checkpoints"):
        model.start_from(callbacks.restore(stage.start_from))
        started = {"started_from_sha256": run_folder.read(stage.start_from).get("weights_sha256")}
    watching = callbacks.standard(
        run,
        batches,
        stage.resume,
        settings["checkpoint_seconds"],
        _evaluations(stage, model, batches),
        settings["histograms"],
        _projected(stage, model, batches),
        settings=stage.kept(),
        plan=stage.plan(),
        command=shlex.join(["kerasgan", *sys.argv[1:]]),
        place=stage.place(),
        **started,
        **({"then": stage.then} if stage.then else {}),
    )
    if settings["steps"]:
        watching.append(callbacks.StopAt(settings["steps"]))
    model.fit(batches, epochs=epochs, callbacks=watching)
    return model, int(model.step.numpy()) >= steps, epochs


def _evaluations(stage, model, batches):
    """Return the callback that measures samples as they become better, if one is asked for."""
    from kerasgan import callbacks, metrics

    settings = stage.settings
    if not settings["evaluate_every"]:
        return ()
    if "sample" not in model.endpoints():
        raise UserError(f"{stage.variant.name} samples nothing that could be measured: leave out --evaluate-every.")
    held_out = HeldOut(batches.about, batches.image_shape, data_dir=settings["data_dir"])
    network = metrics.feature_network(settings["evaluate_with"] or held_out.features())
    real = held_out.images(SAMPLES)
    if held_out.split == "train":
        print(f"{held_out.name} has no test split: samples are compared with images that were learnt.")
    every, name = settings["evaluate_every"], held_out.distance(network)
    return (callbacks.Evaluation(stage.run, real, network, every, SAMPLES, name),)


def _projected(stage, model, batches):
    """Return images for the embedding projector, with their labels; None to take those that are trained on."""
    from kerasgan import data

    if "encode" not in model.endpoints():
        return None
    held_out = HeldOut(batches.about, batches.image_shape, data_dir=stage.settings["data_dir"])
    height, width, channels = held_out.image_shape
    try:
        return data.read(
            held_out.name,
            (height, width),
            channels,
            held_out.data_dir,
            held_out.split,
            batches.about.get("value_ranges"),
        )
    except UserError as error:
        print(f"{error} TensorBoard's embedding projector will show images that were learnt.")
        return None


def _prepared(stage):
    """Return the model of a stage, its batches, and the epochs and the steps that it is to take."""
    tf = tensorflow()
    import keras

    from kerasgan import data, models

    about, settings = stage.variant, stage.settings
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
        settings["task"],
        right_to_left=settings["right_to_left"],
        **stage.task_options(),
    )
    hyperparameters = {k.removeprefix("model."): v for k, v in settings.items() if k.startswith("model.")}
    hyperparameters |= {"image_shape": batches.image_shape}
    filled_in = {"classes": batches.classes, **stage.task_options()}
    steps_per_epoch = batches.steps_per_epoch(hyperparameters.get("n_critic", about.arguments.get("n_critic", 1)))
    epochs = settings["epochs"] or -(-(settings["steps"] or about.default_steps) // steps_per_epoch)
    steps = settings["steps"] or epochs * steps_per_epoch
    filled_in |= {"total_steps": steps}
    hyperparameters = {**{k: v for k, v in filled_in.items() if k in about.arguments}, **hyperparameters}
    with strategy.scope():
        model = models.MODELS[about.key](**hyperparameters)
        model.compile(jit_compile=settings["xla"])
    return model, batches, epochs, steps


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


def _print_what_was_written(run, model, epochs, settings):
    from kerasgan import film

    pictures = film.snapshots(run)
    last = pictures[max(pictures)]
    print(f"\n{int(model.step.numpy())} steps done. In {for_shell(run)}:")
    print(f"  {last.relative_to(run)}, timeline.mp4, timeline.gif    what it makes, and how it learnt to")
    print("  losses.png, history.csv                        its losses")
    print("  saved_model/                                   the model, for kerasgan.load() and tf.saved_model.load()")
    print("Next:")
    print(f"  {_use(run, model.endpoints(), settings)}")
    print(f"  kerasgan tensorboard {for_shell(run)}")
    more = "" if "total_steps" in model.hyperparameters else f" --epochs {2 * epochs}"
    print(f"  kerasgan train {model.describe()['variant']} --run {for_shell(run)} --resume{more}")


def _use(run, verbs, settings):
    """Return a command that uses what was trained, on the data that it was trained on if it needs images."""
    if "sample" in verbs:
        return f"kerasgan generate {for_shell(run)} -n 64 --seed 0 -o {for_shell(run / 'samples.png')}"
    images = for_shell(settings["data"])
    if settings["halves"]:
        images += " --half right" if settings["right_to_left"] else " --half left"
    if "translate" in verbs:
        return f"kerasgan translate {for_shell(run)} {images} -o {for_shell(run / 'translated.png')}"
    return f"kerasgan reconstruct {for_shell(run)} {images} -o {for_shell(run / 'reconstructed.png')}"
