"""Sizes and times of two runtimes in a browser: python benchmarks/browser.py

Converts what three trained models do to ONNX and LiteRT, runs each in headless Chromium by ONNX Runtime Web and by
LiteRT.js, on one processor, in turns, and writes browser.md. Both are downloaded from the npm registry, or from the one
that KERASGAN_NPM_URL names. It takes selenium, chromium and chromedriver.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import shutil
import statistics
import tarfile
import tempfile
import threading
from pathlib import Path
from typing import Any, cast

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from selenium import webdriver

import kerasgan
from kerasgan import demo, exports, saved_model, trained_models
from kerasgan.command_line import quiet
from kerasgan.demo import runtime

MODELS = {"dcgan_mnist": "decode", "pix2pix_facades": "translate", "fastgan_facades_photographs": "decode"}
LITERT = {  # package: (bytes and SHA-256 of its archive, {file of the page: place in the archive})
    "core-2.5.3": (
        11_817_097,
        "a97660833e9e7e1063c95e12016718881240b14f7438728a2f62785e912d30fd",
        {
            "litert.js": "package/dist/index.js",
            "litert_wasm_internal.js": "package/wasm/litert_wasm_internal.js",
            "litert_wasm_internal.wasm": "package/wasm/litert_wasm_internal.wasm",
            "litert_wasm_compat_internal.js": "package/wasm/litert_wasm_compat_internal.js",
            "litert_wasm_compat_internal.wasm": "package/wasm/litert_wasm_compat_internal.wasm",
        },
    ),
    "wasm-utils-2.5.3": (
        4_698,
        "ce2a1f8379c067be49e59752e5a7f40db6be09f6e497f0f11e59f17b515366a7",
        {"wasm-utils.js": "package/dist/index.js"},
    ),
}
TITLES = {"onnx": "ONNX Runtime Web", "litert": "LiteRT.js"}
CHROMIUM = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
SECONDS = 0.3  # of a round of one runtime
PAGE = """<!doctype html>
<script type="importmap">{"imports": {"@litertjs/wasm-utils": "./litert/wasm-utils.js"}}</script>
<body><script type="module">
import * as ort from "./onnx/ort.js";
import { loadAndCompile, loadLiteRt, Tensor } from "./litert/litert.js";
ort.env.wasm.numThreads = 1; // as in the page: LiteRT.js loads without threads, too
ort.env.wasm.wasmPaths = { wasm: new URL("onnx/ort.wasm", document.baseURI).href };
const seconds = async (work) => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};
const loads = {
  onnx: async (file, name, dtype, shape) => {
    const model = await ort.InferenceSession.create(file);
    return async (data) => {
      const [made] = Object.values(await model.run({ [name]: new ort.Tensor(dtype, data, shape) }));
      return made.data;
    };
  },
  litert: async (file, name, dtype, shape) => {
    const model = await loadAndCompile(file, { accelerator: "wasm" });
    return async (data) => {
      const given = new Tensor(data, shape);
      const [made] = Object.values(await model.run({ [name]: given }));
      const result = (await made.data()).slice();
      given.delete();
      made.delete();
      return result;
    };
  },
};
window.start = async () => {
  const empty = new Uint8Array(0);
  return {
    onnx: await seconds(() => ort.InferenceSession.create(empty).catch(() => {})), // which loads the runtime
    litert: await seconds(() => loadLiteRt("litert/")),
  };
};
const runs = {};
window.load = async (format, file, name, dtype, shape) => {
  const took = await seconds(async () => {
    runs[format] = await loads[format](file, name, dtype, shape);
  });
  return took;
};
window.run = async (format, given, isFloat, times) => {
  const data = isFloat ? Float32Array.from(given) : Uint8Array.from(given);
  let made;
  const took = await seconds(async () => {
    for (let i = 0; i < times; i++) made = await runs[format](data);
  });
  return [(1000 * took) / times, times === 1 ? Array.from(made) : []];
};
window.ready = true;
</script></body>
"""


def main(to: Path, rounds: int) -> None:
    """Measure both runtimes, and write browser.md."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        sizes = write_site(site)
        with demo.server(site) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            driver = chromium()
            try:
                version = driver.capabilities["browserVersion"]
                record = measured(driver, f"http://127.0.0.1:{server.server_port}/", site, rounds)
            finally:
                driver.quit()
                server.shutdown()
    (to / "browser.md").write_text(page(sizes, *record, version, rounds), encoding="utf-8")
    print(f"{to / 'browser.md'} is written.")


def write_site(site: Path) -> dict[str, list[float]]:
    """Write the page, both runtimes and the models. Return the sizes of each runtime in MB.

    They are those of what Chromium loads, of this by gzip, and of what all browsers together load.
    """
    shutil.copytree(runtime.folder(), site / "onnx")
    (site / "litert").mkdir()
    registry = (os.environ.get("KERASGAN_NPM_URL") or runtime.REGISTRY).rstrip("/")
    for package, (size, sha256, files) in LITERT.items():
        name = package.rpartition("-")[0]
        url = f"{registry}/@litertjs/{name}/-/{package}.tgz"
        archive = trained_models.downloaded(f"@litertjs/{package}", url, size, sha256, "KERASGAN_NPM_URL")
        with tarfile.open(fileobj=io.BytesIO(archive)) as members:
            for file, place in files.items():
                content = cast("io.BufferedReader", members.extractfile(place))
                (site / "litert" / file).write_bytes(content.read())
    for name, verb in MODELS.items():
        model = kerasgan.load(name)
        model.export(site / "models/onnx" / name, format="onnx", verb=verb)
        (site / "models/litert" / name).mkdir(parents=True)
        (site / "models/litert" / name / f"{verb}.tflite").write_bytes(for_one_example(model, verb))
    (site / "index.html").write_text(PAGE, encoding="utf-8")
    sizes = {}
    for format in TITLES:
        all_ = {file.name: file.read_bytes() for file in (site / format).iterdir()}
        loaded = [content for name, content in all_.items() if "compat" not in name]
        packed = [gzip.compress(content) for content in loaded]
        sizes[format] = [sum(map(len, contents)) / 1e6 for contents in (loaded, packed, all_.values())]
    return sizes


def for_one_example(model: saved_model.LoadedModel, verb: str) -> bytes:
    """Return a verb for LiteRT.js, which refuses the files of exports: they leave open how many examples there are."""
    its = getattr(model, verb)
    specs = [tf.TensorSpec((1, *spec.shape[1:]), spec.dtype, name) for name, spec in its.inputs.items()]

    @tf.function(autograph=False, input_signature=specs)
    def function(*inputs):
        return {"made": its.function(**dict(zip(its.inputs, inputs, strict=True)))}

    half = model.about.get("weights") == "float16"
    with quiet():
        return exports.FORMATS["litert"].convert(verb, function, specs, model.trackable, half)


def chromium() -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in CHROMIUM:
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_script_timeout(120)
    return driver


def measured(driver: webdriver.Chrome, address: str, site: Path, rounds: int) -> tuple[dict, dict]:
    """Return the seconds that each runtime takes to start, and of each model what each runtime takes and makes."""

    def call(function, *arguments):
        answer = driver.execute_async_script(
            f"const done = arguments[arguments.length - 1];"
            f"{function}(...Array.from(arguments).slice(0, -1))"
            f".then((its) => done({{its}}), (error) => done({{error: String(error.stack ?? error)}}));",
            *arguments,
        )
        if "error" in answer:
            raise RuntimeError(f"{function}{arguments[:2]}: {answer['error']}")
        return answer["its"]

    driver.get(address)
    driver.execute_async_script(
        "const done = arguments[0]; const ask = () => window.ready ? done() : setTimeout(ask, 50); ask();"
    )
    start = call("start")
    record: dict[str, dict[str, Any]] = {}
    for name, verb in MODELS.items():
        model = kerasgan.load(name)
        ((argument, given),) = exports.examples(getattr(model, verb), 1).items()
        wanted = getattr(model, verb)(given)
        its: dict[str, Any] = {"verb": verb}
        record[name] = its
        for format in TITLES:
            file = f"models/{format}/{name}/{verb}{exports.FORMATS[format].suffix}"
            loading = call("load", format, file, argument, given.dtype.name, list(given.shape))
            size = (site / file).stat().st_size
            its[format] = {"bytes": size, "loading": 1000 * loading, "times": []}
        values, is_float = given.ravel().tolist(), given.dtype.kind == "f"
        repeated = {}
        for format in TITLES:
            call("run", format, values, is_float, 1)
            milliseconds, made = call("run", format, values, is_float, 1)
            its[format]["difference"] = int(np.abs(np.array(made).reshape(wanted.shape) - wanted.astype(int)).max())
            repeated[format] = int(np.clip(1000 * SECONDS / milliseconds, 2, 1000))
        for i in range(rounds):
            for format in list(TITLES)[:: 1 if i % 2 else -1]:
                milliseconds, _ = call("run", format, values, is_float, repeated[format])
                its[format]["times"].append(milliseconds)
        print(json.dumps({name: its}), flush=True)
    return start, record


def page(sizes: dict[str, list[float]], start: dict, record: dict, version: str, rounds: int) -> str:
    """Return what was measured, in Markdown."""
    lines = [
        "# Runtimes in the browser",
        "",
        f"In headless Chromium {version}, on one thread of a processor, in the page itself. Milliseconds are those",
        f"of one example, from an array to an array: medians of {rounds} rounds in turns, and the least and the most",
        "of them. Other work shared the machine, so that they compare runtimes with one another, and no more.",
        "Differences are the largest from what the SavedModel makes of the same input, in units of 1 of 255. LiteRT.js",
        "refuses models that leave open how many examples there are, or how large: these were converted for one.",
        "",
        "| | ONNX Runtime Web | LiteRT.js |",
        "|---|---|---|",
        *(
            f"| {title}, MB | {' | '.join(f'{sizes[format][i]:.1f}' for format in TITLES)} |"
            for i, title in enumerate(("its files", "the same by gzip", "files for browsers without relaxed SIMD, too"))
        ),
        f"| to start, ms | {' | '.join(f'{1000 * start[format]:.0f}' for format in TITLES)} |",
    ]
    for name, its in record.items():
        both = [its[format] for format in TITLES]
        for title, cells in {
            f"`{name}`, {its['verb']}: MB": [f"{one['bytes'] / 1e6:.1f}" for one in both],
            "to load, ms": [f"{one['loading']:.0f}" for one in both],
            "one example, ms": [span(one["times"]) for one in both],
            "difference": [str(one["difference"]) for one in both],
        }.items():
            lines.append(f"| {title} | {' | '.join(cells)} |")
    lines += [
        "",
        "The page has ONNX Runtime Web. LiteRT.js is faster, and smaller where a browser has relaxed SIMD; but a page",
        "for all browsers needs both its builds, which are larger together. LiteRT cannot hold some of the scores that",
        "the page shows (see exports.md), and each model would have to be converted anew, for one example of one size.",
    ]
    lines += ["", "Written by `python benchmarks/browser.py`.", ""]
    return "\n".join(lines)


def span(times: list[float]) -> str:
    return f"{statistics.median(times):.3g} ({min(times):.3g} to {max(times):.3g})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=Path(__file__).parent, help="the folder of browser.md")
    parser.add_argument("--rounds", type=int, default=9, help="measurements of each runtime")
    options = parser.parse_args()
    main(options.to, options.rounds)
