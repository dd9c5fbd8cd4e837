"""Every variant at its small settings, and what tests of all variants share."""

import contextlib
import os
import shutil
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasgan import trained_models
from kerasgan.contract import XLA_FLAGS

# With the last one, TensorFlow 2.21 compiles twice as fast.
os.environ["XLA_FLAGS"] = f"{XLA_FLAGS} --xla_cpu_use_fusion_emitters=false"
pytest.register_assert_rewrite("kerasgan.contract.promises")

from kerasgan import explore, pictures  # noqa: E402
from kerasgan.contract import small  # noqa: E402
from kerasgan.contract.small import CLASSES, assert_same, settings, two_devices, values  # noqa: E402, F401 - for tests
from kerasgan.models import MODELS  # noqa: E402

small.two_logical_devices()

CACHE = Path(tempfile.mkdtemp(prefix="kerasgan-cache-"))  # so that tests leave nothing in the user's
for downloaded in trained_models.cache().glob("*-*"):  # what was downloaded there serves tests, too
    (CACHE / downloaded.name).symlink_to(downloaded)
os.environ["KERASGAN_CACHE"] = str(CACHE)

FEATURES = os.path.join(tempfile.mkdtemp(prefix="kerasgan-"), "features.keras")  # _features writes and removes it
small.GIVEN["srgan"] = {"features": FEATURES}
SMALL = {key: settings(key) for key in MODELS}
SHAPE = (12, 8, 1)  # not that of the contract: what holds at one size alone holds by chance


def small_model(key, shape=SHAPE, seed=0, **compile_arguments):
    return small.small_model(key, shape, seed, **compile_arguments)


def source_shape(key, shape=SHAPE):
    return small.source_shape(key, shape)


def small_batches(key, shape=SHAPE, batch_size=4, examples=32):
    return small.small_batches(key, shape, batch_size, examples)


def one_batch(model, key, shape=SHAPE, batch_size=4):
    return small.one_batch(model, key, shape, batch_size)


def every_variant(f):
    """Run a test once for each variant; those of one variant share a process, and with it what they trace."""
    return pytest.mark.parametrize("key", each_variant())(f)


def each_variant():
    return [pytest.param(key, marks=pytest.mark.xdist_group(key)) for key in SMALL]


def losses_of_players(model, batch, monkeypatch):
    """The loss that each minimize() was given, at one point: no player moves."""
    found = {}
    monkeypatch.setattr(model, "minimize", lambda player, loss, tape: found.setdefault(player, []).append(float(loss)))
    logs = model.train_step(batch)
    return found, {name: float(value) for name, value in logs.items()}


def constant_logit(model, network, value):
    """Let a network score every image the same: its last layer weighs nothing and adds `value`."""
    score = getattr(model, network).layers[-1]
    score.set_weights([np.zeros_like(score.get_weights()[0]), np.array([value], np.float32)])


@pytest.fixture(autouse=True, scope="session")
def _features():
    """The feature network of small settings."""
    image = keras.Input((None, None, 3))
    keras.Model(image, keras.layers.Conv2D(4, 3, 2, activation="relu")(image)).save(FEATURES)
    yield
    shutil.rmtree(os.path.dirname(FEATURES))


@pytest.fixture(autouse=True, scope="session")
def _cache():
    yield
    shutil.rmtree(CACHE)


@pytest.fixture(autouse=True)
def _float32_again():
    yield
    keras.config.set_dtype_policy("float32")


@contextlib.contextmanager
def taken_eagerly():
    """Take steps eagerly, as is quicker where so few are taken; test_contract.py traces every variant."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def steps_taken_eagerly():
    with taken_eagerly():
        yield


@pytest.fixture(scope="session")
def real_data():
    """The folder of real data sets that the whole suite can do without."""
    folder = Path(os.environ.get("KERASGAN_TEST_DATA", ""))
    if not (folder / "tfds/mnist").is_dir() or not (folder / "facades").is_dir():
        pytest.skip("KERASGAN_TEST_DATA does not name a folder with tfds/mnist and facades in it")
    return folder


@pytest.fixture
def tables(monkeypatch):
    """What explore drew: the arguments of each table."""
    drawn = []

    def kept(cells, title, **names):
        drawn.append({"cells": cells, "title": title, **names})
        return pictures.table(cells, title, **names)

    monkeypatch.setattr(explore, "table", kept)
    return drawn
