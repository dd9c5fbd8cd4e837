"""Fonts for names in any script: matplotlib's own has no kanji, for example, and a font of the system may have them."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence

from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.ft2font import FT2Font

BOX = "\N{WHITE SQUARE}"  # is drawn for a letter that no font has
_LAST_RESORT = "Last Resort"  # begins the names of fonts that have a box for every letter


def fitting(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the font families that have the letters of all texts, matplotlib's own first, and what they can draw.

    Letters that no font has become boxes, and are named on standard error, once.
    """
    letters = frozenset(letter for text in texts for letter in text if not letter.isspace())
    families, missing = _families(letters)
    return list(families), [text.translate({ord(letter): BOX for letter in missing}) for text in texts]


@functools.cache
def _families(letters):
    """Return font families, and those of the letters that none of them has."""
    families = FontProperties().get_family()
    own = [fontManager.findfont(FontProperties(family=[family])) for family in families]
    missing = letters.difference(*(_letters_of(path, letters) for path in own))
    if missing:
        entries = [entry for entry in fontManager.ttflist if not entry.name.startswith(_LAST_RESORT)]
        theirs = {entry.name: _letters_of(entry.fname, missing) for entry in sorted(entries, key=lambda e: e.name)}
        while best := max(theirs, key=lambda name: len(theirs[name] & missing), default=None):
            if not theirs[best] & missing:
                break
            families, missing = [*families, best], missing - theirs.pop(best)
    _say(missing)
    return families, missing


@functools.cache
def _say(missing):
    if missing:
        print(
            f"No font of this system has {', '.join(sorted(missing))}: drawn as {BOX}. Install one that has, such as "
            "Noto Sans CJK.",
            file=sys.stderr,
        )


def _letters_of(path, letters):
    """Return which of the letters a font file has; none of one that has no outlines to draw."""
    try:
        font = FT2Font(path)
        font.set_size(12, 100)
    except (RuntimeError, OSError):
        return frozenset()
    return frozenset(letter for letter in letters if font.get_char_index(ord(letter)))
