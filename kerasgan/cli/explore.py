"""kerasgan explore MODEL interpolate | corners | arithmetic | walk | truncate | project | nearest."""

from __future__ import annotations

import argparse
import itertools
import math
from typing import TYPE_CHECKING

from kerasgan import run_folder
from kerasgan.cli import figures, outputs, pictures, points
from kerasgan.cli.options import MODEL, Parser, positive, seed, tensorflow
from kerasgan.errors import UserError, one_line

if TYPE_CHECKING:
    import numpy as np

    from kerasgan.latent import Projection

COLUMNS = 10  # from one latent to the next, in a strip
FRAMES = 24  # likewise, in a film
SECONDS = 2.0  # likewise
FILM = 224  # pixels that a film's pictures have at least
ENCODED = 1000  # images whose latents' principal components are walked along
STEEPEST = 16  # samples at which the directions of change are found
CANDIDATES = 500  # samples among which projection looks for places to start from
STARTS = 3  # how many it takes
SHOWN = 5  # samples beside their neighbours, and as many that are closest to theirs


def add_options(command: argparse.ArgumentParser) -> None:
    """Add a command for each thing that can be done with latents."""
    command.description = "Look at what the latents of a trained model mean."
    command.add_argument("model", **MODEL)
    things = command.add_subparsers(dest="thing", required=True, metavar="COMMAND", parser_class=Parser)

    one = _thing(things, "interpolate", interpolate, "pictures on the way from each latent to the next")
    one.add_argument("points", metavar="LATENT", nargs="*", type=points.point, help=f"{points.HELP} (the first six)")
    one.add_argument("--linear", action="store_true", help="along straight lines, and not along arcs")
    one.add_argument(
        "--steps", type=positive, help=f"pictures from one latent to the next ({COLUMNS}; {FRAMES} in films)"
    )
    points.add_options(one)
    _add_output(one, "interpolation.png", "strip.png, or a film that ends where it starts: film.gif or film.mp4")

    one = _thing(things, "corners", corners, "a grid between four latents")
    one.add_argument("points", metavar="LATENT", nargs="*", type=points.point, help=f"{points.HELP} (the first four)")
    one.add_argument("--linear", action="store_true", help="along straight lines, and not along arcs")
    one.add_argument("--rows", type=positive, default=8)
    one.add_argument("--columns", type=positive, default=8)
    points.add_options(one)
    _add_output(one, "corners.png", "grid.png")

    one = _thing(things, "arithmetic", arithmetic, "what A - B + C makes, of averaged exemplars")
    for name in "abc":
        one.add_argument(name, metavar=name.upper(), type=points.point, help=points.HELP if name == "a" else "likewise")
    points.add_options(one)
    _add_output(one, "arithmetic.png", "table.png")

    one = _thing(things, "walk", walk, "pictures along single latents, or along the directions that matter most")
    one.add_argument("point", metavar="LATENT", nargs="?", type=points.point, help=f"{points.HELP} (the first)")
    along = one.add_mutually_exclusive_group()
    along.add_argument("--dimensions", type=_numbers, help="0,1,2: single latents to walk along")
    along.add_argument("--directions", type=positive, default=5, help="principal directions to walk along")
    one.add_argument("--deviations", type=_above_zero, default=3.0, help="how far to each side")
    one.add_argument("--steps", type=positive, default=9, help="pictures in a row")
    points.add_options(one)
    _add_output(one, "walk.png", "table.png")

    one = _thing(things, "truncate", truncate, "samples whose latents are kept within thresholds")
    one.add_argument("--thresholds", type=_thresholds, default=[2.0, 1.0, 0.5, 0.1], help="2,1,0.5")
    one.add_argument("-n", type=positive, default=10, help="samples")
    one.add_argument("--seed", type=seed, default=0, help="same seed, same samples")
    one.add_argument("--label", type=seed, help="what is made, for models that take labels (0)")
    _add_output(one, "truncation.png", "table.png")

    one = _thing(
        things, "project", project, "the latents that make given pictures, by the encoder and by least squares"
    )
    one.add_argument(
        "images", metavar="IMAGES", nargs="+", help="pictures, folders, .npz with images, digits, or a data set's name"
    )
    one.add_argument("-n", type=positive, default=6, help="pictures at most: each takes seconds to minutes")
    one.add_argument("--seed", type=seed, default=0, help="of the samples to start from")
    one.add_argument("--label", type=seed, help="of the pictures, for models that take labels (whichever fits best)")
    one.add_argument("--data-dir", help="where tensorflow-datasets keeps its data")
    one.add_argument("--split", default="test", help="of a data set of tensorflow-datasets")
    _add_output(one, "projection.png", "table.png, or latents.npz")

    one = _thing(things, "nearest", nearest, "samples beside the training images that are nearest to them")
    one.add_argument("-n", type=positive, default=1000, help="samples to measure")
    one.add_argument("--seed", type=seed, default=0, help="same seed, same samples")
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
    job = _Job(options, (".png", ".gif", ".mp4"), options.points, usual=6)
    if len(job.points) < 2:
        raise UserError(f"A way leads from one latent to another; here is {job.points[0].name} alone.")
    import numpy as np

    from kerasgan import images, latent

    between = latent.linear if options.linear else latent.spherical
    stops = [job.latents.mean(point) for point in job.points]
    if job.to.kind == ".png":
        n = max(2, options.steps or COLUMNS)
        ways = job.decode(np.stack([between(*ends, n) for ends in itertools.pairwise(stops)]))
        figures.write_table(
            job.to.path,
            ways,
            f"{job.name}: along {'straight lines' if options.linear else 'arcs'} from latent to latent",
            rows=[f"{a.name} to {b.name}" for a, b in itertools.pairwise(job.points)],
            columns=[f"{share:.2f}" for share in np.linspace(0, 1, n)],
            column_axis=f"share of the {'way' if options.linear else 'angle'}",
        )
        return job.done(f"{_counted(len(ways), 'way')} of {n} pictures")
    n = options.steps or FRAMES
    ways = [between(*ends, n + 1)[:-1] for ends in zip(stops, [*stops[1:], stops[0]])]
    made = job.decode(np.concatenate(ways))
    frames = [figures.enlarged(image, max(1, -(-FILM // max(image.shape)))) for image in made]
    job.to.path.parent.mkdir(parents=True, exist_ok=True)
    if job.to.kind == ".gif":
        images.write_gif(job.to.path, frames, seconds=SECONDS * len(ways), hold=0)
    else:
        images.write_mp4(job.to.path, frames, seconds=SECONDS * len(ways))
    names = ", ".join(point.name for point in [*job.points, job.points[0]])
    return job.done(f"A film of {len(frames)} pictures, from latent to latent ({names})")


def corners(options: argparse.Namespace) -> int:
    """Write a grid of pictures between four latents."""
    job = _Job(options, (".png",), options.points, usual=4)
    if len(job.points) != 4:
        raise UserError(f"A grid has four corners; here are {len(job.points)} latents.")
    import numpy as np

    from kerasgan import latent

    rows, columns = max(2, options.rows), max(2, options.columns)
    four = np.stack([job.latents.mean(point) for point in job.points])
    grid = latent.corners(four, rows, columns, latent.linear if options.linear else latent.spherical)
    names = [point.name for point in job.points]
    figures.write_table(
        job.to.path,
        job.decode(grid),
        f"{job.name}: between {names[0]} (top left), {names[1]} (top right), {names[2]} (bottom left) and {names[3]} "
        f"(bottom right), along {'straight lines' if options.linear else 'arcs'}",
        rows=[f"{share:.2f}" for share in np.linspace(0, 1, rows)],
        columns=[f"{share:.2f}" for share in np.linspace(0, 1, columns)],
        row_axis="share of the way down",
        column_axis="share of the way to the right",
    )
    return job.done(f"{rows} x {columns} pictures between four latents")


def arithmetic(options: argparse.Namespace) -> int:
    """Write exemplars, their means, and what A - B + C makes of each and of the means."""
    job = _Job(options, (".png",), [options.a, options.b, options.c])
    import numpy as np

    from kerasgan import latent

    sets = [job.latents.exemplars(point) for point in job.points]
    for name, its in zip("ABC", sets, strict=True):
        if len(its) < options.exemplars:
            raise UserError(
                f"{name} has {_counted(len(its), 'exemplar')}, and {options.exemplars} are averaged, because "
                f"results of single ones are not stable: give more, with commas, or --exemplars {len(its)}."
            )
    n = min(*map(len, sets), outputs.GRID // 8)
    alone = [latent.arithmetic(*(its[i : i + 1] for its in sets)) for i in range(n)]
    latents = [[*(its[i] for its in sets), alone[i]] for i in range(n)]
    latents.append([*(its.mean(axis=0) for its in sets), latent.arithmetic(*sets)])
    counts = list(map(len, sets))
    figures.write_table(
        job.to.path,
        job.decode(np.array(latents)),
        f"{job.name}: A - B + C, with A = {job.points[0].name}, B = {job.points[1].name}, C = {job.points[2].name}",
        rows=[
            *(f"exemplar {i}" for i in range(1, n + 1)),
            "mean of " + (str(counts[0]) if len(set(counts)) == 1 else ", ".join(map(str, counts))),
        ],
        columns=["A", "- B", "+ C", "= A - B + C"],
        column_axis="pictures as the model makes them of latents",
    )
    return job.done("A - B + C, in the last row of the means")


def walk(options: argparse.Namespace) -> int:
    """Write pictures along single latents, or along the directions that matter most."""
    job = _Job(options, (".png",), [options.point] if options.point else [], usual=1)
    import numpy as np

    from kerasgan import latent

    encodes = "encode" in job.about["verbs"]
    unit = "standard deviations of the prior"
    if options.dimensions:
        if wrong := [i for i in options.dimensions if i >= job.decode.latent_dim]:
            raise UserError(f"{job.about['variant']} has latents 0 to {job.decode.latent_dim - 1}, not {wrong[0]}.")
        directions = np.eye(job.decode.latent_dim)[options.dimensions]
        if "sample" not in job.about["verbs"]:
            directions = directions * job.latents.encoded(ENCODED).std(axis=0)
            unit = "standard deviations of encoded images"
        rows, axis, along = [str(i) for i in options.dimensions], "latent", "single latents"
    else:
        if encodes:
            found = latent.principal_directions(job.latents.encoded(ENCODED))
            unit, along = "standard deviations of encoded images", "principal components of encoded images"
            axis = "component (its share of the variance)"
        elif job.decode.latent_dim > latent.MOST:
            raise UserError(
                f"{job.name} has no encoder, and too many latents ({job.decode.latent_dim}) to find out which "
                "directions matter: give some by --dimensions."
            )
        else:
            samples = latent.prior(STEEPEST, job.decode.latent_dim, options.seed)
            found = latent.directions_of_change(job.decode, samples)
            along, axis = "directions in which pixels change most", "direction (its share of the change)"
        n = min(options.directions, len(found.shares))
        directions = found.vectors[:n]
        rows = [f"{i + 1} ({share:.1%})" for i, share in enumerate(found.shares[:n])]
    steps = np.linspace(-options.deviations, options.deviations, options.steps) if options.steps > 1 else np.zeros(1)
    latents = latent.walk(job.latents.mean(job.points[0]), directions, steps)
    figures.write_table(
        job.to.path,
        job.decode(latents),
        f"{job.name}: from {job.points[0].name} along {along}",
        rows=rows,
        columns=[f"{step:+.3g}" if abs(step) > 1e-9 else "0" for step in steps],
        row_axis=axis,
        column_axis=unit,
    )
    return job.done(f"{_counted(len(directions), 'walk')} of {_counted(len(steps), 'picture')}")


def truncate(options: argparse.Namespace) -> int:
    """Write samples whose latents are kept within thresholds, one row for each."""
    job = _Job(options, (".png",))
    _check_samples(job.about)
    import numpy as np

    from kerasgan import latent

    latents = latent.prior(options.n, job.decode.latent_dim, options.seed)
    kept = [latents, *(latent.truncated(latents, t, options.seed) for t in options.thresholds)]
    figures.write_table(
        job.to.path,
        job.decode(np.stack(kept)),
        f"{job.name}: samples whose latents are drawn again where they are beyond a threshold",
        rows=["none", *(f"{t:g}" for t in options.thresholds)],
        columns=[str(i) for i in range(options.n)],
        row_axis="threshold",
        column_axis="sample",
    )
    return job.done(f"{_counted(options.n, 'sample')} at {_counted(len(options.thresholds), 'threshold')}")


def project(options: argparse.Namespace) -> int:
    """Write pictures above what the latents make that were found for them, by encoder and by least squares."""
    pictures.check(options.images)
    job = _Job(options, (".png", ".npz"))
    import numpy as np

    from kerasgan import latent

    encodes = "encode" in job.about["verbs"]
    few = job.decode.latent_dim <= latent.MOST
    if not encodes and not few:
        raise UserError(
            f"{job.about['variant']} has no encoder, and with its {job.decode.latent_dim} latents, least squares take "
            f"as many pictures at each step: they are for models of up to {latent.MOST}."
        )
    shape = tuple(job.about["images"]["shape"])
    ranges = job.about.get("data", {}).get("value_ranges")
    found = pictures.named(options.images, shape, options.data_dir, options.split, ranges)
    pictures.check_that_they_stay(found, job.to)
    names, targets, ways = [], [], {}
    search = _Search(job, options) if few else None
    for block, images in pictures.blocks(found, shape, None, job.about["variant"], options.n):
        for picture, image in zip(block, images, strict=True):
            encoded = latent.encode(job.model, image[None])[0] if encodes else None
            if encodes:
                ways.setdefault("encoder", []).append(latent.projection_of(job.decode, encoded, image))
            if few:
                ways.setdefault("least squares", []).append(search.projection(image, encoded))
            names.append(picture.name)
            targets.append(image)
            _print_projection(picture.name, {way: its[-1] for way, its in ways.items()})
    if not few:
        print(f"Least squares are left out: they are for models of up to {latent.MOST} latents, and here are more.")
    if job.to.kind == ".npz":
        arrays = {}
        for way, its in ways.items():
            key = way.replace(" ", "_")
            arrays[f"{key}_latents"] = np.stack([one.latents for one in its])
            arrays[f"{key}_images"] = np.stack([one.image for one in its])
            arrays[f"{key}_errors"] = np.array([one.error for one in its])
        outputs.write_npz(job.to.path, images=np.stack(targets), names=np.array(names), **arrays)
    else:
        figures.write_table(
            job.to.path,
            [targets, *([one.image for one in its] for its in ways.values())],
            f"{job.name}: pictures, and what the latents make that were found for them; PSNR below",
            rows=["picture", *ways],
            columns=[name.rpartition("/")[2] for name in names],
            notes=[[""] * len(targets), *([_decibel(one.error) for one in its] for its in ways.values())],
        )
    return job.done(f"{_counted(len(names), 'picture')} projected")


class _Search:
    """Least squares from the samples that are most like an image, and from what the encoder says of it.

    A model that takes labels starts from samples of the one that is given, or of all; each start keeps its own.
    """

    def __init__(self, job, options):
        import numpy as np

        from kerasgan import latent

        labels = [job.decode.label]
        if job.decode.label is not None and options.label is None:
            labels = range(job.about["hyperparameters"]["classes"])
        self.decoders = [latent.Decoder(job.model, label) for label in labels]
        self.candidates = np.empty((0, job.decode.latent_dim), np.float32)
        if "sample" in job.about["verbs"]:
            self.candidates = latent.prior(CANDIDATES, job.decode.latent_dim, options.seed)
        self.made = [latent.pixels(decode(self.candidates)) for decode in self.decoders if len(self.candidates)]

    def projection(self, image: np.ndarray, encoded: np.ndarray | None) -> Projection:
        """Return the best that is found for an image."""
        import numpy as np

        from kerasgan import latent

        starts = [] if encoded is None else [(self.decoders[0], encoded)]
        if self.made:
            errors = np.stack([((made - latent.pixels(image[None])) ** 2).mean(axis=1) for made in self.made])
            best = errors.argsort(axis=None)[: STARTS - len(starts)]
            starts += [(self.decoders[i], self.candidates[j]) for i, j in zip(*np.unravel_index(best, errors.shape))]
        return min((latent.project(decode, image, z[None]) for decode, z in starts), key=lambda one: one.error)


def _print_projection(name, ways):
    found = "; ".join(f"{way} {one.error:.5f} ({_decibel(one.error)})" for way, one in ways.items())
    print(f"{one_line(name)}: mean squared error by {found}", flush=True)


def _decibel(error):
    return f"{-10 * math.log10(error):.1f} dB" if error else "exact"


def nearest(options: argparse.Namespace) -> int:
    """Write samples beside the training images that are nearest to them; print how near, and held-out images beside."""
    to = outputs.output(options.output, (".png",), options.overwrite)
    about = run_folder.about_model(run_folder.saved_model(options.model))
    _check_samples(about)
    held_out = points.held_out(about, options)

    tensorflow()
    import numpy as np

    import kerasgan
    from kerasgan import metrics

    task, normal = ("one_class", {"normal": held_out.normal}) if held_out.normal else ("images", {})
    trained_on = held_out.load(task, "train", **normal).columns[0]
    samples = kerasgan.load(options.model).sample(n=options.n, seed=options.seed)
    shown = min(options.neighbours, len(trained_on) - 1)
    its = metrics.nearest_images(samples, trained_on, shown + 1)
    distances, beyond = its.distances[:, 0], its.distances[:, -1]
    print(f"{len(samples)} samples of {about['variant']}, {len(trained_on)} training images of {held_out.name}")
    print("  root of the mean squared difference of pixels in [0, 1] to the nearest training image, median and least")
    print(f"    samples          {np.median(distances):.4f}  {distances.min():.4f}")
    if held_out.split == "train":
        print(f"  {held_out.name} has no images that were not trained on, to compare with")
    else:
        others = metrics.nearest_images(held_out.images(options.n), trained_on).distances[:, 0]
        print(f"    held-out images  {np.median(others):.4f}  {others.min():.4f}")
        print(f"  ratio of the medians {np.median(distances) / np.median(others):.3f}: far below 1 is learnt by heart")

    # Plain images are close to many: one that was learnt by heart is close to one, and far from the next.
    first = np.arange(min(SHOWN, len(samples)))
    suspicious = np.argsort(distances / np.maximum(beyond, 1e-12), kind="stable")
    suspicious = suspicious[suspicious >= len(first)][:SHOWN]
    rows = np.concatenate([first, suspicious])
    figures.write_table(
        to.path,
        [[samples[i], *trained_on[its.indices[i, :shown]]] for i in rows],
        f"{about['variant']}: samples, and the training images that are nearest to them, with their distances (root of "
        f"the mean squared difference of pixels in [0, 1]). The first {len(first)}, not chosen; then, of "
        f"{len(samples)}, those whose nearest is closest in comparison with the next ones",
        rows=[*(f"sample {i}" for i in first), *(f"suspicious: sample {i}" for i in suspicious)],
        columns=["sample", *(f"nearest {j + 1}" for j in range(shown))],
        notes=[["", *(f"{distance:.3f}" for distance in its.distances[i, :shown])] for i in rows],
    )
    print(f"Written to {to.path}")
    return 0


class _Job:
    """A place for pictures, a model with latents, and the points that it is asked about, found good in this order.

    usual: how many points are taken if none is given
    """

    def __init__(self, options, kinds, given=(), usual=0):
        self.to = outputs.output(options.output, kinds, options.overwrite)
        self.about = run_folder.about_model(run_folder.saved_model(options.model))
        from kerasgan import latent

        latent.check_has_latents(self.about)
        latent.check_label(self.about, options.label)
        self.points = list(given) or points.usual(self.about, usual)
        points.check(self.points, self.about)

        tensorflow()
        from kerasgan.saved_model import load

        self.model = load(options.model)
        self.decode = latent.Decoder(self.model, options.label)
        self.name = self.about["variant"]
        if self.decode.label is not None and options.thing != "project":
            self.name += f", label {self.decode.label}"
        self.latents = points.Latents(self.model, self.decode, options, self.to) if self.points else None

    def done(self, what):
        print(f"{what} of {self.about['variant']}, written to {self.to.path}")
        return 0


def _check_samples(about):
    if "sample" not in about["verbs"]:
        raise UserError(f"{about['variant']} draws no samples: it has {', '.join(about['verbs'])}.")


def _counted(n, what):
    return f"{n} {what}{'' if n == 1 else 's'}"


def _numbers(text):
    return [seed(number) for number in text.split(",")]


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
