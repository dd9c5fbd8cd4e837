"""The film of a run: what its frames show, and what it says where there is none."""

import csv
import json
import subprocess
import sys

import imageio_ffmpeg
import numpy as np
import pytest
from conftest import small_batches, small_model
from PIL import Image

from kerasgan import callbacks, film
from kerasgan.cli import main
from kerasgan.errors import UserError

GREEN = (0, 200, 0)


def write_run(folder, epochs=3, size=(20, 10), losses=("d_loss", "g_loss"), mode="RGB", name="digits"):
    """A run folder as callbacks write it, whose snapshots are all green."""
    (folder / "snapshots").mkdir(parents=True)
    record = {"variant": "dcgan", "data": {"name": name}, "snapshot": "Samples of the same 64 latents each time."}
    (folder / "run.json").write_text(json.dumps(record))
    for epoch in range(epochs + 1):
        Image.new(mode, size, (*GREEN, 255)[: len(mode)]).save(folder / f"snapshots/{epoch:05d}.png")
    with open(folder / "history.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["epoch", "step", *losses, "generator_learning_rate"])
        table.writerows(
            [epoch, 10 * epoch, *(epoch + i for i in range(len(losses))), 1e-4] for epoch in range(1, epochs + 1)
        )
    return folder


def film_of(folder):
    return list(film.frames(film.scene(folder)))


def green(frame):
    return (np.abs(frame.astype(int) - GREEN) < 8).all(axis=-1)


def blue(frame):
    """Pixels in the full colour of curves."""
    return (np.abs(frame.astype(int) - (31, 119, 180)) < 8).all(axis=-1)


def test_a_scene_is_what_the_run_folder_holds(tmp_path):
    scene = film.scene(write_run(tmp_path / "run"))
    assert scene.title == "DCGAN on digits"
    assert scene.caption == "Samples of the same 64 latents each time."
    assert scene.losses == ("d_loss", "g_loss")
    assert scene.rows[2] == {"step": 20, "d_loss": 2, "g_loss": 3, "generator_learning_rate": 1e-4}
    assert list(scene.snapshots) == [0, 1, 2, 3]
    assert film.scene(write_run(tmp_path / "photos", name="~/my/photos/")).title == "DCGAN on photos"


def test_each_frame_shows_its_snapshot_and_the_curves_up_to_it(tmp_path):
    frames = film_of(write_run(tmp_path / "run"))
    assert len(frames) == 4
    assert {(frame.shape, frame.dtype) for frame in frames} == {(frames[0].shape, np.dtype("uint8"))}
    assert not any(side % 16 for side in frames[0].shape[:2])
    for frame in frames:
        rows, columns = np.nonzero(green(frame))
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (320, 640)  # 20 x 10 pixels, each 32 times as large
        assert green(frame).sum() == 320 * 640
    lengths = [blue(frame).sum() for frame in frames]
    assert lengths[0] == 0
    assert all(np.diff(lengths) > 0)
    ends = [np.nonzero(blue(frame))[1].max() for frame in frames[1:]]
    assert np.diff(ends) == pytest.approx(400 / 3, abs=3)  # the width of the curves, and three epochs


@pytest.mark.parametrize(
    ("size", "shown"), [((20, 10), (640, 320)), ((1000, 3000), (160, 480)), ((242, 242), (480, 480))]
)
def test_snapshots_of_any_size_are_shown_whole(tmp_path, size, shown):
    frame = film_of(write_run(tmp_path / "run", 1, size))[0]
    rows, columns = np.nonzero(green(frame))
    assert (np.ptp(columns) + 1, np.ptp(rows) + 1) == shown


def test_transparent_snapshots_are_shown_over_white(tmp_path):
    folder = write_run(tmp_path / "run", 1, mode="RGBA")
    Image.new("RGBA", (20, 10), (*GREEN, 0)).save(folder / "snapshots/00001.png")
    first, last = film_of(folder)
    assert green(first).any()
    assert not green(last).any()


def test_pixels_of_a_snapshot_stay_in_their_places(tmp_path):
    folder = write_run(tmp_path / "run", 1)
    picture = np.random.default_rng(0).integers(0, 256, (10, 20, 3), np.uint8)
    Image.fromarray(picture).save(folder / "snapshots/00001.png")
    first, last = film_of(folder)
    rows, columns = np.nonzero(green(first))
    shown = last[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    np.testing.assert_array_equal(shown, picture.repeat(32, 0).repeat(32, 1))


@pytest.mark.parametrize("losses", [(), ("loss",), tuple("abcdef")])
def test_there_is_a_panel_for_each_loss(tmp_path, losses):
    frame = film_of(write_run(tmp_path / "run", losses=losses))[-1]
    columns = np.nonzero((frame == 0).all(axis=-1).sum(axis=0) > 60)[0]  # the left and the right frame of panels
    rows = (
        np.nonzero((frame[:, columns.min() + 1 : columns.min() + 300] == 0).all(axis=-1).all(axis=1))[0]
        if losses
        else []
    )
    assert len(rows) == 2 * len(losses)


def test_a_film_has_a_hundred_frames_at_most_and_the_first_and_the_last(tmp_path):
    scene = film.scene(write_run(tmp_path / "run", 250))
    assert len(scene.snapshots) == 100
    assert (min(scene.snapshots), max(scene.snapshots)) == (0, 250)


def test_an_epoch_whose_losses_are_not_yet_written_is_not_yet_shown(tmp_path):
    folder = write_run(tmp_path / "run", 3)
    Image.new("RGB", (20, 10)).save(folder / "snapshots/00004.png")
    assert list(film.scene(folder).snapshots) == [0, 1, 2, 3]


def test_a_loss_that_some_epochs_lack_is_drawn_where_it_is(tmp_path):
    folder = write_run(tmp_path / "run", 3)
    (folder / "history.csv").write_text("epoch,step,loss,val_loss\n1,10,3.0,\n2,20,2.0,\n3,30,1.0,1.5\n")
    scene = film.scene(folder)
    assert scene.losses == ("loss", "val_loss")
    assert "val_loss" not in scene.rows[1]
    assert len(list(film.frames(scene))) == 4


def read_mp4(path):
    film = imageio_ffmpeg.read_frames(str(path))
    width, height = next(film)["size"]
    return [np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in film]


def test_the_command_writes_a_gif_or_an_mp4(tmp_path, capsys):
    run, expected = write_run(tmp_path / "run"), film_of(tmp_path / "run")
    for name in ("film.gif", "new/film.mp4"):
        assert main(["film", str(run), "-o", str(tmp_path / name)]) == 0
        said = capsys.readouterr().out
        assert said == f"4 epochs of DCGAN on digits, up to epoch 3, written to {tmp_path / name}\n"
    gif = Image.open(tmp_path / "film.gif")
    assert (gif.n_frames, gif.size) == (4, expected[0].shape[1::-1])
    gif.seek(3)
    shown = np.asarray(gif.convert("RGB"))
    assert np.abs(shown.astype(int) - expected[3]).mean() < 2
    shown = read_mp4(tmp_path / "new/film.mp4")
    assert len(shown) >= 4
    assert np.abs(shown[-1].astype(int) - expected[3]).mean() < 4


def test_the_command_overwrites_nothing_unless_told_to(tmp_path, capsys):
    run, mine = write_run(tmp_path / "run"), tmp_path / "film.gif"
    mine.write_text("mine")
    assert main(["film", str(run), "-o", str(mine)]) == 2
    assert f"{mine} exists" in capsys.readouterr().err
    assert mine.read_text() == "mine"
    assert main(["film", str(run), "-o", str(mine), "--overwrite"]) == 0
    assert Image.open(mine).n_frames == 4


def broken(folder, what):
    run = write_run(folder / "run")
    if what == "no epochs":
        (run / "history.csv").unlink()
    elif what == "no snapshots":
        for path in (run / "snapshots").iterdir():
            path.unlink()
    elif what == "no table":
        (run / "history.csv").write_text("epoch,step,loss\n1,ten,3\n")
    elif what == "other columns":
        (run / "history.csv").write_text("a,b\n1,2\n")
    elif what == "no picture":
        (run / "snapshots/00002.png").write_bytes((run / "snapshots/00002.png").read_bytes()[:45])
    elif what == "another record":
        (run / "run.json").write_text("[1, 2]")
    return run


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("no epochs", "run has no epoch behind it that a film could show: train it first, or go on with --resume."),
        ("no snapshots", "run has no epoch behind it that a film could show"),
        ("no table", "history.csv is not the table that a run writes: could not convert string to float: 'ten'."),
        ("other columns", "history.csv is not the table that a run writes: 'epoch'."),
        ("no picture", "00002.png cannot be read as a picture: "),
        ("another record", "run.json is not what kerasgan writes of a run."),
    ],
)
def test_what_is_no_film_is_one_line(tmp_path, capsys, what, said):
    assert main(["film", str(broken(tmp_path, what)), "-o", str(tmp_path / "film.gif")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.glob("film*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("film", "required: RUN"),
        ("film nowhere", "nowhere is no run folder"),
        ("film empty", "empty is no run folder"),
        ("film run -o film.avi", "film.avi is no place for what comes out: give a name that ends in .gif or .mp4"),
        ("film run -o empty", "empty is no place for what comes out"),
        ("film killed", "killed has no epoch behind it"),
    ],
)
def test_mistakes_are_answered_without_tensorflow(tmp_path, arguments, said):
    write_run(tmp_path / "run")
    write_run(tmp_path / "killed", 0)
    (tmp_path / "empty").mkdir()
    script = (
        "import sys; from kerasgan.cli import main; code = main(sys.argv[1:])\n"
        "assert not {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules), 'slow'; sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments.split()], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


# ---- while training -------------------------------------------------------------------------------------------------


def fit(run, epochs, callback):
    model, batches = small_model("vae"), small_batches("vae")
    watching = [callbacks.Record(run, batches), callbacks.Snapshots(run, batches), callbacks.History(run), callback]
    model.fit(batches, epochs=epochs, verbose=0, callbacks=watching)


def test_the_first_frame_of_a_resumed_run_is_that_of_its_beginning(tmp_path):
    batches, run = small_batches("gan"), tmp_path / "run"

    def first_snapshot(seed, epochs, resume):
        watching = callbacks.standard(run, batches, resume)
        small_model("gan", seed=seed).fit(batches, epochs=epochs, verbose=0, callbacks=watching)
        return (run / "snapshots/00000.png").read_bytes()

    assert first_snapshot(0, 1, resume=False) == first_snapshot(9, 2, resume=True)
    assert Image.open(run / "timeline.gif").n_frames == 3


class Counted(callbacks.Film):
    written = 0

    def _write(self):
        super()._write()
        self.written += 1


def test_the_film_is_made_while_training_and_says_what_it_shows(tmp_path, steps_taken_eagerly):
    run = tmp_path / "run"
    callback = Counted(run, seconds=0, share=1e9)
    fit(run, 2, callback)
    assert callback.written == 3  # after each epoch, and at the end
    assert Image.open(run / "timeline.gif").n_frames == 3
    assert len(read_mp4(run / "timeline.mp4")) >= 3
    scene = film.scene(run)
    assert scene.title == "VAE on random pixels"
    assert scene.caption == "Rows: images, their reconstructions, and then samples of the prior."
    assert set(scene.losses) == {"loss", "distortion", "rate"}


@pytest.mark.parametrize("limits", [{"seconds": 3600}, {"seconds": 0, "share": 1e-9}])
def test_the_film_takes_little_of_the_time(tmp_path, limits):
    callback = Counted(tmp_path / "run", **limits)
    fit(tmp_path / "run", 3, callback)
    assert callback.written == (1 if limits["seconds"] else 2)


def test_a_film_that_cannot_be_made_is_one_line(tmp_path):
    run = write_run(tmp_path / "run")
    (run / "snapshots/00003.png").write_text("no picture")
    with pytest.raises(UserError, match=r"^\S+00003.png cannot be read as a picture: [^\n]+$"):
        film.write(film.scene(run), tmp_path / "film.gif")


@pytest.mark.parametrize("losses", ["nan", "inf"])
def test_a_loss_that_is_not_finite_is_no_point(tmp_path, losses):
    folder = write_run(tmp_path / "run", 3)
    (folder / "history.csv").write_text(
        f"epoch,step,loss,other\n1,10,3.0,{losses}\n2,20,{losses},{losses}\n3,30,1.0,\n"
    )
    frames = film_of(folder)
    assert len(frames) == 4
    assert blue(frames[1]).any()


def test_a_run_has_begun_when_an_epoch_has_a_snapshot_and_a_row(tmp_path):
    folder = write_run(tmp_path / "run", 1)
    assert film.has_begun(folder)
    (folder / "snapshots/00001.png").unlink()
    assert not film.has_begun(folder)
    assert not film.has_begun(tmp_path / "nothing")
