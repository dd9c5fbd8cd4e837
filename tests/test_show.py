"""What Jupyter shows: kerasgan.show(images), data, and trained models."""

import base64
import io
import json
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf
from conftest import SHAPE, SMALL, every_variant, small_batches, small_model
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from PIL import Image

import kerasgan
from kerasgan.errors import UserError

RNG = np.random.default_rng(0)


def pixels(*shape):
    return RNG.integers(0, 256, shape, np.uint8)


def png(shown):
    return np.asarray(Image.open(io.BytesIO(shown._repr_png_())))


def in_html(text):
    """The picture and the caption in an answer to Jupyter."""
    found = re.fullmatch(
        r'<figure><img src="data:image/png;base64,(\S+)" alt="(.*)"><figcaption>\2</figcaption></figure>', text
    )
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(found[1])))), found[2]


# ---- show -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_image_is_shown_pixel_by_pixel(channels):
    image = pixels(20, 10, channels)
    shown = png(kerasgan.show(image))
    expected = image.repeat(30, 0).repeat(30, 1)  # 600 pixels, without smoothing
    np.testing.assert_array_equal(shown, expected[..., 0] if channels == 1 else expected)


def test_a_large_image_is_shown_as_it_is():
    image = pixels(300, 500, 3)
    np.testing.assert_array_equal(png(kerasgan.show(image)), image)


def test_images_are_shown_as_a_grid():
    shown = png(kerasgan.show(pixels(5, 98, 98, 3)))
    assert shown.shape == (2 * 100 + 2, 3 * 100 + 2, 3)
    assert (shown[102:200, 202:300] == 255).all()  # the sixth place is empty
    stack = pixels(3, 2, 200, 100, 3)
    np.testing.assert_array_equal(png(kerasgan.show(stack)), kerasgan.images.grid(stack))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
@pytest.mark.parametrize("kind", [tf.constant, lambda x: np.asarray(x)])
def test_floats_are_between_minus_one_and_one(dtype, kind):
    image = kind(tf.cast(tf.fill((400, 400, 1), 0.5), dtype))
    assert (png(kerasgan.show(image)) == 191).all()


def test_what_a_model_draws_while_it_learns_can_be_shown():
    model, batch = small_model("vae"), small_batches("vae").first(64)
    shown = kerasgan.show(model.snapshot(batch), "Rows")
    assert shown.image.size[0] == 6 * (8 * (SHAPE[1] + 2) + 2)


def test_the_caption_is_below_the_picture():
    image = pixels(400, 400, 3)
    plain, captioned = kerasgan.show(image), kerasgan.show(image, "5 < 6 & 'so on'")
    assert plain._repr_html_() is None
    shown, caption = in_html(captioned._repr_html_())
    np.testing.assert_array_equal(shown, image)
    assert caption == "5 &lt; 6 &amp; &#x27;so on&#x27;"
    assert repr(captioned) == "<picture of 400 x 400 pixels: 5 < 6 & 'so on'>"


def test_of_many_images_the_first_are_shown_and_the_caption_says_so():
    many = pixels(1234, 4, 4, 1)
    shown = kerasgan.show(many, "All of them.")
    assert shown.caption == "All of them. The first 100 of 1,234 images."
    np.testing.assert_array_equal(shown.image, kerasgan.show(many[:100]).image)
    assert kerasgan.show(many).caption == "The first 100 of 1,234 images."


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (np.zeros((4, 4), np.uint8), "An array of shape (4, 4) cannot be shown"),
        (np.zeros((9, 5, 5), np.uint8), "An array of shape (9, 5, 5) cannot be shown"),
        (np.zeros((0, 4, 4, 3), np.uint8), "An array of shape (0, 4, 4, 3) cannot be shown"),
        (np.zeros((4, 4, 3), np.int64), "Images are uint8, or floats in [-1, 1]; these are int64."),
        (np.full((4, 4, 3), 255.0), "these are floats from 255 to 255."),
        (np.full((4, 4, 3), np.nan), "these are floats from nan to nan."),
        ("photo.png", "Images are uint8"),
        ([np.zeros((4, 4, 1)), np.zeros((5, 5, 1))], "Images of several sizes make no grid: show each alone."),
        (None, "Images are uint8"),
    ],
)
def test_what_is_no_image_is_said_in_one_line(shown, said):
    with pytest.raises(UserError) as error:
        kerasgan.show(shown)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_to_import_kerasgan_imports_nothing_to_show_with():
    script = "import sys, kerasgan; assert not {'tensorflow', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


# ---- data -----------------------------------------------------------------------------------------------------------


@every_variant
def test_data_shows_its_first_examples(key):
    batches = small_batches(key)
    picture = kerasgan.show(batches)
    assert "of 32 of random pixels" in picture.caption
    shown = np.asarray(picture.image)
    rows, columns = {"pairs": (8, 8), "domains": (2, 8)}.get(batches.takes, (4, 8))
    factor = 600 // max(rows * (SHAPE[0] + 2) + 2, columns * (SHAPE[1] + 2) + 2)
    assert shown.shape == (factor * (rows * (SHAPE[0] + 2) + 2), factor * (columns * (SHAPE[1] + 2) + 2))
    corner = shown[2 * factor : (2 + SHAPE[0]) * factor : factor, 2 * factor : (2 + SHAPE[1]) * factor : factor]
    if not SMALL[key].get("scale"):
        np.testing.assert_array_equal(corner, batches.columns[0][0, ..., 0])


def test_captions_say_what_the_places_of_a_grid_mean():
    captions = {
        b.takes: kerasgan.show(b).caption for b in map(small_batches, ("gan", "cgan", "sgan", "pix2pix", "cyclegan"))
    }
    assert captions["images"] == "The first 32 images of 32 of random pixels."
    assert re.search(r"Their labels, row by row: ([0-2], ){7}[0-2]; .*[0-2]\.$", captions["labelled"])
    assert "Their labels, row by row (? is unknown): 0, ?, " in captions["partly_labelled"] or re.search(
        r"\(\? is unknown\): [0-2], \?, ", captions["partly_labelled"]
    )
    assert captions["pairs"].endswith(": each source left of its target.")
    assert captions["domains"].endswith(": one domain above the other.")


def test_targets_are_right_of_their_sources():
    batches = small_batches("pix2pix")
    shown = np.asarray(kerasgan.show(batches).image)
    factor, (height, width) = len(shown) // (8 * (SHAPE[0] + 2) + 2), SHAPE[:2]
    small = shown[::factor, ::factor]
    for i, (source, target) in enumerate(zip(*batches.columns, strict=True)):
        row, column = divmod(2 * i, 8)
        top, left = 2 + row * (height + 2), 2 + column * (width + 2)
        np.testing.assert_array_equal(small[top : top + height, left : left + width], source[..., 0])
        left += width + 2
        np.testing.assert_array_equal(small[top : top + height, left : left + width], target[..., 0])


# ---- trained models -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for key in ("gan", "cgan", "autoencoder"):
        small_model(key).export(folder / key)
    about = json.loads((folder / "gan/kerasgan.json").read_text())
    small_model("gan").export(folder / "ddpm")
    about = {**about, "variant": "ddpm", "hyperparameters": {"sampling_steps": 250}}
    (folder / "ddpm/kerasgan.json").write_text(json.dumps(about))
    return folder


def test_a_model_shows_samples(exported):
    model = kerasgan.load(exported / "gan")
    picture = kerasgan.show(model)
    assert picture.caption == "Samples of gan (seed 0)."
    expected = model.sample(n=32, seed=0).reshape(4, 8, *SHAPE)
    np.testing.assert_array_equal(picture.image, kerasgan.show(expected).image)
    assert repr(model) == "<gan that can sample, decode>"


def test_a_model_that_takes_labels_shows_a_row_of_each(exported):
    model = kerasgan.load(exported / "cgan")
    picture = kerasgan.show(model)
    assert picture.caption == "Samples of cgan (seed 0): a row for each label from 0 to 2."
    made = model.sample_labelled(labels=[label for label in range(3) for _ in range(8)], seed=0)
    np.testing.assert_array_equal(picture.image, kerasgan.show(made.reshape(3, 8, *SHAPE)).image)


# ---- in a notebook --------------------------------------------------------------------------------------------------


@pytest.fixture
def displayed(monkeypatch):
    """What a cell of a notebook shows of the last thing in it: {format: content}, and what it prints."""
    shell = InteractiveShell.instance()
    shell.display_formatter.active_types = ["text/plain", "text/html", "image/png"]  # a terminal's has text alone
    kerasgan._shown_in_jupyter(shell)

    def of(shown):
        with capture_output() as captured:
            data, _ = shell.display_formatter.format(shown)
        (output,) = captured.outputs or [None]
        return (output.data if output else data), captured.stdout

    yield of
    InteractiveShell.clear_instance()


def test_a_notebook_shows_data_and_models_as_pictures(exported, displayed):
    for shown in (small_batches("cgan"), kerasgan.load(exported / "gan")):
        found, printed = displayed(shown)
        expected = kerasgan.show(shown)
        assert in_html(found["text/html"])[1] == expected.caption
        np.testing.assert_array_equal(in_html(found["text/html"])[0], expected.image)
        assert not printed


@pytest.mark.parametrize("key", ["autoencoder", "ddpm"])
def test_a_model_without_samples_or_with_slow_ones_shows_what_it_can(exported, displayed, key):
    model = kerasgan.load(exported / key)
    found, printed = displayed(model)
    assert not found
    assert printed.startswith(f"<{key} that can ")
    with pytest.raises(UserError, match="draws nothing unasked"):
        kerasgan.show(model)


def test_to_import_kerasgan_in_a_notebook_is_enough():
    script = """
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        import sys, kerasgan
        deferred = shell.display_formatter.ipython_display_formatter.deferred_printers
        assert ("kerasgan.data.batches", "Batches") in deferred and "tensorflow" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)


def test_neither_data_nor_models_know_of_notebooks():
    for part in (small_batches("gan"), small_model("gan")):
        assert not any("_repr_" in name.replace("__repr__", "") for name in dir(part))
