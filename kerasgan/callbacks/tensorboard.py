"""What TensorBoard shows of a run beside its losses and pictures: hyperparameters, histograms, an embedding projector.

Its files are in the run's folder `tensorboard`.
"""

from __future__ import annotations

import os
import re

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from tensorboard.plugins import projector
from tensorboard.plugins.hparams import api as hp

from kerasgan import images
from kerasgan.data.batches import Batches
from kerasgan.data.sources import Source
from kerasgan.errors import one_line
from kerasgan.paths import expanded, for_tensorflow
from kerasgan.saved_model import LiveModel
from kerasgan.spacing import due

ENCODED = 1000  # images that the projector shows, and
NUMBERS = 2_000_000  # the most that their latents may be in all: more than this, a browser does not bear
THUMBNAIL = 64  # pixels of the larger side
HISTOGRAMS = 100  # of each weight of a long run: a kilobyte each


class Hyperparameters(keras.callbacks.Callback):
    """Write what a run was started with, once, so that TensorBoard compares the last losses of runs by it."""

    chief_only = True

    def __init__(self, run: str | os.PathLike, data: Batches):
        super().__init__()
        self.run, self.data = expanded(run), data

    def on_epoch_begin(self, epoch, logs=None):  # on_train_begin is too early to tell a run that goes on
        if self.model.run_steps:
            return
        writer = tf.summary.create_file_writer(for_tensorflow(self.run / "tensorboard"))
        with writer.as_default():
            hp.hparams(hyperparameters(self.model, self.data))
        writer.close()


def hyperparameters(model: keras.Model, data: Batches) -> dict[str, bool | float | str]:
    """Return the variant, its constructor's arguments, each player's optimizer, and the data, as TensorBoard has them.

    A learning rate that changes is there by the name of its schedule.
    """
    about = model.describe()
    found = {"variant": about["variant"], **about["hyperparameters"], "precision": about["precision"]}
    for player, optimizer in about["optimizers"].items():
        rate = optimizer["learning_rate"]
        found[f"{player}.optimizer"] = optimizer["class"]
        found[f"{player}.learning_rate"] = rate["class_name"] if isinstance(rate, dict) else rate
    found |= {"data": data.about.get("name"), "task": data.about.get("task", data.takes)}
    found |= {"batch_size": data.batch_size, "accumulate": about["accumulate"], "seed": data.seed}
    return {name: _plain(value) for name, value in found.items()}


def _plain(value):
    if isinstance(value, tuple | list):
        return "x".join(map(str, value))
    return value if isinstance(value, bool | int | float) else one_line(str(value))


class Histograms(keras.callbacks.Callback):
    """Write the weights of each player, before training and after each epoch; of more than 100, after about as many.

    See kerasgan.spacing for which; the last one is always among them.
    """

    chief_only = True

    def __init__(self, run: str | os.PathLike):
        super().__init__()
        self.run = expanded(run)

    def on_train_begin(self, logs=None):
        self.writer = tf.summary.create_file_writer(for_tensorflow(self.run / "tensorboard"))
        self.left_out = False

    def on_epoch_begin(self, epoch, logs=None):
        if self.model.run_steps == 0:
            self._write()

    def on_epoch_end(self, epoch, logs=None):
        self.left_out = not due(epoch + 1, self.params["epochs"], HISTOGRAMS)
        if not self.left_out:
            self._write()

    def on_train_end(self, logs=None):
        if self.left_out:
            self._write()
        self.writer.close()

    def _write(self):
        with self.writer.as_default(step=self.model.run_steps):
            for player in self.model.optimizers:
                for i, w in enumerate(self.model.weights_of(player)):
                    tf.summary.histogram(f"{player}/{i:03d}_{_name(w)}", w.numpy())


def _name(w):
    """Return a weight's path without the numbers that Keras counts up in a process: a resumed run has other ones."""
    return "_".join(re.sub(r"_\d+$", "", part) for part in w.path.split("/"))


class Projector(keras.callbacks.Callback):
    """At the end, encode images for TensorBoard's embedding projector, if the model has the verb `encode`.

    They are the same 1,000 each time, or fewer if their latents are more than two million numbers, drawn from all;
    with their labels, if they have any. The name of the embedding says which images they are.
    """

    chief_only = True

    def __init__(self, run: str | os.PathLike, source: Source):
        super().__init__()
        self.folder, self.source = expanded(run) / "tensorboard", source

    def on_train_end(self, logs=None):
        if "encode" not in self.model.endpoints():
            return
        shown = self._images(ENCODED)
        with self.model.averaged():
            latents = self._encoded(shown)
        shown = shown[: len(latents)]
        np.savetxt(self.folder / "latents.tsv", latents, "%.6g", "\t")
        thumbnails = _thumbnails(shown)
        images.write_png(self.folder / "sprite.png", images.grid(images.near_square(thumbnails), gap=0))
        config = projector.ProjectorConfig()
        embedding = config.embeddings.add(tensor_path="latents.tsv", tensor_name=self._name(len(shown)))
        embedding.sprite.image_path = "sprite.png"
        embedding.sprite.single_image_dim.extend(thumbnails.shape[2:0:-1])
        if self.source.labels is not None:
            rows = "".join(f"{one_line(str(label))}\n" for label in self._labels(len(shown)))
            (self.folder / "labels.tsv").write_text(rows, encoding="utf-8")
            embedding.metadata_path = "labels.tsv"
        projector.visualize_embeddings(for_tensorflow(self.folder), config)

    def _chosen(self, n):
        return np.random.default_rng(0).permutation(len(self.source.images))[:n]  # files come class by class

    def _images(self, n):
        return self.source.images[self._chosen(n)]

    def _labels(self, n):
        names = dict(enumerate(self.source.about.get("class_names", ())))
        labels = self.source.labels[self._chosen(n)].tolist()
        return [names.get(label, label) if label >= 0 else "unknown" for label in labels]

    def _encoded(self, shown: np.ndarray, block: int = 100) -> np.ndarray:
        encode, parts = LiveModel(self.model).encode, []
        for start in range(0, len(shown), block):
            part = encode(images=shown[start : start + block])
            parts.append(part.reshape(len(part), -1).astype(np.float32))
            if sum(p.size for p in parts) >= NUMBERS:
                break
        latents = np.concatenate(parts)
        return latents[: max(1, NUMBERS // latents.shape[1])]

    def _name(self, n: int) -> str:
        about = self.source.about
        split = about.get("split", "train")
        which = "which it learnt from" if split == "train" else f"of the {split} split"
        return one_line(f"{n:,} images of {about.get('name', 'the data')}, {which}")


def learnt(data: Batches) -> Source:
    """Return the images that a model learns from, and their labels, if it is given any."""
    labels = data.columns[1] if data.takes.endswith("labelled") else None
    return Source(data.columns[0], labels, data.classes, data.about)


def _thumbnails(shown: np.ndarray) -> np.ndarray:
    factor = min(1, THUMBNAIL / max(shown.shape[1:3]))
    height, width = (max(1, round(side * factor)) for side in shown.shape[1:3])
    if (height, width) == shown.shape[1:3]:
        return shown
    small = [np.asarray(images.to_pil(image).resize((width, height), Image.Resampling.BOX)) for image in shown]
    return np.stack(small).reshape(len(shown), height, width, -1)
