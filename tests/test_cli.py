"""The command line: what it prints, what it writes, and one line for every mistake."""

import dataclasses
import importlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from conftest import SMALL, every_variant
from PIL import Image

from kerasgan import data as kerasgan_data
from kerasgan import run_folder, training
from kerasgan.cli import main
from kerasgan.errors import UserError
from kerasgan.models import MODELS
from kerasgan.training import FILLED_IN, SEVERAL_BATCHES
from kerasgan.variants import variant

KERASGAN = [sys.executable, "-m", "kerasgan.cli"]


def option(name, value):
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [flag if value else flag.replace("--", "--no-")]
    return [flag, str(value)]


SMALL_OPTIONS = {
    key: [text for name, value in small.items() if name not in FILLED_IN for text in option(name, value)]
    for key, small in SMALL.items()
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def data_options(key, folder):
    """Small data that a variant can be trained on: the task of its own, if digits will do for that."""
    model = MODELS[key]
    task = model.task or model.takes
    options = ["--data", "digits", "--image-size", "8", "--batch-size", "32"]
    more = {
        "partly_labelled": ["--labels", "20"],
        "one_class": ["--normal", "0,1,2"],
        "pairs": ["--task", "edges"],
        "super_resolution": ["--scale", str(SMALL[key].get("scale"))],
    }
    if task != "domains":
        return [*options, *more.get(task, [])]
    write_domains(folder / "domains")
    return ["--data", str(folder / "domains"), "--image-size", "8", "--batch-size", "1"]


def write_domains(folder):
    rng = np.random.default_rng(0)
    for domain in "ab":
        (folder / domain).mkdir(exist_ok=True, parents=True)
        for i in range(12):
            Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(folder / domain / f"{i}.png")


def kerasgan(*arguments, **kwargs):
    return subprocess.run([*KERASGAN, *map(str, arguments)], capture_output=True, text=True, timeout=300, **kwargs)


# ---- answers at once ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list"],
        ["list", "--json"],
        ["list", "--trained"],
        ["train", "dcgan", "--help"],
        ["score", "--help"],
        ["card", "--help"],
    ],
    ids=str,
)
def test_help_and_lists_do_not_import_tensorflow(arguments):
    script = (
        "import sys; from kerasgan.cli import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "assert not {'tensorflow', 'keras', 'matplotlib', 'numpy'} & set(sys.modules), 'slow'"
    )
    subprocess.run([sys.executable, "-c", script, *arguments], check=True, stdout=subprocess.DEVNULL)


def test_help_and_lists_answer_in_half_a_second():
    def used():
        times = os.times()  # of a processor, which other programs on the machine do not lengthen
        return times.children_user + times.children_system

    def seconds(arguments):
        before = used()
        subprocess.run([*KERASGAN, *arguments], check=True, stdout=subprocess.DEVNULL)
        return used() - before

    for arguments in (["--help"], ["list"], ["train", "dcgan", "--help"]):
        assert min(seconds(arguments) for _ in range(5)) < 0.5


def test_a_reader_may_go_before_the_end():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*KERASGAN, "list"], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.stderr == ""


def test_list_names_every_variant(capsys):
    assert main(["list"]) == 0
    text = capsys.readouterr().out
    assert main(["list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [v["key"] for v in listed] == list(MODELS)
    for v in listed:
        assert v["key"] in text
        assert v["summary"] in text
        assert v["name"] == MODELS[v["key"]].__name__


@pytest.mark.parametrize("key", list(SMALL))
def test_help_shows_every_constructor_argument(key, capsys):
    with pytest.raises(SystemExit):
        main(["train", key, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name in set(SMALL[key]) | {"data", "image-size", "seed", "resume", "precision", "xla"}:
        assert f"--{name.replace('_', '-')} " in text


# ---- one run, from training to images -------------------------------------------------------------------------------


@every_variant
def test_train_then_use(key, tmp_path, capsys, steps_taken_eagerly):
    options = data_options(key, tmp_path)
    stages = [key, MODELS[key].starts_from] if MODELS[key].starts_from else [key]
    if "digits" in options:
        settings = [{**variant(stage).arguments, **SMALL[key]} for stage in stages]
        n = max(its.get(name, 1) for its in settings for name in SEVERAL_BATCHES)
        n = 32 * max(n, *(variant(stage).batches_per_step for stage in stages), 1)  # what a step eats
        few = kerasgan_data.digits((8, 8))
        np.savez("few.npz", images=few.images[:n], labels=few.labels[:n])
        options[options.index("digits")] = "few.npz"
    assert main(["train", key, *options, *SMALL_OPTIONS[key], "--steps", "4"]) == 0
    out = capsys.readouterr().out
    run, *first = sorted((tmp_path / "runs").iterdir())
    assert [f.name for f in first] == [f"{run.name}-{MODELS[key].starts_from}"] * bool(MODELS[key].starts_from)
    for told in ("timeline.gif", "timeline.mp4", "losses.png", "history.csv", "saved_model"):
        assert told in out
        assert (run / told).exists()
    assert json.loads((run / "run.json").read_text())["steps"] == 4

    commands = [line.split() for line in out.partition("Next:")[2].splitlines() if line.strip()]
    assert [c[:2] for c in commands][-2:] == [["kerasgan", "tensorboard"], ["kerasgan", "train"]]
    if key in (
        "dcgan",
        "cyclegan",
        "f_anogan",
    ):  # one of one stage, one of a planned number of steps, one of two stages
        assert main(commands[-1][1:]) == 0
        record = json.loads((run / "run.json").read_text())
        plan, steps = record["plan"], record["steps"]
        planned = "total_steps" in record["hyperparameters"]  # whose learning rate has come to its end
        assert plan == {"epochs": None, "steps": 4} if planned else plan["epochs"] > 1
        assert steps == 4 if planned else steps > 4
    use, output = commands[0], Path(commands[0][-1])
    assert main(use[1:]) == 0
    assert Image.open(output).size[1] > 8
    if "sample" in json.loads((run / "saved_model/kerasgan.json").read_text())["verbs"]:
        assert use[1] == "generate"
        assert Image.open(output).size == (8 * 10 + 2, 8 * 10 + 2)
    else:
        assert main(["generate", str(run)]) == 2


def test_samples_are_measured_while_training(tmp_path, capsys):
    image = keras.Input((None, None, 1))
    keras.Model(image, keras.layers.Conv2D(4, 3, 2)(image)).save(tmp_path / "network.keras")
    run = tmp_path / "run"
    arguments = ["train", "gan", "--image-size", "8", "--batch-size", "500", "--width", "8", "--run", str(run)]
    arguments += ["--evaluate-every", "2", "--evaluate-with", str(tmp_path / "network.keras")]
    assert main([*arguments, "--epochs", "2"]) == 0
    said = capsys.readouterr().out
    assert "digits has no test split: samples are compared with images that were learnt." in said
    assert "Frechet distance (network) of 1,797 samples: " in said
    assert main([*arguments[:-4], "--resume", "--evaluate-every", "1", *arguments[-2:], "--epochs", "3"]) == 0
    rows = (run / "evaluation.csv").read_text().splitlines()
    assert rows[0].startswith("epoch,step,seconds,Frechet distance (network),kernel distance,precision,recall")
    assert [row.split(",")[:2] for row in rows[1:]] == [["2", "6"], ["3", "9"]]
    assert (run / "best/checkpoint").is_file()


of_one_run = pytest.mark.xdist_group("conditional")  # which one process trains, for all of these


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cgan")
    done = kerasgan("train", "cgan", *data_options("cgan", folder), "--steps", 2, "--run", folder / "run")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder / "run"


@of_one_run
def test_generate_writes_a_grid_a_folder_or_an_npz(conditional, tmp_path):
    assert main(["generate", str(conditional), "-n", "5", "-o", "grid.png"]) == 0
    assert main(["generate", str(conditional), "-n", "5", "-o", "samples.npz"]) == 0
    assert main(["generate", str(conditional), "-n", "5", "-o", "folder/"]) == 0
    file = np.load("samples.npz")
    assert file["images"].shape == (5, 8, 8, 1)
    assert file["images"].dtype == np.uint8
    assert file["labels"].tolist() == [0, 1, 2, 3, 4]
    pictures = sorted((tmp_path / "folder").iterdir())
    assert [p.name for p in pictures] == [f"0000{i}_label{i}.png" for i in range(5)]
    for picture, image in zip(pictures, file["images"], strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(picture)), image[..., 0])
    grid = np.asarray(Image.open("grid.png"))
    np.testing.assert_array_equal(grid[2:10, 2:10], file["images"][0, ..., 0])


@of_one_run
def test_same_seed_same_bytes(conditional, tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        arguments = ["generate", str(conditional), "-n", "20", "--seed", str(seed), "-o", f"{name}.png"]
        assert (kerasgan(*arguments).returncode if name == "a" else main(arguments)) == 0
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c


@of_one_run
def test_generate_takes_labels(conditional):
    assert main(["generate", str(conditional), "-n", "7", "--labels", "3,1", "-o", "x.npz"]) == 0
    assert np.load("x.npz")["labels"].tolist() == [3, 1, 3, 1, 3, 1, 3]


@of_one_run
def test_generate_overwrites_nothing_unless_told_to(conditional, tmp_path, capsys):
    (tmp_path / "mine.png").write_text("mine")
    assert main(["generate", str(conditional), "-o", "mine.png"]) == 2
    assert "mine.png exists" in capsys.readouterr().err
    assert (tmp_path / "mine.png").read_text() == "mine"
    assert main(["generate", str(conditional), "-o", "mine.png", "--overwrite"]) == 0


def test_a_run_without_a_number_gets_the_next_one(tmp_path, steps_taken_eagerly):
    for name in ("gan-digits", "gan-digits-2"):
        assert main(["train", "gan", *data_options("gan", tmp_path), "--width", "8", "--steps", "1"]) == 0
        assert (tmp_path / "runs" / name / "run.json").exists()


# ---- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "required: COMMAND"),
        ("trian", "no command trian (did you mean train?)"),
        ("train", "required: VARIANT"),
        ("train dcgna", "no variant dcgna (did you mean dcgan?)"),
        ("train dcgan --widht 3", "no option --widht (did you mean --width?)"),
        ("train dcgan --width wide", "argument --width: wide is not a whole number from 1"),
        ("train dcgan --width 0", "argument --width: 0 is not a whole number from 1"),
        ("train cgan --classes 9", "CGAN was built for 9 classes; the data has 10"),
        ("train dcgan --image-size big", "big is no size"),
        ("train dcgan --image-size 4", "DCGAN cannot make images of shape (4, 4, 1)"),
        ("train dcgan --channels 2", "choose from 1, 3, 4"),
        ("train dcgan --precision half", "choose from float32, mixed_bfloat16, mixed_float16"),
        ("train dcgan --epochs 0", "0 is not a whole number from 1"),
        ("train dcgan --epochs 1 --steps 1", "not allowed with argument"),
        ("train dcgan --seed -1", "-1 is not a whole number from 0"),
        ("train dcgan --data digit", "no data set digit (did you mean digits?)"),
        ("train dcgan --data ./nowhere", "There is no folder nowhere"),
        ("train dcgan --batch-size 2000", "There are 1797 examples; one step needs 2000"),
        ("train wgan_gp --batch-size 400", "There are 1797 examples; one step needs 5 batches of 400"),
        ("train cyclegan", "and domains needs two: give --domain-labels, such as 3,8"),
        ("train cyclegan --data ./taken", "taken holds no folders: it needs folders trainA and trainB, or exactly two"),
        ("train cyclegan --domain-labels 3", "--domain-labels 3 does not name two domains: give two different labels"),
        (
            "train cyclegan --domain-labels 3,10",
            "digits has no images labelled 10: it has 0, 1, 2, 3, 4, 5",
        ),
        ("train cyclegan --domain-labels 3,cat", "digits has no images labelled cat"),
        ("train cyclegan --task edges", "takes domains, and edges makes pairs: choose a task from domains"),
        ("train dcgan --task egdes", "there is no task egdes (did you mean edges?): choose from images, one_class"),
        ("train dcgan --task edges", "takes images, and edges makes pairs: choose a task from images, one_class"),
        ("train dcgan --normal 3", "--normal belongs to task one_class; this is images: leave it out"),
        ("train dcgan --noise 0.5", "there is no option --noise"),
        ("train dcgan --task one_class", "which of the labels in digits are normal: give --normal"),
        ("train dcgan --task one_class --normal 11", "digits has no images labelled 11"),
        ("train dcgan --start-from taken", "there is no option --start-from"),
        ("train srgan --start-from taken", "taken is no run folder: it has no run.json"),
        ("train srgan --resume", "There is nothing to resume in runs/srgan-digits"),
        ("train srgan --scale 1", "--scale 1 makes nothing smaller: give a whole number from 2"),
        ("train srgan --noise 1", "--noise belongs to task denoising; this is super_resolution: leave it out"),
        ("train pix2pix", "pairs needs pictures of two --halves, source left and target right"),
        ("train pix2pix --task colouring", "colouring needs images with colours, and these have 1 channel"),
        ("train dcgan --halves", "the task is images: leave out --halves"),
        ("train dcgan --right-to-left", "--right-to-left is for pictures of two --halves"),
        ("train dcgan --devices 3", "TensorFlow sees 0"),
        ("train dcgan --resume", "There is nothing to resume in runs/dcgan-digits"),
        ("train dcgan --run taken", "taken exists: continue it with --resume, or choose another folder with --run"),
        ("train dcgan --run taken --resume", "There is nothing to resume in taken"),
        ("train dcgan --run file/run --steps 1 --image-size 8 --width 2", "Cannot write to file/run: Not a directory"),
        ("generate nowhere", "There is no nowhere"),
        ("generate taken", "taken is neither a run folder nor a SavedModel"),
        ("generate taken -o x.jpg", "ends in .png or .npz"),
        ("generate taken --labels 3,,4", "leaves a name empty: give the names of classes"),
    ],
)
def test_mistakes_get_one_line_and_exit_code_2(arguments, said, tmp_path, capsys):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    assert main(arguments.split()) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("kerasgan: ")
    assert error.count("\n") == 1
    assert (tmp_path / "taken/mine.txt").read_text() == (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "runs").exists()


def test_what_samples_nothing_is_not_measured_while_training(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "autoencoder", "--evaluate-every", "1"]) == 2
    assert "Autoencoder samples nothing that could be measured: leave out --evaluate-every." in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@of_one_run
def test_mistakes_with_a_trained_model(conditional, capsys):
    for arguments, said in [
        (["generate", conditional, "--labels", "3,10"], "cgan knows no class 10: it has 0, 1, 2, 3, 4, 5, 6, 7, 8, 9."),
        (["train", "gan", "--run", conditional, "--resume"], "is a run of cgan, not of gan"),
        (
            ["train", "cgan", "--run", conditional, "--resume", "--batch-size", "5"],
            "started with --batch-size 32, not 5",
        ),
        (["train", "cgan", "--run", conditional, "--resume", "--latent-dim", "5"], "with --latent-dim 100, not 5"),
        (["train", "cgan", "--run", conditional, "--resume", "--task", "edges"], "with --task labelled, not edges"),
        (
            ["train", "cgan", "--run", conditional, "--resume", "--image-size", "9"],
            "with --image-size [8, 8], not [9, 9]",
        ),
    ]:
        assert main([str(a) for a in arguments]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


def test_no_traceback_and_no_notes_of_tensorflow(tmp_path):
    done = kerasgan("train", "dcgan", "--data", "./nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"kerasgan: There is no folder nowhere: [^\n]+\n", done.stderr)


def test_an_unreadable_image_is_named_and_does_not_stop_the_run(tmp_path, capsys, steps_taken_eagerly):
    write_domains(tmp_path / "domains")
    (tmp_path / "domains/a/0.png").write_text("nothing")
    arguments = ["--image-size", "8", "--batch-size", "4", "--steps", "1", "--width", "4"]
    assert main(["train", "gan", "--data", str(tmp_path / "domains/a"), *arguments]) == 0
    said = capsys.readouterr().err
    assert f"Skipping {tmp_path}/domains/a/0.png" in said
    assert "Skipped 1 of 12 images" in said


# ---- killed at any moment -------------------------------------------------------------------------------------------


TWO_STAGES = [key for key in SMALL if MODELS[key].starts_from]


@pytest.mark.parametrize("key", ["cgan", "f_anogan"])  # of one stage, and of two
def test_a_run_killed_twice_ends_as_if_it_never_was(key, tmp_path):
    options = [*data_options(key, tmp_path), *SMALL_OPTIONS[key], "--epochs", "2" if key in TWO_STAGES else "4"]
    assert main(["train", key, *options, "--run", "whole"]) == 0

    options += ["--run", "killed"]
    rng = random.Random(key)
    for attempt in range(2):
        arguments = ["train", key, *options, "--checkpoint-seconds", "0", *(["--resume"] if attempt else [])]
        before = newest(tmp_path)
        if attempt and key in TWO_STAGES:
            before = (True, 0)  # the second kill is in the second stage
        process = subprocess.Popen([*KERASGAN, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while newest(tmp_path) <= before and process.poll() is None:
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 1))
        process.kill()
        process.wait()
    assert main(["train", key, *options, "--resume"]) == 0
    for stage in ["", f"-{MODELS[key].starts_from}"] if key in TWO_STAGES else [""]:
        whole, killed = (tmp_path / f"{run}{stage}" for run in ("whole", "killed"))
        sha256 = [json.loads((run / "run.json").read_text())["weights_sha256"] for run in (whole, killed)]
        assert sha256[0] == sha256[1], stage
        assert (killed / "history.csv").read_text() == (whole / "history.csv").read_text()
        assert not list((killed / "checkpoints").glob("*_temp"))
        shutil.rmtree(killed)


def newest(folder):
    """The newest checkpoint of the run that is going to be killed: whether it is of its last stage, and its step."""
    checkpoints = folder.glob("killed*/checkpoints/ckpt-*.index")
    steps = [(f.parents[1].name == "killed", int(f.stem.partition("-")[2])) for f in checkpoints]
    return max(steps, default=(False, -1))


# ---- two stages -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", TWO_STAGES)
def test_a_first_stage_can_be_trained_before(key, tmp_path, capsys, steps_taken_eagerly):
    options = [*data_options(key, tmp_path), *SMALL_OPTIONS[key], "--steps", "2"]
    first = f"both-{MODELS[key].starts_from}"
    assert main(["train", key, *options, "--run", "both"]) == 0
    shared = [n for n in variant(key).arguments if n in variant(MODELS[key].starts_from).arguments and n in SMALL[key]]
    left = [o for name in shared for o in option(name, SMALL[key][name])]
    options = [o for o in options if o not in left]  # these are taken from the run
    assert main(["train", key, *options, "--run", "second", "--start-from", first]) == 0
    records = [json.loads((tmp_path / run / "run.json").read_text()) for run in ("both", "second")]
    assert records[0]["hyperparameters"] == records[1]["hyperparameters"]
    assert records[0]["weights_sha256"] == records[1]["weights_sha256"]
    assert not (tmp_path / f"second-{MODELS[key].starts_from}").exists()

    assert main(["train", key, *options, "--run", "third", "--start-from", "second"]) == 2
    said = f"starts from a run of {MODELS[key].starts_from}; {tmp_path}/second is one of {key}"
    assert said in capsys.readouterr().err


@pytest.fixture
def second(monkeypatch):
    """A variant that takes labels and starts from a DCGAN, of which it shares two arguments."""
    dcgan = variant("dcgan")
    arguments = {**dcgan.arguments, "width": 16, "classes": 10, "penalty": 1.0}
    monkeypatch.setattr(training, "variant", lambda key: {"dcgan": dcgan}[key])
    return dataclasses.replace(
        dcgan, key="second", takes="labelled", task="labelled", starts_from="dcgan", batch_size=7, arguments=arguments
    )


def test_the_first_stage_takes_what_both_have(second, tmp_path):
    given = {"data": "mnist", "seed": 3, "steps": 5, "model.latent_dim": 9, "precision": "mixed_bfloat16"}
    first, last = training.planned(second, given)
    assert (first.run, last.run) == (Path("runs/second-mnist-dcgan"), Path("runs/second-mnist"))
    assert last.start_from == first.run
    for stage in (first, last):
        assert (stage.data, stage.seed, stage.steps, stage.precision) == ("mnist", 3, 5, "mixed_bfloat16")
    assert first.arguments == {"latent_dim": 9, "width": 16}
    assert last.arguments == {"latent_dim": 9}
    assert (first.task, last.task) == ("images", "labelled")
    assert (first.batch_size, last.batch_size) == (variant("dcgan").batch_size, 7)
    assert [s.batch_size for s in training.planned(second, {"batch_size": 5})] == [5, 5]


def test_a_two_stage_run_is_resumed_in_the_stage_it_was_in(second, tmp_path):
    run = tmp_path / "run"
    given = {"run": run, "data": "mnist", "steps": 5}
    first, last = training.planned(second, given)
    with pytest.raises(UserError, match="nothing to resume"):
        training.planned(second, {**given, "resume": True})

    def write(stage, **more):
        stage.run.mkdir()
        record = {
            "variant": stage.variant.key,
            "settings": stage.settings(),
            "plan": stage.plan(),
            "hyperparameters": {},
        }
        run_folder.write(stage.run, record | more)

    write(first, then=first.then)
    with pytest.raises(UserError, match=r"run-dcgan exists: continue it with --resume"):
        training.planned(second, given)
    for resumed in (given, {"run": run}):  # what was given is in the run
        again = training.planned(second, {**resumed, "resume": True})
        assert [(s.run, s.resume) for s in again] == [(first.run, True), (last.run, False)]
        assert [(s.settings(), s.plan()) for s in again] == [(s.settings(), s.plan()) for s in (first, last)]
        assert again[1].start_from == first.run
    with pytest.raises(UserError, match="started with --data mnist, not digits"):
        training.planned(second, {**given, "data": "digits", "resume": True})

    with pytest.raises(UserError, match="started with --width 16, not 8"):
        training.planned(second, {**given, "model.width": 8, "resume": True})

    write(last)
    (again,) = training.planned(second, {"run": run, "resume": True, "epochs": 9})
    assert (again.run, again.resume, again.start_from) == (last.run, True, first.run)
    assert again.plan() == {"epochs": 9, "steps": None}


def test_a_run_is_resumed_with_the_options_of_its_task(tmp_path):
    for key, given in [("dcgan", {"task": "one_class", "normal": (0, 2)}), ("pix2pix", {"task": "denoising"})]:
        (stage,) = training.planned(variant(key), {**given, "run": tmp_path / key})
        (tmp_path / key).mkdir()
        record = {"variant": key, "settings": stage.settings(), "plan": stage.plan(), "hyperparameters": {}}
        run_folder.write(tmp_path / key, record)
        for more in ({}, given):
            (again,) = training.planned(variant(key), {**more, "run": tmp_path / key, "resume": True})
            assert json.dumps(again.task_options) == json.dumps(stage.task_options)
            assert again.task == given["task"]
    assert again.task_options == {"noise": 0.5}
    with pytest.raises(UserError, match=r"started with --noise 0.5, not 0.25"):
        training.planned(variant("pix2pix"), {"run": tmp_path / "pix2pix", "resume": True, "noise": 0.25})


def test_a_new_run_leaves_room_for_both_of_its_stages(second, tmp_path):
    (tmp_path / "runs/second-digits-dcgan").mkdir(parents=True)
    assert [s.run.name for s in training.planned(second, {})] == ["second-digits-2-dcgan", "second-digits-2"]


def test_ctrl_c_in_the_first_stage_ends_both(second, tmp_path, monkeypatch, capsys):
    taken = {"dcgan": (3, False)}  # a fit() that was stopped after 3 steps
    fitted = []

    def fit(stage):
        fitted.append(stage.variant.key)
        steps, finished = taken[stage.variant.key]
        return SimpleNamespace(model=SimpleNamespace(run_steps=steps), steps=steps if finished else steps + 1)

    train = importlib.import_module("kerasgan.cli.train")
    monkeypatch.setattr(training, "prepared", lambda stage: None)
    monkeypatch.setattr(train, "_fit", fit)
    monkeypatch.setattr(train, "variant", lambda key: second)
    assert train.train(SimpleNamespace(variant="second", run=tmp_path / "run")) == 0
    assert fitted == ["dcgan"]
    said = capsys.readouterr().out
    assert "3 steps" in said
    assert "--resume" in said


def test_the_command_is_installed():
    assert os.access(shutil.which("kerasgan", path=os.path.dirname(sys.executable)), os.X_OK)


def test_what_commands_can_do_python_can_do():
    """Nothing that works is in kerasgan.cli: no other part of the package needs it, nor what stands beside it."""
    root = Path(__file__).parents[1]
    files = {
        file for where in ("kerasgan", "zoo", "benchmarks", "saved_models") for file in (root / where).rglob("*.py")
    }
    files -= set((root / "kerasgan/cli").iterdir())
    assert [str(file) for file in files if re.search(r"kerasgan\.cli|import cli", file.read_text())] == []
