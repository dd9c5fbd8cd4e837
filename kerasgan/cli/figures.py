"""Pictures of pictures that say what they show: a title, and a name for each row, column and axis."""

from __future__ import annotations

import io
import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kerasgan.errors import one_line

if TYPE_CHECKING:
    import numpy as np

SIDE = 56  # pixels that a cell has at least: what is smaller is enlarged a whole number of times, without smoothing
GAP = 3  # white pixels between cells
NOTE = 14  # pixels for a line below a cell
DPI = 100


def write_table(
    path: Path,
    cells: Sequence[Sequence[np.ndarray | None]],
    title: str,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    row_axis: str = "",
    column_axis: str = "",
    notes: Sequence[Sequence[str]] | None = None,
) -> None:
    """Write a table of uint8 images [height, width, channel] of one size as a PNG.

    cells: row by row; None stays white
    title: what the table shows; broken where it gets longer than the table is wide
    rows, columns: what each stands for, on the left and below
    row_axis, column_axis: what all of them stand for
    notes: a line below each cell
    """
    import numpy as np
    from matplotlib.figure import Figure
    from PIL import Image

    title, rows, columns = one_line(title), list(map(one_line, rows)), list(map(one_line, columns))
    as_written = {"parse_math": False}  # names of files may hold dollars
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
    axes.set_xticks(middles, columns, fontsize=8, rotation=turned, **as_written)
    axes.set_yticks([i * down + height / 2 for i in range(len(rows))], rows, fontsize=8, **as_written)
    axes.tick_params(length=0)
    axes.set_frame_on(False)
    axes.set_xlabel(column_axis, fontsize=9)
    axes.set_ylabel(row_axis, fontsize=9)
    letters = max(36, int(canvas.shape[1] / 6.2))
    axes.set_title("\n".join(textwrap.wrap(title, letters)), fontsize=9, loc="left", **as_written)
    for i, row in enumerate(notes or ()):
        for j, note in enumerate(row):
            axes.text(j * right + width / 2, i * down + height + 1, note, fontsize=7, ha="center", va="top")

    drawn, part = io.BytesIO(), path.with_name(f"{path.name}.part")
    figure.savefig(drawn, dpi=DPI, format="png", bbox_inches="tight", pad_inches=0.08)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(drawn).convert("RGB").quantize(256).save(part, format="PNG")  # a third of the bytes
    os.replace(part, path)


def enlarged(image: np.ndarray, scale: int) -> np.ndarray:
    """Return a uint8 image[height, width, channel] so many times as large, without smoothing, in three channels."""
    import numpy as np

    from kerasgan.data.files import with_channels
    from kerasgan.images import to_pil

    return np.asarray(with_channels(to_pil(image), 3)).repeat(scale, axis=0).repeat(scale, axis=1)
