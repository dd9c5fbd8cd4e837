"""What every variant promises, tested on every variant."""

import inspect
import json
import re
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import (
    SHAPE,
    SMALL,
    assert_same,
    every_variant,
    one_batch,
    small_batches,
    small_model,
    two_devices,
    values,
)

import kerasgan
from kerasgan import callbacks
from kerasgan.models import CLASSES, MODELS

# Of a player's whole gradient. A rounded value near zero flips a rectifier: the deeper, the more of them.
HALF_PRECISION_TOLERANCE = {"mixed_float16": 0.1, "mixed_bfloat16": 0.25}
HALF_PRECISION_TOLERANCE_OF_TRANSLATORS = {"mixed_float16": 0.15, "mixed_bfloat16": 0.4}  # one through the other


def test_every_variant_is_tested():
    assert set(SMALL) == set(MODELS) == set(CLASSES)


@every_variant
def test_own_step_with_a_tape(key):
    step = vars(MODELS[key])["train_step"]
    assert "tf.GradientTape" in inspect.getsource(step)
    assert re.match(r"https://(arxiv\.org/abs|doi\.org)/.", MODELS[key].paper)


@every_variant
def test_no_name_hides_one_of_keras(key):
    own = {"call", "compile", "compile_from_config", "fit", "test_step", "train_step"}
    hidden = {n for n in vars(MODELS[key]) if hasattr(keras.Model, n) and not n.startswith("_")} - own
    assert not hidden


@every_variant
def test_a_player_moves_its_own_weights_and_no_others(key, monkeypatch):
    model = small_model(key)
    minimize, moved = model.minimize, {}

    def watched(player, loss, tape):
        before = values(model.weights)
        minimize(player, loss, tape)
        changed = {id(w) for w, b in zip(model.weights, before, strict=True) if not np.array_equal(w.numpy(), b)}
        moved.setdefault(player, set()).update(changed)

    monkeypatch.setattr(model, "minimize", watched)
    model.train_step(one_batch(model, key))
    assert list(moved) == list(model.players())  # in the order they are listed in
    for player, changed in moved.items():
        assert changed == {id(w) for w in model.weights_of(player)}, player
    assert sum(map(len, moved.values())) == len(model.trainable_weights)


@every_variant
def test_each_player_takes_as_many_steps_as_the_paper_says(key):
    model = small_model(key)
    model.fit(small_batches(key), steps_per_epoch=2, verbose=0)
    taken = {player: int(o.iterations.numpy()) for player, o in model.optimizers.items()}
    steps = {player: model.batches_per_step if player in ("critic", "discriminator") else 1 for player in taken}
    assert taken == {player: 2 * its for player, its in steps.items()}
    assert int(model.step.numpy()) == 2


@every_variant
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_trains_in_every_precision(key, policy):
    keras.config.set_dtype_policy(policy)
    model = small_model(key)
    before = values(model.trainable_weights)
    history = model.fit(small_batches(key), epochs=2, verbose=0).history
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
    model.train_step(one_batch(model, key, (32, 32, 1)))
    return found


@every_variant
@pytest.mark.parametrize("policy", list(HALF_PRECISION_TOLERANCE))
def test_half_precision_gradients_agree_with_float32(key, policy, monkeypatch):
    full = small_model(key, (32, 32, 1))
    keras.config.set_dtype_policy(policy)
    half = small_model(key, (32, 32, 1))
    assert_same(full.weights, half.weights)
    for optimizer in half.optimizers.values():
        if policy == "mixed_float16":
            optimizer.dynamic_scale.assign(128)  # a scale at which no gradient overflows
    exact, found = gradients(full, key, monkeypatch), gradients(half, key, monkeypatch)
    for player, gradient in exact.items():
        error = np.linalg.norm(found[player] - gradient) / np.linalg.norm(gradient)
        print(f"{key} {policy} {player}: {error:.3f}")
        tolerance = HALF_PRECISION_TOLERANCE_OF_TRANSLATORS if player == "translators" else HALF_PRECISION_TOLERANCE
        assert error < tolerance[policy], (player, error)


@every_variant
def test_an_infinite_gradient_skips_that_players_step_and_halves_its_scale(key):
    keras.config.set_dtype_policy("mixed_float16")
    for unlucky in small_model(key).players():
        model = small_model(key)
        for player, optimizer in model.optimizers.items():
            optimizer.dynamic_scale.assign(3e38 if player == unlucky else 128)
        before = {player: values(model.weights_of(player)) for player in model.players()}
        model.train_step(one_batch(model, key))
        for player, optimizer in model.optimizers.items():
            moved = not all(
                np.array_equal(w.numpy(), b) for w, b in zip(model.weights_of(player), before[player], strict=True)
            )
            steps = model.batches_per_step if player in ("critic", "discriminator") else 1
            assert moved == (player != unlucky)
            assert float(optimizer.dynamic_scale.numpy()) == pytest.approx(
                3e38 * 0.5**steps if player == unlucky else 128
            )


@every_variant
def test_inference_changes_nothing_and_training_moves_batch_statistics(key):
    model = small_model(key)
    before = values(model.weights)
    batch = small_batches(key).first(64)
    first, second = model.snapshot(batch), model.snapshot(batch)
    np.testing.assert_array_equal(first, second)
    assert_same(model.weights, [tf.Variable(b) for b in before])
    model.train_step(one_batch(model, key))
    moving = {id(w) for _, *networks in model.players().values() for network in networks for w in network.weights}
    statistics = [(w, b) for w, b in zip(model.weights, before, strict=True) if "moving_" in w.path and id(w) in moving]
    assert all(not np.array_equal(w.numpy(), b) for w, b in statistics)
    assert statistics or "batch_normalization" not in inspect.getsource(sys.modules[MODELS[key].__module__])


@every_variant
def test_the_same_step_from_the_same_state_ends_in_the_same_state(key):
    model, batches = small_model(key), small_batches(key)
    model.fit(batches, steps_per_epoch=1, verbose=0)
    start, end = values(model.state()), None
    for _ in range(30):  # a race shows in one of some fifty
        for variable, value in zip(model.state(), start, strict=True):
            variable.assign(value)
        model.fit(batches, steps_per_epoch=1, verbose=0)
        end = end or values(model.state())
        for variable, value in zip(model.state(), end, strict=True):
            np.testing.assert_array_equal(variable.numpy(), value, err_msg=variable.path)


@every_variant
def test_no_two_kernels_start_equal(key):
    kernels = [w.numpy() for w in small_model(key).trainable_weights if w.path.endswith("kernel")]
    for i, a in enumerate(kernels):
        for b in kernels[:i]:
            assert a.shape != b.shape or not np.array_equal(a, b)


@every_variant
def test_no_layer_has_a_seed_that_checkpoints_do_not_hold(key):
    for layer in small_model(key)._flatten_layers():
        assert not layer._seed_generators, layer.path


@every_variant
@pytest.mark.parametrize("arguments", [{"jit_compile": True}, {"steps_per_execution": 2}], ids=str)
def test_trains_compiled_in_other_ways(key, arguments):
    model = small_model(key, **arguments)
    before = values(model.trainable_weights)
    history = model.fit(small_batches(key), epochs=1, verbose=0).history
    assert all(np.isfinite(v).all() for v in history.values())
    assert not any(np.array_equal(w.numpy(), b) for w, b in zip(model.trainable_weights, before, strict=True))
    assert int(model.step.numpy()) == small_batches(key).steps_per_epoch(model.batches_per_step)


@every_variant
@pytest.mark.parametrize(
    ("shape", "batch_size"), [((8, 8, 3), 1), ((9, 13, 1), 3), ((33, 10, 4), 7), ((28, 28, 1), 2)], ids=str
)
def test_any_size_channels_and_batch(key, shape, batch_size):
    model = small_model(key, shape)
    before = values(model.trainable_weights)
    logs = model.train_step(one_batch(model, key, shape, max(batch_size, model.smallest_batch)))
    assert all(np.isfinite(v).all() for v in logs.values())
    still = [w.path for w, b in zip(model.trainable_weights, before, strict=True) if np.array_equal(w.numpy(), b)]
    assert not still
    assert model.snapshot(small_batches(key, shape).first(64)).shape[2:] == shape


@every_variant
@pytest.mark.parametrize("shape", [(7, 64, 1), (64, 64, 2), (64, 64)], ids=str)
def test_an_impossible_size_is_an_error_in_one_line(key, shape):
    with pytest.raises(kerasgan.errors.UserError, match=r"it needs \(height, width, channels\)"):
        MODELS[key](image_shape=shape)


def kept(model):
    """What a .keras file holds: all but the means of the epoch under way."""
    return [*model.weights, *(v for o in model.optimizers.values() for v in o.variables)]


@every_variant
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_keras_file_goes_on_exactly(key, policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    model = small_model(key)
    model.fit(small_batches(key), epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    keras.config.set_dtype_policy("float32")  # a file knows its precision
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.hyperparameters == model.hyperparameters
    assert_same(kept(model), kept(loaded))
    for m in (model, loaded):
        m.fit(small_batches(key), epochs=1, verbose=0)
    assert_same(model.state(), loaded.state())


@every_variant
def test_a_run_broken_off_in_mid_epoch_goes_on_exactly(key, tmp_path):
    batches = small_batches(key)

    def trained(run, seed, *more):
        model = small_model(key, seed=seed)
        run.mkdir(exist_ok=True)
        watching = [callbacks.History(run), callbacks.Checkpoints(run, seconds=0), *more]
        model.fit(batches, epochs=3, verbose=0, callbacks=watching)
        return model

    whole = trained(tmp_path / "whole", 0)
    steps = batches.steps_per_epoch(whole.batches_per_step)
    broken = trained(tmp_path / "broken", 0, callbacks.StopAt(steps + steps // 2))
    assert int(broken.step.numpy()) == steps + steps // 2
    resumed = trained(tmp_path / "broken", 1)  # from other weights and other noise
    assert int(resumed.step.numpy()) == 3 * steps
    assert_same(whole.state(), resumed.state())
    assert (tmp_path / "whole/history.csv").read_text() == (tmp_path / "broken/history.csv").read_text()


def rearranged(batch, parts, replicas):
    """Order a batch so that the replicas' shares of it, part by part, are the parts of the one that it was."""

    def one(column):
        n = column.shape[0] // (parts * replicas)
        split = column.reshape(parts, replicas, n, *column.shape[1:])
        return np.concatenate([split[:, r].reshape(parts * n, *column.shape[1:]) for r in range(replicas)])

    return tf.nest.map_structure(lambda t: one(t.numpy()), batch)


@every_variant
def test_two_devices_train_as_one(key):
    one = small_model(key)
    batches = [one_batch(one, key, batch_size=4)] * 3
    strategy = two_devices()
    with strategy.scope():
        two = small_model(key)

    def fit(model, given):
        data = [tf.data.Dataset.from_tensors(b) for b in given]
        whole = data[0].concatenate(data[1]).concatenate(data[2])
        return model.fit(whole, epochs=1, verbose=0, shuffle=False).history

    ours = fit(one, batches)
    theirs = fit(two, [rearranged(b, one.batches_per_step, 2) for b in batches])
    for a, b in zip(one.weights, two.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=2e-5, err_msg=a.path)
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-3, atol=1e-5, err_msg=name)

    if "sample" in two.endpoints():
        drawn = strategy.run(lambda: tf.nest.flatten(two.prior(3))[0])
        noise = [v.numpy() for v in strategy.experimental_local_results(drawn)]
        assert not np.array_equal(*noise)


@every_variant
def test_a_saved_model_needs_neither_keras_nor_kerasgan(key, tmp_path):
    model = small_model(key)
    model.fit(small_batches(key), epochs=1, verbose=0)
    model.export(tmp_path / "saved_model")
    inputs = {
        "n": np.int32(5),
        "seed": np.int32(7),
        "labels": np.array([2, 0, 1], np.int32),
        "latents": np.random.default_rng(0).normal(size=(3, getattr(model, "latent_dim", 1))).astype(np.float32),
        "images": np.random.default_rng(0).integers(0, 256, (3, *SHAPE), np.uint8),
    }
    np.savez(tmp_path / "inputs.npz", **inputs)
    script = """
        import sys
        sys.modules["keras"] = sys.modules["kerasgan"] = None  # to import them is now an error
        import numpy as np, tensorflow as tf
        tf.config.optimizer.set_experimental_options(OPTIMIZERS)  # kerasgan's: others round the last bit differently
        model, inputs = tf.saved_model.load("saved_model"), np.load("inputs.npz")
        outputs = {}
        for verb, signature in model.signatures.items():
            names = signature.structured_input_signature[1]
            (outputs[verb],) = signature(**{n: tf.constant(inputs[n]) for n in names}).values()
            if verb != "serving_default":
                again = getattr(model, verb)(**{n: tf.constant(inputs[n]) for n in names})
                assert np.array_equal(outputs[verb], again), verb
        np.savez("outputs.npz", **outputs)
    """
    script = script.replace("OPTIMIZERS", repr(tf.config.optimizer.get_experimental_options()))
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=tmp_path, check=True)
    outputs = np.load(tmp_path / "outputs.npz")

    about = json.loads((tmp_path / "saved_model/kerasgan.json").read_text())
    assert about["variant"] == key
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


@every_variant
def test_sampling_more_than_a_block_starts_with_the_same_images(key, tmp_path):
    if "sample" not in small_model(key).endpoints():
        return
    model = small_model(key)
    sample, _ = model.endpoints()["sample"]
    few, many = tf.function(sample)(7, 3), tf.function(sample)(230, 3)
    assert many.shape == (230, *SHAPE)
    assert many.dtype == tf.uint8
    assert np.abs(few.numpy().astype(int) - many[:7].numpy()).max() <= 1
    assert not np.array_equal(many[:100], many[100:200])
    assert not np.array_equal(few, tf.function(sample)(7, 4))


@every_variant
def test_command_line_knows_every_argument(key):
    from kerasgan.variants import variant

    about = variant(key)
    signature = inspect.signature(MODELS[key].__init__).parameters
    defaults = {n: p.default for n, p in signature.items() if n not in ("self", "kwargs")}
    assert about.arguments == defaults
    assert set(about.help) == set(defaults)
    for name in ("paper", "takes", "batch_size", "default_steps"):
        assert getattr(about, name) == getattr(MODELS[key], name)
    assert re.fullmatch(r"[^\n]+\.", about.summary)
