"""Which files in a folder are pictures. Nothing here imports TensorFlow, or decodes a picture."""

from __future__ import annotations

import functools
import os
import sys
from collections import Counter
from pathlib import Path

from PIL import Image

from kerasgan.errors import UserError, one_line

NO_PICTURES = {"BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "PDF", "WMF"}  # that Pillow knows, and are no pixels
LEFT_BEHIND = {  # by archives, desktops and servers, beside what is hidden by a dot
    "__macosx",
    "__pycache__",
    "$recycle.bin",
    "@eadir",
    "desktop.ini",
    "ehthumbs.db",
    "icon\r",
    "lost+found",
    "system volume information",
    "thumbs.db",
}
KINDS_NAMED = 8  # of what is passed over


def pictures_below(root: Path) -> list[Path]:
    """Return what `paths_below` returns, as paths."""
    return [Path(path) for path in paths_below(root)]


def paths_below(root: Path) -> list[str]:
    """Return the files below a folder that are pictures by their suffix, or by their content if they have none.

    They are in order of name, and texts, of which a million take two seconds. Links are followed, and folders that
    several lead to are read once: where they are, or else by the first of the links. What is passed over is counted on
    standard error, and links to nothing are named. Raises UserError if there are no pictures.
    """
    files: list[str] = []
    links: list[str] = []
    folders, passed_over = [str(root)], Counter[str]()
    read = {_identity(parent) for parent in root.resolve().parents}
    known = suffixes()
    while folders or links:
        if not folders:  # what is reached without a link is read there
            links.sort(key=_order, reverse=True)
        folder = (folders or links).pop()
        if (identity := _identity(folder)) in read:
            passed_over["links to folders that are read already, or that hold this one"] += 1
            continue
        read.add(identity)
        above = "" if folder == os.curdir else os.path.join(folder, "")
        for entry in _inside(folder, root):
            name = entry.name
            path = f"{above}{name}"
            if is_left_behind(name):
                passed_over["hidden or left behind by programs"] += 1
            elif _is_folder(entry):
                (links if entry.is_symlink() else folders).append(path)
            elif os.path.isfile(path) if entry.is_symlink() else entry.is_file():
                dot = name.rfind(".")
                suffix = name[dot:].lower() if 0 < dot < len(name) - 1 else ""
                if suffix in known or (not suffix and _is_picture(path)):
                    files.append(path)
                else:
                    passed_over[suffix or "without suffix"] += 1
            elif entry.is_symlink():
                print(one_line(f"Skipping {path}: it is a link to nothing."), file=sys.stderr)
            else:
                passed_over["neither files nor folders"] += 1
    said = _in_words(passed_over)
    if not files:
        holds = f", which holds {said}" if said else ""
        raise UserError(f"There are no images in {root}{holds}: it needs files such as .png or .jpg.")
    if said:
        n = passed_over.total()
        what = "file or folder" if n == 1 else "files and folders"
        print(one_line(f"Passed over {n} {what} in {root}: {said}."), file=sys.stderr)
    return sorted(files, key=_order)


def folders_in(root: Path) -> list[Path]:
    """Return the folders in a folder, in order of name, without what programs leave behind and links that lead back."""
    above = {_identity(folder) for folder in (root, *root.resolve().parents)}
    with os.scandir(root) as entries:  # which asks nothing of each of a million files
        found = [root / entry.name for entry in entries if _is_folder(entry) and not is_left_behind(entry.name)]
    return sorted(folder for folder in found if _identity(folder) not in above)


def is_left_behind(name: str) -> bool:
    """Return whether a file or folder of this name is no data: hidden, or what archives and desktops leave behind."""
    return name.startswith(".") or name.lower() in LEFT_BEHIND


@functools.cache
def formats() -> tuple[str, ...]:
    """Return the formats whose pixels Pillow can read here, and that have a suffix."""
    with_suffix = set(Image.registered_extensions().values())
    return tuple(name for name in Image.OPEN if name in with_suffix - NO_PICTURES)


@functools.cache
def suffixes() -> frozenset[str]:
    """Return the suffixes, in lower case, of files in these formats."""
    known = {*formats(), "MPO"}  # which Pillow opens as a JPEG
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in known)


def _order(path):
    """Return what puts texts into the order of paths, which compares part by part."""
    return path.replace(os.sep, "\0")


def _is_picture(file):
    """Return whether a file without suffix begins as a picture does."""
    try:
        Image.open(file, formats=formats()).close()
        return True
    except Exception:  # of a broken file, each of Pillow's readers raises what it stumbles over
        return False


def _inside(folder, root):
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        if folder == str(root):
            raise
        print(one_line(f"Skipping {folder}: {error.strerror}."), file=sys.stderr)
        return []


def _is_folder(entry):
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _identity(folder):
    about = os.stat(folder)
    return about.st_dev, about.st_ino


def _in_words(passed_over):
    """Return what was passed over, the most of a kind first."""
    kinds = passed_over.most_common()
    named, others = kinds[:KINDS_NAMED], kinds[KINDS_NAMED:]
    if others:
        named.append(("others", sum(count for _, count in others)))
    return ", ".join(f"{kind} ({count})" for kind, count in named)
