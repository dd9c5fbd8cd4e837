"""kerasgan explore MODEL interpolate | corners | arithmetic | walk | truncate | mix | project | nearest."""

from __future__ import annotations

import argparse
import math

from kerasgan import inputs, points, run_folder
from kerasgan.cli import outputs
from kerasgan.cli.options import FEATURES_HELP, MODEL, tensorflow
from kerasgan.command_line import Parser, natural, positive
from kerasgan.errors import UserError, one_line

POINT = (
    "a sample by its number in the grid of `kerasgan generate` (0 is the first); and for models that encode, a picture "
    "or a folder of them, or image:17 of the data; or label:7, some --exemplars of it; or name:*cat*, samples whose "
    "nearest training picture has such a file name. Several with commas are averaged"
)
WHERE = ("seed", "exemplars", "data", "data_dir", "split", "features")  # options that say where points are looked for


def add_options(command: argparse.ArgumentParser) -> None:
    """Add a command for each thing that can be done with latents."""
    command.description = "Look at what the latents of a trained model mean."
    command.add_argument("model", **MODEL)
    things = command.add_subparsers(dest="thing", required=True, metavar="COMMAND", parser_class=Parser)

    one = _thing(things, "interpolate", interpolate, "pictures on the way from each latent to the next")
    one.add_argument("points", metavar="LATENT", nargs="*", type=_point, help=f"{POINT} (the first six)")
    one.add_argument("--linear", action="store_true", help="along straight lines, and not along arcs")
    one.add_argument("--steps", type=positive, help="pictures from one latent to the next (10; 24 in films)")
    _add_where(one)
    _add_output(one, "interpolation.png", "strip.png, or a film that ends where it starts: film.gif or film.mp4")

    one = _thing(things, "corners", corners, "a grid between four latents")
    one.add_argument("points", metavar="LATENT", nargs="*", type=_point, help=f"{POINT} (the first four)")
    one.add_argument("--linear", action="store_true", help="along straight lines, and not along arcs")
    one.add_argument("--rows", type=positive, default=8)
    one.add_argument("--columns", type=positive, default=8)
    _add_where(one)
    _add_output(one, "corners.png", "grid.png")

    one = _thing(things, "arithmetic", arithmetic, "what A - B + C makes, of averaged exemplars")
    for name in "abc":
        one.add_argument(name, metavar=name.upper(), type=_point, help=POINT if name == "a" else "likewise")
    _add_where(one)
    _add_output(one, "arithmetic.png", "table.png")

    one = _thing(things, "walk", walk, "pictures along single latents, or along the directions that matter most")
    one.add_argument("point", metavar="LATENT", nargs="?", type=_point, help=f"{POINT} (the first)")
    along = one.add_mutually_exclusive_group()
    along.add_argument("--dimensions", type=_numbers, help="0,1,2: single latents to walk along")
    along.add_argument("--directions", type=positive, default=5, help="principal directions to walk along")
    one.add_argument("--deviations", type=_above_zero, default=3.0, help="how far to each side")
    one.add_argument("--steps", type=positive, default=9, help="pictures in a row")
    _add_where(one)
    _add_output(one, "walk.png", "table.png")

    one = _thing(things, "truncate", truncate, "samples whose latents are kept within thresholds")
    one.add_argument(
        "--thresholds",
        type=_thresholds,
        help="2,1,0.5 (2,1,0.5,0.1); of stylegan2, shares of the way from the mean style (0.7,0.5,0.3,0)",
    )
    one.add_argument("-n", type=positive, default=10, help="samples")
    one.add_argument("--seed", type=natural, default=0, help="same seed, same samples")
    one.add_argument("--label", help="the class that is made, for models that take labels (the first)")
    _add_output(one, "truncation.png", "table.png")

    one = _thing(things, "mix", mix, "coarse layers with the styles of one latent, fine ones with those of another")
    one.add_argument("points", metavar="LATENT", nargs="*", type=_point, help=f"{POINT} (the first two)")
    _add_where(one)
    _add_output(one, "mixed.png", "table.png")

    one = _thing(
        things, "project", project, "the latents that make given pictures, by the encoder and by least squares"
    )
    one.add_argument(
        "images", metavar="IMAGES", nargs="+", help="pictures, folders, .npz with images, digits, or a data set's name"
    )
    one.add_argument("-n", type=positive, default=6, help="pictures at most: each takes seconds to minutes")
    one.add_argument("--seed", type=natural, default=0, help="of the samples to start from")
    one.add_argument("--label", help="the pictures' class, for models that take labels (whichever fits best)")
    one.add_argument("--data-dir", help="where tensorflow-datasets keeps its data")
    one.add_argument("--split", default="test", help="of a data set of tensorflow-datasets")
    _add_output(one, "projection.png", "table.png, or latents.npz")

    one = _thing(things, "nearest", nearest, "samples beside the training images that are nearest to them")
    one.add_argument("-n", type=positive, default=1000, help="samples to measure")
    one.add_argument("--seed", type=natural, default=0, help="same seed, same samples")
    one.add_argument("--neighbours", type=positive, default=5, help="of each sample that is shown")
    one.add_argument("--data", help="what the model was trained on, if it does not say so")
    one.add_argument("--data-dir", help="where tensorflow-datasets keeps its data")
    one.add_argument("--split", help="images that were not trained on, to compare with (test)")
    _add_output(one, "nearest.png", "table.png")


def _thing(things, name, function, summary):
    command = things.add_parser(name, help=summary)
    command.description = f"{summary[0].upper()}{summary[1:]}."
    command.set_defaults(command=function)
    return command


def _add_output(command, default, kinds):
    command.add_argument("-o", "--output", default=default, help=kinds)
    command.add_argument("--overwrite", action="store_true", help="replace an output that exists")


def interpolate(options: argparse.Namespace) -> int:
    """Write the ways between latents as rows of pictures, or as a film."""
    job = _Job(options, (".png", ".gif", ".mp4"), options.points)
    from kerasgan import explore

    steps = {} if options.steps is None else {"steps": options.steps}
    arguments = (job.model, job.points), {"linear": options.linear, **steps, **job.where()}
    if job.to.kind == ".png":
        picture = explore.interpolate(*arguments[0], **arguments[1])
        ways, n = picture.arrays["images"].shape[:2]
        return job.save(picture, f"{points.counted(ways, 'way')} of {n} pictures")
    film = explore.interpolation_film(*arguments[0], **arguments[1])
    names = (film.caption or "").partition(": ")[2]
    return job.save(film, f"A film of {len(film.frames)} pictures, from latent to latent ({names})")


def corners(options: argparse.Namespace) -> int:
    """Write a grid of pictures between four latents."""
    job = _Job(options, (".png",), options.points)
    from kerasgan import explore

    size = {"rows": options.rows, "columns": options.columns}
    picture = explore.corners(job.model, job.points, linear=options.linear, **size, **job.where())
    rows, columns = picture.arrays["images"].shape[:2]
    return job.save(picture, f"{rows} x {columns} pictures between four latents")


def arithmetic(options: argparse.Namespace) -> int:
    """Write exemplars, their means, and what A - B + C makes of each and of the means."""
    job = _Job(options, (".png",), [options.a, options.b, options.c])
    from kerasgan import explore

    picture = explore.arithmetic(job.model, *job.points, **job.where())
    return job.save(picture, "A - B + C, in the last row of the means")


def walk(options: argparse.Namespace) -> int:
    """Write pictures along single latents, or along the directions that matter most."""
    job = _Job(options, (".png",), [options.point] if options.point else [])
    from kerasgan import explore

    picture = explore.walk(
        job.model,
        options.point,
        options.dimensions or (),
        options.directions,
        options.deviations,
        options.steps,
        **job.where(),
    )
    walks, steps = picture.arrays["images"].shape[:2]
    return job.save(picture, f"{points.counted(walks, 'walk')} of {points.counted(steps, 'picture')}")


def truncate(options: argparse.Namespace) -> int:
    """Write samples whose latents are kept within thresholds, one row for each."""
    job = _Job(options, (".png",), samples=True)
    from kerasgan import explore

    thresholds = {} if options.thresholds is None else {"thresholds": options.thresholds}
    picture = explore.truncate(job.model, n=options.n, seed=options.seed, label=options.label, **thresholds)
    rows = points.counted(len(picture.arrays["images"]) - 1, "threshold")
    return job.save(picture, f"{points.counted(options.n, 'sample')} at {rows}")


def mix(options: argparse.Namespace) -> int:
    """Write two samples and their mixtures, layer by layer."""
    job = _Job(options, (".png",), options.points, styles=True)
    from kerasgan import explore

    picture = explore.mix(job.model, job.points, **job.where())
    layers = picture.arrays["images"].shape[1] - 1
    return job.save(picture, f"Styles of two latents mixed at each of {layers} layers")


def project(options: argparse.Namespace) -> int:
    """Write pictures above what the latents make that were found for them, by encoder and by least squares."""
    inputs.check(options.images)
    job = _Job(options, (".png", ".npz"))
    import numpy as np

    from kerasgan import explore, latent

    dimensions = latent.Decoder(job.model, options.label).latent_dim
    latent.check_projects(job.about, dimensions)
    shape = tuple(job.about["images"]["shape"])
    ranges = job.about.get("data", {}).get("value_ranges")
    found = inputs.named(options.images, shape, options.data_dir, options.split, ranges)
    outputs.check_that_they_stay(found, job.to)
    blocks = list(inputs.blocks(found, shape, None, job.about["variant"], options.n))
    names = [picture.name for block, _ in blocks for picture in block]
    images = np.concatenate([images for _, images in blocks])
    if dimensions > latent.MOST:
        print(f"Least squares are left out: they are for models of up to {latent.MOST} latents, and here are more.")
    picture = explore.project(job.model, images, names, options.seed, options.label, _print_projection)
    done = f"{points.counted(len(names), 'picture')} projected"
    if job.to.kind == ".png":
        return job.save(picture, done)
    outputs.write_npz(job.to.path, names=np.array(names), **picture.arrays)
    return job.done(done)


def _print_projection(name, ways):
    from kerasgan.explore import decibel

    found = "; ".join(f"{way} {one.error:.5f} ({decibel(one.error)})" for way, one in ways.items())
    print(f"{one_line(name)}: mean squared error by {found}", flush=True)


def nearest(options: argparse.Namespace) -> int:
    """Write samples beside the training images that are nearest to them; print how near, and held-out images beside."""
    job = _Job(options, (".png",), samples=True, latents=False)
    import numpy as np

    from kerasgan import explore

    places = {name: getattr(options, name) for name in ("data", "data_dir", "split")}
    picture = explore.nearest(job.model, options.n, options.seed, options.neighbours, **places)
    arrays, name = picture.arrays, options.data or job.about["data"]["name"]
    distances, others = arrays["distances"], arrays.get("held_out_distances")
    print(f"{len(distances)} samples of {job.about['variant']}, {arrays['training_images']} training images of {name}")
    print("  root of the mean squared difference of pixels in [0, 1] to the nearest training image, median and least")
    print(f"    samples          {np.median(distances):.4f}  {distances.min():.4f}")
    if others is None:
        print(f"  {name} has no images that were not trained on, to compare with")
    else:
        print(f"    held-out images  {np.median(others):.4f}  {others.min():.4f}")
        print(f"  ratio of the medians {np.median(distances) / np.median(others):.3f}: far below 1 is learnt by heart")
    picture.save(job.to.path)
    print(f"Written to {job.to.path}")
    return 0


class _Job:
    """A place for pictures, a model with latents, and the points that it is asked about, found good in this order.

    samples, styles, latents: what the model must have
    """

    def __init__(self, options, kinds, points_given=(), samples=False, styles=False, latents=True):
        self.options = options
        self.to = outputs.output(options.output, kinds, options.overwrite)
        self.about = run_folder.about_model(run_folder.saved_model(options.model))
        from kerasgan import latent

        if latents:
            latent.check_has_latents(self.about)
            latent.label_number(self.about, options.label)
        if samples:
            latent.check_samples(self.about)
        if styles:
            latent.check_has_styles(self.about)
        self.points = list(points_given)
        points.check(self.points, self.about)

        tensorflow()
        from kerasgan.saved_model import load

        self.model = load(options.model)
        read = [file for one in self.points for file in one.files()] if self.to.path.exists() else []
        for file in read:
            shape = self.model.image_shape("encode")
            found = inputs.named([file], shape, options.data_dir, options.split or "test")
            outputs.check_that_they_stay(found, self.to)

    def where(self):
        """Return the label, and where points are looked for, as functions of kerasgan.explore take it."""
        return {name: getattr(self.options, name) for name in ("label", *WHERE)}

    def save(self, picture, what):
        picture.save(self.to.path)
        return self.done(what)

    def done(self, what):
        print(f"{what} of {self.about['variant']}, written to {self.to.path}")
        return 0


def _add_where(command):
    """Add what says where latents come from."""
    command.add_argument("--seed", type=natural, default=0, help="of the samples")
    command.add_argument("--label", help="the class that is made throughout, for models that take labels (the first)")
    command.add_argument("--exemplars", type=positive, default=3, help="how many latents stand for a label or a name")
    command.add_argument("--data", help="where image:, label: and name: look (what the model was trained on)")
    command.add_argument("--data-dir", help="where tensorflow-datasets keeps its data")
    command.add_argument("--split", help="of the data (test; train for digits and .npz files, which have no other)")
    command.add_argument("--features", help=f"for label: of a model without encoder: {FEATURES_HELP}")


def _point(text):
    try:
        return points.point(text)
    except UserError as error:
        message = str(error).rstrip(
            "."
        )  # argparse puts the argument's name in front, and the parser a full stop behind
        raise argparse.ArgumentTypeError(f"{message[0].lower()}{message[1:]}") from None


def _numbers(text):
    return [natural(number) for number in text.split(",")]


def _above_zero(text):
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not (number > 0 and math.isfinite(number)):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def _thresholds(text):
    return [_above_zero(number) for number in text.split(",")]
