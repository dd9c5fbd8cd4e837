"""A page for the browser in which trained models run: static files for any host, which send nobody's picture anywhere.

kerasgan.demo.write(["dcgan_mnist", "runs/pix2pix-facades"], "site")  # open it through a server, not as a file
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerasgan import exports, run_folder
from kerasgan.demo import runtime
from kerasgan.errors import UserError
from kerasgan.paths import expanded

PAGE = Path(__file__).parent / "page"
SHOWN = ("decode", "translate", "translate_back", "reconstruct", "degrade", "classify", "anomaly_score", "log_prob")
FARTHEST = 64  # pixels: what depends on more around it cannot be made piece by piece
DIRECTIONS = 6  # sliders: what matters less is hard to see


def check(models: Sequence[str | os.PathLike], to: str | os.PathLike) -> dict[str, Path]:
    """Return {name in the page: folder of its SavedModel}. It needs no TensorFlow.

    Raises UserError for a model that there is not, that does nothing a page shows, or that has another one's name, for
    packages that are missing, and for a place that is taken.
    """
    exports.check("onnx", to)
    folders: dict[str, Path] = {}
    for model in models:
        folder, name = run_folder.saved_model(model), expanded(model).resolve().name
        about = run_folder.about_model(folder)
        if not set(SHOWN) & set(about["verbs"]):
            raise UserError(f"{model} has {', '.join(about['verbs'])}, and a page shows only {', '.join(SHOWN)}.")
        if name in folders:
            raise UserError(f"Two models are called {name}: rename the folder of one of them.")
        folders[name] = folder
    return folders


def write(models: Sequence[str | os.PathLike], to: str | os.PathLike, verbose: bool | None = None) -> None:
    """Write a page with models into a folder, whole or not at all.

    models: run folders, SavedModels, or names of trained models
    to: a folder that does not exist, or is empty
    verbose: say what is written, and what is not

    Raises UserError for what check() refuses, if the runtime cannot be downloaded, or if a model cannot be exported.
    """
    folders = check(models, to)
    files = runtime.folder()
    path = expanded(to).absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{path.name}-", suffix=".part", dir=path.parent) as part:
        site = Path(part) / "site"
        shutil.copytree(PAGE, site)
        shutil.copytree(files, site / "runtime")
        for name, folder in folders.items():
            if verbose:
                print(f"{name}:", flush=True)
            _write_model(folder, site / "models" / name, verbose)
        (site / "models.json").write_text(json.dumps(list(folders)) + "\n", encoding="utf-8")
        os.replace(site, path)


def _write_model(folder, to, verbose):
    from kerasgan.saved_model import load

    model = load(folder)
    model.export(to, "onnx", verbose=verbose)
    about = run_folder.about_model(to)
    if not set(SHOWN) & set(about["verbs"]):
        raise UserError(f"Nothing of {about['variant']} that a page shows can be exported: leave it out.")
    if "translate" in about["verbs"] and model.image_shape("translate")[0] is None:
        (to / "pieces.json").write_text(json.dumps({"reach": _reach(model)}) + "\n", encoding="utf-8")
    if "decode" in about["verbs"] and "sample" in model.about["verbs"]:
        (to / "directions.json").write_text(json.dumps(_directions(model, verbose)) + "\n", encoding="utf-8")


def _reach(model) -> int | None:
    """Return how many pixels away from a place what is translated there depends on: None if they are too many.

    Of two pictures of noise that have their right half in common, it is how far into it their translations differ.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    channels = model.image_shape("translate")[-1]
    a, b = rng.integers(0, 256, (2, 1, FARTHEST, 2 * FARTHEST, channels), np.uint8)
    b[:, :, FARTHEST:] = a[:, :, FARTHEST:]
    made, other = (model.translate(images=images) for images in (a, b))
    differ = np.flatnonzero((made != other).any(axis=(0, 1, 3)))
    reach = max(0, -(-(differ.max(initial=0) + 1) * 2 * FARTHEST // made.shape[2]) - FARTHEST)
    return int(reach) if reach < FARTHEST else None


def _directions(model, verbose) -> list[dict[str, Any]]:
    """Return the directions along which pixels change most, the largest first: none where latents are too many."""
    from kerasgan import explore, latent

    decode = latent.Decoder(model)
    if decode.latent_dim > latent.MOST:
        if verbose:
            print(f"directions: none, for there are more than {latent.MOST} latents ({decode.latent_dim})", flush=True)
        return []
    samples = latent.prior(explore.STEEPEST, decode.latent_dim, 0)
    found = latent.directions_of_change(decode, samples)
    return [
        {"share": float(share), "vector": vector.tolist()}
        for share, vector in zip(found.shares[:DIRECTIONS], found.vectors[:DIRECTIONS], strict=True)
    ]


class _Handler(http.server.SimpleHTTPRequestHandler):
    # What the system thinks of a suffix may be wrong, and browsers take modules only as what they are.
    extensions_map = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, *arguments):
        pass


def server(site: str | os.PathLike, port: int = 0) -> http.server.ThreadingHTTPServer:
    """Return a server of a folder on 127.0.0.1. Raises UserError if the port cannot be had.

    port: 0 for any that is free
    """
    handler = functools.partial(_Handler, directory=os.fspath(site))
    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "ports go up to 65535"
        raise UserError(f"Port {port} cannot be had: {reason}. Choose another --port, or 0 for any.") from None
