"""Archives of the trained models, as a release has them, and the manifest by which the package knows them.

    python saved_models/archives.py dist/models

writes an archive of each, and kerasgan/trained_models.json. New archives take a new release: kerasgan.trained_models
has its address.
"""

import argparse
import hashlib
import io
import json
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = sorted(
    (file.parent for where in ("saved_models", "kerasgan/metrics") for file in (ROOT / where).glob("*/kerasgan.json")),
    key=lambda folder: folder.name,
)
MANIFEST = ROOT / "kerasgan/trained_models.json"
TIME = (1980, 1, 1, 0, 0, 0)  # the first that an archive can have
UNIX, READABLE = 3, 0o644 << 16


def archive(folder: Path) -> bytes:
    """Return a folder as a zip archive of the same bytes on every machine.

    Files are in order, without their times, and as they are: what compression makes of them depends on zlib's version.
    """
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as zipped:
        files = {file.relative_to(folder.parent).as_posix(): file for file in folder.rglob("*") if file.is_file()}
        for name in sorted(files):
            member = zipfile.ZipInfo(name, TIME)
            member.create_system, member.external_attr = UNIX, READABLE
            zipped.writestr(member, files[name].read_bytes())
    return written.getvalue()


def entry(folder: Path, archived: bytes) -> dict:
    """Return what the manifest says of a model: see kerasgan.trained_models.TrainedModel."""
    about = json.loads((folder / "kerasgan.json").read_text(encoding="utf-8"))
    return {
        "variant": about["variant"],
        "data": about["data"]["name"],
        "verbs": about["verbs"],
        "bytes": len(archived),
        "sha256": hashlib.sha256(archived).hexdigest(),
    }


def main(to: Path, manifest: Path = MANIFEST) -> None:
    """Write an archive of each model into a folder, and the manifest of all."""
    to.mkdir(parents=True, exist_ok=True)
    entries = {}
    for folder in FOLDERS:
        archived = archive(folder)
        (to / f"{folder.name}.zip").write_bytes(archived)
        entries[folder.name] = entry(folder, archived)
    manifest.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    print(f"{len(entries)} archives written to {to}, and what they are to {manifest}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("to", type=Path, help="folder for the archives")
    main(parser.parse_args().to)
