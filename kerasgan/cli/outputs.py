"""What commands write: a grid, a folder of pictures, an .npz, or a .csv; whole or not at all, and over nothing."""

from __future__ import annotations

import csv
import dataclasses
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from kerasgan.errors import UserError
from kerasgan.paths import check_writable, expanded

if TYPE_CHECKING:
    import numpy as np

    from kerasgan.inputs import Picture

GRID = 64  # pictures, or pairs of them, that a grid of a user's pictures has at most
LONGEST = 100  # bytes of a class's name in a file's, which may have 255


@dataclasses.dataclass(frozen=True)
class Output:
    """A place for results that was found to be free."""

    path: Path
    kind: str  # ".png", ".npz", ".csv", or "" for a folder


def output(text: str, kinds: tuple[str, ...], overwrite: bool) -> Output:
    """Check a place for results before they are computed; raise UserError if it is of no use, or taken."""
    path = expanded(text)
    kind = "" if path.is_dir() or text.endswith("/") else path.suffix.lower()
    wanted = f"give a name that ends in {' or '.join(k for k in kinds if k)}{', or a folder' if '' in kinds else ''}"
    if kind not in kinds or (kind == "" and path.is_file()):
        raise UserError(f"{text} is no place for what comes out: {wanted}.")
    if path.exists() and not overwrite and (kind or any(path.iterdir())):
        raise UserError(f"{text} exists: choose another --output, or replace it with --overwrite.")
    check_writable(path.absolute().parent if kind else path.absolute(), text)
    return Output(path, kind)


def check_that_they_stay(pictures: list[Picture], to: Output) -> None:
    """Raise UserError if a result would replace one of the pictures that are read."""
    if not to.path.exists():
        return
    places = [to.path / picture.place for picture in pictures] if to.kind == "" else [to.path]
    originals = {picture.file.resolve() for picture in pictures if picture.file}
    if lost := [place for place in places if place.resolve() in originals]:
        raise UserError(f"{lost[0]} is one of the pictures to read: choose another --output.")


def write_grid(path: Path, pictures: list[np.ndarray], gap: int = 2) -> None:
    """Write uint8 pictures[height, width, channel] of any size as one, in rows; what is smaller is framed in white."""
    import numpy as np

    from kerasgan.images import grid, near_square, write_png

    height, width, channels = np.max([p.shape for p in pictures], axis=0)
    cells = np.full((len(pictures), height, width, channels), 255, np.uint8)
    for cell, picture in zip(cells, pictures, strict=True):
        cell[: picture.shape[0], : picture.shape[1]] = picture
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, grid(near_square(cells), gap))


def pair(source: np.ndarray, result: np.ndarray) -> np.ndarray:
    """Put a picture left of what became of it, enlarged to the same size without smoothing, in the same channels."""
    import numpy as np

    from kerasgan.data.files import with_channels
    from kerasgan.images import to_pil

    height, width = np.maximum(source.shape[:2], result.shape[:2])
    channels = max(source.shape[-1], result.shape[-1])
    both = [with_channels(to_pil(p).resize((width, height), 0), channels) for p in (source, result)]
    return np.concatenate([np.asarray(p).reshape(height, width, channels) for p in both], axis=1)


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write a uint8 picture[height, width, channel] as PNG, in a folder that is made if need be."""
    from kerasgan.images import write_png

    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, picture)


def in_a_file_name(text: str) -> str:
    """Return a text as every file system takes it inside a file's name: of letters, digits, spaces and - . _ alone."""
    safe = re.sub(r"[^\w .-]", "_", text)
    return safe.encode()[:LONGEST].decode(errors="ignore")


def write_npz(path: Path, **arrays: np.ndarray) -> None:
    """Write named arrays."""
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    os.replace(part, path)


def write_csv(path: Path, columns: tuple[str, ...], rows: Iterable[tuple]) -> None:
    """Write a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with part.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:  # names as they are
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)
    os.replace(part, path)
