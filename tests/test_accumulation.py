"""Several minibatches to one step. That every variant takes it as with one batch, test_contract.py says."""

import json
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import two_devices, values

from kerasgan import accumulation
from kerasgan.cli import main
from kerasgan.data import Batches
from kerasgan.errors import UserError
from kerasgan.model import GenerativeModel, precision
from kerasgan.models import DCGAN, VAE, Autoencoder, FAnoGAN

SHAPE = (8, 8, 1)


class Alternating(GenerativeModel):
    """Dense players, of which the second sees the first one moved; the second one's pass is shared."""

    reports = {"d_loss": "discriminator", "g_loss": "generator"}

    def __init__(self, image_shape=SHAPE, latent_dim=3, **kwargs):
        super().__init__(**kwargs)
        self.image_shape, self.latent_dim = image_shape, latent_dim
        z, x = keras.Input((latent_dim,)), keras.Input(image_shape)
        image = keras.layers.Reshape(image_shape)(keras.layers.Dense(64, activation="tanh", dtype="float32")(z))
        score = keras.layers.Dense(1, dtype="float32")(keras.layers.Dense(4, "swish")(keras.layers.Flatten()(x)))
        self.generator = keras.Model(z, image, name="generator")
        self.discriminator = keras.Model(x, score, name="discriminator")

    def players(self):
        return {
            "discriminator": (keras.optimizers.SGD(1.0), self.discriminator),
            "generator": (keras.optimizers.SGD(1.0), self.generator),
        }

    def train_step(self, x):
        with tf.GradientTape() as g_tape:
            fake = self.generator(self.prior(tf.shape(x)[0]), training=True)
        with tf.GradientTape() as tape:
            d_loss = tf.reduce_mean(tf.nn.softplus(self.discriminator(fake) - self.discriminator(x)))
        self.minimize("discriminator", d_loss, tape)
        with g_tape:
            g_loss = tf.reduce_mean(tf.nn.softplus(-self.discriminator(fake)))
        self.minimize("generator", g_loss, g_tape)
        return self.report(d_loss=d_loss, g_loss=g_loss)


class Simultaneous(Alternating):
    """The same players at one and the same point."""

    def train_step(self, x):
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            fake = self.generator(self.prior(tf.shape(x)[0]), training=True)
            real, made = self.discriminator(x), self.discriminator(fake)
            d_loss, g_loss = tf.reduce_mean(tf.nn.softplus(made - real)), tf.reduce_mean(tf.nn.softplus(-made))
        self.minimize("discriminator", d_loss, d_tape)
        self.minimize("generator", g_loss, g_tape)
        return self.report(d_loss=d_loss, g_loss=g_loss)


def batches(batch_size, examples=32):
    pixels = np.random.default_rng(0).integers(0, 256, (examples, *SHAPE), np.uint8)
    return Batches((pixels,), "images", batch_size, about={"name": "random pixels"})


def compiled(cls, **how):
    keras.utils.set_random_seed(0)
    model = cls()
    model.compile(**how)
    return model


def trained(cls, accumulate, **how):
    """Two steps of 8 images each."""
    model = compiled(cls, accumulate=accumulate, **how)
    history = model.fit(batches(8 // accumulate), steps_per_epoch=2, verbose=0).history
    return model, history


def assert_close(ours, theirs, atol=1e-6):
    for a, b in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=0, atol=atol, err_msg=a.path)


@pytest.mark.parametrize(
    ("cls", "how"),
    [
        (Alternating, {}),
        (Alternating, {"run_eagerly": True}),
        (Alternating, {"jit_compile": True, "steps_per_execution": 2}),
        (Simultaneous, {}),
        (Simultaneous, {"run_eagerly": True}),
    ],
)
def test_four_minibatches_train_as_one_batch(cls, how):
    (one, its), (four, theirs) = trained(cls, 1, **how), trained(cls, 4, **how)
    assert_close(one, four)
    assert int(four.step.numpy()) == 2
    assert [int(o.iterations.numpy()) for o in four.optimizers.values()] == [2, 2]
    for name, values_ in its.items():
        np.testing.assert_allclose(theirs[name], values_, rtol=1e-5)
    for player in one.players():
        np.testing.assert_allclose(four.last_losses[player].numpy(), one.last_losses[player].numpy(), rtol=1e-5)
        np.testing.assert_allclose(four.gradient_norms[player].numpy(), one.gradient_norms[player].numpy(), rtol=1e-5)


def test_players_that_move_at_once_are_not_those_that_move_by_turns():
    """Or the test above could not tell one from the other."""
    (alternating, _), (simultaneous, _) = (trained(cls, 2, run_eagerly=True) for cls in (Alternating, Simultaneous))
    with pytest.raises(AssertionError):
        assert_close(alternating, simultaneous, atol=1e-4)


def test_two_minibatches_on_each_of_two_devices():
    one, _ = trained(Alternating, 1)
    with two_devices().scope():
        four, _ = trained(Alternating, 2)
    assert_close(one, four)


def test_a_graph_takes_one_minibatch_after_the_other():
    model = compiled(Alternating, accumulate=3)

    def step(x):
        i, _ = accumulation.place()
        x = tf.identity(x, name=f"first_of_{i}")
        with tf.GradientTape() as tape:
            loss = tf.identity(tf.reduce_mean(model.discriminator(x) ** 2), name=f"last_of_{i}")
        model.minimize("discriminator", loss, tape)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model.generator(tf.ones((1, 3), name=f"again_of_{i}")) ** 2)
        model.minimize("generator", loss, tape)
        return model.report(d_loss=loss, g_loss=loss)

    whole = tf.function(lambda x: accumulation.step(step, x, 3, 1, model.non_trainable_weights), autograph=False)
    graph = whole.get_concrete_function(tf.TensorSpec((6, *SHAPE))).graph

    def before(op):
        found, waiting = set(), [op]
        while waiting:
            op = waiting.pop()
            for earlier in [t.op for t in op.inputs] + list(op.control_inputs):
                if earlier.name not in found:
                    found.add(earlier.name)
                    waiting.append(earlier)
        return found

    for i in (1, 2):
        assert f"last_of_{i - 1}" in before(graph.get_operation_by_name(f"first_of_{i}"))
        assert f"last_of_{i}" not in before(graph.get_operation_by_name(f"first_of_{i}"))
    assert "last_of_2" in before(graph.get_operation_by_name("again_of_0"))


def test_a_minibatch_that_overflows_skips_one_step_and_halves_the_scale_once():
    with precision("mixed_float16"):
        model = compiled(Autoencoder, accumulate=2, run_eagerly=True)
    (optimizer,) = model.optimizers.values()
    optimizer.dynamic_scale.assign(128.0)
    before = values(model.trainable_weights)
    x = np.zeros((4, 28, 28, 1), np.float32)
    x[3] = 3e38 / 1e3  # of the second minibatch
    with tf.device("CPU:0"):
        accumulation.step(model.train_step, tf.constant(x), 2, 1, model.non_trainable_weights)
    assert optimizer.dynamic_scale.numpy() == 64
    assert int(optimizer.iterations.numpy()) == 0
    assert all(np.array_equal(w.numpy(), b) for w, b in zip(model.trainable_weights, before, strict=True))


def test_moving_statistics_are_moved_once_by_the_mean_of_the_minibatches():
    keras.utils.set_random_seed(0)
    model = DCGAN(image_shape=(16, 16, 1), width=4, latent_dim=4)
    model.compile(accumulate=2, run_eagerly=True)
    layer = next(layer for layer in model.generator.layers if isinstance(layer, keras.layers.BatchNormalization))
    seen, call = [], type(layer)._moments

    def watched(self, inputs, mask):
        mean, variance = call(self, inputs, mask)
        if self is layer:
            seen.append((mean.numpy(), variance.numpy()))
        return mean, variance

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(type(layer), "_moments", watched)
        pixels = np.random.default_rng(0).uniform(-1, 1, (8, 16, 16, 1)).astype(np.float32)
        model.train_on_batch(tf.constant(pixels))
    assert len(seen) == 2
    mean, variance = np.mean(seen, axis=0)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.1 * mean, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.9 + 0.1 * variance, rtol=1e-4)


def test_what_goes_wrong_in_one_minibatch_is_raised_and_leaves_no_thread():
    model = compiled(Alternating, accumulate=3, run_eagerly=True)

    def broken(x):
        if accumulation.place()[0] == 1:
            raise ZeroDivisionError("in the second minibatch")
        return Alternating.train_step(model, x)

    def of_another_course(x):
        if accumulation.place()[0] == 2:
            return {}
        return Alternating.train_step(model, x)

    threads = threading.active_count()
    x = tf.zeros((6, *SHAPE))
    with pytest.raises(ZeroDivisionError, match="in the second minibatch"):
        accumulation.step(broken, x, 3, 1, model.non_trainable_weights)
    with pytest.raises(UserError, match="took another course for one minibatch"):
        accumulation.step(of_another_course, x, 3, 1, model.non_trainable_weights)
    assert threading.active_count() == threads

    def in_a_condition(x):
        return tf.cond(tf.reduce_sum(x) > 0, lambda: Alternating.train_step(model, x), lambda: None)

    whole = tf.function(lambda x: accumulation.step(in_a_condition, x, 3, 1, []), autograph=False)
    with pytest.raises(UserError, match=r"called by train_step itself, and not within a tf.function, a tf.cond"):
        whole(x)


def test_wrong_numbers_of_minibatches_are_refused():
    for wrong in (0, -1, "x", 2.0, True, None):
        with pytest.raises(UserError, match=f"number of minibatches from 1; it was given {wrong!r}"):
            compiled(Alternating, accumulate=wrong)
    with pytest.raises(
        UserError, match=r"There are 32 examples; one step needs 5 batches of 8: give a batch size of at"
    ):
        compiled(Alternating, accumulate=5).fit(batches(8))
    with pytest.raises(UserError, match="shares each batch out among 3 minibatches; the data has batches of 8"):
        compiled(Alternating, accumulate=3).fit(np.zeros((16, *SHAPE), np.float32), batch_size=8)


def test_a_keras_file_holds_how_many(tmp_path):
    compiled(VAE, accumulate=3).save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").accumulate == 3


def test_what_sees_each_minibatch_by_itself():
    assert compiled(DCGAN).seen_by_itself() == ["Batch normalisation"]
    assert compiled(VAE).seen_by_itself() == []
    assert compiled(FAnoGAN).seen_by_itself() == []  # its batch-normalised generator does not learn any more


# ---- on the command line --------------------------------------------------------------------------------------------


def test_a_run_is_resumed_with_as_many_minibatches(tmp_path, monkeypatch, capsys, steps_taken_eagerly):
    monkeypatch.chdir(tmp_path)
    options = ["train", "dcgan", "--image-size", "8", "--width", "2", "--latent-dim", "2", "--batch-size", "16"]
    options += ["--accumulate", "4"]

    def record(run):
        return json.loads((tmp_path / run / "run.json").read_text())

    assert main([*options, "--run", "whole", "--steps", "5"]) == 0
    assert "Batch normalisation sees each minibatch of 16 by itself, not all 64." in capsys.readouterr().out
    assert main([*options, "--run", "broken", "--steps", "2"]) == 0
    assert main(["train", "dcgan", "--run", "broken", "--resume", "--steps", "5"]) == 0
    whole, broken = record("whole"), record("broken")
    assert (whole["accumulate"], whole["settings"]["accumulate"], whole["data"]["batch_size"]) == (4, 4, 16)
    assert whole["weights_sha256"] == broken["weights_sha256"]
    assert (whole["steps"], broken["steps"]) == (5, 5)
    capsys.readouterr()
    assert main(["train", "dcgan", "--run", "broken", "--resume", "--accumulate", "2"]) == 2
    assert "broken was started with --accumulate 4, not 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("0", "argument --accumulate: 0 is not a whole number from 1"),
        ("-1", "argument --accumulate: -1 is not a whole number from 1"),
        ("x", "argument --accumulate: x is not a whole number from 1"),
        ("99", "one step needs 99 batches of 64: give a batch size of at most 18."),
    ],
)
def test_wrong_options_are_answered_in_one_line(given, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "dcgan", "--accumulate", given]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())
