"""run.json, read and written without TensorFlow."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from kerasgan.errors import UserError


def check_new(run: str | os.PathLike) -> None:
    """Raise UserError if a run would overwrite what is there."""
    if Path(run).exists():
        raise UserError(f"{run} exists: continue it with --resume, or choose another folder with --run.")


def check_resumable(run: str | os.PathLike) -> None:
    """Raise UserError if there is no run to continue."""
    if not (Path(run) / "run.json").is_file():
        raise UserError(f"There is nothing to resume in {run}, which holds no run.json: start it without --resume.")


def read(run: str | os.PathLike) -> dict[str, Any]:
    """Return run.json. Raises UserError if it is missing or is none."""
    path = Path(run) / "run.json"
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from None


def write(run: Path, record: dict[str, Any]) -> None:
    """Replace run.json, whole or not at all."""
    part = run / "run.json.part"
    part.write_text(json.dumps(record, indent=2) + "\n")
    os.replace(part, run / "run.json")
