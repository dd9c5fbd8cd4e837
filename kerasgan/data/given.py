"""What users give to fit() of their own, arrays and datasets, against what a model takes: see kerasgan.data.

Dtypes and shapes are looked at when a step is traced, and values in the first batch alone, so that no later step waits.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasgan.data.labels import UNKNOWN
from kerasgan.errors import UserError

ROUNDING = 1e-3  # that images may lie outside of [-1, 1]: of half precision at its ends
ARRAYS_BATCH = 32  # Keras' own, where fit() is given arrays and no batch_size

SEVERAL = {
    "labelled": "(images, labels)",
    "partly_labelled": "(images, labels), -1 for an unknown label",
    "pairs": "(source images, target images)",
    "domains": "(images of one domain, images of the other)",
}


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a batch has to be for one model."""

    model: str
    takes: str
    source_shape: tuple[int, int, int]
    image_shape: tuple[int, int, int]
    classes: int | None = None
    smallest: int = 1  # images of a batch
    multiple: int = 1  # minibatches that it is shared out among
    looked: list[UserError | None] = dataclasses.field(default_factory=list)  # at a dataset: what it was refused for

    def batch(self, given: Any) -> Any:
        """Return a batch of tensors as train_step takes it: images float32, labels int32[n].

        given: a batch as Keras hands it on, with y and sample_weight, which may be None; or the specs of its tensors

        Raises UserError for parts, dtypes or shapes that the model cannot take. Values are not looked at.
        """
        parts = self.parts(given)
        sizes = {part.shape[0] for part in parts if part.shape.rank is None or part.shape.rank} - {None}
        if len(sizes) > 1:
            raise UserError(f"The parts of a batch have {' and '.join(map(str, sorted(sizes)))} examples.")
        made = [self._images(part, shape) for part, shape in zip(parts, self._shapes())]
        if self.takes.endswith("labelled"):
            made.append(self._labels(parts[1]))
        for n in sizes:
            self.check_size(n)
        return made[0] if len(made) == 1 else tuple(made)

    def parts(self, given: Any) -> list:
        """Return the tensors of a batch. Raises UserError where they are more, fewer, or named."""
        given = _alone(given)
        parts = list(given) if isinstance(given, tuple | list) else [given]
        if isinstance(given, dict):
            raise UserError(
                f"{self.model} takes {self._what()}; each batch is a dict of {', '.join(map(str, given))}: "
                "choose from it with dataset.map()."
            )
        n = 2 if self.takes in SEVERAL else 1
        if len(parts) != n:
            raise UserError(
                f"{self.model} takes {self._what()}; each batch has {len(parts)} part{'s' * (len(parts) != 1)}: "
                f"give fit() {'x and y' if n == 2 else 'x alone'}, and no weights."
            )
        return parts

    @contextlib.contextmanager
    def in_one_line(self) -> Iterator[None]:
        """Raise what a dataset was refused for, and not the page that TensorFlow makes of it."""
        try:
            yield
        except tf.errors.OpError:
            if self.looked and self.looked[0]:
                raise self.looked[0] from None
            raise

    def check_size(self, n: int) -> None:
        """Raise UserError for a batch of n images, if that is too few or cannot be shared out."""
        if n % self.multiple:
            raise UserError(
                f"{self.model} shares each batch out among {self.multiple} minibatches; the data has batches of {n}: "
                f"give batches of a multiple of {self.multiple}, without a smaller one at the end."
            )
        if n // self.multiple < self.smallest:
            raise UserError(
                f"{self.model} compares the images of a batch, so it needs {self.smallest}; the data has batches of "
                f"{n // self.multiple}."
            )

    def check_values(self, numbers: list[np.ndarray]) -> None:
        """Raise UserError for images out of [-1, 1] or labels that the model does not have; warn of [0, 1].

        numbers: for each part of a batch, its least and largest value, and whether all are finite
        """
        labels = numbers.pop() if self.takes.endswith("labelled") else None
        for least, largest, finite in numbers:
            self._check_range(float(least), float(largest), bool(finite))
        if labels is not None and self.classes is not None:
            least, largest, _ = labels
            lowest = UNKNOWN if self.takes == "partly_labelled" else 0
            if least < lowest or largest >= self.classes:
                unknown = f", or {UNKNOWN} where unknown" if lowest == UNKNOWN else ""
                raise UserError(
                    f"{self.model} was built for {self.classes} classes, so labels are 0 to {self.classes - 1}"
                    f"{unknown}; the data has labels from {least:.0f} to {largest:.0f}."
                )

    def _check_range(self, least, largest, finite):
        if not finite:
            raise UserError(f"{self.model} takes images in [-1, 1]; the data has values that are not finite (NaN).")
        if max(-least, largest) > 1 + ROUNDING:
            how = "images / 127.5 - 1" if least >= 0 and 1 < largest <= 255 else "or clip what is a little outside"
            raise UserError(
                f"{self.model} takes images in [-1, 1]; the data goes from {least:.4g} to {largest:.4g}: scale it, "
                f"{how}."
            )
        if 0 <= least < largest:
            warnings.warn(
                f"{self.model} takes images in [-1, 1], and no pixel of the first batch is below 0: if yours are in "
                "[0, 1], give 2 * images - 1.",
                stacklevel=2,
            )

    def _what(self):
        return SEVERAL.get(self.takes, "images")

    def _shapes(self):
        """Return the shapes of the parts that are images."""
        if self.takes in ("pairs", "domains"):
            return self.source_shape, self.image_shape
        return (self.image_shape,)

    def _images(self, part, shape):
        if part.shape.rank is not None and part.shape.rank < 2:
            order = ", which come second" if self.takes.endswith("labelled") else ""
            raise UserError(f"{self.model} takes images of {shape} first; the data has single numbers there{order}.")
        if not part.dtype.is_floating:
            raise UserError(
                f"{self.model} takes float32 images in [-1, 1]; the data is {part.dtype.name}: give "
                "kerasgan.images.from_uint8(images), or kerasgan.data.Batches, which takes uint8."
            )
        if part.shape.rank == 3 and part.shape.is_compatible_with(shape):
            raise UserError(
                f"{self.model} takes batches; the data is single images of {shape}: give dataset.batch(64)."
            )
        if not part.shape.is_compatible_with((None, *shape)):
            found = tuple(part.shape[1:])
            how = ": give images[..., None]" if found == shape[:2] and shape[2] == 1 else ""
            raise UserError(f"{self.model} was built for images of {shape}; the data has {found}{how}.")
        if isinstance(part, tf.TensorSpec):
            return part
        part.set_shape((part.shape[0] if part.shape.rank else None, *shape))
        return tf.cast(part, tf.float32)

    def _labels(self, part):
        one_column = part.shape.rank == 2 and part.shape[1] == 1  # as those of keras.datasets.cifar10
        if not one_column and not part.shape.is_compatible_with((None,)):
            raise UserError(
                f"{self.model} takes one number as the label of an image; the data has {tuple(part.shape[1:])} for "
                "each: give labels.argmax(-1) where they are one-hot."
            )
        if not part.dtype.is_integer:
            raise UserError(f"{self.model} takes whole numbers as labels, 0, 1, ...; the data has {part.dtype.name}.")
        if isinstance(part, tf.TensorSpec):
            return part
        if one_column:
            part = part[:, 0]
        part.set_shape((part.shape[0] if part.shape.rank else None,))
        return tf.cast(part, tf.int32)


def checked(
    x: Any, y: Any, sample_weight: Any, wanted: Wanted, batch_size: int | None = None, steps: int | None = None
) -> Any:
    """Return x, whose first batch was looked at, or is looked at when a step asks for it.

    x: arrays, a tf.data.Dataset, a keras.utils.PyDataset, or a generator. Of anything else, no values are looked at
    steps: of an epoch, if they were given

    Raises UserError for what the model does not take.
    """
    if x is None:
        raise UserError(f"{wanted.model} takes {wanted._what()}: give fit() some, or kerasgan.data.load(...).")
    if isinstance(x, tf.data.Dataset):
        wanted.batch(x.element_spec)
        if steps is None and x.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise UserError(
                "The dataset has no end: say how many steps to take of it, such as steps_per_epoch=100 of fit()."
            )
        return _with_first_checked(x, wanted)
    if isinstance(x, keras.utils.PyDataset):
        check_batch(x[0], wanted)
    elif inspect.isgenerator(x):
        return _chained(x, wanted)
    elif isinstance(x, np.ndarray | tf.Tensor | tuple | list | dict) or hasattr(x, "__array__"):
        _check_arrays((x, y, sample_weight), wanted, batch_size or ARRAYS_BATCH)
    return x


def check_batch(given: Any, wanted: Wanted) -> None:
    """Raise UserError for a batch of arrays that the model does not take."""
    parts = [_array(part) for part in wanted.parts(given)]
    wanted.batch(tuple(tf.TensorSpec(part.shape, tf.as_dtype(part.dtype)) for part in parts))
    wanted.check_values([_numbers(part) for part in parts])


def _check_arrays(given, wanted, batch_size):
    """Look at all labels, which are few numbers, but only at the images that would be a first batch unshuffled."""
    parts = [_array(part) for part in wanted.parts(given)]
    lengths = sorted({len(part) if part.ndim else 1 for part in parts})
    if len(lengths) > 1 and wanted.takes.endswith("labelled"):
        raise UserError(f"There are {len(parts[0])} images and {len(parts[1])} labels.")
    wanted.batch(tuple(tf.TensorSpec((None, *part.shape[1:]), tf.as_dtype(part.dtype)) for part in parts))
    for n in min(batch_size, lengths[0]), lengths[0] % batch_size:
        if n:
            wanted.check_size(n)
    wanted.check_values([_numbers(part[:batch_size] if part.ndim == 4 else part) for part in parts])


def _with_first_checked(x, wanted):
    """Return the dataset with a look at its first batch as that is asked for: no batch is read twice."""

    def look(not_yet, *given):
        given = given[0] if len(given) == 1 else given
        parts = wanted.parts(given)

        def check(numbers, *shapes):
            if wanted.looked:
                return np.True_  # a further epoch
            try:
                wanted.batch(tuple(tf.TensorSpec(shape, part.dtype) for shape, part in zip(shapes, parts)))
                wanted.check_values(list(numbers))
            except UserError as error:
                wanted.looked.append(error)
                raise
            wanted.looked.append(None)
            return np.True_

        def checked():
            numbers = tf.stack([_numbers_in_graph(part) for part in parts])
            return tf.numpy_function(check, [numbers, *map(tf.shape, parts)], tf.bool)

        with tf.control_dependencies([tf.cond(not_yet, checked, lambda: True)]):
            return tf.constant(False), tf.nest.map_structure(tf.identity, given)

    return x.scan(tf.constant(True), look)


def _numbers_in_graph(part):
    whole = tf.cast(part, tf.float64)
    finite = tf.reduce_all(tf.math.is_finite(whole))
    return tf.stack([tf.reduce_min(whole), tf.reduce_max(whole), tf.cast(finite, tf.float64)])


def _numbers(part):
    if part.size == 0:
        raise UserError("The data is empty: it has no image.")
    part = part.astype(np.float64)
    return np.array([part.min(), part.max(), np.isfinite(part).all()])


def _array(part):
    array = np.asarray(part)
    if array.dtype == object or array.dtype.kind in "US":
        raise UserError(f"The data has {type(part).__name__} of {array.dtype} where arrays of numbers are wanted.")
    return array


def _chained(generator, wanted):
    """Return a generator of the same batches, in tuples as Keras wants them. Raises UserError for a wrong first one."""
    first = next(generator, None)
    if first is None:
        raise UserError("The generator that fit() was given yields no batch.")
    check_batch(first, wanted)
    return (b if isinstance(b, tuple) else (b,) for b in itertools.chain([first], generator))


def _alone(given):
    """Return a batch without what Keras puts around it: (x, None, None), (x,)."""
    while isinstance(given, tuple | list):
        while len(given) > 1 and given[-1] is None:
            given = given[:-1]
        if len(given) != 1:
            break
        given = given[0]
    return given
