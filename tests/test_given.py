"""Arrays and datasets of users' own: what fit(), evaluate() and train_on_batch() refuse, and when they look at it."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import SHAPE, assert_same, small_model, two_devices, values

from kerasgan.errors import UserError

N = 16
IMAGES = np.random.default_rng(0).uniform(-1, 1, (N, *SHAPE)).astype(np.float32)
BYTES = ((IMAGES + 1) * 127.5).astype(np.uint8)
LABELS = np.arange(N) % 3
WITH_NAN = np.where(np.arange(N).reshape(-1, 1, 1, 1) == 3, np.nan, IMAGES).astype(np.float32)


class Sequence(keras.utils.PyDataset):
    """Two batches of arrays."""

    def __init__(self, columns):
        super().__init__()
        self.columns = columns

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return tuple(column[8 * i : 8 * i + 8] for column in self.columns)


def arrays(*columns):
    return columns, {"batch_size": 8}


def dataset(*columns):
    return (tf.data.Dataset.from_tensor_slices(columns if len(columns) > 1 else columns[0]).batch(8),), {}


def sequence(*columns):
    return (Sequence(columns),), {}


def generator(*columns):
    return ((columns if len(columns) > 1 else columns[0] for _ in range(2)),), {}


def of_unknown_shape(*columns):
    ((x,), _) = dataset(*columns)
    dtypes = [tf.as_dtype(column.dtype) for column in columns]
    return (x.map(lambda *parts: tf.numpy_function(lambda *p: p, parts, dtypes)),), {}


WRONG = {
    "bytes": ("gan", [BYTES], "takes float32 images in .*; the data is uint8: give kerasgan.images.from_uint8"),
    "0 to 255": ("gan", [BYTES.astype(np.float32)], r"the data goes from .* to .*: scale it, images / 127.5 - 1"),
    "-3 to 3": ("gan", [3 * IMAGES], r"the data goes from -\d.* to \d.*: scale it"),
    "NaN": ("gan", [WITH_NAN], "not finite"),
    "another size": ("gan", [IMAGES[:, :8]], r"was built for images of \(12, 8, 1\); the data has \(8, 8, 1\)"),
    "labels nobody wants": ("gan", [IMAGES, LABELS], "takes images; each batch has 2 parts"),
    "labels from 1": ("cgan", [IMAGES, LABELS + 1], "labels are 0 to 2; the data has labels from 1 to 3"),
    "unknown labels": ("cgan", [IMAGES, LABELS - 1], "labels are 0 to 2; the data has labels from -1"),
    "labels below -1": ("sgan", [IMAGES, LABELS - 2], "or -1 where unknown; the data has labels from -2"),
    "float labels": ("acgan", [IMAGES, LABELS.astype(np.float32)], "whole numbers as labels.*; the data has float32"),
    "one-hot": ("cgan", [IMAGES, np.eye(3)[LABELS]], r"the data has \(3,\) for each: give labels.argmax"),
    "labels first": ("cgan", [LABELS, IMAGES], "the data has single numbers there, which come second"),
    "no labels": ("cgan", [IMAGES], r"takes \(images, labels\); each batch has 1 part"),
    "small ones second": ("srresnet", [IMAGES, IMAGES[:, :3, :2]], r"images of \(3, 2, 1\); the data has \(12, 8, 1\)"),
}


@functools.cache
def refusing_model(key):
    """One for all that is refused, as it stays what it was."""
    return small_model(key)


@pytest.mark.parametrize("kind", [arrays, dataset, sequence, generator], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("wrong", list(WRONG))
def test_what_a_model_does_not_take_is_refused_in_one_line(wrong, kind):
    key, columns, said = WRONG[wrong]
    model = refusing_model(key)
    before = values(model.state())
    given, options = kind(*columns)
    with pytest.raises(UserError, match=said) as raised:
        model.fit(*given, verbose=0, **options)
    assert "\n" not in str(raised.value)
    for v, value in zip(model.state(), before, strict=True):
        np.testing.assert_array_equal(v.numpy(), value, err_msg=v.path)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # Keras' own, of any generator
@pytest.mark.parametrize("kind", [arrays, dataset, sequence, generator, of_unknown_shape], ids=lambda k: k.__name__)
@pytest.mark.parametrize("dtype", [np.int64, np.uint8])
def test_labels_of_any_whole_number_type_train(kind, dtype, steps_taken_eagerly):
    model = small_model("sgan")
    given, options = kind(IMAGES.astype(np.float64), LABELS.astype(dtype))
    model.fit(*given, verbose=0, **options)
    assert int(model.step.numpy()) == 2


def test_shapes_that_a_dataset_does_not_tell_are_looked_at_as_well():
    (x,), _ = of_unknown_shape(IMAGES[:, :8])
    with pytest.raises(UserError, match=r"the data has \(8, 8, 1\)"):
        small_model("gan").fit(x, verbose=0)


@pytest.mark.parametrize("options", [{"jit_compile": True}, {"steps_per_execution": 2}, {"run_eagerly": True}], ids=str)
def test_however_a_step_is_run(options):
    (x,), _ = dataset(3 * IMAGES)
    model = small_model("gan", **options)
    with pytest.raises(UserError, match="scale it"):
        model.fit(x, verbose=0)
    (x,), _ = dataset(IMAGES)
    model.fit(x, verbose=0)
    assert int(model.step.numpy()) == 2


def test_on_two_devices():
    with two_devices().scope():
        model = small_model("dcgan")
    for wrong in (3 * IMAGES, BYTES, IMAGES[:, :8]):
        (x,), _ = dataset(wrong)
        with pytest.raises(UserError, match="DCGAN"):
            model.fit(x, verbose=0)
    (x,), _ = dataset(IMAGES)
    model.fit(x, verbose=0)
    assert int(model.step.numpy()) == 2


def test_a_look_reads_no_batch_twice_and_changes_nothing():
    read = []

    def batches():
        for i in range(2):
            read.append(i)
            yield IMAGES[8 * i : 8 * i + 8]

    x = tf.data.Dataset.from_generator(batches, output_signature=tf.TensorSpec((8, *SHAPE)))
    x = x.apply(tf.data.experimental.assert_cardinality(2))
    looked, plain = small_model("gan"), small_model("gan")
    looked.fit(x, epochs=2, verbose=0)
    assert read == [0, 1, 0, 1]
    plain.fit(IMAGES, batch_size=8, epochs=2, shuffle=False, verbose=0)
    assert_same(looked.weights, plain.weights)


def test_values_are_looked_at_in_the_first_batch_alone():
    late = np.concatenate([IMAGES, 3 * IMAGES])
    (x,), _ = dataset(late)
    small_model("gan").fit(x, verbose=0)


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize("kind", [arrays, dataset], ids=lambda kind: kind.__name__)
def test_images_in_0_to_1_are_warned_of(kind):
    given, options = kind((IMAGES + 1) / 2)
    with pytest.warns(UserWarning, match=r"no pixel of the first batch is below 0: .* 2 \* images - 1"):
        small_model("gan").fit(*given, verbose=0, **options)


def test_a_dataset_of_dicts_of_single_images_or_without_an_end_is_refused():
    slices = tf.data.Dataset.from_tensor_slices
    for x, key, said in (
        (slices({"image": IMAGES, "label": LABELS}).batch(8), "cgan", "a dict of image, label: choose"),
        (slices(IMAGES), "gan", "the data is single images of .*: give dataset.batch"),
        (slices(IMAGES).batch(8).repeat(), "gan", "has no end: say how many steps"),
    ):
        with pytest.raises(UserError, match=said):
            small_model(key).fit(x, verbose=0)


def test_batches_that_cannot_be_shared_out_among_critic_steps_are_refused():
    with pytest.raises(UserError, match="shares each batch out among 2 minibatches; the data has batches of 5"):
        small_model("wgan").fit(IMAGES, batch_size=5, verbose=0)
    with pytest.raises(UserError, match="batches of 1: .* without a smaller one at the end"):
        small_model("wgan").fit(IMAGES[:9], batch_size=8, verbose=0)


def test_weights_of_examples_are_refused():
    for weights in ({"class_weight": {0: 1.0, 1: 2.0, 2: 1.0}}, {"sample_weight": np.ones(N)}):
        with pytest.raises(UserError, match="3 parts: .* no weights"):
            small_model("cgan").fit(IMAGES, LABELS, verbose=0, **weights)


def test_a_tuple_of_arrays_is_a_batch_of_that_many_parts():
    model = small_model("cgan")
    model.fit((IMAGES, LABELS), batch_size=8, verbose=0)
    assert int(model.step.numpy()) == 2
    with pytest.raises(UserError, match="16 images and 8 labels"):
        model.fit(IMAGES, LABELS[:8])


@pytest.mark.parametrize("kind", [arrays, dataset], ids=lambda kind: kind.__name__)
def test_held_out_data_is_looked_at_before_training(kind):
    model = small_model("sgan")
    right, options = kind(IMAGES, LABELS)
    wrong, _ = kind(IMAGES, LABELS + 1)
    with pytest.raises(UserError, match="labels from 1 to 3"):
        model.evaluate(*wrong, verbose=0, **options)
    with pytest.raises(UserError, match="labels from 1 to 3"):
        model.fit(*right, validation_data=wrong if len(wrong) > 1 else wrong[0], verbose=0, **options)
    assert len(model.evaluate(*right, verbose=0, **options)) == 2
    history = model.fit(*right, validation_data=right if len(right) > 1 else right[0], verbose=0, **options).history
    assert "val_accuracy" in history


def test_single_batches():
    model = small_model("cgan")
    with pytest.raises(UserError, match="labels from 1 to 3"):
        model.train_on_batch(IMAGES, LABELS + 1)
    model.train_on_batch(IMAGES, LABELS)
    assert int(model.step.numpy()) == 1
    assert len(small_model("vae").test_on_batch(IMAGES)) == 3
    with pytest.raises(UserError, match="no loss that means something"):
        model.test_on_batch(IMAGES, LABELS)
