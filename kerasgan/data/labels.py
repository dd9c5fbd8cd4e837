"""Which images keep their label, and which are kept for their label."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable

import numpy as np

from kerasgan import class_names
from kerasgan.data.sources import Source
from kerasgan.errors import UserError

UNKNOWN = -1


def with_budget(source: Source, budget: int, seed: int) -> np.ndarray:
    """Return the labels with exactly `budget` of them kept and the rest unknown (-1).

    They are spread over the classes as evenly as the classes allow; which ones is drawn from `seed`.
    Raises UserError if there are fewer labels.
    """
    labels = _labels(source)
    generator = np.random.default_rng(seed)
    known = np.flatnonzero(labels != UNKNOWN)
    if budget > len(known):
        raise UserError(f"--labels {budget} asks for more labels than the {len(known)} that {_name(source)} has.")
    shuffled = generator.permutation(known)
    # Each class's first image, then each one's second, ...: as even as can be, whatever the classes have.
    turn = np.zeros(len(shuffled), np.int64)
    for label in np.unique(labels[known]):
        of_label = labels[shuffled] == label
        turn[of_label] = np.arange(of_label.sum())
    kept = shuffled[np.argsort(turn, kind="stable")[:budget]]
    result = np.full_like(labels, UNKNOWN)
    result[kept] = labels[kept]
    return result


def as_named(source: Source, labels: int | str | Iterable[int | str]) -> list[int | str]:
    """Return labels as a list in which each text is the name of the class that it means, or its number without names.

    Where another split has more classes or fewer, a class has another number there, and the same name.
    """
    names = source.about.get("class_names", [])

    def named(label):
        (n,) = numbers(source, [label])
        return names[n] if names else n

    return [named(label) if isinstance(label, str) else label for label in class_names.listed(labels, names)]


def of_labels(source: Source, labels: int | str | Iterable[int | str]) -> np.ndarray:
    """Return the indices of the images with one of these labels, as `numbers` understands them."""
    return np.flatnonzero(np.isin(_labels(source), numbers(source, labels)))


def labelled(source: Source, task: str) -> Source:
    """Return the source without its images of no label, and say on standard error how many there are."""
    known = np.flatnonzero(_labels(source) != UNKNOWN)
    n, found = len(_labels(source)), len(_labels(source)) - len(known)
    if not found:
        return source
    where = " (those beside the folders of the classes)" if "class_names" in source.about else ""
    print(f"{_name(source)}: {found} of {n} images have no label{where}: {task} leaves them out.", file=sys.stderr)
    return only(source, known)


def only(source: Source, indices: np.ndarray) -> Source:
    """Return the source with these images alone."""
    images = source.images[indices] if isinstance(source.images, np.ndarray) else source.images.subset(indices)
    labels = None if source.labels is None else source.labels[indices]
    return dataclasses.replace(source, images=images, labels=labels)


def numbers(source: Source, labels: int | str | Iterable[int | str]) -> list[int]:
    """Return the numbers of labels, which are names of classes, or numbers where no name fits.

    Raises UserError for one that no image has.
    """
    names = source.about.get("class_names", [])
    present = {int(n) for n in np.unique(_labels(source))} - {UNKNOWN}
    who = f"{_name(source)} has no images labelled"
    return [class_names.number(label, names, present, who) for label in class_names.listed(labels, names)]


def _labels(source) -> np.ndarray:
    """Return the labels of a source that has some."""
    return source.labels


def _name(source):
    return source.about["name"]
