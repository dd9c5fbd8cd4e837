"""Every recipe runs, on small data."""

import argparse
import functools
import json
import re
import runpy
import shlex
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import FEATURES
from PIL import Image

import kerasgan
import kerasgan.errors
import kerasgan.recipe
from kerasgan.models import DDPM, MODELS

ZOO = Path(__file__).parents[1] / "zoo"
SHIPPED = ZOO.parent / "kerasgan/metrics/cifar10_classifier"
CLASSIFIERS = {"mnist_classifier", "cifar10_classifier"}


def test_every_variant_has_a_recipe():
    assert {f.parent.name for f in ZOO.glob("*/*.py")} - CLASSIFIERS == set(MODELS)


@pytest.mark.parametrize("script", sorted(ZOO.glob("*/*.py")), ids=lambda f: f"{f.parent.name}/{f.stem}")
def test_every_script_imports_what_there_is(script):
    assert callable(runpy.run_path(str(script))["main"])


@pytest.fixture
def digits(tmp_path):
    """A few of the embedded digits, in the form that any data set can have."""
    source = kerasgan.data.digits((28, 28))
    np.savez(tmp_path / "digits.npz", images=source.images[:330], labels=source.labels[:330])
    return tmp_path / "digits.npz"


@pytest.fixture
def of_two_samplings(monkeypatch):
    """DDPM samples in 2 steps, and not in 50, where a recipe does not say how many."""
    init = DDPM.__init__

    @functools.wraps(init)
    def __init__(self, *args, **kwargs):
        init(self, *args, **{"sampling_steps": 2, **kwargs})

    monkeypatch.setattr(DDPM, "__init__", __init__)


@pytest.mark.parametrize("recipe", sorted(ZOO.glob("*/mnist.py")), ids=lambda f: f.parent.name)
def test_mnist_recipes(recipe, digits, tmp_path, steps_taken_eagerly, of_two_samplings):
    if recipe.parent.name == "f_anogan":  # which learns one of them
        np.savez(digits, images=np.load(digits)["images"], labels=np.full(330, 8))
    if recipe.parent.name in ("ddpm", "real_nvp"):  # whose steps are long, and eat one batch
        np.savez(digits, **{name: column[:64] for name, column in np.load(digits).items()})
    runpy.run_path(str(recipe))["main"](digits, tmp_path / "run", epochs=1)
    model = kerasgan.load(tmp_path / "run")
    verbs = model.about["verbs"]
    if "sample" in verbs:
        assert model.sample(n=2, seed=0).shape == (2, 28, 28, 1)
    if verbs[0] != "sample":
        images = np.load(digits)["images"][:2]
        assert len(getattr(model, verbs[0])(images=images)) == 2


@pytest.mark.parametrize("key", ["ddpm", "sngan", "sagan", "biggan"])
def test_cifar10_recipes(key, tmp_path, steps_taken_eagerly, of_two_samplings):
    recipe, n = ZOO / key / "cifar10.py", 128 if key == "sngan" else 64
    pictures = np.random.default_rng(0).integers(0, 256, (n, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "pictures.npz", images=pictures, labels=np.arange(n) % 10)
    runpy.run_path(str(recipe))["main"](tmp_path / "pictures.npz", tmp_path / "run", epochs=1)
    assert kerasgan.load(tmp_path / "run").sample(n=2, seed=0).shape == (2, 32, 32, 3)


@pytest.fixture
def facades(tmp_path):
    """Pictures as those of the pix2pix data set: two of them side by side."""
    for split, n in {"train": 16, "test": 8}.items():
        (tmp_path / "facades" / split).mkdir(parents=True)
        for i in range(n):
            picture = np.random.default_rng(i).integers(0, 256, (64, 128, 3), np.uint8)
            Image.fromarray(picture).save(tmp_path / "facades" / split / f"{i}.jpg")
    return tmp_path / "facades"


@pytest.mark.parametrize("key", ["cyclegan", "pix2pix", "context_encoder"])
def test_facades_recipes(key, facades, tmp_path, steps_taken_eagerly):
    if key == "cyclegan":  # one picture is a step
        for picture in sorted((facades / "train").iterdir())[2:]:
            picture.unlink()
    runpy.run_path(str(ZOO / key / "facades.py"))["main"](facades, tmp_path / "run", epochs=1)
    images = np.zeros((1, 64, 64, 3), np.uint8)
    assert kerasgan.load(tmp_path / "run").translate(images=images).shape == images.shape


@pytest.mark.parametrize(("key", "examples"), [("fastgan", 8), ("r3gan", 16), ("stylegan2", 16)])  # one step of each
def test_photographs_recipes(key, examples, tmp_path, steps_taken_eagerly):
    pictures = np.random.default_rng(0).integers(0, 256, (examples, 64, 64, 3), np.uint8)
    np.savez(tmp_path / "pictures.npz", images=pictures)
    runpy.run_path(str(ZOO / key / "photographs.py"))["main"](tmp_path / "pictures.npz", tmp_path / "run", epochs=1)
    assert kerasgan.load(tmp_path / "run").sample(n=2, seed=0).shape == (2, 64, 64, 3)


def test_a_hundred_photographs_are_learnt_with_augmentation_and_without(tmp_path, monkeypatch, capsys):
    pictures = np.random.default_rng(0).integers(0, 256, (112, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "pictures.npz", images=pictures)
    command = f"hundred.py --data {tmp_path}/pictures.npz --run {tmp_path}/run --seeds 1 --seconds 0 --every 1"
    monkeypatch.setattr("sys.argv", command.split())
    main = runpy.run_path(str(ZOO / "dcgan/hundred.py"))["main"]
    main()
    results = json.loads((tmp_path / "run/results.json").read_text())
    assert [len(found) for found in results.values()] == [1, 1]  # the first comparison is the last
    table = capsys.readouterr().out
    for found in results.values():
        assert f"| {found[-1]:.1f} ± 0.0 | {min(found):.1f} ± 0.0 |" in table

    monkeypatch.delattr(kerasgan.models.DCGAN, "train_step")  # what there is, is not made again
    main()
    assert json.loads((tmp_path / "run/results.json").read_text()) == results


def test_photographs_are_learnt_from_scratch_and_going_on(tmp_path, monkeypatch, capsys, steps_taken_eagerly):
    pictures = np.random.default_rng(0).integers(0, 256, (112, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "pictures.npz", images=pictures)
    command = f"going_on.py --data {tmp_path}/pictures.npz --source {tmp_path}/pictures.npz --run {tmp_path}/run"
    monkeypatch.setattr("sys.argv", f"{command} --source-seconds 0 --seeds 1 --seconds 0 --every 1".split())
    runpy.run_path(str(ZOO / "dcgan/going_on.py"))["main"]()
    results = json.loads((tmp_path / "run/results.json").read_text())
    assert [key.partition(", seed")[0] for key in results] == ["scratch", "going on", "going on, 3 frozen"]
    printed = capsys.readouterr().out
    assert printed.count("discriminator: all 6 layers with weights are taken over.") == 2
    assert printed.count("  frozen: ") == 1
    for key, found in results.items():
        assert f"| {key.partition(', seed')[0]} | {found[0]:.1f} ± 0.0 | {found[-1]:.1f} ± 0.0 | " in printed


def test_tiles_are_the_photographs_cut_up(facades, tmp_path):
    main = runpy.run_path(str(ZOO / "srresnet/tiles.py"))["main"]
    main(facades, tmp_path / "tiles")
    photographs, _ = kerasgan.data.side_by_side(facades / "test", (256, 256))
    files = sorted((tmp_path / "tiles/test").iterdir())
    assert len(files) == 16 * 8
    np.testing.assert_array_equal(np.asarray(Image.open(files[16 + 6])), photographs.images[1][64:128, 128:192])
    with pytest.raises(FileExistsError):
        main(facades, tmp_path / "tiles")


def test_photographs_of_facades_are_their_left_halves(facades, tmp_path):
    main = runpy.run_path(str(ZOO / "fastgan/halves.py"))["main"]
    (facades / "val").symlink_to(facades / "test")
    main(facades, tmp_path / "photographs")
    photographs, _ = kerasgan.data.side_by_side(facades / "train", (256, 256))
    files = sorted((tmp_path / "photographs").glob("train-*"))
    assert len(files) == len(photographs.images)
    for file, photograph in zip(files, photographs.images, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(file)), photograph)
    with pytest.raises(FileExistsError):
        main(facades, tmp_path / "photographs")


def test_super_resolution_experiment(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        (tmp_path / "facades" / split).mkdir(parents=True, exist_ok=True)
        picture = rng.integers(0, 256, (256, 512, 3), np.uint8)
        Image.fromarray(picture).save(tmp_path / f"facades/{split}/1.jpg")
    experiment = runpy.run_path(str(ZOO / "srgan/psnr.py"))["main"]
    options = argparse.Namespace(
        data=tmp_path / "facades",
        runs=tmp_path / "runs",
        features=FEATURES,
        seeds=[0],
        stages=["srresnet", "srgan"],
        show=[0],
    )
    experiment(options)
    results = json.loads((tmp_path / "runs/results.json").read_text())
    assert list(results) == ["bicubic", "srresnet 0", "srgan 0"]
    assert {"PSNR luma", "SSIM luma", "PSNR RGB", "SSIM RGB"} < set(results["srgan 0"])
    assert np.isfinite([list(cell.values()) for cell in results.values()]).all()
    assert Image.open(tmp_path / "runs/pictures-0.png").size == (4 * 130 + 2, 130 + 2)
    assert f"| srgan | 1 | {results['srgan 0']['PSNR luma']:.2f} |" in capsys.readouterr().out
    model = kerasgan.load(tmp_path / "runs/srgan-facades-0")
    assert model.translate(images=np.zeros((1, 5, 7, 3), np.uint8)).shape == (1, 20, 28, 3)

    monkeypatch.delattr(kerasgan.models.SRGAN, "train_step")  # what there is, is not made again
    experiment(options)
    assert json.loads((tmp_path / "runs/results.json").read_text()) == results


def test_feature_network(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (64, 32, 32, 3), np.uint8), np.arange(64, dtype=np.int32) % 10
    source = kerasgan.data.Source(images, labels, 10, {})
    monkeypatch.setattr(kerasgan.data, "tensorflow_dataset", lambda name, split: source)
    runpy.run_path(str(ZOO / "srgan/features.py"))["main"](tmp_path / "new/features.keras", epochs=2, batch_size=16)
    features = keras.models.load_model(tmp_path / "new/features.keras")
    assert features.input_shape == (None, None, None, 3)
    assert features(np.zeros((2, 24, 16, 3), np.float32)).shape == (2, 6, 4, 128)
    record = json.loads((tmp_path / "new/features.json").read_text())
    assert 0 <= record["test_accuracy"] <= 1
    assert sorted(f.name for f in (tmp_path / "new").iterdir()) == ["features.json", "features.keras"]


def test_mnist_classifier(digits, tmp_path):
    train = runpy.run_path(str(ZOO / "mnist_classifier/train.py"))["main"]
    train(str(digits), tmp_path / "judge", epochs=30, batch_size=32)
    images, labels = (np.load(digits)[name] for name in ("images", "labels"))
    network = kerasgan.metrics.feature_network(tmp_path / "judge")
    assert network.name == "mnist_classifier"
    assert network(images[:3]).shape == (3, 128)
    logits = network.classify(images)
    assert kerasgan.metrics.accuracy(logits, labels) > 0.7
    np.testing.assert_array_equal(network.classify(images), logits)  # nothing is turned or shifted when it judges
    with pytest.raises(kerasgan.errors.UserError, match="exists"):
        train(str(digits), tmp_path / "judge", epochs=1)


def test_cifar10_classifier(tmp_path):
    """What is shipped is what the recipe writes, with the same names and in the same precision."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "two.npz", images=pixels, labels=np.arange(64) % 2)
    train = runpy.run_path(str(ZOO / "cifar10_classifier/train.py"))["main"]
    given = {"data": str(tmp_path / "two.npz"), "epochs": 1, "batch_size": 32, "backup": tmp_path / "backup"}
    train(to=tmp_path / "judge", **given)
    written, shipped = (tf.saved_model.load(str(folder)) for folder in (tmp_path / "judge", SHIPPED))
    for verb in ("classify", "features"):
        ours, theirs = (module.signatures[verb] for module in (written, shipped))
        assert ours.structured_input_signature == theirs.structured_input_signature
        assert [(w.shape[:-1], w.dtype) for w in ours.variables] == [(w.shape[:-1], w.dtype) for w in theirs.variables]
        assert {w.dtype for w in ours.variables} == {tf.float16}
    network = kerasgan.metrics.feature_network(tmp_path / "judge")
    assert network.name == "cifar10_classifier"
    train(to=tmp_path / "again", **given)  # of a training that is over, which is written once more
    again = kerasgan.metrics.feature_network(tmp_path / "again")
    np.testing.assert_array_equal(again.classify(pixels), network.classify(pixels))
    with pytest.raises(kerasgan.errors.UserError, match="exists"):
        train(to=tmp_path / "judge", **given)


def test_features_of_cifar10_classifier_are_means_over_two_sizes():
    script = runpy.run_path(str(ZOO / "cifar10_classifier/train.py"))
    keras.utils.set_random_seed(0)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3), np.uint8)
    judge = script["network"](script["patches_of"](kerasgan.images.from_uint8(pixels).numpy()), 3, "float32")
    judge.set_weights([w.astype(np.float16) for w in judge.get_weights()])
    (features, (spec,)), (classify, _) = (script["verbs"](judge)[verb] for verb in ("features", "classify"))
    assert spec.shape.as_list() == [None, None, None, 3]
    near = kerasgan.images.from_uint8(pixels)
    far = tf.clip_by_value(tf.image.resize(near, (32, 32), "bicubic", antialias=True), -1, 1)
    (logits, seen_from_afar), (mirrored, _), (_, seen_from_near) = judge(far), judge(far[:, :, ::-1]), judge(near)
    np.testing.assert_allclose(features(pixels), (seen_from_near + seen_from_afar) / 2, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(classify(pixels), (logits + mirrored) / 2, rtol=1e-4, atol=1e-5)
    small = pixels[:, :32, :32]
    np.testing.assert_allclose(features(small), judge(kerasgan.images.from_uint8(small))[1], rtol=1e-4, atol=1e-5)
    assert features(pixels[:, :9, :5]).shape == (2, 256)


def test_sizes_of_cifar10_classifier():
    """The quarters of an image look the same in any order, and the whole does not."""
    script = runpy.run_path(str(ZOO / "cifar10_classifier/sizes.py"))

    def of_one_size(images):
        x = images.astype(np.float64)
        edges = [np.abs(np.diff(x, axis=axis)).mean(axis=(1, 2, 3)) for axis in (1, 2)]
        return np.stack([*edges, x[:, :, : x.shape[2] // 3].mean(axis=(1, 2, 3))], axis=1)

    def network(images):
        return (of_one_size(images) + of_one_size(kerasgan.metrics.fitted(images, (32, 32, 3)))) / 2

    colours = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 3), np.uint8)
    images = kerasgan.metrics.fitted(colours, (64, 64, 3))
    found = script["compared"](network, images)
    blind, seeing = found["mean of four quarters"], found["at 32x32"]
    assert blind["quarters shuffled"] == pytest.approx(blind["floor"])
    assert seeing["quarters shuffled"] != pytest.approx(seeing["floor"], rel=0.1)
    assert np.mean(blind["checkerboard, ±6 of 255"]) > 1.5 * np.mean(blind["floor"])
    np.testing.assert_allclose(script["rules"](network, images)["own size"], of_one_size(images))


def test_context_encoder_cifar10_recipe(digits, tmp_path, steps_taken_eagerly):
    runpy.run_path(str(ZOO / "context_encoder/cifar10.py"))["main"](digits, tmp_path / "run", epochs=1)
    images = np.zeros((1, 28, 28, 1), np.uint8)
    assert kerasgan.load(tmp_path / "run").translate(images=images).shape == images.shape


def test_fills_that_a_context_encoder_is_compared_with():
    script = runpy.run_path(str(ZOO / "context_encoder/psnr.py"))
    rows, columns = np.mgrid[:12, :8]
    plane = np.uint8(10 + 3 * rows + 5 * columns)[None, :, :, None].repeat(3, axis=-1)
    known = np.ones((12, 8, 1), bool)
    known[3:9, 2:6] = False
    holed = np.where(known, plane, 0)
    np.testing.assert_array_equal(script["harmonic_fill"](holed, known), plane)  # a plane is harmonic
    filled = script["mean_fill"](holed, known)
    np.testing.assert_array_equal(filled[:, known[..., 0]], plane[:, known[..., 0]])
    assert set(filled[0, 3:9, 2:6].flat) == {round(plane[0, known[..., 0], 0].mean())}
    off = np.where(known, plane, plane + 10)
    assert script["psnr"](off, plane, known) == pytest.approx(10 * np.log10(255**2 / 100))


def test_the_judge_of_facades_knows_a_perfect_answer(facades):
    script = runpy.run_path(str(ZOO / "pix2pix/facades_judged.py"))
    sets = {split: script["real"](facades, split) for split in ("train", "test")}
    image = keras.Input((None, None, 3))
    judge = script["Judge"](sets, keras.Model(image, keras.layers.Conv2D(4, 3)(image)))
    perfect = judge(sets["test"]["photographs"], "photographs")
    assert perfect == {"l1": 0, "psnr": np.inf, "ssim": 1, "frechet": pytest.approx(0, abs=1e-6)}
    other = judge(sets["test"]["labels"], "photographs")
    difference = sets["test"]["labels"].astype(float) - sets["test"]["photographs"]
    assert other["l1"] == pytest.approx(np.abs(difference).mean() / 255, rel=1e-4)
    assert other["frechet"] > 0
    assert other["ssim"] < 1
    assert judge.patches == 8 * 25


def test_the_table_of_facades_gives_means_and_spreads_over_seeds():
    script = runpy.run_path(str(ZOO / "pix2pix/facades_judged.py"))
    cells = {str(seed): {"l1": 0.1 * seed, "psnr": 10 + seed, "ssim": 0.5, "frechet": 2.0 * seed} for seed in range(3)}
    floor = {"": {"l1": 0.3, "psnr": 7, "ssim": 0, "frechet": 0.4}}
    lines = script["table"]({"labels": {"pix2pix": cells, "mean_of_training": floor}}, 50).splitlines()
    assert "n = 50;" in lines[0]
    assert lines[-2:] == [
        "| pix2pix | 0.1000 ± 0.1000 | 11.00 ± 1.00 | 0.500 ± 0.000 | 2.000 ± 2.000 | 3 |",
        "| mean of training | 0.3000 | 7.00 | 0.000 | 0.400 |  |",
    ]


# ---- recipes as commands --------------------------------------------------------------------------------------------

RECIPES = [f for f in sorted(ZOO.glob("*/*.py")) if "recipe.run(main" in f.read_text()]


def call(script, *arguments, monkeypatch):
    """Run a script as a command does; return its exit code."""
    monkeypatch.setattr("sys.argv", [str(script), *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")
    return ended.value.code


def test_every_variant_has_a_recipe_that_is_a_command():
    assert {f.parent.name for f in RECIPES} == {*MODELS, *CLASSIFIERS}


@pytest.mark.parametrize("script", RECIPES, ids=lambda f: f"{f.parent.name}/{f.stem}")
def test_a_recipe_explains_its_options(script, monkeypatch, capsys):
    assert call(script, "--help", monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    options = {"--data DATA", "--epochs EPOCHS"}
    options |= {"--to TO"} if script.parent.name in CLASSIFIERS else {"--run RUN", "--resume "}
    options |= set() if script.stem == "facades" else {"--data-dir DATA_DIR"}  # those read a folder
    assert [option for option in options if option not in said] == []


def test_a_recipe_is_trained_and_resumed_by_its_options(digits, tmp_path, monkeypatch, steps_taken_eagerly):
    given = ["--data", digits, "--run", tmp_path / "run"]
    assert call(ZOO / "gan/mnist.py", *given, "--epochs", 1, monkeypatch=monkeypatch) == 0
    assert call(ZOO / "gan/mnist.py", *given, "--epochs", 2, "--resume", monkeypatch=monkeypatch) == 0
    record = kerasgan.run_folder.read(tmp_path / "run")
    assert (record["epochs"], record["steps"]) == (2, 6)
    assert record["command"] == f"python {ZOO / 'gan/mnist.py'} --data {digits} --run {tmp_path / 'run'} --epochs 1"


@pytest.mark.parametrize(
    ("recipe", "arguments", "said"),
    [
        ("gan/mnist.py", ["--epoch", "3"], "there is no option --epoch (did you mean --epochs?). See python "),
        ("gan/mnist.py", ["--epochs", "0"], "argument --epochs: 0 is not a whole number from 1"),
        ("gan/mnist.py", ["--data", "nowhere"], "There is no data set nowhere"),
        ("gan/mnist.py", ["--data", "digits", "--resume"], "There is nothing to resume in runs/gan-mnist"),
        ("gan/mnist.py", ["--data", "digits", "--run", "."], ". exists: continue it with --resume, or choose another"),
        ("pix2pix/facades.py", ["--data", "nowhere"], "nowhere"),
        ("pix2pix/facades.py", ["facades"], "there is no option facades"),
    ],
)
def test_a_mistake_in_what_a_recipe_is_given_is_one_line(recipe, arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call(ZOO / recipe, *arguments, monkeypatch=monkeypatch) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"{ZOO / recipe}: ")
    assert said in error
    assert error.count("\n") == 1


def test_the_commands_that_trained_the_models_are_those_of_their_recipes(monkeypatch):
    """Each command in a card, and in the list of trained models, gives its recipe options that it has."""
    cards = [json.loads(file.read_text())["command"] for file in ZOO.rglob("card.json")]
    listed = re.findall(r"`python (zoo/\S+[^`]*)`", (ZOO.parent / "saved_models/README.md").read_text())
    assert cards
    assert len(cards) <= len(listed)
    for command in [*cards, *listed]:
        script, *given = shlex.split(command.removeprefix("python "))
        if ZOO.parent / script in RECIPES:
            main = runpy.run_path(str(ZOO.parent / script))["main"]
            assert vars(kerasgan.recipe._parser(script, main, {}).parse_args(given)), command
