"""The verbs on the command line: a model's abilities on a user's pictures, and one line for every mistake."""

import csv
import io
import json
import os
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import every_variant, small_model
from PIL import Image

import kerasgan
from kerasgan import images, inputs
from kerasgan.cli import main, outputs
from kerasgan.cli.verbs import COMMANDS
from kerasgan.model import GenerativeModel

SHAPE = (12, 8, 3)


class Judge(GenerativeModel):
    """Has an opinion of images.

    image_shape: height, width and channels of the images
    """

    verbs = ("log_prob", "anomaly_score", "classify")

    def __init__(self, image_shape: tuple = SHAPE, **kwargs):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.network = keras.Sequential([keras.Input(image_shape), keras.layers.Flatten(), keras.layers.Dense(3)])

    def players(self):
        return {"judge": (keras.optimizers.Adam(1e-3), self.network)}

    def endpoints(self):
        image = [self.uint8_images()]
        return {
            "log_prob": (lambda x: -tf.reduce_sum(tf.cast(x, tf.float32), [1, 2, 3]), image),
            "anomaly_score": (lambda x: tf.reduce_max(tf.cast(x, tf.float32), [1, 2, 3]), image),
            "classify": (lambda x: self.network(images.from_uint8(x)), image),
        }


class Doubler(Judge):
    """Makes pictures of any size twice as large.

    image_shape: height, width and channels of the images
    """

    verbs = ("translate",)

    def endpoints(self):
        def double(x):
            return tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)

        return {"translate": (double, [tf.TensorSpec((None, None, None, 3), tf.uint8, "images")])}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The folder of an exported model of each kind."""
    folder = tmp_path_factory.mktemp("models")
    small_model("cyclegan", SHAPE).export(folder / "cyclegan")
    small_model("vae", SHAPE).export(folder / "vae")
    judge, doubler = Judge(), Doubler()
    judge.compile()
    doubler.compile()
    judge.export(folder / "judge", data={"class_names": ["cat", "dog", "owl"]})
    doubler.export(folder / "doubler")
    return folder


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def pixels(n, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), np.uint8)


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def read(path):
    return np.asarray(Image.open(path))


def run(*arguments):
    assert main([str(a) for a in arguments]) == 0


# ---- images of images -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "command", "verb"),
    [
        ("cyclegan", ["translate"], "translate"),
        ("cyclegan", ["translate", "--back"], "translate_back"),
        ("vae", ["reconstruct"], "reconstruct"),
    ],
)
def test_what_a_model_makes_of_images(models, model, command, verb, tmp_path, capsys):
    x = pixels(5)
    np.savez("x.npz", images=x)
    expected = getattr(kerasgan.load(models / model), verb)(images=x)

    run(command[0], models / model, "x.npz", *command[1:], "-o", "new/y.npz")
    file = np.load("new/y.npz")
    np.testing.assert_array_equal(file["images"], expected)
    assert file["names"].tolist() == [f"x.npz/0000{i}" for i in range(5)]

    run(command[0], models / model, "x.npz", *command[1:], "-o", "folder/")
    assert sorted(p.name for p in (tmp_path / "folder").iterdir()) == [f"x-0000{i}.png" for i in range(5)]
    for i in range(5):
        np.testing.assert_array_equal(read(f"folder/x-0000{i}.png"), expected[i])

    run(command[0], models / model, "x.npz", *command[1:], "-o", "grid.png")
    grid, (height, width, _) = read("grid.png"), SHAPE
    for i in range(5):
        top, left = 4 + i // 3 * (height + 4), 4 + i % 3 * (2 * width + 4)
        np.testing.assert_array_equal(grid[top : top + height, left : left + width], x[i])
        np.testing.assert_array_equal(grid[top : top + height, left + width : left + 2 * width], expected[i])

    captured = capsys.readouterr()
    assert captured.err == ""  # nothing was done to them
    assert f"5 pictures {command[0].rstrip('e')}ed by {model}, written to grid.png" in captured.out
    assert "the picture is on the left and its" in captured.out


def test_a_folder_keeps_names_and_sub_folders_and_loses_none(models, tmp_path):
    x = pixels(5)
    for name, image in zip(("a.png", "A.bmp", "sub/a.png", "sub/deep/b.c.png", "other/a.png"), x, strict=True):
        save(tmp_path / "in" / name, image)
    run("translate", models / "cyclegan", "in", "in/sub/a.png", "-o", "out")
    made = {str(p.relative_to(tmp_path / "out")) for p in tmp_path.joinpath("out").rglob("*.*")}
    assert made == {"A.png", "a-2.png", "a-3.png", "other/a.png", "sub/a.png", "sub/deep/b.c.png"}
    expected = kerasgan.load(models / "cyclegan").translate(images=x)
    np.testing.assert_array_equal(read("out/A.png"), expected[1])
    np.testing.assert_array_equal(read("out/a-2.png"), expected[0])  # A.bmp comes before a.png
    np.testing.assert_array_equal(read("out/a-3.png"), expected[2])
    np.testing.assert_array_equal(read("out/sub/a.png"), expected[2])
    np.testing.assert_array_equal(read("out/sub/deep/b.c.png"), expected[3])
    np.testing.assert_array_equal(read("out/other/a.png"), expected[4])


def test_pictures_are_fitted_and_that_is_said_once(models, tmp_path, capsys):
    wide = np.zeros((24, 64), np.uint8)
    wide[:, 16:48] = 200  # more than the 16 columns that stay: the filter looks a little further
    save(tmp_path / "in/1.png", wide)
    save(tmp_path / "in/2.png", wide)
    run("score", models / "judge", "in", "--by", "anomaly", "-o", "scores.npz")
    told = "Pictures are cut to their middle and scaled to the 12x8x3 that Judge takes; in/1.png is 24x64x1.\n"
    assert capsys.readouterr().err == told
    run("score", models / "judge", "in", "--by", "likelihood", "-o", "likelihoods.npz")
    np.testing.assert_array_equal(np.load("likelihoods.npz")["log_prob"], [-200.0 * 12 * 8 * 3] * 2)


def test_one_half_of_pictures_that_hold_two(models, tmp_path):
    both = pixels(1, (12, 16, 3))[0]
    save(tmp_path / "both.png", both)
    for half, image in (("left", both[:, :8]), ("right", both[:, 8:])):
        run("translate", models / "cyclegan", "both.png", "--half", half, "-o", f"{half}.npz")
        expected = kerasgan.load(models / "cyclegan").translate(images=image[None])
        np.testing.assert_array_equal(np.load(f"{half}.npz")["images"], expected)


def test_a_model_for_any_size_gets_pictures_as_they_are(models, tmp_path, capsys):
    shapes = [(5, 9, 3), (5, 9, 3), (7, 4, 3), (1, 1, 3)]
    for i, shape in enumerate(shapes):
        save(tmp_path / f"in/{i}.png", pixels(1, shape, seed=i)[0])
    save(tmp_path / "in/4.png", np.full((2, 3), 9, np.uint8))
    run("translate", models / "doubler", "in", "-o", "out")
    for i, shape in enumerate(shapes):
        np.testing.assert_array_equal(read(f"out/{i}.png")[::2, ::2], pixels(1, shape, seed=i)[0])
        assert read(f"out/{i}.png").shape == (2 * shape[0], 2 * shape[1], 3)
    assert read("out/4.png").shape == (4, 6, 3)
    assert "converted to the 2x3x3 that Doubler takes; in/4.png is 2x3x1" in capsys.readouterr().err

    run("translate", models / "doubler", "in", "-o", "grid.png")
    grid = read("grid.png")
    np.testing.assert_array_equal(grid[4 : 4 + 10, 4 + 18 : 4 + 36], read("out/0.png"))
    np.testing.assert_array_equal(grid[4 : 4 + 10, 4 : 4 + 18], read("out/0.png"))  # the picture, without smoothing

    assert main(["translate", str(models / "doubler"), "in", "-o", "out.npz"]) == 2
    assert "in/2.png becomes of another size than in/0.png: give a folder" in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()


def test_a_grid_shows_the_first_ones_and_says_so(models, capsys):
    np.savez("x.npz", images=pixels(outputs.GRID + 3))
    run("translate", models / "cyclegan", "x.npz", "-o", "grid.png")
    assert "the first of 67: a folder or an .npz as --output takes all" in capsys.readouterr().out
    assert Image.open("grid.png").size == (8 * (2 * 8 + 4) + 4, 8 * (12 + 4) + 4)


def test_pictures_go_through_the_model_in_blocks(tmp_path):
    np.savez("x.npz", images=pixels(230))
    named = inputs.named(["x.npz"], SHAPE, None, "test")
    blocks = list(inputs.blocks(named, SHAPE, None, "x"))
    assert [len(found) for found, _ in blocks] == [100, 100, 30]
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), pixels(230))
    assert [p for found, _ in blocks for p in found] == named

    large = list(inputs.blocks(named[:10], (512, 512, 3), None, "x"))  # a quarter of a million pixels each
    assert [block.shape for _, block in large] == [(4, 512, 512, 3), (4, 512, 512, 3), (2, 512, 512, 3)]


def test_digits_are_at_hand(models):
    run("reconstruct", models / "vae", "digits", "-o", "y.npz")
    x = kerasgan.data.digits((12, 8), 3).images
    np.testing.assert_array_equal(
        np.load("y.npz")["images"][:9], kerasgan.load(models / "vae").reconstruct(images=x[:9])
    )
    assert len(np.load("y.npz")["images"]) == 1797


# ---- numbers of images ----------------------------------------------------------------------------------------------


def test_encode(models, capsys):
    np.savez("x.npz", images=pixels(3))
    run("encode", models / "vae", "x.npz")
    file = np.load("latents.npz")
    expected = kerasgan.load(models / "vae").encode(images=pixels(3))
    np.testing.assert_array_equal(file["latents"], expected)
    assert file["names"].tolist() == ["x.npz/00000", "x.npz/00001", "x.npz/00002"]
    assert "3 pictures encoded by vae in 4 numbers each" in capsys.readouterr().out


def test_classify(models, capsys):
    x = pixels(20)
    np.savez("x.npz", images=x)
    logits = kerasgan.load(models / "judge").classify(images=x).astype(np.float64)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    classes = logits.argmax(axis=1)
    assert len(set(classes)) > 1
    expected = [("cat", "dog", "owl")[k] for k in classes]

    run("classify", models / "judge", "x.npz")
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows == [
        [f"x.npz/{i:05d}", name, f"{p:.3f}"]
        for i, (name, p) in enumerate(zip(expected, probabilities.max(axis=1), strict=True))
    ]

    run("classify", models / "judge", "x.npz", "-o", "classes.csv")
    out = capsys.readouterr().out
    assert "20 pictures classified by Judge, written to classes.csv" in out
    for name in set(expected):
        assert f"{expected.count(name):>8}  {name}\n" in out
    with open("classes.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["file", "class", "probability"]
    assert [row[1] for row in rows] == expected
    np.testing.assert_allclose([float(row[2]) for row in rows], probabilities.max(axis=1), atol=1e-6)

    run("classify", models / "judge", "x.npz", "-o", "logits.npz")
    file = np.load("logits.npz")
    np.testing.assert_array_equal(file["logits"], logits.astype(np.float32))
    np.testing.assert_array_equal(file["classes"], classes)
    assert file["names"][-1] == "x.npz/00019"


def brightness(*levels):
    return np.stack([np.full(SHAPE, level, np.uint8) for level in levels])


def test_score_by_likelihood_in_nats_and_bits(models, capsys):
    np.savez("x.npz", images=brightness(10, 200, 30))
    run("score", models / "judge", "x.npz", "-o", "scores.csv")  # log_prob is the model's first
    out = capsys.readouterr().out
    d = 12 * 8 * 3
    nats = [-10 * d, -200 * d, -30 * d]
    bits = [10 / np.log(2), 200 / np.log(2), 30 / np.log(2)]
    assert "3 pictures scored by Judge: log_prob, nats, the higher the likelier" in out
    assert f"mean {np.mean(nats):.6g}, standard deviation {np.std(nats):.6g}, median {np.median(nats):.6g}" in out
    assert f"mean {np.mean(bits):.4f} bits per dimension" in out
    shown = [line.split()[-1] for line in out.partition("strangest")[2].splitlines() if "x.npz/" in line]
    assert shown == ["x.npz/00001", "x.npz/00002", "x.npz/00000"]
    with open("scores.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["file", "log_prob", "bits_per_dimension"]
    np.testing.assert_allclose([[float(v) for v in row[1:]] for row in rows], np.stack([nats, bits], 1), rtol=1e-5)


def test_score_by_anomaly_shows_the_strangest_first(models, capsys):
    levels = [int(v) for v in np.random.default_rng(0).permutation(256)]
    np.savez("x.npz", images=brightness(*levels))
    run("score", models / "judge", "x.npz", "--by", "anomaly", "-o", "grid.png")
    out = capsys.readouterr().out
    assert "anomaly_score, the higher the stranger" in out
    assert "bits" not in out
    order = np.argsort(levels)[::-1]
    shown = [line.split()[-1] for line in out.splitlines() if "x.npz/" in line]
    assert shown == [f"x.npz/{i:05d}" for i in (*order[:5], *order[-5:])]
    assert "The 64 strangest of 256, row by row, strangest first, written to grid.png" in out
    np.testing.assert_array_equal(
        read("grid.png")[2 :: SHAPE[0] + 2, 2 :: SHAPE[1] + 2, 0].ravel(), range(255, 191, -1)
    )

    run("score", models / "judge", "x.npz", "--by", "likelihood", "-o", "likelihood.png")
    np.testing.assert_array_equal(read("likelihood.png"), read("grid.png"))  # the least likely are the strangest
    run("score", models / "judge", "x.npz", "--by", "anomaly", "-o", "scores.npz")
    file = np.load("scores.npz")
    np.testing.assert_array_equal(file["anomaly_score"], levels)
    assert sorted(file.files) == ["anomaly_score", "names"]


@every_variant
def test_every_ability_of_a_variant_has_its_command(key, tmp_path):
    """Of what takes images: the command gives what the verb gives."""
    built = small_model(key)
    abilities = {verb: command for command, verbs in COMMANDS.items() for verb in verbs if verb in built.endpoints()}
    if not abilities:
        return
    built.export(tmp_path / "model")
    model = kerasgan.load(tmp_path / "model")
    save(tmp_path / "x.png", pixels(1, (12, 8))[0])
    more = {"translate_back": ["--back"], "anomaly_score": ["--by", "anomaly"], "log_prob": ["--by", "likelihood"]}
    for verb, command in abilities.items():
        run(command, tmp_path / "model", "x.png", *more.get(verb, []), "-o", f"{verb}.npz")
        array = {"encode": "latents", "classify": "logits"}.get(verb, verb if command == "score" else "images")
        expected = getattr(model, verb)(images=read("x.png").reshape(1, 12, 8, 1))
        np.testing.assert_array_equal(np.load(f"{verb}.npz")[array], expected)


# ---- what goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("translate MODELS/cyclegan", "required: IMAGES"),
        ("translate nowhere x.npz", "There is no nowhere: give a run folder"),
        ("translate running x.npz", "The run running has not ended"),
        ("translate empty x.npz", "empty is neither a run folder nor a SavedModel"),
        ("translate broken x.npz", "broken/kerasgan.json cannot be read"),
        ("translate MODELS/cyclegan x.npz nowhere/", "There is no nowhere/: give a picture, a folder"),
        ("translate MODELS/cyclegan nowhere.png", "There is no nowhere.png: give a picture, a folder"),
        ("translate MODELS/cyclegan x.npz -o y.jpg", "give a name that ends in .png or .npz, or a folder"),
        ("translate MODELS/cyclegan x.npz -o y.csv", "give a name that ends in .png or .npz, or a folder"),
        ("encode MODELS/vae x.npz -o y.png", "give a name that ends in .npz"),
        ("encode MODELS/vae x.npz -o empty", "give a name that ends in .npz"),
        ("classify MODELS/judge x.npz -o y.png", "give a name that ends in .csv or .npz"),
        ("score MODELS/judge x.npz -o y/", "give a name that ends in .csv or .npz or .png"),
        ("score MODELS/judge x.npz --by beauty", "choose from anomaly, likelihood"),
        ("translate MODELS/cyclegan x.npz -o mine.npz", "mine.npz exists: choose another --output"),
        ("translate MODELS/cyclegan x.npz -o full", "full exists: choose another --output"),
        ("translate MODELS/cyclegan x.npz -o text", "text is no place for what comes out"),
        ("translate MODELS/cyclegan x.npz -o text/y.png", "cannot be written"),
        (
            "translate MODELS/vae x.npz",
            "vae has no translate: it has sample, decode, encode, reconstruct",
        ),
        ("translate MODELS/doubler x.npz --back", "Doubler has no translate_back: it has translate; variants"),
        (
            "reconstruct MODELS/cyclegan x.npz",
            "cyclegan has no reconstruct: it has translate, translate_back; ",
        ),
        ("score MODELS/cyclegan x.npz", "cyclegan has no anomaly_score"),
        ("score MODELS/vae x.npz --by likelihood", "vae has no log_prob"),
        ("classify MODELS/vae x.npz", "vae has no classify"),
        (
            "generate MODELS/cyclegan",
            "cyclegan makes no images from nothing: give it images by kerasgan translate MODELS/cyclegan IMAGES",
        ),
        ("generate MODELS/judge", "by kerasgan classify MODELS/judge IMAGES or kerasgan score MODELS/judge IMAGES"),
    ],
)
def test_mistakes_found_before_tensorflow_is_loaded(models, arguments, said, tmp_path, capsys, monkeypatch):
    np.savez("x.npz", images=pixels(2))
    np.savez("mine.npz", images=pixels(2))
    (tmp_path / "running").mkdir()
    (tmp_path / "running/run.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/saved_model.pb").write_text("")
    (tmp_path / "broken/kerasgan.json").write_text("{")
    save(tmp_path / "full/1.png", pixels(1)[0])
    (tmp_path / "text").write_text("mine")
    before = sorted(tmp_path.rglob("*"))

    def too_late():
        raise AssertionError("TensorFlow is loaded")

    monkeypatch.setattr("kerasgan.cli.verbs.tensorflow", too_late)
    monkeypatch.setattr("kerasgan.cli.generate.tensorflow", too_late)
    assert main(arguments.replace("MODELS", str(models)).split()) == 2
    error = capsys.readouterr().err
    assert said.replace("MODELS", str(models)) in error
    assert error.startswith("kerasgan: ")
    assert error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (["digit"], "There is no data set digit (did you mean digits?), and no folder or .npz file."),
        (["empty"], "There are no images in empty: it needs files such as .png"),
        (["text"], "None of the 1 pictures can be read."),
        (["text.npz"], "text.npz cannot be read as an .npz file"),
        (["latents.npz"], "latents.npz holds latents; it needs an array named images"),
        (["floats.npz"], "images in floats.npz is float32 of shape (2, 8, 8)"),
    ],
)
def test_mistakes_in_what_pictures_hold(models, images, said, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("no picture")
    (tmp_path / "text.npz").write_text("no arrays")
    np.savez("latents.npz", latents=np.zeros((2, 8)))
    np.savez("floats.npz", images=np.zeros((2, 8, 8), np.float32))
    assert main(["translate", str(models / "cyclegan"), *images]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"kerasgan: {said}")
    assert not (tmp_path / "translated.png").exists()


def test_pictures_that_cannot_be_read_are_named_and_passed_over(models, tmp_path, capsys):
    save(tmp_path / "in/1.png", pixels(1)[0])
    (tmp_path / "in/2.png").write_text("no picture")
    (tmp_path / "in/notes.txt").write_text("not meant to be one")
    run("encode", models / "vae", "in", "-o", "y.npz")
    assert capsys.readouterr().err.splitlines() == [
        "Passed over 1 file or folder in in: .txt (1).",
        "Skipping in/2.png: it is no picture that Pillow can read",
        "Skipped 1 of 2 pictures that cannot be read.",
    ]
    assert np.load("y.npz")["names"].tolist() == ["in/1.png"]


def test_overwrite_replaces_what_was_made_and_never_what_is_read(models, tmp_path, capsys):
    np.savez("x.npz", images=pixels(2))
    save(tmp_path / "in/1.png", pixels(1)[0])
    before = (tmp_path / "in/1.png").read_bytes(), (tmp_path / "x.npz").read_bytes()
    run("translate", models / "cyclegan", "x.npz", "-o", "y.npz")
    run("translate", models / "cyclegan", "in", "-o", "y.npz", "--overwrite")
    assert len(np.load("y.npz")["images"]) == 1
    (tmp_path / "out").mkdir()
    run("translate", models / "cyclegan", "in", "-o", "out")  # an empty folder is free
    for source, output in (("in", "in"), ("in/1.png", "in"), ("in/1.png", "in/1.png"), ("x.npz", "./x.npz")):
        assert main(["translate", str(models / "cyclegan"), source, "-o", output, "--overwrite"]) == 2
        assert "is one of the pictures to read: choose another --output" in capsys.readouterr().err
    assert before == ((tmp_path / "in/1.png").read_bytes(), (tmp_path / "x.npz").read_bytes())
    assert not list(tmp_path.rglob("*.part"))


def test_a_loaded_model_says_what_images_its_verbs_take(models):
    assert kerasgan.load(models / "vae").image_shape("encode") == SHAPE
    assert kerasgan.load(models / "doubler").image_shape("translate") == (None, None, 3)


def test_facades_both_ways(models, real_data, tmp_path, capsys):
    run("translate", models / "cyclegan", real_data / "facades/test", "--half", "left", "-o", "photographs")
    assert len(list((tmp_path / "photographs").glob("*.png"))) == 106
    assert "the 12x8x3 that cyclegan takes" in capsys.readouterr().err
    run("translate", models / "cyclegan", real_data / "facades/test", "--half", "right", "--back", "-o", "labels.png")
    assert Image.open("labels.png").size == (8 * (2 * 8 + 4) + 4, 8 * (12 + 4) + 4)


def test_a_data_set_by_its_name(models, real_data):
    run("encode", models / "vae", "mnist", "--data-dir", real_data / "tfds", "-o", "test.npz")
    file = np.load("test.npz")
    x = kerasgan.data.tensorflow_dataset("mnist", (12, 8), 3, real_data / "tfds", "test").images
    assert len(x) == len(file["latents"]) == 10_000
    assert file["names"][-1] == "mnist/09999"
    expected = kerasgan.load(models / "vae").encode(images=x[-100:])
    np.testing.assert_allclose(file["latents"][-100:], expected, atol=1e-5)


# ---- names and values -----------------------------------------------------------------------------------------------

NAMES = ["猫 😀", "line\nbreak", os.fsdecode(b"caf\xe9"), "a,b;'c [d]"]


def named_like(folder):
    for name in NAMES:
        save(folder / name / f"{name}.png", pixels(1)[0])
    return [f"in/{name}/{name}.png" for name in sorted(NAMES)]


def test_names_of_any_kind_are_written_as_they_are(models, tmp_path):
    names = named_like(tmp_path / "in")
    run("classify", models / "judge", "in", "-o", "x.csv")
    run("score", models / "judge", "in", "-o", "y.csv")
    for table in ("x.csv", "y.csv"):
        assert b"caf\xe9" in (tmp_path / table).read_bytes()
        with open(table, newline="", encoding="utf-8", errors="surrogateescape") as file:
            assert [row["file"] for row in csv.DictReader(file)] == names
    run("score", models / "judge", "in", "-o", "y.npz")
    assert np.load("y.npz")["names"].tolist() == names
    run("reconstruct", models / "vae", "in", "-o", "out/")
    made = sorted((tmp_path / "out").rglob("*.png"))
    assert [str(path.relative_to(tmp_path / "out")) for path in made] == [name.removeprefix("in/") for name in names]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_names_of_any_kind_are_printed_in_one_line_on_any_terminal(models, tmp_path, monkeypatch, encoding):
    named_like(tmp_path / "in")
    (tmp_path / "in" / os.fsdecode(b"broken\xff\n.png")).write_bytes(b"")
    streams = [io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2)]
    monkeypatch.setattr("sys.stdout", streams[0])
    monkeypatch.setattr("sys.stderr", streams[1])
    run("classify", models / "judge", "in")
    assert main(["classify", str(models / "judge"), "./猫\n"]) == 2
    for stream in streams:
        stream.flush()
    out, error = (stream.buffer.getvalue().decode(encoding).splitlines() for stream in streams)
    cat, face = ("猫", "😀") if encoding == "utf-8" else (r"\u732b", r"\U0001f600")
    assert len(out) == len(NAMES)
    assert out[1].startswith(r"in/caf\udce9/caf\udce9.png  ")
    assert out[2].startswith(r"in/line\nbreak/line\nbreak.png  ")
    assert out[3].startswith(f"in/{cat} {face}/{cat} {face}.png  ")
    assert error[0] == r"Skipping in/broken\udcff\n.png: it is no picture that Pillow can read"
    assert error[-1].startswith(rf"kerasgan: There is no ./{cat}\n: give a picture")


def test_a_scan_is_scaled_as_those_that_a_model_learnt_from(models, tmp_path, capsys):
    shutil.copytree(models / "judge", tmp_path / "judge")
    about = json.loads((tmp_path / "judge/kerasgan.json").read_text(encoding="utf-8"))
    about["data"]["value_ranges"] = {"integers": [0, 4095]}
    (tmp_path / "judge/kerasgan.json").write_text(json.dumps(about), encoding="utf-8")
    Image.fromarray(np.full(SHAPE[:2], 250, np.uint16)).save("dark.png")
    run("score", "judge", "dark.png", "--by", "anomaly", "-o", "x.npz")
    assert np.load("x.npz")["anomaly_score"].tolist() == [16]  # the highest value: 255 * 250 / 4095
    assert "integers from 0 to 4095 (1 of the pictures)" in capsys.readouterr().err
    run("score", models / "judge", "dark.png", "--by", "anomaly", "-o", "y.npz")
    assert np.load("y.npz")["anomaly_score"].tolist() == [250]
