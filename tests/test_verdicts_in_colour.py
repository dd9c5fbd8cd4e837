"""What the monitor says of runs that were recorded, and when; what it sees in colour pictures; overfitting."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from conftest import constant_logit, small_batches, small_model

import kerasgan
from kerasgan import callbacks, data, images, run_folder, training, variants
from kerasgan.callbacks import convergence, verdicts
from kerasgan.callbacks.record import Record
from kerasgan.data import Batches

RECORDED = Path(__file__).parent / "recorded"


def recorded(name):
    """Return the looks at a run: its measures, each of 64 samples, as they were recorded.

    digits  dcgan, digits at 32x32
    people  dcgan of half its width, minibatches of 32, 1,999 pictures of emoji's people_body at 64x64, mirrored
    good    the same pictures: R3GAN's loss, DiffAugment, an average of the weights
    few     dcgan as for people, 100 of the pictures at 32x32
    """
    return [{k: float(v) for k, v in row.items() if v} for row in run_folder.read_table(RECORDED / f"{name}.csv")]


def said(rows):
    """Return {step: the name of the verdict} of each look."""
    found = [verdicts.verdict(rows[: i + 1]) for i in range(len(rows))]
    return {int(row["step"]): one and one.name for row, one in zip(rows, found, strict=True)}


def without(rows, *names):
    return [{k: v for k, v in row.items() if k not in names} for row in rows]


# ---- recorded runs: what a person saw in the snapshots is said beside each ------------------------------------------


@pytest.mark.parametrize("left_out", [(), ("r_v",)])
def test_digits_are_healthy_when_they_can_be_read(left_out):
    """At step 101 spots, at 151 blotches with holes where digits have theirs, from 201 on digits."""
    names = said(without(recorded("digits"), *left_out))
    assert [names[step] for step in (1, 51, 101)] == [None] * 3
    assert names[151] == "still far"
    assert {names[step] for step in names if step > 151} == {"healthy"}


@pytest.mark.parametrize("left_out", [(), ("r_v",)])
def test_coloured_blotches_are_not_healthy(left_out):
    """To the end, blotches with checkerboards: a head and feet at most."""
    names = said(without(recorded("people"), *left_out))
    assert set(names.values()) == {None, "still far"}
    assert {names[step] for step in names if step > 401} == {"still far"}


def test_bodies_that_begin_are_still_far():
    """At step 201 spots, from 401 on bodies with outlines, hair and dress, that nobody would name one by one."""
    rows = recorded("good")
    found = verdicts.verdict(rows)
    assert found.name == "still far"
    assert f"went from {rows[0]['distance']:.2g} to {rows[-1]['distance']:.2g};" in found.evidence
    assert found.advice == verdicts.LONGER


def test_what_comes_no_nearer_needs_something_else():
    rows = judged_rows(11, distance=0.6, r_t=0.5)
    for row in rows[::2]:
        row["distance"] = 0.66  # samples that change are no "no learning"
    assert verdicts.verdict(rows[:9]).advice == verdicts.LONGER
    found = verdicts.verdict(rows)
    assert (found.name, found.advice) == ("still far", verdicts.OTHERWISE)
    assert found.evidence.endswith("They came no nearer in 10 looks.")
    rows[-1]["distance"] = 0.5
    assert verdicts.verdict(rows).advice == verdicts.LONGER


# ---- overfitting ----------------------------------------------------------------------------------------------------


def judged_rows(n, **measures):
    good = {"loss/d_loss": 1.0, "d_real": 0.9, "d_fake": 0.1, "accuracy": 0.9, "distance": 0.1, "diversity": 0.9}
    return [{"step": 1.0 + 100 * i, **good, "r_t": 1.0, "p": 0.0, **measures} for i in range(n)]


def test_held_out_images_that_are_taken_for_samples_show_overfitting():
    found = verdicts.verdict(judged_rows(5, r_v=0.6))
    assert found.name == "the discriminator overfits"
    assert " 60% down" in found.evidence
    assert found.advice == verdicts.AUGMENT
    assert verdicts.verdict(judged_rows(5, r_v=0.6, p=1.0)).advice == verdicts.MORE_IMAGES
    assert verdicts.verdict(judged_rows(5, r_v=0.4)).name == "healthy"
    assert verdicts.verdict([*judged_rows(4, r_v=0.6), *judged_rows(1, r_v=0.4)]).name == "healthy"


def test_a_hundred_pictures_are_learnt_by_heart():
    """Spots up to step 201, then noisy figures; at the end, about the same couples with a heart again and again.

    From step 801 on, after 256 epochs, the discriminator takes other pictures for samples rather than for pictures.
    """
    rows = recorded("few")
    names = said(rows)
    assert {names[step] for step in names if step < 501} == {None}
    assert {names[step] for step in names if 501 <= step < 1001} == {"still far"}
    assert {names[step] for step in names if step >= 1001} == {"the discriminator overfits"}
    assert verdicts.verdict(rows).advice == verdicts.AUGMENT
    found = verdicts.verdict(without(rows, "r_v"))  # r_t is high from the start, which says nothing
    assert (found.name, found.advice) == ("still far", verdicts.OTHERWISE)


def test_without_held_out_images_samples_have_to_become_worse():
    nearer, worse = judged_rows(4, distance=0.3), judged_rows(3, distance=0.5)
    found = verdicts.verdict(nearer + worse)
    assert found.name == "the discriminator overfits"
    assert "r_t = 1.00" in found.evidence
    assert "was 0.3, has grown to 0.5." in found.evidence
    assert verdicts.verdict(nearer + judged_rows(3, distance=0.32)).name == "still far"
    assert verdicts.verdict(nearer + judged_rows(3, distance=0.5, r_t=0.5)).name == "still far"
    assert verdicts.verdict(nearer + judged_rows(3, distance=0.5, r_v=0.0)).name == "still far"  # it is known better
    assert verdicts.verdict(judged_rows(4, distance=0.05) + judged_rows(3, distance=0.1)).name == "healthy"


def test_r_t_counts_signs_and_r_v_the_way_to_samples():
    model, batches = small_model("gan", (8, 8, 1)), small_batches("gan", (8, 8, 1))
    constant_logit(model, "discriminator", 2.0)
    look = convergence._Looker(model, batches, batches)._judged()
    assert (look["r_t"], look["p"]) == (1.0, 0.0)
    assert "r_v" not in look  # D(x) is D(G(z)): there is no way to samples
    probabilities = {"train": [0.9, 0.8, 0.4], "held out": [0.5, 0.3, 0.4]}
    model.judge = lambda x: (tf.constant(probabilities[x]), tf.constant([0.1, 0.1, 0.1]))
    looker = convergence._Looker(small_model("gan", (8, 8, 1)), batches)
    looker.model, looker.first, looker.held_out = model, "train", "held out"
    found = looker._judged()
    assert found["r_t"] == pytest.approx(1 / 3)
    assert found["r_v"] == pytest.approx((0.7 - 0.4) / (0.7 - 0.1))


@pytest.mark.parametrize(("augment", "p"), [("", 0.0), ("cutout", 1.0), ("ada", 0.25)])
def test_the_strength_of_an_augmentation_is_recorded(augment, p):
    batches = small_batches("gan")
    model = kerasgan.models.GAN(image_shape=batches.image_shape, latent_dim=4, width=8, augment=augment)
    if augment == "ada":
        model.augmentation.p.assign(p)
    assert convergence._Looker(model, batches).look()["p"] == p


def test_a_run_of_data_with_a_test_split_is_asked_of_it(tmp_path):
    for split in ("train", "test"):
        (tmp_path / "data" / split).mkdir(parents=True)
        for i, x in enumerate(np.random.default_rng(len(split)).integers(0, 256, (8, 8, 8, 3), np.uint8)):
            images.write_png(tmp_path / "data" / split / f"{i}.png", x)

    def held_out(folder):
        given = {"data": str(folder), "run": tmp_path / "run", "batch_size": 4, "image_size": (8, 8)}
        (one,) = training.planned(variants.variant("dcgan"), given)
        return training._held_out(one, training.prepared(one))

    found = held_out(tmp_path / "data")
    (test,) = (data.load(tmp_path / "data", split="test", batch_size=1, image_size=(8, 8)).columns,)
    np.testing.assert_array_equal(found.columns[0][np.arange(8)], test[0][np.arange(8)])
    assert held_out(tmp_path / "data/train") is None


def test_a_run_writes_what_held_out_images_show(tmp_path, steps_taken_eagerly):
    model, batches, run = small_model("gan"), small_batches("gan"), tmp_path / "run"
    watching = [Record(run, batches), callbacks.Convergence(run, batches, steps=4, held_out=small_batches("gan"))]
    model.fit(batches, epochs=1, verbose=0, callbacks=watching)
    rows = run_folder.read_table(run / "convergence.csv")
    assert {"r_t", "p"} <= set(rows[0])


# ---- features -------------------------------------------------------------------------------------------------------


def distance(made, real):
    made, real = convergence.features(made), convergence.features(real)
    to_real = np.linalg.norm(made[:, None] - real, axis=-1).mean()
    return (2 * to_real - convergence.mean_distance(made)) / convergence.mean_distance(real) - 1


def test_blotches_of_the_right_colours_in_the_right_places_are_far(real_data):
    """Gaussian noise of the photographs' own mean and covariance: 16x16 pixels tell it from no other photographs."""
    left, _ = data.side_by_side(real_data / "facades", (64, 64), 3)
    real = left.images[np.random.default_rng(0).permutation(len(left.images))[:192]]
    pixels = real.reshape(len(real), -1) - real.mean(axis=0).ravel()
    drawn = np.random.default_rng(1).normal(size=(64, len(pixels))) @ pixels / len(pixels) ** 0.5
    blotches = np.clip(drawn.reshape(64, *real.shape[1:]) + real.mean(axis=0), 0, 255).astype(np.uint8)
    assert abs(distance(real[:64], real[64:])) < 0.05
    assert distance(blotches, real[64:]) > verdicts.LIKE
    small = [tf.image.resize(x, (16, 16), "area").numpy().astype(np.uint8) for x in (blotches, real[64:])]
    assert distance(*small) < 0.1  # pixel by pixel, as images so small are compared


@pytest.mark.parametrize("shape", [(8, 8, 1), (16, 12, 3), (17, 9, 4), (20, 40, 1), (96, 64, 3)])
def test_images_of_any_size_have_features(shape):
    some = np.random.default_rng(0).integers(0, 256, (2, *shape), np.uint8)
    found = convergence.features(some)
    assert found.shape == (2, int(np.prod(shape)) if max(shape[:2]) <= 16 else 256)
    assert np.isfinite(found).all()


def test_one_picture_in_colour_is_looked_at():
    batches = Batches((np.zeros((1, 24, 24, 4), np.uint8),), "images", 1)
    found = convergence._Looker(small_model("gan", (24, 24, 4)), batches).look()
    assert "saturation" in found
    assert not {"distance", "diversity", "nearest", "novelty"} & set(found)
    assert all(np.isfinite(value) for value in found.values())
