"""Classes by the names that people give them: their order, and which are meant. Nothing here imports TensorFlow."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kerasgan.errors import UserError, nearest

LISTED = 20  # classes that a message names: a line that can still be read


def in_order(names: Iterable[str]) -> list[str]:
    """Return names in numeric order if all are whole numbers (-1, 2, 007, 10), else in alphabetical order."""
    names = list(names)
    if all(_value(name) is not None for name in names):
        return sorted(names, key=lambda name: (_value(name), name))
    return sorted(names)


def split(text: str) -> list[str]:
    """Return the names in a text, at its commas: cat,7 or "black, white",dog with a comma inside a quoted name.

    Raises UserError where a name is empty.
    """
    names = [name.strip() for name in next(csv.reader([" ".join(text.splitlines())], skipinitialspace=True), [""])]
    if "" in names:
        raise UserError(f"{text!r} leaves a name empty: give the names of classes with commas between them, like 3,8.")
    return names


def listed(labels: int | str | Iterable[int | str], names: Sequence[str] = ()) -> list[int | str]:
    """Return the single labels that are asked for: one, several, or a text, which may be the name of one class."""
    if isinstance(labels, str):
        return [labels] if _named(labels, names) is not None else [*split(labels)]
    return list(labels) if isinstance(labels, Iterable) else [labels]


def number(label: int | str, names: Sequence[str], known: Iterable[int], who: str) -> int:
    """Return the number of the class that is asked for: the one of this name, or where no name fits, of this number.

    names: of the classes, in their order; none, where they have only numbers
    known: the numbers that there are
    who: what an error begins with, such as "pets has no images labelled"

    Numbers are names, too: with folders 001 to 012, both 7 and 007 are the folder 007, and not the class of number 7.
    Raises UserError for a class that there is not.
    """
    known = set(known)
    found = _named(label, names)
    if found is None:
        found = _value(str(label))
    if found not in known:
        has = [name_of(n, names) for n in sorted(known)]
        near = nearest(str(label), has) if _value(str(label)) is None else ""  # a number is near to no other
        raise UserError(f"{who} {label}{near}: it has {shown(has)}.")
    return found


def numbers_of_model(about: dict[str, Any], labels: int | str | Iterable[int | str]) -> list[int]:
    """Return the numbers of the classes that a model with this kerasgan.json is asked for.

    Raises UserError for a class that it does not know.
    """
    names, classes = of_model(about), all_of_model(about)
    who = f"{about['variant']} knows no class"
    return [number(label, names, classes, who) for label in listed(labels, names)]


def of_model(about: dict[str, Any]) -> list[str]:
    """Return the names of the classes that a model with this kerasgan.json learnt, in their order; none if unnamed."""
    return about.get("data", {}).get("class_names") or []


def count_of_model(about: dict[str, Any]) -> int | None:
    """Return how many classes a model with this kerasgan.json has; None if it does not say."""
    # Models of earlier versions say it among the arguments of their constructor alone, if that takes their number.
    return about.get("classes") or about["hyperparameters"].get("classes") or len(of_model(about)) or None


def all_of_model(about: dict[str, Any]) -> range:
    """Return the numbers of all classes of a model with this kerasgan.json. Raises UserError if it does not say it."""
    if (count := count_of_model(about)) is None:
        raise UserError(
            f"{about['variant']} does not say how many classes it has: set self.classes in the constructor of its "
            "class, and export it again."
        )
    return range(count)


def asked(about: dict[str, Any], numbers: Iterable[int]) -> Iterable[int] | list[str]:
    """Return what a model with this kerasgan.json has to be asked for to make classes of these numbers: their names.

    A number would be the name of another class, where the first one is called 1. Numbers, where classes have no names.
    """
    names = of_model(about)
    return [name_of(int(n), names) for n in numbers] if names else numbers


def name_of(n: int, names: Sequence[str]) -> str:
    """Return the name of a class; its number where it has none."""
    return names[n] if n < len(names) else str(n)


def shown(names: Sequence[str]) -> str:
    """Return names as a message says them: not more than can be read, and quoted where a comma is part of one."""
    few = ", ".join(f'"{name}"' if "," in name else name for name in names[:LISTED])
    return f"{few} and {len(names) - LISTED} more" if len(names) > LISTED else few or "none"


def matched(theirs: Sequence[str], ours: Sequence[str]) -> list[int | None]:
    """Return which of our classes each of theirs is, by name; None for one that is none of ours.

    ours: none, where our classes have only numbers

    Where no name is the same, the numbers are: they are other names for the same classes.
    """
    found = [_named(name, ours) if ours else _value(name) for name in theirs]
    return list(range(len(theirs))) if found.count(None) == len(found) else found


def _named(label: int | str, names: Sequence[str]) -> int | None:
    """Return which name is meant: the same, or else the only one that looks the same, or that is the same number."""
    same: list[Callable[[str], Any]] = [str, _looks, _value]
    for what in same:
        its = what(str(label))
        found = [i for i, name in enumerate(names) if its is not None and what(name) == its]
        if len(found) == 1:
            return found[0]
    return None


def _looks(name):
    """Return a name without what nobody sees: outer spaces, and how accents are put together (macOS has its way)."""
    return unicodedata.normalize("NFC", name).strip()


def _value(name):
    return int(name) if re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", name) else None
