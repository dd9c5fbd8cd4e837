"""Images that were decoded, cut and resized once, and are kept as uint8 under KERASGAN_CACHE.

The folder data/KEY there holds shards, of so many images each: 00000.npy, an array [image, part, height, width,
channel], and 00000.json, which is written after it, and says what there is to know of its images. index.json is written
last, and says that all shards are whole. What a process left that was killed is taken up by the next: shards that are
whole are not made again.

Nothing here imports TensorFlow.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import io
import json
import mmap
import os
import re
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from kerasgan import trained_models
from kerasgan.errors import UserError, one_line
from kerasgan.image_folders import paths_below
from kerasgan.paths import write_whole

if TYPE_CHECKING:
    from filelock import BaseFileLock

FORMAT = 1  # of what is kept, and of the way to its pixels: another one has other keys
SHARD = 2**28  # bytes of pixels in one file: as many as a process that is killed can lose
IN_MEMORY = 2**29  # bytes of images that are read into memory; of more, only those of a batch
BY_PIXELS = 2**32  # bytes of images whose digest is that of their pixels; of more, it is that of names and sizes
MAPPED = 2**28  # bytes of shards that a process keeps mapped, beside which the system keeps what fits
MAPPED_AROUND = 2**21  # bytes that Linux maps at most where one is read
AT_ONCE = 2**28  # bytes of whole pictures that are in memory at the same time while they are prepared
BLOCK = 2**24  # bytes of pixels that a digest takes at once
IN_SILENCE = 3.0  # seconds, after which preparing is said where no progress bar is seen
QUEUE = 8  # items that wait for each processor core
MISSING = (FileNotFoundError, NotADirectoryError, ValueError, KeyError)  # ValueError: what is cut off is no JSON
KEY = re.compile("[0-9a-f]{32}")


T = TypeVar("T")


class Images:
    """uint8 images[n, height, width, channel] in shards, which whole numbers, slices and arrays of either kind index.

    shards: [image, part, height, width, channel], all but the last of as many images
    rows: which images of the shards these are
    part: which part of each: 0 for whole pictures
    names_of: returns what tells the images in such rows from others without reading them
    by_pixels: whether a digest is of their pixels; by default, if they are not very many
    """

    def __init__(
        self,
        shards: list[np.ndarray],
        rows: np.ndarray,
        part: int,
        names_of: Callable[[np.ndarray], bytes],
        by_pixels: bool | None = None,
    ):
        self.shards, self.rows, self.part, self.names_of = shards, rows, part, names_of
        self.shape = (len(rows), *shards[0].shape[2:])
        self.dtype, self.ndim = np.dtype(np.uint8), len(self.shape)
        self.by_pixels = self.nbytes <= BY_PIXELS if by_pixels is None else by_pixels
        self._touched = 0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Any) -> np.ndarray:
        rows = self.rows[key]
        return self._read(rows) if rows.ndim else self._read(rows[None])[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or np.uint8, copy=False)

    @property
    def nbytes(self) -> int:
        """How many bytes they take in memory."""
        return int(np.prod(self.shape, dtype=np.int64))

    def cached(self) -> np.ndarray | Images:
        """Return all images as an array in memory if they are few, else these."""
        return self[:] if self.nbytes <= IN_MEMORY else self

    def subset(self, indices: np.ndarray) -> Images:
        """Return these of the images, with a digest of the same kind."""
        return Images(self.shards, self.rows[indices], self.part, self.names_of, self.by_pixels)

    def names_and_sizes(self) -> bytes:
        """Return what tells these images from others without reading them."""
        return self.names_of(self.rows)

    def content(self) -> Iterator[Any]:
        """Yield what a digest is taken of: all pixels, or of very many images what tells them from others."""
        if not self.by_pixels:
            yield self.names_and_sizes()
            return
        each = max(1, BLOCK // (self.nbytes // len(self)))
        for start in range(0, len(self), each):
            yield self[start : start + each].data

    def _read(self, rows):
        images = np.empty((len(rows), *self.shape[1:]), np.uint8)
        numbers, places = np.divmod(rows, len(self.shards[0]))
        ends = [*(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(rows)]
        start = 0
        for end in ends:  # of rows one after another in one shard
            if end > start:
                images[start:end] = self.shards[numbers[start]][places[start:end], self.part]
            start = end
        self._touched += len(rows) * (self.nbytes // max(1, len(self)) // MAPPED_AROUND + 1) * MAPPED_AROUND
        if self._touched > MAPPED:
            self._touched = 0
            for shard in self.shards:
                _unmap(shard)
        return images


class Plan(NamedTuple):
    """What is to be made, once it is known what there is."""

    shape: tuple[int, ...]  # image, part, height, width, channel
    about: dict[str, Any]  # of all images, for JSON
    rows: Callable[[int, int, Callable[[int], Any]], Shard]  # makes the images from one number to another; says of each
    revised: Callable[[list[dict[str, Any]]], Plan | None] = lambda notes: None  # another plan, now that all is known


class Shard(NamedTuple):
    """The pixels of some images, and notes of them, for JSON; whether they may be others when they are made again."""

    pixels: np.ndarray
    notes: dict[str, Any]
    passing: bool = False


class Kept(NamedTuple):
    """Shards of prepared images, what is known of all, and the notes of each shard."""

    shards: list[np.ndarray]
    about: dict[str, Any]
    notes: list[dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Entry:
    """What the cache holds of one preparation."""

    key: str
    name: str  # as the data was called
    roots: list[str]  # the folders that it was made of; none for data sets of tensorflow-datasets
    digest: str  # of the names, sizes and times of their files
    image_size: tuple[int, int]
    images: int
    bytes: int
    used: float  # seconds since 1970
    whole: bool

    def state(self) -> str:
        """Return whether the folder that it was made of still is as it was: then it is used again."""
        if not self.roots:
            return "as it was" if self.whole else "a part"
        if not all(os.path.isdir(root) for root in self.roots):
            return "gone"
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # what is passed over, whoever reads the folder says
                found = Files([Path(root) for root in self.roots])
        except UserError:  # there are no pictures left
            return "changed"
        return ("as it was" if self.whole else "a part") if found.digest == self.digest else "changed"


class Files:
    """The pictures in folders, with what tells whether one has changed."""

    def __init__(self, roots: list[Path]):
        self.roots = roots
        below = [paths_below(root) for root in roots]
        every = [file for files in below for file in files]
        # No list: one of a million would be looked through each time that garbage is collected.
        self.files = np.array(every, object)
        self.counts = [len(files) for files in below]
        numbers = (number for file in every for number in _size_and_time(file))
        self.sizes, self.times = np.fromiter(numbers, np.int64).reshape(-1, 2).T.copy()
        digest = hashlib.sha256()
        for root, files in zip(roots, below):
            begins = len(os.path.join(root, "")) if root != Path() else 0
            names = [os.path.realpath(root), *(file[begins:] for file in files)]
            digest.update(os.fsencode("\0".join(names)))
        digest.update(self.sizes.data)
        digest.update(self.times.data)
        self.digest = digest.hexdigest()

    def names_and_sizes(self, rows: np.ndarray) -> bytes:
        """Return the names and sizes of some of the files, a line each."""
        names = (file[file.rfind(os.sep) + 1 :] for file in self.files[rows])
        return os.fsencode("\n".join(map("{} {}".format, names, self.sizes[rows].tolist())))


def place() -> Path:
    """Return the folder of all prepared images. Raises UserError if there is no place for a cache."""
    return trained_models.cache() / "data"


def key_of(facts: dict[str, Any]) -> str:
    """Return the name of what is kept of images that are decided by these facts, for JSON."""
    return hashlib.sha256(json.dumps({"format": FORMAT, **facts}, sort_keys=True).encode()).hexdigest()[:32]


def kept(name: str, facts: dict[str, Any], known: dict[str, Any], plan: Callable[[], Plan]) -> Kept:
    """Return prepared images: from the cache, or made by a plan and put there.

    name: what they are called
    facts: what decides their pixels, for JSON
    known: what is kept with them for lists, for JSON

    Two processes that want the same wait for one another. Raises UserError if they cannot be kept and do not fit in
    memory; few images are used then, and said not to be kept.
    """
    folder = place() / key_of(facts)
    if found := _whole(folder):
        return found
    with contextlib.ExitStack() as held:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            _lock(folder, held, name)
            if found := _whole(folder):  # another process has made it
                return found
            folder.mkdir(exist_ok=True)
            write_whole(folder / "about.json", json.dumps({"name": name, **known}).encode())
        except OSError as error:
            return _made(name, folder, plan(), error)
        return _made(name, folder, plan())


def found(facts: dict[str, Any]) -> Kept | None:
    """Return prepared images that are decided by these facts, if the cache has them."""
    return _whole(place() / key_of(facts))


def entries() -> list[Entry]:
    """Return what the cache holds, in order of name; of the folder's other files and folders nothing."""
    folders = [path for path in place().iterdir() if _is_entry(path)] if place().is_dir() else []
    return sorted((_entry(folder) for folder in folders), key=lambda entry: (entry.name, entry.key))


def remove(entry: Entry) -> bool:
    """Remove what the cache holds of one preparation; return False, and leave it, if a process is preparing it.

    A process that is reading it goes on reading. Raises OSError if it cannot be removed.
    """
    import filelock

    folder = place() / entry.key
    try:
        with _lock_of(folder).acquire(timeout=0):
            (folder / "index.json").unlink(missing_ok=True)  # first, so that what is left is never taken for whole
            shutil.rmtree(folder)
            folder.with_name(f"{folder.name}.lock").unlink(missing_ok=True)
    except filelock.Timeout:
        return False
    return True


def in_order(
    do: Callable[[T], Any], items: Iterable[T], weight: Callable[[T], int], done: Callable[[int], Any] = lambda n: None
) -> Iterator[Any]:
    """Yield do(item) of each, in order, on all processor cores, while no more than AT_ONCE bytes are at work.

    weight: returns the bytes that an item takes
    """
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[tuple[Future, int]] = deque()
        taken = 0
        try:
            for item in items:
                its_weight = int(weight(item))
                while waiting and (taken + its_weight > AT_ONCE or len(waiting) >= QUEUE * workers):
                    future, its = waiting.popleft()
                    taken -= its
                    yield future.result()
                    done(1)
                waiting.append((pool.submit(do, item), its_weight))
                taken += its_weight
            while waiting:
                yield waiting.popleft()[0].result()
                done(1)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextlib.contextmanager
def progress(what: str, total: int, first: int = 0) -> Iterator[Callable[[int], Any]]:
    """Yield what is called with the number of images that were done: it moves a progress bar on a terminal.

    Elsewhere, one line says what is going on, and how long it may take, if it is not done within a few seconds.
    """
    from tqdm import tqdm

    started, n, said = time.monotonic(), 0, sys.stderr.isatty()

    def update(done):
        nonlocal n, said
        bar.update(done)
        n += done
        seconds = time.monotonic() - started
        if not said and seconds > IN_SILENCE:
            said = True
            left = (total - first - n) * seconds / n
            took = f"about {left:,.0f} s" if left < 600 else f"about {left / 60:,.0f} min"
            print(one_line(f"{what}: {total:,} images, {took} left."), file=sys.stderr, flush=True)

    with tqdm(total=total, initial=first, desc=what, unit=" images", leave=False, disable=not said) as bar:
        yield update


def _made(name, folder, plan, refused=None):
    """Return images that are made by a plan, and put into a folder; those that are there already are not made again.

    refused: why nothing can be put there
    """
    made, refused = _shards(name, folder, plan, refused)
    while revised := plan.revised([shard.notes for shard in made]):
        plan = revised
        made, refused = _shards(name, folder, plan, refused)
    if refused is None and not any(shard.passing for shard in made):
        try:
            _finish(folder, plan, made)
        except OSError as error:
            _check_few(name, folder, int(np.prod(plan.shape)), error)
    return Kept([shard.pixels for shard in made], plan.about, [shard.notes for shard in made])


def _shards(name, folder, plan, refused):
    """Return all shards of a plan, and why they are not kept, if they are not."""
    n, *shape = plan.shape
    a_row = int(np.prod(shape))
    each = max(1, SHARD // a_row)
    starts = range(0, n, each)
    shards = [None if refused else _shard(folder, i, (min(each, n - s), *shape), plan) for i, s in enumerate(starts)]
    left = sum(min(each, n - start) for start, shard in zip(starts, shards) if shard is None)
    if refused:
        _check_few(name, folder, n * a_row, refused)
    elif n * a_row > IN_MEMORY and (free := shutil.disk_usage(folder).free) < left * a_row:
        needs = f"it takes {left * a_row / 1e9:,.1f} GB, and there are {free / 1e9:,.1f} GB free"
        _check_few(name, folder, n * a_row, OSError(errno.ENOSPC, needs))
    with progress(f"Preparing {name}", n, n - left) as done:
        for i, start in enumerate(starts):
            if shards[i] is None:
                shards[i] = plan.rows(start, min(start + each, n), done)
                try:
                    if not refused:
                        shards[i] = _written(folder, i, shards[i], plan)
                except OSError as error:
                    _check_few(name, folder, n * a_row, error)
                    refused = error
    return shards, refused


def _check_few(name, folder, size, refused):
    """Say why images are not kept. Raises UserError if they are too many for memory."""
    where, why = folder.parent, refused.strerror or refused
    if size > IN_MEMORY:
        raise UserError(
            f"{name} cannot be prepared in {where}: {why}. Give another folder as KERASGAN_CACHE, or see what is there "
            "with: kerasgan data list"
        ) from None
    print(
        one_line(
            f"{name} is not kept in {where}: {why}. So it is decoded again at each start; KERASGAN_CACHE names another "
            "folder."
        ),
        file=sys.stderr,
    )


def _written(folder, number, shard, plan):
    """Write a shard, whole or not at all, and return it as it is read there."""
    path = folder / f"{number:05d}.npy"
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            head = {"descr": "|u1", "fortran_order": False, "shape": shard.pixels.shape}
            np.lib.format.write_array_header_1_0(file, head)
            file.write(shard.pixels.data)  # np.save() would not say that the disk is full
            file.flush()
            os.fsync(file.fileno())  # before it is said to be whole
        os.replace(part, path)
        if not shard.passing:
            about = {"of": _of(shard.pixels.shape, plan), "bytes": path.stat().st_size, "notes": shard.notes}
            write_whole(path.with_suffix(".json"), json.dumps(about).encode())
    except OSError:
        part.unlink(missing_ok=True)
        raise
    return shard._replace(pixels=_mapped(path))


def _of(shape, plan):
    return json.loads(json.dumps([shape, plan.about]))


def _shard(folder, number, shape, plan):
    """Return a shard that is whole and was made by the same plan, or None."""
    shard, of = _read(folder, number) or (None, None)
    return shard if of == _of(shape, plan) else None


def _read(folder, number):
    """Return a shard that is whole and what it was made by; None if there is none."""
    path = folder / f"{number:05d}.npy"
    try:
        about = json.loads(path.with_suffix(".json").read_bytes())
        if path.stat().st_size != about["bytes"]:
            return None
        return Shard(_mapped(path), about["notes"]), about["of"]
    except MISSING:
        return None


def _readable(plan, made):
    return int(plan.shape[0]) - sum(len(shard.notes.get("problems", ())) for shard in made)


def _finish(folder, plan, made):
    """Say that all shards are whole, and remove what a plan left that was given up."""
    index = {"shards": len(made), "about": plan.about, "images": _readable(plan, made)}
    write_whole(folder / "index.json", json.dumps(index).encode())
    for path in folder.glob("[0-9]*"):
        if path.suffix == ".part" or int(path.stem) >= len(made):
            path.unlink()


def _whole(folder):
    """Return what a folder holds if it is whole, or None."""
    index = folder / "index.json"
    try:
        about = json.loads(index.read_bytes())
        read = [_read(folder, number) for number in range(about["shards"])]
    except MISSING:
        return None
    if not all(read):
        return None
    with contextlib.suppress(OSError):  # a cache that others have filled may be write-protected
        os.utime(index)
    return Kept([shard.pixels for shard, _ in read], about["about"], [shard.notes for shard, _ in read])


def _mapped(path):
    return np.load(path, mmap_mode="r").view(np.ndarray)  # whose indexing is quicker


def _unmap(shard):
    """Give back the memory of a shard's pages, which the system keeps and may use for something else."""
    if isinstance(shard.base, np.memmap) and hasattr(mmap, "MADV_DONTNEED"):
        shard.base.base.madvise(mmap.MADV_DONTNEED)


def _lock_of(folder):
    import filelock

    return filelock.FileLock(folder.with_name(f"{folder.name}.lock"), thread_local=False)


def _lock(folder, held, name):
    """Hold the lock of a folder, as soon as no other process does."""
    import filelock

    lock: BaseFileLock = _lock_of(folder)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        print(one_line(f"Waiting for another process, which is preparing {name}."), file=sys.stderr, flush=True)
        lock.acquire()
    held.callback(lock.release)


def _is_entry(path):
    return KEY.fullmatch(path.name) is not None and path.is_dir() and not path.is_symlink()


def _entry(folder):
    about = _json(folder / "about.json")
    index = folder / "index.json"
    files = [path.stat() for path in folder.iterdir()]
    return Entry(
        folder.name,
        about.get("name", "?"),
        about.get("roots", []),
        about.get("digest", ""),
        tuple(about.get("image_size", (0, 0))),
        _json(index).get("images", 0),
        sum(its.st_size for its in files),
        max((its.st_mtime for its in files), default=folder.stat().st_mtime),
        index.is_file(),
    )


def _json(path):
    try:
        return json.loads(path.read_bytes())
    except MISSING:
        return {}


def _size_and_time(file):
    """Return the bytes of a file and when it was changed, in nanoseconds; -1 if it is gone."""
    try:
        about = os.stat(file)
    except OSError:  # whoever reads it says so
        return -1, -1
    return about.st_size, about.st_mtime_ns
