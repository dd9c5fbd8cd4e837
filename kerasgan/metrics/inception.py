"""The graph whose features the FID of the literature is taken of: Inception, frozen on 2015-12-05.

It is not the Inception of Keras, which has other weights and another number of classes. Heusel et al. 2017 measured
with it, and what papers call FID is measured with it, or with a copy of its weights for another framework.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from kerasgan import trained_models
from kerasgan.errors import UserError
from kerasgan.paths import expanded

NAME = "inception-2015-12-05"
GRAPH = "classify_image_graph_def.pb"
BYTES = 95_673_916  # of the graph; others who publish it give the same size and SHA-256
SHA256 = "009d6814d1bc560d4e7b236e170e9b2d5ca6f4b57bd8037f6db05776204415c6"  # likewise
# the copy of the graph that is not packed into inception-2015-12-05.tgz, whose own digest nobody gives
URL = f"https://openaipublic.blob.core.windows.net/diffusion/jul-2021/ref_batches/{GRAPH}"
IMAGES, POOLED = "ExpandDims:0", "pool_3:0"  # one JPEG is decoded before the first; classes are told by the second
SIDE = 299  # pixels on each side of what it sees, to which it resizes images
RESIZER = "the graph's own, bilinear"


def graph() -> bytes:
    """Return the frozen graph: that in the file which KERASGAN_INCEPTION names, or else one that is downloaded once.

    The file is classify_image_graph_def.pb, or inception-2015-12-05.tgz, which holds it. KERASGAN_INCEPTION_URL names
    another address of the .pb. Raises UserError if it cannot be had, or is another one.
    """
    if given := os.environ.get("KERASGAN_INCEPTION"):
        return _checked(_read(expanded(given)), given, "give another file as KERASGAN_INCEPTION")
    folder = trained_models.cache() / f"{NAME}-{SHA256[:12]}"
    if not folder.is_dir():
        _download(folder)
    return _checked(_read(folder / GRAPH), folder, "remove this folder to have it downloaded again")


def _download(folder):
    url = os.environ.get("KERASGAN_INCEPTION_URL") or URL
    content = trained_models.downloaded(NAME, url, BYTES, SHA256, "KERASGAN_INCEPTION_URL")

    def unpack(part):
        unpacked = part / "graph"
        unpacked.mkdir()
        (unpacked / GRAPH).write_bytes(content)
        return unpacked

    trained_models.kept(NAME, folder, BYTES, unpack)


def _read(path: Path) -> bytes:
    try:
        if not tarfile.is_tarfile(path):
            with path.open("rb") as file:
                return file.read(BYTES + 1)
        with tarfile.open(path) as members:
            found = [members.extractfile(one) for one in members if one.isfile() and Path(one.name).name == GRAPH]
            return found[0].read(BYTES + 1) if found and found[0] else b""
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        why = getattr(error, "strerror", None) or "it is broken"
        raise UserError(f"Inception's graph cannot be read from {path}: {why}.") from None


def _checked(content, place, remedy):
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise UserError(f"{place} is not Inception's {GRAPH}, and holds none: its SHA-256 is another one; {remedy}.")
    return content


def features(content: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from uint8 images[n, height, width, 3] of any size to features[n, 1, 1, 2048].

    content: the frozen graph. The images are resized to 299x299 as the graph does it: bilinear, without antialiasing
    """
    frozen = tf.compat.v1.GraphDef.FromString(content)
    for node in frozen.node:
        node.attr.pop("_output_shapes", None)  # those of one image
    _as_known_today(frozen)

    def pooled(images):
        (found,) = tf.graph_util.import_graph_def(frozen, {IMAGES: tf.cast(images, tf.float32)}, [POOLED], name="")
        return found

    whole = tf.compat.v1.wrap_function(pooled, [tf.TensorSpec((None, None, None, 3), tf.uint8)])
    (images,), (found,) = whole.inputs, whole.outputs
    forward = whole.prune(images, found)  # without what decodes a JPEG, and what tells classes

    def extract(images):
        with _whole_float32():
            return forward(tf.constant(images)).numpy()

    return extract


@contextlib.contextmanager
def _whole_float32():
    """Let convolutions take float32 numbers as they are: newer GPUs would leave out 13 of their 23 bits."""
    was = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(was)


def _as_known_today(frozen):
    """Put the present operation in the place of the batch normalisation of 2015, which no function may have now."""
    for node in [node for node in frozen.node if node.op == "BatchNormWithGlobalNormalization"]:
        x, mean, variance, beta, gamma = [name for name in node.input if not name.startswith("^")]
        after = [name for name in node.input if name.startswith("^")]
        if not node.attr["scale_after_normalization"].b:
            gamma = f"{node.name}/ones"
            ones = frozen.node.add(name=gamma, op="OnesLike", input=[beta])
            ones.attr["T"].CopyFrom(node.attr["T"])
        new = tf.compat.v1.NodeDef(name=node.name, op="FusedBatchNormV3", device=node.device)
        new.input.extend([x, gamma, beta, mean, variance, *after])
        new.attr["T"].CopyFrom(node.attr["T"])
        new.attr["U"].CopyFrom(node.attr["T"])
        new.attr["epsilon"].f = node.attr["variance_epsilon"].f
        new.attr["is_training"].b = False
        node.CopyFrom(new)
