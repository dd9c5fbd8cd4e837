"""Which images keep their label, and which are kept for their label."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from kerasgan.data.sources import Source
from kerasgan.errors import UserError, nearest

UNKNOWN = -1


def with_budget(source: Source, budget: int, seed: int) -> np.ndarray:
    """Return the labels with exactly `budget` of them kept and the rest unknown (-1).

    They are spread over the classes as evenly as the classes allow; which ones is drawn from `seed`.
    Raises UserError if there are fewer labels.
    """
    labels = source.labels
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


def of_labels(source: Source, labels: Iterable[int | str]) -> np.ndarray:
    """Return the indices of the images with one of these labels, which are numbers or the names of classes."""
    return np.flatnonzero(np.isin(source.labels, [number(source, label) for label in labels]))


def only(source: Source, indices: np.ndarray) -> Source:
    """Return the source with these images alone."""
    images = source.images[indices] if isinstance(source.images, np.ndarray) else source.images.subset(indices)
    labels = None if source.labels is None else source.labels[indices]
    return dataclasses.replace(source, images=images, labels=labels)


def number(source: Source, label: int | str) -> int:
    """Return the number of a label. Raises UserError for one that no image has."""
    names = source.about.get("class_names", [])
    if label in names:
        return names.index(label)
    present = {int(n) for n in np.unique(source.labels)} - {UNKNOWN}
    if isinstance(label, str) or int(label) not in present:
        found = ", ".join(names) if names else ", ".join(map(str, sorted(present)))
        raise UserError(f"{_name(source)} has no images labelled {label}{nearest(str(label), names)}: it has {found}.")
    return int(label)


def _name(source):
    return source.about["name"]
