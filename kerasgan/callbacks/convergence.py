"""Is it learning? What a run shows of that while it goes on, and a verdict in plain words."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import os

import keras
import numpy as np
import tensorflow as tf
from scipy.spatial.distance import cdist

from kerasgan import images, metrics, progress, run_folder
from kerasgan.augment import ADA
from kerasgan.callbacks.verdicts import LONG, verdict
from kerasgan.data.batches import Batches
from kerasgan.metrics.features import fitted
from kerasgan.paths import expanded, for_tensorflow
from kerasgan.spacing import due

MOST_LOOKS = 1000  # at a long run: half a megabyte of numbers, and two for TensorBoard
SAMPLES = 64  # that are looked at each time: enough for means of distances, and as many as a snapshot has
REAL = 256  # training images that they are compared with
MEMORISABLE = 2000  # training images, up to which all are compared with samples: to learn more by heart takes long
SMALL = 16  # pixels of images that are compared as they are: a classifier sees no more in them than their pixels say
SIDE = 64  # pixels of the largest images that features are taken of: those of larger ones would take too long


class Convergence(keras.callbacks.Callback):
    """Look at what the model makes every `steps` steps, or four times an epoch if that is rarer; say what it means.

    data: what fit() trains on
    steps: from one look to the next
    held_out: data of the same kind that is not trained on, for the discriminator to be asked of

    Of a run for which more than 1,000 looks are planned, about as many are taken: see kerasgan.spacing.

    Writes a row for each look into convergence.csv, and TensorBoard scalars `convergence/...`. At the end of an epoch
    the verdict goes into run.json and, when it is another one, to the console and to TensorBoard; at a loss that is
    not finite, at once. Needs the run.json of `Record`. Nothing here depends on the clock, or changes the model: a
    resumed run says what it would have said.
    """

    chief_only = True

    def __init__(self, run: str | os.PathLike, data: Batches, steps: int = 100, held_out: Batches | None = None):
        super().__init__()
        self.run, self.data, self.steps, self.held_out = expanded(run), data, steps, held_out
        self.rows = None

    def on_train_begin(self, logs=None):
        self.path = self.run / "convergence.csv"
        self.writer = tf.summary.create_file_writer(for_tensorflow(self.run / "tensorboard"))
        self.every = max(self.steps, (self.params["steps"] or 0) // 4)
        self.planned = self.params["epochs"] * (self.params["steps"] or 0)
        self.looker = None

    def on_epoch_begin(self, epoch, logs=None):
        if self.rows is None:  # now, as a resumed run has its step back
            self.table = run_folder.Table(self.path, self._taken_up(self.model.run_steps))
            before = verdict(self.rows)
            self.said = before and before.name
            self.new = self.broken = False

    def on_train_batch_end(self, batch, logs=None):
        step = self.model.run_steps
        losses = {f"loss/{name}": logs[name] for name in self.model.reports}  # the first is what is minimised
        before, self.broken = self.broken, not all(math.isfinite(value) for value in losses.values())
        if self.broken and not before:
            self._add({"step": step, **losses})  # samples of what is broken would say nothing
            self._say()
        elif not self.broken and self._is_due(step):
            self.looker = self.looker or _Looker(self.model, self.data, self.held_out)
            self._add({"step": step, **losses, **self._players(), **self.looker.look()})

    def on_epoch_end(self, epoch, logs=None):
        self._say()

    def on_train_end(self, logs=None):
        self.writer.close()

    def _taken_up(self, now):
        """Let `rows` be the looks at a run up to step `now` that this one would have taken, and return them as text."""
        self.rows, stay = [], []
        for row in run_folder.read_table(self.path):
            step = int(row["step"])
            if step <= now and self._is_due(step):
                self._take({**{name: float(value) for name, value in row.items() if value}, "step": step})
                stay.append(row)
        return stay

    def _is_due(self, step):
        return not self.rows or (step - 1) // self.every >= self.next

    def _take(self, row):
        self.rows.append(row)
        n = (row["step"] - 1) // self.every
        of = max(self.planned // self.every, n)  # of a run whose length is unknown, what there has been
        self.next = next(later for later in itertools.count(n + 1) if due(later, of, MOST_LOOKS))

    def _players(self):
        """Return each player's last loss and how it swings, and how large its last gradient and its weights are."""
        found = {}
        for player, norm in self.model.gradient_norms.items():
            found[f"last_loss/{player}"] = last = float(self.model.last_losses[player].numpy())
            before = [r[f"last_loss/{player}"] for r in self.rows if f"last_loss/{player}" in r]
            found[f"oscillation/{player}"] = oscillation([*before, last][-LONG:])
            found[f"gradient/{player}"] = float(norm.numpy())
            squares = [np.square(w.numpy(), dtype=np.float64).sum() for w in self.model.weights_of(player)]
            found[f"weights/{player}"] = math.sqrt(sum(squares))
        return found

    def _add(self, row):
        self._take(row)
        self.table.add(row)
        self.new = True
        with self.writer.as_default(step=int(row["step"])):
            for name, value in row.items():
                if name != "step" and not name.startswith(("loss/", "last_loss/")):  # History has those
                    tf.summary.scalar(f"convergence/{name}", value)

    def _say(self):
        found = verdict(self.rows) if self.new else None
        self.new = False
        if found is None:
            return
        run_folder.write(self.run, {**run_folder.read(self.run), "verdict": dataclasses.asdict(found)})
        if found.name != self.said:
            self.said = found.name
            progress.say(str(found), self.params)
            with self.writer.as_default(step=int(self.rows[-1]["step"])):
                tf.summary.text("convergence/verdict", str(found))


class _Looker:
    """The images that a model is looked at with, and the measures of what it makes of them."""

    def __init__(self, model, data, held_out=None):
        self.model = model
        partly = data.takes == "partly_labelled"  # whose images come twice: by turns with a label, if they have one
        batch = _examples(data, 2 * REAL if partly else REAL)
        columns = batch if isinstance(batch, tuple) else (batch,)
        pictures = [column for column in columns if len(column.shape) == 4]
        self.first = tf.nest.map_structure(lambda t: t[:SAMPLES], batch)
        self.held_out = None if held_out is None else _examples(held_out, SAMPLES)
        self.sources = images.to_uint8(pictures[0][:SAMPLES])
        targets, self.labels, self.training = images.to_uint8(pictures[-1]).numpy(), None, None
        if data.takes.endswith("labelled"):
            known = columns[1].numpy() >= 0
            self.labels, self.labelled = columns[1].numpy()[known], features(targets[known])
            targets = targets[~known] if partly else targets
        self.real = features(targets)
        self.ends_of_real = share_at_the_ends(targets)
        # what is 0 of these, as of one image, of images that are alike, or of one class, nothing can be compared with
        self.spread, self.nearest = mean_distance(self.real), nearest_other(self.real[:SAMPLES])
        if "sample" in model.endpoints() and 1 < data.examples <= MEMORISABLE:
            parts = [part[0] if isinstance(part, tuple) else part for part in data.in_order()]
            different = np.unique(np.concatenate([reduced(part) for part in parts]), axis=0)
            self.training = different if len(different) > 1 else None

    def look(self):
        with self.model.averaged():
            return {**self._judged(), **self._of_samples(self._made())}

    def _made(self):
        """Return uint8 images that the model makes: samples, or what becomes of the given ones."""
        verbs = self.model.endpoints()
        if "sample" in verbs:
            return verbs["sample"][0](SAMPLES, 0)
        return verbs["translate" if "translate" in verbs else "reconstruct"][0](self.sources)

    def _judged(self):
        judged = self._sides(self.first)
        if judged is None:
            return {}
        real, fake = judged
        if self.model.judges_in == "scores":
            found = {"critic_gap": real.mean() - fake.mean(), "ranking": (real[:, None] > fake).mean()}
        else:
            accuracy = ((real > 0.5).mean() + (fake <= 0.5).mean()) / 2
            found = {"d_real": real.mean(), "d_fake": fake.mean(), "accuracy": accuracy}
        found["r_t"] = np.sign(real - self.model.undecided(real, fake)).mean()
        if self.model.judges_images:
            p = self.model.augmentation.p.numpy() if isinstance(self.model.augmentation, ADA) else 1.0
            found["p"] = float(p) if self.model.augmentation else 0.0
        if self.held_out is not None and real.mean() > fake.mean():
            unseen, _ = self._sides(self.held_out)
            found["r_v"] = (real.mean() - unseen.mean()) / (real.mean() - fake.mean())
        return found

    def _sides(self, batch):
        """Return D(x) of a batch and D(G(z)), each float64[n]; None without a discriminator."""
        judged = self.model.judged(batch)
        return judged and tuple(np.ravel(side.numpy()).astype(np.float64) for side in judged)

    def _of_samples(self, made):
        made = made.numpy()
        found = {"saturation": share_at_the_ends(made) - self.ends_of_real}
        fake = features(made)
        spread, to_real = mean_distance(fake), cdist(fake, self.real)
        if self.spread > 0:
            found["diversity"] = spread / self.spread
            found["distance"] = (2 * to_real.mean() - spread) / self.spread - 1
        if self.nearest > 0:
            found["nearest"] = nearest_other(fake[: len(self.real)]) / self.nearest
        if self.training is not None:
            copies = cdist(reduced(images.from_uint8(made)), self.training)
            nearest, second = np.partition(copies, 1, axis=1)[:, :2].T
            found["novelty"] = np.median(nearest / second)
        if self.labels is not None and entropy(self.labels) > 0:
            nearest = self.labels[cdist(fake, self.labelled).argmin(axis=1)]
            found["class_entropy"] = entropy(nearest) / entropy(self.labels)
        return found


def oscillation(losses: list[float]) -> float:
    """Return how much a loss swings: its mean change from one look to the next, over its mean size; 0 of one look."""
    size = np.abs(losses).mean()
    return float(np.abs(np.diff(losses)).mean() / size) if len(losses) > 1 and size > 0 else 0.0


def _examples(data, n):
    """Return n training examples, or all there are if there are fewer, as one batch: some of the shuffled."""
    batches = max(1, min(len(data), -(-n // data.batch_size)))
    return tf.nest.map_structure(lambda t: t[:n], next(iter(data.stream(lambda: 0, batches))))


def features(pictures: np.ndarray) -> np.ndarray:
    """Return float64[n, dimension] of uint8 images: those of a classifier of colour images, or small images' pixels.

    Whatever larger images are of, features tell what pixels do not: Gaussian blotches of the right colours in the right
    places are as near to photographs, in 16x16 pixels, as other photographs are.
    """
    if max(pictures.shape[1:3]) <= SMALL:
        return reduced(images.from_uint8(tf.constant(pictures)))
    shape = (*(min(SIDE, side) for side in pictures.shape[1:3]), 3)
    return _network()(fitted(pictures, shape)).astype(np.float64)


@functools.cache
def _network():
    return metrics.feature_network("cifar10")


def reduced(x: tf.Tensor) -> np.ndarray:
    """Return images in [-1, 1] as float64[n, dimension]: of 16 x 16 pixels or smaller, each the mean of a block."""
    size = [min(SMALL, side) for side in x.shape[1:3]]
    return tf.image.resize(x, size, "area").numpy().reshape(len(x), -1).astype(np.float64)


def mean_distance(a: np.ndarray) -> float:
    """Return the mean distance of each of a[n, dimension] to each other one; 0 of one."""
    return cdist(a, a).sum() / max(1, len(a) * (len(a) - 1))


def nearest_other(a: np.ndarray) -> float:
    """Return the median, over up to 256 of a[n, dimension], of the distance to the nearest other one; 0 of one."""
    if len(a) < 2:
        return 0.0
    some = a[np.linspace(0, len(a) - 1, min(len(a), REAL)).astype(int)]
    return np.median(np.partition(cdist(some, a), 1, axis=1)[:, 1])


def share_at_the_ends(pictures: np.ndarray) -> float:
    """Return the share of uint8 pixel values that are 0 or 255."""
    return float(((pictures == 0) | (pictures == 255)).mean())


def entropy(labels: np.ndarray) -> float:
    """Return the entropy in nats of how often each of the labels[n] occurs; 0 of one class, or of no label."""
    p = np.unique(labels, return_counts=True)[1] / len(labels)
    return float((p * -np.log(p)).sum())
