"""ONNX Runtime Web, which runs models in a browser: downloaded once from the npm registry, and kept in the cache.

benchmarks/browser.md says how it compares with LiteRT.js.
"""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

from kerasgan import trained_models

NAME = "onnxruntime-web-1.30.0"
BYTES = 33_106_585  # of its archive
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"  # likewise
REGISTRY = "https://registry.npmjs.org"
FILES = {  # of a page, and where the archive has them: what runs on the processor alone, which every browser has
    "ort.js": "package/dist/ort.wasm.bundle.min.mjs",
    "ort.wasm": "package/dist/ort-wasm-simd-threaded.wasm",
}


def folder() -> Path:
    """Return the folder of the runtime's files, which are downloaded if they are not here yet.

    KERASGAN_NPM_URL names another registry. Raises UserError if they cannot be downloaded or kept: then nothing is left
    behind.
    """
    to = trained_models.cache() / f"{NAME}-{SHA256[:12]}"
    if to.is_dir():
        return to
    registry = (os.environ.get("KERASGAN_NPM_URL") or REGISTRY).rstrip("/")
    url = f"{registry}/{NAME.rpartition('-')[0]}/-/{NAME}.tgz"
    archive = trained_models.downloaded(NAME, url, BYTES, SHA256, "KERASGAN_NPM_URL")

    def unpack(part):
        unpacked = part / "files"
        unpacked.mkdir()
        with tarfile.open(fileobj=io.BytesIO(archive)) as members:
            for name, place in FILES.items():
                (unpacked / name).write_bytes(members.extractfile(place).read())
        return unpacked

    return trained_models.kept(NAME, to, BYTES, unpack)
