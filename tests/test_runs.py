"""Runs of any name, with data that moved, from models that were trained before, two at once, and interrupted ones."""

import dataclasses
import importlib
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import assert_same, small_batches, small_model
from PIL import Image

import kerasgan
from kerasgan import callbacks, paths, run_folder, training
from kerasgan.callbacks import record
from kerasgan.cli import main
from kerasgan.errors import UserError
from kerasgan.held_out import HeldOut
from kerasgan.variants import variant

train = importlib.import_module("kerasgan.cli.train")

SMALL = ["--image-size", "8", "--batch-size", "2", "--width", "4"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write_pictures(folder, seed=0):
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for i in range(6):
        Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(folder / f"{i}.png")


def said(capfd, *arguments):
    """Run a command that goes wrong; return its one line."""
    assert main(list(arguments)) == 2
    error = capfd.readouterr().err
    assert error.startswith("kerasgan: ")
    assert error.count("\n") == 1
    return error


# ---- names ----------------------------------------------------------------------------------------------------------

NAMES = [
    "cats [v2]",
    "[",
    "a*b?c",
    'it\'s "so"',
    "漢字",
    "-x",
    "50%d",
    "back\\slash",
    "new\nline",
    os.fsdecode(b"caf\xe9"),  # latin-1
    "a:b",
    "~no-such-user",
    "$a$ {b}",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("below", ["", "run"])
def test_a_checkpoint_in_a_folder_of_any_name_is_found_read_and_deleted(name, below, tmp_path):
    folder = tmp_path / name / below / "checkpoints"
    folder.mkdir(parents=True)
    assert callbacks.newest(folder) is None
    variable = tf.Variable(0.0)
    checkpoint = tf.train.Checkpoint(v=variable)
    manager = tf.train.CheckpointManager(checkpoint, paths.for_tensorflow(folder), max_to_keep=2)
    for i in range(4):
        variable.assign(float(i))
        manager.save(checkpoint_number=i)
    assert sorted(p.name for p in folder.glob("*.index")) == ["ckpt-2.index", "ckpt-3.index"]
    assert callbacks.newest(folder) == folder / "ckpt-3"
    variable.assign(9.0)
    checkpoint.restore(paths.for_tensorflow(callbacks.newest(folder)))
    assert variable.numpy() == 3.0


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_saved_model_has_any_name(name, tmp_path):
    weight = tf.Variable([1.0, 2.0])
    spec = [tf.TensorSpec((), tf.float32, "x")]
    about = {"variant": "none"}
    kerasgan.saved_model.write(tmp_path / name / "saved_model", {"decode": (lambda x: x * weight, spec)}, about)
    np.testing.assert_array_equal(kerasgan.load(tmp_path / name).decode(x=3.0), [3.0, 6.0])


def test_a_plain_name_stays_as_it_is(tmp_path):
    for path in ("runs/dcgan-digits", "/a b/c.d/ckpt-1", "relative"):
        assert paths.for_tensorflow(path) == path
    odd = tmp_path / "a [b]"
    odd.mkdir()
    (odd / "file").write_text("found")
    assert Path(paths.for_tensorflow(odd / "file")).read_text() == "found"
    assert Path(paths.for_tensorflow("a [b]/file")).read_text() == "found"


def test_a_name_that_tensorflow_cannot_be_given_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    def refused(*arguments, **more):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refused)
    with pytest.raises(UserError, match=r"runs/\[b\] is no name for TensorFlow \(Operation not permitted\): [^\n]+$"):
        callbacks.standard("runs/[b]", small_batches("gan"))
    assert not (tmp_path / "runs").exists()


def test_a_run_of_an_odd_name_trains_resumes_generates_and_is_pasted(tmp_path, capfd):
    name = "it's [v2] *? 50%d \\ $a$ new\nline" + os.fsdecode(b"\xe9")
    write_pictures(tmp_path / "-d" / name)
    assert main(["train", "gan", f"--data=-d/{name}", *SMALL, "--steps", "4"]) == 0
    printed = capfd.readouterr()
    assert "Error" not in printed.err
    run = Path("runs") / f"gan-{name}"
    words = shlex.split(printed.out.partition("Next:")[2])
    starts = [i for i, word in enumerate(words) if word == "kerasgan"]
    use, board, again = (words[i + 1 : j] for i, j in zip(starts, [*starts[1:], None]))
    assert use == ["generate", str(run), "-n", "64", "--seed", "0", "-o", str(run / "samples.png")]
    assert board == ["tensorboard", str(run)]
    assert main(use) == main(again) == 0
    assert Image.open(run / "samples.png").size == (82, 82)
    assert int(kerasgan.restore(run).step.numpy()) == 12
    assert len(list((run / "checkpoints").glob("*.index"))) == 2
    assert (run / "timeline.mp4").stat().st_size > 100
    capfd.readouterr()  # pytest itself could not print it


def test_what_begins_with_a_dash_is_pasted_as_a_path():
    assert paths.for_shell(Path("-x/run")) == "./-x/run"
    assert paths.for_shell("my photos") == "'my photos'"
    assert paths.for_shell(Path("runs/dcgan-digits")) == "runs/dcgan-digits"
    one = training.Training(variant("pix2pix"), Path("-x"), data="-d [1]", halves=True)
    assert train._use(one) == ("kerasgan translate ./-x './-d [1]' --half left -o ./-x/translated.png")


def test_a_tilde_is_a_home_where_there_is_one(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert paths.expanded("~/x") == Path("/home/me/x")
    assert paths.expanded("~no-such-user/x") == Path("~no-such-user/x")
    assert paths.expanded("x/~") == Path("x/~")


def test_what_is_named_like_a_home_that_there_is_not_is_found_and_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    here = Path("~no-such-user")
    here.mkdir()
    Image.fromarray(np.full((12, 8), 40, np.uint8)).save(here / "x.png")
    small_model("vae").export("~no-such-user/vae")
    assert main(["reconstruct", "~no-such-user/vae", "~no-such-user/x.png", "-o", "~no-such-user/y.png"]) == 0
    assert (tmp_path / "~no-such-user/y.png").is_file()
    assert main(["explore", "~no-such-user/vae", "interpolate", "~no-such-user/x.png", "0", "-o", f"{here}/z.png"]) == 0
    assert main(["tensorboard", "~no-such-user/run"]) == 2
    assert main(["train", "~no-such-user/own.py"]) == 2
    assert main(["evaluate", "~no-such-user/vae", "--data", "digits", "--features", "~no-such-user/net.keras"]) == 2
    said = capsys.readouterr().err
    for missing in ("There is no folder ~no-such-user/run", "There is no file ~no-such-user/own.py"):
        assert missing in said
    assert "There is no network ~no-such-user/net.keras" in said
    assert kerasgan.load("~no-such-user/vae").about["variant"] == "vae"
    kerasgan.explore.interpolate(kerasgan.load("~no-such-user/vae"), [0, 1], steps=2).save("~no-such-user/w.png")
    assert (here / "w.png").is_file()
    with pytest.raises(UserError, match="~no-such-user is no run folder"):
        kerasgan.restore("~no-such-user")


def test_python_finds_runs_and_films_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    data = kerasgan.data.load("digits", batch_size=900)
    model = kerasgan.models.GAN(data.image_shape, 4, 8)
    model.compile()
    model.fit(data, epochs=1, verbose=0, callbacks=callbacks.standard("~/run", data))
    assert int(kerasgan.restore("~/run").step.numpy()) == 1
    kerasgan.film.write(kerasgan.film.scene("~/run"), "~/film.gif")
    assert (tmp_path / "film.gif").is_file()


@pytest.mark.parametrize(
    ("data", "run"),
    [
        ("photos.v1", "dcgan-photos.v1"),
        ("photos.v2/", "dcgan-photos.v2"),
        ("a/photos.npz", "dcgan-photos"),
        ("mnist", "dcgan-mnist"),
        (".hidden", "dcgan-.hidden"),
    ],
)
def test_a_run_is_named_after_the_whole_name_of_its_data(data, run):
    assert training._default_run(variant("dcgan"), {"data": data}) == Path("runs") / run


# ---- data that moved ------------------------------------------------------------------------------------------------


def test_a_run_is_resumed_wherever_its_data_is(tmp_path, monkeypatch, capfd, steps_taken_eagerly):
    write_pictures(tmp_path / "plain")
    write_pictures(tmp_path / "other", seed=1)
    run = str(tmp_path / "run")
    resume = ["train", "gan", "--run", run, "--resume"]
    assert main(["train", "gan", "--data", "plain", *SMALL, "--steps", "1", "--run", run]) == 0
    about = json.loads((tmp_path / "run/run.json").read_text())
    assert (about["data"]["name"], about["place"]) == ("plain", str(tmp_path / "plain"))

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main([*resume, "--steps", "2"]) == 0  # of a relative name, from another folder
    monkeypatch.chdir(tmp_path)
    capfd.readouterr()

    (tmp_path / "plain").rename(tmp_path / "moved")
    for more in ([], ["--data", about["settings"]["data"]]):
        gone = said(capfd, *resume, "--steps", "3", *more)
        assert f"run was trained on {tmp_path}/plain, which is not there: give --data with where it is now." in gone
    assert "was started with --data" in said(capfd, *resume, "--data", "digits")
    other = said(capfd, *resume, "--data", "other", "--steps", "3")
    assert "cannot be resumed with another data: " in other
    assert "sha256 (it was " in other
    assert json.loads((tmp_path / "run/run.json").read_text())["steps"] == 2

    assert main([*resume, "--data", "moved/", "--steps", "3"]) == 0
    about = json.loads((tmp_path / "run/run.json").read_text())
    assert (about["data"]["name"], about["place"], about["steps"]) == ("moved/", str(tmp_path / "moved"), 3)
    (tmp_path / "run").rename(tmp_path / "renamed")
    assert main(["train", "gan", "--run", "renamed", "--resume", "--steps", "4"]) == 0


@pytest.fixture
def recorded(tmp_path):
    """Write what a run of an older version kept of its data."""

    def write(name, **data):
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        settings = {"data": name, "task": "images"}
        about = {"variant": "gan", "settings": settings, "plan": {"epochs": 1, "steps": None}, "hyperparameters": {}}
        run_folder.write(folder, {**about, "data": {"name": name, **data}})
        return {"run": folder, "resume": True}

    return write


def test_a_run_that_kept_no_place_is_resumed_as_before(recorded, tmp_path):
    about = variant("gan")
    given = recorded("photos")
    with pytest.raises(UserError, match=r"run was trained on photos, which is not there: give --data with where"):
        training.planned(about, given)
    (tmp_path / "photos").mkdir()
    assert training.planned(about, given)[0].data == "photos"
    for name, data in (("mnist", {"version": "3.0.1"}), ("digits", {})):
        assert training.planned(about, recorded(name, **data))[0].data == name
    with pytest.raises(UserError, match=r"started with --data digits, not mnist"):
        training.planned(about, {**given, "data": "mnist"})


def test_only_the_digest_tells_whether_data_is_the_same(tmp_path):
    def fit(name, resume, **changed):
        model, batches = small_model("gan"), small_batches("gan")
        batches.about = {"name": name}
        vars(batches).update(changed)
        model.fit(batches, epochs=1, verbose=0, callbacks=[record.Record(tmp_path / "run", batches, resume)])

    fit("here", False)
    fit("there", True)
    assert run_folder.read(tmp_path / "run")["data"]["name"] == "there"
    with pytest.raises(UserError, match=r"another data: batch_size \(it was 4, not 8\)\.$"):
        fit("there", True, batch_size=8)


def test_a_model_says_that_its_data_moved(tmp_path):
    gone = HeldOut({"name": "photos"}, (8, 8, 1), split="train")
    with pytest.raises(UserError, match=r"^The model was trained on photos, which is not there: give --data [^\n]+$"):
        gone.images(2)
    write_pictures(tmp_path / "new place")
    assert len(HeldOut({"name": "photos"}, (8, 8, 1), "new place", "train").images(9)) == 6
    with pytest.raises(UserError, match=r"^(?!The model was trained on mnist, which is not there)"):  # it has no place
        HeldOut({"name": "mnist"}, (8, 8, 1), data_dir=str(tmp_path), split="nothing").images(2)


def test_a_first_stage_may_move_and_be_no_other(recorded, tmp_path):
    about = dataclasses.replace(variant("gan"), starts_from="dcgan")
    given = recorded("digits")
    run = given["run"]
    written = run_folder.read(run)
    run_folder.write(run, {**written, "started_from_sha256": "abc"})
    moved = tmp_path / "moved"
    moved.mkdir()
    run_folder.write(moved, {"variant": "dcgan", "weights_sha256": "abc"})
    (stage,) = training.planned(about, {**given, "start_from": str(moved)})
    assert stage.start_from == moved
    assert stage.settings()["start_from"] == str(moved)
    run_folder.write(moved, {"variant": "dcgan", "weights_sha256": "other"})
    moved.rename(tmp_path / "run-dcgan")  # the first stage went on where it was, which is no matter
    assert training.planned(about, given)[0].start_from == tmp_path / "run-dcgan"
    (tmp_path / "run-dcgan").rename(moved)
    with pytest.raises(UserError, match=r"started from weights with the SHA-256 abc, and those of \S+moved have other"):
        training.planned(about, {**given, "start_from": str(moved)})


# ---- a run of a model that was trained before -----------------------------------------------------------------------


def trained_before(tmp_path):
    """A model with 5 steps behind it, which is no whole number of epochs."""
    path = tmp_path / "before.keras"
    if not path.exists():
        model = small_model("dcgan")
        model.fit(small_batches("dcgan"), steps_per_epoch=5, verbose=0)
        model.save(path)
    return keras.models.load_model(path)


def go_on(run, model, last_step, resume=False):
    batches = small_batches("dcgan")
    watching = callbacks.standard(run, batches, resume, checkpoint_seconds=0, histograms=True)
    model.fit(batches, epochs=3, verbose=0, callbacks=[*watching, callbacks.StopAt(last_step)])
    return model


def test_a_new_run_counts_from_its_own_beginning(tmp_path):
    whole = go_on(tmp_path / "whole", trained_before(tmp_path), 22)
    assert int(whole.step.numpy()) == 27
    assert whole.first_step == 0  # once it has ended

    go_on(tmp_path / "part", trained_before(tmp_path), 11)
    about = run_folder.read(tmp_path / "part")
    assert (about["first_step"], about["steps"]) == (5, 11)
    resumed = go_on(tmp_path / "part", small_model("dcgan", seed=9), 22, resume=True)
    assert_same(whole.state(), resumed.state())
    for run in (tmp_path / "whole", tmp_path / "part"):
        rows = run_folder.read_table(run / "history.csv")
        assert [(r["epoch"], r["step"]) for r in rows] == [("1", "8"), ("2", "16"), ("3", "22")]
        assert sorted(p.stem for p in (run / "snapshots").iterdir()) == ["00000", "00001", "00002", "00003"]
        assert [r["step"] for r in run_folder.read_table(run / "convergence.csv")] == ["1"]
        about = run_folder.read(run)
        assert (about["first_step"], about["steps"]) == (5, 22)
    assert (tmp_path / "whole/history.csv").read_text() == (tmp_path / "part/history.csv").read_text()
    assert int(kerasgan.restore(tmp_path / "part").step.numpy()) == 27


def test_a_run_begins_at_the_epoch_that_fit_is_told(tmp_path):
    def fit(run, resume=False, seed=0, more=(), **fit):
        model, batches = small_model("gan", seed=seed), small_batches("gan")
        watching = [callbacks.Record(run, batches, resume), callbacks.Checkpoints(run), *more]
        model.fit(batches, epochs=3, verbose=0, callbacks=watching, **fit)
        return model

    whole = fit(tmp_path / "whole", initial_epoch=1)
    fit(tmp_path / "part", initial_epoch=1, more=[callbacks.StopAt(13)])
    resumed = fit(tmp_path / "part", resume=True, seed=9)
    assert int(resumed.step.numpy()) == 16
    assert_same(whole.state(), resumed.state())


def test_a_run_that_is_broken_off_leaves_nothing_to_a_further_fit(tmp_path):
    class Broken(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.run_steps == 13:
                raise RuntimeError("broken")

    before = signal.getsignal(signal.SIGINT)
    model = small_model("gan")
    batches = small_batches("gan")

    def fit(resume, more=()):
        watching = callbacks.standard(tmp_path / "run", batches, resume, checkpoint_seconds=0)
        model.fit(batches, epochs=2, verbose=0, callbacks=[*watching, *more])

    with pytest.raises(RuntimeError, match="broken"):
        fit(False, [Broken()])
    with pytest.raises(RuntimeError, match="broken"):  # in the same process: the lock and the signals are free again
        fit(True, [Broken()])
    assert signal.getsignal(signal.SIGINT) == before
    model.fit(batches, epochs=1, verbose=0)  # and begins at its own first epoch
    assert int(model.step.numpy()) == 21
    fit(True)
    assert run_folder.read(tmp_path / "run")["steps"] == 16


# ---- two at once ----------------------------------------------------------------------------------------------------


def test_a_run_has_one_writer(tmp_path, capfd, recorded):
    given = recorded("digits")
    run = given["run"]
    before = (run / "run.json").read_bytes()
    held = run_folder.lock(run)
    line = said(capfd, "train", "gan", "--run", str(run), "--resume")
    assert line == f"kerasgan: {run} is being trained already: wait until that ends, or stop it first.\n"
    with pytest.raises(UserError, match="is being trained already"):
        callbacks.standard(run, small_batches("gan"), resume=True)
    assert (run / "run.json").read_bytes() == before
    held.release()
    training.planned(variant("gan"), given)


def test_a_run_is_locked_while_it_is_trained(tmp_path):
    seen = []

    class Second(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            with pytest.raises(UserError, match="is being trained already"):
                callbacks.standard(tmp_path / "run", small_batches("gan"), resume=True)
            seen.append(epoch)

    batches = small_batches("gan")
    watching = [callbacks.Record(tmp_path / "run", batches), Second()]
    small_model("gan").fit(batches, epochs=1, verbose=0, callbacks=watching)
    assert seen == [0]
    run_folder.lock(tmp_path / "run").release()


def test_the_lock_of_a_dead_process_holds_nobody_up(tmp_path):
    script = (
        "import filelock, sys; lock = filelock.FileLock(sys.argv[1]); lock.acquire(); print('held'); sys.stdin.read()"
    )
    arguments = [sys.executable, "-u", "-c", script, str(tmp_path / ".lock")]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    with pytest.raises(UserError, match="is being trained already"):
        run_folder.lock(tmp_path)
    process.kill()
    process.communicate()
    run_folder.lock(tmp_path).release()


@pytest.fixture
def second(monkeypatch):
    """A variant that starts from a DCGAN."""
    about = dataclasses.replace(variant("gan"), starts_from="dcgan")
    monkeypatch.setattr(train, "variant", lambda key: about)
    return about


@pytest.mark.parametrize("given", [{}, {"run": Path("mine")}])
def test_two_that_begin_at_once_have_a_folder_each(second, given, tmp_path, monkeypatch, capsys):
    fitted = []

    def fit(stage):
        if not fitted:  # the other one was quicker
            stage.run.mkdir(parents=True)
            fitted.append(None)
        record.Record(stage.run, small_batches("gan"))
        fitted.append(str(stage.run))
        return SimpleNamespace(model=SimpleNamespace(run_steps=1), steps=1)

    monkeypatch.setattr(training, "prepared", lambda stage: None)
    monkeypatch.setattr(train, "_fit", fit)
    monkeypatch.setattr(train, "_print_what_was_written", lambda *told: None)
    if given:
        with pytest.raises(UserError, match="mine-dcgan exists: continue it with --resume"):
            train.train(SimpleNamespace(variant="second", **given))
        return
    assert train.train(SimpleNamespace(variant="second")) == 0
    assert fitted == [None, "runs/gan-digits-2-dcgan", "runs/gan-digits-2"]
    assert "has just begun runs/gan-digits-dcgan: this one takes the next number." in capsys.readouterr().out


def test_a_folder_that_appears_at_the_last_moment_is_left_alone(tmp_path):
    batches = small_batches("gan")
    late = callbacks.Record(tmp_path / "run", batches)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.json").write_text("theirs")
    with pytest.raises(run_folder.Taken):
        small_model("gan").fit(batches, verbose=0, callbacks=[late])
    assert (tmp_path / "run/run.json").read_text() == "theirs"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


# ---- interrupted ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_ends_at_once_with_one_line(number, monkeypatch, capfd):
    class Ended(BaseException):
        pass

    def end(code):
        raise Ended(code)

    def command(options):
        os.kill(os.getpid(), number)
        raise AssertionError("it went on")

    monkeypatch.setattr("kerasgan.cli.list.list_variants", command)
    monkeypatch.setattr(os, "_exit", end)
    usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    before = signal.signal(number, usual)  # a suite that runs in the background ignores Ctrl-C
    try:
        with pytest.raises(Ended, match="130"):
            main(["list"])
        assert capfd.readouterr().err == "kerasgan: interrupted.\n"
        assert signal.getsignal(number) == usual
    finally:
        signal.signal(number, before)


def test_what_is_ignored_stays_ignored(monkeypatch, capsys):
    def command(options):
        os.kill(os.getpid(), signal.SIGINT)
        return 0

    monkeypatch.setattr("kerasgan.cli.list.list_variants", command)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell leaves it to what it runs in the background
    try:
        assert main(["list"]) == 0
    finally:
        signal.signal(signal.SIGINT, before)


TWICE = """
import os, signal, sys, threading
from kerasgan.cli import main
from kerasgan.cli.options import tensorflow

tf = tensorflow()
from kerasgan import callbacks

def again():
    os.kill(os.getpid(), signal.SIGINT)

epoch_ends, save = callbacks.Snapshots.on_epoch_end, tf.saved_model.save
def first(*arguments):
    again()
    epoch_ends(*arguments)
def slowly(*arguments, **more):
    print("saving", flush=True)
    threading.Timer(0.05, again).start()
    while True:
        save(*arguments, **more)
callbacks.Snapshots.on_epoch_end, tf.saved_model.save = first, slowly
sys.exit(main(sys.argv[1:]))
"""


def test_a_second_ctrl_c_while_the_model_is_written_leaves_a_run_that_goes_on(tmp_path):
    write_pictures(tmp_path / "plain")
    arguments = ["train", "gan", "--data", "plain", *SMALL, "--epochs", "2", "--run", "run"]

    def as_in_a_terminal():  # a suite that runs in the background ignores Ctrl-C, and so do its processes
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    command = [sys.executable, "-c", TWICE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, preexec_fn=as_in_a_terminal)
    assert done.returncode == 130, done.stderr
    assert "saving" in done.stdout
    stopping = "Stopping after this step, and writing what there is. Again to stop at once."
    assert done.stderr == f"\n{stopping}\nkerasgan: interrupted.\n"
    assert not (tmp_path / "run/saved_model").exists()
    assert main([*arguments, "--resume"]) == 0
    assert run_folder.read(tmp_path / "run")["steps"] == 6
    assert kerasgan.load("run").about["steps"] == 6
