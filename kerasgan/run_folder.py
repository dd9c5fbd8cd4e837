"""What a run folder holds that can be read, and written, without TensorFlow: run.json, kerasgan.json, tables."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasgan import hub, trained_models
from kerasgan.errors import UserError
from kerasgan.paths import expanded, write_whole

if TYPE_CHECKING:
    from filelock import BaseFileLock


AT_A_GLANCE = 1.0  # seconds, in which other workers that only look whether a run is being trained have looked


class Taken(UserError):
    """A new run was to be written into a folder that exists."""

    def __init__(self, run: Path):
        super().__init__(f"{run} exists: continue it with --resume, or choose another folder with --run.")
        self.run = run


def check_new(run: str | os.PathLike) -> None:
    """Raise Taken if a run would overwrite what is there."""
    if expanded(run).exists():
        raise Taken(expanded(run))


def check_resumable(run: str | os.PathLike) -> None:
    """Raise UserError if there is no run to continue, or if a process is writing it."""
    if not (expanded(run) / "run.json").is_file():
        raise UserError(
            f"There is nothing to resume in {run}, which holds no run.json: start it without --resume, or say by "
            "--run where it is."
        )
    lock(run, seconds=AT_A_GLANCE).release()


def lock(run: str | os.PathLike, seconds: float = 0) -> BaseFileLock:
    """Return the lock of a run folder, held by this process until it is released, or the process ends in any way.

    seconds: to wait for it
        Raises UserError if another writer holds it, or if nothing can be written there.
    """
    import filelock

    held = filelock.FileLock(expanded(run) / ".lock", timeout=seconds, thread_local=False)
    try:
        held.acquire()
    except filelock.Timeout:
        raise UserError(f"{run} is being trained already: wait until that ends, or stop it first.") from None
    except OSError as error:
        raise UserError(f"Cannot write to {run}: {error.strerror}.") from None
    return held


def read(run: str | os.PathLike) -> dict[str, Any]:
    """Return run.json. Raises UserError if it is missing or is none."""
    path = expanded(run) / "run.json"
    if not path.is_file():
        raise UserError(f"{run} is no run folder: it has no run.json. Give one that kerasgan train wrote.")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from None
    if not isinstance(record, dict) or "variant" not in record:
        raise UserError(f"{path} is not what kerasgan writes of a run.")
    return record


def write(run: Path, record: dict[str, Any]) -> None:
    """Replace run.json, whole or not at all."""
    write_whole(run / "run.json", (json.dumps(record, indent=2) + "\n").encode())


def read_table(path: str | os.PathLike) -> list[dict[str, str]]:
    """Return the whole rows of a table, such as history.csv; none, if there is no such file yet."""
    if not Path(path).exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        text = file.read()
    whole = text[: text.rfind("\n") + 1]  # without a row that a kill or a full disk cut off
    return list(csv.DictReader(io.StringIO(whole, newline="")))


def write_table(path: Path, rows: list[dict]) -> None:
    """Replace a table, whole or not at all; a name that a row lacks is empty there."""
    part = path.with_suffix(".part")
    names = list({name: None for row in rows for name in row})
    with open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(part, path)


class Table:
    """A table that a run adds to row by row: a long one is not written anew each time.

    rows: those of read_table(path) that stay
    """

    def __init__(self, path: Path, rows: list[dict[str, str]]):
        self.path, self.names = path, list(rows[0]) if rows else []
        if path.exists() and (rows != read_table(path) or not path.read_bytes().endswith(b"\n")):
            write_table(path, rows)

    def add(self, row: dict[str, Any]) -> None:
        """Add a row; a name that it lacks is empty there. If that is cut off, read_table() leaves the row out."""
        if not set(row) <= set(self.names):
            write_table(self.path, [*read_table(self.path), row])
            self.names += [name for name in row if name not in self.names]
            return
        line = io.StringIO()
        csv.DictWriter(line, self.names, restval="").writerow(row)
        with open(self.path, "ab") as file:
            file.write(line.getvalue().encode())


def saved_model(path: str | os.PathLike) -> Path:
    """Return the folder of the SavedModel of a run, `path` if it is one, or that of the trained model of this name.

    A path that exists goes before a name; hf://user/name is one on Hugging Face's hub. Raises UserError if there is
    none.
    """
    given = hub.folder(path) if hub.is_name(path) else expanded(path)
    for folder in (given / "saved_model", given):
        if (folder / "saved_model.pb").is_file() and (folder / "kerasgan.json").is_file():
            return folder
    if not given.exists():
        if str(given) in trained_models.trained_models():
            return trained_models.folder(str(given))
        raise UserError(
            f"There is no {given}{trained_models.meant(given)}: give a run folder, a SavedModel that kerasgan wrote, "
            "or the name of a trained model (kerasgan list --trained)."
        )
    if (given / "run.json").is_file():
        raise UserError(f"The run {given} has not ended, so it has no SavedModel yet: continue it with --resume.")
    hides = str(given) in trained_models.trained_models()
    raise UserError(
        f"{given} is neither a run folder nor a SavedModel that kerasgan wrote"
        + (", and hides the trained model of that name: rename it, or work in another folder." if hides else ".")
    )


def trained(path: str | os.PathLike) -> Path:
    """Return where most of a trained model is: a run with checkpoints, a .keras file, or the folder of a SavedModel.

    Of a folder that holds a SavedModel and one .keras file, as it is published, the file has more. Raises UserError if
    there is none, as saved_model() does.
    """
    given = hub.folder(path, hub.WHOLE) if hub.is_name(path) else expanded(path)
    if given.is_file():
        if given.suffix != ".keras":
            raise UserError(f"{given} is no .keras file: give one, a run folder, or the name of a trained model.")
        return given
    if has_checkpoints(given):
        return given
    folder = saved_model(given)
    files = [*folder.glob("*.keras"), *(folder.parent.glob("*.keras") if folder.name == "saved_model" else [])]
    return files[0] if len(files) == 1 else folder


def has_checkpoints(folder: Path) -> bool:
    """Return whether a folder is that of a run with checkpoints, from which all of its model can be restored."""
    return (folder / "run.json").is_file() and (folder / "checkpoints/checkpoint").is_file()


def about_model(folder: Path) -> dict[str, Any]:
    """Return the kerasgan.json of a SavedModel's folder. Raises UserError if it is none."""
    try:
        return json.loads((folder / "kerasgan.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{folder / 'kerasgan.json'} cannot be read: {error}.") from None
