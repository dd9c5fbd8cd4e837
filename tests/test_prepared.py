"""Images that are prepared once: whole or not at all, as they were decoded before, and made anew when files change."""

import errno
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image
from test_data import taken, write_tfds
from test_files import said

from kerasgan import data, prepared, run_folder
from kerasgan.cli import main
from kerasgan.data import files
from kerasgan.data.examples import examples
from kerasgan.errors import UserError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/data"


@pytest.fixture
def large(monkeypatch):
    """Two images of 8x8x3 in a shard, and none in memory."""
    monkeypatch.setattr(prepared, "SHARD", 2 * 8 * 8 * 3)
    monkeypatch.setattr(prepared, "IN_MEMORY", 0)


@pytest.fixture
def photos(tmp_path):
    """Seven pictures in two folders."""
    generator = np.random.default_rng(0)
    for i in range(7):
        save(tmp_path / f"photos/{'cat' if i < 3 else 'dog'}/{i}.png", generator.integers(0, 256, (11, 9, 3), np.uint8))
    return tmp_path / "photos"


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def decoded(path, size=(8, 8), channels=3):
    """What one file becomes, without anything that is kept."""
    return np.asarray(files.with_channels(files.resized(files.decoded(path), size), channels)).reshape(*size, channels)


def of_all(folder, **options):
    return np.stack([decoded(file, **options) for file in sorted(folder.rglob("*.*"))])


def decoding(monkeypatch):
    """The names of the files that are decoded from now on."""
    names, opened = [], files._opened
    monkeypatch.setattr(files, "_opened", lambda file, *a: (names.append(os.path.basename(file)), opened(file, *a))[1])
    return names


def entry(cache):
    (folder,) = [path for path in cache.iterdir() if path.is_dir()]
    return folder


# ---- once -----------------------------------------------------------------------------------------------------------


def test_a_second_start_decodes_nothing_and_gives_the_same(photos, monkeypatch):
    first = data.folder(photos, (8, 8))
    assert isinstance(first.images, np.ndarray)
    np.testing.assert_array_equal(first.images, of_all(photos))
    names = decoding(monkeypatch)
    second = data.folder(photos, (8, 8))
    np.testing.assert_array_equal(second.images, first.images)
    assert (second.labels.tolist(), second.about) == (first.labels.tolist(), first.about)
    assert names == []
    alike = {"channels": 3}, {"value_ranges": {"integers": [0, 4095]}}  # there are no pixels of more than 8 bits
    for other, n in [({"image_size": (8, 6)}, 7), ({"channels": 1}, 7), (alike[0], 0), (alike[1], 0)]:
        names.clear()
        data.folder(photos, **{"image_size": (8, 8), **other})
        assert len(names) == n, other


def test_each_file_is_decoded_once(photos, monkeypatch):
    save(photos / "deep.png", np.full((9, 9), 4000, np.uint16))  # but for those whose values have an extent
    names = decoding(monkeypatch)
    source = data.folder(photos, (8, 8))
    assert sorted(names) == sorted([f"{i}.png" for i in range(7)] + ["deep.png"] * 2)
    assert source.about["value_ranges"] == {"integers": [0, 4095]}
    assert data.folder(photos, (8, 8)).about == source.about
    assert data.folder(photos, (8, 8), 3, value_ranges={"integers": [0, 4095]}).about == source.about
    assert len(names) == 9
    data.folder(photos, (8, 8), value_ranges={"integers": [0, 65535]})
    assert len(names) == 18


@pytest.mark.parametrize("change", ["changed", "added", "removed", "moved"])
def test_what_has_changed_is_prepared_anew(photos, change):
    before = data.folder(photos, (8, 8)).images
    if change == "changed":
        save(photos / "cat/0.png", np.zeros((11, 9, 3), np.uint8))
    elif change == "added":
        save(photos / "cat/10.png", np.zeros((11, 9, 3), np.uint8))
    elif change == "removed":
        (photos / "dog/4.png").unlink()
    else:
        (photos / "cat/0.png").rename(photos / "dog/0.png")
    (one,) = prepared.entries()
    assert one.state() == "changed"
    after = data.folder(photos, (8, 8))
    np.testing.assert_array_equal(after.images, of_all(photos))
    assert not np.array_equal(before, after.images)
    assert sorted(one.state() for one in prepared.entries()) == ["as it was", "changed"]


def test_digest_order_and_pixels_are_those_of_images_in_memory(photos, monkeypatch):
    whole = data.load(photos, "labelled", 3, (8, 8), mirror=True)
    pixels = hashlib.sha256(of_all(photos).tobytes() + whole.columns[1].tobytes())
    assert whole.sha256() == pixels.hexdigest()
    for name, value in (("SHARD", 2 * 8 * 8 * 3), ("IN_MEMORY", 0), ("BLOCK", 400), ("MAPPED", 2**23)):
        monkeypatch.setattr(prepared, name, value)
    monkeypatch.setenv("KERASGAN_CACHE", f"{os.environ['KERASGAN_CACHE']}-2")
    read = data.load(photos, "labelled", 3, (8, 8), mirror=True)
    assert isinstance(read.columns[0], prepared.Images)
    assert len(read.columns[0].shards) == 4
    assert read.sha256() == whole.sha256()
    for ours, theirs in zip(taken(read, 1, 6), taken(whole, 1, 6), strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])
    monkeypatch.setattr(prepared, "BY_PIXELS", 0)
    lines = [f"{file.name} {file.stat().st_size}" for file in sorted(photos.rglob("*.png"))]
    by_name = hashlib.sha256("\n".join(lines).encode() + read.columns[1].tobytes())
    assert data.load(photos, "labelled", 3, (8, 8)).sha256() == by_name.hexdigest()
    cats = data.load(photos, batch_size=3, image_size=(8, 8), task="one_class", normal="cat")
    assert cats.sha256() == hashlib.sha256("\n".join(lines[:3]).encode()).hexdigest()


def test_every_kind_of_index_reads_what_it_reads_of_an_array(photos, large):
    images, array = data.folder(photos, (8, 8)).images, of_all(photos)
    assert images.shape == array.shape
    for key in (3, -1, slice(1, 6, 2), np.array([6, 0, 0, 3]), array[:, 0, 0, 0] > 99, np.array([], int), [5, 1]):
        np.testing.assert_array_equal(images[key], array[key])
    np.testing.assert_array_equal(np.asarray(images), array)
    np.testing.assert_array_equal(images.subset(np.array([6, 2]))[np.array([1])], array[[2]])
    with pytest.raises(IndexError):
        images[7]


def test_halves_and_domains_are_prepared_together(tmp_path, large, monkeypatch):
    generator = np.random.default_rng(0)
    for name in ("a/0.png", "a/1.png", "b/2.png", "b/3.png", "b/4.png"):
        save(tmp_path / "two" / name, generator.integers(0, 256, (9, 30, 3), np.uint8))
    names = decoding(monkeypatch)
    left, right = data.side_by_side(tmp_path / "two", (8, 8))
    assert len(names) == 5
    for half, box in ((left, (0, 0, 15, 9)), (right, (15, 0, 30, 9))):
        expected = [
            np.asarray(files.resized(Image.open(file).crop(box), (8, 8))) for file in sorted(tmp_path.rglob("*/?.png"))
        ]
        np.testing.assert_array_equal(half.images[:], expected)
    a, b = data.two_domains(tmp_path / "two", (8, 8))
    np.testing.assert_array_equal(a.images[:], of_all(tmp_path / "two/a"))
    np.testing.assert_array_equal(b.images[:], of_all(tmp_path / "two/b"))
    names.clear()
    data.two_domains(tmp_path / "two", (8, 8))
    data.side_by_side(tmp_path / "two", (8, 8))
    assert names == []


def test_what_cannot_be_read_is_named_at_each_start(photos, capsys):
    (photos / "cat/1.png").write_bytes((photos / "cat/1.png").read_bytes()[:60])
    for _ in range(2):
        source = data.folder(photos, (8, 8))
        assert source.labels.tolist() == [0, 0, 1, 1, 1, 1]
        lines = said(capsys)
        assert lines[0].startswith(f"Skipping {photos}/cat/1.png: ")
        assert lines[1:] == ["Skipped 1 of 7 images that cannot be read."]
    np.testing.assert_array_equal(source.images[1], decoded(photos / "cat/2.png"))
    assert main(["data", "list"]) == 0
    assert re.search(r"photos +8x8 +6 ", capsys.readouterr().out)


def test_a_file_that_the_system_did_not_give_is_tried_again(photos, monkeypatch, capsys):
    opened = files._opened

    def broken(file, *rest):
        if file.endswith("4.png"):
            raise files.NotReached("Input/output error")
        return opened(file, *rest)

    monkeypatch.setattr(files, "_opened", broken)
    assert len(data.folder(photos, (8, 8)).images) == 6
    assert "4.png: Input/output error" in capsys.readouterr().err
    monkeypatch.setattr(files, "_opened", opened)
    np.testing.assert_array_equal(data.folder(photos, (8, 8)).images, of_all(photos))


@pytest.mark.parametrize("other", ["broken colours", "grey palette", "transparent"])
def test_channels_are_the_most_that_a_readable_file_has(tmp_path, other):
    grey = np.arange(81, dtype=np.uint8).reshape(9, 9)
    save(tmp_path / "x/0.png", grey)
    if other == "broken colours":
        save(tmp_path / "x/1.png", np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8))
        (tmp_path / "x/1.png").write_bytes((tmp_path / "x/1.png").read_bytes()[:2000])
    elif other == "grey palette":
        Image.fromarray(grey).convert("P").save(tmp_path / "x/1.png")
    else:
        save(tmp_path / "x/1.png", grey, transparency=0)
    images = data.folder(tmp_path / "x", (8, 8)).images
    assert images.shape == ((1, 8, 8, 1) if other == "broken colours" else (2, 8, 8, 3))
    np.testing.assert_array_equal(images[0], decoded(tmp_path / "x/0.png", channels=images.shape[-1]))


# ---- large JPEGs ----------------------------------------------------------------------------------------------------


def photograph(height, width):
    """Pixels with as much detail at every scale as photographs have."""
    generator, pixels = np.random.default_rng(0), np.zeros((height, width, 3))
    for octave in range(2, 8):
        blobs = generator.normal(0, 2.0**-octave, (2**octave, 2**octave, 3)).astype(np.float32)
        for channel in range(3):
            its = Image.fromarray(blobs[..., channel]).resize((width, height), Image.Resampling.BICUBIC)
            pixels[..., channel] += np.asarray(its)
    return (128 + 50 * pixels / pixels.std()).clip(0, 255).astype(np.uint8)


def turned(picture):
    exif = Image.Exif()
    exif[0x0112] = 6
    return {"exif": exif}


@pytest.mark.parametrize("kind", ["RGB", "L", "CMYK", "turned", "halves"])
def test_a_large_jpeg_is_decoded_smaller_and_looks_the_same(tmp_path, kind, monkeypatch):
    (tmp_path / "x").mkdir()
    picture = Image.fromarray(photograph(520, 1040))
    options = turned(picture) if kind == "turned" else {}
    picture = picture.convert(kind) if kind in ("L", "CMYK") else picture
    picture.save(tmp_path / "x/x.jpg", quality=90, **options)
    halves = kind == "halves"
    size = (24, 40 if halves else 16)

    def images():
        found = data.side_by_side(tmp_path / "x", size) if halves else [data.folder(tmp_path / "x", size)]
        return np.concatenate([one.images for one in found]).astype(int)

    sizes, shrink = [], files._shrink
    monkeypatch.setattr(files, "_shrink", lambda opened, *a: (shrink(opened, *a), sizes.append(opened.size)))
    smaller = images()
    assert set(sizes) == {{"turned": (130, 65), "halves": (520, 260)}.get(kind, (260, 130))}
    monkeypatch.setattr(files, "DRAFT", 1000)
    assert 0 < np.abs(smaller - images()).mean() < 1


def test_pictures_of_usual_sizes_keep_their_pixels(tmp_path):
    for i, (height, width) in enumerate([(63, 127), (64, 50), (63, 1000)]):
        save(tmp_path / f"x/{i}.jpg", photograph(height, width), quality=90)
    np.testing.assert_array_equal(data.folder(tmp_path / "x", (8, 8)).images, of_all(tmp_path / "x"))


# ---- killed, full, at once ------------------------------------------------------------------------------------------

SLOW = """
import sys, time
import numpy as np
from kerasgan import prepared

prepared.SHARD = 2 * 8 * 8 * 3

def rows(start, stop, done):
    if start >= {sleeps_at}:
        print("sleeps", flush=True)
        time.sleep({seconds})
    return prepared.Shard(np.full((stop - start, 1, 8, 8, 3), start, np.uint8), {{"from": start}})

prepared.kept("slow", {{"test": 1}}, {{}}, lambda: prepared.Plan((7, 1, 8, 8, 3), {{}}, rows))
"""


def slow(sleeps_at, seconds):
    """A process that prepares what `plan` does, up to where it sleeps: it does not import TensorFlow."""
    program = SLOW.format(sleeps_at=sleeps_at, seconds=seconds)
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)


def plan(made):
    def rows(start, stop, done):
        made.append(start)
        return prepared.Shard(np.full((stop - start, 1, 8, 8, 3), start, np.uint8), {"from": start})

    return lambda: prepared.Plan((7, 1, 8, 8, 3), {}, rows)


def values(kept):
    assert [notes["from"] for notes in kept.notes] == [0, 2, 4, 6]
    return [int(row[0, 0, 0, 0]) for shard in kept.shards for row in shard]


WHOLE = [0, 0, 2, 2, 4, 4, 6]


def test_what_a_killed_process_left_is_taken_up(cache, large):
    process = slow(sleeps_at=4, seconds=60)
    assert process.stdout.readline() == "sleeps\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    (one,) = prepared.entries()
    assert one.state() == "a part"
    (entry(cache) / "00002.part").write_bytes(b"half of it")
    made = []
    assert values(prepared.kept("slow", {"test": 1}, {}, plan(made))) == WHOLE
    assert made == [4, 6]
    assert sorted(path.suffix for path in entry(cache).iterdir()) == [".json"] * 6 + [".npy"] * 4
    assert values(prepared.kept("slow", {"test": 1}, {}, None)) == WHOLE


def test_two_processes_wait_for_one_another(large, capsys):
    process = slow(sleeps_at=6, seconds=1)
    assert process.stdout.readline() == "sleeps\n"
    made = []
    assert values(prepared.kept("slow", {"test": 1}, {}, plan(made))) == WHOLE
    assert made == []
    assert said(capsys) == ["Waiting for another process, which is preparing slow."]
    process.wait()


@pytest.mark.parametrize("broken", ["index.json", "00001.npy", "00001.json", "cut", "no JSON", "empty index"])
def test_what_is_not_whole_does_not_count(cache, large, broken):
    prepared.kept("x", {"test": 2}, {}, plan([]))
    folder, anew = entry(cache), [2]
    if broken == "cut":
        with (folder / "00001.npy").open("r+b") as file:
            file.truncate(200)
    elif broken == "no JSON":
        (folder / "00001.json").write_text('{"of": ')
    else:
        anew = [] if "index" in broken else anew
        (folder / broken.removeprefix("empty ")).unlink(missing_ok=True)
    if broken == "empty index":
        (folder / "index.json").unlink(missing_ok=True)
        (folder / "index.json").write_bytes(b"")
    made = []
    assert values(prepared.kept("x", {"test": 2}, {}, plan(made))) == WHOLE
    assert made == anew
    assert prepared.found({"test": 2}) is not None


def full(*arguments):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(photos, cache, large, monkeypatch, capsys):
    written = []

    def fsync(number, real=os.fsync):
        written.append(number)
        full() if len(written) == 3 else real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(UserError, match=r"No space left on device\. Give another folder as KERASGAN_CACHE") as error:
        data.folder(photos, (8, 8))
    assert "\n" not in str(error.value)
    assert not [path for path in entry(cache).iterdir() if path.name in ("index.json", "00002.npy", "00002.part")]
    names = decoding(monkeypatch)
    np.testing.assert_array_equal(data.folder(photos, (8, 8)).images[:], of_all(photos))
    assert sorted(set(names[:3])) == ["4.png", "5.png", "6.png"]  # the first two shards are whole


def test_too_little_space_is_said_before_anything_is_decoded(photos, large, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 9, 1))
    names = decoding(monkeypatch)
    with pytest.raises(UserError, match=r"it takes 0\.0 GB, and there are 0\.0 GB free\. Give another folder as KERAS"):
        data.folder(photos, (8, 8))
    assert names == []


@pytest.mark.parametrize("why", ["full", "a file"])
def test_few_images_are_used_although_they_cannot_be_kept(photos, tmp_path, monkeypatch, capsys, why):
    if why == "full":
        monkeypatch.setattr(os, "fsync", full)
    else:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "file/cache"))
    np.testing.assert_array_equal(data.folder(photos, (8, 8)).images, of_all(photos))
    (line,) = said(capsys)
    assert re.search(r"photos is not kept in .*: (No space left on device|Not a directory)\. So it is decoded", line)
    monkeypatch.setattr(prepared, "IN_MEMORY", 0)
    with pytest.raises(UserError, match=r"cannot be prepared in .*\. Give another folder as KERASGAN_CACHE"):
        data.folder(photos, (8, 8))


def test_what_is_removed_while_it_is_read_stays_readable(photos, large):
    source = data.folder(photos, (8, 8))
    (one,) = prepared.entries()
    assert prepared.remove(one)
    prepared._unmap(source.images.shards[0])
    np.testing.assert_array_equal(source.images[:], of_all(photos))


# ---- in parallel, and what is said ----------------------------------------------------------------------------------


def test_results_are_in_order_and_no_more_is_at_work_than_memory_allows(monkeypatch):
    monkeypatch.setattr(prepared, "AT_ONCE", 10)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    lock, at_work, most = threading.Lock(), [0], [0]

    def do(n):
        with lock:
            at_work[0] += n
            most[0] = max(most[0], at_work[0])
        time.sleep(0.002 * (n % 3))
        with lock:
            at_work[0] -= n
        return -n

    items = [1, 5, 9, 2, 2, 2, 11, 3, 3, 3, 1] * 3
    assert list(prepared.in_order(do, items, lambda n: n)) == [-n for n in items]
    assert 6 <= most[0] <= 11  # one that is too large for all is at work alone


def test_what_takes_long_is_said_once_where_there_is_no_terminal(photos, monkeypatch, capsys):
    data.folder(photos, (8, 8))
    assert said(capsys) == []
    monkeypatch.setattr(prepared, "IN_SILENCE", 0)
    data.folder(photos, (9, 8))
    first, second = said(capsys)
    assert re.fullmatch(rf"Looking through {photos}: 7 images, about \d+ s left\.", first)
    assert re.fullmatch(rf"Preparing {photos}: 7 images, about \d+ s left\.", second)


# ---- tensorflow-datasets --------------------------------------------------------------------------------------------


def killed_at(call, monkeypatch):
    """The numbers of the shards that are written; at one of them, the process is told to stop, as by Ctrl-C."""
    written, calls = prepared._written, []

    def stopped(*rest):
        calls.append(rest[1])
        if len(calls) == call:
            raise KeyboardInterrupt
        return written(*rest)

    monkeypatch.setattr(prepared, "_written", stopped)
    return calls


def test_a_tensorflow_dataset_beyond_memory(tmp_path, monkeypatch):
    pictures = np.random.default_rng(0).integers(0, 256, (9, 28, 28, 1), np.uint8)
    write_tfds("mnist", tmp_path, pictures, np.arange(9), test={8})
    arguments = {"name": "mnist", "takes": "labelled", "batch_size": 3, "image_size": (8, 8), "data_dir": tmp_path}
    whole = data.load(**arguments)
    assert prepared.entries() == []  # few stay in memory, and need no place
    monkeypatch.setattr(prepared, "SHARD", 3 * 8 * 8)
    monkeypatch.setattr(prepared, "IN_MEMORY", 0)
    calls = killed_at(2, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        data.load(**arguments)
    read = data.load(**arguments)
    assert calls == [0, 1, 1, 2]
    assert isinstance(read.columns[0], prepared.Images)
    np.testing.assert_array_equal(read.columns[0][:], whole.columns[0])
    assert read.columns[1].tolist() == whole.columns[1].tolist() == list(range(8))
    assert read.sha256() == whole.sha256()
    assert data.load(**arguments).sha256() == whole.sha256()
    assert len(calls) == 4
    monkeypatch.setattr(prepared, "BY_PIXELS", 0)
    digests = {data.load(**{**arguments, "image_size": (8, side)}).sha256() for side in (8, 7, 8)}
    assert len(digests) == 2
    (one,) = [one for one in prepared.entries() if one.image_size == (8, 8)]
    assert (one.name, one.images, one.state()) == ("mnist/3.0.1", 8, "as it was")


@pytest.mark.parametrize("size", [None, (8, 8)])
def test_a_tensorflow_dataset_of_pictures_of_many_sizes(tmp_path, monkeypatch, size):
    generator = np.random.default_rng(0)
    pictures = [generator.integers(0, 256, (9 + i, 20 - i, 3), np.uint8) for i in range(7)]
    write_tfds("many", tmp_path, pictures, np.arange(7))
    builder = tfds.builder_from_directory(tmp_path / "many/3.0.1")
    expected = [np.asarray(files.resized(Image.fromarray(one), size or (9, 20))) for one in pictures]
    for in_memory in (2**29, 0):
        monkeypatch.setattr(prepared, "IN_MEMORY", in_memory)
        monkeypatch.setattr(prepared, "SHARD", 3 * 9 * 20 * 3)
        images, labels = examples(builder, "train", "image", "label", size, None)
        assert isinstance(images, np.ndarray) == bool(in_memory)
        np.testing.assert_array_equal(images[:], expected)
        assert labels.tolist() == list(range(7))


# ---- a run, and the command -----------------------------------------------------------------------------------------


def test_a_run_on_prepared_data_goes_on_to_the_weights_that_images_in_memory_give(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = ["--data", "photos", "--image-size", "8", "--batch-size", "2", "--width", "4", "--mirror"]
    assert main(["train", "gan", *small, "--steps", "5", "--run", "whole"]) == 0
    monkeypatch.setattr(prepared, "SHARD", 2 * 8 * 8 * 3)
    monkeypatch.setattr(prepared, "IN_MEMORY", 0)
    main(["data", "clear", "--all"])
    assert main(["train", "gan", *small, "--steps", "2", "--run", "parts"]) == 0
    assert main(["train", "gan", "--run", "parts", "--resume", "--steps", "5"]) == 0
    whole, parts = run_folder.read("whole"), run_folder.read("parts")
    assert whole["weights_sha256"] == parts["weights_sha256"]
    assert whole["data"]["sha256"] == parts["data"]["sha256"]


def test_the_list_says_what_is_kept(photos, tmp_path, capsys, cache):
    assert main(["data", "list"]) == 0
    assert capsys.readouterr().out == f"There is no prepared data in {cache}.\n"
    data.folder(photos, (8, 6))
    assert main(["data", "list", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert one["name"] == str(photos)
    assert (one["images"], one["image_size"], one["state"], one["whole"]) == (7, [8, 6], "as it was", True)
    assert one["bytes"] > 7 * 8 * 6 * 3
    assert one["used"] == pytest.approx(time.time(), abs=60)
    shutil.rmtree(photos / "dog")
    assert main(["data", "list"]) == 0
    assert re.search(
        rf"^[0-9a-f]{{8}}  {photos}  8x6   7 +0\.0  \d+-\d\d-\d\d  changed$", capsys.readouterr().out, re.M
    )
    shutil.rmtree(photos)
    assert main(["data", "list"]) == 0
    assert " gone\n" in capsys.readouterr().out


def test_only_what_is_asked_for_is_removed(photos, tmp_path, capsys, cache, monkeypatch):
    for size in ((8, 8), (9, 9), (10, 10)):
        data.folder(photos, size)
    data.folder(photos / "cat", (8, 8))
    save(tmp_path / "mine/x.png", np.zeros((8, 8, 3), np.uint8))
    (cache / ("a" * 32)).symlink_to(tmp_path / "mine", target_is_directory=True)
    (cache / "notes").mkdir()
    (cache / "notes/b.txt").write_text("mine")
    key = next(one.key for one in prepared.entries() if one.image_size == (9, 9))
    assert main(["data", "clear", key[:8]]) == 0
    assert len(prepared.entries()) == 3
    monkeypatch.chdir(photos)
    assert main(["data", "clear", "cat"]) == 0  # as a path
    assert {one.name for one in prepared.entries()} == {str(photos)}
    assert main(["data", "clear", "--unused", "1"]) == 0
    assert len(prepared.entries()) == 2
    folder = cache / next(one.key for one in prepared.entries() if one.image_size == (10, 10))
    for path in folder.iterdir():
        os.utime(path, (time.time() - 3 * 86400,) * 2)
    assert main(["data", "clear", "--unused", "2"]) == 0
    assert [one.image_size for one in prepared.entries()] == [(8, 8)]
    capsys.readouterr()
    assert main(["data", "clear", "--all"]) == 0
    assert re.fullmatch(rf"Removed {photos} \([0-9a-f]{{8}}\), 0\.0 MB\.\n", capsys.readouterr().out)
    assert sorted(path.name for path in cache.iterdir()) == ["a" * 32, "notes"]
    assert (tmp_path / "mine/x.png").exists()
    assert len(list(photos.rglob("*.png"))) == 7


def test_what_is_being_prepared_is_left(large, capsys):
    process = slow(sleeps_at=4, seconds=60)
    assert process.stdout.readline() == "sleeps\n"
    assert main(["data", "clear", "slow"]) == 2
    assert re.search(r"^slow \([0-9a-f]{8}\) is being prepared: it is left\.$", capsys.readouterr().err)
    process.kill()
    process.wait()
    assert main(["data", "clear", "slow"]) == 0
    assert prepared.entries() == []


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ([], "give a name or a key of kerasgan data list, or --all, or --unused DAYS"),
        (["--all", "x"], "--all removes everything: leave out the names and --unused"),
        (["phots"], r"No prepared data is called phots \(did you mean photos\?\): see kerasgan data list"),
        (["--unused", "-1"], "-1 is not a whole number"),
    ],
)
def test_what_is_not_there_to_remove(tmp_path, photos, capsys, monkeypatch, arguments, answer):
    monkeypatch.chdir(tmp_path)
    data.folder("photos", (8, 8))
    assert main(["data", "clear", *arguments]) == 2
    error = capsys.readouterr().err
    assert re.search(answer, error)
    assert error.count("\n") == 1
    assert len(prepared.entries()) == 1


def test_the_command_does_not_import_tensorflow(tmp_path):
    program = "import sys; from kerasgan.cli import main; main(['data', 'list']); print('tensorflow' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert answer.stdout.splitlines()[-1] == "False"
    assert Path(tmp_path / "cache").exists() is False
