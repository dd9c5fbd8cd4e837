"""Trained models by name: the package brings one, a clone of the repository has all, an installation downloads them."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from kerasgan.errors import UserError, nearest

if TYPE_CHECKING:
    import requests

PACKAGE = Path(__file__).parent
CLONE = PACKAGE.parent  # only if it is one: see places()
MANIFEST = PACKAGE / "trained_models.json"  # written by saved_models/archives.py
RELEASE = "https://github.com/kerasgan/kerasgan/releases/download/models-1/"  # has the archives that MANIFEST describes
TIMEOUT = 30.0  # seconds in which a server sends nothing
CHUNK = 2**16  # bytes between two looks of the progress bar


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """What the manifest says of a trained model."""

    name: str
    variant: str
    data: str  # the name of what it was trained on
    verbs: tuple[str, ...]  # what it can do
    bytes: int  # of its archive
    sha256: str  # of its archive


def trained_models() -> dict[str, TrainedModel]:
    """Return all trained models by name, whether they are here or not."""
    entries = json.loads(MANIFEST.read_text(encoding="utf-8"))
    return {name: TrainedModel(name=name, **{**e, "verbs": tuple(e["verbs"])}) for name, e in entries.items()}


def cache() -> Path:
    """Return the folder that downloads are kept in: KERASGAN_CACHE, or what the system has for such.

    Raises UserError if it is in a home that there is not.
    """
    folder = os.environ.get("KERASGAN_CACHE") or platformdirs.user_cache_dir("kerasgan", appauthor=False)
    try:
        return Path(folder).expanduser().absolute()
    except RuntimeError:
        raise UserError(f"There is no home for {folder}: give another folder as KERASGAN_CACHE.") from None


def place(model: TrainedModel) -> tuple[str, Path] | None:
    """Return where a trained model is (package, clone or cache) and its folder; None before it is downloaded.

    Raises UserError if there is no place for a cache.
    """
    if (shipped := PACKAGE / "metrics" / model.name).is_dir():
        return "package", shipped
    is_clone = (CLONE / "pyproject.toml").is_file() and (CLONE / "zoo").is_dir()  # and no folder of installed packages
    if is_clone and (cloned := CLONE / "saved_models" / model.name).is_dir():
        return "clone", cloned
    return ("cache", cached) if (cached := _cached(model)).is_dir() else None


def folder(name: str) -> Path:
    """Return the folder of a trained model's SavedModel, which is downloaded if it is not here yet.

    Raises UserError if there is no trained model of this name, or if it cannot be downloaded or kept: then nothing is
    left behind.
    """
    known = trained_models()
    if name not in known:
        raise UserError(f"There is no trained model {name}{nearest(name, known)}: see kerasgan list --trained.")
    found = place(known[name])
    return found[1] if found else _unpacked(known[name], _downloaded(known[name]))


def meant(path: Path) -> str:
    """Return ' (did you mean ...?)' for the trained model that a path that does not exist resembles, or nothing."""
    known = trained_models()
    return nearest(path.name if path.name in known else str(path).lower(), known)


def _cached(model: TrainedModel) -> Path:
    """Return the model's folder in the cache; another version of a model of the same name has another one."""
    return cache() / f"{model.name}-{model.sha256[:12]}"


def _downloaded(model: TrainedModel) -> bytes:
    """Return a model's archive, which is small enough for memory: so there is no file of a part of it."""
    url = f"{(os.environ.get('KERASGAN_MODELS_URL') or RELEASE).rstrip('/')}/{model.name}.zip"
    return downloaded(model.name, url, model.bytes, model.sha256, "KERASGAN_MODELS_URL")


def downloaded(name: str, url: str, size: int, sha256: str, elsewhere: str) -> bytes:
    """Return what a server has at `url`, of so many bytes and with this SHA-256.

    name: what it is, for messages
    elsewhere: the environment variable that names another server

    Raises UserError if it cannot be had, or if it is something else.
    """
    import requests  # unlike urllib it brings certificates, which Python has not everywhere
    from tqdm import tqdm

    received = bytearray()
    bar = tqdm(total=size, desc=name, unit="B", unit_scale=True, leave=False, disable=not sys.stderr.isatty())
    try:
        with bar, requests.get(url, stream=True, timeout=TIMEOUT) as answer:
            answer.raise_for_status()
            for chunk in answer.iter_content(CHUNK):
                received += chunk
                bar.update(len(chunk))
                if len(received) > size:
                    break
    except requests.RequestException as error:
        broke_off = isinstance(error, requests.exceptions.ChunkedEncodingError)
        reason = "the connection broke off" if broke_off else _reason(error)
        raise UserError(
            f"{name} cannot be downloaded from {url}: {reason}. Try again later, or give the address of "
            f"another copy as {elsewhere}."
        ) from None
    if len(received) != size or hashlib.sha256(received).hexdigest() != sha256:
        found = f"more than {size:,}" if len(received) > size else f"{len(received):,}"
        raise UserError(
            f"What {url} sent is not {name}: {found} bytes with another SHA-256 than the {size:,} bytes "
            f"that were expected. Try again later, or give the address of another copy as {elsewhere}."
        )
    return bytes(received)


def _reason(error: requests.RequestException) -> str:
    """Return why a download failed: what the server answered, or the first cause of the exception, in one line."""
    if error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    cause: BaseException = error
    while before := cause.__cause__ or cause.__context__:
        cause = before
    return (getattr(cause, "strerror", None) or " ".join(str(cause).split()) or type(cause).__name__).rstrip(".")


def _unpacked(model: TrainedModel, archive: bytes) -> Path:
    """Put a model into the cache, whole or not at all."""

    def unpack(part):
        zipfile.ZipFile(io.BytesIO(archive)).extractall(part)  # never writes outside: it drops ".." and roots
        return part / model.name

    return kept(model.name, _cached(model), model.bytes, unpack)


def kept(name: str, to: Path, size: int, unpack: Callable[[Path], Path]) -> Path:
    """Put a folder that was downloaded into the cache, whole or not at all; another process may do so at the same time.

    unpack: writes it into a temporary folder beside `to`, and returns where it is in there

    Raises UserError if it cannot be kept.
    """
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{name}-", suffix=".part", dir=to.parent) as part:
            unpacked = unpack(Path(part))
            try:
                os.replace(unpacked, to)
            except OSError:
                if not to.is_dir():  # or else the other one was quicker
                    raise
    except OSError as error:
        raise UserError(
            f"{name} cannot be kept in {to.parent}: {error.strerror}. Give another folder as KERASGAN_CACHE."
        ) from None
    print(f"{name} ({size / 1e6:.1f} MB) was downloaded into {to}", file=sys.stderr)
    return to
