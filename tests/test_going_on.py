"""Going on from a trained model: what is taken over, in which order, what is not, and what stays frozen."""

import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import CLASSES, SHAPE, assert_same, one_batch, small_batches, small_model, values

import kerasgan
from kerasgan import callbacks, run_folder, training
from kerasgan.cli import main
from kerasgan.errors import UserError
from kerasgan.going_on import compared, networks, opened
from kerasgan.model import layers_with_weights, learnt
from kerasgan.models import DCGAN, LSGAN, MODELS

SMALL = ["--image-size", "8", "--width", "4", "--latent-dim", "4", "--batch-size", "599"]  # 3 steps of digits an epoch


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def different(model):
    """Give each weight of a model values of its own, so that no two are alike, and return the model."""
    rng = np.random.default_rng(5)
    for network in networks(model).values():
        for w in weights(network):
            w.assign(rng.uniform(0.1, 0.5, w.shape))
    if model.average_of_weights:
        for w in model.average_of_weights.weights:
            w.assign(rng.uniform(0.1, 0.5, w.shape))
    return model


def weights(network):
    return [w for layer in layers_with_weights(network) for w in learnt(layer)]


def taken(trained, model, *networks_):
    for name in networks_:
        assert_same(weights(networks(model)[name]), weights(networks(trained)[name]))


def said(capsys, *arguments):
    """Run a command that goes wrong; return its one line."""
    assert main(list(arguments)) == 2
    error = capsys.readouterr().err
    assert error.startswith("kerasgan: ")
    assert error.count("\n") == 1
    return error


def recorded(run):
    return json.loads((run / "run.json").read_text())


def trained(key, run, **more):
    """A small model that was trained for an epoch, in a run."""
    model, data = small_model(key, **more), small_batches(key)
    model.fit(data, epochs=1, verbose=0, callbacks=[callbacks.Record(run, data), callbacks.Checkpoints(run)])
    return model


# ---- what is taken over ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["dcgan", "srresnet", "fastgan", "sgan", "cyclegan", "acgan", "real_nvp"])
def test_all_networks_of_a_file_are_taken_over_in_their_order(key):
    trained = different(small_model(key))  # blocks of equal shapes, so that swapped ones would be seen
    trained.save("x.keras")
    model = small_model(key, seed=1)
    noise = values([w for w in model.weights if keras.backend.is_int_dtype(w.dtype)])
    record = kerasgan.go_on_from("x.keras", model)
    taken(trained, model, *networks(model))
    assert record["kind"] == ".keras file"
    assert record["variant"] == key
    assert len(record["sha256"]) == 64
    assert all(each["taken_over"] and not each["new"] for each in record["networks"].values())
    for before, now in zip(noise, [w for w in model.weights if keras.backend.is_int_dtype(w.dtype)], strict=True):
        np.testing.assert_array_equal(before, now.numpy())
    for optimizer in model.optimizers.values():
        assert int(optimizer.iterations.numpy()) == 0


def test_an_augmentation_is_in_nobody_s_way():
    trained = different(small_model("dcgan"))
    trained.save("x.keras")
    model = DCGAN(SHAPE, latent_dim=4, width=4, augment="ada")
    kerasgan.go_on_from("x.keras", model, freeze=1)
    taken(trained, model, "generator", "discriminator")
    model.save("y.keras")
    again = small_model("dcgan", seed=3)
    kerasgan.go_on_from("y.keras", again)
    taken(trained, again, "generator", "discriminator")


def test_the_best_checkpoint_of_a_run_is_taken_or_else_the_last(capsys, steps_taken_eagerly):
    last = trained("dcgan", "run")
    model = small_model("dcgan", seed=1)
    record = kerasgan.go_on_from("run", model)
    taken(last, model, "generator", "discriminator")
    assert (record["checkpoint"], record["steps"]) == ("last", 8)
    assert record["weights_sha256"] == run_folder.read("run")["weights_sha256"]
    assert record["data"]["name"] == "random pixels"
    printed = capsys.readouterr().out
    assert "Going on from run, a run of dcgan on random pixels, at its last checkpoint, of step 8:\n" in printed
    assert "  generator: all 3 layers with weights are taken over.\n" in printed

    best = different(small_model("dcgan", seed=2))
    state = tf.train.Checkpoint(state=[v.value for v in best.state()])
    tf.train.CheckpointManager(state, "run/best", max_to_keep=1).save(checkpoint_number=9)
    model = small_model("dcgan", seed=1)
    assert kerasgan.go_on_from("run", model)["checkpoint"] == "best"
    taken(best, model, "generator", "discriminator")


def test_a_discriminator_takes_the_layers_of_one_of_smaller_images(capsys):
    trained = different(DCGAN((16, 16, 1), latent_dim=4, width=4))
    trained.save("x.keras")
    model = DCGAN((32, 32, 1), latent_dim=4, width=4)
    before = values(weights(model.discriminator))
    record = kerasgan.go_on_from("x.keras", model, freeze=2)
    its = weights(trained.discriminator)  # a convolution with a bias, one with its normalisation, the score
    mine = weights(model.discriminator)
    assert_same(mine[:7], its[:7])
    for w, start in zip(mine[7:], before[7:], strict=True):
        np.testing.assert_array_equal(w.numpy(), start)
    assert record["networks"]["discriminator"]["taken_over"] == 3
    new = record["networks"]["discriminator"]["new"]
    assert new == ["layer 4 (Conv2D 4x4x8x16)", "layer 5 (BatchNormalization 16)", "layer 6 (Dense 256x1)"]
    assert record["networks"]["discriminator"]["why"] == "x.keras has none of that shape there"
    printed = capsys.readouterr().out
    assert f"discriminator: 3 of 6 layers with weights are taken over. New are {', '.join(new)}, as x.keras" in printed
    assert "  frozen: Conv2D 4x4x1x4, Conv2D 4x4x4x8.\n" in printed
    with pytest.raises(UserError, match=r"Conv2D 4x4x8x16 was to be frozen, and has no weights from x.keras"):
        kerasgan.go_on_from("x.keras", DCGAN((32, 32, 1), latent_dim=4, width=4), freeze=4)


def test_other_classes_leave_what_does_not_know_them(capsys):
    trained = different(small_model("projection_gan"))
    trained.save("x.keras")
    model = MODELS["projection_gan"](SHAPE, classes=CLASSES + 1, latent_dim=4, width=4)
    record = kerasgan.go_on_from("x.keras", model)
    new = [name for each in record["networks"].values() for name in each["new"]]
    assert new
    assert all(str(CLASSES + 1) in name or "Embedding" in name for name in new)
    assert "are taken over. New " in capsys.readouterr().out


def test_another_variant_takes_the_networks_of_the_same_name(capsys):
    trained = different(small_model("dcgan"))
    trained.save("x.keras")
    model = small_model("lsgan", seed=1)
    kerasgan.go_on_from("x.keras", model)
    taken(trained, model, "generator", "discriminator")

    model = small_model("wgan", seed=1)
    before = values(model.critic.weights)
    record = kerasgan.go_on_from("x.keras", model)
    taken(trained, model, "generator")
    np.testing.assert_equal(values(model.critic.weights), before)
    assert record["networks"]["critic"]["taken_over"] == 0
    assert record["left_out"] == ["discriminator"]
    printed = capsys.readouterr().out
    assert "critic: all 2 layers with weights are new, as x.keras has no critic.\n" in printed
    assert "left out: discriminator, as WGAN has no network of that name.\n" in printed


# ---- averages -------------------------------------------------------------------------------------------------------


def in_training(model):
    """What fit() trains, and the average of it, before the first step."""
    found = {}

    def look(_):
        found["trains"], found["average"] = values(model.generator.weights), values(model.average_of_weights.weights)

    keep = keras.callbacks.LambdaCallback(on_train_begin=look)
    model.fit(small_batches("dcgan"), epochs=1, steps_per_epoch=1, verbose=0, callbacks=[keep])
    return found


def averaging(seed=0):
    keras.utils.set_random_seed(seed)
    model = DCGAN(SHAPE, latent_dim=4, width=4, half_life=500)
    model.compile()
    return model


def test_an_average_and_what_trains_are_taken_over_each_as_its_own(steps_taken_eagerly):
    source = different(averaging())
    source.save("x.keras")
    model = averaging(seed=1)
    kerasgan.go_on_from("x.keras", model)
    taken(source, model, "generator", "discriminator")  # outside of fit(), a network is its average
    found = in_training(model)
    trains = {id(w): average.numpy() for w, average in source.average_of_weights.pairs}
    for w, now in zip(source.generator.weights, found["trains"], strict=True):
        np.testing.assert_array_equal(now, trains[id(w)])
    for (w, _), now in zip(source.average_of_weights.pairs, found["average"], strict=True):
        np.testing.assert_array_equal(now, w.numpy())


def test_where_there_is_one_set_of_weights_average_and_what_trains_start_with_it(steps_taken_eagerly):
    source = different(small_model("dcgan"))
    source.save("x.keras")
    averaging_source = different(averaging())
    averaging_source.export("saved")
    for place, its in [("x.keras", source), ("saved", averaging_source)]:
        model = averaging(seed=1)
        kerasgan.go_on_from(place, model)
        found = in_training(model)
        for w, now in zip(its.generator.weights, found["trains"], strict=True):
            np.testing.assert_array_equal(now, w.numpy())
        pairs = {id(w): i for i, (w, _) in enumerate(model.average_of_weights.pairs)}
        for mine, w in zip(model.generator.weights, its.generator.weights, strict=True):
            np.testing.assert_array_equal(found["average"][pairs[id(mine)]], w.numpy())


def test_an_average_is_what_a_model_without_one_starts_with():
    source = different(averaging())
    source.save("x.keras")
    model = small_model("dcgan", seed=1)
    kerasgan.go_on_from("x.keras", model)
    taken(source, model, "generator")


def test_of_a_paper_s_own_average_a_saved_model_has_that_alone():
    source = different(small_model("sgan"))
    source.export("saved")
    model = small_model("sgan", seed=1)
    kerasgan.go_on_from("saved", model)
    taken(source, model, "average", "generator")
    assert_same(weights(model.discriminator), weights(source.average))


# ---- SavedModels ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "half"), [("dcgan", False), ("cyclegan", True)])
def test_what_a_saved_model_holds_is_taken_over_in_its_order(key, half, capsys):
    source = different(small_model(key))
    source.export("saved", half=half)
    model = small_model(key, seed=1)
    record = kerasgan.go_on_from("saved", model)
    held = [name for name, each in record["networks"].items() if each["taken_over"]]
    assert held == {"dcgan": ["generator"], "cyclegan": ["G", "F"]}[key]
    for name in held:
        for mine, its in zip(weights(networks(model)[name]), weights(networks(source)[name]), strict=True):
            np.testing.assert_allclose(mine.numpy(), its.numpy(), rtol=1e-3 if half else 0)
    if key == "dcgan":
        printed = capsys.readouterr().out
        assert "discriminator: all 2 layers with weights are new, as saved has no discriminator.\n" in printed


def test_what_a_saved_model_has_no_use_for_starts_anew():
    source = small_model("fastgan")
    source.export("saved")
    generator = kerasgan.go_on_from("saved", small_model("fastgan", seed=1))["networks"]["generator"]
    assert all("NoiseInjection" in name for name in generator["new"])  # as samples are drawn without its noise
    assert generator["why"] == "saved does not hold their weights"


def test_a_trained_model_s_name_goes_on_as_another_variant(capsys):
    keras.utils.set_random_seed(0)
    model = LSGAN((28, 28, 1), latent_dim=32, width=32)
    record = kerasgan.go_on_from("dcgan_mnist", model)
    loaded = kerasgan.load("dcgan_mnist")
    z = np.random.default_rng(0).normal(size=(4, 32)).astype(np.float32)
    ours = kerasgan.images.to_uint8(model(z)).numpy().astype(int)
    assert np.abs(ours - loaded.decode(z)).max() <= 1
    assert record["source"] == "dcgan_mnist"
    assert record["variant"] == "dcgan"
    assert record["data"] == {name: loaded.about["data"][name] for name in record["data"]}
    assert record["kind"] == "SavedModel"
    assert "discriminator: all 6 layers with weights are new, as dcgan_mnist has no discriminator" in (
        capsys.readouterr().out
    )


def test_a_saved_model_whose_weights_are_in_another_order_is_not_believed(monkeypatch):
    different(small_model("srresnet")).export("saved")
    used = kerasgan.going_on._used

    def swapped(model, verb):
        """Two kernels of the same shape have changed places, as a graph of another version might have them."""
        found = used(model, verb)
        shapes = [tuple(w.shape) for w in found]
        i = next(i for i, shape in enumerate(shapes) if len(shape) == 4 and shapes.count(shape) > 1)
        j = shapes.index(shapes[i], i + 1)
        found[i], found[j] = found[j], found[i]
        return found

    monkeypatch.setattr(kerasgan.going_on, "_used", swapped)
    with pytest.raises(UserError, match="The weights in saved are not those that srresnet trains"):
        kerasgan.go_on_from("saved", small_model("srresnet", seed=1))


def test_what_was_exported_in_another_form_is_told_in_one_line():
    small_model("real_nvp").export("saved")  # whose kernels are normalised there once for all
    with pytest.raises(UserError, match="are not those that real_nvp trains: .* Go on from its run"):
        kerasgan.go_on_from("saved", small_model("real_nvp"))


def test_a_published_folder_has_more_in_its_keras_file(tmp_path):
    source = different(small_model("dcgan"))
    source.export(tmp_path / "published/saved_model")
    source.save(tmp_path / "published/model.keras")
    assert run_folder.trained("published") == run_folder.trained("published/model.keras").parent / "model.keras"
    model = small_model("dcgan", seed=1)
    kerasgan.go_on_from("published", model)
    taken(source, model, "generator", "discriminator")


# ---- what stays -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "policy"),
    [
        ("dcgan", "float32"),
        ("dcgan", "mixed_float16"),
        ("sgan", "float32"),
        ("wgan", "float32"),
        ("fastgan", "float32"),
    ],
)
def test_frozen_layers_stay_and_all_others_learn(key, policy, steps_taken_eagerly):
    keras.config.set_dtype_policy(policy)
    small_model(key).save("x.keras")
    model = small_model(key, seed=1)
    kerasgan.go_on_from("x.keras", model, freeze=1)
    if policy == "mixed_float16":
        for optimizer in model.optimizers.values():
            optimizer.dynamic_scale.assign(1.0)  # or the first steps are passed over
    (frozen,) = model.layers_to_freeze(1)
    (judge,) = (getattr(model, name) for name in model.judges_images)
    assert frozen is layers_with_weights(judge)[0]
    stay = [w for w in frozen.weights if w.trainable]
    others = [w for player in model.optimizers for w in model.weights_of(player)]
    assert not {id(w) for w in stay} & {id(w) for w in others}
    assert len(stay) + len(others) == len(model.trainable_weights)
    before = values(stay), values(others)
    for _ in range(2):
        model.train_on_batch(*of_batch(one_batch(model, key)))
    np.testing.assert_equal(values(stay), before[0])
    moved = {id(w) for w, start in zip(others, before[1], strict=True) if not np.array_equal(w.numpy(), start)}
    assert len(moved) > 0.8 * len(others)  # without biases that nothing reaches in the first steps
    assert moved & {id(w) for w in judge.weights}


def test_all_discriminators_of_images_are_frozen():
    model = small_model("cyclegan")
    model.freeze(2)
    for judge in (model.D_x, model.D_y):
        frozen = [w for layer in layers_with_weights(judge)[:2] for w in layer.weights]
        assert frozen
        assert not {id(w) for w in frozen} & {id(w) for player in model.optimizers for w in model.weights_of(player)}


def of_batch(batch):
    """What train_on_batch() takes: x, and y if there is one."""
    return batch if isinstance(batch, tuple) else (batch,)


def test_statistics_of_frozen_layers_go_on_being_measured(capsys, steps_taken_eagerly):
    model = DCGAN((32, 32, 1), latent_dim=4, width=4)
    model.save("x.keras")
    model.compile()
    kerasgan.go_on_from("x.keras", model, freeze=3)
    assert "BatchNormalization 8; what batch or spectral normalisation measures in them goes on" in (
        capsys.readouterr().out
    )
    normalization = model.layers_to_freeze(3)[-1]
    before = values(normalization.weights)
    model.train_on_batch(tf.random.uniform((4, 32, 32, 1), -1))
    moved = [not np.array_equal(a, b) for a, b in zip(values(normalization.weights), before, strict=True)]
    assert moved == [False, False, True, True]  # scale and shift; moving mean and variance


def test_freezing_is_before_or_after_compile(steps_taken_eagerly):
    small_model("dcgan").save("x.keras")
    model = DCGAN(SHAPE, latent_dim=4, width=4)
    kerasgan.go_on_from("x.keras", model, freeze=1)
    model.compile()  # every weight but the frozen ones has its mover
    before = values(model.layers_to_freeze(1)[0].weights)
    model.fit(small_batches("dcgan"), epochs=1, verbose=0)
    np.testing.assert_equal(values(model.layers_to_freeze(1)[0].weights), before)
    with pytest.raises(UserError, match="This DCGAN has begun to learn"):
        model.freeze(0)
    with pytest.raises(UserError, match="This DCGAN has learnt for 8 steps: build a new one"):
        kerasgan.go_on_from("x.keras", model)


# ---- on the command line --------------------------------------------------------------------------------------------


def test_a_run_that_went_on_is_resumed_without_its_source(tmp_path, capsys, steps_taken_eagerly):
    source = ["train", "dcgan", *SMALL, "--run", "source", "--epochs", "1", "--half-life", "500"]
    assert main(source) == 0
    options = [*SMALL, "--half-life", "500", "--seed", "3"]
    options = ["train", "lsgan", *options, "--from", "source", "--freeze", "1"]
    assert main([*options, "--run", "whole", "--epochs", "3"]) == 0
    printed = capsys.readouterr().out
    assert "Going on from source, a run of dcgan on digits, at its last checkpoint, of step 3:" in printed
    assert printed.index("Going on from") < printed.index("epoch 1/3")
    assert main([*options, "--run", "broken", "--epochs", "1"]) == 0
    first = callbacks.restore("source").discriminator.layers[1].get_weights()
    shutil.move("source", "gone")
    capsys.readouterr()
    assert main(["train", "lsgan", "--run", "broken", "--resume", "--epochs", "3"]) == 0
    assert "Going on" not in capsys.readouterr().out
    whole, broken = (recorded(tmp_path / run) for run in ("whole", "broken"))
    assert whole["weights_sha256"] == broken["weights_sha256"]
    assert whole["went_on_from"] == broken["went_on_from"]
    for a, b in zip(callbacks.restore("broken").discriminator.layers[1].get_weights(), first, strict=True):
        np.testing.assert_array_equal(a, b)

    went = whole["went_on_from"]
    assert (went["source"], went["kind"], went["variant"], went["freeze"]) == ("source", "run", "dcgan", 1)
    assert went["data"] == {name: recorded(tmp_path / "gone")["data"][name] for name in ("name", "sha256")}
    assert went["weights_sha256"] == recorded(tmp_path / "gone")["weights_sha256"]
    assert went["networks"] == {
        "generator": {"taken_over": 3, "new": []},
        "discriminator": {"taken_over": 2, "new": []},
    }
    exported = [json.loads((tmp_path / run / "saved_model/kerasgan.json").read_text()) for run in ("whole", "broken")]
    assert exported[0]["went_on_from"] == exported[1]["went_on_from"] == went

    again = ["train", "lsgan", "--run", "whole", "--resume"]
    assert f"whole was started with --from {tmp_path}/source, not gone" in said(capsys, *again, "--from", "gone")
    assert "whole was started with --freeze 1, not 0" in said(capsys, *again, "--freeze", "0")
    again[1], again[3] = "dcgan", "gone"
    assert "gone was started without --from: leave the option out" in said(capsys, *again, "--from", "whole")


def test_a_new_run_begins_at_step_0_with_the_weights_of_its_source(tmp_path, steps_taken_eagerly):
    source = trained("dcgan", "source")
    model, data = small_model("dcgan", seed=1), small_batches("dcgan")
    kerasgan.go_on_from("source", model)
    found = {}

    def look(_):
        found["generator"], found["step"] = values(model.generator.weights), model.run_steps

    keep = keras.callbacks.LambdaCallback(on_train_begin=look)
    watching = [callbacks.Record("new", data), callbacks.Checkpoints("new"), keep]
    model.fit(data, epochs=1, verbose=0, callbacks=watching)
    np.testing.assert_equal(found["generator"], values(source.generator.weights))
    assert found["step"] == 0
    assert recorded(tmp_path / "new")["steps"] == 8
    assert recorded(tmp_path / "new")["went_on_from"]["steps"] == 8


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("dcgan --from nowhere", "There is no nowhere"),
        ("dcgan --from dcgan_mnits", "There is no dcgan_mnits (did you mean dcgan_mnist?)"),
        ("dcgan --from file.txt", "file.txt is no .keras file"),
        ("dcgan --from broken.keras", "broken.keras cannot be read as a Keras model"),
        ("dcgan --from folder", "folder is neither a run folder nor a SavedModel"),
        ("dcgan --freeze 2", "--freeze keeps layers of a trained discriminator: say by --from of which model"),
        ("dcgan --freeze -1 --from x.keras", "-1 is not a whole number from 0"),
        ("dcgan --freeze 2 --from x.keras", "has 2 layers with weights, of which one at least has to learn: freeze 1"),
        ("vae --freeze 1 --from x.keras", "VAE has no discriminator of images"),
        (
            "autoencoder --from x.keras",
            "Nothing of x.keras fits this Autoencoder (encoder: x.keras has no encoder; ",
        ),
        (
            "dcgan --width 6 --from x.keras",
            "Nothing of x.keras fits this DCGAN (generator: those of x.keras have other",
        ),
        (
            "srgan --from x.keras --start-from y",
            "by --start-from, or goes on from a trained srgan by --from: leave out",
        ),
        ("dcgan --run folder --from x.keras", "folder exists"),
    ],
)
def test_mistakes_are_told_in_one_line_before_any_folder_is_made(arguments, expected, tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.txt").write_text("mine")
    (tmp_path / "broken.keras").write_text("mine")
    if "x.keras" in arguments:
        DCGAN((8, 8, 1), latent_dim=4, width=4).save("x.keras")
    key, *options = arguments.split()
    before = sorted(tmp_path.rglob("*"))
    small = ["--image-size", "8", *(["--width", "4"] if "--width" not in options else [])]
    small += ["--latent-dim", "4"] if key == "dcgan" else []
    assert expected in said(capsys, "train", key, *small[: 2 if key != "dcgan" else None], *options)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_second_stage_goes_on_from_what_has_all_of_its_first(capsys):
    small_model("srgan").save("whole.keras")
    model = small_model("srgan", seed=1)
    kerasgan.go_on_from("whole.keras", model)
    small_model("wgan_gp").save("first.keras")
    with pytest.raises(
        UserError, match="The encoder of first.keras cannot be taken over whole, and FAnoGAN starts from"
    ):
        kerasgan.go_on_from("first.keras", small_model("f_anogan"))
    (one,) = training.planned(kerasgan.variants.variant("srgan"), {"go_on_from": "whole.keras"})
    assert one.start_from is None


def test_a_keras_file_of_one_network_is_taken_for_the_network_of_its_name():
    source = different(small_model("dcgan"))
    source.generator.save("x.keras")
    model = small_model("dcgan", seed=1)
    record = kerasgan.go_on_from("x.keras", model)
    taken(source, model, "generator")
    assert record["networks"]["discriminator"]["taken_over"] == 0


def test_normalisation_alone_is_not_taken_over():
    """Of a network with other kernels, statistics of features that there are no more."""
    source = different(DCGAN((16, 16, 1), latent_dim=4, width=4))
    source.save("x.keras")
    model = DCGAN((16, 16, 1), latent_dim=4, width=4)
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(7), keras.layers.BatchNormalization()])
    other.save("other.keras")
    found = {each.network: each for each in compared(model, opened("other.keras"))}
    assert not any(each.like for each in found.values())
