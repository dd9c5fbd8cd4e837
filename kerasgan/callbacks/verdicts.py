"""What the numbers of a run mean, in plain words. Nothing here knows a model: rows of numbers in, a verdict out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

LOOKS = 3  # that have to agree: one alone can be a bad moment, such as D(G(z)) = 0.99 in the middle of a good run
LONG = 10  # looks, after which variety that never came is missed: gan on digits had none for six, and then learnt
EXPLODED = 1000.0  # times a loss's size at the first step, or 1: no loss here, a critic's either, grows so as it learns
UNCHANGED = 0.02  # relatively: as much as another batch changes a loss; the first hundred steps change far more
CERTAIN = 0.98  # accuracy of a discriminator, and 1 - D(G(z)): good runs have it for moments
FAR = 0.3  # energy distance of samples from real images: above 1 as a run begins, 0 for other real images
LIKE = 0.2  # the same, where samples show something: digits at 0.15 and less; Gaussian blotches are at 0.23 to 0.48
NEARER = 0.9  # of that distance a while ago, from which on samples become better, or 1 / NEARER of a measure, worse
ALIKE = 0.25  # variety of samples over that of real images; good runs come to 0.6 and more
VARIED = 0.5  # the same: variety that was there
IDENTICAL = 0.02  # the same: of samples that cannot be told apart
COPIES = 0.5  # distance to the nearest training image over that to the second: 2^(-1/d) in d dimensions (Facco 2017)
SATURATED = 0.4  # share of pixel values at an end of the scale, beyond that of real images
TAKES_ALL = 0.9  # mean sign of D(x) - 1/2: 0.9 and more in good runs, too, but those do not become worse by it
WORSE = 1.25  # times the least distance of samples before: more than what looks at a good run differ by
UNSEEN = 0.5  # of the difference between D(x) and D(G(z)), from which on held-out images are taken for samples
STEADY = 0.05  # relatively: moving averages of batch statistics alone change samples by 0.03
FRESH = 50  # steps: a first look that is later is at a model that had learnt, and may have no more to learn

LOWER = "Try learning rates ten times lower."
HIGHER = "Try learning rates ten times higher."
LONGER = "Try more epochs for as long as samples come nearer."
OTHERWISE = "Try another variant, or --augment color,translation,cutout (augment= in Python) if there are few images."
AUGMENT = "Try --augment ada or --augment color,translation,cutout (augment= in Python)."
MORE_IMAGES = "Try more images, or --mirror where left and right do not matter."
SPREAD = "Try a learning rate four times lower for what makes the images, or, instead of another GAN, wgan_gp."


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a run's numbers mean: its `name`, one sentence of `evidence`, and as `advice` one change to try."""

    name: str
    evidence: str
    advice: str

    def __str__(self):
        return f"Convergence: {self.name}. {self.evidence} {self.advice}"


def verdict(rows: list[dict[str, float]]) -> Verdict | None:
    """Return what ails a run, that samples are still far, or that it is healthy; None after too few looks to say.

    rows: the looks at it, as `Convergence` writes them: the first one at its first step. Each has what is known of
    the model, so that a model without a discriminator is never told that it has too strong a one, and what its data
    let be measured: of a single image, how various samples are compared with real ones is unknown.
    """
    if not rows:
        return None
    for symptom in (
        *(exploded, standing_still, overfitting, too_strong, saturated, unchanged, few_kinds, memorising, twins),
        *(still_far, healthy),
    ):
        if found := symptom(rows):
            return found
    return None


def exploded(rows: list[dict[str, float]]) -> Verdict | None:
    """A loss that is not finite, or a thousand times as large as it was. One look is enough."""
    for name, loss in _named("loss/", rows).items():
        first = rows[0].get(f"loss/{name}", 0.0)
        if not math.isfinite(loss) or abs(loss) > EXPLODED * max(1.0, abs(first)):
            began = f"; it was {first:.4g} at step {rows[0]['step']:.0f}" if len(rows) > 1 else ""
            return Verdict("diverged", f"{name} is {loss:.4g} at step {rows[-1]['step']:.0f}{began}.", LOWER)
    return None


def standing_still(rows: list[dict[str, float]]) -> Verdict | None:
    """A player whose weights do not move."""
    last = rows[-1 - LOOKS :]
    for player, norm in _named("weights/", last).items():
        norms = [row[f"weights/{player}"] for row in last if f"weights/{player}" in row]
        if len(norms) > LOOKS and max(norms) == min(norms):
            since = f"since step {last[0]['step']:.0f}: their norm is {norm:.6g} still"
            return Verdict(
                "no learning",
                f"The weights of the {player} have not moved {since}.",
                f"Try a higher learning rate for the {player}: the paper's is the default.",
            )
    return None


def overfitting(rows: list[dict[str, float]]) -> Verdict | None:
    """A discriminator that knows training images by heart.

    Karras et al. 2020, section 3.1: r_v says so where there are held-out images. Without, there is r_t alone, which
    is high in good runs, too: it counts while samples, which had been nearer, become worse.
    """
    now, advice = rows[-1], AUGMENT if rows[-1].get("p") == 0 else MORE_IMAGES
    if _agree(rows, lambda row: row["r_v"] > UNSEEN, "r_v"):
        evidence = (
            f"Of the way from D(x) to D(G(z)), images that it has not learnt from are {now['r_v']:.0%} down: it knows "
            "the training images by heart."
        )
        return Verdict("the discriminator overfits", evidence, advice)
    before = [row["distance"] for row in rows[:-LOOKS] if "distance" in row]
    worse = max(LIKE, WORSE * min(before, default=math.inf))
    if any("r_v" in row for row in rows[-LOOKS:]) or not _agree(
        rows, lambda row: row["r_t"] > TAKES_ALL and row["distance"] > worse, "r_t", "distance"
    ):
        return None
    evidence = (
        f"It takes training images for real (r_t = {now['r_t']:.2f}), while the distance of samples from them, which "
        f"was {min(before):.2g}, has grown to {now['distance']:.2g}."
    )
    return Verdict("the discriminator overfits", evidence, advice)


def too_strong(rows: list[dict[str, float]]) -> Verdict | None:
    """A discriminator that is certain, and right, of samples that stay far from real images.

    Probabilities only: a critic's scores cannot saturate, and its paper wants it as strong as can be.
    """
    if not _agree(rows, _certain, "d_fake", "distance") or rows[-1]["distance"] < NEARER * rows[-LOOKS]["distance"]:
        return None
    now = rows[-1]
    return Verdict(
        "discriminator too strong",
        f"It is right about {now['accuracy']:.0%} of images, with D(x) = {now['d_real']:.3f} and D(G(z)) = "
        f"{now['d_fake']:.2g}, and samples come no nearer to real ones (vanishing gradient).",
        "Try a learning rate of the discriminator four times lower.",
    )


def saturated(rows: list[dict[str, float]]) -> Verdict | None:
    """Outputs that are stuck at the ends of the scale, where their gradient is zero."""
    if not _agree(rows, lambda row: row["saturation"] > SATURATED, "saturation"):
        return None
    more = f"{rows[-1]['saturation']:.0%} more of the pixel values than in real images are 0 or 255"
    return Verdict("diverged", f"The outputs are saturated: {more}.", LOWER)


def unchanged(rows: list[dict[str, float]]) -> Verdict | None:
    """Samples that do not change, if there is a discriminator; otherwise a loss that is no lower than at first."""
    if "d_fake" in rows[-1] or "critic_gap" in rows[-1]:
        return _same_samples(rows[1:][-1 - LOOKS :])
    (name, loss), *_ = _named("loss/", rows).items()
    start = rows[0][f"loss/{name}"]
    margin = UNCHANGED * abs(start)
    if rows[0]["step"] > FRESH or not _agree(rows, lambda row: row[f"loss/{name}"] > start - margin, f"loss/{name}"):
        return None
    evidence = f"{name} is {loss:.4g} at step {rows[-1]['step']:.0f}, and was {start:.4g} at the first."
    return Verdict("diverged", evidence, LOWER) if loss > start + margin else Verdict("no learning", evidence, HIGHER)


def _same_samples(last):
    """Return no learning for looks, not the first, whose samples are far and alike: the first has moving averages."""
    distances, spreads = ([row.get(name, 0.0) for row in last] for name in ("distance", "diversity"))
    same = all(min(values) >= (1 - STEADY) * max(values) for values in (distances, spreads)) if last else False
    if len(last) <= LOOKS or not same or min(distances) <= FAR:
        return None
    then = f"{distances[-1]:.4g} at step {last[-1]['step']:.0f} and {distances[0]:.4g} at step {last[0]['step']:.0f}"
    return Verdict("no learning", f"Samples stay as they are, and as far from real images: {then}.", HIGHER)


def few_kinds(rows: list[dict[str, float]]) -> Verdict | None:
    """Samples that are all much alike, or of few classes."""
    return _collapsed(rows, "diversity", "Samples differ from one another {:.2g} times as much as real images.") or (
        _collapsed(rows, "class_entropy", "The entropy of the samples' classes is {:.2g} times that of real images'.")
    )


def memorising(rows: list[dict[str, float]]) -> Verdict | None:
    """Samples that are the training images. Only known where these are few enough to compare them all."""
    if not _agree(rows, lambda row: row["novelty"] < COPIES, "novelty"):
        return None
    evidence = f"Samples are {rows[-1]['novelty']:.2g} times as far from one training image as from any other."
    return Verdict("memorising", evidence, MORE_IMAGES)


def twins(rows: list[dict[str, float]]) -> Verdict | None:
    """Samples of a few kinds, far from each other: each has another beside it that is nearly the same."""
    return _collapsed(
        rows, "nearest", "Each sample has a twin: the nearest is {:.2g} times as far away as for real images."
    )


def still_far(rows: list[dict[str, float]]) -> Verdict | None:
    """Samples in which nobody would recognise what the images show: not yet, or no more by this way."""
    if len(rows) <= LOOKS or _begins_to_ail(rows[-1]) or not _agree(rows, lambda r: r["distance"] > LIKE, "distance"):
        return None
    distances = [row["distance"] for row in rows if "distance" in row]
    long = distances[-LONG:]
    nearer = len(long) < LONG or min(long[LONG // 2 :]) < NEARER * min(long[: LONG // 2])
    evidence = (
        f"The distance of samples from real images went from {distances[0]:.2g} to {distances[-1]:.2g}; it is 0 for "
        f"other real images, and samples look like them from about {LIKE} on."
    )
    if not nearer:
        evidence = f"{evidence} They came no nearer in {LONG} looks."
    return Verdict("still far", evidence, LONGER if nearer else OTHERWISE)


def healthy(rows: list[dict[str, float]]) -> Verdict | None:
    """Nothing of the above, for long enough to tell, nor a beginning of it."""
    if len(rows) <= LOOKS:
        return None
    first, now = rows[0], rows[-1]
    if _begins_to_ail(now) or now.get("distance", 0.0) > LIKE:
        return None
    losses = _named("loss/", rows)
    said = [f"{name} went from {first[f'loss/{name}']:.4g} to {loss:.4g}" for name, loss in losses.items()]
    if "distance" in now and "distance" in first:
        said = [f"The distance of samples from real images went from {first['distance']:.2g} to {now['distance']:.2g}"]
    if "d_fake" in now:
        said.append(f"D(x) is {now['d_real']:.2f} and D(G(z)) {now['d_fake']:.2f}")
    if "critic_gap" in now:
        said.append(f"the critic's gap is {now['critic_gap']:.3g}")
    return Verdict("healthy", f"{', '.join(said)}.", "Try more epochs for as long as snapshots become better.")


def _begins_to_ail(row):
    """Return whether a look alone shows what would be a verdict if others agreed."""
    return any(row.get(name, 1.0) < ALIKE for name in ("diversity", "class_entropy", "nearest")) or _certain(row)


def _certain(row):
    measures = row.get("accuracy", 0.0), 1 - row.get("d_fake", 1.0)
    return min(measures) >= CERTAIN and row.get("distance", 0.0) > FAR


def _collapsed(rows, name, evidence):
    """Return mode collapse, if a measure of variety was high once, is low for long, or is nothing at all.

    Low for a while it is whenever a generator begins.
    """
    values = [row[name] for row in rows[1:] if name in row]
    if len(values) < LOOKS or max(values[-LOOKS:]) >= ALIKE:
        return None
    long = values[-LONG:]
    never_came = len(long) == LONG and max(long) < ALIKE and long[-1] * NEARER <= min(long)
    if max(values) >= VARIED or max(values[-LOOKS:]) < IDENTICAL or never_came:
        return Verdict("mode collapse", evidence.format(values[-1]), SPREAD)
    return None


def _named(prefix, rows):
    """Return the measures of the last row whose names begin with `prefix`, by what follows."""
    return {name.removeprefix(prefix): value for name, value in rows[-1].items() if name.startswith(prefix)}


def _agree(rows: list[dict[str, float]], bad: Callable, *names: str) -> bool:
    """Return whether the last looks all know these measures and are all bad; the first one comes too early to count."""
    last = rows[1:][-LOOKS:]
    return len(last) == LOOKS and all(all(name in row for name in names) and bad(row) for row in last)
