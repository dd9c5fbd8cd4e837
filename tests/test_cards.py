"""A card says nothing that it does not say how to measure."""

import json
import shlex
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import small_model, taken_eagerly
from PIL import Image

import kerasgan
from kerasgan import callbacks, cards, data
from kerasgan.cards import readme, with_section
from kerasgan.cli import main
from kerasgan.errors import UserError
from kerasgan.models import MODELS

ROOT = Path(__file__).parents[1]
ZOO = ROOT / "zoo"
every_card = pytest.mark.parametrize("folder", [one["folder"] for one in cards.read(ZOO)])


def card(folder):
    return json.loads((ZOO / folder / "card.json").read_text())


def script_of(command):
    """The file that a command runs, or None for a command of kerasgan."""
    first, *rest = shlex.split(command)
    return None if first == "kerasgan" else ROOT / rest[0]


@every_card
def test_a_card_names_its_paper_its_recipe_and_its_picture(folder):
    about = card(folder)
    key, *its_data = folder.split("/")
    assert about["variant"] == key
    assert its_data in ([], [about["data"]])
    assert about["paper"] == MODELS[key].paper
    assert (ROOT / about["recipe"]).is_file()
    assert about["train_seconds"] > 0
    assert about["cores"] >= 1
    assert {"kerasgan", "keras", "tensorflow", "numpy", "python"} <= set(about["versions"])
    text = (ZOO / folder / "README.md").read_text()
    for named in (MODELS[key].paper, about["recipe"], "samples.png"):
        assert named in text
    assert Image.open(ZOO / folder / "samples.png").size > (64, 64)
    assert (ZOO / folder / "samples.png").stat().st_size < 400_000


@every_card
def test_a_measured_number_has_a_command_and_stands_in_the_text(folder):
    about = card(folder)
    text = (ZOO / folder / "README.md").read_text()
    assert about.get("task") in [None, *(number["what"] for number in about["measured"])]
    for number in about["measured"]:
        assert {"what", "value", "std", "runs", "unit", "command"} <= set(number), number
        assert (number["std"] is None) == (number["runs"] == 1), number
        script = script_of(number["command"])
        assert script is None or script.is_file(), number["command"]
        assert number["command"] in text, number["command"]
        assert str(number["value"]) in text, number
        assert number["std"] is None or str(number["std"]) in text, number
    for number in about["published"]:
        assert number["source"], number
        assert str(number["value"]) in text, number


@every_card
def test_a_card_is_written_to_its_end(folder):
    assert cards.remaining(ZOO / folder / "card.json", ZOO) == []


@every_card
def test_links_in_a_card_lead_somewhere(folder):
    text = (ZOO / folder / "README.md").read_text()
    for part in text.split("](")[1:]:
        target = part.partition(")")[0]
        assert target.startswith(("https://", "http://")) or (ZOO / folder / target).exists(), target


def test_the_table_of_the_zoo_says_what_its_cards_say():
    assert (ZOO / "README.md").read_text() == readme(ZOO), "call kerasgan card"


@every_card
def test_the_text_of_a_card_says_what_was_evaluated(folder):
    about = card(folder)
    if "evaluation" not in about:
        pytest.skip("not evaluated yet")
    assert about["evaluation"]["variant"] == about["variant"]
    text = (ZOO / folder / "README.md").read_text()
    assert text == with_section(text, about["evaluation"]), "call kerasgan card with the model"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model, a run, and what it takes to measure them: each test has copies of its own."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch, taken_eagerly():
        patch.chdir(folder)
        image = keras.Input((None, None, 1))
        keras.Model(image, keras.layers.Conv2D(4, 3, 2)(image)).save("network.keras")
        pixels = np.random.default_rng(0).integers(0, 256, (30, 12, 8, 1), np.uint8)
        np.savez("data.npz", images=pixels)
        small_model("vae").export("vae_small", data={"name": "data.npz"}, seconds=12.3)
        batches = data.load("data.npz", takes="images", batch_size=15)
        command = "python /y/zoo/gan/data.npz.py --data /y/data.npz --data-dir=/x --width 8 --run y --resume"
        watching = callbacks.standard("runs/gan", batches, command=command)
        small_model("gan").fit(batches, epochs=1, verbose=0, callbacks=watching)
    return folder


@pytest.fixture
def small_zoo(made, tmp_path, monkeypatch):
    """Two cards, and a model of one of them with what it takes to measure it."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for key in ("vae", "cyclegan"):
        (tmp_path / "zoo" / key).mkdir(parents=True)
        about = {"variant": key, "data": "data.npz", "train_seconds": 70.4, "cores": 1, "versions": {"kerasgan": "9.9"}}
        number = {"what": "bound", "value": 9.1, "std": 0.2, "runs": 3, "unit": "nats", "command": "python x.py"}
        published = {"what": "bound", "value": 8.7, "source": "a paper"}
        about |= {"recipe": "x.py", "measured": [number], "published": [published]}
        about |= {"task": "bound"} if key == "cyclegan" else {}
        (tmp_path / "zoo" / key / "card.json").write_text(json.dumps(about))
    return tmp_path / "zoo"


def test_a_card_takes_in_what_is_measured(small_zoo, capsys):
    arguments = ["vae_small", "--features", "network.keras", "-n", "20", "--draws", "2"]
    assert main(["card", *arguments]) == 0
    about = json.loads((small_zoo / "vae/card.json").read_text())
    capsys.readouterr()
    assert main(["evaluate", *arguments, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    measured = about["evaluation"]["measures"]
    command = about["evaluation"]["command"]
    assert command == "kerasgan evaluate vae_small -n 20 --draws 2 --features network.keras"
    for group in ("samples", "reconstructions"):
        for ours, theirs in zip(measured[group], again["measures"][group], strict=True):
            assert ours["value"] == theirs["value"] or "time" in ours["name"]
    assert about["evaluation"]["parameters"] == kerasgan.load("vae_small").about["parameters"] > 0

    text = (small_zoo / "vae/README.md").read_text()
    assert text.count("## Evaluation") == 1
    assert f"    {command}\n" in text
    distance = next(one for one in measured["samples"] if one["name"] == "Frechet distance (network)")
    assert f"| samples: Frechet distance (network) | {distance['value']:.4g} ± {distance['std']:.2g} | 20 |" in text
    assert with_section(f"# VAE\n{text}tail", about["evaluation"]) == f"# VAE\n{text}tail"

    text = (small_zoo / "README.md").read_text()
    psnr = next(one["value"] for one in measured["reconstructions"] if one["name"] == "PSNR")
    assert "[vae](vae/README.md)" in text
    assert f"reconstructions: PSNR {psnr:.4g} dB" in text
    assert text.count("| bound: 9.1 ± 0.2 nats |") == 1  # on the card that says so
    assert "| 12 | 1 |" in text  # seconds that the model says, where it does
    assert "| 70 | 1 |" in text  # and else those on the card
    assert "| vae | bound | 9.1 ± 0.2 nats | 3 | `python x.py` |" in text
    assert "| vae | bound | 8.7 | published | a paper |" in text
    assert text == readme(small_zoo)
    assert Image.open(small_zoo / "vae/row.png").size == (12 * 58 + 2, 58 + 2)
    assert Image.open(small_zoo / "gallery.png").width > 900
    assert "gallery.png" in text

    file = small_zoo / "vae/card.json"
    about["evaluation"]["measures"] = {}  # as if it had been written by hand
    file.write_text(json.dumps(about))
    (small_zoo / "vae/row.png").unlink()
    assert main(["card", "--again"]) == 0
    again = json.loads(file.read_text())["evaluation"]
    assert again["command"] == command
    for group, its in measured.items():
        for ours, theirs in zip(its, again["measures"][group], strict=True):
            assert ours["value"] == theirs["value"] or "time" in ours["name"]
    assert (small_zoo / "vae/row.png").exists()


@pytest.fixture
def run_of_gan(small_zoo):
    """A run of a variant that has no card, in a clone that lists others."""
    Path("README.md").write_text("# Zoo\n\n| | | takes | paper |\n|---|---|---|---|\n| `vae` | x | y | z |\n\nEnd.\n")
    Path("saved_models").mkdir()
    Path("saved_models/README.md").write_text("| folder | what it does | MB | made by |\n|---|---|---|---|\n")
    return Path("runs/gan")


def test_a_card_is_begun_from_a_run(run_of_gan, small_zoo, capsys):
    arguments = ["card", str(run_of_gan), "--features", "network.keras", "-n", "20", "--draws", "2"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    record = json.loads((run_of_gan / "run.json").read_text())
    about = json.loads((small_zoo / "gan/card.json").read_text())
    expected = {"variant": "gan", "paper": MODELS["gan"].paper, "data": "data.npz", "recipe": "zoo/gan/data.npz.py"}
    expected |= {"command": "python zoo/gan/data.npz.py --data data.npz --width 8"}  # on any machine
    expected |= {"cores": record["cores"], "versions": record["versions"]}
    assert {name: about[name] for name in expected} == expected
    assert about["train_seconds"] == round(record["seconds"])
    folder = "saved_models/gan_data.npz"
    assert about["evaluation"]["model"] == folder  # what all have, and not the run
    assert kerasgan.load(folder).about["command"] == expected["command"]
    assert about["evaluation"]["command"].startswith(f"kerasgan evaluate {folder} -n 20")
    assert (kerasgan.load(folder).sample(n=3, seed=0) == kerasgan.load(run_of_gan).sample(n=3, seed=0)).all()
    assert (small_zoo / "gan/samples.png").read_bytes() == (run_of_gan / "snapshots/00001.png").read_bytes()

    text = (small_zoo / "gan/README.md").read_text()
    for part in ("# GAN\n", f"Paper: {MODELS['gan'].paper}", "## Recipe", "## Where it departs", "samples.png"):
        assert part in text
    assert "2 steps (1 epoch) of data.npz in" in text
    assert text == with_section(text, about["evaluation"])
    listed = "[Goodfellow 2014](https://arxiv.org/abs/1406.2661) |\n\nEnd.\n"
    assert Path("README.md").read_text().endswith(listed)
    assert "| `gan_data.npz` |" in Path("saved_models/README.md").read_text()
    assert "| [gan](gan/README.md) |" in (small_zoo / "README.md").read_text()
    remaining = cards.remaining(Path("zoo/gan/card.json"), Path("zoo"))
    assert [cards.UNWRITTEN in what for what in remaining] == [True, True, False]  # prose, recipe; the manifest
    for part in (*remaining, folder, "zoo/gan/samples.png", "saved_models/README.md"):
        assert part in said

    shipped = [Path("README.md"), *(file for file in Path("saved_models").rglob("*") if file.is_file())]
    before = {file: file.read_bytes() for file in shipped}
    assert main(["card", folder, *arguments[2:]]) == 0  # which it has by now
    assert before == {file: file.read_bytes() for file in before}
    assert "begun" not in capsys.readouterr().out


def test_a_variant_has_a_card_for_each_data_set_that_it_has_learnt_from(run_of_gan, small_zoo):
    """And what the first one says is left as it is."""
    measured = ["--features", "network.keras", "-n", "20", "--draws", "2"]
    assert main(["card", str(run_of_gan), *measured]) == 0
    first = small_zoo / "gan/card.json"
    about = json.loads(first.read_text())
    first.write_text(json.dumps({**about, "data": "mnist"}))  # as if it had learnt from that
    before = first.read_bytes()
    assert main(["card", str(run_of_gan), *measured]) == 0
    assert first.read_bytes() == before
    second = json.loads((small_zoo / "gan/data.npz/card.json").read_text())
    assert second["data"] == "data.npz"
    assert second["evaluation"]["model"] == "saved_models/gan_data.npz"
    assert (small_zoo / "gan/data.npz/samples.png").is_file()
    text = (small_zoo / "README.md").read_text()
    assert text.index("[gan](gan/README.md) | mnist |") < text.index("[gan](gan/data.npz/README.md) | data.npz |")
    tall = Image.open(small_zoo / "gallery.png").height
    (small_zoo / "gan/data.npz/row.png").unlink()
    cards.write_table(small_zoo)
    assert Image.open(small_zoo / "gallery.png").height < tall
    assert [one.model for one in cards.measurements(small_zoo)] == ["saved_models/gan_data.npz"] * 2


@pytest.mark.parametrize("words", ["-n many", "-n", "--seed 3"])
def test_a_command_that_no_card_has_is_refused(words):
    with pytest.raises(UserError, match="A card has the command kerasgan evaluate model"):
        cards.measurement_of(f"kerasgan evaluate model {words}")


def test_a_run_that_does_not_say_what_it_learnt_from_begins_no_card(run_of_gan, capsys):
    for file in (run_of_gan / "run.json", run_of_gan / "saved_model/kerasgan.json"):
        about = json.loads(file.read_text())
        file.write_text(json.dumps({**about, "data": {}}))
    assert main(["card", str(run_of_gan), "--data", "data.npz"]) == 2
    assert "does not say what it was trained on, which its card names" in capsys.readouterr().err


def test_what_exists_is_left_when_a_card_is_begun(run_of_gan, small_zoo, capsys):
    (small_zoo / "gan").mkdir()
    (small_zoo / "gan/README.md").write_text("My own words.\n")
    (small_zoo / "gan/samples.png").write_bytes((run_of_gan / "snapshots/00001.png").read_bytes()[:100])
    arguments = ["card", str(run_of_gan), "--features", "network.keras", "-n", "20", "--draws", "1"]
    assert main(arguments) == 0
    assert (small_zoo / "gan/README.md").read_text().startswith("My own words.\n")
    assert len((small_zoo / "gan/samples.png").read_bytes()) == 100

    (small_zoo / "gan/card.json").unlink()  # as if another model of the variant had been there before
    trained = Path("saved_models/gan_data.npz/kerasgan.json")
    trained.write_text(json.dumps({**json.loads(trained.read_text()), "steps": 99}))
    assert main(arguments) == 2
    assert "gan_data.npz exists, and is another model than that of runs/gan" in capsys.readouterr().err
    assert not (small_zoo / "gan/card.json").exists()


def test_mistakes_are_said_before_anything_is_measured(run_of_gan, small_zoo, capsys, monkeypatch):
    def measured(measurement):
        raise AssertionError("it measures")

    monkeypatch.setattr(kerasgan.evaluation, "measured", measured)
    small_model("gan").export("alone", data={"name": "data.npz"})
    small_model("vae").export("unsaid")
    about = json.loads(Path("alone/kerasgan.json").read_text())
    Path("alone/kerasgan.json").write_text(json.dumps({**about, "variant": "Mine", "class": {"name": "Mine"}}))
    small_model("gan").export("without_run", data={"name": "data.npz"})
    for arguments, said in [
        (["alone"], "is one of Mine, which is no variant of the package"),
        (["without_run"], "is one of gan, and has no card yet: give the run folder"),
        (["unsaid"], "does not say what it was trained on"),
        (["vae_small", "nothing"], "There is no nothing"),
        ([str(run_of_gan), "--zoo", "nowhere"], "There is no card.json in the folders of nowhere"),
    ]:
        assert main(["card", *arguments]) == 2
        assert said in capsys.readouterr().err
    Path("saved_models/README.md").write_text("")
    assert main(["card", str(run_of_gan)]) == 2
    assert "saved_models/README.md has no table | folder |" in capsys.readouterr().err
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != small_zoo.relative_to(Path.cwd()))
    assert main(["card", str(run_of_gan)]) == 2
    assert "zoo is write-protected" in capsys.readouterr().err
    assert not (small_zoo / "gan").exists()


def test_mistakes_with_cards(small_zoo, capsys):
    small_model("gan").export("gan_small")
    for arguments, said in [
        (["--zoo", "nowhere"], "There is no card.json in the folders of nowhere"),
        (["gan_small", "--data", "data.npz", "--features", "network.keras"], "is one of gan, and has no card yet"),
        (["nothing"], "There is no nothing"),
    ]:
        assert main(["card", *arguments]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    assert not (small_zoo / "README.md").exists()


def test_colour_images_have_a_table_of_their_own_with_the_floor_of_each_data_set(small_zoo):
    """And numbers of another network stand in none."""

    def samples(name, **numbers):
        one = {"better": "lower", "n": 400, "unit": "", "std": 0.5, "low": None, "high": None, "beside_std": 0.25}
        others = {key: {"value": 0.125, "beside": 0.0625} for key in ("kernel distance", "precision", "recall")}
        nearest = {"distance to the nearest training picture, mean": {"value": 0.2, "beside": 0.1}}
        measures = {name: numbers, **others, **nearest}
        return [{**one, "name": key, **its} for key, its in measures.items()]

    measured = {
        "vae": ("people", "Frechet distance (cifar10_classifier)", {"value": 7.5, "beside": 1.5}),
        "cyclegan": ("facades", "Frechet distance (mine)", {"value": 9.5, "beside": None}),
    }
    for key, (its_data, name, numbers) in measured.items():
        file = small_zoo / key / "card.json"
        about = json.loads(file.read_text())
        about["data"], about["images_per_second"] = its_data, 1234
        about["evaluation"] = {"data": {"name": its_data}, "measures": {"samples": samples(name, **numbers)}}
        file.write_text(json.dumps(about))
    first, colour = readme(small_zoo).split("## Colour images")
    assert "[vae]" not in first
    assert "| [cyclegan](cyclegan/README.md) | facades |  |  |  |  |  |" in first
    assert "| real images |" not in first
    assert "| variant | data | Frechet distance (cifar10_classifier) | KID |" in colour
    assert "| real images | people | 1.5 ± 0.25, n = 400 | 0.0625 ± 0.25 |" in colour
    row = next(line for line in colour.splitlines() if line.startswith("| [vae]"))
    assert row.startswith("| [vae](vae/README.md) | people | 7.5 ± 0.5, n = 400 | 0.125 ± 0.5 |")
    assert row.endswith("| 0.200 (0.100) | 1,234 |")
    assert len({line.count("|") for line in colour.split("\n\n")[2].splitlines()}) == 1
