"""Folders, files, names and values as they are in the wild."""

import io
import json
import os
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from kerasgan import data, image_folders, inputs, prepared
from kerasgan.cli.outputs import write_csv
from kerasgan.data import files, values
from kerasgan.errors import UserError, one_line
from kerasgan.held_out import HeldOut
from kerasgan.pictures import table

Y, X = np.mgrid[:16, :16]
RAMP = (16 * Y + X).astype(np.uint8)  # every value once
COLOURS = np.stack([16 * X, 16 * Y, 8 * (X + Y)], axis=-1).astype(np.uint8)


def save(path, pixels=COLOURS, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def names(found):
    return [file.name for file in found]


def said(capsys):
    return capsys.readouterr().err.splitlines()


# ---- folders --------------------------------------------------------------------------------------------------------


def test_what_programs_leave_behind_is_neither_a_class_nor_a_picture(tmp_path, capsys):
    left = [".ipynb_checkpoints/a.png", "__MACOSX/cat/._a.png", "@eaDir/a.jpg", "cat/.hidden.png", "cat/._a.png"]
    for name in ["cat/a.png", "dog/a.png", *left]:
        save(tmp_path / name)
    for name in (".DS_Store", "cat/Thumbs.db", "dog/desktop.ini"):
        (tmp_path / name).write_bytes(b"\0")
    source = data.folder(tmp_path, (8, 8))
    assert source.about["class_names"] == ["cat", "dog"]
    assert source.labels.tolist() == [0, 1]
    passed_over = [f"Passed over 8 files and folders in {tmp_path}: hidden or left behind by programs (8)."]
    assert said(capsys) == passed_over
    found = inputs.named([str(tmp_path)], (8, 8, 3), None, "test")
    assert [str(picture.place) for picture in found] == ["cat/a.png", "dog/a.png"]
    assert said(capsys) == passed_over
    two = data.load(tmp_path, "domains", 1, (8, 8))
    assert two.about["domains"] == ["cat", "dog"]


def test_a_folder_that_is_hidden_itself_is_read(tmp_path):
    save(tmp_path / ".cache/cat/a.png")
    assert len(data.folder(tmp_path / ".cache", (8, 8)).images) == 1


def test_hidden_folders_are_no_splits_and_no_domains(tmp_path):
    for name in ("train/a.png", "test/a.png", "test/b.png", ".git/a.png"):
        save(tmp_path / "splits" / name)
    for name in ("summer/a.png", "winter/a.png", "winter/b.png", ".git/a.png", "__MACOSX/._a.png"):
        save(tmp_path / "domains" / name)
    assert [len(data.folder(tmp_path / "splits", (8, 8), split=s).images) for s in ("train", "test")] == [1, 2]
    assert data.load(tmp_path / "domains", "domains", 1).about["examples"] == [1, 2]


def test_what_is_beside_splits_and_domains_is_said(tmp_path, capsys):
    for name in ("train/a.png", "test/a.png", "more/a.png", "b.png"):
        save(tmp_path / "splits" / name)
    for name in ("trainA/a.png", "trainB/a.png", "testA/a.png", "c.png"):
        save(tmp_path / "domains" / name)
    data.folder(tmp_path / "splits", (8, 8))
    data.load(tmp_path / "domains", "domains", 1)
    assert said(capsys) == [
        f"Passed over in {tmp_path / 'splits'}: b.png, more.",
        f"Passed over in {tmp_path / 'domains'}: c.png.",
    ]


def test_links_are_followed_once_and_not_in_circles(tmp_path, capsys):
    root, outside = tmp_path / "root", tmp_path / "outside"
    save(root / "cat/a.png")
    save(outside / "dog/b.png")
    save(outside / "c.png")
    (root / "all_dogs").symlink_to(outside / "dog")
    (root / "dogs_again").symlink_to(outside / "dog")
    (root / "a_cat").symlink_to(root / "cat")  # first by name, and yet the folder itself is read
    (root / "cat/up").symlink_to("..")
    (root / "cat/far_up").symlink_to(tmp_path)
    (root / "cat/c.png").symlink_to(outside / "c.png")
    (root / "cat/gone.png").symlink_to(outside / "nothing.png")
    (root / "cat/round.png").symlink_to("round.png")
    expected = ["all_dogs/b.png", "cat/a.png", "cat/c.png"]
    assert [str(file.relative_to(root)) for file in image_folders.pictures_below(root)] == expected
    lines = said(capsys)
    assert sorted(lines[:2]) == [
        f"Skipping {root / 'cat' / name}: it is a link to nothing." for name in ("gone.png", "round.png")
    ]
    assert lines[2:] == [
        f"Passed over 4 files and folders in {root}: links to folders that are read already, or that hold this one (4)."
    ]
    assert data.folder(root, (8, 8)).about["class_names"] == ["all_dogs", "cat"]


def test_linked_folders_are_domains_and_a_link_back_is_none(tmp_path):
    for name in ("summer/a.png", "winter/a.png"):
        save(tmp_path / "elsewhere" / name)
    (tmp_path / "two").mkdir()
    for name in ("summer", "winter"):
        (tmp_path / "two" / name).symlink_to(tmp_path / "elsewhere" / name)
    (tmp_path / "two/back").symlink_to(".")
    assert data.load(tmp_path / "two", "domains", 1).about["domains"] == ["summer", "winter"]


def test_every_format_that_pillow_writes_is_read_whatever_its_case(tmp_path):
    written = 0
    for suffix in image_folders.suffixes():
        kind = Image.registered_extensions()[suffix]
        if kind in Image.SAVE and kind not in ("BLP", "ICNS", "MSP", "XBM"):  # of a palette, a size, or two tones
            Image.fromarray(COLOURS).save(tmp_path / f"x{suffix.upper()}", format=kind)
            written += 1
    assert written > 25
    known = image_folders.suffixes()
    assert {".tif", ".webp", ".jp2", ".ppm", ".tga", ".ico", ".mpo", ".bmp"} <= known
    assert not {".pdf", ".eps", ".ps", ".mpg", ".h5", ".hdf", ".grib", ".bufr", ".wmf", ".iim"} & known
    (found,), _ = files.read_folders("all", [tmp_path], (16, 16))
    assert len(found.files) == written
    for file in found.files:
        image = np.asarray(files.decoded(file).convert("RGB")).astype(int)
        assert np.abs(image - COLOURS).mean() < 5, file


def test_content_tells_what_a_file_is_and_all_that_is_none_is_counted(tmp_path, capsys):
    save(tmp_path / "png.jpg", format="PNG")
    save(tmp_path / "no_suffix", format="JPEG")
    save(tmp_path / "archive.tar.gz/a.png")
    for name in ("README", "a.txt", "b.TXT", "c.pdf", "d.npy", "e.svg"):
        (tmp_path / name).write_text("%PDF <svg> and so on")
    os.mkfifo(tmp_path / "pipe.png")
    assert names(image_folders.pictures_below(tmp_path)) == ["a.png", "no_suffix", "png.jpg"]
    (line,) = said(capsys)
    assert line.startswith(f"Passed over 7 files and folders in {tmp_path}: .txt (2), ")
    for part in (".pdf (1)", ".npy (1)", ".svg (1)", "without suffix (1)", "neither files nor folders (1)"):
        assert part in line
    for i in range(20):
        (tmp_path / f"x.y{i}").write_text("")
    image_folders.pictures_below(tmp_path)
    assert said(capsys)[0].endswith("others (18).")
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone/a.heic").write_bytes(b"\0")
    with pytest.raises(UserError, match=r"no images in .*phone, which holds \.heic \(1\): it needs files such as"):
        data.folder(tmp_path / "phone")


def test_a_folder_that_may_not_be_read_is_named(tmp_path, capsys, monkeypatch):
    save(tmp_path / "good/a.png")
    save(tmp_path / "closed/b.png")
    listed = os.scandir

    def closed(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert names(image_folders.pictures_below(tmp_path)) == ["a.png"]
    assert said(capsys) == [f"Skipping {tmp_path / 'closed'}: Permission denied."]


# ---- names ----------------------------------------------------------------------------------------------------------

NAMES = ["[ab] *?", "Ω 猫 😀", "line\nbreak", os.fsdecode(b"caf\xe9"), "$x^$", "-rf", "100%s", "a,b;\"c'"]


def test_any_name_is_read_and_has_a_digest(tmp_path, monkeypatch):
    for name in NAMES:
        save(tmp_path / name / f"{name}.png")
    source = data.folder(tmp_path, (8, 8))
    assert source.about["class_names"] == sorted(NAMES)
    assert json.loads(json.dumps(source.about)) == source.about
    monkeypatch.setattr(prepared, "IN_MEMORY", 0)
    monkeypatch.setattr(prepared, "BY_PIXELS", 0)
    read_again = data.load(tmp_path, batch_size=1)
    assert read_again.columns[0].names_and_sizes().count(b"caf\xe9.png ") == 1
    assert len(read_again.sha256()) == 64


def test_digests_of_plain_names_are_what_they_were(tmp_path):
    for name in ("b.png", "é.png"):
        (tmp_path / name).write_bytes(b"12345")
    found = prepared.Files([tmp_path])
    assert found.names_and_sizes(np.arange(2)) == "b.png 5\né.png 5".encode()


def test_names_are_said_in_one_line(tmp_path, capsys):
    save(tmp_path / "good.png")
    (tmp_path / "line\nbreak.png").write_bytes(b"")
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(b"")
    data.folder(tmp_path, (8, 8))
    assert said(capsys) == [
        rf"Skipping {tmp_path}/caf\udce9.png: it is no picture that Pillow can read",
        rf"Skipping {tmp_path}/line\nbreak.png: it is no picture that Pillow can read",
        "Skipped 2 of 3 images that cannot be read.",
    ]
    assert one_line("Ω 猫 😀") == "Ω 猫 😀"


@pytest.mark.filterwarnings("ignore:Glyph")  # which matplotlib's font may lack
def test_tables_have_names_as_they_are(tmp_path):
    write_csv(tmp_path / "x.csv", ("file",), [(name,) for name in NAMES])
    written = (tmp_path / "x.csv").read_bytes()
    for name in NAMES[:5]:
        assert os.fsencode(name) in written
    for name in NAMES:
        table([[COLOURS]], name, rows=[name], columns=[name]).save(tmp_path / "x.png")


# ---- values ---------------------------------------------------------------------------------------------------------


def png_of_16_bits(pixels):
    """A PNG of 16-bit colours, which Pillow does not write."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width, channels = pixels.shape
    head = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks)


def test_a_dark_scan_stays_dark_beside_bright_ones_of_12_bits(tmp_path, capsys):
    for i, highest in enumerate((4000, 4000, 250)):
        save(tmp_path / f"{i}.png", np.where(X < 8, highest, 0).astype(np.uint16))
    batches = data.load(tmp_path, batch_size=1, image_size=(16, 16))
    assert batches.columns[0].max(axis=(1, 2, 3)).tolist() == [249, 249, 16]  # 255 * 4000 / 4095 and 255 * 250 / 4095
    assert batches.about["value_ranges"] == {"integers": [0, 4095]}
    assert said(capsys) == ["Pixel values are scaled to 8 bits: integers from 0 to 4095 (3 of the pictures)."]
    assert json.loads(json.dumps(batches.about)) == batches.about

    # alone, it is scaled as those that a model learnt from
    (tmp_path / "dark").mkdir()
    (tmp_path / "2.png").rename(tmp_path / "dark/2.png")
    by_training = HeldOut(batches.about, (16, 16, 1), str(tmp_path / "dark"), "train").images(1)
    assert by_training.max() == 16
    assert data.folder(tmp_path / "dark", (16, 16)).images.max() == 250
    for ranges, highest in ((batches.about["value_ranges"], 16), (None, 250)):
        for given in ([str(tmp_path / "dark")], [str(tmp_path / "dark/2.png")]):
            found = inputs.named(given, (16, 16, 1), None, "test", ranges)
            ((_, images),) = inputs.blocks(found, (16, 16, 1), None, "a model")
            assert images.max() == highest
    given = [str(tmp_path / "dark"), str(tmp_path / "0.png")]  # without a record, by all that are given
    ((_, images),) = inputs.blocks(inputs.named(given, (16, 16, 1), None, "test"), (16, 16, 1), None, "a model")
    assert images.max(axis=(1, 2, 3)).tolist() == [16, 249]


def test_both_domains_and_both_halves_have_one_rule(tmp_path):
    for name, highest in (("two/a/x.png", 4000), ("two/b/x.png", 250), ("one/x.png", 4000), ("one/y.png", 250)):
        save(tmp_path / name, np.where(X % 2, highest, 0).astype(np.uint16))
    domains = data.load(tmp_path / "two", "domains", 1, (16, 16))
    halves = data.load(tmp_path / "one", "pairs", 1, (16, 8), halves=True)
    assert domains.about["value_ranges"] == halves.about["value_ranges"] == {"integers": [0, 4095]}
    assert [column.max() for column in domains.columns] == [249, 16]
    assert halves.columns[1].max(axis=(1, 2, 3)).tolist() == [249, 16]


def test_eight_bits_have_no_rule_and_keep_their_values_beside_others(tmp_path, capsys):
    save(tmp_path / "plain/8.png", RAMP)
    source = data.folder(tmp_path / "plain", (16, 16))
    np.testing.assert_array_equal(source.images[0, ..., 0], RAMP)
    assert source.about == {"name": str(tmp_path / "plain"), "examples": 1}
    assert said(capsys) == []
    save(tmp_path / "mixed/8.png", RAMP)
    save(tmp_path / "mixed/16.png", RAMP.astype(np.uint16) * 257)
    save(tmp_path / "mixed/float.tif", RAMP.astype(np.float32) / 255)
    source = data.folder(tmp_path / "mixed", (16, 16))
    assert source.about["value_ranges"] == {"integers": [0, 65535], "floats": [0, 1]}
    for image in source.images:
        np.testing.assert_array_equal(image[..., 0], RAMP)


@pytest.mark.parametrize(
    ("lows", "highs", "dtype", "expected"),
    [
        ([0, 0], [1, 255], np.uint16, [0, 255]),
        ([5, 5], [256, 1000], np.uint16, [0, 1023]),
        ([0, 0], [250, 4095], np.uint16, [0, 4095]),
        ([0, 0], [4096, 9], np.uint16, [0, 2**14 - 1]),
        ([0, 0], [40000, 9], np.uint16, [0, 65535]),
        ([0, 0], [70000, 9], np.int32, [0, 2**18 - 1]),
        ([0, 0], [2**31 - 1, 9], np.int32, [0, 2**32 - 1]),
        ([-1024, 0], [3000, 9], np.int32, [-1024, 3000]),
        ([0, 0.25], [1, 0.5], np.float32, [0, 1]),
        ([-1, 0.25], [1, 0.5], np.float32, [-1, 1]),
        ([0, 3], [255, 7], np.float32, [0, 255]),
        ([0, 3], [4000.5, 7], np.float32, [0, 4095]),
        ([0, 3], [65535, 7], np.float32, [0, 65535]),
        ([0, 0], [1.25, 1], np.float32, [0, 1.25]),
        ([-1024, 0], [3000, 9], np.float32, [-1024, 3000]),
        ([0, 0], [1e6, 9], np.float32, [0, 1e6]),
    ],
)
def test_the_range_of_a_folder_holds_all_of_its_values(tmp_path, lows, highs, dtype, expected):
    for i, (low, high) in enumerate(zip(lows, highs, strict=True)):
        save(tmp_path / f"{i}.tif", np.where(X < 8, low, high).astype(dtype))
    source = data.folder(tmp_path, (16, 16))
    assert list(source.about["value_ranges"].values()) == [expected]
    low, high = expected
    for image, *ends in zip(source.images, lows, highs, strict=True):
        scaled = [round(255 * (end - low) / (high - low)) for end in ends]
        assert [image[0, 0, 0], image[0, -1, 0]] == pytest.approx(scaled, abs=1)


def test_what_is_beyond_the_recorded_range_is_clipped_and_said(tmp_path, capsys):
    save(tmp_path / "a.png", np.where(X < 8, 60000, 2000).astype(np.uint16))
    save(tmp_path / "b.png", np.full((16, 16), 4095, np.uint16))
    source = data.folder(tmp_path, (16, 16), value_ranges={"integers": [0, 4095]})
    assert [source.images[0, 0, 0, 0], source.images[0, 0, -1, 0]] == [255, round(255 * 2000 / 4095)]
    (line,) = said(capsys)
    assert line.endswith("integers from 0 to 4095 (2 of the pictures), beyond which 1 of them are clipped.")


def test_values_that_are_not_finite_are_named(tmp_path, capsys):
    save(tmp_path / "a.tif", np.zeros((8, 8), np.float32))
    for name, value in (("b.tif", np.nan), ("c.tif", -np.inf)):
        save(tmp_path / name, np.where(np.eye(8, dtype=bool), value, 0).astype(np.float32))
    assert len(data.folder(tmp_path, (8, 8)).images) == 1
    assert said(capsys)[:2] == [
        f"Skipping {tmp_path / name}: it has values that are not finite numbers" for name in ("b.tif", "c.tif")
    ]


def test_colours_of_16_bits(tmp_path, capsys):
    whole, alpha = COLOURS.astype(np.uint16), np.where(X < 8, 65535, 0)[..., None].astype(np.uint16)
    (tmp_path / "16").mkdir()
    (tmp_path / "16/x.png").write_bytes(png_of_16_bits(whole * 257))
    np.testing.assert_array_equal(data.folder(tmp_path / "16", (16, 16)).images[0], COLOURS)
    (tmp_path / "12").mkdir()
    (tmp_path / "12/x.png").write_bytes(png_of_16_bits(whole * 16))
    (tmp_path / "12/y.png").write_bytes(png_of_16_bits(np.concatenate([whole * 16, alpha], axis=-1)))
    capsys.readouterr()
    source = data.folder(tmp_path / "12", (16, 16), 4)
    assert source.about["value_ranges"] == {"integers": [0, 4095]}
    np.testing.assert_allclose(source.images[0, ..., :3].astype(int), COLOURS, atol=16)
    np.testing.assert_array_equal(source.images[1, ..., 3], np.where(X < 8, 255, 0))
    assert "2 in colour are coarse, because Pillow reads the upper 8 of their 16 bits" in said(capsys)[0]


def test_what_a_format_declares_counts_and_not_what_a_picture_uses(tmp_path):
    pixels = (RAMP // 8).astype(">u2").tobytes()  # 31 of 4095, which Pillow scales to 16 bits
    (tmp_path / "x.pgm").write_bytes(b"P5 16 16 4095\n" + pixels)
    source = data.folder(tmp_path, (16, 16))
    assert source.about["value_ranges"] == {"integers": [0, 65535]}
    assert source.images.max() == 2  # 255 * 31 / 4095


def tiff(pixels, bits, photometric=1):
    """A TIFF of one channel without sign, as Pillow does not write it."""
    height, width = pixels.shape
    tags = ((256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 122), (277, 1), (278, height))
    tags = (*tags, (279, pixels.nbytes))
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags))
    return head + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags) + bytes(4) + pixels.tobytes()


def test_whole_numbers_of_32_bits_and_scans_whose_0_is_white(tmp_path):
    (tmp_path / "x.tif").write_bytes(tiff((RAMP.astype(np.uint32) << 24).astype("<u4"), 32))
    np.testing.assert_allclose(np.asarray(files.decoded(tmp_path / "x.tif")).astype(int), RAMP, atol=1)
    (tmp_path / "y.tif").write_bytes(tiff((RAMP.astype(np.uint16) * 257).astype("<u2"), 16, photometric=0))
    np.testing.assert_array_equal(np.asarray(files.decoded(tmp_path / "y.tif")), 255 - RAMP)


def test_every_mode_has_its_colours(tmp_path):
    picture, grey = Image.fromarray(COLOURS), Image.fromarray(RAMP)
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    for name, one in {
        "cmyk.tif": picture.convert("CMYK"),
        "ycbcr.tif": picture.convert("YCbCr"),
        "lab.tif": ImageCms.profileToProfile(picture, *profiles, outputMode="LAB"),
        "palette.png": picture.quantize(256, dither=Image.Dither.NONE),
        "colours.tif": picture,
    }.items():
        one.save(tmp_path / name)
        assert np.abs(np.asarray(files.decoded(tmp_path / name)).astype(int) - COLOURS).mean() < 4, name
    mask = Image.fromarray(np.where(X < 8, 255, 0).astype(np.uint8))
    for name, one, opaque in (("la.png", grey, np.dstack([RAMP] * 3)), ("rgba.tif", picture, COLOURS)):
        one = one.copy()
        one.putalpha(mask)
        one.save(tmp_path / name)
        shown = np.asarray(files.with_channels(files.decoded(tmp_path / name), 3))
        np.testing.assert_array_equal(shown, np.where(X[..., None] < 8, opaque, 255))
    grey.convert("1").save(tmp_path / "two.tif")
    assert set(np.unique(files.decoded(tmp_path / "two.tif"))) == {0, 255}
    save(tmp_path / "grey.png", RAMP.astype(np.uint16) * 257, transparency=0)
    with_alpha = np.asarray(files.decoded(tmp_path / "grey.png"))
    np.testing.assert_array_equal(with_alpha[..., 3], np.where(RAMP == 0, 0, 255))
    np.testing.assert_array_equal(with_alpha[..., 0], RAMP)


def test_premultiplied_modes_have_their_alpha(monkeypatch, tmp_path):
    for mode in ("La", "RGBa"):
        opaque = Image.new(mode[:-1] + "A", (4, 4), "white").convert(mode)
        monkeypatch.setattr(files, "_opened", lambda file, opaque=opaque: files._Opened(opaque))
        assert files.decoded(tmp_path).mode == "RGBA"


# ---- arrays ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def whole(tmp_path):
    np.savez(tmp_path / "whole.npz", images=np.arange(6 * 64, dtype=np.uint32).reshape(6, 8, 8).astype(np.uint8))
    return (tmp_path / "whole.npz").read_bytes()


def encrypted(content):
    """The same archive, whose heads say that a password is needed."""
    content = bytearray(content)
    for kind, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(kind) + place] |= 1
    return bytes(content)


def of_a_flipped_bit(content):
    content = bytearray(content)
    content[len(content) // 2] ^= 1
    return bytes(content)


def with_text(content):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("images", "text")
    return out.getvalue()


def png(content):
    out = io.BytesIO()
    Image.fromarray(COLOURS).save(out, format="PNG")
    return out.getvalue()


def npy(content):
    out = io.BytesIO()
    np.save(out, np.zeros((3, 8, 8), np.uint8))
    return out.getvalue()


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda whole: b"", "it is empty"),
        (lambda whole: whole[:300], "it is cut off"),
        (png, "it is something else"),
        (npy, r"it is a single \.npy array\. np\.savez\('x\.npz', images=array\) writes one"),
        (encrypted, "encrypted, password required"),
        (of_a_flipped_bit, "Bad CRC-32"),
        (with_text, r"of shape \(\)"),
    ],
)
def test_files_that_are_no_npz_are_answered_in_one_line(tmp_path, whole, made, said):
    (tmp_path / "x.npz").write_bytes(made(whole))
    with pytest.raises(UserError, match=said) as error:
        data.load(tmp_path / "x.npz")
    assert "\n" not in str(error.value)


def test_an_npz_that_may_not_be_read_and_other_files(tmp_path, whole, monkeypatch):
    (tmp_path / "x.npy").write_bytes(npy(whole))
    with pytest.raises(UserError, match=r"x\.npy is a file, and no \.npz: give a folder of images, or an \.npz"):
        data.load(tmp_path / "x.npy")
    (tmp_path / "X.NPZ").write_bytes(whole)
    assert data.load(tmp_path / "X.NPZ", batch_size=1).image_shape == (8, 8, 1)
    save(tmp_path / "set.npz/a.png")
    assert data.load(tmp_path / "set.npz", batch_size=1).image_shape == (64, 64, 3)

    def closed(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(tmp_path), "open", closed)
    with pytest.raises(UserError, match=r"whole\.npz cannot be read as an \.npz file: Permission denied\.$"):
        data.load(tmp_path / "whole.npz")


IMAGES = np.arange(6, dtype=np.uint8)[:, None, None] * np.ones((6, 8, 8), np.uint8)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"images": IMAGES[:0]}, r"has shape \(0, 8, 8\), and no pixels"),
        ({"images": IMAGES[:, :0]}, r"has shape \(6, 0, 8\), and no pixels"),
        ({"images": IMAGES / 255}, "float64 of shape .*, from 0 to 0.0196078; it needs to be uint8"),
        ({"images": IMAGES / 127.5 - 1}, "from -1 to -0.960784; it needs"),
        ({"images": IMAGES.astype(np.uint16) * 800}, "uint16 of shape .*, from 0 to 4000; it needs"),
        ({"images": IMAGES.astype(np.int64)}, "int64 of shape .*, from 0 to 5; it needs"),
        ({"images": IMAGES > 2}, "bool of shape .*; it needs"),
        ({"images": IMAGES.astype(object)}, "images in .* holds Python objects"),
        ({"images": IMAGES, "labels": np.arange(5)}, r"labels in .* have shape \(5,\), and there are 6 images"),
        ({"images": IMAGES, "labels": np.eye(6)}, r"shape \(6, 6\).*labels\.argmax\(axis=1\)"),
        ({"images": IMAGES, "labels": np.arange(6) - 3}, "hold -3; they need to be 0 or more, or -1"),
        ({"images": IMAGES, "labels": np.arange(6) / 2}, "are float64, such as 0.0; they need to be whole numbers"),
        ({"images": IMAGES, "labels": np.full(6, np.nan)}, "are float64, such as nan; they need"),
        ({"images": IMAGES, "labels": np.array(list("abcdef"), object)}, "labels in .* holds Python objects"),
        ({"labels": np.arange(6)}, "holds labels; it needs an array named images"),
    ],
)
def test_arrays_that_are_no_images_or_labels_are_answered_in_one_line(tmp_path, arrays, said):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(UserError, match=said) as error:
        data.load(tmp_path / "x.npz")
    assert "\n" not in str(error.value)


def test_only_the_arrays_that_are_asked_for_are_read(tmp_path):
    notes = np.array([{"a": 1}], object)
    np.savez(tmp_path / "x.npz", images=IMAGES, notes=notes, a=IMAGES, b=IMAGES[:4], labels=np.arange(6))
    assert len(data.npz(tmp_path / "x.npz").images) == 6
    assert data.load(tmp_path / "x.npz", "domains", 1).about["examples"] == [6, 4]
    np.savez(tmp_path / "y.npz", source=IMAGES, target=IMAGES[:4])
    with pytest.raises(UserError, match="has 6 images in source and 4 in target"):
        data.load(tmp_path / "y.npz", "pairs", 1)


@pytest.mark.parametrize(
    ("labels", "numbers", "class_names"),
    [
        (np.array([0, 1, 2, 0, 1, 2]), [0, 1, 2, 0, 1, 2], None),
        (np.array([0, 1, -1, 0, 1, -1]), [0, 1, -1, 0, 1, -1], None),
        (np.array([0, 1, 1, 0, 1, 0], bool), [0, 1, 1, 0, 1, 0], None),
        (np.array([0.0, 1.0, 2.0, 0.0, 1.0, 2.0]), [0, 1, 2, 0, 1, 2], None),
        (np.array([1, 2, 3, 4, 1, 2]), [0, 1, 2, 3, 0, 1], ["1", "2", "3", "4"]),
        (np.array([3, -1, 10, 8, 3, 8]), [0, -1, 2, 1, 0, 1], ["3", "8", "10"]),
        (np.array([10**9, 7, 7, 7, 7, 7], np.uint64), [1, 0, 0, 0, 0, 0], ["7", "1000000000"]),
        (np.array(["dog", "cat", "Ω", "cat", "dog", "dog"]), [1, 0, 2, 0, 1, 1], ["cat", "dog", "Ω"]),
        (np.array([b"dog", b"cat", b"cat", b"cat", b"dog", b"dog"]), [1, 0, 0, 0, 1, 1], ["cat", "dog"]),
        (np.array(["3", "8", "10", "8", "3", "-1"]), [0, 1, 2, 1, 0, -1], ["3", "8", "10"]),
        (np.array([-1, -1, -1, -1, -1, -1]), None, None),
    ],
)
def test_labels_are_values_and_a_class_is_called_as_its_value(tmp_path, labels, numbers, class_names):
    np.savez(tmp_path / "x.npz", images=IMAGES, labels=labels)
    source = data.npz(tmp_path / "x.npz")
    assert (None if source.labels is None else source.labels.tolist()) == numbers
    assert source.about.get("class_names") == class_names
    assert source.classes == (max(numbers) + 1 if numbers else None)


def test_the_extent_of_values_is_what_a_rule_is_made_of():
    ours = [values.extent(np.array([0, 9], np.uint16)), values.extent(np.array([0.5, 1], np.float32))]
    assert values.rule(ours) == {"integers": [0, 255], "floats": [0, 1]}
    assert values.rule(ours, {"integers": [0, 4095]}) == {"integers": [0, 4095], "floats": [0, 1]}
    assert values.rule([]) == {}
