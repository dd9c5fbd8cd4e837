"""What TensorBoard reads in a run folder, by its own readers, and the command that opens it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import quote

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import CLASSES, SHAPE, every_variant, small_batches, small_model
from PIL import Image
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins import base_plugin
from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin

from kerasgan import callbacks, run_folder
from kerasgan.callbacks.tensorboard import hyperparameters
from kerasgan.cli import main
from kerasgan.data import Batches, Source
from kerasgan.saved_model import LiveModel


def fit(run, key="gan", epochs=2, resume=False, seed=0, **standard):
    model, batches = small_model(key, seed=seed), small_batches(key)
    model.fit(batches, epochs=epochs, verbose=0, callbacks=callbacks.standard(run, batches, resume, **standard))
    return model


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder of two runs: of a GAN, and of a VAE with histograms."""
    folder = tmp_path_factory.mktemp("runs")
    fit(folder / "gan")
    fit(folder / "vae", "vae", histograms=True)
    return folder


def steps_of(run, kind="tensors"):
    """{tag: its steps} of all event files of a run."""
    found = {}
    for file in (run / "tensorboard").glob("events.*"):
        events = EventAccumulator(str(file), size_guidance={"tensors": 0})
        events.Reload()
        for tag in events.Tags()[kind]:
            found.setdefault(tag, []).extend(e.step for e in events.Tensors(tag))
    return found


def context(folder):
    """What TensorBoard's plugins are given of a folder of runs."""
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(folder)).Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(folder))
    return base_plugin.TBContext(data_provider=provider, logdir=str(folder), multiplexer=multiplexer)


# ---- scalars --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_scalars_are_grouped_by_player(tmp_path, policy):
    keras.config.set_dtype_policy(policy)
    fit(tmp_path / "run", "wgan_gp", epochs=1)
    others = ("_", "convergence/")
    scalars = {tag for tag in steps_of(tmp_path / "run") if "/" in tag and not tag.startswith(others)}
    expected = {"critic/wasserstein", "critic/d_loss", "critic/learning_rate"}
    expected |= {"generator/g_loss", "generator/learning_rate"}
    scales = {"critic/loss_scale", "generator/loss_scale"} if policy == "mixed_float16" else set()
    assert scalars == expected | scales


def test_what_belongs_to_no_player_and_what_is_held_out_have_their_places(tmp_path):
    fit(tmp_path / "alpha_gan", "alpha_gan", epochs=1)
    assert "epoch/reconstruction" in steps_of(tmp_path / "alpha_gan")
    model, batches = small_model("vae"), small_batches("vae")
    watching = callbacks.standard(tmp_path / "vae", batches)
    model.fit(batches, epochs=1, verbose=0, validation_data=small_batches("vae"), callbacks=watching)
    assert {"autoencoder/loss", "autoencoder/val_loss"} <= set(steps_of(tmp_path / "vae"))


# ---- hyperparameters ------------------------------------------------------------------------------------------------


@every_variant
def test_hyperparameters_are_plain_in_every_variant(key):
    found = hyperparameters(small_model(key), small_batches(key))
    assert {type(value) for value in found.values()} <= {bool, int, float, str}
    assert found["variant"] == key
    rates = [value for name, value in found.items() if name.endswith(".learning_rate")]
    assert rates
    assert all(isinstance(rate, float) or re.fullmatch(r"[A-Za-z]+", rate) for rate in rates)


def test_hyperparameters_are_written_once(tmp_path):
    fit(tmp_path / "run", epochs=1)
    fit(tmp_path / "run", epochs=2, resume=True)
    assert steps_of(tmp_path / "run")["_hparams_/session_start_info"] == [0]


# ---- histograms -----------------------------------------------------------------------------------------------------


def test_histograms_are_written_on_request(runs, tmp_path):
    assert not [tag for tag in steps_of(runs / "gan") if re.search(r"/\d{3}_", tag)]
    found = {tag: steps for tag, steps in steps_of(runs / "vae").items() if re.search(r"/\d{3}_", tag)}
    model = small_model("vae")
    assert len(found) == len(model.weights_of("autoencoder"))
    assert set(map(tuple, found.values())) == {(0, 8, 16)}
    assert all(re.fullmatch(r"autoencoder/\d{3}_[a-z_]*(kernel|bias|gamma|beta)", tag) for tag in found), found

    def tags(run):
        return {tag for tag in steps_of(run) if re.search(r"/\d{3}_", tag)}

    small_model("vae")  # Keras counts its layers, too
    fit(tmp_path / "again", "vae", epochs=1, histograms=True)
    assert tags(tmp_path / "again") == set(found)


def test_a_histogram_is_of_the_weights(runs):
    model = small_model("vae")
    counts = [int(np.prod(w.shape)) for w in model.weights_of("autoencoder")]
    for file in (runs / "vae/tensorboard").glob("events.*"):
        events = EventAccumulator(str(file), size_guidance={"tensors": 0})
        events.Reload()
        for tag in events.Tags()["tensors"]:
            if match := re.search(r"/(\d{3})_", tag):
                for event in events.Tensors(tag):
                    assert tf.make_ndarray(event.tensor_proto)[:, 2].sum() == counts[int(match[1])]


# ---- embedding projector --------------------------------------------------------------------------------------------


def embedding(folder, run):
    """What the projector reads: the embedding, its tensor, the labels, and the sprite image."""
    plugin = ProjectorPlugin(context(folder))
    plugin._update_configs()
    found = plugin._configs[run].embeddings[0]
    tensor = plugin.tensor_cache.get((run, found.tensor_name))
    place = Path(plugin.config_fpaths[run]).parent
    labels = (place / found.metadata_path).read_text().splitlines() if found.metadata_path else None
    return found, tensor, labels, np.asarray(Image.open(place / found.sprite.image_path))


def test_the_projector_shows_what_the_model_encodes(tmp_path):
    rng = np.random.default_rng(2)
    pixels, labels = rng.integers(0, 256, (1200, *SHAPE), np.uint8), np.repeat(np.arange(CLASSES), 400).astype(np.int32)
    about = {"name": "noise", "split": "test", "class_names": ["cat", "dog", "owl"]}
    model = fit(tmp_path / "vae", "vae", projected=Source(pixels, labels, CLASSES, about))
    found, tensor, names, sprite = embedding(tmp_path, "vae/tensorboard")
    assert found.tensor_name == "1,000 images of noise, of the test split"
    chosen = np.random.default_rng(0).permutation(1200)[:1000]
    np.testing.assert_allclose(tensor, LiveModel(model).encode(images=pixels[chosen]), rtol=1e-4, atol=1e-5)
    assert names == [about["class_names"][labels[i]] for i in chosen]
    width, height = found.sprite.single_image_dim
    assert (height, width) == SHAPE[:2]
    columns = sprite.shape[1] // width
    assert columns == 32
    for i in (0, 31, 32, 999):
        row, column = divmod(i, columns)
        shown = sprite[row * height : (row + 1) * height, column * width : (column + 1) * width]
        np.testing.assert_array_equal(shown, pixels[chosen[i], ..., 0])


def test_without_other_images_the_projector_shows_what_was_learnt(runs):
    found, tensor, labels, _ = embedding(runs, "vae/tensorboard")
    assert found.tensor_name == "32 images of random pixels, which it learnt from"
    assert tensor.shape == (32, 4)
    assert labels is None
    assert not (runs / "gan/tensorboard/projector_config.pbtxt").exists()  # it encodes nothing


def test_large_latents_are_fewer_and_large_images_smaller(tmp_path, monkeypatch):
    monkeypatch.setattr(callbacks.tensorboard, "NUMBERS", 40)
    monkeypatch.setattr(callbacks.tensorboard, "THUMBNAIL", 6)
    fit(tmp_path / "vae", "vae", epochs=1)
    found, tensor, _, sprite = embedding(tmp_path, "vae/tensorboard")
    assert tensor.shape == (10, 4)
    assert found.tensor_name.startswith("10 images of ")
    assert list(found.sprite.single_image_dim) == [4, 6]
    assert sprite.shape == (3 * 6, 4 * 4)


def test_labels_that_are_unknown_are_called_so(tmp_path):
    shown = np.zeros((6, *SHAPE), np.uint8)
    callback = callbacks.Projector(tmp_path, Source(shown, np.array([0, -1, 2, 0, -1, 2], np.int32), 3, {}))
    assert sorted(map(str, callback._labels(6))) == ["0", "0", "2", "2", "unknown", "unknown"]


def test_what_is_learnt_keeps_its_labels():
    batches = small_batches("cgan")
    source = callbacks.tensorboard.learnt(batches)
    assert isinstance(batches, Batches)
    np.testing.assert_array_equal(source.labels, batches.columns[1])


# ---- on the command line --------------------------------------------------------------------------------------------


def train(*arguments):
    small = ["--epochs", "1", "--image-size", "8", "--batch-size", "500", "--latent-dim", "2", "--width", "8"]
    assert main(["train", "vae", *small, *map(str, arguments)]) == 0


def test_train_writes_histograms_and_projects_what_is_held_out(tmp_path, capsys, steps_taken_eagerly):
    for split, n in (("train", 520), ("test", 20)):
        for name in ("a", "b"):
            (tmp_path / f"photos/{split}/{name}").mkdir(parents=True)
            for i in range(n // 2):
                Image.new("L", (8, 8), i % 256).save(tmp_path / f"photos/{split}/{name}/{i}.png")
    train("--data", tmp_path / "photos", "--run", tmp_path / "run", "--histograms")
    assert any(re.search(r"autoencoder/\d{3}_", tag) for tag in steps_of(tmp_path / "run"))
    found, tensor, labels, _ = embedding(tmp_path, "run/tensorboard")
    assert found.tensor_name == f"20 images of {tmp_path / 'photos'}, of the test split"
    assert tensor.shape == (20, 2)
    assert sorted(labels) == ["a"] * 10 + ["b"] * 10
    assert "photos" not in capsys.readouterr().err


def test_train_says_where_there_is_nothing_held_out(tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    for i in range(500):
        Image.new("L", (8, 8), i % 256).save(tmp_path / f"photos/{i}.png")
    train("--data", tmp_path / "photos", "--run", tmp_path / "run")
    said = capsys.readouterr().out
    assert "has no test split" in said
    assert "TensorBoard's embedding projector will show images that were learnt." in said
    assert embedding(tmp_path, "run/tensorboard")[0].tensor_name.endswith("photos, which it learnt from")
    train("--run", tmp_path / "digits")
    found, _, labels, _ = embedding(tmp_path, "digits/tensorboard")
    assert found.tensor_name == "1,000 images of digits, which it learnt from"
    assert set(labels) == set("0123456789")


def serve(folder):
    """Start the command; return the process and the address that it prints."""
    command = [sys.executable, "-m", "kerasgan.cli", "tensorboard", str(folder), "--port", "0"]
    serving = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job ignores Ctrl-C, and so would this, under one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    line = serving.stdout.readline()
    return serving, re.fullmatch(rf"TensorBoard shows {folder} at (http://\S+/) until Ctrl-C.\n", line)[1]


def fetch(address, route, **request):
    query = f"?request={quote(json.dumps(request))}" if request else ""
    return json.load(urllib.request.urlopen(f"{address}data/{route}{query}", timeout=60))


def fetch_runs(address, n):
    """The names of all runs, which TensorBoard finds one after another."""
    for _ in range(600):
        if len(found := fetch(address, "runs")) == n:
            return found
        time.sleep(0.1)
    raise TimeoutError


def test_the_command_serves_a_run_until_it_is_interrupted(runs):
    serving, address = serve(runs / "gan")
    try:
        assert fetch_runs(address, 1) == ["tensorboard"]
        assert "discriminator/d_loss" in fetch(address, "plugin/scalars/tags")["tensorboard"]
        os.kill(serving.pid, signal.SIGINT)
        assert serving.wait(60) == 0
        assert serving.stderr.read() == ""
    finally:
        serving.kill()
        serving.wait()


def test_runs_are_compared_by_their_hyperparameters_and_last_losses(runs):
    serving, address = serve(runs)
    try:
        assert sorted(fetch_runs(address, 2)) == ["gan/tensorboard", "vae/tensorboard"]
        metrics = fetch(address, "plugin/hparams/experiment", includeMetrics=True)["metricInfos"]
        columns = [{"metric": metric["name"]} for metric in metrics]
        statuses = ["STATUS_UNKNOWN", "STATUS_RUNNING", "STATUS_SUCCESS"]
        groups = fetch(
            address, "plugin/hparams/session_groups", sliceSize=9, allowedStatuses=statuses, colParams=columns
        )["sessionGroups"]
    finally:
        serving.kill()
        serving.wait()
    found = {group["hparams"]["variant"]: group for group in groups}
    assert set(found) == {"gan", "vae"}
    assert found["gan"]["hparams"] == {
        "variant": "gan",
        "image_shape": "12x8x1",
        "latent_dim": 4,
        "width": 8,
        "minimax": False,
        "precision": "float32",
        "discriminator.optimizer": "Adam",
        "discriminator.learning_rate": pytest.approx(2e-4),
        "generator.optimizer": "Adam",
        "generator.learning_rate": pytest.approx(2e-4),
        "data": "random pixels",
        "task": "images",
        "batch_size": 4,
        "accumulate": 1,
        "seed": 0,
    }
    last = run_folder.read_table(runs / "gan/history.csv")[-1]
    shown = {(m["name"].get("group", ""), m["name"]["tag"]): m["value"] for m in found["gan"]["metricValues"]}
    shown = {tag: value for (_, tag), value in shown.items()}
    assert shown["discriminator/d_loss"] == pytest.approx(float(last["d_loss"]), rel=1e-5)
    assert shown["generator/g_loss"] == pytest.approx(float(last["g_loss"]), rel=1e-5)


def test_mistakes_of_the_command_are_one_line(runs, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for arguments, said in [
            ([tmp_path / "nowhere"], "nowhere: give a run folder, or a folder of several."),
            ([tmp_path / "file"], "There is no folder "),
            ([tmp_path / "empty"], "empty holds nothing for TensorBoard yet"),
            ([runs, "--port", "no"], "no is not a whole number from 0"),
            ([runs, "--port", "70000"], "bind to port 70000 > 65535: choose another --port."),
            ([runs, "--port", port], f"could not bind to port {port}, it was already in use: choose another --port."),
        ]:
            assert main(["tensorboard", *map(str, arguments)]) == 2
            error = capsys.readouterr().err
            assert said in error
            assert error.count("\n") == 1


def test_names_of_any_kind_are_a_line_each(tmp_path):
    (tmp_path / "tensorboard").mkdir()
    names = ["Ω 猫", "line\nbreak", os.fsdecode(b"caf\xe9")]
    shown = np.zeros((3, *SHAPE), np.uint8)
    about = {"name": os.fsdecode(b"caf\xe9"), "class_names": names}
    callback = callbacks.Projector(tmp_path, Source(shown, np.arange(3, dtype=np.int32), 3, about))
    callback.set_model(small_model("autoencoder"))
    callback.on_train_end()
    lines = (tmp_path / "tensorboard/labels.tsv").read_text(encoding="utf-8").splitlines()
    assert sorted(lines) == sorted(["Ω 猫", r"line\nbreak", r"caf\udce9"])
    batches = Batches((shown,), "images", 1, about=about)
    assert hyperparameters(small_model("gan"), batches)["data"] == r"caf\udce9"
