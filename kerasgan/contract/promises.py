"""One test for each promise. A docstring says what to look at where the promise is broken.

To trace a step costs as much as ten steps or more taken eagerly. So the tests of whole trainings share one traced model
of each variant, whose state is put back for each of them, and all others take their steps eagerly.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
import subprocess
import sys
import textwrap
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import accumulation, callbacks
from kerasgan.contract.small import (
    SHAPE,
    assert_same,
    one_batch,
    small_batches,
    small_model,
    two_devices,
    values,
)
from kerasgan.errors import UserError
from kerasgan.model import precision
from kerasgan.training import SEVERAL_BATCHES
from kerasgan.variants import class_of

# Of a player's whole gradient. A rounded value near zero flips a rectifier: the deeper, the more of them.
HALF_PRECISION_TOLERANCE = {"mixed_float16": 0.1, "mixed_bfloat16": 0.25}
HALF_PRECISION_TOLERANCE_OF_TRANSLATORS = {"mixed_float16": 0.15, "mixed_bfloat16": 0.4}  # one through the other


EPOCHS = {"float32": 2, "mixed_float16": 1, "mixed_bfloat16": 1}  # of two steps, that the shared models take
SCALE = 128  # of losses in float16, at which no gradient overflows: a training would find it in its first steps

# What a player's networks hold beside what it moves: statistics, directions of singular values, counts of noise, noise
# that stays, and the strength of an adaptive augmentation.
NO_PLAYERS = ("moving_mean", "moving_variance", "/u", "/state", "/fixed_noise", "augmentation/p", "augmentation/signs")


@functools.cache
def shared_model(key, policy):
    with precision(policy):
        model = small_model(key, run_eagerly=policy != "float32")
    return model, values(everything(model))


def at_the_start(key, policy="float32"):
    """The model of a variant that tests share, as it was when it was built."""
    model, start = shared_model(key, policy)
    put_back(model, start)
    return model


def everything(model):
    """All variables of a model, of its optimizers and means; not by state(), which promises to leave none out."""
    optimizers = [v for optimizer in model.optimizers.values() for v in optimizer.variables]
    return [*model.weights, *optimizers, *(v for mean in model.metrics for v in mean.variables)]


def put_back(model, state):
    for variable, value in zip(everything(model), state, strict=True):
        variable.assign(value)


@functools.cache
def trained(key, policy):
    model = at_the_start(key, policy)
    if policy == "mixed_float16":
        for optimizer in model.optimizers.values():
            optimizer.dynamic_scale.assign(SCALE)
    history = model.fit(small_batches(key), epochs=EPOCHS[policy], steps_per_epoch=2, verbose=0).history
    return values(everything(model)), history


def after_a_few_steps(key, policy="float32"):
    """The shared model after its short epochs, and the history of these."""
    state, history = trained(key, policy)
    model, _ = shared_model(key, policy)
    put_back(model, state)
    return model, history


def steps_of(player, model):
    told = (model.hyperparameters[name] for name in SEVERAL_BATCHES if name in model.hyperparameters)
    return next(told, 1) if player in ("critic", "discriminator") else 1


def steps_to_move_all(model):
    """One step, or two where factors start at 0: through these no gradient comes to the weights before them."""
    factors = [w for w in model.trainable_weights if w.path.endswith(("kernel", "sigma"))]
    return 1 if all(w.numpy().any() for w in factors) else 2


def test_small_settings_leave_out_no_kind_of_layer(key):
    """Or else the other promises say nothing of it: give the class other `small` settings."""

    def kinds(model):
        networks = [(re.sub(r"[\d_]+$", "", network.name), network) for network in model.layers]
        return {(name, type(layer).__name__) for name, network in networks for layer in network._flatten_layers()}

    assert not kinds(small_model(key, shape=(72, 60, 3))) - kinds(shared_model(key, "float32")[0])


def test_no_name_hides_one_of_keras(key):
    """An attribute or method has the name of one of keras.Model: choose another name."""
    own = {"call", "compile", "compile_from_config", "fit", "test_step", "train_step"}
    hidden = {n for n in vars(class_of(key)) if hasattr(keras.Model, n) and not n.startswith("_")} - own
    assert not hidden


def test_a_player_moves_its_own_weights_and_no_others(key, monkeypatch):
    """Look at players(), and at which networks each tape has seen.

    Nothing that a player names may be frozen, and players move in the order in which players() names them.
    """
    model = small_model(key)
    minimize, moved = model.minimize, {}
    for name, (_, *networks) in model.players().items():
        still = [
            w.path for network in networks for w in network.non_trainable_weights if not w.path.endswith(NO_PLAYERS)
        ]
        assert all(path.endswith(NO_PLAYERS) for path in still), (name, still)

    def watched(player, loss, tape):
        before = values(model.weights)
        minimize(player, loss, tape)
        changed = {id(w) for w, b in zip(model.weights, before, strict=True) if not np.array_equal(w.numpy(), b)}
        moved.setdefault(player, set()).update(changed)

    monkeypatch.setattr(model, "minimize", watched)
    for _ in range(steps_to_move_all(model)):
        model.train_step(one_batch(model, key))
    assert list(moved) == list(model.players())  # in the order they are listed in
    for player, changed in moved.items():
        assert changed == {id(w) for w in model.weights_of(player)}, player
    assert sum(map(len, moved.values())) == len(model.trainable_weights)


def test_each_player_takes_as_many_steps_as_the_paper_says(key):
    """One step of each player, and of a critic or discriminator as many as its constructor was told."""
    model, _ = after_a_few_steps(key)
    taken = {player: int(o.iterations.numpy()) for player, o in model.optimizers.items()}
    steps = {player: steps_of(player, model) for player in taken}
    assert taken == {player: 2 * EPOCHS["float32"] * its for player, its in steps.items()}
    assert int(model.step.numpy()) == 2 * EPOCHS["float32"]


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_trains_in_every_precision(key, policy):
    """Every weight moves, losses are finite, and pictures are float32 in [-1, 1].

    Outputs and equations are float32: give a network's last layer dtype="float32".
    """
    before = values(at_the_start(key, policy).trainable_weights)
    model, history = after_a_few_steps(key, policy)
    assert tuple(sorted(history)) == tuple(sorted(model.reports))
    assert set(model.reports.values()) - {None} == set(model.optimizers)  # none says nothing of itself
    assert all(np.isfinite(v).all() for v in history.values()), history
    still = [w.path for w, b in zip(model.trainable_weights, before, strict=True) if np.array_equal(w.numpy(), b)]
    assert not still
    assert all(w.dtype == "float32" for w in model.trainable_weights)
    scaled = [isinstance(o, keras.optimizers.LossScaleOptimizer) for o in model.optimizers.values()]
    assert scaled == [policy == "mixed_float16"] * len(scaled)
    picture = model.snapshot(small_batches(key).first(64))
    assert picture.dtype == tf.float32
    assert picture.shape[2:] == SHAPE
    assert np.abs(picture.numpy()).max() <= 1


def gradients(model, key, monkeypatch):
    """Every player's gradients, unscaled, at one and the same point: no player moves before the next one's."""
    found = {}
    for player, optimizer in model.optimizers.items():

        def keep(pairs, player=player, optimizer=optimizer):
            scale = getattr(optimizer, "dynamic_scale", None)
            divisor = 1.0 if scale is None else scale.numpy()
            flat = np.concatenate([np.ravel(tf.cast(g, tf.float32)) / divisor for g, _ in pairs])
            found.setdefault(player, flat)

        monkeypatch.setattr(optimizer, "apply_gradients", keep)
    model.train_step(one_batch(model, key, shape=(32, 32, 1)))
    return found


@functools.cache
def in_float32(key):
    with pytest.MonkeyPatch.context() as monkeypatch:
        model = small_model(key, shape=(32, 32, 1))
        return values(model.weights), gradients(model, key, monkeypatch)


@pytest.mark.parametrize("policy", list(HALF_PRECISION_TOLERANCE))
def test_half_precision_gradients_agree_with_float32(key, policy, monkeypatch):
    """Something overflows, or a loss is computed in half precision."""
    weights, exact = in_float32(key)
    with precision(policy):
        half = small_model(key, shape=(32, 32, 1))
    for w, there in zip(half.weights, weights, strict=True):
        np.testing.assert_array_equal(w.numpy(), there, err_msg=w.path)
    for optimizer in half.optimizers.values():
        if policy == "mixed_float16":
            optimizer.dynamic_scale.assign(SCALE)
    found = gradients(half, key, monkeypatch)
    for player, gradient in exact.items():
        error = np.linalg.norm(found[player] - gradient) / np.linalg.norm(gradient)
        print(f"{key} {policy} {player}: {error:.3f}")
        tolerance = HALF_PRECISION_TOLERANCE_OF_TRANSLATORS if player == "translators" else HALF_PRECISION_TOLERANCE
        assert error < tolerance[policy], (player, error)


def test_an_infinite_gradient_skips_that_players_step_and_halves_its_scale(key):
    """Each player needs an optimizer of its own, and minimize()."""
    for unlucky in shared_model(key, "mixed_float16")[0].players():
        model = at_the_start(key, "mixed_float16")
        for player, optimizer in model.optimizers.items():
            optimizer.dynamic_scale.assign(3e38 if player == unlucky else SCALE)
        before = {player: values(model.weights_of(player)) for player in model.players()}
        model.train_step(one_batch(model, key))
        for player, optimizer in model.optimizers.items():
            moved = not all(
                np.array_equal(w.numpy(), b) for w, b in zip(model.weights_of(player), before[player], strict=True)
            )
            steps = steps_of(player, model)
            assert moved == (player != unlucky)
            assert float(optimizer.dynamic_scale.numpy()) == pytest.approx(
                3e38 * 0.5**steps if player == unlucky else SCALE
            )


def test_networks_learn_and_answer_in_their_modes(key, monkeypatch):
    """Call networks with training=True in train_step, and without it elsewhere."""
    model = small_model(key)
    batch, modes = one_batch(model, key), {}

    def watched(layer):
        inherited = type(layer).call

        def call(self, *args, training=None, **kwargs):
            modes.setdefault(training, []).append(self.path)
            return inherited(self, *args, training=training, **kwargs)

        return call

    moved = [network for _, *networks in model.players().values() for network in networks]
    knowing = [layer for network in moved for layer in network._flatten_layers() if knows_the_mode(layer)]
    for kind in {type(layer): layer for layer in knowing}.values():
        monkeypatch.setattr(type(kind), "call", watched(kind))
    model.train_step(batch)
    paths = {layer.path for layer in knowing}
    assert not paths - set(modes.get(True, []))
    assert not [path for mode, called in modes.items() if mode is not True for path in called if path in paths]
    modes.clear()
    model.snapshot(batch)
    model.judge(batch)
    assert True not in modes


def knows_the_mode(layer):
    """Whether a layer does something else while it learns: networks only pass the mode on."""
    return "training" in inspect.signature(layer.call).parameters and not isinstance(layer, keras.Model)


def test_inference_changes_nothing_and_training_moves_batch_statistics(key):
    """Samples of one seed are always the same, and judge() and snapshot() leave all as it is.

    Noise without a seed is for training.
    """
    model = at_the_start(key)
    before = values(model.weights)
    batch = small_batches(key).first(64)
    first, second = model.snapshot(batch), model.snapshot(batch)
    np.testing.assert_array_equal(first, second)
    model.judge(batch)
    assert_same(model.weights, [tf.Variable(b) for b in before])
    model.train_step(one_batch(model, key))
    moving = {id(w) for _, *networks in model.players().values() for network in networks for w in network.weights}
    statistics = [(w, b) for w, b in zip(model.weights, before, strict=True) if "moving_" in w.path and id(w) in moving]
    assert all(not np.array_equal(w.numpy(), b) for w, b in statistics)
    assert statistics or "batch_normalization" not in inspect.getsource(sys.modules[class_of(key).__module__])


def test_the_same_step_from_the_same_state_ends_in_the_same_state(key):
    """Noise comes from self.prior and self.noise, which count it; no state is kept outside of weights."""
    model, _ = after_a_few_steps(key)
    batches = iter(small_batches(key).stream(lambda: 0, model.batches_per_step).take(4).repeat())
    start, ends = values(everything(model)), []
    for _ in range(2):
        put_back(model, start)
        for _ in range(20):  # a race shows in one of some fifty, and in all that comes after it
            model.train_function(batches)
        ends.append(values(model.state()))
    for variable, *both in zip(model.state(), *ends, strict=True):
        np.testing.assert_array_equal(*both, err_msg=variable.path)


def test_no_two_kernels_start_equal(key):
    """Two layers have one initializer with a seed. Kernels that start at 0, or at 1, are meant to."""
    kernels = [w.numpy() for w in at_the_start(key).trainable_weights if w.path.endswith("kernel")]
    kernels = [kernel for kernel in kernels if kernel.std() > 0 or kernel.size == 1]
    for i, a in enumerate(kernels):
        for b in kernels[:i]:
            assert a.shape != b.shape or not np.array_equal(a, b)


def test_no_layer_has_a_seed_that_checkpoints_do_not_hold(key):
    """Use kerasgan.layers.Noise and Dropout in place of the layers of Keras that draw noise."""
    for layer in shared_model(key, "float32")[0]._flatten_layers():
        assert not layer._seed_generators, layer.path


def test_trains_compiled_in_other_ways(key):
    """With XLA, and several steps in one call: shapes must be known when a step is traced.

    A step that goes through a tf.function of its own may be compiled anew for each batch.
    """
    model = small_model(key, jit_compile=True, steps_per_execution=2)
    before = values(model.trainable_weights)
    seconds = []
    for steps in (2, 6):
        start = time.process_time()
        history = model.fit(small_batches(key), steps_per_epoch=steps, verbose=0).history
        seconds.append(time.process_time() - start)
        assert all(np.isfinite(v).all() for v in history.values())
    assert not any(np.array_equal(w.numpy(), b) for w, b in zip(model.trainable_weights, before, strict=True))
    assert int(model.step.numpy()) == 8
    assert seconds[1] < seconds[0], seconds  # once compiled, it is quick


@pytest.mark.parametrize(
    ("shape", "batch_size"),
    [((8, 8, 3), 1), ((9, 13, 1), 3), ((33, 10, 4), 7)],  # recipes train on 28 x 28 pixels
    ids=str,
)
def test_any_size_channels_and_batch(key, shape, batch_size):
    """Sides need not be powers of two: kerasgan.layers has `halvings` and `crop`."""
    model = small_model(key, shape=shape)
    before = values(model.trainable_weights)
    for _ in range(steps_to_move_all(model)):
        logs = model.train_step(one_batch(model, key, shape, max(batch_size, model.smallest_batch)))
    assert all(np.isfinite(v).all() for v in logs.values())
    still = [w.path for w, b in zip(model.trainable_weights, before, strict=True) if np.array_equal(w.numpy(), b)]
    assert not still
    assert model.snapshot(small_batches(key, shape=shape).first(64)).shape[2:] == shape


@pytest.mark.parametrize("shape", [(7, 64, 1), (64, 64, 2), (64, 64)], ids=str)
def test_an_impossible_size_is_an_error_in_one_line(key, shape):
    """It is told before a network is built: `image_shape` is an argument of the constructor."""
    with pytest.raises(UserError, match=r"it needs \(height, width, channels\)"):
        class_of(key)(image_shape=shape)


def kept(model):
    """What a .keras file holds: all but the means of the epoch under way."""
    return [*model.weights, *(v for o in model.optimizers.values() for v in o.variables)]


def test_a_keras_file_goes_on_exactly(key, tmp_path):
    """Something that training changes is no weight, or the constructor takes what no file can hold."""
    model, _ = after_a_few_steps(key, "mixed_float16")  # whose optimizers keep loss scales beside all that others keep
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")  # a file knows its precision
    assert loaded.hyperparameters == model.hyperparameters
    assert_same(kept(model), kept(loaded))
    model.reset_metrics()
    for m in (model, loaded):
        m.train_step(one_batch(m, key))
    assert_same(model.state(), loaded.state())


def test_a_run_broken_off_in_mid_epoch_goes_on_exactly(key, tmp_path):
    """Something that training changes is no weight, and so in no checkpoint."""
    batches = small_batches(key)
    model = at_the_start(key)
    steps = batches.steps_per_epoch(model.batches_per_step)

    def fit(run, *more):
        run.mkdir(exist_ok=True)
        watching = [callbacks.History(run), callbacks.Checkpoints(run), *more]
        model.fit(batches, epochs=2, verbose=0, callbacks=watching)
        return int(model.step.numpy())

    assert fit(tmp_path / "whole") == 2 * steps
    whole = values(everything(model))
    at_the_start(key)
    assert fit(tmp_path / "broken", callbacks.StopAt(steps + steps // 2)) == steps + steps // 2
    put_back(model, [value + np.ones_like(value) for value in whole])  # other weights and other noise
    assert fit(tmp_path / "broken") == 2 * steps
    for variable, value in zip(everything(model), whole, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, err_msg=variable.path)
    assert (tmp_path / "whole/history.csv").read_text() == (tmp_path / "broken/history.csv").read_text()


def unlike_halves(batch, parts):
    """A batch of which the second half of each part has a hundredth of the contrast of the first, and is darker."""

    def one(column):
        if len(column.shape) < 4:
            return column
        pixels = column.numpy().reshape(parts, 2, -1, *column.shape[1:])
        pixels[:, 1] = 0.01 * pixels[:, 1] - 0.9
        return pixels.reshape(column.shape)

    return tf.nest.map_structure(one, batch)


def shares_of(batch, parts, replicas):
    """The shares of replicas, which have the same place in each part of a batch."""

    def one(column, r):
        column = np.asarray(column)
        n = column.shape[0] // (parts * replicas)
        return column.reshape(parts, replicas, n, *column.shape[1:])[:, r].reshape(parts * n, *column.shape[1:])

    return [tf.nest.map_structure(lambda column, r=r: tf.constant(one(column, r)), batch) for r in range(replicas)]


def test_two_devices_train_as_one(key):
    """Take statistics of a batch with in_global_batch, and noise from self.noise.

    Losses are means over a replica's share; normalisations are those of kerasgan.layers.
    """
    one = at_the_start(key)
    batch = unlike_halves(one_batch(one, key), one.batches_per_step)
    strategy = two_devices()
    with strategy.scope():
        two = small_model(key)
    shares = shares_of(batch, one.batches_per_step, 2)
    both = strategy.experimental_distribute_values_from_function(
        lambda context: shares[context.replica_id_in_sync_group]
    )
    for _ in range(2):
        before = values(kept(one))
        ours = one.train_step(tf.nest.map_structure(tf.constant, batch))
        theirs = strategy.run(two.train_step, (both,))
        for a, b, old in zip(kept(one), kept(two), before, strict=True):
            # What changed: of weights that is far less than the weights themselves. Of gradients, slots tell the size.
            wanted, found = a.numpy() - old, b.numpy() - old
            limit = 0.01 * float(np.linalg.norm(wanted)) + 1e-6 * float(np.linalg.norm(old)) + 1e-7
            error = float(np.linalg.norm(found - wanted))
            assert error <= limit, f"{a.path} changes otherwise on two devices than on one"
            b.assign(a)
    for name, value in ours.items():
        np.testing.assert_allclose(value, strategy.reduce("mean", theirs[name], axis=None), rtol=1e-3, err_msg=name)

    if "sample" in two.endpoints():
        drawn = strategy.run(lambda: tf.nest.flatten(two.prior(3))[0])
        noise = [v.numpy() for v in strategy.experimental_local_results(drawn)]
        assert not np.array_equal(*noise)


def test_minibatches_of_one_step_train_as_one_batch(key):
    """A loss is no mean over a batch: say by `of_the_batch` what sees each minibatch by itself, or leave it out.

    Noise comes from self.noise, and train_step calls minimize() and report() itself.
    """
    model = at_the_start(key)
    before = values(kept(model))
    batch = one_batch(model, key)
    logs = model.train_step(batch)
    wanted = values(kept(model))
    at_the_start(key)
    found = accumulation.step(model.train_step, batch, 2, model.batches_per_step, model.non_trainable_weights)
    assert int(model.step.numpy()) == 1
    far = []
    for variable, a, old in zip(kept(model), wanted, before, strict=True):
        error = np.linalg.norm((variable.numpy() - a).astype(np.float64))
        if error > 1e-5 * np.linalg.norm((a - old).astype(np.float64)) + 1e-6 * np.linalg.norm(old) + 1e-6:
            far.append((variable.path, error))
    print(key, far[:3], model.seen_by_itself())
    if model.seen_by_itself():
        assert far, "what it takes of a whole batch makes no difference"
        return
    assert not far
    for name, value in logs.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, err_msg=name)


@pytest.fixture(scope="session")
def elsewhere():
    """A process without keras and kerasgan, for all variants: it asks the SavedModel in a folder for everything."""
    script = """
        import sys
        sys.modules["keras"] = sys.modules["kerasgan"] = None  # to import them is now an error
        import numpy as np, tensorflow as tf
        tf.config.optimizer.set_experimental_options(OPTIMIZERS)  # kerasgan's: others round the last bit differently
        for folder in map(str.strip, sys.stdin):
            model, inputs = tf.saved_model.load(folder + "/saved_model"), np.load(folder + "/inputs.npz")
            outputs = {}
            for verb, signature in model.signatures.items():
                names = signature.structured_input_signature[1]
                (outputs[verb],) = signature(**{n: tf.constant(inputs[n]) for n in names}).values()
                if verb != "serving_default":
                    again = getattr(model, verb)(**{n: tf.constant(inputs[n]) for n in names})
                    assert np.array_equal(outputs[verb], again), verb
            np.savez(folder + "/outputs.npz", **outputs)
            print(folder, flush=True)
    """
    script = textwrap.dedent(script).replace("OPTIMIZERS", repr(tf.config.optimizer.get_experimental_options()))
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )

    def ask(folder):
        print(folder, file=process.stdin, flush=True)
        assert process.stdout.readline().strip() == str(folder), "the process without keras has ended"

    yield ask
    process.stdin.close()
    process.wait()


def test_a_saved_model_needs_neither_keras_nor_kerasgan(key, tmp_path, elsewhere):
    """endpoints() are functions of tensors, and answer there as they do here."""
    model, _ = after_a_few_steps(key)
    model.export(tmp_path / "saved_model")
    inputs = {
        "n": np.int32(5),
        "seed": np.int32(7),
        "labels": np.array([2, 0, 1], np.int32),
        "latents": np.random.default_rng(0).normal(size=(3, getattr(model, "latent_dim", 1))).astype(np.float32),
        "images": np.random.default_rng(0).integers(0, 256, (3, *SHAPE), np.uint8),
    }
    for spec in (spec for _, specs in model.endpoints().values() for spec in specs):
        shape = [3 if side is None else side for side in spec.shape]
        inputs.setdefault(spec.name, np.random.default_rng(0).normal(size=shape).astype(np.float32))
    np.savez(tmp_path / "inputs.npz", **inputs)
    elsewhere(tmp_path)
    outputs = np.load(tmp_path / "outputs.npz")

    about = json.loads((tmp_path / "saved_model/kerasgan.json").read_text())
    assert about["variant"] in (key, class_of(key).__name__)  # a file's name is the user's own
    assert {"hyperparameters", "steps", "versions", "images", "verbs"} <= set(about)
    assert set(outputs) == {"serving_default", *about["verbs"]} == {"serving_default", *model.endpoints()}
    np.testing.assert_array_equal(outputs["serving_default"], outputs[about["main_verb"]])
    for verb, (function, specs) in model.endpoints().items():
        here = tf.function(function)(*[inputs[spec.name] for spec in specs])
        np.testing.assert_array_equal(here, outputs[verb], err_msg=verb)
    loaded = kerasgan.load(tmp_path / "saved_model")
    for verb, (_, specs) in model.endpoints().items():
        given = {spec.name: inputs[spec.name] for spec in specs}
        np.testing.assert_array_equal(getattr(loaded, verb)(**given), outputs[verb])


def test_sampling_more_than_a_block_starts_with_the_same_images(key, tmp_path):
    """One seed draws the same images, however many are asked for."""
    model = at_the_start(key)
    if "sample" not in model.endpoints():
        pytest.skip("it makes images of images")
    sample = tf.function(*model.endpoints()["sample"])
    few, many = sample(7, 3), sample(230, 3)
    assert many.shape == (230, *SHAPE)
    assert many.dtype == tf.uint8
    assert np.abs(few.numpy().astype(int) - many[:7].numpy()).max() <= 1
    assert not np.array_equal(many[:100], many[100:200])
    assert not np.array_equal(few, sample(7, 4))


def test_an_average_starts_as_the_network_that_it_follows(key):
    model = at_the_start(key)
    if not hasattr(model, "average"):
        pytest.skip("it keeps none")
    ((_, network),) = [networks for networks in model.players().values() if networks[1].name != "generator"]
    followed = [(a, w) for a, w in zip(model.average.weights, network.weights, strict=True) if w.trainable]
    assert not model.average.trainable_weights
    for average, weight in followed:
        np.testing.assert_array_equal(average.numpy(), weight.numpy(), err_msg=weight.path)
