"""Pixels of more than 8 bits, which become uint8 by one rule for all pictures that belong together.

The rule is the range of values that becomes 0 to 255, of whole numbers and of floats: {"integers": [0, 4095]}. Pictures
of 8 bits have none: they are what they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from kerasgan.errors import UserError

BITS = range(8, 33, 2)  # what scanners, cameras and tomographs write, and then in the same steps up to 32


class Extent(NamedTuple):
    """The values of one picture of more than 8 bits."""

    kind: str  # "integers" or "floats"
    low: float
    high: float
    upper_bits: bool = False  # of colours of 16 bits, Pillow reads the upper 8


def extent(values: np.ndarray, declared: int | None = None) -> Extent:
    """Return the extent of a picture's values.

    declared: the highest value that the file says it could hold, where it says so
    Raises UserError for values that are not finite.
    """
    if values.dtype.kind != "f":
        high = int(values.max()) if declared is None else declared
        return Extent("integers", int(values.min()), high)
    if not np.isfinite(values).all():
        raise UserError("it has values that are not finite numbers")
    return Extent("floats", float(values.min()), float(values.max()))


def rule(extents: Iterable[Extent], recorded: dict[str, list[float]] | None = None) -> dict[str, list[float]]:
    """Return the range that becomes 0 to 255 of each kind that there is: what was recorded of it, or what holds all.

    Whole numbers have the fewest bits that hold the highest: 8, 10, 12 and so on; from the lowest to the highest where
    some are negative. Floats are within [0, 1] or [-1, 1], or have bits as whole numbers, or their own range.
    """
    found = {}
    for kind in ("integers", "floats"):
        of_kind = [one for one in extents if one.kind == kind]
        if of_kind:
            low, high = min(one.low for one in of_kind), max(one.high for one in of_kind)
            found[kind] = (recorded or {}).get(kind) or _range(kind, low, high)
    return found


def in_words(extents: list[Extent], ranges: dict[str, list[float]]) -> str:
    """Return one line that says what becomes of pictures of more than 8 bits."""
    parts = []
    for kind, (low, high) in ranges.items():
        of_kind = [one for one in extents if one.kind == kind]
        part = f"{kind} from {low:.10g} to {high:.10g} ({len(of_kind)} of the pictures)"
        if beyond := sum(one.low < low or one.high > high for one in of_kind):
            part += f", beyond which {beyond} of them are clipped"
        if (coarse := sum(one.upper_bits for one in of_kind)) and high - low < 2**15:
            part += f", of which {coarse} in colour are coarse, because Pillow reads the upper 8 of their 16 bits"
        parts.append(part)
    return f"Pixel values are scaled to 8 bits: {'; '.join(parts)}."


def to_uint8(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return values from `low` to `high` as uint8 from 0 to 255, rounded; what is beyond is clipped."""
    shares = (values.astype(np.float64) - low) / ((high - low) or 1)
    return np.round(255 * shares.clip(0, 1)).astype(np.uint8)


def _range(kind, low, high):
    if kind == "floats":
        if low >= -1 and high <= 1:
            return [0, 1] if low >= 0 else [-1, 1]
        if high < 2 ** (BITS[0] - BITS.step) or high >= 2**16:  # too low, or too high, to have been whole numbers
            return [low, high]
    if low < 0:
        return [low, high]
    return [0, next(2**bits - 1 for bits in BITS if high < 2**bits)]
