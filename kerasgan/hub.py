"""Models on Hugging Face's hub: hf://user/name, or hf://user/name@revision, is a model's name.

Everything there is by strangers: no file of a repository is run as Python, .keras files are read in safe mode, and a
kerasgan.json is read as data. A SavedModel is a program that TensorFlow runs in its graph.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
from pathlib import Path
from typing import Any

from kerasgan.errors import UserError, one_line

SCHEME = "hf://"
_PART = r"[A-Za-z0-9][\w.-]*"
_NAME = re.compile(rf"hf:/{{1,2}}({_PART}/{_PART})(?:@([\w./-]+))?")  # pathlib makes one slash of two
ABOUT = ("saved_model/kerasgan.json", "kerasgan.json")
SAVED_MODEL = ("saved_model/*", "kerasgan.json", "saved_model.pb", "fingerprint.pb", "variables/*", "assets/*")
_FOUND: dict[tuple, Path] = {}  # what this process has asked for
WHOLE = (*SAVED_MODEL, "*.keras", "run.json")


def is_name(name: str | os.PathLike) -> bool:
    """Return whether a model's name is that of one on the hub, right or wrong."""
    return re.match("hf:/", os.fspath(name)) is not None


def parsed(name: str | os.PathLike) -> tuple[str, str | None]:
    """Return "user/name" and the revision of a name. Raises UserError if it is none."""
    if not (match := _NAME.fullmatch(os.fspath(name))):
        raise UserError(f"{one_line(os.fspath(name))} is no name of a model on the hub: give hf://user/name.")
    return match[1], match[2]


def folder(name: str | os.PathLike, files: tuple[str, ...] = SAVED_MODEL) -> Path:
    """Return the folder of a model on the hub with these of its files, which are downloaded unless they are here.

    It is in huggingface_hub's own cache, where HF_HOME says. A process asks the hub once, so that all that it reads is
    of one revision. Raises UserError if it cannot be had, or is no model of kerasgan.
    """
    repository, revision = parsed(name)
    library = _library()
    asked = (repository, revision, files, _endpoint(), library.constants.HF_HUB_CACHE)
    if asked in _FOUND and _FOUND[asked].is_dir():
        return _FOUND[asked]
    with _said(library, f"{SCHEME}{repository} cannot be downloaded", reading=True):

        def of(patterns):
            found = library.snapshot_download(
                repository, revision=revision, allow_patterns=list(patterns), endpoint=_endpoint()
            )
            return Path(found)

        with _no_bars(library):
            about = of(ABOUT)
        _check_about(about, repository)  # before anything large is downloaded
        _FOUND[asked] = of(files)
    return _FOUND[asked]


def check(name: str) -> None:
    """Raise UserError for a wrong name, and if nothing can be uploaded there: before what takes long."""
    if revision := parsed(name)[1]:
        raise UserError(f"{name} names a revision, and a new one is uploaded: leave out @{revision}.")
    library = _library()
    with _said(library, f"{name} cannot be uploaded"):
        user = library.HfApi(endpoint=_endpoint()).whoami()
    owner, mine = parsed(name)[0].partition("/")[0], [user["name"], *(its["name"] for its in user.get("orgs", ()))]
    if owner.lower() not in map(str.lower, mine):
        raise UserError(f"{name} cannot be uploaded: there you are {' or '.join(mine)}, and not {owner}.")


def upload(published: Path, name: str, private: bool = False) -> str:
    """Upload a folder that was published as a new version of a model on the hub, and return its address.

    What a repository holds of an older version goes, and stays in its history. Raises UserError for a repository that
    holds something else, or is public and was to be private, and if nothing can be uploaded.
    """
    repository, _ = parsed(name)
    library = _library()
    api = library.HfApi(endpoint=_endpoint())
    with _said(library, f"{name} cannot be uploaded"):
        try:
            found: Any = api.repo_info(repository)
        except library.errors.RepositoryNotFoundError:
            found = None
            api.create_repo(repository, private=private)
        if found is not None:
            _check_repository(name, found, private)
        old = {file.rfilename for file in found.siblings or ()} if found is not None else set()
        new = {file.relative_to(published).as_posix() for file in published.rglob("*") if file.is_file()}
        add = [library.CommitOperationAdd(file, published / file) for file in sorted(new)]
        remove = [library.CommitOperationDelete(file) for file in sorted(old - new) if file != ".gitattributes"]
        _FOUND.clear()
        api.create_commit(repository, [*add, *remove], commit_message="Published by kerasgan")
    return f"{api.endpoint}/{repository}"


def _check_repository(name, found, private):
    files = {file.rfilename for file in found.siblings or ()} - {".gitattributes"}
    if files and not files & set(ABOUT):
        raise UserError(f"{name} exists, and holds something else than a model of kerasgan: choose another name.")
    if private and not found.private:
        raise UserError(f"{name} exists, and is public: choose another name, or make it private on the hub first.")


def _check_about(folder, repository):
    """Raise UserError if a folder does not say what a model of kerasgan says."""
    its = next((folder / file for file in ABOUT if (folder / file).is_file()), None)
    if its is None:
        raise UserError(f"{SCHEME}{repository} holds no model of kerasgan: it has no kerasgan.json.")
    try:
        about = json.loads(its.read_text(encoding="utf-8"))
    except ValueError:
        about = None
    if not isinstance(about, dict) or not isinstance(about.get("variant"), str) or not _are_names(about.get("verbs")):
        raise UserError(f"{SCHEME}{repository} holds no model of kerasgan: its kerasgan.json says something else.")


def _are_names(verbs):
    return isinstance(verbs, list) and bool(verbs) and all(isinstance(v, str) and v.isidentifier() for v in verbs)


def _endpoint():
    """Return another hub's address; huggingface_hub itself reads it only when it is imported."""
    return os.environ.get("HF_ENDPOINT") or None


def _library():
    try:
        import huggingface_hub.constants
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError:
        raise UserError(
            'hf:// takes the package huggingface_hub, which is not installed: python -m pip install "kerasgan[hub]".'
        ) from None
    return huggingface_hub


@contextlib.contextmanager
def _said(library, what, reading=False):
    """Raise UserError for what can go wrong on the way to the hub and back, in one line."""
    failures: Any = (OSError, ValueError, RuntimeError, library.errors.HfHubHTTPError.__bases__[0])  # its HTTP client's
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.ERROR)  # what it warns of is not its user's doing, or is said below
    try:
        with contextlib.nullcontext() if sys.stderr.isatty() else _no_bars(library):
            yield
    except UserError:
        raise
    except failures as error:
        raise UserError(f"{what}: {_reason(library, error, reading)}") from None
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _no_bars(library):
    """Let huggingface_hub draw no progress bars."""
    were = library.utils.are_progress_bars_disabled()
    library.utils.disable_progress_bars()
    try:
        yield
    finally:
        if not were:
            library.utils.enable_progress_bars()


def _reason(library, error, reading):
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__
    answer = next((e.response for e in seen if getattr(e, "response", None) is not None), None)
    if any(isinstance(e, library.errors.LocalTokenNotFoundError) for e in seen):
        return "there is no token: log in by hf auth login, or give one as HF_TOKEN."
    if any(isinstance(e, library.errors.RevisionNotFoundError) for e in seen):
        return "there is no such revision."
    status = answer.status_code if answer is not None else None
    if any(isinstance(e, library.errors.GatedRepoError) for e in seen):
        return "its owner has to allow it: ask on its page, and log in by hf auth login."
    if status == 404 or (reading and any(isinstance(e, library.errors.RepositoryNotFoundError) for e in seen)):
        return "there is no such repository, or it is private: look at the name, or log in by hf auth login."
    if status == 401:
        return "the hub does not accept the token: log in by hf auth login, or give another one as HF_TOKEN."
    if status == 403:
        return "the hub forbids it: take a repository of your own, and a token that may write."
    if status is not None:
        return f"the hub answered {status}: {_line(error)}"
    return _line(seen[-1] if len(seen) > 1 and not isinstance(error, library.errors.HfHubHTTPError) else error)


def _line(error):
    """Return the first line of an error's text."""
    text = getattr(error, "strerror", None) or next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return f"{one_line(text).rstrip('.')}."
