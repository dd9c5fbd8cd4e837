"""run.json, read and written without TensorFlow."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from kerasgan.errors import UserError


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
