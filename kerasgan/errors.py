"""What a user can put right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake in what was asked for: one line that says what is wrong, what was found and what to do."""


class Diverged(UserError):
    """Training produced a number that is not finite."""


def nearest(word: str, words: Iterable[str]) -> str:
    """Return ' (did you mean ...?)' for the known word that `word` resembles, or nothing."""
    found = difflib.get_close_matches(word, list(words), n=1)
    return f" (did you mean {found[0]}?)" if found else ""


def one_line(text: str) -> str:
    """Return text with what does not print escaped: newlines, and bytes that are no UTF-8, which names can hold."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
