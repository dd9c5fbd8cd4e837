"""Image files of any kind, read as uint8 arrays of one size."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from kerasgan.errors import UserError

SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"}
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
IN_MEMORY = 2**32  # bytes of images that are kept decoded; beyond, files are read again for each batch


class ImageFiles:
    """Files as an array of uint8 images[n, height, width, channel], read when an integer array indexes it.

    half: None for the whole picture, or "left" or "right"
    """

    def __init__(self, files: list[Path], image_size: tuple[int, int], channels: int, half: str | None = None):
        self.files, self.image_size, self.channels, self.half = files, image_size, channels, half
        self.shape = (len(files), *image_size, channels)
        self.readers = ThreadPoolExecutor(8)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        return np.stack(list(self.readers.map(self._read, (self.files[i] for i in indices))))

    def cached(self) -> np.ndarray | ImageFiles:
        """Return all images as an array in memory if they fit, else these files."""
        return self[np.arange(len(self))] if np.prod(self.shape) <= IN_MEMORY else self

    def subset(self, indices: np.ndarray) -> ImageFiles:
        """Return these of the files."""
        return ImageFiles([self.files[i] for i in indices], self.image_size, self.channels, self.half)

    def names_and_sizes(self) -> bytes:
        """Return what tells these files from others without reading them."""
        return "\n".join(f"{file.name} {file.stat().st_size}" for file in self.files).encode()

    def _read(self, file):
        picture = decoded(file)
        if self.half:
            middle = picture.width // 2
            left = 0 if self.half == "left" else middle
            picture = picture.crop((left, 0, left + middle, picture.height))
        return np.asarray(with_channels(resized(picture, self.image_size), self.channels)).reshape(self.shape[1:])


def image_files(root: Path, channels: int | None) -> tuple[list[Path], int]:
    """Return the readable images below a folder in order of name, and their channels: `channels`, or what they have.

    Files that cannot be read are named on standard error and passed over. Raises UserError if none is left.
    """
    files = sorted(f for f in root.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file())
    if not files:
        raise UserError(f"There are no images in {root}: it needs files that end in {', '.join(sorted(SUFFIXES))}.")
    with ThreadPoolExecutor(8) as readers:
        found = list(readers.map(_kind_of, files))
    good = [(file, kind) for file, kind in zip(files, found, strict=True) if isinstance(kind, int)]
    for file, problem in zip(files, found, strict=True):
        if not isinstance(problem, int):
            print(f"Skipping {file}: {problem}", file=sys.stderr)
    if not good:
        raise UserError(f"None of the {len(files)} images in {root} can be read.")
    if len(good) < len(files):
        print(f"Skipped {len(files) - len(good)} of {len(files)} images that cannot be read.", file=sys.stderr)
    return [file for file, _ in good], channels or max(kind for _, kind in good)


def decoded(file: Path) -> Image.Image:
    """Return a file's picture, the first frame of several, the right way up, in mode L, RGB or RGBA."""
    with Image.open(file) as opened:
        opened.load()
        picture = ImageOps.exif_transpose(opened)
    if picture.mode.startswith(("I", "F")):  # 16 bits to a pixel; Pillow's own conversion clips instead of scaling
        values = np.asarray(picture).astype(np.float64)
        return Image.fromarray(np.round(values * (255 / (65535 if values.max() > 255 else 255))).astype(np.uint8))
    if "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA"):
        return picture.convert("RGBA")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def with_channels(picture: Image.Image, channels: int) -> Image.Image:
    """Convert a picture to 1, 3 or 4 channels; what is transparent becomes white where there is no alpha to keep it."""
    if picture.mode == "RGBA" and channels != 4:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return picture.convert(MODES[channels])


def resized(picture: Image.Image, image_size: tuple[int, int]) -> Image.Image:
    """Cut a picture's middle to the shape of (height, width) and scale it there, antialiased."""
    height, width = image_size
    if picture.size == (width, height):
        return picture
    return ImageOps.fit(picture, (width, height), method=Image.Resampling.LANCZOS)


def _kind_of(file):
    """Return the channels of a file's picture (3 for one with alpha, which is asked for by name), or the problem."""
    try:
        return 1 if decoded(file).mode == "L" else 3
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return str(error).splitlines()[0] if str(error) else type(error).__name__
