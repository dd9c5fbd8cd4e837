"""Names in other scripts than matplotlib knows: drawn by a font of the system, or as boxes, without its warnings."""

import warnings

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager
from PIL import Image

from kerasgan import film, fonts
from kerasgan.pictures import table

KANJI = "漢字"


def font(path, name, letters, width=1000):
    """A font whose letters are black squares."""
    pen = TTGlyphPen(None)
    for move, *points in (("moveTo", (0, 0)), ("lineTo", (0, 800)), ("lineTo", (800, 800)), ("lineTo", (800, 0))):
        getattr(pen, move)(*points)
    pen.closePath()
    square = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", *(f"u{ord(letter):04x}" for letter in letters)])
    builder.setupCharacterMap({ord(letter): f"u{ord(letter):04x}" for letter in letters})
    builder.setupGlyf(dict.fromkeys(builder.font.getGlyphOrder(), square))
    builder.setupHorizontalMetrics(dict.fromkeys(builder.font.getGlyphOrder(), (width, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": name, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    fontManager.addfont(path)


@pytest.fixture(autouse=True)
def _its_own_fonts(monkeypatch):
    ours = [entry for entry in fontManager.ttflist if entry.name.startswith(("DejaVu", "Last Resort"))]
    monkeypatch.setattr(fontManager, "ttflist", ours)
    fonts._families.cache_clear()
    fonts._say.cache_clear()
    yield
    fonts._families.cache_clear()
    fonts._say.cache_clear()


def test_what_matplotlib_has_is_drawn_by_it(capsys):
    assert fonts.fitting(["DCGAN on fotos für Ωμέγα\n"]) == (["sans-serif"], ["DCGAN on fotos für Ωμέγα\n"])
    assert capsys.readouterr().err == ""


def test_letters_are_drawn_by_fonts_that_have_them(tmp_path, capsys):
    font(tmp_path / "a.ttf", "One", KANJI[0])
    font(tmp_path / "b.ttf", "Both", KANJI)
    font(tmp_path / "c.ttf", "Hiragana", "ひ")
    assert fonts.fitting([KANJI])[0] == ["sans-serif", "Both"]
    assert fonts.fitting([KANJI, "ひ"]) == (["sans-serif", "Both", "Hiragana"], [KANJI, "ひ"])
    assert capsys.readouterr().err == ""


def test_letters_that_no_font_has_become_boxes_and_are_named_once(tmp_path, capsys):
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    fontManager.ttflist.append(type(fontManager.ttflist[0])(fname=str(tmp_path / "broken.ttf"), name="Broken"))
    assert fonts.fitting([f"GAN on {KANJI}"]) == (["sans-serif"], ["GAN on □□"])
    assert fonts.fitting([KANJI]) == (["sans-serif"], ["□□"])
    assert capsys.readouterr().err == (
        "No font of this system has 字, 漢: drawn as □. Install one that has, such as Noto Sans CJK.\n"
    )


@pytest.mark.parametrize("there", [True, False])
def test_films_and_tables_say_names_in_kanji_without_warnings(there, tmp_path):
    if there:
        font(tmp_path / "b.ttf", "Both", KANJI)
    Image.fromarray(np.full((64, 64), 128, np.uint8)).save(tmp_path / "1.png")
    rows = {1: {"step": 10.0, "loss": 1.0}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (frame,) = film.frames(film.Scene(f"GAN on {KANJI}", "One image.", ("loss",), rows, {1: tmp_path / "1.png"}))
        picture = table([[np.zeros((8, 8, 1), np.uint8)]], KANJI, rows=[KANJI], columns=["a"])
    (plain,) = film.frames(film.Scene("GAN on", "One image.", ("loss",), rows, {1: tmp_path / "1.png"}))
    inked = (frame != plain).any(axis=-1).mean() * frame.shape[0] * frame.shape[1]
    assert (inked > 200) == there  # two squares of a font, or the outlines of two boxes
    assert picture.caption == KANJI
