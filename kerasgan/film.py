"""The film of a run: its snapshots, epoch by epoch, beside the curves of its losses."""

from __future__ import annotations

import dataclasses
import math
import os
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from kerasgan import run_folder
from kerasgan.errors import UserError, one_line
from kerasgan.models import CLASSES
from kerasgan.paths import expanded

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_FRAMES = 100

# All in pixels. A snapshot is brought to the largest size that fits into the first two.
_WIDTH, _HEIGHT = 640, 480
_CURVES, _SHORTEST_PANEL, _GAP = 400, 96, 24  # width of the curves, least height of one, white between them
_LEFT, _TITLE, _LINE, _BELOW = 96, 56, 20, 48  # for the names of the losses, the title, a line of caption, the steps
_BLOCK = 16  # sides are multiples of it: what video codecs like best
_WHEN = 260  # for the epoch and the step, right of the title
_DPI = 100
_COLOUR = "tab:blue"


@dataclasses.dataclass(frozen=True)
class Scene:
    """What a run folder holds that a film is made of."""

    title: str
    caption: str  # what the snapshots show
    losses: tuple[str, ...]
    rows: dict[int, dict[str, float]]  # of each epoch: its step, and its losses as far as it has them
    snapshots: dict[int, Path]  # of each epoch that is shown


def scene(run: str | os.PathLike) -> Scene:
    """Return what the film of a run is made of: at most 100 epochs of what there is by now.

    Raises UserError for a folder that is no run, or a run that has no epoch behind it.
    """
    record, run = run_folder.read(run), expanded(run)
    rows, found = _rows(run / "history.csv"), snapshots(run)
    epochs = _shown(rows, found)
    if not set(epochs) & set(rows):
        raise UserError(f"{run} has no epoch behind it that a film could show: train it first, or go on with --resume.")
    shown = sorted(set(np.linspace(0, len(epochs) - 1, MOST_FRAMES).astype(int)))
    name = CLASSES.get(record["variant"], record["variant"])
    data = one_line(Path(record.get("data", {}).get("name", "")).name)
    names = {name: None for row in rows.values() for name in row}
    losses = [n for n in names if n != "step" and not n.endswith("_learning_rate")]
    return Scene(
        title=f"{name} on {data}" if data else name,
        caption=record.get("snapshot", ""),
        losses=tuple(losses),
        rows=rows,
        snapshots={epochs[i]: found[epochs[i]] for i in shown},
    )


def snapshots(run: str | os.PathLike) -> dict[int, Path]:
    """Return the pictures that Snapshots wrote, by the epoch that they show."""
    return {int(path.stem): path for path in (expanded(run) / "snapshots").glob("[0-9]*.png") if path.stem.isdecimal()}


def has_begun(run: str | os.PathLike) -> bool:
    """Return whether a run has an epoch behind it that a film could show."""
    rows = _rows(expanded(run) / "history.csv")
    return bool(set(_shown(rows, snapshots(run))) & set(rows))


def write(scene: Scene, *paths: str | os.PathLike) -> None:
    """Write a film, as GIF or as MP4 by the end of each name. Raises UserError for a snapshot that cannot be read."""
    from kerasgan import images  # imports TensorFlow, which scene() does without

    writers = {".gif": images.write_gif, ".mp4": images.write_mp4}
    pictures = list(frames(scene))
    for path in paths:
        writers[Path(path).suffix.lower()](path, pictures)


def frames(scene: Scene) -> Iterator[np.ndarray]:
    """Yield uint8[height, width, 3], all of one size: a snapshot and its epoch, and the losses up to there.

    Raises UserError for a snapshot that cannot be read.
    """
    first, *_ = scene.snapshots.values()
    stage = _Stage(scene, _snapshot(first).size)
    for epoch, path in scene.snapshots.items():
        yield stage.frame(epoch, _snapshot(path))


class _Stage:
    """A figure whose axes and curves are drawn once, and whose moving parts are drawn over them for each frame."""

    def __init__(self, scene: Scene, size: tuple[int, int]):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        from kerasgan import fonts

        self.scene = scene
        factor = min(_WIDTH / size[0], _HEIGHT / size[1])
        self.size = [max(1, round(side * factor)) for side in size]
        self.enlarged = [side * math.ceil(factor) for side in size]
        picture_width = max(self.size[0], _WIDTH // 2)  # the title and the caption need some
        families, (title, caption) = fonts.fitting([scene.title, scene.caption])
        lines = textwrap.wrap(caption, picture_width // 7)
        below = max(_BELOW, _LINE * (len(lines) + 1))
        panels = max(self.size[1], _SHORTEST_PANEL * len(scene.losses))
        width = _GAP + picture_width + _LEFT + _CURVES + _GAP
        self.width, self.height = (-(-side // _BLOCK) * _BLOCK for side in (width, _TITLE + panels + below))
        self.corner = _GAP, _TITLE
        self.figure = Figure((self.width / _DPI, self.height / _DPI), dpi=_DPI)
        self.canvas = FigureCanvasAgg(self.figure)
        room = (width - _WHEN) // 9  # letters
        title = title if len(title) <= room else f"{title[: room - 3]}..."
        self._write(_GAP, _TITLE // 2, title, fontsize=12, va="center", fontfamily=families)
        caption_top = _TITLE + self.size[1] + _LINE // 2
        caption = "\n".join(lines)
        self._write(_GAP, caption_top, caption, fontsize=9, va="top", linespacing=1.3, fontfamily=families)
        left = _GAP + picture_width + _LEFT
        self.when = self._write(left + _CURVES, _TITLE // 2, "", fontsize=12, va="center", ha="right", animated=True)
        self.curves = [
            self._curve(name, left, _TITLE + i * panels // len(scene.losses), panels // len(scene.losses) - 12)
            for i, name in enumerate(scene.losses)
        ]
        if self.curves:
            last = self.curves[-1][0]
            last.tick_params(labelbottom=True)
            last.set_xlabel("training step (each point: the mean of an epoch)")
        self.canvas.draw()
        self.background = self.canvas.copy_from_bbox(self.figure.bbox)

    def frame(self, epoch: int, snapshot: Image.Image) -> np.ndarray:
        """Return one frame."""
        self.canvas.restore_region(self.background)
        step = self.scene.rows.get(epoch, {"step": 0})["step"]
        self.when.set_text(f"epoch {epoch}, step {int(step):,}" if epoch else "before training")
        self.figure.draw_artist(self.when)
        for (axes, line, marker), name in zip(self.curves, self.scene.losses, strict=True):
            points = [p for p in _points(self.scene.rows, name) if p[0] <= step]
            line.set_data(*zip(*points, strict=True) if points else ((), ()))
            marker.set_data(*zip(*points[-1:], strict=True) if points else ((), ()))
            for artist in (line, marker):
                axes.draw_artist(artist)
        picture = np.array(self.canvas.buffer_rgba())[..., :3]
        # Whole pixels first, so that all of them stay equally large, and then the little that this is too large.
        fitted = snapshot.resize(self.enlarged, Image.Resampling.NEAREST).resize(self.size, Image.Resampling.BOX)
        left, top = self.corner
        picture[top : top + self.size[1], left : left + self.size[0]] = fitted
        return picture

    def _curve(self, name: str, left: int, top: int, height: int) -> tuple[Axes, Any, Any]:
        place = left / self.width, 1 - (top + height) / self.height, _CURVES / self.width, height / self.height
        axes = self.figure.add_axes(place)
        axes.set_ylabel(name if len(name) < 14 else name.replace("_", "_\n", 1), fontsize=9)
        axes.yaxis.set_label_coords(-0.14, 0.5)
        axes.yaxis.set_major_formatter("{x:.4g}")
        axes.plot(*zip(*_points(self.scene.rows, name), strict=True), color=_COLOUR, alpha=0.25, linewidth=1)
        axes.set_xlim(0, max(row["step"] for row in self.scene.rows.values()))
        axes.tick_params(labelbottom=False, labelsize=8)
        axes.locator_params(axis="y", nbins=4)
        axes.grid(alpha=0.3)
        (line,) = axes.plot((), (), color=_COLOUR, linewidth=1.5, animated=True)
        (marker,) = axes.plot((), (), "o", color=_COLOUR, animated=True, clip_on=False)
        return axes, line, marker

    def _write(self, x: int, y: int, text: str, **style: Any) -> Any:
        return self.figure.text(x / self.width, 1 - y / self.height, text, parse_math=False, **style)


def _points(rows: dict[int, dict[str, float]], name: str) -> list[tuple[float, float]]:
    return [(row["step"], row[name]) for row in rows.values() if name in row]


def _shown(rows: dict[int, Any], found: dict[int, Path]) -> list[int]:
    """Return the epochs that have both: the snapshot of one is written before its row, or left alone by a kill."""
    return [epoch for epoch in sorted(found) if epoch == 0 or epoch in rows]


def _rows(path: Path) -> dict[int, dict[str, float]]:
    """Return the table of epochs as numbers; what a row lacks is left out."""
    try:
        return {
            int(row["epoch"]): {
                "step": float(row["step"]),
                **{name: float(text) for name, text in row.items() if text and name not in ("epoch", "step")},
            }
            for row in run_folder.read_table(path)
        }
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(f"{path} is not the table that a run writes: {error}.") from None


def _snapshot(path: Path) -> Image.Image:
    """Return a snapshot in colours; where it has an alpha channel, over white."""
    try:
        with Image.open(path) as picture:
            if picture.mode == "RGBA":
                white = Image.new("RGBA", picture.size, "white")
                return Image.alpha_composite(white, picture).convert("RGB")
            return picture.convert("RGB")
    except (OSError, SyntaxError) as error:
        raise UserError(f"{path} cannot be read as a picture: {error}.") from None
