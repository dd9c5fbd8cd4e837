"""Mean and covariance of real images' features: written, read, and samples measured against them alone."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
from conftest import small_model
from small_inception import FEATURES, GRAPH, frozen

import kerasgan
from kerasgan import evaluation, metrics
from kerasgan.cli import main
from kerasgan.errors import UserError
from kerasgan.held_out import HeldOut
from kerasgan.metrics import inception

SHAPE = (12, 8, 3)
FID = ["--features", "inception-fid"]


def pixels(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *SHAPE), np.uint8)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """An empty folder with a data set, and a small graph in the place of Inception's."""
    monkeypatch.chdir(tmp_path)
    content = frozen().SerializeToString()
    Path(GRAPH).write_bytes(content)
    monkeypatch.setattr(inception, "SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setenv("KERASGAN_INCEPTION", GRAPH)
    np.savez("data.npz", images=pixels(30))


def moments(features):
    return features.mean(axis=0), np.cov(features, rowvar=False)


def frechet(a, b):
    (mean_a, c_a), (mean_b, c_b) = a, b
    roots = np.sqrt(np.maximum(scipy.linalg.eigvals(c_a @ c_b).real, 0))
    return np.sum((mean_a - mean_b) ** 2) + np.trace(c_a) + np.trace(c_b) - 2 * roots.sum()


def test_samples_have_an_fid_against_statistics_that_were_written(capsys, monkeypatch):
    monkeypatch.setattr(evaluation, "BLOCK", 8)
    small_model("wgan_gp", SHAPE).export("model", data={"name": "data.npz", "task": "images"})
    assert main(["evaluate", "model", *FID, "-n", "20", "--write-statistics", "mine.npz"]) == 0
    said = "data.npz, train split: 20 images, measured with inception-fid; mu and sigma are in mine.npz\n"
    assert capsys.readouterr().out == said
    network = metrics.feature_network("inception-fid")
    real = moments(network(HeldOut({}, SHAPE, "data.npz").images(20)))
    with np.load("mine.npz") as file:
        assert sorted(file) == ["mu", "sigma"]
        for name, expected in zip(("mu", "sigma"), real, strict=True):
            assert file[name].dtype == np.float64
            np.testing.assert_allclose(file[name], expected, rtol=1e-6)

    Path("data.npz").unlink()  # samples are compared with the file alone
    arguments = ["evaluate", "model", "--data", "data.npz", *FID, "-n", "20", "--draws", "2"]
    assert main([*arguments, "--statistics", "mine.npz", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    fid, seconds = record["measures"]["samples"]
    model = kerasgan.load("model")
    blocks = [network(model.sample(n=n, seed=seed)) for seed, n in enumerate((8, 8, 4, 8, 8, 4))]
    each = [frechet(moments(np.concatenate(its)), real) for its in (blocks[:3], blocks[3:])]
    assert fid["name"] == "FID"
    assert fid["value"] == pytest.approx(np.mean(each), rel=1e-4)
    assert fid["std"] == pytest.approx(np.std(each, ddof=1), rel=1e-3)
    assert (fid["n"], fid["better"], seconds["name"]) == (20, "lower", "time for 1,000 samples")
    assert (record["statistics"], record["network"]["resizer"]) == ("mine.npz", "the graph's own, bilinear")
    assert record["unmeasured"][0].startswith("all else of samples: it takes real images")
    assert main([*arguments, "--statistics", "mine.npz"]) == 0
    assert "\nsamples are compared with the mean and covariance in mine.npz\n" in capsys.readouterr().out


def test_other_features_have_no_fid(capsys):
    small_model("wgan_gp", SHAPE).export("model", data={"name": "data.npz", "task": "images"})
    arguments = ["evaluate", "model", "-n", "10", "--draws", "1", "--features", "cifar10"]
    assert main([*arguments, "--write-statistics", "mine.npz"]) == 0
    capsys.readouterr()
    assert main([*arguments, "--statistics", "mine.npz", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["measures"]["samples"][0]["name"] == "Frechet distance (cifar10_classifier)"


def test_what_keras_inception_measures_is_said_not_to_be_the_fid():
    other = metrics.FeatureNetwork("inception", (299, 299, 3), "0" * 64, lambda images: images)
    name = HeldOut({}, SHAPE, "data.npz").distance(other)
    (said,) = [line for line in evaluation.unmeasured(5000, SHAPE, name) if line.startswith("FID: ")]
    assert "cannot be compared with published ones; --features inception-fid" in said
    assert not [line for line in evaluation.unmeasured(5000, SHAPE, "FID") if line.startswith("FID: ")]


def test_no_draw_has_a_sample_of_another():
    drawn = []

    def sample(n, seed):
        drawn.append((n, seed))
        return pixels(n, seed)

    network = metrics.FeatureNetwork("means", (None, None, 3), "", lambda images: images.mean(axis=(1, 2)) / 255)
    reference = metrics.Gaussian(network(pixels(50))).statistics
    n = 2 * evaluation.BLOCK + 1
    (distance, _) = evaluation.distance(SimpleNamespace(sample=sample), reference, network, n, draws=2)
    assert drawn[1:] == [(500, 0), (500, 1), (1, 2), (500, 3), (500, 4), (1, 5)]  # the first tells the dimension
    assert distance.n == n
    with pytest.raises(UserError, match="two samples or more: give a larger number than 1"):
        evaluation.distance(SimpleNamespace(sample=sample), reference, network, 1)


@pytest.mark.parametrize("normal", [None, "1"])
def test_images_in_blocks_are_the_same_images(normal):
    np.savez("labelled.npz", images=pixels(30), labels=np.arange(30) % 3)
    held_out = HeldOut({}, SHAPE, "labelled.npz", normal=normal)
    blocks = list(held_out.blocks(9, 4))
    assert [len(block) for block in blocks] == [4, 4, 1]
    np.testing.assert_array_equal(np.concatenate(blocks), held_out.images(9))


def test_statistics_of_others_may_have_fewer_bits_and_more_arrays(tmp_path):
    mean, covariance = moments(np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32))
    np.savez("theirs.npz", mu=mean.astype(np.float32), sigma=covariance, arr_0=np.zeros(3))
    found = metrics.read_statistics("theirs.npz")
    assert found.mean.dtype == found.covariance.dtype == np.float64
    metrics.write_statistics(tmp_path / "again.npz", found)
    again = metrics.read_statistics(tmp_path / "again.npz")
    assert metrics.frechet_distance(found, again) == pytest.approx(0, abs=1e-9)
    assert list(tmp_path.glob("*.part")) == []


MEAN, COVARIANCE = np.zeros(FEATURES), np.eye(FEATURES)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"images": MEAN}, "has no mu and sigma"),
        ({"mu": MEAN}, "has no mu and sigma"),
        ({"mu": MEAN[None], "sigma": COVARIANCE}, "mu has the shape (1, 8) and sigma (8, 8)"),
        ({"mu": MEAN, "sigma": COVARIANCE[1:]}, "mu has the shape (8,) and sigma (7, 8)"),
        ({"mu": MEAN[:0], "sigma": COVARIANCE[:0, :0]}, "mu has the shape (0,)"),
        ({"mu": MEAN, "sigma": np.full((8, 8), np.nan)}, "no finite numbers"),
        ({"mu": MEAN.astype(str), "sigma": COVARIANCE}, "no finite numbers"),
        ({"mu": MEAN.astype(object), "sigma": COVARIANCE}, "cannot be read: give an .npz with mu and sigma"),
        ({"mu": MEAN[1:], "sigma": COVARIANCE[1:, 1:]}, "are of 7 features, and inception-fid has 8"),
    ],
)
def test_wrong_statistics_are_an_error_in_one_line(arrays, said, capsys):
    np.savez("theirs.npz", **arrays)
    small_model("wgan_gp", SHAPE).export("model", data={"name": "data.npz", "task": "images"})
    assert main(["evaluate", "model", *FID, "--statistics", "theirs.npz"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--statistics nothing.npz", "There is no nothing.npz"),
        ("--statistics text.npz", "cannot be read: give an .npz with mu and sigma"),
        ("--statistics .", "cannot be read"),
        ("--statistics single.npy", "cannot be read"),
        ("--statistics short.npz", "cannot be read"),
        ("--write-statistics data.npz", "data.npz exists: choose another name"),
        ("--write-statistics mine.txt", "give a name that ends in .npz"),
        ("--write-statistics no/mine.npz", "there is no folder"),
        ("--write-statistics mine.npz -n 1", "two features or more; here are 1"),
        ("--write-statistics mine.npz --statistics good.npz", "leave out one of them"),
    ],
)
def test_mistakes_are_an_error_in_one_line_and_write_nothing(arguments, said, capsys):
    Path("text.npz").write_text("mu and sigma")
    np.save("single.npy", MEAN)
    np.savez("good.npz", mu=MEAN, sigma=COVARIANCE)
    Path("short.npz").write_bytes(Path("good.npz").read_bytes()[:-100])
    small_model("wgan_gp", SHAPE).export("model", data={"name": "data.npz", "task": "images"})
    before = {path: path.stat().st_mtime_ns for path in Path().iterdir() if path.is_file()}
    assert main(["evaluate", "model", *FID, *arguments.split()]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in Path().iterdir() if path.is_file()} == before


def test_a_model_that_samples_nothing_has_no_statistics_to_be_compared_with(capsys):
    np.savez("good.npz", mu=MEAN, sigma=COVARIANCE)
    small_model("srresnet", SHAPE).export("model", data={"name": "data.npz", "task": "super_resolution", "scale": 4})
    assert main(["evaluate", "model", *FID, "--statistics", "good.npz"]) == 2
    assert "model samples nothing that good.npz could be compared with" in capsys.readouterr().err
