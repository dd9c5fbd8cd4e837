"""Images from anywhere: every source, every kind of file, and an order that the step fixes."""

import time

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from kerasgan import data
from kerasgan.data import files
from kerasgan.errors import UserError


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
    assert source.labels is None
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
    monkeypatch.setattr(files, "IN_MEMORY", 100)
    read = data.load(tmp_path, "images", 4, (8, 8))
    assert isinstance(read.columns[0], files.ImageFiles)
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


def write_tfds(name, folder, images, labels):
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
    writer.initialize_splits(["train"])
    for image, label in zip(images, labels, strict=True):
        writer.add_examples({"train": [{"image": image, "label": int(label)}]})
    writer.close_all()


def test_a_prepared_tensorflow_dataset(tmp_path, rng):
    images, labels = rng.integers(0, 256, (7, 28, 28, 1), np.uint8), np.arange(7)
    write_tfds("mnist", tmp_path, images, labels)
    source = data.tensorflow_dataset("mnist", data_dir=tmp_path)
    np.testing.assert_array_equal(source.images, images)
    assert source.labels.tolist() == labels.tolist()
    assert source.classes == 10
    assert data.load("mnist", "labelled", 2, (32, 16), 3, tmp_path).image_shape == (32, 16, 3)


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
        ({"name": "FLAT", "takes": "labelled"}, "has no labels"),
        ({"name": "FLAT", "batch_size": 2}, "There are 1 examples"),
    ],
)
def test_data_of_the_wrong_kind(tmp_path, arguments, said):
    (tmp_path / "empty").mkdir()
    save(tmp_path / "flat/x.png", np.zeros((9, 9), np.uint8))
    places = {"EMPTY": tmp_path / "empty", "FLAT": tmp_path / "flat"}
    arguments["name"] = places.get(arguments["name"], arguments["name"])
    with pytest.raises(UserError, match=said) as error:
        data.load(**arguments)
    assert "\n" not in str(error.value)
