"""kerasgan translate | reconstruct | degrade | encode | classify | score: what a model does with a user's pictures."""

from __future__ import annotations

import argparse
import math
from collections import Counter

from kerasgan import inputs, run_folder
from kerasgan.cli import outputs
from kerasgan.cli.options import MODEL, tensorflow
from kerasgan.errors import UserError, one_line
from kerasgan.variants import variants_with

COMMANDS = {  # the verbs of each command: the first that a model has is what the command does
    "translate": ("translate", "translate_back"),
    "reconstruct": ("reconstruct",),
    "degrade": ("degrade",),
    "encode": ("encode",),
    "classify": ("classify",),
    "score": ("anomaly_score", "log_prob"),
}
SCORES = {"anomaly": "anomaly_score", "likelihood": "log_prob"}
SHOWN = 5  # of the strangest pictures, and of the most usual ones


def commands_of(verbs: list[str]) -> list[str]:
    """Return the commands of this file that a model with these verbs has."""
    return [command for command, its in COMMANDS.items() if set(its) & set(verbs)]


def add_commands(commands) -> None:
    """Add a command for each ability to the subparsers of the command line."""
    command = _command(commands, "translate", translate, "turn pictures into what a model was trained to make of them")
    command.add_argument("--back", action="store_true", help="the other way, for models that know it")
    _add_output(command, "grid.png of pairs, folder/ or images.npz", default="translated.png")

    command = _command(commands, "reconstruct", reconstruct, "what is left of pictures that went through a code")
    _add_output(command, "grid.png of pairs, folder/ or images.npz", default="reconstructed.png")

    command = _command(commands, "degrade", degrade, "what a model was trained to make whole: pictures with its damage")
    _add_output(command, "grid.png of pairs, folder/ or images.npz", default="degraded.png")

    command = _command(commands, "encode", encode, "the codes of pictures")
    _add_output(command, "latents.npz", default="latents.npz")

    command = _command(commands, "classify", classify, "the classes of pictures, and how probable they are")
    _add_output(command, "classes.csv, or logits.npz")

    command = _command(commands, "score", score, "how strange pictures are, or how likely")
    command.add_argument("--by", choices=tuple(SCORES), help="the score of a model that has both")
    _add_output(command, "scores.csv, scores.npz, or grid.png with the strangest first")


def _command(commands, name, function, summary):
    command = commands.add_parser(name, help=summary)
    command.set_defaults(command=function)
    command.description = f"{summary[0].upper()}{summary[1:]}."
    command.add_argument("model", **MODEL)
    command.add_argument(
        "images", metavar="IMAGES", nargs="+", help="pictures, folders, .npz with images, digits, or a data set's name"
    )
    command.add_argument("--data-dir", help="where tensorflow-datasets keeps its data")
    command.add_argument("--split", default="test", help="of a data set of tensorflow-datasets")
    command.add_argument("--half", choices=("left", "right"), help="of pictures that hold two, side by side")
    return command


def _add_output(command, kinds, **default):
    command.add_argument("-o", "--output", help=kinds, **default)
    command.add_argument("--overwrite", action="store_true", help="replace an output that exists")


def translate(options: argparse.Namespace) -> int:
    """Write pictures beside what a model makes of them, or what it makes alone."""
    return _images_of_images(options, "translate_back" if options.back else "translate", "translated", "translation")


def reconstruct(options: argparse.Namespace) -> int:
    """Write pictures beside their reconstructions, or these alone."""
    return _images_of_images(options, "reconstruct", "reconstructed", "reconstruction")


def degrade(options: argparse.Namespace) -> int:
    """Write pictures beside what is left of them after the damage that a model learnt to mend, or that alone."""
    return _images_of_images(options, "degrade", "degraded", "remains")


def _images_of_images(options, verb, done, result):
    job = _Job(options, verb, (".png", ".npz", ""))
    made, names = [], []
    for found, sources, results in job.answers(outputs.GRID if job.to.kind == ".png" else None):
        names += [picture.name for picture in found]
        if job.to.kind == ".png":
            made += [outputs.pair(s, r) for s, r in zip(sources, results, strict=True)]
        elif job.to.kind == ".npz":
            if made and made[0].shape != results[0].shape:
                raise UserError(f"{found[0].name} becomes of another size than {names[0]}: give a folder as --output.")
            made += list(results)
        else:
            for picture, image in zip(found, results, strict=True):
                outputs.write_picture(job.to.path / picture.place, image)
    if job.to.kind == ".png":
        outputs.write_grid(job.to.path, made, gap=4)
    elif job.to.kind == ".npz":
        outputs.write_npz(job.to.path, images=_stacked(made), names=_stacked(names))
    print(f"{len(names)} pictures {done} by {job.variant}, written to {job.to.path}")
    if job.to.kind == ".png":
        print(f"Of each pair, the picture is on the left and its {result} on the right.")
        if len(names) == outputs.GRID < len(job.pictures):
            print(f"They are the first of {len(job.pictures)}: a folder or an .npz as --output takes all.")
    return 0


def encode(options: argparse.Namespace) -> int:
    """Write the latents of pictures."""
    job = _Job(options, "encode", (".npz",))
    latents, names = [], []
    for found, _, results in job.answers():
        names += [picture.name for picture in found]
        latents += list(results)
    outputs.write_npz(job.to.path, latents=_stacked(latents), names=_stacked(names))
    shape = "x".join(map(str, latents[0].shape))
    print(f"{len(names)} pictures encoded by {job.variant} in {shape} numbers each, written to {job.to.path}")
    return 0


def classify(options: argparse.Namespace) -> int:
    """Print the most probable class of each picture; or write that, and print how many there are of each."""
    job = _Job(options, "classify", (".csv", ".npz"))
    class_names = dict(enumerate(job.about.get("data", {}).get("class_names", ())))
    width = max(len(one_line(picture.name)) for picture in job.pictures)
    rows, logits = [], []
    for found, _, results in job.answers():
        for picture, its in zip(found, results, strict=True):
            most = int(its.argmax())
            probability = 1 / sum(math.exp(float(other) - float(its[most])) for other in its)
            name = class_names.get(most, most)
            if job.to is None:
                print(f"{one_line(picture.name):<{width}}  {one_line(str(name))}  {probability:.3f}")
            rows.append((picture.name, name, f"{probability:.6f}"))
        logits += list(results)
    if job.to is None:
        return 0
    if job.to.kind == ".csv":
        outputs.write_csv(job.to.path, ("file", "class", "probability"), rows)
    else:
        table = _stacked(logits)
        names = _stacked([name for name, _, _ in rows])
        outputs.write_npz(job.to.path, logits=table, classes=table.argmax(axis=1).astype("int32"), names=names)
    print(f"{len(rows)} pictures classified by {job.variant}, written to {job.to.path}")
    for name, count in Counter(name for _, name, _ in rows).most_common():
        print(f"{count:>8}  {one_line(str(name))}")
    return 0


def score(options: argparse.Namespace) -> int:
    """Print the strangest and the most usual pictures; write the scores of all, or a grid of the strangest."""
    job = _Job(options, SCORES.get(options.by), (".csv", ".npz", ".png"))
    likelihood = job.verb == "log_prob"
    scores, bits, names = [], [], []
    strangest: list[tuple] = []
    for found, sources, results in job.answers():
        values = results.reshape(len(found)).tolist()
        if job.to and job.to.kind == ".png":
            ranked = [*strangest, *zip(values, sources, strict=True)]
            strangest = sorted(ranked, key=lambda each: each[0], reverse=not likelihood)[: outputs.GRID]
        scores += values
        bits += [-value / (math.log(2) * sources[0].size) for value in values]
        names += [picture.name for picture in found]
    _print_scores(job, likelihood, scores, bits, names)
    if job.to is None:
        return 0
    if job.to.kind == ".png":
        outputs.write_grid(job.to.path, [image for _, image in strangest])
        print(f"The {len(strangest)} strangest of {len(scores)}, row by row, strangest first, written to {job.to.path}")
        return 0
    columns = {job.verb: scores, **({"bits_per_dimension": bits} if likelihood else {})}
    if job.to.kind == ".csv":
        rows = zip(names, *([f"{value:.6g}" for value in column] for column in columns.values()), strict=True)
        outputs.write_csv(job.to.path, ("file", *columns), rows)
    else:
        arrays = {name: _stacked(column).astype("float32") for name, column in columns.items()}
        outputs.write_npz(job.to.path, **arrays, names=_stacked(names))
    print(f"All scores written to {job.to.path}")
    return 0


def _print_scores(job, likelihood, scores, bits, names):
    import numpy as np

    unit = "nats, the higher the likelier" if likelihood else "the higher the stranger"
    print(f"{len(scores)} pictures scored by {job.variant}: {job.verb}, {unit}")
    print(f"  mean {np.mean(scores):.6g}, standard deviation {np.std(scores):.6g}, median {np.median(scores):.6g}")
    if likelihood:
        print(f"  mean {np.mean(bits):.4f} bits per dimension (a channel of a pixel): the lower the likelier")
    order = sorted(range(len(scores)), key=scores.__getitem__, reverse=not likelihood)
    shown = [("strangest", order[:SHOWN]), ("most usual", order[SHOWN:][-SHOWN:])]
    for title, which in shown:
        if which:
            print(f"  {title}")
        for i in which:
            print(f"    {scores[i]:<12.6g}{f'{bits[i]:<10.4f}' if likelihood else ''}{one_line(names[i])}")


class _Job:
    """A place for answers, a model that gives them, and the pictures it is asked about, found good in this order."""

    def __init__(self, options, verb, kinds):
        self.half = options.half
        self.to = None if options.output is None else outputs.output(options.output, kinds, options.overwrite)
        self.about = run_folder.about_model(run_folder.saved_model(options.model))
        self.variant = self.about["variant"]
        self.verb = self._verb(options.command_name, verb)
        inputs.check(options.images)

        tensorflow()
        from kerasgan.saved_model import load

        self.model = load(options.model)
        self.image_shape = self.model.image_shape(self.verb)
        ranges = self.about.get("data", {}).get("value_ranges")
        self.pictures = inputs.named(options.images, self.image_shape, options.data_dir, options.split, ranges)
        if self.to is not None:
            outputs.check_that_they_stay(self.pictures, self.to)

    def answers(self, most=None):
        """Yield pictures, their images as the model takes them, and what it answers, block by block."""
        import tensorflow as tf

        ask = getattr(self.model, self.verb)
        for found, images in inputs.blocks(self.pictures, self.image_shape, self.half, self.variant, most):
            try:
                yield found, images, ask(images=images)
            except tf.errors.ResourceExhaustedError:
                size = "x".join(map(str, images.shape[1:]))
                raise UserError(f"{found[0].name} ({size}) takes more memory than there is: make it smaller.") from None

    def _verb(self, command, wanted):
        """Return the verb that is asked for, or the model's first one of the command. Raises UserError without it."""
        verbs, fitting = self.about["verbs"], COMMANDS[command]
        if wanted in verbs:
            return wanted
        if wanted is None and (its := [verb for verb in verbs if verb in fitting]):
            return its[0]
        wanted = wanted or fitting[0]
        others = variants_with(wanted)
        such = f"; variants that have it: {', '.join(others)}" if others else ""
        raise UserError(f"{self.variant} has no {wanted}: it has {', '.join(verbs)}{such}.")


def _stacked(values):
    import numpy as np

    return np.array(values)
