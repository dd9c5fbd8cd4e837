"""Images from anywhere: every source, every kind of file, and an order that the step fixes."""

import re
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from kerasgan import data, prepared
from kerasgan.data.labels import with_budget
from kerasgan.errors import UserError
from kerasgan.model import GenerativeModel


def numbered(n, shape=(8, 8, 1)):
    """Images that hold nothing but their number."""
    return np.arange(n, dtype=np.uint8).reshape(n, 1, 1, 1) * np.ones((1, *shape), np.uint8)


def numbers(batch):
    return np.round((np.asarray(batch)[:, 0, 0, 0] + 1) * 127.5).astype(int).tolist()


def taken(batches, step, count, batches_per_step=1):
    return [b for b, _ in zip(batches.stream(lambda: step, batches_per_step), range(count), strict=False)]


def test_order_is_a_function_of_seed_and_step():
    batches = data.Batches((numbered(10),), "images", 3, seed=5)
    assert len(batches) == 3
    whole = [numbers(b) for b in taken(batches, 0, 9)]
    for step in (1, 2, 3, 5):
        assert [numbers(b) for b in taken(batches, step, 9 - step)] == whole[step:]
    epochs = [sum(whole[i : i + 3], []) for i in (0, 3, 6)]
    for epoch in epochs:
        assert len(set(epoch)) == 9  # each image at most once, no remainder
    assert epochs[0] != epochs[1] != epochs[2]
    other = data.Batches((numbered(10),), "images", 3, seed=6)
    assert [numbers(b) for b in taken(other, 0, 9)] != whole


def test_batches_are_float32_between_minus_one_and_one():
    (batch,) = taken(data.Batches((numbered(256),), "images", 256), 0, 1)
    assert batch.dtype == "float32"
    assert batch.shape == (256, 8, 8, 1)
    assert (float(batch.numpy().min()), float(batch.numpy().max())) == (-1, 1)


def test_labels_stay_with_their_images():
    batches = data.Batches((numbered(40), np.arange(40, dtype=np.int32)), "labelled", 8, mirror=True)
    for x, y in taken(batches, 0, 7):
        assert numbers(x) == y.numpy().tolist()
        assert y.dtype == "int32"


@pytest.mark.parametrize("size", [1, 4, 5])
def test_partly_labelled_batches_hold_images_with_their_label_and_any_without_by_turns(size):
    labels = np.full(30, -1, np.int32)
    labels[[3, 8, 21]] = 3, 8, 21
    batches = data.Batches((numbered(30), labels), "partly_labelled", size, classes=30)
    assert len(batches) == 60 // size
    for epoch in range(2):
        drawn = taken(batches, epoch * len(batches), len(batches))
        x, y = sum((numbers(x) for x, _ in drawn), []), sum((y.numpy().tolist() for _, y in drawn), [])
        assert x[::2] == y[::2]
        assert {number: x[::2].count(number) for number in set(x[::2])} == {3: 10, 8: 10, 21: 10}
        assert set(y[1::2]) == {-1}
        assert sorted(x[1::2]) == list(range(30))
    assert [numbers(x) for x, _ in taken(batches, 3, 2)] == [numbers(x) for x, _ in taken(batches, 0, 5)[3:]]
    (all_x, all_y), *_ = batches.in_order()
    assert (numbers(all_x), all_y.numpy().tolist()) == (list(range(size)), labels[:size].tolist())


def test_partly_labelled_needs_a_label():
    with pytest.raises(UserError, match="None of the 30 images has a label"):
        data.Batches((numbered(30), np.full(30, -1, np.int32)), "partly_labelled", 4, classes=2)


def test_pairs_stay_together_and_are_mirrored_together():
    left = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8)
    batches = data.Batches((left, 255 - left), "pairs", 5, mirror=True)
    for x, y in taken(batches, 0, 4):
        np.testing.assert_allclose(x, -y, atol=1e-6)


def test_domains_are_drawn_independently_and_an_epoch_is_the_longer_one():
    batches = data.Batches((numbered(12), numbered(5)), "domains", 4)
    assert len(batches) == 3
    drawn = [(numbers(a), numbers(b)) for a, b in taken(batches, 0, 6)]
    first, second = sum((a for a, _ in drawn[:3]), []), sum((b for _, b in drawn[:3]), [])
    assert sorted(first) == list(range(12))
    assert sorted(second[:5]) == sorted(second[5:10]) == list(range(5))
    assert drawn[:3] != drawn[3:]


def test_mirror_flips_half_of_the_images_from_left_to_right():
    ramp = np.tile(np.arange(8, dtype=np.uint8)[None, None, :, None], (1000, 8, 1, 1))
    (batch,) = taken(data.Batches((ramp,), "images", 1000, mirror=True), 0, 1)
    rows = batch.numpy()[:, 0, :, 0]
    assert np.mean(rows[:, 0] > rows[:, -1]) == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(np.sort(rows, axis=1), np.tile(np.sort(rows[:1], axis=1), (1000, 1)))


def test_a_step_of_several_batches_takes_fresh_ones():
    batches = data.Batches((numbered(10),), "images", 2)
    assert batches.steps_per_epoch(2) == 2
    for step in taken(batches, 0, 2, batches_per_step=2):
        assert len(set(numbers(step))) == 4


def test_in_order_gives_every_example_once():
    batches = data.Batches((numbered(10),), "images", 4)
    assert [numbers(b) for b in batches.in_order()] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert numbers(batches.first(3)) == [0, 1, 2]


@pytest.mark.parametrize(("examples", "per_step"), [(3, 1), (11, 3)])
def test_fewer_images_than_a_step_is_an_error(examples, per_step):
    with pytest.raises(UserError, match=f"There are {examples} examples"):
        data.Batches((numbered(examples),), "images", 4).steps_per_epoch(per_step)


def test_digits():
    source = data.digits()
    assert source.images.shape == (1797, 32, 32, 1)
    assert source.images.dtype == np.uint8
    assert source.images.max() == 255
    assert source.images.min() == 0
    assert np.bincount(source.labels).min() > 170
    framed = data.digits((10, 10)).images[0, :, :, 0]
    np.testing.assert_array_equal(framed[1:-1, 1:-1], np.round(load_digits_image() * 255 / 16))
    assert framed[0].max() == framed[-1].max() == framed[:, 0].max() == framed[:, -1].max() == 0
    assert data.load("digits", image_size=(16, 24), channels=3).image_shape == (16, 24, 3)


def load_digits_image():
    from sklearn.datasets import load_digits

    return load_digits().images[0]


# ---- folders --------------------------------------------------------------------------------------------------------


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def save(path, array, **kwargs):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **kwargs)


def test_every_kind_of_file_at_any_depth(tmp_path, rng):
    grey, colour = rng.integers(0, 256, (40, 30), np.uint8), rng.integers(0, 256, (50, 20, 3), np.uint8)
    alpha = np.dstack([colour, rng.integers(0, 256, (50, 20), np.uint8)])
    save(tmp_path / "grey.png", grey)
    save(tmp_path / "a/colour.JPG", colour)
    save(tmp_path / "a/b/alpha.webp", alpha)
    save(tmp_path / "a/b/c/colour.bmp", colour)
    save(tmp_path / "sixteen.png", grey.astype(np.uint16) * 257)
    Image.fromarray(colour).quantize(16).save(tmp_path / "palette.png")
    Image.fromarray(grey).convert("1").save(tmp_path / "two_tones.png")
    Image.fromarray(colour).convert("CMYK").save(tmp_path / "cmyk.jpeg")
    frames = [Image.fromarray(np.full((9, 9), v, np.uint8)) for v in (200, 10)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    (tmp_path / "notes.txt").write_text("no image")
    source = data.folder(tmp_path, (16, 12))
    assert source.images.shape == (9, 16, 12, 3)
    assert sorted(source.labels.tolist()) == [-1] * 6 + [0] * 3  # what lies beside the folder of a class has no label
    by_name = dict(zip(sorted(f for f in tmp_path.rglob("*.*") if f.suffix != ".txt"), source.images, strict=True))
    found = {file.name: image for file, image in by_name.items()}
    assert abs(int(found["film.gif"].mean()) - 200) < 3  # its first frame
    np.testing.assert_allclose(found["sixteen.png"].astype(int), found["grey.png"].astype(int), atol=1)
    for channels in (1, 3, 4):
        assert data.folder(tmp_path, (16, 12), channels).images.shape == (9, 16, 12, channels)


def test_only_grey_images_stay_grey(tmp_path):
    save(tmp_path / "x.png", np.zeros((9, 9), np.uint8))
    assert data.folder(tmp_path, (8, 8)).images.shape == (1, 8, 8, 1)


def test_transparent_pixels_become_white_or_keep_their_alpha(tmp_path):
    save(tmp_path / "x.png", np.zeros((8, 8, 4), np.uint8))
    assert data.folder(tmp_path, (8, 8)).images.min() == 255
    assert data.folder(tmp_path, (8, 8), 4).images.max() == 0


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    picture = np.zeros((16, 8), np.uint8)
    picture[:8] = 255
    save(tmp_path / "x.jpg", picture, exif=exif)
    image = data.folder(tmp_path, (8, 16)).images[0, :, :, 0]
    assert image[:, :6].max() < 30
    assert image[:, 10:].min() > 225


def test_resizing_is_antialiased_and_keeps_proportions(tmp_path):
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))  # one pixel wide: grey from afar
    save(tmp_path / "x.png", stripes)
    np.testing.assert_allclose(data.folder(tmp_path, (8, 8)).images, 127.5, atol=12)
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 255  # the middle, which is what is left of it
    save(tmp_path / "x.png", wide)
    assert data.folder(tmp_path, (10, 10)).images.min() == 255


def test_broken_files_are_named_skipped_and_counted(tmp_path, capsys, rng):
    save(tmp_path / "good.png", rng.integers(0, 256, (9, 9, 3), np.uint8))
    save(tmp_path / "cut.png", rng.integers(0, 256, (99, 99, 3), np.uint8))
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:2000])
    (tmp_path / "no_image.jpg").write_text("nothing")
    (tmp_path / "empty.gif").write_bytes(b"")
    assert data.folder(tmp_path, (8, 8)).images.shape == (1, 8, 8, 3)
    said = capsys.readouterr().err
    assert all(f"Skipping {tmp_path / name}: " in said for name in ("cut.png", "no_image.jpg", "empty.gif"))
    assert "Skipped 3 of 4 images" in said
    (tmp_path / "good.png").unlink()
    with pytest.raises(UserError, match="None of the 3 images"):
        data.folder(tmp_path)


def test_sub_folders_are_labels_and_train_stands_for_the_folder(tmp_path, rng):
    for part, label, n in [("train", "cat", 2), ("train", "dog", 3), ("test", "cat", 5)]:
        for i in range(n):
            save(tmp_path / part / label / f"{i}.png", rng.integers(0, 256, (9, 9, 3), np.uint8))
    source = data.folder(tmp_path, (8, 8))
    assert source.labels.tolist() == [0, 0, 1, 1, 1]
    assert source.classes == 2
    assert source.about["class_names"] == ["cat", "dog"]
    x, y = data.load(tmp_path, "labelled", 5).first(5)
    assert x.shape == (5, 64, 64, 3)
    assert y.numpy().tolist() == [0, 0, 1, 1, 1]


def test_two_folders_are_domains(tmp_path, rng):
    for domain, n in (("trainA", 3), ("trainB", 4), ("testA", 1), ("testB", 1)):
        for i in range(n):
            save(tmp_path / domain / f"{i}.png", rng.integers(0, 256, (9, 9, 3), np.uint8))
    batches = data.load(tmp_path, "domains", 1, (8, 8))
    assert [len(c) for c in batches.columns] == [3, 4]
    assert batches.about["domains"] == ["trainA", "trainB"]


def test_halves_are_pairs_or_domains(tmp_path):
    picture = np.zeros((10, 20, 3), np.uint8)
    picture[:, 10:] = 255
    for i in range(4):
        save(tmp_path / f"{i}.png", picture)
    for takes in ("pairs", "domains"):
        left, right = data.load(tmp_path, takes, 4, (8, 8), halves=True).first(4)
        assert float(left.numpy().max()) == -1
        assert float(right.numpy().min()) == 1


def test_images_that_do_not_fit_in_memory_are_read_again(tmp_path, rng, monkeypatch):
    for i in range(10):
        save(tmp_path / f"{i}.png", rng.integers(0, 256, (8, 8), np.uint8))
    cached = data.load(tmp_path, "images", 4, (8, 8))
    monkeypatch.setattr(prepared, "IN_MEMORY", 100)
    monkeypatch.setattr(prepared, "BY_PIXELS", 100)
    read = data.load(tmp_path, "images", 4, (8, 8))
    assert isinstance(read.columns[0], prepared.Images)
    digest = read.sha256()
    assert digest == data.load(tmp_path, "images", 4, (8, 8)).sha256() != cached.sha256()
    for ours, theirs in zip(taken(cached, 0, 5), taken(read, 0, 5), strict=True):
        np.testing.assert_array_equal(ours, theirs)


# ---- .npz -----------------------------------------------------------------------------------------------------------


def test_npz(tmp_path, rng):
    images, labels = rng.integers(0, 256, (6, 9, 9), np.uint8), np.arange(6) % 3
    np.savez(tmp_path / "x.npz", images=images, labels=labels)
    source = data.npz(tmp_path / "x.npz")
    np.testing.assert_array_equal(source.images[..., 0], images)
    assert source.labels.tolist() == labels.tolist()
    assert source.classes == 3
    assert data.load(tmp_path / "x.npz", "labelled", 2, (12, 8), 3).image_shape == (12, 8, 3)
    np.savez(tmp_path / "y.npz", a=images, b=images[:4])
    assert [len(c) for c in data.load(tmp_path / "y.npz", "domains", 2).columns] == [6, 4]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"pictures": np.zeros((3, 8, 8), np.uint8)}, "holds pictures; it needs an array named images"),
        ({"images": np.zeros((3, 8, 8), np.float32)}, "float32 of shape"),
        ({"images": np.zeros((3, 8, 8, 2), np.uint8)}, "needs to be uint8"),
        ({"images": np.zeros((3, 8, 8), np.uint8), "labels": np.zeros(4, int)}, "there are 3 images"),
    ],
)
def test_npz_that_holds_something_else(tmp_path, arrays, said):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(UserError, match=said):
        data.npz(tmp_path / "x.npz")


def test_a_file_that_is_no_npz(tmp_path):
    (tmp_path / "x.npz").write_text("hello")
    with pytest.raises(UserError, match=r"cannot be read as an \.npz file"):
        data.npz(tmp_path / "x.npz")
    with pytest.raises(UserError, match="There is no file"):
        data.npz(tmp_path / "y.npz")


# ---- tensorflow-datasets --------------------------------------------------------------------------------------------


def write_tfds(name, folder, images, labels, test=()):
    """Prepare a data set as tfds would have, from arrays."""
    version, module = "3.0.1", "tensorflow_datasets.image_classification.mnist"
    out = folder / name / version
    out.mkdir(parents=True)
    features = {
        "image": tfds.features.Image(shape=(None, None, images[0].shape[-1])),
        "label": tfds.features.ClassLabel(num_classes=10),
    }
    identity = tfds.core.dataset_info.DatasetIdentity(
        name=name, version=tfds.core.Version(version), data_dir=str(out), module_name=module
    )
    info = tfds.core.DatasetInfo(builder=identity, features=tfds.features.FeaturesDict(features))
    writer = tfds.core.SequentialWriter(info, 10**6)
    writer.initialize_splits(["train", "test"])
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        writer.add_examples({"test" if i in test else "train": [{"image": image, "label": int(label)}]})
    writer.close_all()


def test_a_prepared_tensorflow_dataset(tmp_path, rng):
    images, labels = rng.integers(0, 256, (7, 28, 28, 1), np.uint8), np.arange(7)
    write_tfds("mnist", tmp_path, images, labels)
    source = data.tensorflow_dataset("mnist", data_dir=tmp_path)
    np.testing.assert_array_equal(source.images, images)
    assert source.labels.tolist() == labels.tolist()
    assert source.classes == 10
    assert data.load("mnist", "labelled", 2, (32, 16), 3, tmp_path).image_shape == (32, 16, 3)


def test_the_test_split_of_a_tensorflow_dataset(tmp_path, rng):
    images, labels = rng.integers(0, 256, (7, 28, 28, 1), np.uint8), np.arange(7)
    write_tfds("mnist", tmp_path, images, labels, test={0, 3})
    np.testing.assert_array_equal(
        data.load("mnist", batch_size=2, data_dir=tmp_path).columns[0], images[[1, 2, 4, 5, 6]]
    )
    batches = data.load("mnist", "labelled", 2, data_dir=tmp_path, split="test")
    np.testing.assert_array_equal(batches.columns[0], images[[0, 3]])
    assert batches.columns[1].tolist() == [0, 3]
    assert batches.about["split"] == "test"
    with pytest.raises(UserError, match="mnist has no val split: it has t[a-z]+, t[a-z]+"):
        data.load("mnist", split="val", data_dir=tmp_path)


def test_without_a_network_a_download_fails_at_once_and_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens there
    start = time.monotonic()
    with pytest.raises(UserError, match="--data digits, give the folder that holds it as --data-dir, or train on a fo"):
        data.tensorflow_dataset("mnist", data_dir=tmp_path)
    assert time.monotonic() - start < 10


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(UserError, match="no data set mnits .did you mean mnist"):
        data.load("mnits")


def test_real_mnist(real_data):
    source = data.tensorflow_dataset("mnist", data_dir=real_data / "tfds")
    assert source.images.shape == (60000, 28, 28, 1)
    assert np.bincount(source.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_real_facades(real_data):
    photographs, labels = data.side_by_side(real_data / "facades", (32, 32))
    assert photographs.images.shape == labels.images.shape == (400, 32, 32, 3)
    colours = [np.mean([len(np.unique(i.reshape(-1, 3), axis=0)) for i in s.images]) for s in (photographs, labels)]
    assert colours[0] > colours[1]  # label maps are flat


# ---- tasks ----------------------------------------------------------------------------------------------------------


def write_npz(path, rng, n=64, shape=(9, 13, 3), classes=4):
    arrays = {"images": rng.integers(0, 256, (n, *shape), np.uint8), "labels": rng.integers(0, classes, n)}
    np.savez(path, **arrays)
    return arrays["images"], arrays["labels"]


def as_uint8(x):
    return np.round((np.asarray(x) + 1) * 127.5).astype(int)


@pytest.fixture(scope="module")
def digits():
    return data.digits((8, 8))


@pytest.mark.parametrize("budget", [1, 20, 47, 100, 1500, 1797])
def test_a_budget_of_labels_is_exact_and_even(budget, digits):
    labels = with_budget(digits, budget, seed=0)
    kept = labels >= 0
    assert kept.sum() == budget
    assert labels[kept].tolist() == digits.labels[kept].tolist()
    assert set(labels[~kept]) <= {-1}
    counts, have = np.bincount(labels[kept], minlength=10), np.bincount(digits.labels)
    assert counts.max() - counts[counts < have].min(initial=counts.max()) <= 1  # but where a class has no more
    np.testing.assert_array_equal(with_budget(digits, budget, seed=0), labels)
    assert budget == 1797 or not np.array_equal(with_budget(digits, budget, seed=1), labels)


def test_which_labels_are_kept_is_part_of_the_data():
    batches = [data.load("digits", "partly_labelled", image_size=(8, 8), labels=20, seed=seed) for seed in (0, 1)]
    assert [(b.columns[1] >= 0).sum() for b in batches] == [20, 20]
    assert [b.classes for b in batches] == [10, 10]
    assert batches[0].sha256() != batches[1].sha256()


def test_small_classes_leave_their_share_to_the_others(tmp_path):
    labels = np.repeat([0, 1, 2], [2, 3, 45])
    np.savez(tmp_path / "x.npz", images=numbered(50), labels=labels)
    kept = data.load(tmp_path / "x.npz", "partly_labelled", 5, labels=15).columns[1]
    assert np.bincount(kept[kept >= 0]).tolist() == [2, 3, 10]


def test_labels_that_are_unknown_stay_unknown(tmp_path, capsys):
    labels = np.where(np.arange(50) < 30, np.arange(50) % 3, -1)
    np.savez(tmp_path / "x.npz", images=numbered(50), labels=labels)
    batches = data.load(tmp_path / "x.npz", "partly_labelled", 5)
    assert batches.columns[1].tolist() == labels.tolist()
    assert batches.classes == 3
    kept = data.load(tmp_path / "x.npz", "partly_labelled", 5, labels=7).columns[1]
    assert (kept >= 0).sum() == 7
    assert (kept[30:] == -1).all()
    with pytest.raises(UserError, match="asks for more labels than the 30"):
        data.load(tmp_path / "x.npz", "partly_labelled", 5, labels=31)
    batches = data.load(tmp_path / "x.npz", "labelled", 5)  # needs all, and leaves the others out
    assert batches.columns[1].tolist() == labels[:30].tolist()
    np.testing.assert_array_equal(batches.columns[0], numbered(50)[:30])
    assert "x.npz: 20 of 50 images have no label: labelled leaves them out." in capsys.readouterr().err


def test_grey_is_the_luma_in_every_channel(tmp_path, rng):
    images, _ = write_npz(tmp_path / "x.npz", rng)
    grey, colour = data.load(tmp_path / "x.npz", task="colouring").first(64)
    np.testing.assert_array_equal(as_uint8(colour), images)
    expected = images @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(as_uint8(grey), expected[..., None] * np.ones(3), atol=0.51)


def test_edges_are_dark_where_the_luma_is_steep(tmp_path, rng):
    images, _ = write_npz(tmp_path / "x.npz", rng, shape=(9, 13, 1))
    images[0], images[1] = 77, 0
    images[1, :, 6:] = 255
    np.savez(tmp_path / "x.npz", images=images)
    drawings, originals = data.load(tmp_path / "x.npz", task="edges").first(64)
    np.testing.assert_array_equal(as_uint8(originals), images)
    drawings = as_uint8(drawings)[..., 0]
    assert (drawings[0] == 255).all()
    assert (drawings[1, :, 5:7] == 0).all()  # the two columns at the step
    assert (drawings[1, :, :5] == 255).all()
    assert (drawings[1, :, 7:] == 255).all()
    x = np.pad(images[2, ..., 0].astype(float), 1, "edge")
    sobel = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]) / 4
    for i, j in [(0, 0), (4, 5), (8, 12)]:
        window = x[i : i + 3, j : j + 3]
        steepness = np.hypot((window * sobel).sum(), (window * sobel.T).sum())
        assert drawings[2, i, j] == pytest.approx(255 - min(255, steepness), abs=0.51)


def bicubic(length, scale):
    """The matrix that makes a line `scale` times shorter: Keys' kernel, a = -0.5, as wide as `scale` of its widths."""

    def kernel(x):
        x = abs(x)
        return (1.5 * x**3 - 2.5 * x**2 + 1) * (x < 1) + (-0.5 * x**3 + 2.5 * x**2 - 4 * x + 2) * ((x >= 1) & (x < 2))

    centres = (np.arange(length // scale) + 0.5) * scale
    weights = kernel((np.arange(length) + 0.5 - centres[:, None]) / scale)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("shape", "scale", "small"), [((8, 12, 3), 4, (2, 3)), ((9, 13, 1), 4, (3, 4)), ((9, 10, 3), 2, (5, 5))]
)
def test_small_images_are_antialiased_and_round_up(tmp_path, rng, shape, scale, small):
    images = rng.integers(64, 192, (64, *shape), np.uint8)  # nothing that Pillow would clip between its two passes
    np.savez(tmp_path / "x.npz", images=images)
    batches = data.load(tmp_path / "x.npz", task="super_resolution", scale=scale)
    assert batches.source_shape == (*small, shape[2])
    assert batches.image_shape == shape
    source, target = batches.first(64)
    np.testing.assert_array_equal(as_uint8(target), images)
    height, width = small[0] * scale, small[1] * scale
    whole = np.pad(images, ((0, 0), (0, height - shape[0]), (0, width - shape[1]), (0, 0)), "symmetric").astype(float)
    expected = np.einsum("ih,nhwc,jw->nijc", bicubic(height, scale), whole, bicubic(width, scale))
    np.testing.assert_allclose(
        as_uint8(source), np.clip(expected, 0, 255), atol=1.1
    )  # Pillow rounds between its passes


def test_holes_are_a_quarter_of_the_image_and_anywhere(tmp_path, rng):
    images = np.zeros((500, 24, 16, 1), np.uint8)
    np.savez(tmp_path / "x.npz", images=images)
    batches = data.load(tmp_path / "x.npz", task="completion", batch_size=500)
    source, target = batches.first(500)
    assert as_uint8(target).max() == 0
    hole = as_uint8(source)[..., 0]
    assert set(np.unique(hole)) == {0, 128}
    hole = hole == 128
    rows, columns = hole.any(axis=2), hole.any(axis=1)
    np.testing.assert_array_equal(hole, rows[:, :, None] & columns[:, None, :])  # a rectangle
    for side in (rows, columns):
        assert (np.abs(np.diff(side.astype(int), axis=1)).sum(axis=1) <= 2).all()  # in one piece
        assert (side.mean(axis=0) > 0.05).all()  # everywhere
    area = hole.mean(axis=(1, 2))
    assert area.mean() == pytest.approx(0.25, abs=0.01)
    assert area.min() > 0.2
    assert area.max() < 0.3
    assert len(np.unique(rows.sum(axis=1))) > 3
    (again,) = (x for x, _ in batches.in_order())
    np.testing.assert_array_equal(again, source)


def test_noise_has_its_deviation_and_is_clipped(tmp_path):
    np.savez(tmp_path / "x.npz", images=np.full((100, 32, 32, 1), 128, np.uint8))
    source, target = data.load(tmp_path / "x.npz", task="denoising", noise=0.1).first(100)
    noise = np.asarray(source - target)
    assert noise.std() == pytest.approx(0.1, rel=0.02)
    assert abs(noise.mean()) < 0.002
    assert abs(np.mean(noise[:, 1:] * noise[:, :-1])) < 1e-4  # white
    assert abs(np.mean(noise[1:] * noise[:-1])) < 1e-4  # new for each image
    source, _ = data.load(tmp_path / "x.npz", task="denoising", noise=2.0).first(100)
    assert (float(np.min(source)), float(np.max(source))) == (-1, 1)


RANDOM_TASKS = {"completion": {}, "denoising": {"noise": 0.3}}
TASKS_OF_PAIRS = {**RANDOM_TASKS, "colouring": {}, "edges": {}, "super_resolution": {"scale": 4}}


@pytest.mark.parametrize("task", TASKS_OF_PAIRS)
def test_sources_are_a_function_of_seed_and_step(task, tmp_path, rng):
    write_npz(tmp_path / "x.npz", rng, n=10)

    def batches(seed=5):
        return data.load(tmp_path / "x.npz", task=task, batch_size=3, seed=seed, mirror=True, **TASKS_OF_PAIRS[task])

    whole = taken(batches(), 0, 9)
    for step in (1, 5):
        for ours, theirs in zip(taken(batches(), step, 9 - step), whole[step:], strict=True):
            np.testing.assert_array_equal(ours[0], theirs[0])
            np.testing.assert_array_equal(ours[1], theirs[1])
    # three batches to a step are the same nine examples
    ((source, target),) = taken(batches(), 1, 1, batches_per_step=3)
    np.testing.assert_array_equal(source, np.concatenate([x for x, _ in whole[3:6]]))
    np.testing.assert_array_equal(target, np.concatenate([y for _, y in whole[3:6]]))
    first = batches().first(10)
    np.testing.assert_array_equal(first[0], np.concatenate([x for x, _ in batches().in_order()]))
    np.testing.assert_array_equal(first[0], batches(seed=6).first(10)[0])
    assert len(batches()) == 3


@pytest.mark.parametrize("task", RANDOM_TASKS)
def test_holes_and_noise_are_new_in_each_epoch_for_each_image_and_seed(task, tmp_path):
    np.savez(tmp_path / "x.npz", images=np.full((6, 32, 32, 1), 100, np.uint8))
    drawn = []
    for seed in (0, 1):
        batches = data.load(tmp_path / "x.npz", task=task, batch_size=3, seed=seed, **RANDOM_TASKS[task])
        drawn += [image.numpy() for x, _ in taken(batches, 0, 4) for image in x]
    drawn += list(batches.first(6)[0].numpy())
    assert len({image.tobytes() for image in drawn}) == len(drawn) == 30


@pytest.mark.parametrize("task", ["colouring", "edges", "super_resolution"])
def test_mirrored_pairs_are_made_of_the_mirrored_image(task, tmp_path, rng):
    images, _ = write_npz(tmp_path / "x.npz", rng, n=30)
    options = TASKS_OF_PAIRS[task]
    ((source, target),) = taken(data.load(tmp_path / "x.npz", task=task, batch_size=30, mirror=True, **options), 0, 1)
    flipped = sum(any(np.array_equal(as_uint8(t)[:, ::-1], i) for i in images) for t in target)
    assert 5 < flipped < 25
    np.savez(tmp_path / "y.npz", images=as_uint8(target).astype(np.uint8))
    np.testing.assert_array_equal(
        source, data.load(tmp_path / "y.npz", task=task, batch_size=30, **options).first(30)[0]
    )


def test_domains_by_label(tmp_path, rng):
    images, labels = write_npz(tmp_path / "x.npz", rng)
    batches = data.load(tmp_path / "x.npz", "domains", 2, domain_labels=(3, 1))
    np.testing.assert_array_equal(batches.columns[0], images[labels == 3])
    np.testing.assert_array_equal(batches.columns[1], images[labels == 1])
    assert batches.takes == "domains"
    assert batches.about["examples"] == [(labels == 3).sum(), (labels == 1).sum()]


@pytest.fixture
def cats_and_dogs(tmp_path, rng):
    for part, label, n in [("train", "cat", 2), ("train", "dog", 3), ("test", "cat", 4), ("test", "dog", 5)]:
        for i in range(n):
            save(tmp_path / "pets" / part / label / f"{i}.png", rng.integers(0, 256, (8, 8, 3), np.uint8))
    return tmp_path / "pets"


@pytest.mark.parametrize("in_memory", [True, False])
def test_labels_have_the_names_of_their_folders(cats_and_dogs, in_memory, monkeypatch):
    whole = data.folder(cats_and_dogs, (8, 8)).images
    if not in_memory:
        monkeypatch.setattr(prepared, "IN_MEMORY", 0)
        monkeypatch.setattr(prepared, "BY_PIXELS", 0)
    batches = data.load(cats_and_dogs, "domains", 1, (8, 8), domain_labels=("dog", "cat"))
    np.testing.assert_array_equal(batches.columns[0][np.arange(3)], whole[2:])
    np.testing.assert_array_equal(batches.columns[1][np.arange(2)], whole[:2])
    batches = data.load(cats_and_dogs, "images", 1, (8, 8), task="one_class", normal=("dog",))
    np.testing.assert_array_equal(batches.columns[0][np.arange(3)], whole[2:])
    other = data.load(cats_and_dogs, "images", 1, (8, 8), task="one_class", normal=("cat",))
    assert other.sha256() != batches.sha256()
    with pytest.raises(UserError, match=r"no images labelled dgo \(did you mean dog\?\): it has cat, dog"):
        data.load(cats_and_dogs, "domains", 1, domain_labels=("cat", "dgo"))


def test_one_class_trains_on_the_normal_and_tests_on_all(cats_and_dogs, tmp_path):
    images, test = (data.folder(cats_and_dogs, (8, 8), split=split) for split in ("train", "test"))
    assert len(test.images) == 9
    train = data.load(cats_and_dogs, "images", 1, (8, 8), task="one_class", normal=("cat",))
    assert train.takes == "images"
    np.testing.assert_array_equal(train.columns[0], images.images[:2])
    batches = data.load(cats_and_dogs, "images", 1, (8, 8), task="one_class", normal=(0,), split="test")
    assert batches.takes == "labelled"
    np.testing.assert_array_equal(batches.columns[0], test.images)
    assert batches.columns[1].tolist() == [0] * 4 + [1] * 5  # 1 is an anomaly
    assert [y.numpy().tolist() for _, y in batches.in_order()] == [[label] for label in batches.columns[1]]
    # images of one kind are all normal
    assert len(data.load(cats_and_dogs / "train/dog", task="one_class", batch_size=1).columns[0]) == 3
    (cats_and_dogs / "ground_truth").mkdir()  # as in MVTec's sets
    assert len(data.load(cats_and_dogs, task="images", batch_size=1, split="test").columns[0]) == 9


def test_splits_of_folders(tmp_path, rng):
    for part, n in (("train", 3), ("test", 2), ("val", 1), ("twoA", 1)):
        for i in range(n):
            picture = rng.integers(0, 256, (8, 16, 3), np.uint8)
            if part != "twoA":
                save(tmp_path / "pix2pix" / part / f"{i}.png", picture)
            for domain in "AB":
                save(tmp_path / "cyclegan" / f"{part}{domain}" / f"{i}.png", picture)
    for split, n in (("train", 3), ("test", 2), ("val", 1)):
        ours = [data.load(tmp_path / "pix2pix", t, 1, halves=True, split=split) for t in ("pairs", "domains")]
        ours += [data.load(tmp_path / "pix2pix", batch_size=1, split=split)]
        ours += [data.load(tmp_path / "cyclegan", "domains", 1, split=split)]
        assert [b.about["examples"] for b in ours] == [n, [n, n], n, [n, n]]
    left, right = data.load(tmp_path / "pix2pix", "pairs", 1, (8, 8), halves=True, split="test").first(2)
    swapped = data.load(tmp_path / "pix2pix", "pairs", 1, (8, 8), halves=True, split="test", right_to_left=True)
    np.testing.assert_array_equal(swapped.first(2), [right, left])
    with pytest.raises(UserError, match="has no dev split, a folder dev beside train: it holds test, train, val"):
        data.load(tmp_path / "pix2pix", split="dev")


def test_every_task_and_option_has_a_digest_of_its_own(tmp_path, rng):
    write_npz(tmp_path / "x.npz", rng)
    tasks = [{"task": task} for task in data.TASKS if task not in ("pairs", "domains", "one_class", "partly_labelled")]
    tasks += [{"task": "super_resolution", "scale": 2}, {"task": "denoising", "noise": 0.25}]
    tasks += [{"task": "one_class", "normal": [n]} for n in (0, 1)]
    tasks += [{"task": "domains", "domain_labels": pair} for pair in ((0, 1), (1, 0), (0, 2))]
    tasks += [{"task": "partly_labelled", "labels": n} for n in (5, 6)]
    loaded = [data.load(tmp_path / "x.npz", batch_size=4, **task) for task in tasks]
    assert len({b.sha256() for b in loaded}) == len(tasks)
    assert len({str(b.about) for b in loaded}) == len(tasks)
    assert [b.takes for b in loaded] == [data.TASKS[task["task"]] for task in tasks]
    for task, ours in zip(tasks, loaded, strict=True):
        assert ours.sha256() == data.load(tmp_path / "x.npz", batch_size=4, **task).sha256()


def test_a_model_says_what_sizes_of_pairs_it_takes():
    class Enlarging(GenerativeModel):
        takes = "pairs"

        def __init__(self, image_shape=(8, 8, 1), scale=2):
            super().__init__()
            self.image_shape = image_shape

    pairs = data.Batches((numbered(4, (5, 4, 1)), numbered(4, (9, 8, 1))), "pairs", 2)
    Enlarging((9, 8, 1))._check_batches(pairs)
    with pytest.raises(UserError, match=r"makes \(9, 8, 1\) of images of \(3, 2, 1\); the data has \(5, 4, 1\)"):
        Enlarging((9, 8, 1), 4)._check_batches(pairs)
    with pytest.raises(UserError, match=r"built for images of \(8, 8, 1\); the data has \(9, 8, 1\)"):
        Enlarging((8, 8, 1))._check_batches(pairs)


# ---- what a model cannot take ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "./nowhere"}, "There is no folder nowhere"),
        ({"name": "EMPTY"}, "There are no images in"),
        ({"name": "EMPTY", "takes": "domains"}, "no folders: it needs folders trainA and trainB"),
        ({"name": "./nowhere", "takes": "domains"}, "two domains are wanted; it needs folders trainA"),
        ({"name": "digits", "takes": "domains"}, "digits is one set of images"),
        ({"name": "digits", "takes": "pairs"}, "pairs needs pictures of two --halves"),
        ({"name": "digits", "halves": True}, "leave out --halves"),
        ({"name": "digits", "right_to_left": True}, "is for pictures of two --halves"),
        ({"name": "digits", "split": "test"}, "digits has no test split"),
        ({"name": "digits", "takes": "pictures"}, "No model takes pictures .did you mean pairs.*: choose from images"),
        ({"name": "digits", "takes": "labeled"}, "did you mean labelled"),
        ({"name": "digits", "task": "edge"}, "no task edge .did you mean edges.*: choose from images, one_class"),
        (
            {"name": "digits", "takes": "images", "task": "edges"},
            "images, and edges makes pairs: choose a task from",
        ),
        ({"name": "digits", "scale": 2}, "--scale belongs to task super_resolution; this is images: leave it out"),
        ({"name": "digits", "sclae": 2}, "Data has no option sclae .did you mean scale"),
        ({"name": "digits", "task": "super_resolution", "scale": 1}, "--scale 1 makes nothing smaller"),
        ({"name": "digits", "task": "super_resolution", "scale": 32}, "no more than a pixel of 32x32"),
        ({"name": "digits", "task": "denoising", "noise": -1.0}, "--noise -1.0 is no noise"),
        ({"name": "digits", "task": "denoising", "noise": float("nan")}, "--noise nan is no noise"),
        ({"name": "digits", "task": "colouring"}, "colouring needs images with colours, and these have 1 channel"),
        ({"name": "digits", "task": "partly_labelled", "labels": 0}, "--labels 0 leaves no label to learn from"),
        ({"name": "digits", "task": "partly_labelled", "labels": 1798}, "more labels than the 1797 that digits has"),
        ({"name": "digits", "task": "one_class"}, "which of the labels in digits are normal: give --normal, such as 0"),
        ({"name": "digits", "task": "one_class", "normal": (10,)}, "no images labelled 10: it has 0, 1, 2"),
        ({"name": "FLAT", "task": "one_class", "normal": (1,)}, "has no labels, and --normal needs them"),
        ({"name": "digits", "task": "domains", "domain_labels": (3,)}, "3 does not name two domains"),
        ({"name": "digits", "task": "domains", "domain_labels": (3, 3)}, "3,3 does not name two domains"),
        ({"name": "FLAT", "task": "domains", "domain_labels": (3, 4)}, "has no labels, and domains needs them"),
        ({"name": "FLAT", "takes": "partly_labelled"}, "has no labels, and partly_labelled needs them"),
        ({"name": "ONE", "takes": "labelled"}, "has images of one class, and labelled needs at least two"),
        ({"name": "FLAT", "takes": "labelled"}, "has no labels"),
        ({"name": "FLAT", "batch_size": 2}, "There is 1 example; one step needs 2: give a batch size of at most 1"),
    ],
)
def test_data_of_the_wrong_kind(tmp_path, arguments, said):
    (tmp_path / "empty").mkdir()
    save(tmp_path / "flat/x.png", np.zeros((9, 9), np.uint8))
    save(tmp_path / "one/class/x.png", np.zeros((9, 9), np.uint8))
    places = {"EMPTY": tmp_path / "empty", "FLAT": tmp_path / "flat", "ONE": tmp_path / "one"}
    arguments["name"] = places.get(arguments["name"], arguments["name"])
    with pytest.raises(UserError, match=said) as error:
        data.load(**arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("examples", "size", "per_step", "said"),
    [
        (1, 1, 5, "There is 1 example; one step needs 5 batches of 1: give at least 5 examples."),
        (4, 1, 5, "There are 4 examples; one step needs 5 batches of 1: give at least 5 examples."),
        (11, 11, 5, "There are 11 examples; one step needs 5 batches of 11: give a batch size of at most 2."),
    ],
)
def test_too_few_examples_for_a_step_are_told_what_helps(examples, size, per_step, said):
    batches = data.Batches((np.zeros((examples, 8, 8, 1), np.uint8),), "images", size)
    with pytest.raises(UserError, match=f"^{re.escape(said)}$"):
        batches.steps_per_epoch(per_step)
    with pytest.raises(UserError, match="There is 1 example; one step needs 64: give a batch size of at most 1."):
        data.Batches((np.zeros((1, 8, 8, 1), np.uint8),), "images", 64)
