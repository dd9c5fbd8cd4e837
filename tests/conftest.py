"""Small settings of every variant, small data for it, and what tests of all variants share."""

import functools
import os
import shutil
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
# XLA compiles for a few steps of small models here: code that is slow is soon made.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasgan.data import Batches
from kerasgan.models import MODELS

CPU = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(CPU, [tf.config.LogicalDeviceConfiguration()] * 2)

FEATURES = os.path.join(tempfile.mkdtemp(prefix="kerasgan-"), "features.keras")  # _features writes and removes it

SHAPE = (12, 8, 1)
CLASSES = 3
SMALL = {
    "gan": {"latent_dim": 4, "width": 8},
    "dcgan": {"latent_dim": 4, "width": 4},
    "cgan": {"latent_dim": 4, "classes": CLASSES},
    "acgan": {"latent_dim": 4, "classes": CLASSES, "width": 4},
    "projection_gan": {"latent_dim": 4, "classes": CLASSES, "width": 4, "n_dis": 2},
    "lsgan": {"latent_dim": 4, "width": 4},
    "wgan": {"latent_dim": 4, "width": 4, "n_critic": 2},
    "alpha_gan": {"latent_dim": 4, "width": 4},
    "wgan_gp": {"latent_dim": 4, "width": 4, "n_critic": 2},
    "sgan": {"latent_dim": 4, "classes": CLASSES, "width": 4},
    "cyclegan": {"width": 4, "blocks": 1, "total_steps": 8},
    "vae": {"latent_dim": 4, "width": 8},
    "pix2pix": {"width": 4},
    "context_encoder": {"width": 4, "overlap": 2},
    "srresnet": {"scale": 4, "width": 4, "blocks": 1},
    "srgan": {"scale": 4, "width": 4, "blocks": 1, "features": FEATURES, "total_steps": 8},
    "autoencoder": {"latent_dim": 4, "width": 16},
    "denoising_autoencoder": {"width": 8},
    "f_anogan": {"latent_dim": 4, "width": 4},
    "ddpm": {"width": 4, "multipliers": "1,2", "blocks": 1, "timesteps": 20, "sampling_steps": 3, "warmup": 1},
    "real_nvp": {"width": 4, "couplings": 1, "blocks": 1, "total_steps": 100},
}


def every_variant(f):
    """Run a test once for each variant; those of one variant share a process, and with it what they trace."""
    groups = [pytest.param(key, marks=pytest.mark.xdist_group(key)) for key in SMALL]
    return pytest.mark.parametrize("key", groups)(f)


def small_model(key, shape=SHAPE, seed=0, **compile_arguments):
    keras.utils.set_random_seed(seed)
    model = MODELS[key](image_shape=shape, **SMALL[key])
    model.compile(**compile_arguments)
    return model


def source_shape(key, shape=SHAPE):
    """The shape of what a variant makes an image of `shape` from: smaller for super-resolution."""
    scale = SMALL[key].get("scale", 1) if MODELS[key].takes == "pairs" else 1
    return (-(-shape[0] // scale), -(-shape[1] // scale), shape[2])


def small_batches(key, shape=SHAPE, batch_size=4, examples=32):
    """8 batches of random pixels of what the variant takes."""
    rng = np.random.default_rng(0)

    def pixels(shape=shape):
        return rng.integers(0, 256, (examples, *shape), np.uint8)

    takes = MODELS[key].takes
    labels = rng.integers(0, CLASSES, examples).astype(np.int32)
    columns = {
        "images": (pixels(),),
        "labelled": (pixels(), labels),
        "partly_labelled": (pixels(), np.where(np.arange(examples) % 2, -1, labels)),
        "pairs": (pixels(source_shape(key, shape)), pixels()),
        "domains": (pixels(), pixels()),
    }[takes]
    return Batches(columns, takes, batch_size, classes=CLASSES, about={"name": "random pixels"})


def one_batch(model, key, shape=SHAPE, batch_size=4):
    batches = small_batches(key, shape, batch_size)
    return next(iter(batches.stream(lambda: 0, model.batches_per_step)))


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


@functools.cache
def two_devices():
    """One strategy for the process: the collectives of a second one would clash with its."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def values(variables):
    return [v.numpy() for v in variables]


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)


@pytest.fixture(autouse=True, scope="session")
def _features():
    """The feature network of small settings."""
    image = keras.Input((None, None, 3))
    keras.Model(image, keras.layers.Conv2D(4, 3, 2, activation="relu")(image)).save(FEATURES)
    yield
    shutil.rmtree(os.path.dirname(FEATURES))


@pytest.fixture(autouse=True)
def _float32_again():
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def steps_taken_eagerly():
    """For trainings of so few steps that to trace them would take longer; test_contract.py traces every variant."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def real_data():
    """The folder of real data sets that the whole suite can do without."""
    folder = Path(os.environ.get("KERASGAN_TEST_DATA", ""))
    if not (folder / "tfds/mnist").is_dir() or not (folder / "facades").is_dir():
        pytest.skip("KERASGAN_TEST_DATA does not name a folder with tfds/mnist and facades in it")
    return folder
