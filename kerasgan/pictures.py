"""What is shown and saved: pictures, films, and tables of images that say what each row and column stands for."""

from __future__ import annotations

import base64
import functools
import html
import io
import os
import tempfile
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kerasgan.errors import UserError, one_line
from kerasgan.paths import expanded, write_whole

SIDE = 56  # pixels that a cell has at least: what is smaller is enlarged a whole number of times, without smoothing
GAP = 3  # white pixels between cells
NOTE = 14  # pixels for a line below a cell
DPI = 100


class Picture:
    """A picture that Jupyter shows, above its caption.

    image: a Pillow image
    caption: what it shows
    arrays: the numbers that it was drawn from, by name
    """

    def __init__(self, image: Image.Image, caption: str | None = None, **arrays: np.ndarray):
        self.image, self.caption, self.arrays = image, caption, arrays

    def __repr__(self):
        width, height = self.image.size
        return f"<picture of {width} x {height} pixels{f': {self.caption}' if self.caption else ''}>"

    def save(self, path: str | os.PathLike) -> None:
        """Write it as a PNG, whole or not at all, into a folder that is made if need be.

        Raises UserError for a name that does not end in .png.
        """
        path = _place(path, (".png",))
        write_whole(path, self._repr_png_())

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.image.save(file, format="PNG")
        return file.getvalue()

    def _repr_html_(self) -> str | None:
        return _captioned("png", self._repr_png_(), self.caption) if self.caption else None


class Film:
    """Pictures that follow one another, which Jupyter shows moving, above their caption.

    frames: uint8 [height, width, channel], all of one size
    seconds: how long it takes
    arrays: the numbers that it was made from, by name
    """

    def __init__(self, frames: list[np.ndarray], seconds: float, caption: str | None = None, **arrays: np.ndarray):
        self.frames, self.seconds, self.caption, self.arrays = frames, seconds, caption, arrays

    def __repr__(self):
        return f"<film of {len(self.frames)} pictures{f': {self.caption}' if self.caption else ''}>"

    def save(self, path: str | os.PathLike) -> None:
        """Write it as a GIF or as an MP4, by the end of the name, whole or not at all.

        Raises UserError for a name with another end.
        """
        from kerasgan import images

        path = _place(path, (".gif", ".mp4"))
        if path.suffix.lower() == ".gif":
            images.write_gif(path, self.frames, self.seconds, hold=0)
        else:
            images.write_mp4(path, self.frames, self.seconds)

    def _repr_html_(self) -> str:
        return _captioned("gif", self._gif, self.caption or f"{len(self.frames)} pictures")

    @functools.cached_property
    def _gif(self) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            self.save(Path(folder) / "film.gif")
            return (Path(folder) / "film.gif").read_bytes()


def table(
    cells: Sequence[Sequence[np.ndarray | None]],
    title: str,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    row_axis: str = "",
    column_axis: str = "",
    notes: Sequence[Sequence[str]] | None = None,
    **arrays: Any,
) -> Picture:
    """Return a table of uint8 images [height, width, channel] of one size as a picture in 256 colours.

    cells: row by row; None stays white
    title: what the table shows; broken where it gets longer than the table is wide
    rows, columns: what each stands for, on the left and below
    row_axis, column_axis: what all of them stand for
    notes: a line below each cell
    arrays: the numbers behind it, which the picture keeps
    """
    from matplotlib.figure import Figure

    from kerasgan import fonts

    title, rows, columns = one_line(title), list(map(one_line, rows)), list(map(one_line, columns))
    families, (heading, *names) = fonts.fitting([title, *rows, *columns])
    as_written: dict[str, Any] = {"parse_math": False, "fontfamily": families}  # names of files may hold dollars
    first = next(cell for row in cells for cell in row if cell is not None)
    scale = max(1, -(-SIDE // max(first.shape[:2])))
    height, width = (side * scale for side in first.shape[:2])
    down, right = height + GAP + (NOTE if notes else 0), width + GAP
    canvas = np.full((len(cells) * down, len(cells[0]) * right, 3), 255, np.uint8)
    for i, row in enumerate(cells):
        for j, cell in enumerate(row):
            if cell is not None:
                canvas[i * down : i * down + height, j * right : j * right + width] = enlarged(cell, scale)

    # The axes have as many pixels as what they show, and labels reach out of the figure, which is cut to hold them.
    figure = Figure(figsize=(canvas.shape[1] / DPI, canvas.shape[0] / DPI), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(canvas, interpolation="nearest", aspect="auto")
    turned = 90 if max(map(len, columns), default=0) > width / 5 else 0  # longer than a cell is wide
    middles = [j * right + width / 2 for j in range(len(columns))]
    axes.set_xticks(middles, names[len(rows) :], fontsize=8, rotation=turned, **as_written)
    axes.set_yticks([i * down + height / 2 for i in range(len(rows))], names[: len(rows)], fontsize=8, **as_written)
    axes.tick_params(length=0)
    axes.set_frame_on(False)
    axes.set_xlabel(column_axis, fontsize=9)
    axes.set_ylabel(row_axis, fontsize=9)
    letters = max(36, int(canvas.shape[1] / 6.2))
    axes.set_title("\n".join(textwrap.wrap(heading, letters)), fontsize=9, loc="left", **as_written)
    for i, its in enumerate(notes or ()):
        for j, note in enumerate(its):
            axes.text(j * right + width / 2, i * down + height + 1, note, fontsize=7, ha="center", va="top")

    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=DPI, format="png", bbox_inches="tight", pad_inches=0.08)
    return Picture(Image.open(drawn).convert("RGB").quantize(256), title, **arrays)  # a third of the bytes


def enlarged(image: np.ndarray, scale: int) -> np.ndarray:
    """Return a uint8 image[height, width, channel] so many times as large, without smoothing, in three channels."""
    from kerasgan.data.files import with_channels
    from kerasgan.images import to_pil

    return np.asarray(with_channels(to_pil(image), 3)).repeat(scale, axis=0).repeat(scale, axis=1)


def _captioned(kind: str, content: bytes, caption: str) -> str:
    caption = html.escape(caption)
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    return f'<figure><img src="{source}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'


def _place(path: str | os.PathLike, kinds: tuple[str, ...]) -> Path:
    path = expanded(path)
    if path.suffix.lower() not in kinds:
        raise UserError(f"{path} is no name for it: give one that ends in {' or '.join(kinds)}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
