"""The losses of a run: history.csv, losses.png, and scalars for TensorBoard."""

from __future__ import annotations

import os
import time

import keras
import tensorflow as tf
from matplotlib.figure import Figure

from kerasgan import run_folder
from kerasgan.paths import expanded, for_tensorflow
from kerasgan.spacing import due

FIRST_DRAWING = 3.0  # seconds after the start: a run that ends before is drawn once, at its end
ROWS = 10_000  # of a long run: a megabyte or two
POINTS = 1000  # of each of TensorBoard's curves, which shows no more: 0.1 MB


class History(keras.callbacks.Callback):
    """Write one row for each epoch, and draw them. Rows that a resumed run takes again are replaced.

    Of more than 10,000 planned epochs, about as many have a row, and of more than 1,000, about as many a point in
    TensorBoard: see kerasgan.spacing. The last one always has.

    TensorBoard has them by player: discriminator/d_loss beside discriminator/learning_rate; what belongs to no one
    player is in epoch/.
    """

    chief_only = True

    def __init__(self, run: str | os.PathLike, seconds_between_drawings: float = 30.0):
        super().__init__()
        self.run = expanded(run)
        self.seconds_between_drawings = seconds_between_drawings

    def on_train_begin(self, logs=None):
        self.drawn_at = time.monotonic() + FIRST_DRAWING - self.seconds_between_drawings
        self.path = self.run / "history.csv"
        self.writer = tf.summary.create_file_writer(for_tensorflow(self.run / "tensorboard"))
        self.table = self.last = None

    def on_epoch_begin(self, epoch, logs=None):
        if self.table is None:  # now, as on_train_begin is too early to tell a run that goes on
            epochs = {int(row["epoch"]): row for row in run_folder.read_table(self.path)}
            stay = [row for n, row in epochs.items() if n <= epoch and due(n, self.params["epochs"], ROWS)]
            self.table = run_folder.Table(self.path, stay)

    def on_epoch_end(self, epoch, logs=None):
        step = self.model.run_steps
        rates = {name: float(o.learning_rate.numpy()) for name, o in self.model.optimizers.items()}
        row = {"epoch": epoch + 1, "step": step, **(logs or {})}
        row |= {f"{player}_learning_rate": rate for player, rate in rates.items()}
        self.last = row, self._scalars(logs or {}, rates)
        self._write(True)
        if time.monotonic() > self.drawn_at + self.seconds_between_drawings:
            self._draw()

    def on_train_end(self, logs=None):
        if self.last is not None:
            self._write(False)
        self.writer.close()
        self._draw()

    def _write(self, is_due):
        """Write of the last epoch what is due, or else the rest."""
        row, scalars = self.last
        if due(row["epoch"], self.params["epochs"], ROWS) == is_due:
            self.table.add(row)
        if due(row["epoch"], self.params["epochs"], POINTS) == is_due:
            with self.writer.as_default(step=row["step"]):
                for name, value in scalars.items():
                    tf.summary.scalar(name, value)

    def _scalars(self, logs, rates):
        found = {f"{self.model.reports.get(name.removeprefix('val_')) or 'epoch'}/{name}": logs[name] for name in logs}
        for player, optimizer in self.model.optimizers.items():
            found[f"{player}/learning_rate"] = rates[player]
            if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
                found[f"{player}/loss_scale"] = optimizer.dynamic_scale.numpy()
        return found

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
