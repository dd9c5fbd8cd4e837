"""The losses of a run: history.csv, losses.png, and scalars for TensorBoard."""

from __future__ import annotations

import os
import time
from pathlib import Path

import keras
import tensorflow as tf
from matplotlib.figure import Figure

from kerasgan import run_folder
from kerasgan.paths import for_tensorflow


class History(keras.callbacks.Callback):
    """Write one row for each epoch, and draw them. Rows that a resumed run takes again are replaced.

    TensorBoard has them by player: discriminator/d_loss beside discriminator/learning_rate; what belongs to no one
    player is in epoch/.
    """

    def __init__(self, run: str | os.PathLike, seconds_between_drawings: float = 30.0):
        super().__init__()
        self.run = Path(run)
        self.seconds_between_drawings = seconds_between_drawings
        self.drawn_at = float("-inf")

    def on_train_begin(self, logs=None):
        self.path = self.run / "history.csv"
        self.writer = tf.summary.create_file_writer(for_tensorflow(self.run / "tensorboard"))

    def on_epoch_end(self, epoch, logs=None):
        step = self.model.run_steps
        rates = {name: float(o.learning_rate.numpy()) for name, o in self.model.optimizers.items()}
        row = {"epoch": epoch + 1, "step": step, **(logs or {})}
        row |= {f"{player}_learning_rate": rate for player, rate in rates.items()}
        rows = [r for r in run_folder.read_table(self.path) if int(r["epoch"]) <= epoch]
        run_folder.write_table(self.path, [*rows, row])
        with self.writer.as_default(step=step):
            for name, value in (logs or {}).items():
                player = self.model.reports.get(name.removeprefix("val_")) or "epoch"
                tf.summary.scalar(f"{player}/{name}", value)
            for player, optimizer in self.model.optimizers.items():
                tf.summary.scalar(f"{player}/learning_rate", rates[player])
                if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
                    tf.summary.scalar(f"{player}/loss_scale", optimizer.dynamic_scale.numpy())
        if time.monotonic() > self.drawn_at + self.seconds_between_drawings:
            self._draw()

    def on_train_end(self, logs=None):
        self.writer.close()
        self._draw()

    def _draw(self):
        rows = run_folder.read_table(self.path)
        names = [n for n in rows[0] if n not in ("epoch", "step") and not n.endswith("_learning_rate")] if rows else []
        if not names:
            return
        figure = Figure(figsize=(8, 2.2 * len(names)), layout="constrained")
        for axes, name in zip(figure.subplots(len(names), sharex=True, squeeze=False)[:, 0], names, strict=True):
            drawn = [(int(r["step"]), float(r[name])) for r in rows if r.get(name)]
            axes.plot(*zip(*drawn, strict=True), marker="." if len(drawn) < 20 else None, linewidth=1)
            axes.set_ylabel(name)
            axes.grid(alpha=0.3)
        axes.set_xlabel("training step")
        figure.suptitle(f"{type(self.model).__name__}: mean of each epoch")
        part = self.run / "losses.part"
        figure.savefig(part, dpi=100, format="png")
        os.replace(part, self.run / "losses.png")
        self.drawn_at = time.monotonic()
