"""Small settings of a variant, small data for it, and what tests of its promises share."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasgan.data import Batches
from kerasgan.model import GenerativeModel
from kerasgan.variants import class_of, variant

SHAPE = (12, 10, 1)  # the least at which every network of the zoo has all kinds of its layers
CLASSES = 3
USUAL = {"latent_dim": 4, "width": 4, "classes": CLASSES, "total_steps": 8}  # of constructors that take them
GIVEN: dict[str, dict[str, Any]] = {}  # settings of this process, by variant: what its class cannot know


def settings(key: str) -> dict[str, Any]:
    """Return the arguments that make a variant small: the usual ones, those that its class gives, and GIVEN."""
    usual = {name: value for name, value in USUAL.items() if name in variant(key).arguments}
    return {**usual, **class_of(key).small, **GIVEN.get(key, {})}


def small_model(key: str, shape: tuple = SHAPE, seed: int = 0, **compile_arguments) -> GenerativeModel:
    """Return a compiled model of a variant."""
    keras.utils.set_random_seed(seed)
    model = class_of(key)(image_shape=shape, **settings(key))
    model.compile(**compile_arguments)
    return model


def source_shape(key: str, shape: tuple = SHAPE) -> tuple:
    """Return the shape of what a variant makes an image of `shape` from: smaller for super-resolution."""
    scale = settings(key).get("scale", 1) if class_of(key).takes == "pairs" else 1
    return (-(-shape[0] // scale), -(-shape[1] // scale), shape[2])


def small_batches(key: str, shape: tuple = SHAPE, batch_size: int = 4, examples: int = 32) -> Batches:
    """Return 8 batches of random pixels of what the variant takes."""
    rng = np.random.default_rng(0)

    def pixels(shape=shape):
        return rng.integers(0, 256, (examples, *shape), np.uint8)

    takes = class_of(key).takes
    labels = rng.integers(0, CLASSES, examples).astype(np.int32)
    columns = {
        "images": (pixels(),),
        "labelled": (pixels(), labels),
        "partly_labelled": (pixels(), np.where(np.arange(examples) % 2, -1, labels)),
        "pairs": (pixels(source_shape(key, shape)), pixels()),
        "domains": (pixels(), pixels()),
    }[takes]
    return Batches(columns, takes, batch_size, classes=CLASSES, about={"name": "random pixels"})


def one_batch(model: GenerativeModel, key: str, shape: tuple = SHAPE, batch_size: int = 4) -> Any:
    """Return what one train_step of the model takes."""
    batches = small_batches(key, shape, batch_size)
    return next(iter(batches.stream(lambda: 0, model.batches_per_step)))


def two_logical_devices() -> None:
    """Let TensorFlow see the CPU as two devices. It has to be called before TensorFlow is used."""
    (cpu, *_) = tf.config.list_physical_devices("CPU")
    if len(tf.config.get_logical_device_configuration(cpu) or ()) < 2:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


@functools.cache
def two_devices() -> tf.distribute.Strategy:
    """Return one strategy for the process: the collectives of a second one would clash with its."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def values(variables: list[keras.Variable]) -> list[np.ndarray]:
    return [v.numpy() for v in variables]


def assert_same(ours: list[keras.Variable], theirs: list[keras.Variable]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)
