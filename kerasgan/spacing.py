"""How often a run writes what it has to show: always while it is short, and the longer it is planned, the more rarely.

What it has written of a long run tells the whole story, and takes no more room than that of a short one.
"""

from __future__ import annotations

import math

EARLY = 1 / 8  # of all that may be written, at once and without a gap: as training begins, most happens


def due(n: int, of: int, most: int) -> bool:
    """Return whether the n-th of something, such as an epoch, is written, where `of` are planned and `most` wanted.

    All are, if no more than `most` are planned. Otherwise about `most` are, evenly, and closer as training begins:
    half as many again where 256 times as many are planned, twice as many where 65,536 times. The last one is due only
    by chance: who writes has to see to it. What is due of a long run would also be due of a shorter one, so that a run
    that goes on for longer than it was planned only has to throw some away.
    """
    return n % gap(n, of, most) == 0


def gap(n: int, of: int, most: int) -> int:
    """Return how far it is to the next one that is due from the n-th on: a power of two."""
    return min(_power_of_two(of / most), _power_of_two(n / (most * EARLY)))


def _power_of_two(least: float) -> int:
    return 1 << max(0, math.ceil(least) - 1).bit_length()
