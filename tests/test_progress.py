"""What fit() prints: a progress bar where somebody looks on, and elsewhere whole lines."""

import re
import sys

import keras
import numpy as np
import pytest
from conftest import SHAPE, small_batches, small_model

from kerasgan import progress
from kerasgan.cli import main
from kerasgan.errors import UserError

LINE = r"epoch {}/{}  d_loss [\d.]+  g_loss [\d.]+  \d+ s"


def on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)


def fit(epochs=2, more=(), **arguments):
    model = small_model("gan")
    return model.fit(small_batches("gan", examples=8), epochs=epochs, callbacks=[*more], **arguments)


def test_without_a_terminal_an_epoch_is_a_line(capsys):
    fit(epochs=3)
    lines = capsys.readouterr().out.splitlines()
    assert [bool(re.fullmatch(LINE.format(n, 3), line)) for n, line in enumerate(lines, 1)] == [True] * 3


def test_on_a_terminal_there_is_the_bar(capsys, monkeypatch):
    on_a_terminal(monkeypatch)
    fit()
    said = capsys.readouterr().out
    assert "Epoch 2/2" in said
    assert "\r" in said or "\b" in said
    assert not re.search(LINE.format(1, 2), said)


@pytest.mark.parametrize(("verbose", "said"), [(0, ""), (2, "2/2 - ")])
def test_who_says_how_much_is_printed_has_it(capsys, verbose, said):
    fit(1, verbose=verbose)
    found = capsys.readouterr().out
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_any_way_to_give_callbacks_is_kerass(capsys):
    x, seen = np.zeros((8, *SHAPE), np.float32), []
    one = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    small_model("gan").fit(x, None, 4, 2, "auto", one)  # by position, and not in a list
    assert seen == [0, 1]
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_many_epochs_are_some_lines_and_the_last(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINES", 4)
    fit(epochs=13)
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["4/13", "8/13", "12/13", "13/13"]


def test_evaluate_is_a_line(capsys):
    small_model("vae").evaluate(small_batches("vae"))
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("8/8 - ")
    assert "\b" not in line


def failing():
    def fail(batch, logs):
        raise UserError("This is wrong.")

    return keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: batch == 1 and fail(batch, logs))


def test_an_error_begins_below_the_bar(capsys, monkeypatch):
    on_a_terminal(monkeypatch)
    with pytest.raises(UserError):
        fit(more=[failing()])
    assert re.search(r"[^\n]\n$", capsys.readouterr().out)


def test_an_error_before_the_first_epoch_is_kerass(capsys, monkeypatch):
    on_a_terminal(monkeypatch)
    with pytest.raises(TypeError, match="nonsense"):
        fit(nonsense=1)
    assert capsys.readouterr().out == ""


def test_an_error_needs_no_empty_line_where_there_is_no_bar(capsys):
    with pytest.raises(UserError):
        fit(more=[failing()])
    assert capsys.readouterr().out == ""


class Says(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        progress.say("Something is the matter.", self.params)


@pytest.mark.parametrize("bar", [False, True])
def test_what_callbacks_say_is_a_line_of_its_own(capsys, monkeypatch, bar):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: bar)
    fit(more=[Says()])
    lines = re.split(r"[\n\r]", capsys.readouterr().out)
    assert lines.count("Something is the matter.") == 2
    assert bar or "" not in lines[:-1]


def test_the_command_line_writes_lines_into_a_file(capsys, tmp_path):
    small = ["--latent-dim", "4", "--width", "8", "--image-size", "8", "--batch-size", "900", "--epochs", "2"]
    assert main(["train", "gan", "--run", str(tmp_path / "run"), *small]) == 0
    said = capsys.readouterr().out
    assert "\b" not in said
    assert "\r" not in said
    assert [bool(re.search(f"^{LINE.format(n, 2)}$", said, re.MULTILINE)) for n in (1, 2)] == [True, True]


def test_a_file_that_gets_output_and_errors_has_them_in_their_order(tmp_path, monkeypatch):
    def say_and_fail(options):
        print("first")
        raise UserError("second")

    monkeypatch.setattr("kerasgan.cli.list.list_variants", say_and_fail)
    with open(tmp_path / "log", "a") as out, open(tmp_path / "log", "a", buffering=1) as err:
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        assert main(["list"]) == 2
        monkeypatch.undo()
    assert (tmp_path / "log").read_text() == "first\nkerasgan: second\n"
