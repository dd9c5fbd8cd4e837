"""How a run names the class of its model, a variant by its name, a user's own by where it is from, and finds it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerasgan.errors import UserError


def variant(cls: type) -> str | None:
    """Return the name of a variant's class in kerasgan.models; None for a class of a user's own."""
    package, _, key = cls.__module__.rpartition(".")
    return key if package == "kerasgan.models" else None


def named(cls: type) -> dict[str, Any]:
    """Return what run.json and kerasgan.json call a class: the `variant`, and of a user's own its name and place."""
    if key := variant(cls):
        return {"variant": key}
    about = {"module": cls.__module__, "name": cls.__qualname__}
    if cls.__module__ == "__main__":
        about["file"] = os.path.basename(getattr(sys.modules["__main__"], "__file__", None) or "a notebook")
    return {"variant": cls.__name__, "class": about}


def find(run: str | os.PathLike, record: dict[str, Any], base: type) -> type:
    """Return the class of a user's own that a run's model has, which derives from `base`.

    It is looked for among those that are defined: first in the script that it was in, be that run or imported now, and
    then wherever one has its name. Raises UserError if there is none, or if several have it.
    """
    about = record["class"]
    same_name = [cls for cls in _own(base) if cls.__qualname__ == about["name"]]
    candidates = [cls for cls in same_name if _place(**named(cls)["class"]) == _place(**about)] or same_name
    # Of those that a notebook defined one after the other, the last.
    found = [cls for cls in candidates if _defined_now(cls)] or candidates[-1:]
    trained = f"{run} was trained by class {about['name']} of {about.get('file', about['module'])}"
    if not found:
        raise UserError(f"{trained}: import it first, or define it.")
    if len(found) > 1:
        raise UserError(f"{trained}, and there is one in each of {', '.join(cls.__module__ for cls in found)}.")
    return found[0]


def _own(base: Any) -> Iterator[type]:
    for cls in base.__subclasses__():
        if variant(cls) is None:
            yield cls
        yield from _own(cls)


def _place(module: str, name: str, file: str | None = None) -> str:
    """Return the name of a script, which is __main__ to itself."""
    return Path(file).stem if file else module.rpartition(".")[2]


def _defined_now(cls: type) -> bool:
    found = sys.modules.get(cls.__module__)
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is cls
