"""What is published can be used, and gone on with, wherever it is; on the way to a stand-in of the hub and back."""

import json
import os
import re
import socket
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import FEATURES, small_model, taken_eagerly
from hub_stand_in import TOKEN, Hub
from PIL import Image

import kerasgan
from kerasgan import callbacks, hub, publish, run_folder
from kerasgan.cli import main
from kerasgan.errors import UserError

NAME = "hf://ada/drawings"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two steps of a small DCGAN, on pictures from a folder of this machine."""
    folder = tmp_path_factory.mktemp("of_this_machine")
    pictures = folder / "pictures"
    pictures.mkdir()
    for i, picture in enumerate(np.random.default_rng(0).integers(0, 256, (8, 12, 8), np.uint8)):
        Image.fromarray(picture).save(pictures / f"{i}.png")
    batches = kerasgan.data.load(str(pictures), image_size=(12, 8), batch_size=4)
    model = small_model("dcgan")
    with taken_eagerly():
        model.fit(batches, epochs=1, verbose=0, callbacks=callbacks.standard(folder / "run", batches))
    return folder / "run"


def as_command(run, **more):
    """Let a run say that it was started by a command, with paths of this machine."""
    record = run_folder.read(run)
    command = (
        f"kerasgan train dcgan --data {run.parent}/pictures --run {run} --data-dir=/home/ada/tfds "
        "--features /home/ada/f.keras"
    )
    return {**record, "command": command, **more}


def texts_of(folder):
    """Every file's content, that in .keras files among it."""
    for file in folder.rglob("*"):
        if file.suffix == ".keras":
            with zipfile.ZipFile(file) as archive:
                yield from ((f"{file}/{name}", archive.read(name)) for name in archive.namelist())
        elif file.is_file():
            yield str(file), file.read_bytes()


def test_a_folder_has_what_it_takes_to_use_a_model_and_to_go_on(run, tmp_path):
    to = publish.write(run, tmp_path / "drawings")
    assert {f.name for f in to.iterdir()} == {
        "README.md", "LICENSE", "samples.png", "run.json", "model.keras", "saved_model",
    }  # fmt: skip
    drawn = [kerasgan.load(place).sample(n=3, seed=5) for place in (run, to)]
    np.testing.assert_array_equal(*drawn)
    ours, model = kerasgan.restore(run), small_model("dcgan", seed=3)
    record = kerasgan.go_on_from(to, model)
    assert record["kind"] == ".keras file"
    assert set(record["networks"]) == {"generator", "discriminator"}
    for mine, theirs in zip(model.discriminator.weights, ours.discriminator.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert "MIT License" in (to / "LICENSE").read_text()


def test_no_file_says_where_things_were_on_this_machine(run, tmp_path):
    to = publish.write(run, tmp_path / "drawings")
    place = str(run.parent).encode()
    assert place in (run / "run.json").read_bytes()  # what is looked for is there to be found
    assert [name for name, content in texts_of(to) if place in content] == []
    assert run_folder.read(to)["data"]["name"] == "pictures"


def test_a_command_is_published_without_its_places(run):
    command = publish.placeless(as_command(run))["command"]
    assert command == "kerasgan train dcgan --data pictures --features f.keras"
    went_on = {"source": "/home/ada/runs/first", "networks": {"generator": {"new": ["../x"]}}}
    assert publish.placeless(as_command(run, went_on_from=went_on))["went_on_from"]["source"] == "first"


def test_the_card_has_the_metadata_that_hugging_face_reads(run, tmp_path):
    yaml = pytest.importorskip("yaml")
    text = (publish.write(run, tmp_path / "drawings", NAME) / "README.md").read_text()
    _, head, body = text.split("---\n", 2)
    assert yaml.safe_load(head) == {
        "license": "mit",
        "library_name": "keras",
        "tags": ["kerasgan", "dcgan", "gan"],
        "pipeline_tag": "unconditional-image-generation",
    }
    for said in ("# DCGAN", "arxiv.org/abs/1511.06434", NAME, "2 steps (1 epoch) of pictures", "not measured"):
        assert said in body, said
    assert "](samples.png)" in body


def test_a_trained_models_card_has_its_measures_and_says_that_networks_are_missing(tmp_path):
    to = publish.write("dcgan_mnist", tmp_path / "digits")
    text = (to / "README.md").read_text()
    assert not (to / "model.keras").exists()
    assert "There is no `.keras` file of all networks" in text
    (index,) = json.loads(re.search(r"^model-index: (.*)$", text, re.MULTILINE)[1])
    metrics = {m["name"]: m for m in index["results"][0]["metrics"]}
    assert metrics["MNIST-FID"]["type"] == "MNIST-FID"  # whose features are not Inception's
    assert f"samples: MNIST-FID | {metrics['MNIST-FID']['value']:.3g}"[:-1] in text
    assert 'datasets: ["mnist"]' in text
    assert 'library_name: "tensorflow"' in text
    assert "the kerasgan authors" in (to / "LICENSE").read_text()


@pytest.mark.parametrize(
    ("name", "pipeline"),
    [("sgan_mnist", "image-classification"), ("srgan_facades", "image-to-image"), ("f_anogan_mnist", "image-to-image")],
)
def test_what_a_model_does_is_its_pipeline(tmp_path, name, pipeline):
    text = (publish.write(name, tmp_path / name) / "README.md").read_text()
    assert f'pipeline_tag: "{pipeline}"' in text
    assert ("](samples.png)" in text) == (tmp_path / name / "samples.png").exists()


def test_the_weights_of_all_networks_are_those_that_were_exported(run, tmp_path):
    """Of a run that exported its best checkpoint, that one is published, with what was measured of it."""

    class Best(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                state = tf.train.Checkpoint(state=[v.value for v in self.model.state()])
                tf.train.CheckpointManager(state, str(tmp_path / "run/best"), 1).save(checkpoint_number=2)

    batches = kerasgan.data.load(str(run.parent / "pictures"), image_size=(12, 8), batch_size=4)
    model = small_model("dcgan")
    with taken_eagerly():
        watching = callbacks.standard(tmp_path / "run", batches, more=[Best()], best=True)
        model.fit(batches, epochs=2, verbose=0, callbacks=watching)
    rows = [{"epoch": 1, "step": 2, "seconds": 1, "KID": 0.25}, {"epoch": 2, "step": 4, "seconds": 2, "KID": 0.5}]
    run_folder.write_table(tmp_path / "run/evaluation.csv", rows)
    to = publish.write(tmp_path / "run", tmp_path / "drawings")
    published = keras.models.load_model(to / "model.keras")
    best, last = (kerasgan.restore(tmp_path / "run", folder) for folder in ("best", "checkpoints"))
    for mine, theirs in zip(published.weights, best.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert not np.array_equal(best.generator.weights[0], last.generator.weights[0])
    text = (to / "README.md").read_text()
    assert "| KID | 0.25 |" in text
    assert "| KID | 0.5 |" not in text
    assert '{"type": "KID", "name": "KID", "value": 0.25}' in text


def test_a_keras_file_does_not_say_where_a_feature_network_was(run, tmp_path, monkeypatch):
    model = small_model("srgan")
    assert os.path.isabs(model.hyperparameters["features"])
    monkeypatch.setattr("kerasgan.callbacks.checkpoints.exported", lambda run: model)
    assert publish._write_keras(run, run / "saved_model", tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        config = archive.read("config.json").decode()
    assert "features.keras" in config
    assert os.path.dirname(FEATURES) not in config


def test_a_licence_is_one_by_name_or_a_file(run, tmp_path):
    (tmp_path / "ours.txt").write_text("Do what you like.")
    assert publish._licence(str(tmp_path / "ours.txt"), "Ada") == ("other", "Do what you like.")
    assert publish._licence("cc-by-4.0", "Ada")[0] == "cc-by-4.0"
    with pytest.raises(UserError, match=r"No Such! is neither a file nor"):
        publish.check(run, None, "No Such!")


def test_a_folder_that_holds_something_is_left_alone(run, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("Dear")
    assert main(["publish", str(run), "-o", str(tmp_path / "mine")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert os.listdir(tmp_path / "mine") == ["letter.txt"]
    assert os.listdir(tmp_path) == ["mine"]


def test_mistakes_are_said_before_anything_is_written(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for words, said in (
        (["--private"], "--private is for what is uploaded"),
        (["--to", "ada/drawings"], "ada/drawings is no name of a model on the hub: give hf://user/name."),
        (["--to", "hf://drawings"], "hf://drawings is no name of a model on the hub"),
        (["--to", f"{NAME}@main"], "names a revision"),
    ):
        assert main(["publish", str(run), *words]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_without_the_package_a_line_says_how_to_get_it(run, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    for words in (["publish", str(run), "--to", NAME], ["generate", NAME]):
        assert main(words) == 2
        assert "kerasgan[hub]" in capsys.readouterr().err


# ---- the hub --------------------------------------------------------------------------------------------------------


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A hub on this machine, and a client of it that begins with an empty cache and has a token."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    constants = pytest.importorskip(
        "huggingface_hub.constants", reason="huggingface_hub is not installed: no test of hf://"
    )
    its = Hub()
    monkeypatch.setenv("HF_ENDPOINT", its.address)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # a protocol of its own, of another server
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no_token"))
    yield its
    its.close()


@pytest.fixture
def published(stand_in, run):
    assert main(["publish", str(run), "--to", NAME]) == 0
    return stand_in


def failed(capsys, *words):
    """The one line in which a command said why it failed."""
    capsys.readouterr()
    assert main([*map(str, words)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("kerasgan: ")
    assert error.count("\n") == 1, error
    return error


def test_a_model_draws_the_same_after_the_way_to_the_hub_and_back(stand_in, run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["publish", str(run), "--to", NAME, "--private"]) == 0
    assert f"{stand_in.address}/ada/drawings" in capsys.readouterr().out
    assert stand_in.private == {"ada/drawings": True}
    assert stand_in.objects  # large files took their own way
    assert [f for f in os.listdir(tmp_path) if f != "cache"] == []  # without -o, no folder is left
    drawn = kerasgan.load(NAME).sample(n=3, seed=5)
    np.testing.assert_array_equal(drawn, kerasgan.load(run).sample(n=3, seed=5))
    assert not any(path.endswith((".keras", "README.md")) for how, path in stand_in.asked if how == "GET")
    assert main(["generate", NAME, "-n", "4", "-o", "a.png"]) == 0
    assert main(["generate", str(run), "-n", "4", "-o", "b.png"]) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_one_goes_on_from_the_hub_with_all_networks(published, run):
    model, ours = small_model("dcgan", seed=3), kerasgan.restore(run)
    record = kerasgan.go_on_from(NAME, model)
    assert (record["kind"], record["source"]) == (".keras file", NAME)
    np.testing.assert_array_equal(model.discriminator.weights[0], ours.discriminator.weights[0])


def test_what_was_downloaded_works_without_the_hub(published):
    sha = published.sha("ada/drawings")
    drawn = kerasgan.load(NAME).sample(n=2, seed=0)
    published.close()
    hub._FOUND.clear()  # as another process begins
    np.testing.assert_array_equal(kerasgan.load(NAME).sample(n=2, seed=0), drawn)
    np.testing.assert_array_equal(kerasgan.load(f"{NAME}@{sha}").sample(n=2, seed=0), drawn)


def test_a_new_version_takes_the_place_of_an_older_one(published, run, tmp_path):
    assert main(["publish", NAME, "-o", str(tmp_path / "again")]) == 0  # from the hub
    assert (tmp_path / "again" / "model.keras").is_file()
    published.repositories["ada/drawings"]["saved_model/variables/variables.data-00001-of-00002"] = b"older"
    assert main(["publish", str(tmp_path / "again"), "--to", NAME]) == 0
    files = {f.relative_to(tmp_path / "again").as_posix() for f in (tmp_path / "again").rglob("*") if f.is_file()}
    assert set(published.repositories["ada/drawings"]) == files | {".gitattributes"}


def test_what_others_have_on_the_hub_is_left_alone(stand_in, run, capsys):
    stand_in.repositories["ada/letters"] = {"letter.txt": b"Dear"}
    stand_in.private["ada/letters"] = False
    assert "holds something else" in failed(capsys, "publish", run, "--to", "hf://ada/letters")
    assert stand_in.repositories["ada/letters"] == {"letter.txt": b"Dear"}
    assert "there you are ada, and not bob" in failed(capsys, "publish", run, "--to", "hf://bob/drawings")
    stand_in.repositories["bob/drawings"] = {"kerasgan.json": b"{}"}
    stand_in.private["bob/drawings"] = False
    assert "there you are ada, and not bob" in failed(capsys, "publish", run, "--to", "hf://bob/drawings")
    assert stand_in.repositories["bob/drawings"] == {"kerasgan.json": b"{}"}
    stand_in.repositories["ada/public"], stand_in.private["ada/public"] = {}, False
    assert "is public" in failed(capsys, "publish", run, "--to", "hf://ada/public", "--private")


def test_a_token_that_is_missing_or_wrong_is_said_before_anything_is_done(stand_in, run, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    assert "does not accept the token" in failed(capsys, "publish", run, "--to", NAME)
    monkeypatch.delenv("HF_TOKEN")
    assert "there is no token" in failed(capsys, "publish", run, "--to", NAME)
    assert stand_in.repositories == {}


def test_what_goes_wrong_on_the_way_is_one_line(stand_in, run, monkeypatch, capsys):
    assert "no such repository" in failed(capsys, "generate", "hf://ada/nothing")
    stand_in.answers["GET", "/api/whoami-v2"] = 500
    assert "answered 500" in failed(capsys, "publish", run, "--to", NAME)
    stand_in.answers = {("POST", "/commit/main"): 403}
    assert "forbids" in failed(capsys, "publish", run, "--to", NAME)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        assert "refused" in failed(capsys, "publish", run, "--to", NAME)
        assert "refused" in failed(capsys, "generate", NAME)


def test_a_revision_that_there_is_not_is_one_line(published, capsys):
    assert "no such revision" in failed(capsys, "generate", f"{NAME}@older")


def test_a_broken_download_is_one_line_and_nothing_is_used(published, tmp_path, monkeypatch, capsys):
    published.cut_short = True
    assert f"{NAME} cannot be downloaded" in failed(capsys, "generate", NAME, "-o", tmp_path / "a.png")
    published.cut_short = False
    assert main(["generate", NAME, "-o", str(tmp_path / "a.png")]) == 0  # and it is whole when it comes whole


@pytest.mark.parametrize("about", [None, b"[]", b"{}", b"{", b'{"variant": "dcgan", "verbs": "sample"}'])
def test_a_repository_of_something_else_is_no_model(stand_in, capsys, about):
    its = {"README.md": b"# Poems", "config.json": b"{}", "variables/variables.index": b"x"}
    stand_in.repositories["bob/poems"] = its if about is None else {**its, "kerasgan.json": about}
    stand_in.private["bob/poems"] = False
    error = failed(capsys, "generate", "hf://bob/poems")
    assert "holds no model of kerasgan" in error
    assert not any(path.endswith("variables.index") for _, path in stand_in.asked)


@pytest.mark.parametrize("name", ["hf://", "hf://ada", "hf://ada/x/y", "hf://../x", "hf://ada/x@", "hf://ada/ x"])
def test_wrong_names_are_said(name):
    with pytest.raises(UserError, match="is no name of a model on the hub"):
        hub.folder(name)
