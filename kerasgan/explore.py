"""What the latents of a trained model mean, as pictures: what `kerasgan explore` draws, for a loaded model.

model = kerasgan.load("runs/vae-mnist")
picture = kerasgan.explore.interpolate(model, [0, 5, 9])  # shows itself in Jupyter
picture.save("path.png")
picture.arrays["images"]  # uint8 [way, picture, height, width, channel]

A point of latent space is named as `points.point` says: the number of a sample, "image:17", "label:cat", "name:*cat*",
the file of a picture, an array of images, or latents. Where points are looked for (`seed`, `exemplars`, `data`,
`data_dir`, `split`, `features`) is said by keyword, as `points.Latents` has them. `label` is what is made throughout,
for models that take labels. Each function raises UserError for a model that cannot do it, and for points that there are
not.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from kerasgan import class_names, latent, metrics
from kerasgan.errors import UserError
from kerasgan.held_out import HeldOut
from kerasgan.latent import Projection
from kerasgan.pictures import Film, Picture, enlarged, table
from kerasgan.points import Latents, Point, check, counted, point, usual

COLUMNS = 10  # pictures from one latent to the next, in a strip
FRAMES = 24  # likewise, in a film
SECONDS = 2.0  # likewise
FILM = 224  # pixels that a film's pictures have at least
ENCODED = 1000  # images whose latents' principal components are walked along
STEEPEST = 16  # samples at which the directions of change are found
THRESHOLDS = (2.0, 1.0, 0.5, 0.1)  # that latents are truncated at
SHARES = (0.7, 0.5, 0.3, 0.0)  # of their way from the mean, that styles are truncated at
CANDIDATES = 500  # samples among which projection looks for places to start from
STARTS = 3  # how many it takes
SHOWN = 5  # samples beside their neighbours, and as many that are closest to theirs
ROWS = 8  # exemplars of arithmetic that are shown one by one


def interpolate(
    model: Any,
    points: Sequence[Any] = (),
    steps: int = COLUMNS,
    linear: bool = False,
    label: int | str | None = None,
    **where: Any,
) -> Picture:
    """Return the ways from each latent to the next as rows of pictures.

    points: two or more; the first six, if none is given
    steps: pictures from one to the next, both with them
    linear: along straight lines, and not along arcs (White 2016, https://arxiv.org/abs/1609.04468)

    Arrays: `latents` [way, step, latent_dim] and uint8 `images` [way, step, height, width, channel].
    """
    named, ends = _stops(model, points, label, where)
    n = max(2, steps)
    between = latent.linear if linear else latent.spherical
    ways = np.stack([between(*pair, n) for pair in itertools.pairwise(ends.stops)])
    images = ends.decode(ways)
    return table(
        images,
        f"{ends.name}: along {'straight lines' if linear else 'arcs'} from latent to latent",
        rows=[f"{a.name} to {b.name}" for a, b in itertools.pairwise(named)],
        columns=[f"{share:.2f}" for share in np.linspace(0, 1, n)],
        column_axis=f"share of the {'way' if linear else 'angle'}",
        latents=ways,
        images=images,
    )


def interpolation_film(
    model: Any,
    points: Sequence[Any] = (),
    steps: int = FRAMES,
    linear: bool = False,
    label: int | str | None = None,
    **where: Any,
) -> Film:
    """Return the way from each latent to the next, and back to the first, as a film; its arguments are interpolate's.

    Arrays: `latents` [picture, latent_dim] and uint8 `images` [picture, height, width, channel].
    """
    named, ends = _stops(model, points, label, where)
    between = latent.linear if linear else latent.spherical
    stops = ends.stops
    ways = np.concatenate([between(*pair, steps + 1)[:-1] for pair in zip(stops, [*stops[1:], stops[0]])])
    images = ends.decode(ways)
    frames = [enlarged(image, max(1, -(-FILM // max(image.shape)))) for image in images]
    names = ", ".join(one.name for one in [*named, named[0]])
    return Film(frames, SECONDS * len(stops), f"{ends.name}: {names}", latents=ways, images=images)


def corners(
    model: Any,
    points: Sequence[Any] = (),
    rows: int = 8,
    columns: int = 8,
    linear: bool = False,
    label: int | str | None = None,
    **where: Any,
) -> Picture:
    """Return a grid of pictures between four latents: top left, top right, bottom left and bottom right.

    points: four; the first four, if none is given
    linear: along straight lines, and not along arcs

    Arrays: `latents` [row, column, latent_dim] and uint8 `images` [row, column, height, width, channel].
    """
    named = _points(model, points, 4)
    if len(named) != 4:
        raise UserError(f"A grid has four corners; here are {len(named)} latents.")
    start = _Start(model, named, label, where)
    rows, columns = max(2, rows), max(2, columns)
    grid = latent.corners(np.stack(start.stops), rows, columns, latent.linear if linear else latent.spherical)
    images, names = start.decode(grid), [one.name for one in named]
    return table(
        images,
        f"{start.name}: between {names[0]} (top left), {names[1]} (top right), {names[2]} (bottom left) and {names[3]} "
        f"(bottom right), along {'straight lines' if linear else 'arcs'}",
        rows=[f"{share:.2f}" for share in np.linspace(0, 1, rows)],
        columns=[f"{share:.2f}" for share in np.linspace(0, 1, columns)],
        row_axis="share of the way down",
        column_axis="share of the way to the right",
        latents=grid,
        images=images,
    )


def arithmetic(model: Any, a: Any, b: Any, c: Any, label: int | str | None = None, **where: Any) -> Picture:
    """Return exemplars of three latents, their means, and what A - B + C makes of each and of the means.

    a, b, c: each of as many exemplars as are averaged (three), because results of single ones are not stable
    (Radford 2016, https://arxiv.org/abs/1511.06434, section 6.3.2)

    Arrays: `latents` [row, 4, latent_dim] and uint8 `images` [row, 4, height, width, channel]: A, B, C and A - B + C of
    single exemplars, and in the last row of the means.
    """
    named = _points(model, [a, b, c], 3)
    start = _Start(model, named, label, where)
    sets = [start.latents.exemplars(one) for one in named]
    for name, its in zip("ABC", sets, strict=True):
        if len(its) < start.latents.count:
            raise UserError(
                f"{name} has {counted(len(its), 'exemplar')}, and {start.latents.count} are averaged, because "
                f"results of single ones are not stable: give more, with commas, or --exemplars {len(its)}."
            )
    n = min(*map(len, sets), ROWS)
    alone = [latent.arithmetic(*(its[i : i + 1] for its in sets)) for i in range(n)]
    latents = [[*(its[i] for its in sets), alone[i]] for i in range(n)]
    latents.append([*(its.mean(axis=0) for its in sets), latent.arithmetic(*sets)])
    images, counts = start.decode(np.array(latents)), list(map(len, sets))
    return table(
        images,
        f"{start.name}: A - B + C, with A = {named[0].name}, B = {named[1].name}, C = {named[2].name}",
        rows=[
            *(f"exemplar {i}" for i in range(1, n + 1)),
            "mean of " + (str(counts[0]) if len(set(counts)) == 1 else ", ".join(map(str, counts))),
        ],
        columns=["A", "- B", "+ C", "= A - B + C"],
        column_axis="pictures as the model makes them of latents",
        latents=np.array(latents),
        images=images,
    )


def walk(
    model: Any,
    start: Any = None,
    dimensions: Sequence[int] = (),
    directions: int = 5,
    deviations: float = 3.0,
    steps: int = 9,
    label: int | str | None = None,
    **where: Any,
) -> Picture:
    """Return pictures along single latents, or along the directions that matter most.

    start: the latent to walk from; the first, if none is given
    dimensions: the numbers of single latents. Without, `directions` of them are walked along: principal components of
        encoded images, or for a model without an encoder those along which pixels change most (Wang and Ponce 2021,
        https://arxiv.org/abs/2101.06006)
    deviations: how far to each side, in standard deviations
    steps: pictures in a row

    Arrays: `directions` [n, latent_dim], `latents` [n, step, latent_dim] and uint8 `images` [n, step, ...].
    """
    named = _points(model, [] if start is None else [start], 1)
    begin = _Start(model, named, label, where)
    verbs, unit = model.about["verbs"], "standard deviations of the prior"
    if dimensions:
        if wrong := [i for i in dimensions if i >= begin.decode.latent_dim]:
            raise UserError(f"{model.about['variant']} has latents 0 to {begin.decode.latent_dim - 1}, not {wrong[0]}.")
        vectors = np.eye(begin.decode.latent_dim)[list(dimensions)]
        if "sample" not in verbs:
            vectors = vectors * begin.latents.encoded(ENCODED).std(axis=0)
            unit = "standard deviations of encoded images"
        rows, axis, along = [str(i) for i in dimensions], "latent", "single latents"
    else:
        if "encode" in verbs:
            found = latent.principal_directions(begin.latents.encoded(ENCODED))
            unit, along = "standard deviations of encoded images", "principal components of encoded images"
            axis = "component (its share of the variance)"
        elif begin.decode.latent_dim > latent.MOST:
            raise UserError(
                f"{begin.name} has no encoder, and too many latents ({begin.decode.latent_dim}) to find out which "
                "directions matter: give some by --dimensions."
            )
        else:
            samples = latent.prior(STEEPEST, begin.decode.latent_dim, begin.latents.seed)
            found = latent.directions_of_change(begin.decode, samples)
            along, axis = "directions in which pixels change most", "direction (its share of the change)"
        n = min(directions, len(found.shares))
        vectors = found.vectors[:n]
        rows = [f"{i + 1} ({share:.1%})" for i, share in enumerate(found.shares[:n])]
    far = np.linspace(-deviations, deviations, steps) if steps > 1 else np.zeros(1)
    latents = latent.walk(begin.stops[0], vectors, far)
    images = begin.decode(latents)
    return table(
        images,
        f"{begin.name}: from {named[0].name} along {along}",
        rows=rows,
        columns=[f"{step:+.3g}" if abs(step) > 1e-9 else "0" for step in far],
        row_axis=axis,
        column_axis=unit,
        directions=vectors,
        latents=latents,
        images=images,
    )


def truncate(
    model: Any,
    thresholds: Iterable[float] | None = None,
    n: int = 10,
    seed: int = 0,
    label: int | str | None = None,
) -> Picture:
    """Return n samples whose latents are kept within thresholds, one row for each.

    Of a model that has styles, these are brought nearer to the mean style, and thresholds are shares of their way
    from it.

    thresholds: 2, 1, 0.5 and 0.1, if none are given; of styles, 0.7, 0.5, 0.3 and 0
    Brock, Donahue and Simonyan 2019, https://arxiv.org/abs/1809.11096, section 3.1; of styles, Karras, Laine and Aila
    2019, https://arxiv.org/abs/1812.04948, appendix B.

    Arrays: `latents` [row, n, latent_dim] and uint8 `images` [row, n, height, width, channel]; the first row has none.
    Of styles, `styles` [row, n, layer, latent_dim] in place of `latents`.
    """
    latent.check_samples(model.about)
    start = _Start(model, [], label, {"seed": seed})
    drawn = latent.prior(n, start.decode.latent_dim, seed)
    if "style" in model.about["verbs"]:
        return _truncated_styles(model, drawn, list(SHARES if thresholds is None else thresholds))
    thresholds = list(THRESHOLDS if thresholds is None else thresholds)
    latents = np.stack([drawn, *(latent.truncated(drawn, t, seed) for t in thresholds)])
    images = start.decode(latents)
    return table(
        images,
        f"{start.name}: samples whose latents are drawn again where they are beyond a threshold",
        rows=["none", *(f"{t:g}" for t in thresholds)],
        columns=[str(i) for i in range(n)],
        row_axis="threshold",
        column_axis="sample",
        latents=latents,
        images=images,
    )


def _truncated_styles(model, drawn, shares):
    styles = np.stack([latent.styles(model, drawn, share) for share in (1.0, *shares)])
    images = np.stack([latent.decoded_styles(model, row) for row in styles])
    return table(
        images,
        f"{model.about['variant']}: samples whose styles are brought nearer to the mean style",
        rows=["none", *(f"{share:g}" for share in shares)],
        columns=[str(i) for i in range(len(drawn))],
        row_axis="share of the way from the mean",
        column_axis="sample",
        styles=styles,
        images=images,
    )


def mix(model: Any, points: Sequence[Any] = (), label: int | str | None = None, **where: Any) -> Picture:
    """Return two samples and their mixtures: coarse layers with the styles of one, fine layers with those of the other.

    Karras, Laine and Aila 2019, https://arxiv.org/abs/1812.04948, section 3.1 and figure 3. Raises UserError for a
    model without styles.

    points: two; the first two samples, if none is given

    Arrays: `styles` [2, layers + 1, layers, latent_dim] and uint8 `images` [2, layers + 1, height, width, channel]: in
    column i, the first i layers have the styles of the row's own point, and the others those of the other one.
    """
    latent.check_has_styles(model.about)
    named = _points(model, points, 2)
    if len(named) != 2:
        raise UserError(f"Styles of two latents are mixed; here are {len(named)}.")
    start = _Start(model, named, label, where)
    both = latent.styles(model, np.stack(start.stops))
    layers = np.arange(both.shape[1])
    styles = np.array(
        [
            [np.where(layers[:, None] < i, own, other) for i in range(len(layers) + 1)]
            for own, other in (both, both[::-1])
        ]
    )
    images = np.stack([latent.decoded_styles(model, row) for row in styles])
    names = [one.name for one in named]
    return table(
        [list(row) for row in images],
        f"{start.name}: styles of {names[0]} and {names[1]} mixed",
        rows=[f"coarse of {names[0]}, fine of {names[1]}", f"coarse of {names[1]}, fine of {names[0]}"],
        columns=[str(i) for i in range(len(layers) + 1)],
        column_axis="layers with the styles of the coarse one",
        styles=styles,
        images=images,
    )


def project(
    model: Any,
    images: np.ndarray,
    names: Sequence[str] | None = None,
    seed: int = 0,
    label: int | str | None = None,
    each: Callable[[str, dict[str, Projection]], None] | None = None,
) -> Picture:
    """Return pictures above what the latents make that were found for them, by the encoder and by least squares.

    images: uint8 [n, height, width, channel] of the size that the model makes
    names: what to call them
    seed: of the samples to start from
    label: of the images, for models that take labels; without one, whichever fits best
    each: is told the name of each picture when it is done, and its projections: a picture takes seconds to minutes

    Least squares are left out for a model of more than 512 latents. Arrays: `images`, and of each way, such as
    least_squares: `least_squares_latents` [n, latent_dim], `least_squares_images` and `least_squares_errors` [n], mean
    squared differences of pixels in [0, 1].
    """
    decode = latent.Decoder(model, label)
    encodes, few = "encode" in model.about["verbs"], decode.latent_dim <= latent.MOST
    latent.check_projects(model.about, decode.latent_dim)
    search = _Search(model, decode, label, seed) if few else None
    names = [str(i) for i in range(len(images))] if names is None else list(names)
    ways: dict[str, list[Projection]] = {}
    for name, image in zip(names, images, strict=True):
        encoded = latent.encode(model, image[None])[0] if encodes else None
        found = {} if encoded is None else {"encoder": latent.projection_of(decode, encoded, image)}
        if search:
            found["least squares"] = search.projection(image, encoded)
        for way, one in found.items():
            ways.setdefault(way, []).append(one)
        if each:
            each(name, found)
    arrays: dict[str, Any] = {"images": np.asarray(images)}
    for way, its in ways.items():
        key = way.replace(" ", "_")
        arrays[f"{key}_latents"] = np.stack([one.latents for one in its])
        arrays[f"{key}_images"] = np.stack([one.image for one in its])
        arrays[f"{key}_errors"] = np.array([one.error for one in its])
    return table(
        [list(images), *([one.image for one in its] for its in ways.values())],
        f"{model.about['variant']}: pictures, and what the latents make that were found for them; PSNR below",
        rows=["picture", *ways],
        columns=[name.rpartition("/")[2] for name in names],
        notes=[[""] * len(images), *([decibel(one.error) for one in its] for its in ways.values())],
        **arrays,
    )


def nearest(
    model: Any,
    n: int = 1000,
    seed: int = 0,
    neighbours: int = 5,
    data: str | None = None,
    data_dir: str | None = None,
    split: str | None = None,
) -> Picture:
    """Return samples beside the training images that are nearest to them: learnt by heart, or not.

    n: samples to measure
    neighbours: of each sample that is shown
    data, data_dir, split: what the model was trained on, if it does not say so, and images that it was not trained on

    Arrays, all of roots of mean squared differences of pixels in [0, 1]: `distances` [n] to the nearest training image,
    `indices` [n, neighbours + 1] of the nearest ones, and `held_out_distances` of images that were not trained on,
    where there are any; `training_images` is how many there are.
    """
    about = model.about
    latent.check_samples(about)
    held_out = HeldOut(about.get("data", {}), tuple(about["images"]["shape"]), data, split, data_dir)
    task, normal = ("one_class", {"normal": held_out.normal}) if held_out.normal is not None else ("images", {})
    trained_on = held_out.load(task, "train", **normal).columns[0]
    samples = model.sample(n=n, seed=seed)
    shown = min(neighbours, len(trained_on) - 1)
    its = metrics.nearest_images(samples, trained_on, shown + 1)
    distances, beyond = its.distances[:, 0], its.distances[:, -1]
    arrays: dict[str, Any] = {
        "distances": distances,
        "indices": its.indices,
        "training_images": np.array(len(trained_on)),
    }
    if held_out.split != "train":
        others = metrics.nearest_images(held_out.images(n), trained_on)
        arrays["held_out_distances"] = others.distances[:, 0]

    # Plain images are close to many: one that was learnt by heart is close to one, and far from the next.
    first = np.arange(min(SHOWN, len(samples)))
    suspicious = np.argsort(distances / np.maximum(beyond, 1e-12), kind="stable")
    suspicious = suspicious[suspicious >= len(first)][:SHOWN]
    return table(
        [[samples[i], *trained_on[its.indices[i, :shown]]] for i in [*first, *suspicious]],
        f"{about['variant']}: samples, and the training images that are nearest to them, with their distances (root of "
        f"the mean squared difference of pixels in [0, 1]). The first {len(first)}, not chosen; then, of "
        f"{len(samples)}, those whose nearest is closest in comparison with the next ones",
        rows=[*(f"sample {i}" for i in first), *(f"suspicious: sample {i}" for i in suspicious)],
        columns=["sample", *(f"nearest {j + 1}" for j in range(shown))],
        notes=[["", *(f"{distance:.3f}" for distance in its.distances[i, :shown])] for i in [*first, *suspicious]],
        **arrays,
    )


def decibel(error: float) -> str:
    """Return a mean squared difference of pixels in [0, 1] as PSNR."""
    return f"{-10 * math.log10(error):.1f} dB" if error else "exact"


# ---- where the ways start -------------------------------------------------------------------------------------------


class _Start:
    """A model with latents, and those that its points stand for."""

    def __init__(self, model, named, label, where):
        self.decode = latent.Decoder(model, label)
        self.latents = Latents(model, self.decode, **where)
        self.name = model.about["variant"]
        if self.decode.label is not None:
            self.name += f", label {class_names.name_of(self.decode.label, class_names.of_model(model.about))}"
        self.stops = [self.latents.mean(one) for one in named]


def _points(model: Any, given: Sequence[Any], n: int) -> list[Point]:
    """Return the points that are given, or the first n, found to be of kinds that the model has."""
    latent.check_has_latents(model.about)
    named = [point(one) for one in given] or usual(model.about, n)
    check(named, model.about)
    return named


def _stops(model, given, label, where):
    named = _points(model, given, 6)
    if len(named) < 2:
        raise UserError(f"A way leads from one latent to another; here is {named[0].name} alone.")
    return named, _Start(model, named, label, where)


class _Search:
    """Least squares from the samples that are most like an image, and from what the encoder says of it.

    A model that takes labels starts from samples of the one that is given, or of all; each start keeps its own.
    """

    def __init__(self, model, decode, label, seed):
        labels = [label]
        if decode.label is not None and label is None:
            names = class_names.of_model(model.about)
            labels = [class_names.name_of(n, names) for n in class_names.all_of_model(model.about)]
        self.decoders = [latent.Decoder(model, label) for label in labels]
        self.candidates = np.empty((0, decode.latent_dim), np.float32)
        if "sample" in model.about["verbs"]:
            self.candidates = latent.prior(CANDIDATES, decode.latent_dim, seed)
        self.made = [latent.pixels(decode(self.candidates)) for decode in self.decoders if len(self.candidates)]

    def projection(self, image: np.ndarray, encoded: np.ndarray | None) -> Projection:
        """Return the best that is found for an image."""
        starts = [] if encoded is None else [(self.decoders[0], encoded)]
        if self.made:
            errors = np.stack([((made - latent.pixels(image[None])) ** 2).mean(axis=1) for made in self.made])
            best = errors.argsort(axis=None)[: STARTS - len(starts)]
            starts += [(self.decoders[i], self.candidates[j]) for i, j in zip(*np.unravel_index(best, errors.shape))]
        return min((latent.project(decode, image, z[None]) for decode, z in starts), key=lambda one: one.error)
