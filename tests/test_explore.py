"""kerasgan explore: every kind of picture, and one line for every mistake."""

import subprocess
import sys

import imageio_ffmpeg
import numpy as np
import pytest
from conftest import small_model
from PIL import Image

import kerasgan
from kerasgan import explore, images, latent, pictures
from kerasgan.cli import main

SHAPE = (12, 8, 1)
THINGS = ("interpolate", "corners", "arithmetic", "walk", "truncate", "mix", "project", "nearest")
RED = np.array([255, 0, 0], np.uint8)


def pixels(n, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Exported models of each kind, and data with labels that they say they learnt from."""
    folder = tmp_path_factory.mktemp("models")
    np.savez(folder / "data.npz", images=pixels(30), labels=np.arange(30) % 3)
    for key in ("gan", "vae", "cgan", "sgan", "autoencoder", "pix2pix", "stylegan2"):
        model = small_model(key, SHAPE)
        if key == "gan":  # one without a record of what it learnt from
            model.export(folder / key)
        else:
            model.export(folder / key, data={"name": str(folder / "data.npz"), "split": "train"})
    return folder


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*arguments):
    assert main(["explore", *map(str, arguments)]) == 0


def refused(capsys, *arguments):
    """The one line that is said of a mistake."""
    assert main(["explore", *map(str, arguments)]) == 2
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    return line


# ---- tables --------------------------------------------------------------------------------------------------------


def test_a_table_shows_every_cell_and_every_name(tmp_path):
    cells = [[np.full((4, 2, 1), 60 * (2 * i + j), np.uint8) for j in range(2)] for i in range(2)]
    cells[1][0] = np.broadcast_to(RED, (4, 2, 3))
    pictures.table(cells, "").save(tmp_path / "new/plain.png")
    plain = np.asarray(Image.open(tmp_path / "new/plain.png").convert("RGB")).reshape(-1, 3)
    scale = pictures.SIDE // 4
    for colour in ([0] * 3, [60] * 3, RED, [180] * 3):
        assert (plain == colour).all(axis=1).sum() == 4 * 2 * scale**2  # enlarged a whole number of times
    pictures.table(cells, "title", ["a", "b"], ["c", "d"], "rows", "columns").save(tmp_path / "named.png")
    bare, named = Image.open(tmp_path / "new/plain.png").size, Image.open(tmp_path / "named.png").size
    assert named[0] > bare[0] + 20
    assert named[1] > bare[1] + 40


def test_a_table_may_have_notes_and_empty_cells(tmp_path):
    cells = [[pixels(1)[0], None]]
    pictures.table(cells, "").save(tmp_path / "without.png")
    pictures.table(cells, "", notes=[["1.5 dB", ""]]).save(tmp_path / "with.png")
    assert Image.open(tmp_path / "with.png").size[1] > Image.open(tmp_path / "without.png").size[1]


# ---- what is drawn --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("linear", [False, True])
def test_a_strip_leads_from_sample_to_sample(folder, tables, linear, capsys):
    run(folder / "gan", "interpolate", "2", "0", "5", "--steps", "4", "--seed", "1", *["--linear"] * linear)
    z = latent.prior(6, 4, seed=1)
    between = latent.linear if linear else latent.spherical
    model = kerasgan.load(folder / "gan")
    (table,) = tables
    for row, ends in zip(table["cells"], ((2, 0), (0, 5)), strict=True):
        np.testing.assert_array_equal(row, model.decode(latents=between(*z[list(ends)], 4)))
    assert table["rows"] == ["sample 2 to sample 0", "sample 0 to sample 5"]
    assert table["columns"] == ["0.00", "0.33", "0.67", "1.00"]
    assert ("straight lines" in table["title"]) == linear
    assert "2 ways of 4 pictures of gan, written to interpolation.png" in capsys.readouterr().out
    assert Image.open("interpolation.png").mode == "P"


def test_samples_are_numbered_as_generate_draws_them(folder, tables):
    run(folder / "gan", "interpolate", "--steps", "2")
    expected = kerasgan.load(folder / "gan").sample(n=64, seed=0)
    np.testing.assert_allclose(np.array(tables[0]["cells"])[:, 0].astype(int), expected[:5], atol=1)


@pytest.mark.parametrize("kind", ["gif", "mp4"])
def test_a_film_comes_back_to_where_it_starts(folder, kind):
    run(folder / "gan", "interpolate", "0", "1", "--steps", "3", "-o", f"new/film.{kind}")
    z = latent.prior(2, 4, seed=0)
    there = latent.spherical(z[0], z[1], 4)
    expected = kerasgan.load(folder / "gan").decode(latents=np.concatenate([there[:-1], there[:0:-1]]))
    if kind == "gif":
        with Image.open("new/film.gif") as film:
            frames = []
            for i in range(film.n_frames):
                film.seek(i)
                frames.append(np.asarray(film.convert("L"))[..., None])
    else:
        reader = imageio_ffmpeg.read_frames("new/film.mp4")
        size = next(reader)["size"]
        frames = [np.frombuffer(f, np.uint8).reshape(*size[::-1], 3)[..., :1] for f in reader]
    assert len(frames) == 6
    for frame, image in zip(frames, expected, strict=True):
        large = pictures.enlarged(image, -(-explore.FILM // 12))[..., :1]
        assert frame.shape == large.shape
        assert np.abs(frame.astype(int) - large).mean() < 12


def test_a_grid_between_four_latents(folder, tables):
    run(folder / "vae", "corners", "3", "1", "2", "0", "--rows", "3", "--columns", "2", "--linear")
    z = latent.prior(4, 4, seed=0)[[3, 1, 2, 0]]
    decode = latent.Decoder(kerasgan.load(folder / "vae"))
    np.testing.assert_array_equal(tables[0]["cells"], decode(latent.corners(z, 3, 2, latent.linear)))
    assert "sample 3 (top left), sample 1 (top right), sample 2 (bottom left)" in tables[0]["title"]


def test_arithmetic_shows_exemplars_and_means(folder, tables):
    run(folder / "vae", "arithmetic", "0,1,2", "3,4,5,6", "7,8,9")
    z = latent.prior(10, 4, seed=0)
    sets = z[:3], z[3:7], z[7:]
    decode = latent.Decoder(kerasgan.load(folder / "vae"))
    *alone, means = tables[0]["cells"]
    np.testing.assert_array_equal(means[3], decode(latent.arithmetic(*sets)[None])[0])
    np.testing.assert_array_equal(means[:3], decode(np.stack([s.mean(axis=0) for s in sets])))
    for i in range(3):
        np.testing.assert_array_equal(
            alone[i], decode(np.stack([z[i], z[3 + i], z[7 + i], z[i] - z[3 + i] + z[7 + i]]))
        )
    assert tables[0]["rows"] == ["exemplar 1", "exemplar 2", "exemplar 3", "mean of 3, 4, 3"]
    assert "A = samples 0, 1, 2, B = samples 3, 4, 5, 6, C = samples 7, 8, 9" in tables[0]["title"]


def test_exemplars_of_a_label_are_encoded_images_of_it(folder, tables):
    run(folder / "vae", "arithmetic", "label:2", "label:0", "label:1", "--exemplars", "4")
    z = latent.encode(kerasgan.load(folder / "vae"), pixels(30))
    decode = latent.Decoder(kerasgan.load(folder / "vae"))
    result = decode(latent.arithmetic(z[2:12:3], z[0:12:3], z[1:12:3])[None])[0]
    np.testing.assert_array_equal(tables[0]["cells"][-1][3], result)


def test_exemplars_of_a_label_are_samples_that_a_classifier_is_surest_of(folder, tables, monkeypatch):
    class Guesses:
        """Takes a sample of a number for its remainder of three, and is the surer the later it comes."""

        about = kerasgan.load(folder / "sgan").about
        inputs = staticmethod(kerasgan.load(folder / "sgan").inputs)
        decode = staticmethod(kerasgan.load(folder / "sgan").decode)

        @staticmethod
        def classify(images):
            return np.eye(3)[np.arange(len(images)) % 3] * np.arange(len(images))[:, None] / 100

    monkeypatch.setattr("kerasgan.saved_model.load", lambda path: Guesses())
    run(folder / "sgan", "interpolate", "label:0", "label:1", "--exemplars", "2", "--steps", "2")
    z = latent.prior(1000, 4, seed=0)
    expected = latent.Decoder(Guesses())(np.stack([z[[999, 996]].mean(axis=0), z[[997, 994]].mean(axis=0)]))
    np.testing.assert_array_equal(tables[0]["cells"][0], expected)


def test_exemplars_of_a_name_are_the_samples_nearest_to_pictures_of_it(folder, tables, capsys):
    """Two pictures are samples themselves, and all others far away."""
    gan = kerasgan.load(folder / "gan")
    samples = gan.sample(n=10, seed=0)
    for name, picture in {"a_cat": samples[7], "b_dog": samples[4], "c_cat": 255 - samples[7]}.items():
        (folder / "named" / name[0]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture[..., 0]).save(folder / "named" / name[0] / f"{name}.png")
    arguments = [folder / "gan", "interpolate", "--data", folder / "named", "--steps", "2", "--exemplars", "1"]
    run(*arguments, "name:*cat*", "name:*dog.png")
    np.testing.assert_array_equal(tables[0]["cells"][0], samples[[7, 4]])
    arguments.append("--overwrite")
    for pattern, said in (("name:*cow*", "No picture in"), ("name:", "there is no name:")):
        assert said in refused(capsys, *arguments, pattern, "3")
    assert "are near pictures named c_*" in refused(capsys, *arguments, "name:c_*", "3")
    given = [*arguments, "--data", folder / "data.npz", "name:*", "3"]
    assert "is no folder, so its images have no files with names" in refused(capsys, *given)
    said = refused(capsys, folder / "autoencoder", "interpolate", "name:*cat*", "image:1", "--overwrite")
    assert "draws no samples, of which *cat* could name some" in said


def test_pictures_and_images_of_the_data_are_encoded_and_fitted(folder, tables, capsys):
    Image.fromarray(np.full((30, 40), 200, np.uint8)).save("wide.png")
    run(folder / "autoencoder", "interpolate", "wide.png", "image:4", "--steps", "2")
    model = kerasgan.load(folder / "autoencoder")
    z = latent.encode(model, np.concatenate([np.full((1, *SHAPE), 200, np.uint8), pixels(30)[4:5]]))
    np.testing.assert_allclose(np.array(tables[0]["cells"][0]).astype(int), model.decode(latents=z), atol=1)
    assert tables[0]["rows"] == ["wide to image 4"]
    assert "scaled to the 12x8x1 that autoencoder takes; wide.png is 30x40x1" in capsys.readouterr().err


def test_a_model_without_prior_starts_from_its_data(folder, tables):
    run(folder / "autoencoder", "walk", "--dimensions", "1", "--steps", "3", "--deviations", "2")
    z = latent.encode(kerasgan.load(folder / "autoencoder"), pixels(30))
    decode = latent.Decoder(kerasgan.load(folder / "autoencoder"))
    step = np.array([0, z[:, 1].std(), 0, 0])
    expected = decode(np.stack([z[0] - 2 * step, z[0], z[0] + 2 * step]))
    np.testing.assert_allclose(tables[0]["cells"][0].astype(int), expected, atol=1)
    assert tables[0]["column_axis"] == "standard deviations of encoded images"


def test_walks_along_latents_and_along_directions(folder, tables):
    run(folder / "gan", "walk", "1", "--dimensions", "0,3", "--steps", "3", "-o", "1.png")
    decode, z = latent.Decoder(kerasgan.load(folder / "gan")), latent.prior(2, 4, seed=0)[1]
    expected = decode(latent.walk(z, np.eye(4)[[0, 3]], [-3, 0, 3]))
    np.testing.assert_array_equal(tables[0]["cells"], expected)
    assert (tables[0]["rows"], tables[0]["columns"]) == (["0", "3"], ["-3", "0", "+3"])
    run(folder / "gan", "walk", "--directions", "2", "-o", "2.png")
    run(folder / "vae", "walk", "--directions", "9", "-o", "3.png")
    assert [len(table["rows"]) for table in tables[1:]] == [2, 4]
    assert "directions in which pixels change most" in tables[1]["title"]
    assert "principal components of encoded images" in tables[2]["title"]


def test_truncation_has_a_row_for_each_threshold(folder, tables):
    run(folder / "cgan", "truncate", "--thresholds", "1,0.5", "-n", "3", "--label", "2", "--seed", "4")
    z, decode = latent.prior(3, 4, seed=4), latent.Decoder(kerasgan.load(folder / "cgan"), 2)
    expected = decode(np.stack([z, latent.truncated(z, 1, 4), latent.truncated(z, 0.5, 4)]))
    np.testing.assert_array_equal(tables[0]["cells"], expected)
    assert tables[0]["rows"] == ["none", "1", "0.5"]
    assert "label 2" in tables[0]["title"]


def test_projection_by_encoder_and_by_least_squares(folder, tables, capsys):
    model = kerasgan.load(folder / "vae")
    np.savez("x.npz", images=model.sample(n=3, seed=9))
    run(folder / "vae", "project", "x.npz", "-n", "2", "-o", "found.npz")
    found = np.load("found.npz")
    assert found["names"].tolist() == ["x.npz/00000", "x.npz/00001"]
    for way in ("encoder", "least_squares"):
        images_ = model.decode(latents=found[f"{way}_latents"])
        errors = ((images_ / 255 - found["images"] / 255) ** 2).mean(axis=(1, 2, 3))
        np.testing.assert_allclose(found[f"{way}_errors"], errors, atol=1e-5)
    assert (found["least_squares_errors"] <= found["encoder_errors"]).all()
    np.testing.assert_allclose(found["encoder_latents"], model.encode(images=found["images"]), atol=1e-5)
    run(folder / "vae", "project", "x.npz", "-n", "1")
    assert tables[0]["rows"] == ["picture", "encoder", "least squares"]
    assert tables[0]["notes"][1][0].endswith("dB")
    assert "x.npz/00000: mean squared error by encoder 0." in capsys.readouterr().out


def test_projection_tries_every_label(folder):
    model = kerasgan.load(folder / "cgan")
    decode = latent.Decoder(model, 2)
    np.savez("x.npz", images=decode(latent.prior(500, 4, seed=0)[[321]]))  # a sample to start from
    run(folder / "cgan", "project", "x.npz", "-o", "all.npz")
    run(folder / "cgan", "project", "x.npz", "-o", "two.npz", "--label", "2")
    assert np.load("all.npz")["least_squares_errors"][0] == np.load("two.npz")["least_squares_errors"][0] == 0


def test_projection_of_many_latents_is_the_encoders_alone(folder, monkeypatch, capsys):
    monkeypatch.setattr(latent, "MOST", 3)
    np.savez("x.npz", images=pixels(1))
    run(folder / "vae", "project", "x.npz", "-o", "found.npz")
    assert "least_squares_latents" not in np.load("found.npz")
    assert "Least squares are left out" in capsys.readouterr().out
    assert "gan has no encoder, and with its 4 latents" in refused(capsys, folder / "gan", "project", "x.npz")


def test_a_planted_copy_is_beside_its_sample(folder, tables, capsys):
    samples = kerasgan.load(folder / "vae").sample(n=20, seed=0)
    planted = np.concatenate([pixels(30), samples[[13]], pixels(9, seed=1)])
    np.savez("learnt.npz", images=planted)
    run(folder / "vae", "nearest", "--data", "learnt.npz", "-n", "20", "--neighbours", "2")
    (table,) = tables
    assert table["rows"][5] == "suspicious: sample 13"
    np.testing.assert_array_equal(table["cells"][5][:2], [samples[13]] * 2)
    assert table["notes"][5][1] == "0.000"
    said = capsys.readouterr().out
    assert "20 samples of vae, 40 training images" in said
    assert "no images that were not trained on" in said


def test_held_out_images_stand_beside_samples(folder, tables, capsys):
    for split, seed in (("train", 0), ("test", 1)):
        for i, image in enumerate(pixels(6, seed=seed)):
            (images_folder := folder / "photos" / split).mkdir(parents=True, exist_ok=True)
            images.write_png(images_folder / f"{i}.png", image)
    run(folder / "vae", "nearest", "--data", f"{folder}/photos", "-n", "4")
    said = capsys.readouterr().out
    assert "held-out images" in said
    assert "ratio of the medians" in said


# ---- in Python ------------------------------------------------------------------------------------------------------


def test_points_are_numbers_texts_arrays_of_images_and_latents(folder):
    model = kerasgan.load(folder / "vae")
    z = latent.prior(3, 4, seed=0)
    x = pixels(30)
    picture = explore.interpolate(model, [1, "image:4", x[7], z[2], z[:2]], steps=2)
    encoded = latent.encode(model, x[[4, 7]])
    expected = np.stack([z[1], *encoded, z[2], z[:2].mean(axis=0)])
    np.testing.assert_allclose(picture.arrays["latents"][:, 0], expected[:-1], atol=1e-5)
    np.testing.assert_allclose(picture.arrays["latents"][:, 1], expected[1:], atol=1e-5)
    np.testing.assert_array_equal(picture.arrays["images"][0, 0], latent.Decoder(model)(z[1:2])[0])
    assert picture.caption == "vae: along arcs from latent to latent"


def test_what_explore_draws_shows_itself_and_is_saved(folder, tmp_path):
    model = kerasgan.load(folder / "vae")
    picture = explore.corners(model, rows=3, columns=3)
    assert picture.arrays["images"].shape == (3, 3, *SHAPE)
    picture.save(tmp_path / "new/grid.png")
    np.testing.assert_array_equal(Image.open(tmp_path / "new/grid.png").convert("RGB"), picture.image.convert("RGB"))
    assert "data:image/png;base64," in picture._repr_html_()
    film = explore.interpolation_film(model, [0, 1], steps=2)
    assert "data:image/gif;base64," in film._repr_html_()
    film.save(tmp_path / "film.mp4")
    assert (tmp_path / "film.mp4").stat().st_size > 0
    for shown, wrong in ((picture, "x.jpg"), (film, "x.png")):
        with pytest.raises(kerasgan.errors.UserError, match="give one that ends in"):
            shown.save(tmp_path / wrong)


def test_projections_and_neighbours_come_with_their_arrays(folder):
    model = kerasgan.load(folder / "vae")
    told = []
    found = explore.project(model, model.sample(n=2, seed=9), each=lambda name, ways: told.append((name, set(ways))))
    assert told == [("0", {"encoder", "least squares"}), ("1", {"encoder", "least squares"})]
    assert (found.arrays["least_squares_errors"] <= found.arrays["encoder_errors"]).all()
    near = explore.nearest(model, n=7, neighbours=2)
    assert near.arrays["distances"].shape == (7,)
    assert near.arrays["indices"].shape == (7, 3)
    assert near.arrays["training_images"] == 30
    walked = explore.walk(model, 1, dimensions=[0, 2], steps=3)
    assert walked.arrays["latents"].shape == (2, 3, 4)
    assert explore.truncate(model, [1.0], n=3).arrays["images"].shape == (2, 3, *SHAPE)
    assert explore.arithmetic(model, "0,1,2", "3,4,5", "6,7,8").arrays["latents"].shape == (4, 4, 4)


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.int64), np.zeros((2, 2, 2)), "nothing", 1.5, None])
def test_what_is_no_point_is_said_in_one_line(folder, wrong):
    with pytest.raises(kerasgan.errors.UserError) as error:
        explore.interpolate(kerasgan.load(folder / "vae"), [wrong, 1])
    assert "\n" not in str(error.value)


# ---- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pix2pix", "interpolate"], "pix2pix makes no images from latents: it has translate."),
        (["pix2pix", "nearest"], "pix2pix draws no samples: it has translate."),
        (["nothing", "walk"], "There is no nothing"),
        (["gan", "wlak"], "there is no command wlak (did you mean walk?)"),
        (["gan", "interpolate", "0"], "A way leads from one latent to another; here is sample 0 alone."),
        (["gan", "interpolate", "0", "none.png"], "there is no none.png: give a sample's number below 100000"),
        (["gan", "interpolate", "0", "image:0"], "gan has no encoder that tells the latents of 0"),
        (["gan", "interpolate", "--label", "1"], "gan takes no label: leave out --label."),
        (["cgan", "interpolate", "--label", "3"], "cgan knows no class 3: it has 0, 1, 2."),
        (["cgan", "interpolate", "label:1", "0"], "cgan is told the label beside its latents"),
        (["autoencoder", "interpolate", "0", "1"], "autoencoder draws no samples, so that there is none of number 0"),
        (["autoencoder", "truncate"], "autoencoder draws no samples: it has reconstruct, encode, decode"),
        (["gan", "corners", "0", "1"], "A grid has four corners; here are 2 latents."),
        (["vae", "arithmetic", "0,1,2", "3", "4,5,6"], "B has 1 exemplar, and 3 are averaged"),
        (["vae", "arithmetic", "0,1,2", "3,4,5", "label:7"], "has no images labelled 7"),
        (
            ["vae", "arithmetic", "0,1,2", "3,4,5", "label:1", "--exemplars", "11"],
            "10 are labelled 1, and 11 are to be",
        ),
        (["vae", "interpolate", "0", "image:30"], "has 30 images, 0 to 29: not 30."),
        (["gan", "walk", "--dimensions", "4"], "gan has latents 0 to 3, not 4."),
        (["gan", "walk", "--deviations", "0"], "0 is not a number above 0"),
        (["gan", "truncate", "--thresholds", "1,x"], "x is not a number above 0"),
        (["gan", "project", "none.png"], "There is no none.png"),
        (["gan", "nearest"], "does not say what it was trained on: give --data."),
        (["gan", "interpolate", "-o", "strip.jpg"], "give a name that ends in .png or .gif or .mp4"),
        (["gan", "corners", "-o", "film.gif"], "give a name that ends in .png"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_and_writes_nothing(folder, arguments, said, capsys, tmp_path):
    name, *rest = arguments
    model = folder / name if (folder / name).exists() else name
    assert said in refused(capsys, model, *rest)
    assert not list(tmp_path.iterdir())


def test_nothing_is_replaced_unasked_and_no_picture_that_is_read_at_all(folder, tmp_path, capsys):
    images.write_png(tmp_path / "x.png", pixels(1)[0])
    before = (tmp_path / "x.png").read_bytes()
    for thing in (["interpolate", "0", "1"], ["project", "x.png"], ["nearest"]):
        assert "x.png exists: choose another --output" in refused(capsys, folder / "vae", *thing, "-o", "x.png")
    for thing in (["interpolate", "0", "x.png"], ["project", "x.png"]):
        said = refused(capsys, folder / "vae", *thing, "-o", "x.png", "--overwrite")
        assert "x.png is one of the pictures to read" in said
    assert (tmp_path / "x.png").read_bytes() == before
    run(folder / "vae", "interpolate", "0", "1", "--steps", "2", "-o", "x.png", "--overwrite")
    assert (tmp_path / "x.png").read_bytes() != before


def test_help_does_not_import_tensorflow():
    script = (
        "import sys; from kerasgan.cli import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "assert not {'tensorflow', 'keras', 'matplotlib', 'scipy'} & set(sys.modules), 'slow'"
    )
    for arguments in (["explore", "--help"], ["explore", "model", "walk", "--help"], ["explore", "none", "walk"]):
        subprocess.run([sys.executable, "-c", script, *arguments], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("thing", THINGS)
def test_help_names_every_option(thing, capsys):
    with pytest.raises(SystemExit):
        main(["explore", "model", thing, "--help"])
    said = capsys.readouterr().out
    assert "--output" in said
    assert "--overwrite" in said


# ---- styles ---------------------------------------------------------------------------------------------------------


def test_styles_of_two_samples_are_mixed_layer_by_layer(folder):
    model = kerasgan.load(folder / "stylegan2")
    picture = explore.mix(model, [3, 5])
    drawn = latent.prior(6, 4, 0)
    both = model.decode(latents=drawn[[3, 5]])
    found = picture.arrays["images"]
    layers = model.inputs("decode_styles")["styles"].shape[1]
    assert found.shape == (2, layers + 1, *SHAPE)
    np.testing.assert_array_equal(found[0, [0, -1]], both[::-1])  # none of its own layers, and all of them
    np.testing.assert_array_equal(found[1, [0, -1]], both)
    styles = picture.arrays["styles"]
    np.testing.assert_array_equal(styles[0, 2, :2], latent.styles(model, drawn[[3]])[0, :2])
    np.testing.assert_array_equal(styles[0, 2, 2:], latent.styles(model, drawn[[5]])[0, 2:])
    np.testing.assert_array_equal(found[0, 2], model.decode_styles(styles=styles[:1, 2])[0])
    run(folder / "stylegan2", "mix", 3, 5)
    assert Image.open("mixed.png").size[0] > 100


def test_styles_are_truncated_by_their_way_from_the_mean(folder):
    model = kerasgan.load(folder / "stylegan2")
    picture = explore.truncate(model, n=3)
    styles = picture.arrays["styles"]
    assert len(styles) == 1 + len(explore.SHARES)
    np.testing.assert_array_equal(picture.arrays["images"][0], model.sample(n=3, seed=0))
    mean = styles[-1]
    np.testing.assert_array_equal(mean, np.broadcast_to(mean[:1], mean.shape))  # a share of 0 is the mean
    np.testing.assert_allclose(styles[2], (styles[0] + mean) / 2, atol=1e-6)
    assert explore.truncate(model, [0.9], n=2).arrays["images"].shape == (2, 2, *SHAPE)
    run(folder / "stylegan2", "truncate", "--thresholds", "0.5")


def test_what_has_no_styles_says_so(folder, capsys):
    said = refused(capsys, folder / "gan", "mix")
    assert "gan has no styles: it has sample, decode." in said
    assert "Styles of two latents are mixed; here are 3." in refused(capsys, folder / "stylegan2", "mix", 0, 1, 2)
