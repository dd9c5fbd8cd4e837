"""What data of any size costs: python benchmarks/data.py

Writes data.json and data.md into --to. Measured are the images per second of the input pipeline alone, from prepared
files in the page cache; the seconds from the start of a process to its first step, with a million prepared images and
with a thousand files at their first start; the rate at which photographs of 12 megapixels are prepared, against that of
decoding them whole; and the peak memory of preparing data that is larger than memory may be, and of a training on it.

Wall-clock seconds depend on what else runs on the machine: where CPU seconds can be told apart, they stand beside them.
What is made for the measurements is below --work (12 GB of a sparse file, and 5 GB), and removed at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

STARTED = time.time()  # of this process, but for what is imported above
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SIDE, BATCH, WIDTH = 64, 64, 8  # of images and batches, and of the model that takes the first step
MANY, FEW = 1_000_000, 1_000
PHOTOGRAPHS, DIFFERENT, MEGAPIXELS = 200, 8, (3000, 4000)
LARGE, LARGE_SIDE = 12_000, 256  # 2.4 GB of pixels
MOST_LINKS = 30_000  # to one file
MIB = 2**20


def main(to: Path, work: Path, rounds: int, only: list[str]) -> None:
    """Measure, and write data.json and data.md."""
    file = to / "data.json"
    record = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    with tempfile.TemporaryDirectory(dir=work, prefix="kerasgan-data-") as folder:
        os.environ["KERASGAN_CACHE"] = os.path.join(folder, "cache")
        for name, measure in MEASURES.items():
            if not only or name in only:
                part = Path(folder) / name
                part.mkdir()
                record[name] = {**measure(part, rounds), "load": round(os.getloadavg()[0], 1)}
                shutil.rmtree(part)
                shutil.rmtree(os.environ["KERASGAN_CACHE"], ignore_errors=True)
                print(f"{name}: {record[name]}", flush=True)
                file.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    (to / "data.md").write_text(page(record), encoding="utf-8")
    print(f"{to / 'data.md'} is written.")


def pipeline(folder: Path, rounds: int) -> dict:
    """Return images per second of wall clock, and per two CPU seconds, of batches that nothing trains on."""
    from kerasgan import data, prepared

    generator = np.random.default_rng(0)
    n = 60_000

    def rows(start, stop, done):
        return prepared.Shard(generator.integers(0, 256, (stop - start, 1, SIDE, SIDE, 3), np.uint8), {})

    plan = prepared.Plan((n, 1, SIDE, SIDE, 3), {}, rows)
    kept = prepared.kept("pipeline", {"benchmark": "pipeline"}, {}, lambda: plan)
    images = prepared.Images(kept.shards, np.arange(n), 0, lambda rows: b"")
    stream = iter(data.Batches((images,), "images", BATCH, mirror=True).stream(lambda: 0))
    wall, cpu, steps = [], [], 300
    next(stream)
    for _ in range(rounds + 1):  # the first one reads into the page cache
        started, used = time.perf_counter(), time.process_time()
        for _ in range(steps):
            next(stream)
        wall.append(steps * BATCH / (time.perf_counter() - started))
        cpu.append(2 * steps * BATCH / (time.process_time() - used))
    return {"wall": [round(x) for x in wall[1:]], "cpu": [round(x) for x in cpu[1:]]}


def first_steps(folder: Path, rounds: int) -> dict:
    """Return the seconds to the first step of a first start with few files, and of a second one with many."""
    made = {}
    for name, n in (("few", FEW), ("many", MANY)):
        (folder / name).mkdir()
        links(folder / name, small_pictures(folder / f"{name}-files"), n)
    os.environ["KERASGAN_CACHE"] = str(folder / "cache")
    child("pretend", folder / "many")
    seconds: dict[str, list] = {"few, first start": [], "few, second start": [], "many, second start": []}
    for _ in range(rounds):
        shutil.rmtree(folder / "cache/data-few", ignore_errors=True)
        os.environ["KERASGAN_CACHE"] = str(folder / "cache/data-few")
        seconds["few, first start"].append(child("first_step", folder / "few"))
        seconds["few, second start"].append(child("first_step", folder / "few"))
        os.environ["KERASGAN_CACHE"] = str(folder / "cache")
        seconds["many, second start"].append(child("first_step", folder / "many"))
    for name, its in seconds.items():
        made[name] = {key: [one[key] for one in its] for key in ("wall", "cpu")}
    return made


def photographs(folder: Path, rounds: int) -> dict:
    """Return photographs per second that are prepared, and that are decoded whole and made as small."""
    from kerasgan import data
    from kerasgan.data import files

    (folder / "photographs").mkdir()
    made = [photograph(folder / f"{i}.jpg", i) for i in range(DIFFERENT)]
    links(folder / "photographs", made, PHOTOGRAPHS)
    drafted, kept = files.DRAFT, os.environ["KERASGAN_CACHE"]
    rates: dict[str, dict] = {name: {"wall": [], "cpu": []} for name in ("prepared", "whole")}
    difference = 0.0
    for i in range(rounds):
        small = {}
        for name, draft in (("prepared", drafted), ("whole", max(MEGAPIXELS)))[:: 1 if i % 2 else -1]:
            files.DRAFT = draft
            os.environ["KERASGAN_CACHE"] = str(folder / f"cache-{name}-{i}")
            started, used = time.perf_counter(), time.process_time()
            small[name] = data.folder(folder / "photographs", (SIDE, SIDE)).images.astype(float)
            rates[name]["wall"].append(round(PHOTOGRAPHS / (time.perf_counter() - started), 1))
            rates[name]["cpu"].append(round(2 * PHOTOGRAPHS / (time.process_time() - used), 1))
        difference = float(np.abs(small["prepared"] - small["whole"]).mean())
    files.DRAFT, os.environ["KERASGAN_CACHE"] = drafted, kept
    megabytes = statistics.mean(file.stat().st_size for file in made) / 1e6
    return {**rates, "difference": round(difference, 3), "megabytes": round(megabytes, 2)}


def memory(folder: Path, rounds: int) -> dict:
    """Return the peak MiB of processes that prepare 2.4 GB of images and train on them, and of one with few images."""
    sources = small_pictures(folder / "files", LARGE_SIDE)
    for name, n in (("few", 100), ("large", LARGE)):
        (folder / name).mkdir()
        links(folder / name, sources, n)
    write_tfds(folder / "tfds", sources)
    found = {name: child("peak", folder / name) for name in ("few", "large", "tfds")}
    found["large, second start"] = child("peak", folder / "large")
    return {name: its["peak"] for name, its in found.items()}


def links(folder: Path, files: list[Path], n: int) -> None:
    """Fill a folder with n names of some files, in turns."""
    for i in range(n):
        source = files[i % len(files)]
        if i // len(files) % MOST_LINKS == MOST_LINKS - 1:
            raise ValueError(f"{len(files)} files are too few for {n} links")
        os.link(source, folder / f"{i:07d}{source.suffix}")


def small_pictures(folder: Path, side: int = 8, n: int = 40) -> list[Path]:
    """Write pictures of few bytes, each another one."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for i in range(n):
        small = Image.fromarray(generator.integers(0, 256, (8, 8, 3), np.uint8))
        small.resize((side, side), Image.Resampling.NEAREST).save(folder / f"{i}.png")
    return sorted(folder.iterdir())


def photograph(file: Path, seed: int) -> Path:
    """Write a JPEG with as much detail at every scale as photographs have, and a little noise."""
    generator = np.random.default_rng(seed)
    height, width = MEGAPIXELS
    pixels = np.zeros((height, width, 3), np.float32)
    for octave in range(2, 11):  # from 4 to 1,024 blobs beside one another, each octave half as strong
        coarse = generator.normal(0, 2.0 ** (2 - octave), (2**octave * 3 // 4, 2**octave, 3)).astype(np.float32)
        for channel in range(3):
            blobs = Image.fromarray(coarse[..., channel]).resize((width, height), Image.Resampling.BICUBIC)
            pixels[..., channel] += np.asarray(blobs)
    pixels = 128 + 50 * pixels / pixels.std() + generator.normal(0, 3, pixels.shape)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, quality=90)
    return file


def write_tfds(folder: Path, files: list[Path]) -> None:
    """Prepare a data set as tensorflow-datasets would have."""
    import tensorflow_datasets as tfds

    folder.mkdir()
    features = {
        "image": tfds.features.Image(shape=(None, None, 3)),
        "label": tfds.features.ClassLabel(num_classes=10),
    }
    identity = tfds.core.dataset_info.DatasetIdentity(
        name="large", version=tfds.core.Version("1.0.0"), data_dir=str(folder), module_name="large"
    )
    info = tfds.core.DatasetInfo(builder=identity, features=tfds.features.FeaturesDict(features))
    writer = tfds.core.SequentialWriter(info, 10**6)
    writer.initialize_splits(["train"])
    for i in range(LARGE):
        writer.add_examples({"train": [{"image": str(files[i % len(files)]), "label": i % 10}]})
    writer.close_all()


def child(task: str, folder: Path) -> dict:
    """Return what another process measures."""
    command = [sys.executable, __file__, "--child", task, str(folder)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(answer.stdout.splitlines()[-1])


def pretend(folder: Path) -> dict:
    """Put as many prepared images into the cache as a folder has, without decoding: but for some they are black."""
    from kerasgan import data, prepared
    from kerasgan.data import files

    def rows(start, stop, done):
        pixels = np.zeros((stop - start, 1, SIDE, SIDE, 3), np.uint8)
        if start == 0:
            pixels[:FEW] = np.random.default_rng(0).integers(0, 256, pixels[:FEW].shape, np.uint8)
        done(stop - start)
        return prepared.Shard(pixels, {"problems": {}, "grey": False})

    def written(folder, number, shard, plan):  # holes take no place on the disk
        path = folder / f"{number:05d}.npy"
        file = np.lib.format.open_memmap(path, "w+", np.uint8, shard.pixels.shape)
        if number == 0:
            file[:FEW] = shard.pixels[:FEW]
        file.flush()
        about = {"of": prepared._of(shard.pixels.shape, plan), "bytes": path.stat().st_size, "notes": shard.notes}
        path.with_suffix(".json").write_text(json.dumps(about), encoding="utf-8")
        return shard._replace(pixels=prepared._mapped(path))

    about = {"ranges": {}, "said": ""}
    plan = prepared.Plan((MANY, 1, SIDE, SIDE, 3), about, rows)
    files._Preparation.plan, prepared._written = lambda self, name: plan, written
    data.folder(folder, (SIDE, SIDE))
    return {}


def first_step(folder: Path) -> dict:
    """Return the seconds until a model has taken its first step in a run of its own."""
    import keras

    from kerasgan import callbacks, data
    from kerasgan.models import DCGAN

    class First(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            used = resource.getrusage(resource.RUSAGE_SELF)
            seconds = {"wall": round(time.time() - STARTED, 2), "cpu": round(used.ru_utime + used.ru_stime, 2)}
            print(json.dumps(seconds), flush=True)
            os._exit(0)

    batches = data.load(folder, batch_size=BATCH, image_size=(SIDE, SIDE))
    model = DCGAN(batches.image_shape, width=WIDTH)
    model.compile()
    with tempfile.TemporaryDirectory() as run:
        model.fit(batches, callbacks=[*callbacks.standard(Path(run) / "run", batches), First()], verbose=0)
    return {}


def peak(folder: Path) -> dict:
    """Return the peak memory of a process that prepares images, trains a little, and reads some epochs."""
    import tensorflow_datasets as tfds

    from kerasgan import data
    from kerasgan.data.examples import examples
    from kerasgan.models import DCGAN

    if folder.name == "tfds":
        images, _ = examples(tfds.builder_from_directory(folder), "train", "image", "label", None, None)
    else:
        images = data.folder(folder, (LARGE_SIDE, LARGE_SIDE)).images
    batches = data.Batches((images,), "images", 8, mirror=True)
    batches.sha256()
    model = DCGAN(batches.image_shape, width=1)
    model.compile()
    model.fit(batches, steps_per_epoch=3, verbose=0)
    for _, _batch in zip(range(2 * LARGE // 8), batches.stream(lambda: 0)):
        pass
    return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


MEASURES = {"pipeline": pipeline, "first_steps": first_steps, "photographs": photographs, "memory": memory}
CHILDREN = {"pretend": pretend, "first_step": first_step, "peak": peak}


def page(record: dict) -> str:
    """Return what was measured, in Markdown."""
    lines = ["# Data of any size", ""]
    if its := record.get("pipeline"):
        lines += [
            f"**The input pipeline alone**, batches of {BATCH} images of {SIDE}x{SIDE}x3 from prepared files in the",
            f"page cache, mirrored, as float32: {middle(its['wall']):,.0f} images/s of wall clock {span(its['wall'])},",
            f"with other work on the machine (a load of {its['load']}); {middle(its['cpu']):,.0f} images in two CPU",
            f"seconds {span(its['cpu'])}, which is the most that two cores give where nothing else runs.",
            "The aim is 20,000.",
            "",
        ]
    if its := record.get("first_steps"):
        lines += [
            "**The first step**: seconds from the start of a process until a small DCGAN in a run folder has taken it,",
            f"medians of {len(its['few, first start']['wall'])}; a load of {its['load']}.",
            "",
            "| | s | CPU s |",
            "|---|---|---|",
            *(
                f"| {text} | {middle(its[name]['wall']):.1f} | {middle(its[name]['cpu']):.1f} |"
                for name, text in (
                    ("few, first start", f"{FEW:,} files, first start"),
                    ("few, second start", f"{FEW:,} files, second start"),
                    ("many, second start", f"{MANY:,} files, second start"),
                )
            ),
            "",
            "The aim is that the last is at most 10 s more than the first.",
            "",
        ]
    if its := record.get("photographs"):
        ours, whole = its["prepared"], its["whole"]
        ratios = [a / b for a, b in zip(ours["wall"], whole["wall"])]
        of_cpu = [a / b for a, b in zip(ours["cpu"], whole["cpu"])]
        lines += [
            f"**{PHOTOGRAPHS} synthetic photographs of 12 megapixels** ({its['megabytes']} MB each, as JPEG) are",
            f"prepared for {SIDE}x{SIDE} pixels at {middle(ours['wall']):.1f} a second, and decoded whole at",
            f"{middle(whole['wall']):.1f}: {middle(ratios):.1f} times the rate {span(ratios, 1)}, in turns, with a",
            f"load of {its['load']}; by CPU seconds {middle(of_cpu):.1f} times {span(of_cpu, 1)}. The aim is 3",
            f"times. The pixels differ by {its['difference']} of 255 levels on average.",
            "",
        ]
    if its := record.get("memory"):
        own = its["few"]
        size = LARGE * LARGE_SIDE**2 * 3 / MIB
        lines += [
            f"**Peak memory** of a process that prepares {LARGE:,} images of {LARGE_SIDE}x{LARGE_SIDE}x3, which are",
            f"{size:,.0f} MiB, takes 3 steps, and reads 2 epochs. The same with 100 images takes {own:,} MiB.",
            "",
            "| | peak, MiB | above that |",
            "|---|---|---|",
            *(
                f"| {text} | {its[name]:,} | {its[name] - own:,} |"
                for name, text in (
                    ("large", "a folder, first start"),
                    ("large, second start", "a folder, second start"),
                    ("tfds", "tensorflow-datasets, first start"),
                )
            ),
            "",
            "The aim is at most 1,536 above it.",
            "",
        ]
    return "\n".join([*lines, "Written by `python benchmarks/data.py`.", ""])


def middle(values: list[float]) -> float:
    return statistics.median(values)


def span(values: list[float], digits: int = 0) -> str:
    return f"({min(values):,.{digits}f} to {max(values):,.{digits}f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=Path(__file__).parent, help="the folder of data.md")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()), help="where pictures are made")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each")
    parser.add_argument("--only", nargs="*", default=[], choices=MEASURES, help="measure these again, and keep others")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(CHILDREN[options.child[0]](Path(options.child[1]))))
    else:
        main(options.to, options.work, options.rounds, options.only)
