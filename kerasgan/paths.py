"""Paths that users give, and names that others can use: TensorFlow, and a shell. Nothing here imports TensorFlow."""

from __future__ import annotations

import atexit
import functools
import os
import shlex
import shutil
import tempfile
from pathlib import Path

from kerasgan.errors import UserError

_PATTERNS = set("*?[\\") - {os.sep}  # TensorFlow looks for files by patterns, and takes a name with these for one


def expanded(path: str | os.PathLike) -> Path:
    """Return a path that a user gave, with the home folder in place of ~ or ~name at its beginning.

    One that begins with ~ and is nobody's home is the name of a file or a folder, and is left as it is.
    """
    return Path(os.path.expanduser(path))  # pathlib's raises where it knows no such user


def check_writable(place: Path, named: str | os.PathLike) -> None:
    """Raise UserError if nothing can be written into a folder, or into the nearest around it that is there.

    place: an absolute path
    named: what the user calls what is to be written
    """
    around = next(folder for folder in (place, *place.parents) if folder.exists())
    if not around.is_dir() or not os.access(around, os.W_OK):
        raise UserError(f"{named} cannot be written: {around} is {'write-protected' if around.is_dir() else 'a file'}.")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, in the place of an older one."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)


def for_tensorflow(path: str | os.PathLike) -> str:
    """Return a name of the same place that TensorFlow can use: it takes names for patterns, and for UTF-8.

    That is `path` itself, or one that leads there by a link in a temporary folder, which is removed when the process
    ends. Raises UserError where no such link can be made.
    """
    parts = Path(path).parts
    known = max((i for i, part in enumerate(parts, start=1) if not _is_plain(part)), default=0)
    return os.path.join(_linked(Path(*parts[:known]).absolute()), *parts[known:]) if known else os.fspath(path)


def _is_plain(name):
    try:
        return not _PATTERNS & set(name) and name.encode() == os.fsencode(name)
    except UnicodeEncodeError:
        return False


@functools.cache
def _linked(folder):
    links = tempfile.mkdtemp(prefix="kerasgan-")
    atexit.register(shutil.rmtree, links, ignore_errors=True)
    link = Path(links) / "folder"
    try:
        link.symlink_to(folder, target_is_directory=True)
    except OSError as error:
        raise UserError(_refusal(folder, error.strerror)) from None
    if not all(map(_is_plain, link.parts)):
        raise UserError(_refusal(folder, f"{links} is none either"))
    return os.fspath(link)


def _refusal(folder, why):
    return f"{folder} is no name for TensorFlow ({why}): choose one in letters and digits."


def for_shell(path: str | os.PathLike) -> str:
    """Return a path, or another argument, as it is pasted into a command: quoted if need be, and never an option."""
    text = os.fspath(path)
    return shlex.quote(f".{os.sep}{text}" if text.startswith("-") else text)
