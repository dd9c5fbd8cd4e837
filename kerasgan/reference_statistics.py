"""The mean and covariance of images' features, in the .npz files that tools for the FID exchange: mu and sigma."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kerasgan.errors import UserError
from kerasgan.paths import check_writable, expanded, write_whole


class Statistics(NamedTuple):
    """What a Frechet distance takes of a set of features."""

    mean: np.ndarray  # float64 [dimension]
    covariance: np.ndarray  # float64 [dimension, dimension]


def read_statistics(path: str | os.PathLike) -> Statistics:
    """Read the mean and covariance that an .npz has as mu and sigma, such as TTUR and pytorch-fid write.

    Raises UserError for a file that has none, or others than numbers [dimension] and [dimension, dimension].
    """
    try:
        with np.load(expanded(path), allow_pickle=False) as arrays:
            mean, covariance = arrays["mu"], arrays["sigma"]
    except FileNotFoundError:
        raise UserError(f"There is no {path}: give an .npz with mu and sigma.") from None
    except KeyError:
        raise UserError(f"{path} has no mu and sigma: these are a mean and a covariance of features.") from None
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error):
        raise UserError(f"{path} cannot be read: give an .npz with mu and sigma, which are numbers.") from None
    if mean.ndim != 1 or not len(mean) or covariance.shape != 2 * mean.shape:
        raise UserError(
            f"In {path}, mu has the shape {mean.shape} and sigma {covariance.shape}: [dimension] and "
            "[dimension, dimension] are wanted."
        )
    if {mean.dtype.kind, covariance.dtype.kind} - set("fiu") or not (np.isfinite([mean.sum(), covariance.sum()]).all()):
        raise UserError(f"In {path}, mu or sigma has values that are no finite numbers.")
    return Statistics(mean.astype(np.float64), covariance.astype(np.float64))


def write_statistics(path: str | os.PathLike, statistics: Statistics) -> None:
    """Write a mean and a covariance as such a file. Raises UserError where `check_place` does."""
    content = io.BytesIO()
    np.savez(content, mu=statistics.mean, sigma=statistics.covariance)
    write_whole(check_place(path), content.getvalue())


def check_place(path: str | os.PathLike) -> Path:
    """Return the place of a new file of statistics. Raises UserError if it is taken, of another kind, or of no use."""
    place = expanded(path)
    if place.suffix.lower() != ".npz":
        raise UserError(f"{path} is no place for a mean and a covariance: give a name that ends in .npz.")
    if place.exists():
        raise UserError(f"{path} exists: choose another name.")
    if not place.absolute().parent.is_dir():
        raise UserError(f"{path} cannot be written: there is no folder {place.absolute().parent}.")
    check_writable(place.absolute().parent, path)
    return place
