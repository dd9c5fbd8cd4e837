"""What the monitor says of runs: nothing while they are healthy, and the right thing of those made to fail."""

import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import (
    CLASSES,
    assert_same,
    constant_logit,
    every_variant,
    small_batches,
    small_model,
    source_shape,
    two_devices,
    values,
)

import kerasgan
from kerasgan import callbacks, data, run_folder
from kerasgan.callbacks import convergence, verdicts
from kerasgan.callbacks.record import Record
from kerasgan.data import Batches
from kerasgan.errors import Diverged
from kerasgan.models import MODELS

SHAPE = (8, 8, 1)
HINGE_OR_PAIRS = ("projection_gan", "sngan", "sagan", "biggan", "fastgan", "r3gan", "conditional_r3gan")  # of scores
SLOW = ("f_anogan", "projection_gan", "sngan", "sagan", "biggan", "conditional_r3gan")  # at the papers' rates


def digits(key="gan", n=None, batch_size=16):
    """Batches of handwritten digits of 8 x 8 pixels, from 0 to 2, in the way that a variant takes them."""
    x, y = (column[:] for column in data.load("digits", "labelled", 16, SHAPE[:2]).columns)
    x, y = x[y < CLASSES][:n], y[y < CLASSES][:n]
    scale = SHAPE[0] // source_shape(key, SHAPE)[0]
    columns = {
        "images": (x,),
        "labelled": (x, y),
        "partly_labelled": (x, np.where(np.arange(len(y)) % 2, -1, y)),
        "pairs": (x[:, ::scale, ::scale], x),
        "domains": (x[y == 0], x[y == 1]),
    }[MODELS[key].takes]
    return Batches(columns, MODELS[key].takes, batch_size, classes=CLASSES)


def watch(model, batches, run, epochs, steps=50, first=()):
    """Train, and return run.json's verdict."""
    watching = [Record(run, batches), *first, callbacks.Convergence(run, batches, steps)]
    watching += [callbacks.StopWhenNotFinite(run)]
    model.fit(batches, epochs=epochs, verbose=0, callbacks=watching)
    return verdict_of(run)


def verdict_of(run):
    return json.loads((run / "run.json").read_text()).get("verdict")


def looks(run):
    return [{name: float(v) for name, v in r.items() if v} for r in run_folder.read_table(run / "convergence.csv")]


# ---- a healthy run of every variant ---------------------------------------------------------------------------------


@every_variant
def test_a_healthy_run_raises_no_alarm(key, tmp_path):
    batches = digits(key)
    model = small_model(key, SHAPE)
    if model.starts_from:  # an encoder of what a generator makes needs one that has learnt
        first = small_model(model.starts_from, SHAPE)
        first.fit(digits(model.starts_from), epochs=10, verbose=0)
        model.start_from(first)
    if key in SLOW:
        model.compile(**{player: keras.optimizers.Adam(1e-3, beta_1=0.5) for player in model.players()})
    epochs = -(-160 // batches.steps_per_epoch(model.batches_per_step))
    found = watch(model, batches, tmp_path / "run", epochs)
    rows = looks(tmp_path / "run")
    assert len(rows) > verdicts.LOOKS
    assert found is None or found["name"] in ("still far", "healthy"), (found, rows)
    judged = {"d_real", "d_fake", "accuracy"} if model.judges_in == "probabilities" else {"critic_gap", "ranking"}
    assert judged <= set(rows[-1]) or model.judge(batches.first(4)) is None
    measured = ("gradient", "weights", "last_loss", "oscillation")
    assert {f"{name}/{player}" for name in measured for player in model.players()} <= set(rows[-1])
    assert all(np.isfinite(value) for row in rows for value in row.values())


def game(**rates):
    """A GAN that learns the small digits in a few hundred steps; with other learning rates, it does not."""
    keras.utils.set_random_seed(0)
    model = kerasgan.models.GAN(image_shape=SHAPE, latent_dim=8, width=64)
    model.compile(**{player: keras.optimizers.Adam(rate, beta_1=0.5) for player, rate in rates.items()})
    return model


def test_a_gan_that_learns_is_healthy(tmp_path, capsys):
    found = watch(game(generator=1e-3, discriminator=1e-3), digits(), tmp_path / "run", 10)
    assert found["name"] == "healthy", (found, looks(tmp_path / "run"))
    first, last = looks(tmp_path / "run")[0], looks(tmp_path / "run")[-1]
    assert last["distance"] < verdicts.FAR < 1 < first["distance"]
    assert f"{last['distance']:.2g}, D(x) is {last['d_real']:.2f}" in found["evidence"]
    assert capsys.readouterr().out.count("Convergence: healthy. ") == 1  # it did not change


# ---- runs made to fail ----------------------------------------------------------------------------------------------


def test_a_discriminator_that_learns_far_faster_is_too_strong(tmp_path):
    found = watch(game(generator=1e-5, discriminator=5e-3), digits(), tmp_path / "run", 6)
    assert found["name"] == "discriminator too strong"
    last = looks(tmp_path / "run")[-1]
    assert f"right about {last['accuracy']:.0%} of images" in found["evidence"]
    assert f"D(G(z)) = {last['d_fake']:.2g}" in found["evidence"]
    assert found["advice"] == "Try a learning rate of the discriminator four times lower."


@pytest.mark.parametrize("frozen", ["generator", "discriminator"])
def test_a_frozen_player_does_not_learn(frozen, tmp_path):
    rates = {"generator": 1e-3, "discriminator": 1e-3} | {frozen: 0.0}
    found = watch(game(**rates), digits(), tmp_path / "run", 6)
    assert found["name"] == "no learning"
    assert found["evidence"].startswith(f"The weights of the {frozen} have not moved since step ")
    assert frozen in found["advice"]


@pytest.mark.parametrize("key", ["gan", "wgan_gp"])
def test_learning_rates_that_are_far_too_low_are_no_learning(key, tmp_path):
    model = small_model(key, SHAPE, **{player: keras.optimizers.Adam(1e-7) for player in small_model(key).players()})
    epochs = -(-270 // digits().steps_per_epoch(model.batches_per_step))
    found = watch(model, digits(), tmp_path / "run", epochs)
    assert found["name"] == "no learning"
    assert found["evidence"].startswith("Samples stay as they are, and as far from real images: ")


def test_a_model_without_a_discriminator_does_not_learn_if_its_loss_does_not_fall(tmp_path):
    found = watch(
        small_model("vae", SHAPE, autoencoder=keras.optimizers.Adam(1e-7)), digits("vae"), tmp_path / "run", 6
    )
    assert (found["name"], found["advice"]) == ("no learning", verdicts.HIGHER)
    assert found["evidence"].startswith("loss is ")


def test_a_loss_that_is_not_finite_is_told_before_the_run_stops(tmp_path, capsys):
    model = small_model("vae", SHAPE, autoencoder=keras.optimizers.Adam(1e6))
    with pytest.raises(Diverged):
        watch(model, digits("vae"), tmp_path / "run", 6)
    found = verdict_of(tmp_path / "run")
    assert (found["name"], found["advice"]) == ("diverged", verdicts.LOWER)
    assert re.search(r"is (nan|inf) at step \d+; it was [\d.]+ at step 1\.$", found["evidence"])
    assert "Convergence: diverged. " in capsys.readouterr().out


def test_a_loss_that_rises_has_diverged(tmp_path):
    model = small_model("autoencoder", SHAPE, autoencoder=keras.optimizers.Adam(30.0))
    found = watch(model, digits("autoencoder"), tmp_path / "run", 6)
    assert found["name"] == "diverged", looks(tmp_path / "run")
    assert found["evidence"].startswith("loss is ")


def test_a_generator_that_ignores_its_latents_has_collapsed(tmp_path):
    model = game(generator=1e-3, discriminator=1e-3)
    deaf = model.generator.layers[1].kernel  # of the first layer, which hears the latents
    deafen = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: deaf.assign(tf.zeros_like(deaf)),
        on_train_batch_end=lambda batch, logs: deaf.assign(tf.zeros_like(deaf)),
    )
    found = watch(model, digits(), tmp_path / "run", 6, first=[deafen])
    assert found["name"] == "mode collapse"
    assert found["evidence"].startswith("Samples differ from one another 0 times as much")


def test_a_generator_that_learns_too_fast_collapses(tmp_path):
    found = watch(game(generator=5e-2, discriminator=5e-4), digits(), tmp_path / "run", 10, steps=30)
    assert found["name"] == "mode collapse", looks(tmp_path / "run")
    assert found["advice"] == verdicts.SPREAD


def test_a_model_of_three_images_memorises_them(tmp_path):
    keras.utils.set_random_seed(0)
    model = kerasgan.models.GAN(image_shape=SHAPE, latent_dim=4, width=256)
    model.compile(**{player: keras.optimizers.Adam(2e-3, beta_1=0.5) for player in model.players()})
    found = watch(model, digits(n=3, batch_size=3), tmp_path / "run", 910, steps=150)
    assert found["name"] == "memorising", looks(tmp_path / "run")
    novelty = looks(tmp_path / "run")[-1]["novelty"]
    assert f"Samples are {novelty:.2g} times as far from one training image as from any other." == found["evidence"]


# ---- what each rule says of numbers ---------------------------------------------------------------------------------

GOOD = {"loss/d_loss": 1.0, "d_real": 0.7, "d_fake": 0.3, "accuracy": 0.8, "diversity": 0.9, "nearest": 0.8}
GOOD |= {"distance": 0.1, "saturation": 0.0, "novelty": 0.9, "class_entropy": 0.9, "weights/generator": 5.0}


def run_of(*changes):
    """Looks at a good run, the first and then as many as there are changes to it; its weights always move."""
    first = {**GOOD, "distance": 2.0, "diversity": 0.1, "nearest": 0.1}
    return [{**r, "step": 1.0 + 100 * i, "weights/generator": 5.0 + i} | c
            for i, (r, c) in enumerate(zip([first] + [GOOD] * len(changes), [{}, *changes]))]  # fmt: skip


STRONG = {"accuracy": 0.99, "d_fake": 0.001, "d_real": 0.999, "distance": 1.5}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ([{}, {}], None),  # too early
        ([{}, {}, {}], "healthy"),
        ([{}, {}, {}, {"diversity": 0.2}], None),  # a beginning of something
        ([{}, {}, {}, {"distance": 1.9}], None),
        ([{"distance": 0.21}] * 3, "still far"),
        ([{"distance": 0.19}] * 3, "healthy"),
        ([{"loss/d_loss": np.nan}], "diverged"),
        ([{"loss/d_loss": -1001.0}], "diverged"),
        ([{"loss/d_loss": 999.0}], None),
        ([{"saturation": 0.5}] * 3, "diverged"),
        ([{"saturation": 0.3}] * 3, "healthy"),
        ([STRONG] * 3, "discriminator too strong"),
        ([{}, STRONG, STRONG], None),
        ([STRONG | {"distance": d} for d in (1.5, 1.4, 1.3)], None),  # samples become better
        ([STRONG | {"distance": 0.2}] * 3, "healthy"),  # they are good
        ([STRONG | {"accuracy": 0.97}] * 3, "still far"),
        ([STRONG | {"d_fake": 0.03}] * 3, "still far"),
        ([{"weights/generator": 7.0}] * 3, "healthy"),  # the first look had other weights
        ([{"weights/generator": 7.0}] * 4, "no learning"),
        ([{"distance": 1.5, "diversity": 0.4}] * 4, "no learning"),
        ([{"distance": 1.5, "diversity": d} for d in (0.4, 0.41, 0.42, 0.43)], "still far"),
        ([{"diversity": 0.2}] * 3, None),  # variety that has not come yet
        ([{}, *[{"diversity": 0.2}] * 3], "mode collapse"),  # that was there, and went
        ([{}, *[{"nearest": 0.2}] * 3], "mode collapse"),
        ([{}, *[{"class_entropy": 0.2}] * 3], "mode collapse"),
        ([{"diversity": 0.01}] * 3, "mode collapse"),  # that is nothing at all
        ([{"diversity": 0.2}] * 9, None),
        ([{"diversity": 0.2}] * 10, "mode collapse"),  # that has not come for long
        ([{"diversity": 0.1 + 0.01 * i} for i in range(10)], None),  # but is on its way
        ([{"novelty": 0.4}] * 3, "memorising"),
        ([{"novelty": 0.4}] * 2, None),
        ([{"novelty": 0.6}] * 3, "healthy"),
        ([{}, *[{"novelty": 0.4, "nearest": 0.2}] * 3], "memorising"),  # few images have few kinds of samples
    ],
)
def test_a_verdict_needs_its_evidence(changes, name):
    found = verdicts.verdict(run_of(*changes))
    assert (found and found.name) == name
    assert found is None or (found.evidence.endswith((".", ").")) and found.advice.startswith("Try "))


def test_without_a_discriminator_the_loss_has_to_fall():
    def said(first_step, *losses):
        rows = [{"step": first_step + 100.0 * i, "loss/loss": x, "loss/rate": 9.0} for i, x in enumerate(losses)]
        found = verdicts.verdict(rows)
        return found and found.name

    assert said(1, 10.0, 9.9, 9.9) is None
    assert said(1, 10.0, 9.9, 9.9, 9.9) == "no learning"
    assert said(1, 10.0, 10.5, 10.4, 10.3) == "diverged"
    assert said(1, 10.0, 9.9, 9.9, 9.7) == "healthy"
    assert said(1, -10.0, -9.9, -9.9, -10.1) == "no learning"
    assert said(5000, 10.0, 9.9, 9.9, 9.9) == "healthy"  # it had learnt before


# ---- the measures ---------------------------------------------------------------------------------------------------


def looker(model, batches):
    return convergence._Looker(model, batches)


def test_measures_of_images_are_what_they_say():
    batches = digits("cgan", batch_size=64)
    model = small_model("cgan", SHAPE)
    look = looker(model, batches)
    real = tf.cast(tf.round((batches.first(537)[0] + 1) * 127.5), tf.uint8)
    same = look._of_samples(real[:64])
    assert same["novelty"] == 0  # they are training images
    assert abs(same["distance"]) < 0.1
    assert 0.8 < same["diversity"] < 1.2
    assert 0.7 < same["nearest"] < 1.3
    assert 0.8 < same["class_entropy"] < 1.05
    assert abs(same["saturation"]) < 0.05
    one = look._of_samples(tf.repeat(real[:1], 64, axis=0))
    assert (one["diversity"], one["nearest"], one["class_entropy"]) == (0, 0, 0)
    assert one["distance"] > 0.3
    white = look._of_samples(tf.fill((64, *SHAPE), tf.constant(255, tf.uint8)))
    assert white["saturation"] == pytest.approx(1 - convergence.share_at_the_ends(real[:].numpy()), abs=0.03)


@pytest.mark.parametrize(
    ("losses", "swings"),
    [([2.0], 0), ([2.0, 2.0, 2.0], 0), ([1.0, 3.0, 1.0, 3.0], 1), ([-4.0, -2.0], 2 / 3), ([0.0] * 3, 0)],
)
def test_a_loss_swings_by_its_changes_over_its_size(losses, swings):
    assert convergence.oscillation(losses) == pytest.approx(swings)


def test_probabilities_and_accuracy_are_the_discriminators():
    model = small_model("gan", SHAPE)
    constant_logit(model, "discriminator", 2.0)
    found = looker(model, digits())._judged()
    assert found["d_real"] == pytest.approx(1 / (1 + np.exp(-2.0)), rel=1e-5)
    assert found["d_fake"] == pytest.approx(found["d_real"])
    assert found["accuracy"] == 0.5  # right of all real images, and of no fake one


@every_variant
def test_to_judge_changes_nothing_and_goes_by_the_images(key):
    model, batch = small_model(key), small_batches(key).first(4)
    before = values(model.state())
    judged = model.judge(batch)
    for variable, value in zip(model.state(), before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, err_msg=variable.path)
    adversaries = {"discriminator", "discriminators", "critic"} & set(model.players())
    assert (judged is None) == (not adversaries)
    if judged is not None:
        real, fake = (side.numpy() for side in judged)
        assert len(real) == len(fake) == 4
        assert real.shape == fake.shape
        without_a_scale = "critic" in adversaries or key in HINGE_OR_PAIRS
        assert model.judges_in == ("scores" if without_a_scale else "probabilities")
        np.testing.assert_array_equal(fake, model.judge(batch)[1])
        assert not np.array_equal(real, fake)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_gradient_norms_are_those_of_the_loss_itself(policy):
    keras.config.set_dtype_policy(policy)
    model = small_model("vae", autoencoder=keras.optimizers.SGD(1.0))
    if policy == "mixed_float16":
        model.optimizers["autoencoder"].dynamic_scale.assign(128.0)
    before = values(model.weights_of("autoencoder"))
    model.train_step(small_batches("vae").first(4))
    moved = [w.numpy() - b for w, b in zip(model.weights_of("autoencoder"), before, strict=True)]
    expected = np.sqrt(sum((m.astype(np.float64) ** 2).sum() for m in moved))
    assert model.gradient_norms["autoencoder"].numpy() == pytest.approx(expected, rel=1e-3)


# ---- a run folder ---------------------------------------------------------------------------------------------------


def test_a_resumed_run_says_what_it_would_have_said(tmp_path):
    def trained(run, seed, *more):
        model, batches = small_model("dcgan", seed=seed), small_batches("dcgan")
        watching = [Record(run, batches, resume=seed > 0), callbacks.Convergence(run, batches, steps=3), *more]
        model.fit(batches, epochs=3, verbose=0, callbacks=[*watching, callbacks.Checkpoints(run, seconds=0)])
        return model

    whole = trained(tmp_path / "whole", 0)
    trained(tmp_path / "run", 0, callbacks.StopAt(13))
    resumed = trained(tmp_path / "run", 1)
    assert_same(whole.state(), resumed.state())
    text = (tmp_path / "whole/convergence.csv").read_text()
    assert [line.split(",")[0] for line in text.splitlines()[1:]] == [f"{s}" for s in range(1, 25, 3)]
    assert text == (tmp_path / "run/convergence.csv").read_text()
    assert verdict_of(tmp_path / "run") == verdict_of(tmp_path / "whole") is not None


def test_it_only_looks(tmp_path):
    model, other = small_model("gan"), small_model("gan")
    watch(model, small_batches("gan"), tmp_path / "run", 2, steps=1)
    other.fit(small_batches("gan"), epochs=2, verbose=0)
    assert_same(model.state(), other.state())


def test_two_devices_are_looked_at_as_one(tmp_path):
    with two_devices().scope():
        model = small_model("dcgan")
    watch(model, small_batches("dcgan"), tmp_path / "two", 1, steps=4)
    watch(small_model("dcgan"), small_batches("dcgan"), tmp_path / "one", 1, steps=4)
    two, one = looks(tmp_path / "two")[0], looks(tmp_path / "one")[0]  # after one step
    assert set(two) == set(one)
    assert two["gradient/generator"] == pytest.approx(one["gradient/generator"], rel=1)  # of another half of the noise
    assert two["distance"] == pytest.approx(one["distance"], rel=0.1)
    assert two["d_real"] == pytest.approx(one["d_real"], abs=0.1)


def test_tensorboard_has_the_measures_and_each_new_verdict(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    model = small_model("gan", SHAPE, generator=keras.optimizers.Adam(0.0))
    watch(model, digits(), tmp_path / "run", 3, steps=10)
    (file,) = (tmp_path / "run/tensorboard").iterdir()
    events = EventAccumulator(str(file), size_guidance={"tensors": 0})
    events.Reload()
    assert {"convergence/d_fake", "convergence/gradient/generator", "convergence/verdict"} <= set(
        events.Tags()["tensors"]
    )
    (text,) = events.Tensors("convergence/verdict")
    assert tf.make_ndarray(text.tensor_proto).item().startswith(b"Convergence: no learning. The weights of the gen")


# ---- little data, and lopsided --------------------------------------------------------------------------------------


def pictures(n, alike=False):
    """Random pictures, or one of them n times."""
    found = np.random.default_rng(0).integers(0, 256, (n, *SHAPE), np.uint8)
    return np.repeat(found[:1], n, axis=0) if alike else found


def labelled(labels, takes="labelled"):
    labels = np.array(labels, np.int32)
    return Batches((pictures(len(labels)), labels), takes, 2, classes=CLASSES)


NEVER = {"diversity", "distance", "nearest", "novelty"}  # of pictures that differ in nothing


@pytest.mark.parametrize(
    ("key", "batches", "unknown"),
    [
        ("gan", Batches((pictures(1),), "images", 1), NEVER),
        ("gan", Batches((pictures(3, alike=True),), "images", 2), NEVER),
        ("gan", Batches((np.zeros((3, *SHAPE), np.uint8),), "images", 2), NEVER),
        ("gan", Batches((pictures(2),), "images", 1), set()),
        ("cyclegan", Batches((pictures(5), pictures(1)), "domains", 1), NEVER - {"novelty"}),
        ("cgan", labelled([1] * 8), {"class_entropy"}),
        ("cgan", labelled([0, 1] + [1] * 8), set()),
        ("sgan", labelled([2] + [-1] * 9, "partly_labelled"), {"class_entropy"}),
        ("sgan", labelled([2, 0] + [-1] * 8, "partly_labelled"), set()),
    ],
)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_what_cannot_be_measured_is_left_out(key, batches, unknown):
    found = looker(small_model(key, SHAPE), batches).look()
    known = {"saturation", "diversity", "distance", "nearest"} | ({"novelty"} if key != "cyclegan" else set())
    known |= {"class_entropy"} if key in ("cgan", "sgan") else set()
    assert known & set(found) == known - unknown
    assert all(np.isfinite(value) for value in found.values())


def test_a_run_of_one_picture_trains_and_is_resumed(tmp_path):
    batches, run = Batches((pictures(1),), "images", 1, about={"name": "one"}), tmp_path / "run"
    for resume, epochs in ((False, 2), (True, 3)):
        model = small_model("vae", SHAPE)
        model.fit(batches, epochs=epochs, verbose=0, callbacks=callbacks.standard(run, batches, resume))
    assert int(model.step.numpy()) == 3
    assert {"timeline.gif", "losses.png", "saved_model"} <= {path.name for path in run.iterdir()}
    (first,) = looks(run)
    assert "saturation" in first
    assert "distance" not in first
    assert len((run / "tensorboard/latents.tsv").read_text().splitlines()) == 1


def test_images_with_a_label_are_not_looked_at_more_often_than_others():
    model, few = small_model("sgan", SHAPE), labelled([2] + [-1] * 9, "partly_labelled")
    look = looker(model, few)
    assert len(look.real) == len(np.unique(look.real, axis=0)) == 10
    assert look.spread == pytest.approx(looker(small_model("gan", SHAPE), Batches(few.columns[:1], "images", 2)).spread)


@pytest.mark.parametrize("left_out", [NEVER, {"class_entropy"}, {"distance"}, NEVER | {"class_entropy"}])
@pytest.mark.parametrize("change", [{}, STRONG, {"diversity": 0.01}, {"saturation": 0.5}, {"weights/generator": 7.0}])
def test_a_verdict_goes_by_what_was_measured(left_out, change):
    rows = [{n: v for n, v in row.items() if n not in left_out} for row in run_of(*[change] * 5)]
    found = verdicts.verdict(rows)
    if {"saturation", "weights/generator"} & set(change):
        assert found.name in ("diverged", "no learning")
    elif "diversity" in change and "diversity" not in left_out:
        assert found.name == "mode collapse"
    elif "accuracy" in change and "distance" not in left_out:
        assert found.name == "discriminator too strong"
    else:
        assert found is not None
        assert found.name == "healthy"
        assert ("The distance of samples" in found.evidence) == ("distance" not in left_out)


def test_a_look_at_a_broken_loss_is_no_look_at_weights():
    rows = run_of({}, {}, {}, {})
    rows[2] = {"step": 201.0, "loss/d_loss": np.nan}
    assert verdicts.verdict(rows) is None or verdicts.verdict(rows).name == "healthy"


def test_a_loss_that_stays_broken_is_one_row(tmp_path):
    batches, run = small_batches("vae"), tmp_path / "run"
    model = small_model("vae", autoencoder=keras.optimizers.SGD(float("inf")))
    model.fit(
        batches, epochs=2, verbose=0, callbacks=[Record(run, batches), callbacks.Convergence(run, batches, steps=2)]
    )
    rows = looks(run)
    assert 1 <= len(rows) <= 2
    assert not np.isfinite(rows[-1]["loss/loss"])
    assert verdict_of(run)["name"] == "diverged"
