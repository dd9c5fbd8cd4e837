"""What a Keras user expects of a model: optimizers, callbacks, summary, predict."""

import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import SHAPE, SMALL, assert_same, small_batches, small_model, two_devices, values
from packaging.version import Version

import kerasgan
from kerasgan import callbacks
from kerasgan.errors import UserError
from kerasgan.models import DCGAN, GAN, MODELS
from kerasgan.models.dcgan import discriminator


def test_compile_takes_the_papers_optimizers_or_replaces_one():
    model = small_model("dcgan", generator=keras.optimizers.Adam(1e-4))
    assert float(model.optimizers["generator"].learning_rate.numpy()) == pytest.approx(1e-4)
    assert float(model.optimizers["discriminator"].learning_rate.numpy()) == pytest.approx(2e-4)
    assert model.optimizers["discriminator"].beta_1 == 0.5
    assert isinstance(small_model("dcgan", generator="sgd").optimizers["generator"], keras.optimizers.SGD)


@pytest.mark.parametrize("arguments", [{"optimizer": "adam"}, {"critic": "adam"}])
def test_an_unknown_player_is_an_error_in_one_line(arguments):
    with pytest.raises(UserError, match="DCGAN has no player .*: give an optimizer for discriminator or generator"):
        small_model("dcgan", **arguments)


def test_one_optimizer_for_two_players_is_an_error():
    adam = keras.optimizers.Adam()
    with pytest.raises(UserError, match="needs an optimizer of its own"):
        small_model("dcgan", generator=adam, discriminator=adam)


def test_a_weight_with_two_movers_or_none_is_an_error():
    class Greedy(DCGAN):
        def players(self):
            return {"a": ("adam", self.generator, self.discriminator), "b": ("adam", self.generator)}

    class Lazy(DCGAN):
        def players(self):
            return {"generator": ("adam", self.generator)}

    for cls, said in ((Greedy, "moved by a and b"), (Lazy, "moved by no player")):
        with pytest.raises(UserError, match=said):
            cls(image_shape=SHAPE, **SMALL["dcgan"]).compile()


def test_a_loss_that_does_not_reach_a_weight_is_an_error():
    class Cut(GAN):
        def train_step(self, x):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.stop_gradient(self.discriminator(x)))
            self.minimize("discriminator", loss, tape)

    model = Cut(image_shape=SHAPE, **SMALL["gan"])
    model.compile()
    with pytest.raises(UserError, match="loss of the discriminator does not depend on"):
        model.train_step(tf.zeros((2, *SHAPE)))


def test_data_that_does_not_fit_the_model_is_an_error_in_one_line():
    with pytest.raises(UserError, match="CGAN takes labelled; the data is images"):
        small_model("cgan").fit(small_batches("gan"))
    with pytest.raises(UserError, match=r"GAN was built for images of \(12, 8, 1\); the data has \(8, 8, 1\)"):
        small_model("gan").fit(small_batches("gan", (8, 8, 1)))


@pytest.mark.parametrize("key", ["gan", "cyclegan"])
def test_held_out_losses_that_mean_nothing_are_refused_before_training(key):
    model = small_model(key)
    for call in (
        lambda: model.evaluate(small_batches(key)),
        lambda: model.fit(small_batches(key), validation_data=small_batches(key)),
    ):
        with pytest.raises(UserError, match="no loss that means something on held-out data"):
            call()
    assert int(model.step.numpy()) == 0


def test_usual_callbacks_work(tmp_path, recwarn):
    model = small_model("vae")
    model.fit(
        small_batches("vae"),
        epochs=4,
        verbose=0,
        callbacks=[
            keras.callbacks.EarlyStopping(monitor="loss", patience=0, min_delta=1e9),
            keras.callbacks.CSVLogger(tmp_path / "log.csv"),
            keras.callbacks.TensorBoard(tmp_path / "tensorboard"),
            keras.callbacks.ModelCheckpoint(tmp_path / "model.keras"),
            keras.callbacks.TerminateOnNaN(),
            keras.callbacks.BackupAndRestore(tmp_path / "backup"),
        ],
    )
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3  # stopped after its second epoch
    assert keras.models.load_model(tmp_path / "model.keras").latent_dim == 4
    assert list((tmp_path / "tensorboard/train").iterdir())
    assert not [w for w in recwarn if issubclass(w.category, UserWarning)]


@pytest.mark.skipif(Version(keras.__version__) < Version("3.13"), reason="Keras 3.12 has one learning rate a model")
def test_learning_rate_callbacks_reach_every_player():
    model = small_model("dcgan", generator=keras.optimizers.Adam(1e-3))
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    model.fit(small_batches("dcgan"), epochs=2, verbose=0, callbacks=[halve])
    rates = {player: float(o.learning_rate.numpy()) for player, o in model.optimizers.items()}
    assert rates == pytest.approx({"discriminator": 5e-5, "generator": 2.5e-4})


def test_schedules_belong_to_a_player():
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-3, 8, 0.5)
    model = small_model("gan", generator=keras.optimizers.Adam(schedule))
    model.fit(small_batches("gan"), epochs=1, verbose=0)
    assert float(model.optimizers["generator"].learning_rate.numpy()) == pytest.approx(5e-4)


@pytest.mark.parametrize("key", list(SMALL))
def test_summary_and_predict(key, capsys):
    model = small_model(key)
    model.summary()
    text = capsys.readouterr().out
    assert all(network.name in text for _, *networks in model.players().values() for network in networks)
    batch = small_batches(key).first(5)
    inputs = model.prior(5, seed=0) if "sample" in model.endpoints() else batch if model.takes == "images" else batch[0]
    images = model.predict(inputs, verbose=0)
    assert images.shape == (5, *SHAPE)
    assert np.abs(images).max() <= 1


def test_plain_tf_data_and_numpy_arrays_train_too():
    images = np.random.default_rng(0).uniform(-1, 1, (32, *SHAPE)).astype(np.float32)
    model = small_model("gan")
    model.fit(images, batch_size=8, epochs=1, verbose=0)
    model.fit(tf.data.Dataset.from_tensor_slices(images).batch(8), epochs=2, verbose=0)
    assert int(model.step.numpy()) == 12


def test_a_keras_file_loads_in_a_process_that_has_imported_its_class(tmp_path):
    model = small_model("dcgan")
    model.fit(small_batches("dcgan"), verbose=0)
    model.save(tmp_path / "x.keras")
    script = (
        "import keras; from kerasgan.models import DCGAN; model = keras.models.load_model('x.keras');"
        "print(type(model).__name__, int(model.step.numpy()), model.optimizers['generator'].iterations.numpy())"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split() == ["DCGAN", "8", "8"], done.stderr[-500:]


def test_a_backup_goes_on_exactly_at_the_end_of_an_epoch(tmp_path):
    def trained(epochs, folder):
        model = small_model("cgan")
        backup = keras.callbacks.BackupAndRestore(folder, delete_checkpoint=False)
        model.fit(small_batches("cgan"), epochs=epochs, verbose=0, callbacks=[backup])
        return model

    whole = trained(3, tmp_path / "whole")
    trained(2, tmp_path / "part")
    resumed = trained(3, tmp_path / "part")
    assert int(resumed.step.numpy()) == 24
    for a, b in zip(whole.weights, resumed.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)


def test_weights_files_hold_everything(tmp_path):
    model = small_model("cgan")
    model.fit(small_batches("cgan"), verbose=0)
    model.save_weights(tmp_path / "x.weights.h5")
    other = small_model("cgan", seed=1)
    other.load_weights(tmp_path / "x.weights.h5")
    for a, b in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_a_dtype_that_the_networks_would_not_have_is_an_error():
    with pytest.raises(UserError, match="call keras.config.set_dtype_policy"):
        DCGAN(image_shape=SHAPE, dtype="mixed_float16")


def test_constructors_remember_what_they_were_given():
    model = DCGAN((16, 8, 3), width=5)
    assert model.hyperparameters == {"image_shape": (16, 8, 3), "latent_dim": 100, "width": 5}
    again = DCGAN.from_config(model.get_config())
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]


def test_paper_networks():
    full = discriminator((64, 64, 3), 64)
    assert [layer.filters for layer in full.layers if "conv" in layer.name] == [64, 128, 256, 512]
    generator = DCGAN().generator
    assert [layer.filters for layer in generator.layers if "transpose" in layer.name] == [256, 128, 64, 3]
    assert not any("pool" in layer.name for layer in [*full.layers, *generator.layers])
    assert MODELS["wgan_gp"]().critic.layers[-1].use_bias is False
    assert MODELS["cyclegan"](image_shape=(64, 64, 3)).D_x.output.shape[1:] == (8, 8, 1)


def averages(model, player="generator"):
    optimizer = model.optimizers[player]
    return getattr(optimizer, "inner_optimizer", optimizer)._model_variables_moving_average


def with_averages():
    return small_model("gan", generator=keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.9))


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_averages_of_weights_are_the_weights_after_fit_and_what_is_shown_before(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    data, shown = small_batches("gan"), []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: shown.append(looked_at(model)))

    def looked_at(model):
        raw, of_averages = values(model.weights_of("generator")), values(averages(model))
        with model.averaged():
            assert_equal(values(model.weights_of("generator")), of_averages)
        assert_equal(values(model.weights_of("generator")), raw)
        return not np.array_equal(raw[0], of_averages[0])

    def assert_equal(ours, theirs):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)

    model = with_averages()
    model.fit(data, epochs=4, verbose=0, callbacks=callbacks.standard(tmp_path / "whole", data, more=(watch,)))
    assert shown == [True] * 4
    assert_equal(values(model.weights_of("generator")), values(averages(model)))

    whole, model = model, with_averages()
    model.fit(data, epochs=2, verbose=0, callbacks=callbacks.standard(tmp_path / "parts", data))
    model = with_averages()
    model.fit(data, epochs=4, verbose=0, callbacks=callbacks.standard(tmp_path / "parts", data, resume=True))
    assert_same(whole.state(), model.state())

    assert_same(kerasgan.restore(tmp_path / "parts").weights, whole.weights)
    last, made = "snapshots/00004.png", kerasgan.load(tmp_path / "parts").sample(n=64, seed=0)
    assert (tmp_path / "whole" / last).read_bytes() == (tmp_path / "parts" / last).read_bytes()
    np.testing.assert_array_equal(made, whole.for_inference().sample_uint8(whole.prior(64, seed=0)).numpy())


def test_averages_on_two_devices(tmp_path):
    with two_devices().scope():
        model = small_model("dcgan", generator=keras.optimizers.Adam(use_ema=True))
    data = small_batches("dcgan")
    model.fit(data, verbose=0, callbacks=callbacks.standard(tmp_path / "run", data))
    for w, average in zip(model.weights_of("generator"), averages(model), strict=True):
        np.testing.assert_array_equal(w.numpy(), average.numpy())


def test_swapped_weights_would_be_kept_by_a_run(tmp_path):
    model, data = with_averages(), small_batches("gan")
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    with pytest.raises(UserError, match="leave out SwapEMAWeights"):
        model.fit(data, verbose=0, callbacks=[*callbacks.standard(tmp_path / "run", data), swap])
    assert not (tmp_path / "run").exists()
    model.fit(data, epochs=2, verbose=0, callbacks=[swap])  # without a run, as Keras does
    for w, average in zip(model.weights_of("generator"), averages(model), strict=True):
        np.testing.assert_array_equal(w.numpy(), average.numpy())


def test_gradients_are_gathered_before_a_step_if_asked_for():
    model = small_model("gan", generator=keras.optimizers.SGD(0.1, gradient_accumulation_steps=4))
    before = values(model.weights_of("generator"))
    model.fit(small_batches("gan"), steps_per_epoch=3, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, values(model.weights_of("generator"))))
    model.fit(small_batches("gan"), steps_per_epoch=1, verbose=0)
    assert not any(np.array_equal(a, b) for a, b in zip(before, values(model.weights_of("generator"))))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["adam"], "by its player, such as discriminator='adam'"),
        ([], "no player loss"),
        ({"generator": "adm"}, "The generator needs an optimizer, .* given adm"),
        ({"generator": 1e-4}, "given 0.0001"),
        ({"generator": None}, "given None"),
        ({"generator": keras.optimizers.Adam}, "given <class"),
    ],
)
def test_what_compile_does_not_take_is_an_error_in_one_line(arguments, said):
    model = small_model("dcgan")
    with pytest.raises(UserError, match=said):
        if isinstance(arguments, dict):
            model.compile(**arguments)
        else:
            model.compile(*arguments, **({} if arguments else {"loss": "mse"}))


@pytest.mark.parametrize("arguments", [["adam"], ["adam", "mse"]], ids=str)
def test_so_does_a_variant_with_a_compile_of_its_own(arguments):
    with pytest.raises(UserError, match="by its player"):
        small_model("srgan").compile(*arguments)


@pytest.mark.parametrize("name", ["openvino", "torch", "tf_saved_modl"])
def test_another_format_is_refused_with_the_way_to_it(name, tmp_path):
    with pytest.raises(UserError, match=f"onnx, litert, not as {name}: export its networks, .*generator"):
        small_model("gan").export(tmp_path / "x", format=name)
    assert not (tmp_path / "x").exists()


def test_export_has_the_arguments_of_keras_and_no_others(tmp_path, capsys):
    model = small_model("gan")
    model.export(filepath=tmp_path / "x", format="tf_saved_model", verbose=True, seed=7)
    assert "can sample, decode" in capsys.readouterr().out
    assert kerasgan.load(tmp_path / "x").about["seed"] == 7
    for arguments, said in (({"sed": 7}, r"no sed \(did you mean seed\?\)"), ({"input_signature": []}, "no input_sig")):
        with pytest.raises(UserError, match=said):
            model.export(tmp_path / "y", **arguments)


def test_predict_says_what_it_takes():
    for key, inputs in (("gan", np.zeros((4, *SHAPE))), ("gan", np.zeros((4, 5))), ("cgan", np.zeros((4, 4)))):
        with pytest.raises(UserError, match=r"of inputs of shape \(None, 4\).*model.prior\(64\)"):
            small_model(key).predict(inputs, verbose=0)


def test_an_h5_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="ends in .keras"):
        small_model("gan").save(tmp_path / "model.h5")


def test_settings_of_keras_that_nothing_works_with_are_refused():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(UserError, match="channels_first"):
            DCGAN(image_shape=SHAPE)
    finally:
        keras.config.set_image_data_format("channels_last")
    for policy in ("float64", "float16", "bfloat16"):
        keras.config.set_dtype_policy(policy)
        with pytest.raises(UserError, match=f"Keras is set to {policy}"):
            DCGAN(image_shape=SHAPE)


@pytest.mark.parametrize("setting", ["KERAS_BACKEND", "keras.json", "TF_USE_LEGACY_KERAS"])
def test_without_keras_on_tensorflow_what_needs_it_says_so_and_the_rest_works(setting, tmp_path):
    """Nothing here imports TensorFlow: it would take seconds."""
    (tmp_path / "keras.json").write_text('{"backend": "torch"}' if setting == "keras.json" else "{}")
    environment = {k: v for k, v in os.environ.items() if k not in ("KERAS_BACKEND", "TF_USE_LEGACY_KERAS")}
    environment |= {"KERAS_HOME": str(tmp_path)} | ({setting: "jax"} if setting == "KERAS_BACKEND" else {})
    script = """
        import sys
        if sys.argv[1] == "TF_USE_LEGACY_KERAS":
            import os
            os.environ[sys.argv[1]] = "1"
            sys.modules["tf_keras"] = None
        import kerasgan
        from kerasgan.cli import main
        from kerasgan.errors import UserError
        assert main(["list"]) == 0
        for module in ("kerasgan.callbacks", "kerasgan.models.dcgan", "kerasgan.metrics.features", "kerasgan.model"):
            try:
                __import__(module)
            except UserError as error:
                print(error)
        try:
            kerasgan.models.DCGAN
        except UserError as error:
            print(error)
        assert "tensorflow" not in sys.modules
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), setting], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-500:]
    said = "Keras 2, which is not installed" if setting == "TF_USE_LEGACY_KERAS" else "needs tensorflow: set the"
    assert done.stdout.count(said) == 5


def test_training_under_another_backend_is_refused_in_one_line(tmp_path):
    command = [sys.executable, "-m", "kerasgan.cli", "train", "dcgan", "--steps", "1"]
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("kerasgan: Keras is set to the backend jax, and kerasgan needs tensorflow")
    assert done.stderr.count("\n") == 1
