"""A paper of a user's own: in a file, or in an installed package."""

import os
import re
import shutil
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kerasgan
from kerasgan import class_names, notebook, variants
from kerasgan.cli import main
from kerasgan.contract import small
from kerasgan.errors import UserError

README = Path(__file__).parents[1] / "README.md"
SMALL = ["--data", "digits", "--image-size", "16", "--width", "4", "--latent-dim", "4", "--batch-size", "64"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:  # those of files of one test are none of the next one's
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]
    variants._imported.cache_clear()


@pytest.fixture
def my_gan():
    """README's example, as a user has it."""
    (code,) = re.findall(r"```python\n(\"\"\"DRAGAN.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    Path("my_gan.py").write_text(code)


def test_a_paper_in_a_file_is_trained_resumed_and_used(my_gan, capsys, steps_taken_eagerly):
    assert main(["train", "./my_gan.py", *SMALL, "--penalty", "5", "--steps", "2"]) == 0
    assert "kerasgan train ./my_gan.py --run runs/my_gan-digits --resume" in capsys.readouterr().out
    assert main(["train", "./my_gan.py", "--resume", "--steps", "3"]) == 0
    about = kerasgan.load("runs/my_gan-digits").about
    assert (about["steps"], about["hyperparameters"]["penalty"]) == (3, 5.0)
    assert main(["generate", "runs/my_gan-digits", "-n", "4"]) == 0
    assert Image.open("samples.png").size == (2 * 18 + 2, 2 * 18 + 2)
    assert main(["explore", "runs/my_gan-digits", "truncate", "-n", "2"]) == 0
    model = kerasgan.restore("runs/my_gan-digits")
    assert type(model).__name__ == "DRAGAN"
    assert int(model.step.numpy()) == 3
    assert main(["train", "dcgan", "--run", "runs/my_gan-digits", "--resume"]) == 2
    assert "is a run of DRAGAN, not of dcgan" in capsys.readouterr().err


def test_a_papers_own_options_are_in_its_help(my_gan, capsys):
    with pytest.raises(SystemExit):
        main(["train", "my_gan.py", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "--penalty PENALTY weight of the penalty, lambda in equation 3 (10.0)" in said
    assert "--width WIDTH channels at half of the image size" in said  # from the class that it derives from


SHORT = """
from kerasgan.models import {base}
class {name}({base}):
    \"\"\"A short one.\"\"\"
    def __init__(self, image_shape=(64, 64, 3), {arguments}**kwargs):
        super().__init__(image_shape, **kwargs)
"""


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("none.py", None, "There is no file none.py: give the file of a variant"),
        ("broken.py", "x = (", r"broken.py cannot be imported: line 1, SyntaxError: "),
        ("fails.py", "import kerasgan\n\nkerasgan.nothing", r"fails.py cannot be imported: line 3, AttributeError: "),
        ("empty.py", "", "empty.py defines no variant: it needs a class that derives from kerasgan.GenerativeModel."),
        ("json.py", "", "json.py: json is the name of another module: choose another name for the file."),
        ("my-gan.py", "", "my-gan is no name that Python can import"),
        ("dcgan.py", "", "dcgan is the name of another module"),
        (
            "two.py",
            SHORT.format(base="DCGAN", name="A", arguments="") + SHORT.format(base="DCGAN", name="B", arguments=""),
            r"two.py defines several variants: name one of them, as in two.py:A; there are A, B.",
        ),
        (
            "asks.py",
            SHORT.format(base="DCGAN", name="Asks", arguments="depth=None, "),
            "Asks's argument depth needs a default that is a number, a text, True or False.* it has None.",
        ),
    ],
)
def test_a_mistake_in_a_file_is_one_line(file, text, said, capsys):
    if text is not None:
        Path(file).write_text(text)
    assert main(["train", file, *SMALL]) == 2
    error = capsys.readouterr().err
    assert re.search(said, error)
    assert error.count("\n") == 1
    assert not Path("runs").exists()


def test_one_of_several_is_named(capsys):
    Path("two.py").write_text(
        SHORT.format(base="DCGAN", name="A", arguments="") + SHORT.format(base="WGAN", name="B", arguments="")
    )
    assert variants.variant("two.py:B").paper == kerasgan.models.WGAN.paper
    with pytest.raises(UserError, match=r"two.py has no class C: name one of them, as in two.py:A; there are A, B."):
        variants.variant("two.py:C")


def test_an_installed_package_offers_variants(my_gan, monkeypatch, capsys):
    monkeypatch.syspath_prepend(".")
    point = EntryPoint("dragan", "my_gan:DRAGAN", variants.GROUP)
    gone = EntryPoint("gone", "nowhere:Gone", variants.GROUP)
    monkeypatch.setattr(variants, "entry_points", lambda group: [point, gone])
    assert main(["list"]) == 0
    assert re.search(r"^dragan +of an installed package: kerasgan train dragan --help$", capsys.readouterr().out, re.M)
    assert variants.variant("dragan").arguments["penalty"] == 10.0
    assert main(["train", "gone"]) == 2
    assert "gone of nowhere:Gone cannot be imported: ModuleNotFoundError" in capsys.readouterr().err
    assert main(["train", "draggan"]) == 2
    assert "did you mean dragan?" in capsys.readouterr().err


def test_a_class_whose_verbs_are_others_is_refused():
    class Wrong(kerasgan.models.DCGAN):
        verbs = ("sample",)

    with pytest.raises(UserError, match=r"Wrong says verbs = \('sample',\), and its endpoints\(\) are"):
        Wrong(image_shape=(8, 8, 1), latent_dim=4, width=4).compile()


def test_noise_takes_the_shape_of_a_tensor():
    noise = kerasgan.layers.Noise()
    assert noise.uniform(np.array([2, 3, 4]).tolist()).shape == (2, 3, 4)
    import tensorflow as tf

    assert tf.function(lambda x: noise.normal(tf.shape(x)))(tf.zeros((5, 6))).shape == (5, 6)


@pytest.fixture
def own_settings_of_pytest(monkeypatch):
    """What a check does to its process is undone."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.setattr(small, "GIVEN", {})


def test_promises_are_checked_by_name(my_gan, own_settings_of_pytest, capfd):
    Path("pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")  # the user's own tests are not asked
    assert main(["check", "./my_gan.py", "--only", "own weights", "--penalty", "5"]) == 0
    said = capfd.readouterr().out.splitlines()
    assert said[0] == "DRAGAN(latent_dim=4, width=4, penalty=5.0) on images of 12x10x1 promises:"
    assert said[1] == "  green a player moves its own weights and no others"
    assert re.fullmatch(r"1 of 1 promises hold; \d+ s\.", said[-1])


def test_a_promise_that_does_not_hold_is_red_and_says_what_to_look_at(my_gan, own_settings_of_pytest, capfd):
    code = Path("my_gan.py").read_text()
    wrong = "deviation = tf.math.reduce_std(x)"  # of a replica's share
    code = re.sub(r"pixels = in_global_batch.*?deviation = [^\n]*", wrong, code, flags=re.DOTALL)
    Path("wrong_gan.py").write_text(code)  # of another name: the models that promises share have it
    assert main(["check", "./wrong_gan.py", "--only", "two devices"]) == 1
    said = capfd.readouterr().out
    wrong = r"^  red   two devices train as one\n        AssertionError: \S+ changes otherwise on two devices"
    assert re.search(wrong, said, re.MULTILINE)
    assert "Take statistics of a batch with in_global_batch" in said
    assert re.search(r"^0 of 1 promises hold; \d+ s\.$", said, re.MULTILINE)


def test_a_promise_that_there_is_not_is_one_line(my_gan, own_settings_of_pytest, capfd):
    assert main(["check", "./my_gan.py", "--only", "two devises"]) == 2
    assert re.search("no promise with 'two devises' in its name: leave out --only", capfd.readouterr().err)
    assert main(["check", "./your_gan.py"]) == 2
    assert "There is no file your_gan.py" in capfd.readouterr().err


CLASSES = """
from kerasgan.models import CGAN
class {name}(CGAN):
    \"\"\"A CGAN of ten classes.\"\"\"
    def __init__(self, image_shape=(8, 8, 1), width: int = 4):
        super().__init__(image_shape, latent_dim=4, classes=10, width=width)
        {last}
"""


def test_a_class_that_fixes_its_number_of_labels_can_all_that_others_can(capsys, steps_taken_eagerly):
    Path("ten.py").write_text(CLASSES.format(name="Ten", last=""))
    assert main(["train", "./ten.py", "--data", "digits", "--image-size", "8", "--steps", "1"]) == 0
    assert main(["generate", "runs/ten-digits", "-n", "12", "-o", "samples.npz"]) == 0
    assert np.load("samples.npz")["labels"].tolist() == [*range(10), 0, 1]
    assert main(["generate", "runs/ten-digits", "-n", "2", "--labels", "3,7", "--overwrite"]) == 0
    assert main(["generate", "runs/ten-digits", "--labels", "10", "--overwrite"]) == 2
    assert "Ten knows no class 10: it has 0, 1, 2, 3, 4, 5, 6, 7, 8, 9." in capsys.readouterr().err
    assert main(["explore", "runs/ten-digits", "interpolate", "0", "1", "--steps", "2", "--label", "3"]) == 0
    Image.fromarray(np.zeros((8, 8), np.uint8)).save("x.png")
    assert main(["explore", "runs/ten-digits", "project", "x.png"]) == 0
    assert main(["evaluate", "runs/ten-digits", "-n", "20", "--draws", "1"]) == 0
    assert "label accuracy" in capsys.readouterr().out
    model = kerasgan.load("runs/ten-digits")
    with pytest.raises(UserError, match="takes labels as .*; here is 10"):
        model.sample_labelled(labels=[10], seed=0)
    assert notebook.samples(model) is not None


def test_a_model_that_does_not_say_how_many_labels_it_has_is_told_to(capsys):
    Path("none.py").write_text(CLASSES.format(name="Unsaid", last="del self.classes"))
    assert main(["train", "none.py", "--data", "digits", "--image-size", "8"]) == 2
    assert "Unsaid takes labels: set self.classes, their number, in its constructor." in capsys.readouterr().err
    with pytest.raises(UserError, match="Mine does not say how many classes it has: set self.classes"):
        class_names.all_of_model({"variant": "Mine", "hyperparameters": {}})


def test_readmes_example_is_read_in_the_package_as_it_is(my_gan, tmp_path, monkeypatch):
    """It moves into kerasgan/models/ unchanged: what it derives from is found by its name in kerasgan.models."""
    monkeypatch.setitem(variants.CLASSES, "dragan", "DRAGAN")
    package = tmp_path / "package"
    shutil.copytree(variants.PACKAGE / "models", package / "models", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(variants.PACKAGE / "model.py", package)
    shutil.copy("my_gan.py", package / "models/dragan.py")
    monkeypatch.setattr(variants, "PACKAGE", package)
    variants._tree.cache_clear()
    variants._read.cache_clear()
    try:
        one = variants.variant("dragan")
        assert (one.arguments["width"], one.arguments["penalty"]) == (64, 10.0)
        assert one.help["width"] == "channels at half of the image size, doubled at each halving up to eightfold"
        assert variants.citation("dragan") == "Kodali 2017"
    finally:
        variants._tree.cache_clear()
        variants._read.cache_clear()


AUGMENTED = """
import tensorflow as tf
from kerasgan.augment import {layer}
from kerasgan.losses import LeCam, logistic
from kerasgan.models import DCGAN

class Augmented(DCGAN):
    \"\"\"A DCGAN of few images.\"\"\"
    def __init__(self, image_shape=(64, 64, 3), latent_dim: int = 100, width: int = 64, **kwargs):
        super().__init__(image_shape, latent_dim, width, **kwargs)
        self.augment = {layer}()
        self.lecam = LeCam()

    def train_step(self, x):
        with tf.GradientTape() as g_tape:
            fake = self.augment(self.generator(self.prior(tf.shape(x)[0]), training=True), training=True)
        with tf.GradientTape() as d_tape:
            d_real = self.discriminator(self.augment(x, training=True), training=True)
            d_fake = self.discriminator(fake, training=True)
            d_loss = logistic(d_real, real=True) + logistic(d_fake, real=False) + 0.1 * self.lecam(d_real, d_fake)
        self.minimize("discriminator", d_loss, d_tape)
        {adapt}
        with g_tape:
            g_loss = logistic(self.discriminator(fake, training=True), real=True)
        self.minimize("generator", g_loss, g_tape)
        return self.report(d_loss=d_loss, g_loss=g_loss)
"""


@pytest.mark.parametrize(("layer", "adapt"), [("DiffAugment", ""), ("ADA", "self.augment.adapt(d_real)")])
@pytest.mark.parametrize("promise", ["own weights", "goes on exactly", "train as one"])
def test_a_paper_of_few_images_keeps_its_promises(layer, adapt, promise, own_settings_of_pytest, capfd):
    Path(f"few_{layer.lower()}.py").write_text(AUGMENTED.format(layer=layer, adapt=adapt))
    assert main(["check", f"few_{layer.lower()}.py", "--only", promise]) == 0, capfd.readouterr().out
