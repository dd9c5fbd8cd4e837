"""kerasgan evaluate: what is measured on which data, and one line for every mistake."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import every_variant, small_model
from PIL import Image

import kerasgan
from kerasgan import images
from kerasgan.cli import main
from kerasgan.held_out import HeldOut

SHAPE = (12, 8, 1)


def pixels(n, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), np.uint8)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """An empty folder with a data set of three classes and a network to measure with."""
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", images=pixels(40), labels=np.arange(40, dtype=np.int32) % 3)
    image = keras.Input((None, None, 1))
    keras.Model(image, keras.layers.Conv2D(4, 3, 4)(image)).save("network.keras")


def measured(capsys, *arguments):
    assert main(["evaluate", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def values(record, group):
    return {one["name"]: one["value"] for one in record["measures"][group]}


@every_variant
def test_every_variant_is_measured_by_all_it_can_do(key, capsys):
    model = small_model(key)
    model.export("model", data={"name": "data.npz", "task": model.task or model.takes, "halves": None, "normal": 1})
    verbs = kerasgan.load("model").about["verbs"]
    more = ["--features", "network.keras", "-n", 20, "--draws", 2]
    if key in ("cyclegan", "pix2pix"):  # which are judged by pairs that they cannot have of single images
        np.savez("data.npz", images=pixels(40), source=pixels(40), target=pixels(40, seed=1))
        model.export("model", data={"name": "data.npz", "task": "pairs"})
    if "anomaly_score" in verbs:
        for label, folder in enumerate(("0", "1", "2")):
            for split in ("train", "test"):
                for i in range(20):
                    save(f"pictures/{split}/{folder}/{i}.png", pixels(1, seed=100 * label + i)[0])
        more += ["--data", "pictures"]
    record = measured(capsys, "model", *more)
    expected = {
        "sample": "samples",
        "reconstruct": "reconstructions",
        "translate": "translations",
        "translate_back": "translations back",
        "classify": "classes",
        "log_prob": "likelihood",
        "anomaly_score": "anomalies",
    }
    assert set(record["measures"]) == {expected[verb] for verb in verbs if verb in expected}
    numbers = [one["value"] for its in record["measures"].values() for one in its]
    assert np.isfinite(numbers).all()
    assert record["variant"] == key


def save(path, image):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[..., 0]).save(path)


def test_numbers_are_those_of_the_saved_model(capsys):
    small_model("sgan").export("model", data={"name": "data.npz", "task": "partly_labelled", "labels": 6})
    record = measured(capsys, "model", "--features", "network.keras", "-n", 30, "--draws", 1)
    chosen = np.random.default_rng(0).permutation(40)[:30]
    logits = kerasgan.load("model").classify(images=pixels(40)[chosen])
    assert values(record, "classes")["accuracy"] == (logits.argmax(1) == chosen % 3).mean()
    network = kerasgan.metrics.feature_network("network.keras")
    sampled = network(kerasgan.load("model").sample(n=30, seed=0))
    expected = kerasgan.metrics.frechet_distance(sampled, network(pixels(40)[chosen]))
    assert values(record, "samples")["Frechet distance (network)"] == pytest.approx(expected)
    assert record["network"] == {
        "name": "network",
        "sha256": network.sha256,
        "image_shape": [None, None, 1],
        "resizer": "bicubic, antialiased",
    }
    assert record["data"] == {"name": "data.npz", "split": "train"}


def test_what_was_learnt_of_one_class_is_compared_with_that_class(capsys):
    small_model("wgan_gp").export("model")
    for split in ("train", "test"):
        for label in (0, 1):
            for i in range(9):
                save(f"pictures/{split}/{label}/{i}.png", pixels(1, seed=50 * label + i)[0] // 2 + 120 * label)
    arguments = ["model", "--data", "pictures", "--features", "network.keras", "--draws", 1]
    one = values(measured(capsys, *arguments, "--normal", "1"), "samples")["Frechet distance (network)"]
    network = kerasgan.metrics.feature_network("network.keras")
    ones = np.concatenate([pixels(1, seed=50 + i) // 2 + 120 for i in range(9)])
    expected = kerasgan.metrics.frechet_distance(network(kerasgan.load("model").sample(n=9, seed=0)), network(ones))
    assert one == pytest.approx(expected)


def test_pairs_of_two_halves_judge_both_ways_of_a_translator_without_pairs(capsys):
    small_model("cyclegan").export("model", data={"name": "pictures", "task": "domains", "halves": ["left", "right"]})
    both = np.concatenate([pixels(6), pixels(6, seed=1)], axis=2)
    for i, picture in enumerate(both):
        save(f"pictures/test/{i}.png", picture)
        save(f"pictures/train/{i}.png", picture)
    record = measured(capsys, "model")
    model = kerasgan.load("model")
    there = np.abs(model.translate(images=both[:, :, :8]).astype(float) - both[:, :, 8:]).mean() / 255
    back = np.abs(model.translate_back(images=both[:, :, 8:]).astype(float) - both[:, :, :8]).mean() / 255
    assert values(record, "translations")["L1"] == pytest.approx(there)
    assert values(record, "translations back")["L1"] == pytest.approx(back)
    assert record["network"] is None  # nothing is sampled


def test_degradations_are_made_again(capsys):
    small_model("srresnet").export("model", data={"name": "data.npz", "task": "super_resolution", "scale": 4})
    record = measured(capsys, "model", "-n", 10)
    pairs = kerasgan.data.load("data.npz", task="super_resolution", scale=4, batch_size=1)
    sources, targets = (images.to_uint8(side).numpy() for side in pairs.first(10))
    made = kerasgan.load("model").translate(images=sources)
    assert values(record, "translations")["L1"] == pytest.approx(np.abs(made.astype(float) - targets).mean() / 255)


def test_a_model_that_damages_its_own_sources_is_measured_on_mending_them(capsys):
    small_model("context_encoder").export("model", data={"name": "data.npz", "task": "images"})
    model, targets = kerasgan.load("model"), HeldOut({}, SHAPE, "data.npz").images(10)
    sources = model.degrade(images=targets)
    assert (sources != targets).any()
    found = {m["name"]: m for m in measured(capsys, "model", "-n", "10")["measures"]["translations"]}
    for key, images_ in (("value", model.translate(images=sources)), ("beside", sources)):
        assert found["L1"][key] == pytest.approx(np.abs(images_.astype(float) - targets).mean() / 255)
    record = measured(capsys, "model", "-n", "10", "--task", "denoising")  # another damage
    assert values(record, "translations")["L1"] != pytest.approx(found["L1"]["value"])


def test_translations_of_another_size_than_the_targets_are_not_measured(capsys):
    small_model("srresnet").export("model", data={"name": "data.npz", "task": "denoising"})
    assert main(["evaluate", "model"]) == 2
    told = "become 48 x 32, and the targets are 12 x 8: give the --task that was learnt.\n"
    assert capsys.readouterr().err.endswith(told)


def test_the_table_says_what_was_measured_with_what(capsys):
    small_model("cgan").export("model", data={"name": "data.npz", "task": "labelled"})
    assert main(["evaluate", "model", "--features", "network.keras", "-n", "20"]) == 0
    said = capsys.readouterr().out
    sha256 = kerasgan.metrics.feature_network("network.keras").sha256
    for part in (
        "cgan, 0 steps; data.npz, train split",
        "images that it may have learnt from",
        f"samples are measured with network {sha256[:12]} (any x any x 1, bicubic, antialiased)",
        "samples, 20 in each draw",
        "Frechet distance (network)",
        " ± ",
    ):
        assert part in said


def test_data_that_has_nothing_but_images_to_train_on_is_known_by_its_whole_name():
    splits = {name: HeldOut({}, SHAPE, name).split for name in ("digits", "x/y.npz", "photos/my_digits", "mnist")}
    assert splits == {"digits": "train", "x/y.npz": "train", "photos/my_digits": "test", "mnist": "test"}


@pytest.mark.parametrize(
    ("folders", "split"),
    [
        ([], "train"),
        (["train", "test"], "test"),
        (["train", "val"], "train"),
        (["cats", "dogs", "test"], "train"),  # a class
        (["trainA", "trainB", "testA", "testB"], "test"),
        (["unpacked/train", "unpacked/test"], "test"),
    ],
)
def test_a_folder_without_a_test_split_is_compared_with_itself(folders, split, tmp_path):
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    assert HeldOut({}, SHAPE, str(tmp_path)).split == split


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("nothing", "There is no nothing"),
        ("model", "does not say what it was trained on: give --data"),
        ("model --data nowhere", "There is no data set nowhere"),
        ("model --data data.npz --split test", "data.npz has no test split"),
        ("model --data data.npz --features nowhere", "There is no network nowhere"),
        ("model --data data.npz -n 0", "not a whole number from 1"),
        ("translator --data data.npz", "judged by pairs, and it learnt without: give --task"),
    ],
)
def test_mistakes_are_answered_in_one_line(arguments, said, capsys):
    small_model("gan").export("model")
    small_model("cyclegan").export("translator", data={"name": "x", "task": "domains"})
    arguments = arguments.split()
    if "--features" not in arguments:
        arguments += ["--features", "network.keras"]
    assert main(["evaluate", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("n", [1, 3])
def test_few_pictures_are_measured_by_what_they_can_be(n, capsys):
    for split in ("train", "test"):
        for i in range(n):
            save(f"pictures/{split}/{i}.png", pixels(1, seed=i)[0])
    small_model("vae").export("model", data={"name": "./pictures", "task": "images"})
    record = measured(capsys, "model", "--features", "network.keras")
    assert set(record["measures"]) == {"samples", "reconstructions"}
    assert ("Frechet distance (network)" in values(record, "samples")) == (n > 1)
    assert "precision" not in values(record, "samples")
    reasons = [reason.partition(":")[0] for reason in record["unmeasured"]]
    assert "precision, recall, density, coverage" in reasons
    assert reasons[-2:] == ["SSIM", "AUC of the anomaly score"]
    assert main(["evaluate", "model", "--features", "network.keras"]) == 0
    table = capsys.readouterr().out
    assert "\nnot measured\n" in table
    assert f"take 6 images or more; here {'is 1' if n == 1 else 'are 3'}\n" in table


def test_one_measure_that_cannot_be_taken_leaves_the_others(capsys):
    small_model("f_anogan").export("scorer", data={"name": "data.npz", "task": "one_class", "normal": [1]})
    features = ["--features", "network.keras"]
    record = measured(capsys, "scorer", *features)  # of data that has no other split than what was learnt
    assert set(record["measures"]) == {"samples", "reconstructions"}
    assert "AUC of the anomaly score: the train split has normal images alone" in record["unmeasured"][-1]
    for i in range(4):
        save(f"pictures/test/1/{i}.png", pixels(1, seed=i)[0])
        save(f"pictures/train/1/{i}.png", pixels(1, seed=i)[0])
    record = measured(capsys, "scorer", "--data", "pictures", "--normal", "1", *features)
    assert "it compares normal images with anomalies; all 4 are normal" in record["unmeasured"][-1]

    small_model("sgan").export("model", data={"name": "./pictures", "task": "images", "class_names": ["0", "1", "2"]})
    record = measured(capsys, "model", *features)  # of images of one class
    logits = kerasgan.load("model").classify(images=np.concatenate([pixels(1, seed=i) for i in range(4)]))
    assert values(record, "classes")["accuracy"] == (logits.argmax(1) == 1).mean()

    np.savez("plain.npz", images=pixels(8))
    record = measured(capsys, "model", "--data", "plain.npz", *features)
    assert set(record["measures"]) == {"samples"}
    assert record["unmeasured"][-1] == "accuracy: it takes labels, and plain.npz has none"


def test_without_a_network_that_is_asked_for_nothing_is_measured(monkeypatch, capsys):
    def nowhere(which):
        raise kerasgan.errors.UserError("Inception's weights cannot be had.")

    monkeypatch.setattr(kerasgan.metrics, "feature_network", nowhere)
    small_model("vae").export("vae", data={"name": "data.npz", "task": "images"})
    assert main(["evaluate", "vae", "--features", "inception"]) == 2
    assert "Inception's weights cannot be had." in capsys.readouterr().err


def test_inception_without_a_network_is_one_line(monkeypatch):
    def fails(**arguments):
        raise Exception("URL fetch failure on https://x: None -- Name or service not known")  # as Keras does

    monkeypatch.setattr(keras.applications, "InceptionV3", fails)
    with pytest.raises(kerasgan.errors.UserError, match=r"^Inception's weights cannot be had \(URL fetch failure"):
        kerasgan.metrics.feature_network("inception")


@pytest.mark.parametrize(("name", "default"), [("mnist", "mnist"), ("digits", "mnist"), ("photos/mine", "cifar10")])
def test_digits_are_measured_by_the_classifier_of_digits_and_all_else_by_that_of_colours(name, default):
    assert HeldOut({}, SHAPE, name).features() == default


def test_what_is_measured_has_the_name_of_its_network(capsys):
    small_model("cgan", (12, 8, 3)).export("model", data={"name": "colours.npz", "task": "labelled"})
    np.savez("colours.npz", images=pixels(40, (12, 8, 3)), labels=np.arange(40, dtype=np.int32) % 3)
    record = measured(capsys, "model", "-n", 20, "--draws", 1)
    assert "Frechet distance (cifar10_classifier)" in values(record, "samples")
    assert record["network"]["name"] == "cifar10_classifier"
    assert "label accuracy" not in values(record, "samples")
    (said,) = [one for one in record["unmeasured"] if one.startswith("label accuracy: cifar10_classifier tells other")]
    assert said.endswith("ship, truck")


def test_labels_that_a_network_does_not_know_are_not_judged_and_that_is_said(capsys):
    small_model("cgan").export("model", data={"name": "data.npz", "task": "labelled"})
    spec = [tf.TensorSpec((None, *SHAPE), tf.uint8, "images")]
    about = {"variant": "judge", "data": {"class_names": ["cat", "dog", "ship"]}}
    classify = {"classify": (lambda images: tf.cast(images[:, :3, 0, 0], tf.float32), spec)}
    kerasgan.saved_model.write("judge", classify, about)
    record = measured(capsys, "model", "--features", "judge", "-n", 20, "--draws", 1)
    assert "label accuracy" not in values(record, "samples")
    said = "label accuracy: judge tells other classes than those of the model: cat, dog, ship"
    assert said in record["unmeasured"]
