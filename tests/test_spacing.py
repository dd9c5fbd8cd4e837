"""What a run writes is bounded, whatever its length, and tells the whole story."""

import keras
import numpy as np
import pytest
from conftest import assert_same, small_batches, small_model
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kerasgan import callbacks, film, run_folder
from kerasgan.callbacks import convergence, history, snapshots, tensorboard
from kerasgan.spacing import due, gap


def dues(of, most, begin=0):
    return [n for n in range(begin, of + 1) if due(n, of, most)]


@pytest.mark.parametrize("of", [1, 40, 99, 100])
def test_of_a_short_run_everything_is_written(of):
    assert dues(of, 100) == list(range(of + 1))


@pytest.mark.parametrize("of", [101, 1200, 25_600, 300_000])
def test_of_a_long_run_about_a_hundred_are_written_and_the_first_ones_without_a_gap(of):
    found = dues(of, 100)
    assert 50 < len(found) <= (150 if of <= 25_600 else 200)
    assert found[:13] == list(range(13))
    gaps = np.diff(found)
    assert (np.diff(gaps) >= 0).all()  # closer as training begins
    assert gaps.max() <= of / 50
    assert of - found[-1] < of / 50


def test_what_is_due_of_a_longer_run_was_due_of_the_shorter_one():
    for shorter, longer in ((40, 150), (150, 300), (1000, 1001), (130, 5000)):
        assert set(dues(longer, 100)) & set(range(shorter + 1)) <= set(dues(shorter, 100))


def test_what_has_few_pictures_has_few_rows_for_them():
    for of in (150, 1200, 30_000):
        assert set(dues(of, 100)) <= set(dues(of, 1000)) <= set(dues(of, 10_000))
    assert dues(64, 1) == [0, 64]
    assert gap(0, 10**9, 100) == 1


# ---- run folders ----------------------------------------------------------------------------------------------------


@pytest.fixture
def short(monkeypatch):
    """Twelve epochs are a long run."""
    monkeypatch.setattr(snapshots, "PICTURES", 4)
    monkeypatch.setattr(tensorboard, "HISTOGRAMS", 4)
    monkeypatch.setattr(history, "ROWS", 8)
    monkeypatch.setattr(history, "POINTS", 4)
    monkeypatch.setattr(convergence, "MOST_LOOKS", 4)


def fit(run, epochs, resume=False, more=()):
    """Train in epochs of one step, with a look at each."""
    model, batches = small_model("gan", seed=int(resume)), small_batches("gan", examples=4)
    watching = [callbacks.Record(run, batches, resume), callbacks.Convergence(run, batches, steps=1)]
    watching += [callbacks.Snapshots(run, batches), callbacks.History(run), callbacks.Histograms(run), *more]
    model.fit(batches, epochs=epochs, verbose=0, callbacks=[*watching, callbacks.Checkpoints(run, seconds=1000)])
    return model


def steps_of(run):
    found = {}
    for file in (run / "tensorboard").glob("events.*"):
        events = EventAccumulator(str(file), size_guidance={"tensors": 0})
        events.Reload()
        for tag in events.Tags()["tensors"]:
            found.setdefault(tag, []).extend(e.step for e in events.Tensors(tag))
    return found


def column(run, table, name):
    return [int(row[name]) for row in run_folder.read_table(run / table)]


def test_a_long_run_writes_some_of_its_epochs_and_the_last_one(tmp_path, short):
    run = tmp_path / "run"
    fit(run, 13)
    assert sorted(film.snapshots(run)) == [0, 4, 8, 12, 13]
    assert list(film.scene(run).snapshots) == [0, 4, 8, 12, 13]
    assert column(run, "history.csv", "epoch") == [1, 2, 4, 6, 8, 10, 12, 13]
    assert column(run, "convergence.csv", "step") == [1, 5, 9, 13]
    found = steps_of(run)
    assert found["snapshot"] == [0, 4, 8, 12, 13]
    assert found["generator/g_loss"] == found["discriminator/learning_rate"] == [4, 8, 12, 13]
    assert found["convergence/d_fake"] == [1, 5, 9, 13]
    (histogram, *_) = (steps for tag, steps in found.items() if "/000_" in tag)
    assert histogram == [0, 4, 8, 12, 13]


@pytest.mark.parametrize("first", [3, 13])
def test_a_run_that_goes_on_for_longer_keeps_what_it_would_have_written(tmp_path, short, first):
    whole = fit(tmp_path / "whole", 21)
    fit(tmp_path / "run", first)
    (tmp_path / "run/snapshots/mine.png").write_text("not a snapshot")
    resumed = fit(tmp_path / "run", 21, resume=True)
    assert_same(whole.state(), resumed.state())
    assert sorted(film.snapshots(tmp_path / "run")) == sorted(film.snapshots(tmp_path / "whole")) == [0, 8, 16, 21]
    assert (tmp_path / "run/snapshots/mine.png").exists()
    for shown, path in film.snapshots(tmp_path / "run").items():
        assert path.read_bytes() == film.snapshots(tmp_path / "whole")[shown].read_bytes()
    for name in ("history.csv", "convergence.csv"):
        ours, theirs = (run_folder.read_table(tmp_path / run / name) for run in ("run", "whole"))
        if name == "convergence.csv":  # how a loss swings is between looks, and a shorter run had more of them
            ours, theirs = ([{n: v for n, v in r.items() if "oscillation" not in n} for r in t] for t in (ours, theirs))
        assert ours == theirs


def test_where_a_run_is_stopped_it_has_its_last_epoch_until_it_goes_on(tmp_path, short):
    run, stop = tmp_path / "run", keras.callbacks.LambdaCallback()
    stop.on_epoch_end = lambda epoch, logs: setattr(stop.model, "stop_training", epoch == 8)  # after all that writes
    fit(run, 13, more=[stop])
    assert sorted(film.snapshots(run)) == [0, 4, 8, 9]
    assert column(run, "history.csv", "epoch")[-2:] == [8, 9]
    fit(run, 13, resume=True)
    assert sorted(film.snapshots(run)) == [0, 4, 8, 12, 13]
    assert column(run, "history.csv", "epoch") == [1, 2, 4, 6, 8, 10, 12, 13]


def test_large_pictures_are_fewer(tmp_path, monkeypatch):
    pixels = (12 + 2) * 8 + 2, (8 + 2) * 8 + 2
    monkeypatch.setattr(snapshots, "MEGABYTES", 4 * pixels[0] * pixels[1] / 2**20)
    fit(tmp_path / "run", 12)
    assert sorted(film.snapshots(tmp_path / "run")) == [0, 4, 8, 12]
    assert len(column(tmp_path / "run", "history.csv", "epoch")) == 12


# ---- tables ---------------------------------------------------------------------------------------------------------


def test_a_row_that_was_cut_off_is_left_out_and_written_again(tmp_path):
    path = tmp_path / "table.csv"
    table = run_folder.Table(path, [])
    for epoch in range(1, 4):
        table.add({"epoch": epoch, "loss": 0.5})
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    rows = run_folder.read_table(path)
    assert [row["epoch"] for row in rows] == ["1", "2"]
    run_folder.Table(path, rows).add({"epoch": 3, "loss": 0.5})
    assert path.read_bytes() == whole


def test_a_row_may_have_names_that_those_before_it_lack(tmp_path):
    path = tmp_path / "table.csv"
    table = run_folder.Table(path, [])
    table.add({"epoch": 1, "loss": 3.0})
    table.add({"epoch": 2, "loss": 2.0, "val_loss": 2.5})
    table.add({"epoch": 3, "loss": 1.0})
    assert path.read_text() == "epoch,loss,val_loss\n1,3.0,\n2,2.0,2.5\n3,1.0,\n"


def test_a_long_table_is_not_written_anew_for_a_row(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    table = run_folder.Table(path, [])
    table.add({"epoch": 1, "loss": 3.0})
    monkeypatch.setattr(run_folder, "write_table", None)
    table.add({"epoch": 2, "loss": 2.0})
    assert [row["loss"] for row in run_folder.read_table(path)] == ["3.0", "2.0"]
