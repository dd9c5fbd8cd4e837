"""What a run folder holds, and what ends a run."""

import json
import os
import shutil
import signal
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import SHAPE, assert_same, small_batches, small_model, two_devices, values
from PIL import Image

import kerasgan
from kerasgan import callbacks, run_folder
from kerasgan.callbacks import record
from kerasgan.data import Batches
from kerasgan.errors import Diverged, UserError
from kerasgan.model import GenerativeModel
from kerasgan.models import GAN, dcgan


def fit(run, key="gan", epochs=2, resume=False, more=(), seed=0, before=(), **standard):
    model = small_model(key, seed=seed)
    batches = small_batches(key)
    watching = callbacks.standard(run, batches, resume, more=before, **standard)
    model.fit(batches, epochs=epochs, verbose=0, callbacks=[*watching, *more])
    return model


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "gan"
    return folder, fit(folder, note="a test")


def test_a_run_folder_holds_what_the_design_says(run):
    folder, model = run
    assert sorted(p.name for p in folder.iterdir()) == [
        ".lock",
        "checkpoints",
        "convergence.csv",
        "history.csv",
        "losses.png",
        "run.json",
        "saved_model",
        "snapshots",
        "tensorboard",
        "timeline.gif",
        "timeline.mp4",
    ]
    assert sorted(p.name for p in (folder / "snapshots").iterdir()) == ["00000.png", "00001.png", "00002.png"]
    grid = Image.open(folder / "snapshots/00002.png")
    assert grid.size == (8 * (SHAPE[1] + 2) + 2, 8 * (SHAPE[0] + 2) + 2)
    assert Image.open(folder / "timeline.gif").n_frames == 3
    assert Image.open(folder / "losses.png").size[0] == 800


def test_run_json_says_all_that_is_needed_to_repeat_the_run(run):
    folder, model = run
    about = json.loads((folder / "run.json").read_text())
    assert about["variant"] == "gan"
    assert about["hyperparameters"] == {"image_shape": [12, 8, 1], "latent_dim": 4, "width": 8, "minimax": False}
    assert about["optimizers"]["generator"]["learning_rate"] == pytest.approx(2e-4)
    sha256 = small_batches("gan").sha256()
    assert about["data"] == {"name": "random pixels", "takes": "images", "batch_size": 4, "sha256": sha256}
    assert (about["seed"], about["precision"], about["steps"], about["epochs"]) == (0, "float32", 16, 2)
    assert set(about["versions"]) == {"kerasgan", "keras", "tensorflow", "numpy", "python"}
    assert about["note"] == "a test"
    assert about["weights_sha256"] == record.weights_sha256(model)
    model_again = fit(folder.with_name("again"))
    assert record.weights_sha256(model_again) == about["weights_sha256"]
    assert record.weights_sha256(small_model("gan")) != about["weights_sha256"]


def test_history_has_one_row_an_epoch(run):
    folder, model = run
    lines = (folder / "history.csv").read_text().splitlines()
    assert lines[0] == "epoch,step,d_loss,g_loss,discriminator_learning_rate,generator_learning_rate"
    assert [line.split(",")[:2] for line in lines[1:]] == [["1", "8"], ["2", "16"]]
    assert [float(line.split(",")[2]) for line in lines[1:]] == pytest.approx(model.history.history["d_loss"])


def test_tensorboard_has_named_scalars_and_pictures(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder, _ = run
    tags = {}
    for file in (folder / "tensorboard").iterdir():
        events = EventAccumulator(str(file), size_guidance={"tensors": 0})
        events.Reload()
        for tag in events.Tags()["tensors"]:
            tags.setdefault(tag, []).extend(e.step for e in events.Tensors(tag))
    looks = {tag: tags.pop(tag) for tag in list(tags) if tag.startswith("convergence/")}
    assert looks["convergence/d_fake"] == looks["convergence/gradient/generator"] == [1]  # the next is at step 101
    assert tags == {
        "snapshot": [0, 8, 16],
        "discriminator/d_loss": [8, 16],
        "discriminator/learning_rate": [8, 16],
        "generator/g_loss": [8, 16],
        "generator/learning_rate": [8, 16],
        "_hparams_/session_start_info": [0],
    }


def test_the_saved_model_of_a_run_loads(run):
    folder, model = run
    loaded = kerasgan.load(folder)
    images = loaded.sample(n=3, seed=1)
    assert images.shape == (3, *SHAPE)
    assert images.dtype == np.uint8
    expected = tf.function(model.endpoints()["sample"][0])(3, 1)
    np.testing.assert_array_equal(images, expected)
    with pytest.raises(AttributeError, match="gan can sample, decode, not translate"):
        loaded.translate(images=images)
    assert loaded.about["data"]["name"] == "random pixels"


def test_a_run_is_never_overwritten(run):
    folder, _ = run
    before = (folder / "run.json").read_bytes()
    with pytest.raises(UserError, match="exists: continue it with --resume"):
        fit(folder)
    assert (folder / "run.json").read_bytes() == before


def test_there_must_be_something_to_resume(tmp_path):
    with pytest.raises(UserError, match="nothing to resume"):
        fit(tmp_path / "none", resume=True)


def test_other_hyperparameters_cannot_be_resumed(run):
    folder, _ = run
    keras.utils.set_random_seed(0)
    other = kerasgan.models.GAN(image_shape=SHAPE, latent_dim=4, width=9)
    other.compile()
    batches = small_batches("gan")
    with pytest.raises(UserError, match=r"another hyperparameters: width \(it was 8, not 9\)"):
        other.fit(batches, epochs=3, verbose=0, callbacks=callbacks.standard(folder, batches, resume=True))
    with pytest.raises(UserError, match=r"another data: sha256 \(it was "):
        changed = small_batches("gan")
        changed.columns[0][3, 2, 1] ^= 1
        small_model("gan").fit(changed, epochs=3, verbose=0, callbacks=callbacks.standard(folder, changed, resume=True))
    with pytest.raises(UserError, match="another optimizers: generator"):
        changed = small_model("gan", generator=keras.optimizers.Adam(1e-3))
        changed.fit(batches, epochs=3, verbose=0, callbacks=callbacks.standard(folder, batches, resume=True))


def test_a_finished_run_goes_on_with_more_epochs(run):
    folder, model = run
    more = fit(folder.with_name("longer"), epochs=3)
    fit(folder.with_name("part"), epochs=2)
    resumed = fit(folder.with_name("part"), epochs=3, resume=True, seed=9)
    assert_same(more.state(), resumed.state())
    assert len((folder.with_name("part") / "history.csv").read_text().splitlines()) == 4


def test_to_resume_a_run_that_has_ended_changes_nothing(tmp_path):
    folder = tmp_path / "run"
    fit(folder, epochs=1)
    files = ["run.json", "saved_model/kerasgan.json", "saved_model/saved_model.pb"]
    before = [((folder / f).read_bytes(), (folder / f).stat().st_mtime_ns) for f in files[1:]]
    record_before = json.loads((folder / "run.json").read_text())
    assert record_before["seconds"] > 0
    assert json.loads((folder / files[1]).read_text())["seconds"] == record_before["seconds"]
    fit(folder, epochs=1, resume=True)
    assert [((folder / f).read_bytes(), (folder / f).stat().st_mtime_ns) for f in files[1:]] == before
    assert json.loads((folder / "run.json").read_text()) == record_before
    fit(folder, epochs=2, resume=True)
    after = json.loads((folder / "run.json").read_text())
    assert after["seconds"] > record_before["seconds"]
    assert json.loads((folder / files[1]).read_text())["steps"] == after["steps"] == 16


def test_a_second_fit_takes_its_epochs_again(tmp_path):
    model, batches = small_model("gan"), small_batches("gan")
    for _ in range(2):
        model.fit(batches, epochs=1, verbose=0, callbacks=[callbacks.Checkpoints(tmp_path / "run")])
    assert int(model.step.numpy()) == 8  # the run had ended: there was nothing left of its one epoch
    model.fit(batches, epochs=1, verbose=0)
    assert int(model.step.numpy()) == 16


class Poison(keras.callbacks.Callback):
    """Break a player's first weight before the given step."""

    def __init__(self, player, step):
        super().__init__()
        self.player, self.at = player, step

    def on_train_batch_begin(self, batch, logs=None):
        if int(self.model.step.numpy()) == self.at:
            w = self.model.weights_of(self.player)[0]
            w.assign(w.numpy() * np.nan)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(Diverged) as error:
        fit(folder, "vae", epochs=3, more=[Poison("autoencoder", 11)], checkpoint_seconds=0)
    assert "At step 12 the loss of the autoencoder is nan" in str(error.value)
    assert "\n" not in str(error.value)
    last = tf.train.latest_checkpoint(str(folder / "checkpoints"))
    assert last.endswith("ckpt-11")
    assert f"The last good checkpoint is {last}" in str(error.value)
    resumed = fit(folder, "vae", epochs=3, resume=True)
    assert_same(resumed.state(), fit(tmp_path / "healthy", "vae", epochs=3).state())


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    model = small_model("gan")
    w = model.weights_of("generator")[0]
    w.assign(w.numpy() * np.inf)
    saving = callbacks.Checkpoints(tmp_path)
    saving.set_model(model)
    saving.set_params({"steps": 8})
    with pytest.raises(Diverged, match="is not finite after step 0. There is no checkpoint before it"):
        saving.on_train_begin()
    assert tf.train.latest_checkpoint(str(tmp_path / "checkpoints")) is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_everything_written_and_resumable(tmp_path, number):
    before = signal.getsignal(number)
    press = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: os.kill(os.getpid(), number) if batch == 2 else None
    )
    stopped = fit(tmp_path / "run", epochs=3, more=[press])
    assert signal.getsignal(number) == before
    assert int(stopped.step.numpy()) == 3
    assert kerasgan.load(tmp_path / "run").about["steps"] == 3
    assert (tmp_path / "run/timeline.gif").exists()
    resumed = fit(tmp_path / "run", epochs=3, resume=True)
    assert_same(resumed.state(), fit(tmp_path / "whole", epochs=3).state())
    assert (tmp_path / "run/history.csv").read_text() == (tmp_path / "whole/history.csv").read_text()


def test_a_run_on_two_devices_is_resumed_and_exported(tmp_path):
    def trained(run, epochs, resume=False):
        with two_devices().scope():
            model = small_model("dcgan")
        batches = small_batches("dcgan")
        model.fit(batches, epochs=epochs, verbose=0, callbacks=callbacks.standard(run, batches, resume))
        return model

    whole = trained(tmp_path / "whole", 2)
    trained(tmp_path / "part", 1)
    resumed = trained(tmp_path / "part", 2, resume=True)
    assert_same(whole.state(), resumed.state())
    images = kerasgan.load(tmp_path / "part").sample(n=3, seed=0)
    np.testing.assert_array_equal(images, tf.function(resumed.endpoints()["sample"][0])(3, 0))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_model_trained_in_half_precision_is_exported_in_full(tmp_path, policy):
    keras.config.set_dtype_policy(policy)
    model = small_model("dcgan")
    model.fit(small_batches("dcgan"), verbose=0)
    model.export(tmp_path / "saved_model")
    keras.config.set_dtype_policy("float32")
    loaded = kerasgan.load(tmp_path / "saved_model")
    latents = model.prior(4, seed=0).numpy()
    found, expected = loaded.decode(latents=latents).astype(int), np.round((model(latents).numpy() + 1) * 127.5)
    assert np.abs(found - expected).max() <= 4  # of 255: the rounding of bfloat16
    graph = tf.saved_model.load(str(tmp_path / "saved_model")).signatures["decode"].graph.as_graph_def()
    nodes = [node for function in graph.library.function for node in function.node_def]  # a signature only calls these
    assert len(nodes) > 10
    assert not [node.name for node in nodes for value in node.attr.values() if value.type in HALF]
    assert loaded.about["precision"] == policy


HALF = (tf.bfloat16.as_datatype_enum, tf.float16.as_datatype_enum)


def test_a_checkpoint_that_was_cut_off_is_swept_away(tmp_path):
    (tmp_path / "checkpoints/ckpt-3_temp").mkdir(parents=True)
    small = small_model("gan")
    small.fit(small_batches("gan"), verbose=0, callbacks=[callbacks.Checkpoints(tmp_path)])
    assert not list((tmp_path / "checkpoints").glob("*_temp"))


def test_a_folder_that_cannot_be_written_is_an_error_before_training(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"Cannot write to .*file/run: Not a directory"):
        fit(tmp_path / "file/run")


def test_a_disk_without_space_is_an_error_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr(record.shutil, "disk_usage", lambda path: types.SimpleNamespace(free=2**20))
    model = small_model("gan")
    batches = small_batches("gan")
    with pytest.raises(UserError, match="its disk has 1 MiB left"):
        model.fit(batches, verbose=0, callbacks=callbacks.standard(tmp_path / "run", batches))
    assert int(model.step.numpy()) == 0


def test_checkpoints_need_the_length_of_an_epoch(tmp_path):
    model = small_model("gan")
    unknown = tf.data.Dataset.from_generator(
        lambda: iter([np.zeros((4, *SHAPE), np.float32)] * 3), output_signature=tf.TensorSpec((4, *SHAPE), tf.float32)
    )
    with pytest.raises(UserError, match="give fit.. steps_per_epoch"):
        model.fit(unknown, verbose=0, shuffle=False, callbacks=[callbacks.Checkpoints(tmp_path)])


# ---- a model that begins where another one ended --------------------------------------------------------------------


def test_restore_returns_the_model_that_a_run_ended_with(run, tmp_path):
    folder, model = run
    keras.utils.set_random_seed(5)  # nothing of it comes from a seed
    restored = kerasgan.restore(folder)
    assert type(restored) is type(model)
    assert restored.get_config() | {"name": ""} == model.get_config() | {"name": ""}
    assert restored.image_shape == SHAPE  # as a constructor takes it; run.json holds a list
    assert_same(model.weights, restored.weights)
    assert int(restored.step.numpy()) == 16
    sample = tf.function(restored.endpoints()["sample"][0])(3, 1)
    np.testing.assert_array_equal(sample, kerasgan.load(folder).sample(n=3, seed=1))
    restored.export(tmp_path / "again")
    np.testing.assert_array_equal(sample, kerasgan.load(tmp_path / "again").sample(n=3, seed=1))

    restored.compile()
    restored.fit(small_batches("gan"), epochs=1, verbose=0)
    assert int(restored.step.numpy()) == 24


def test_restore_keeps_the_precision_of_the_run_and_of_the_caller(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = fit(tmp_path / "run")
    keras.config.set_dtype_policy("float32")
    restored = kerasgan.restore(tmp_path / "run")
    assert restored.dtype_policy.name == restored.generator.layers[1].dtype_policy.name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == "float32"
    assert_same(model.weights, restored.weights)


def test_restore_takes_the_newest_checkpoint(tmp_path):
    kept = fit(tmp_path / "run", epochs=1)
    resumed = fit(tmp_path / "run", epochs=2, resume=True)
    assert not np.array_equal(kept.weights[1].numpy(), resumed.weights[1].numpy())
    assert_same(resumed.weights, kerasgan.restore(tmp_path / "run").weights)


def test_restore_needs_a_run_with_a_checkpoint(run, tmp_path):
    folder, _ = run
    with pytest.raises(UserError, match=r"^\S*nowhere is no run folder: it has no run.json. [^\n]+$"):
        kerasgan.restore(tmp_path / "nowhere")
    shutil.copy(folder / "run.json", tmp_path)
    with pytest.raises(UserError, match=r"^There is no checkpoint in \S+: train it first.$"):
        kerasgan.restore(tmp_path)


class SecondStage(GenerativeModel):
    """An encoder for the generator of a trained WGAN-GP.

    image_shape: height, width and channels of the images
    latent_dim: numbers that one image is made from
    width: channels of the generator's last but one layer
    """

    starts_from = "wgan_gp"

    def __init__(self, image_shape: tuple = SHAPE, latent_dim: int = 4, width: int = 4, **kwargs):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.generator = dcgan.generator(image_shape, latent_dim, width)
        self.critic = dcgan.discriminator(image_shape, 4, keras.layers.LayerNormalization, bias=False, name="critic")
        self.encoder = keras.Sequential(
            [keras.Input(image_shape), keras.layers.Flatten(), keras.layers.Dense(latent_dim)], name="encoder"
        )


def test_a_second_stage_starts_with_the_networks_of_the_first_and_keeps_the_rest():
    first = small_model("wgan_gp", seed=0)
    first.fit(small_batches("wgan_gp"), epochs=1, verbose=0)  # batch statistics and counts move, too
    keras.utils.set_random_seed(1)
    second = SecondStage()
    assert not np.array_equal(first.generator.weights[0].numpy(), second.generator.weights[0].numpy())
    rest = [*second.encoder.weights, *second.noise.weights, second.step]
    before = values(rest)
    second.start_from(first)
    for network in ("generator", "critic"):
        assert_same(getattr(first, network).weights, getattr(second, network).weights)
    for variable, value in zip(rest, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, err_msg=variable.path)
    assert int(second.step.numpy()) == 0
    assert not np.array_equal(first.noise.state.numpy(), second.noise.state.numpy())

    kept = values(second.generator.weights)  # a copy: it does not follow when the first stage goes on
    first.fit(small_batches("wgan_gp"), epochs=1, verbose=0)
    for variable, value in zip(second.generator.weights, kept, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_a_second_stage_starts_from_nothing_else():
    with pytest.raises(UserError, match=r"^SecondStage starts from a trained wgan_gp, not from a gan\.$"):
        SecondStage().start_from(small_model("gan"))
    with pytest.raises(UserError, match=r"^GAN starts from no other model, not from a wgan_gp\.$"):
        small_model("gan").start_from(small_model("wgan_gp"))
    with pytest.raises(
        UserError, match=r"^The generator of the wgan_gp has other shapes: [^\n]+'latent_dim': 4[^\n]+$"
    ):
        SecondStage(latent_dim=5).start_from(small_model("wgan_gp"))
    stranger = SecondStage()
    for network in (stranger.generator, stranger.critic):
        network.name = f"{network.name}_2"
    with pytest.raises(UserError, match=r"^SecondStage has no network of the wgan_gp's names, [^\n]*generator[^\n]*$"):
        stranger.start_from(small_model("wgan_gp"))
    for settings, needed in (({"latent_dim": 5}, "'latent_dim': 4"), ({"width": 8}, "'width': 4")):
        with pytest.raises(UserError, match=rf"^The generator of the wgan_gp has other shapes: [^\n]+{needed}[^\n]+$"):
            SecondStage(**settings).start_from(small_model("wgan_gp"))


# ---- evaluation -----------------------------------------------------------------------------------------------------


REAL = np.random.default_rng(1).integers(0, 256, (30, *SHAPE), np.uint8)


def network():
    image = keras.Input(SHAPE)
    return kerasgan.metrics.feature_network(keras.Model(image, keras.layers.Flatten()(image)))


def evaluated(run, epochs, resume=False, every=1, key="gan", more=()):
    evaluation = callbacks.Evaluation(run, REAL, network(), every, n=20)
    return fit(run, key, epochs, resume, checkpoint_seconds=0, more=more, before=(evaluation,))


def rows_of(run):
    return run_folder.read_table(run / "evaluation.csv")


def test_samples_are_measured_as_they_become_better(tmp_path):
    model = evaluated(tmp_path / "run", 3, every=2)
    rows = rows_of(tmp_path / "run")
    assert [(row["epoch"], row["step"]) for row in rows] == [("2", "16"), ("3", "24")]  # and after the last epoch
    samples = kerasgan.load(tmp_path / "run").sample(n=20, seed=0)
    expected = kerasgan.metrics.frechet_distance(network()(samples), network()(REAL[:20]))
    assert float(rows[-1]["Frechet distance"]) == pytest.approx(expected, rel=1e-4)
    assert 0 < float(rows[0]["seconds"]) < float(rows[1]["seconds"])
    assert record.weights_sha256(model) == record.weights_sha256(fit(tmp_path / "without", epochs=3))  # it only looks


def test_the_best_checkpoint_is_kept_beside_the_last(tmp_path, monkeypatch):
    distances = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(kerasgan.metrics, "frechet_distance", lambda a, b: next(distances))
    weights = []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append(values(keep.model.weights)))
    model = evaluated(tmp_path / "run", 3, more=(keep,))
    best, last = kerasgan.restore(tmp_path / "run", "best"), kerasgan.restore(tmp_path / "run")
    for ours, theirs in zip(best.weights, weights[1], strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs)
    assert_same(last.weights, model.weights)
    assert int(best.step.numpy()) == 16


def test_the_best_checkpoint_is_exported_if_that_is_asked_for(tmp_path, monkeypatch):
    distances = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(kerasgan.metrics, "frechet_distance", lambda a, b: next(distances))
    data, latents, shown = small_batches("gan"), None, []

    def keep(epoch, logs):
        with model.averaged():
            shown.append(model.sample_uint8(latents).numpy())

    run, model = tmp_path / "run", GAN(SHAPE, half_life=100)
    model.compile()
    latents = model.prior(5, seed=0)
    more = (callbacks.Evaluation(run, REAL, network(), n=20), keras.callbacks.LambdaCallback(on_epoch_end=keep))
    model.fit(data, epochs=3, verbose=0, callbacks=callbacks.standard(run, data, more=more, best=True))
    exported = kerasgan.load(run)
    assert exported.about["steps"] == 16
    np.testing.assert_array_equal(exported.sample(n=5, seed=0), shown[1])
    assert (shown[1] != shown[2]).any()


def test_a_resumed_run_is_measured_as_if_it_had_not_stopped(tmp_path):
    evaluated(tmp_path / "whole", 3)
    evaluated(tmp_path / "run", 2)
    spent = float(rows_of(tmp_path / "run")[-1]["seconds"])
    evaluated(tmp_path / "run", 3, resume=True)
    rows, whole = rows_of(tmp_path / "run"), rows_of(tmp_path / "whole")
    measured = [{k: v for k, v in row.items() if k != "seconds" and "time" not in k} for row in rows]
    assert measured == [{k: v for k, v in row.items() if k != "seconds" and "time" not in k} for row in whole]
    assert float(rows[-1]["seconds"]) > spent


def test_what_samples_nothing_is_not_evaluated(tmp_path):
    with pytest.raises(UserError, match=r"^CycleGAN samples nothing[^\n]+$"):
        evaluated(tmp_path / "run", 1, key="cyclegan")


def test_a_run_without_best_checkpoint_says_so(run):
    with pytest.raises(UserError, match=r"^There is no checkpoint in \S+best: train it first.$"):
        kerasgan.restore(run[0], "best")


@pytest.mark.parametrize("n", [1, 3])
def test_few_images_end_no_run_that_they_watch(tmp_path, n, capsys):
    run = tmp_path / "run"
    fit(run, epochs=2, before=(callbacks.Evaluation(run, REAL[:n], network()),))
    said = capsys.readouterr().out
    assert said.count("Not measured: precision, recall, density, coverage: they look at the 5 nearest") == 1
    rows = rows_of(run)
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert "precision" not in rows[0]
    assert ("Frechet distance" in rows[0]) == (n > 1)
    assert (tf.train.latest_checkpoint(str(run / "best")) is not None) == (n > 1)
    assert f"Frechet distance of {n} samples" in said if n > 1 else "Frechet distance of" not in said


def test_what_fails_to_be_measured_ends_no_run(tmp_path, monkeypatch, capsys):
    def fails(a, b):
        raise UserError("Some features are not finite.")

    run = tmp_path / "run"
    evaluated(run, 1)
    monkeypatch.setattr(kerasgan.metrics, "frechet_distance", fails)
    evaluated(run, 2, resume=True)
    assert "Epoch 2 is not measured: Some features are not finite." in capsys.readouterr().out
    assert [row["epoch"] for row in rows_of(run)] == ["1"]
    assert (run / "saved_model").is_dir()
    with pytest.raises(UserError, match="no images to compare samples with"):
        fit(tmp_path / "none", epochs=1, before=(callbacks.Evaluation(tmp_path / "none", REAL[:0], network()),))


# ---- what only watches ----------------------------------------------------------------------------------------------


def test_a_fit_of_no_epoch_has_no_film_and_is_none_the_worse(tmp_path):
    model = fit(tmp_path / "run", epochs=0)
    assert int(model.step.numpy()) == 0
    assert not (tmp_path / "run/timeline.gif").exists()
    assert (tmp_path / "run/saved_model").is_dir()


def test_losses_that_are_not_finite_are_drawn_where_they_are(tmp_path):
    drawing, values = callbacks.History(tmp_path, seconds_between_drawings=0), [1.0, float("nan"), float("inf"), 2.0]
    drawing.set_model(small_model("gan"))
    drawing.set_params({"epochs": 4, "steps": 1})
    drawing.on_train_begin()
    for epoch, value in enumerate(values):
        drawing.on_epoch_begin(epoch)
        drawing.on_epoch_end(epoch, {"d_loss": value, "val_d_loss": float("nan")})
    drawing.on_train_end()
    assert Image.open(tmp_path / "losses.png").size[0] == 800
    rows = run_folder.read_table(tmp_path / "history.csv")
    assert [float(row["d_loss"]) for row in rows] == pytest.approx(values, nan_ok=True)


@pytest.mark.parametrize(
    ("argv", "command"), [(["zoo/x.py", "--epochs", "3"], "python zoo/x.py --epochs 3"), (["x"], None)]
)
def test_a_run_keeps_the_command_of_a_script_and_the_cores_it_had(
    argv, command, tmp_path, monkeypatch, steps_taken_eagerly
):
    monkeypatch.setattr("sys.argv", argv)
    batches = small_batches("gan")
    small_model("gan").fit(batches, epochs=1, verbose=0, callbacks=[callbacks.Record(tmp_path / "run", batches)])
    record = run_folder.read(tmp_path / "run")
    assert record.get("command") == command
    assert 1 <= record["cores"] <= os.cpu_count()


@pytest.mark.parametrize(
    ("indices", "said"),
    [
        ([0], "There is only 1 image:"),
        ([0] * 4, "All 4 images are the same:"),
        ([0, 1, 2], "There are only 3 images:"),
        ([0, 0, 1, 2], "Only 3 of the 4 images are different:"),
        (range(20), None),
        ([*range(19), 0], "Only 19 of the 20 images are different:"),
    ],
    ids=str,
)
def test_too_few_images_are_said_before_the_first_step(indices, said, tmp_path, capsys):
    every = small_batches("dcgan").columns[0]
    data = Batches((every[list(indices)],), "images", 1)
    begun = callbacks.Record(tmp_path / "run", data)
    begun.set_model(small_model("dcgan"))
    begun.set_params({"steps": 1, "epochs": 1, "verbose": 0})
    with begun.model.when_fit_ends:
        begun.on_train_begin()
    out = capsys.readouterr().out
    assert (out == "") if said is None else out.startswith(said)
    if said:
        assert out.count("\n") == 1
