"""kerasgan train."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping

from kerasgan import cluster, run_folder, tasks, training
from kerasgan.cli.options import FEATURES_HELP, devices, labels, size, tensorflow
from kerasgan.command_line import natural, positive
from kerasgan.keras_settings import PRECISIONS
from kerasgan.paths import expanded, for_shell
from kerasgan.training import FILLED_IN, offered
from kerasgan.variants import variant

OR_NONE = ("blocks", "half_life")  # arguments of constructors that may be 0
TYPES = {"labels": positive, "normal": labels, "domain_labels": labels, "scale": positive, "noise": float}


def add_options(command, variant):
    command.description = f"{variant.summary} {variant.paper}"
    data = command.add_argument_group("data")
    what = "digits, a tensorflow-datasets name such as mnist, a folder, or an .npz (digits)"
    data.add_argument("--data", help=what)
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
    training.add_argument(
        "--accumulate",
        metavar="N",
        type=positive,
        help="minibatches to one step, whose gradients are averaged: for a batch that does not fit into memory (1)",
    )
    training.add_argument("--seed", type=natural, help="fixes weights, noise and order (0)")
    training.add_argument("--run", type=expanded, help=f"folder for what is written (runs/{variant.short}-DATA)")
    if variant.starts_from:
        training.add_argument(
            "--start-from",
            metavar="RUN",
            type=_absolute,
            help=f"folder of a trained {variant.starts_from} (it is trained first, in RUN-{variant.starts_from})",
        )
    training.add_argument(
        "--from",
        dest="go_on_from",
        metavar="RUN",
        help="go on from a trained model: a run, a .keras file or a name (kerasgan list --trained), of which all "
        "weights that fit are taken over",
    )
    training.add_argument(
        "--freeze",
        metavar="LAYERS",
        type=natural,
        help="with --from: the first layers with weights of the discriminator, so many, stay as they were (0)",
    )
    training.add_argument("--resume", action="store_true", help="go on with the run where it was stopped or killed")
    training.add_argument("--checkpoint-seconds", type=float, help="time between checkpoints (30)")
    training.add_argument(
        "--evaluate-every",
        metavar="EPOCHS",
        type=positive,
        help="measure samples each time, and keep the best checkpoint (never)",
    )
    training.add_argument("--evaluate-with", help=FEATURES_HELP)
    training.add_argument("--histograms", action="store_true", help="of all weights, epoch by epoch, for TensorBoard")
    training.add_argument("--precision", choices=PRECISIONS, help="what networks compute in (float32)")
    training.add_argument("--devices", type=devices, help="how many GPUs, or all (1)")
    training.add_argument(
        "--workers",
        choices=("auto",),
        help="auto: train together with other processes, as TF_CONFIG or Slurm say, each of which runs this command",
    )
    training.add_argument("--xla", action="store_true", help="compile the step with XLA")
    add_model_options(command, variant, shown=dict.fromkeys(FILLED_IN, "from the data and --epochs"))


def add_model_options(command, variant, shown: Mapping[str, str]):
    """Offer the arguments of a variant's constructor. shown: what help says of some in place of their default"""
    model = command.add_argument_group(variant.name)
    for name, default in variant.arguments.items():
        if name == "image_shape" or name in offered(variant):
            continue
        whole = natural if name in OR_NONE else positive
        given = {"type": whole if isinstance(default, int) else type(default), "metavar": name.upper()}
        if isinstance(default, bool):
            given = {"action": argparse.BooleanOptionalAction}
        usual = shown.get(name, "none" if default == "" else default)
        option, meaning = f"--{name.replace('_', '-')}", f"{variant.help[name]} ({usual})"
        model.add_argument(option, dest=f"model.{name}", help=meaning, **given)


def _absolute(text):
    return os.path.abspath(expanded(text))


def train(options: argparse.Namespace) -> int:
    """Train a variant; everything it needs to be resumed is in the run folder's run.json."""
    given = {k: v for k, v in vars(options).items() if k not in ("command", "command_name", "variant")}
    about = variant(options.variant)
    if given.get("workers"):
        cluster.found()  # or it is said before TensorFlow is imported
    while True:
        planned = training.planned(about, given)
        try:
            return _fit_all(planned)
        except run_folder.Taken as error:
            if "run" in given or "workers" in given or error.run != planned[0].run:
                raise
            print(f"Another process has just begun {for_shell(error.run)}: this one takes the next number.", flush=True)


def _fit_all(planned):
    tensorflow()
    *before, last = planned
    if before:
        training.prepared(last)  # what is wrong with it is said now, and not after hours of the first stage
    for stage in before:
        ready = _fit(stage)
        steps, finished = ready.model.run_steps, ready.model.run_steps >= ready.steps
        done = f"{steps} steps of the first stage are done, in {for_shell(stage.run)}"
        print(f"\n{done}{'' if finished else '; go on with --resume'}", flush=True)
        if not finished:
            return 0
    ready = _fit(last)
    if not last.workers or cluster.found().chief:
        _print_what_was_written(last, ready)
    return 0


def _fit(one):
    ready = training.prepared(one)
    if one.workers and not (workers := cluster.found()).chief:
        print(f"This is worker {workers.number}. The run is written by {workers.name(0)}.", flush=True)
        return training.fit(one, ready)
    data, pictures = for_shell(one.data), for_shell(one.run / "snapshots")
    print(f"Training {one.variant.name} on {data} for {ready.epochs} epochs. Pictures: {pictures}", flush=True)
    return training.fit(one, ready)


def _print_what_was_written(one, ready):
    from kerasgan import film

    run, pictures = one.run, film.snapshots(one.run)
    last = pictures[max(pictures)]
    print(f"\n{ready.model.run_steps} steps done. In {for_shell(run)}:")
    print(f"  {last.relative_to(run)}, timeline.mp4, timeline.gif    what it makes, and how it learnt to")
    print("  losses.png, history.csv                        its losses")
    print("  saved_model/                                   the model, for kerasgan.load() and tf.saved_model.load()")
    print("Next:")
    print(f"  {_use(one)}")
    print(f"  kerasgan tensorboard {for_shell(run)}")
    more = "" if "total_steps" in ready.model.hyperparameters else f" --epochs {2 * ready.epochs}"
    print(f"  kerasgan train {for_shell(one.variant.key)} --run {for_shell(run)} --resume{more}")


def _use(one):
    """Return a command that uses what was trained, on the data that it was trained on if it needs images."""
    run, verbs = one.run, one.variant.verbs
    if "sample" in verbs:
        return f"kerasgan generate {for_shell(run)} -n 64 --seed 0 -o {for_shell(run / 'samples.png')}"
    images = for_shell(one.data)
    if one.halves:
        images += " --half right" if one.right_to_left else " --half left"
    if "translate" in verbs:
        return f"kerasgan translate {for_shell(run)} {images} -o {for_shell(run / 'translated.png')}"
    return f"kerasgan reconstruct {for_shell(run)} {images} -o {for_shell(run / 'reconstructed.png')}"
