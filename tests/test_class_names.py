"""A class is known by its folder's name wherever one is asked for, and by its number only where no name fits."""

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from conftest import small_model
from PIL import Image

import kerasgan
from kerasgan import cards, class_names, data, latent, points, tasks
from kerasgan.cli import main
from kerasgan.data.labels import numbers
from kerasgan.data.sources import Source
from kerasgan.errors import UserError
from kerasgan.evaluation import Measurement
from kerasgan.training import planned
from kerasgan.variants import variant

SHAPE = (12, 8, 1)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def save(path, value):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(SHAPE[:2], value, np.uint8)).save(path)


def classes(root, *names, n=2):
    """Folders of n pictures whose grey value says which folder they are from: 10 in the first, 20 in the second."""
    for i, name in enumerate(names):
        for j in range(n):
            save(f"{root}/{name}/{j}.png", 10 * (i + 1))


def grey(column):
    return sorted({int(image.mean()) for image in column[np.arange(len(column))]})


@pytest.mark.parametrize(
    ("names", "ordered"),
    [
        (["10", "9", "0", "11", "1"], ["0", "1", "9", "10", "11"]),
        (["7", "-1", "007", "10"], ["-1", "007", "7", "10"]),
        (["10", "9", "cat"], ["10", "9", "cat"]),
        (["dog", "Cat", "ant"], ["Cat", "ant", "dog"]),
    ],
)
def test_folders_that_are_all_numbers_are_in_numeric_order(names, ordered):
    classes("pets", *names)
    source = data.folder("pets", SHAPE[:2])
    assert source.about["class_names"] == ordered
    for number, name in enumerate(ordered):
        assert grey(source.images[source.labels == number]) == [10 * (names.index(name) + 1)]


@pytest.mark.parametrize(
    ("names", "asked", "found"),
    [
        (["3", "8"], 3, [0]),
        (["3", "8"], "3,8", [0, 1]),
        (["3", "8"], (8, 0), [1, 0]),  # no class is called 0: the first
        (["1", "2", "3"], 1, [0]),
        (["001", "002", "007"], "7,2", [2, 1]),
        (["7", "007", "9"], "007", [1]),
        (["cat", "dog"], "dog", [1]),
        (["cat", "dog"], "dog, 0", [1, 0]),
        (["black, white", "dog"], "black, white", [0]),
        (["black, white", "dog"], '"black, white",dog', [0, 1]),
        (["a,b", "a", "b"], "a,b", [0]),
        (["a,b", "a", "b"], ["a", "b"], [1, 2]),
        (["my cat", "dog"], "my cat,dog", [0, 1]),
        ([unicodedata.normalize("NFD", "café"), "tea"], "café", [0]),
        ([], "2,0", [2, 0]),
    ],
)
def test_which_classes_are_meant(names, asked, found):
    source = Source(None, np.arange(len(names) or 3), None, {"name": "pets", "class_names": names})
    assert numbers(source, asked) == found


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("dgo", "pets has no images labelled dgo (did you mean dog?): it has cat, dog."),
        (["cat", "5"], "pets has no images labelled 5: it has cat, dog."),
        ("cat,,dog", "leaves a name empty"),
        (-1, "pets has no images labelled -1"),
    ],
)
def test_a_class_that_there_is_not(asked, said):
    source = Source(None, np.array([0, 1, -1]), None, {"name": "pets", "class_names": ["cat", "dog"]})
    with pytest.raises(UserError) as error:
        numbers(source, asked)
    assert said in str(error.value)


def test_an_error_does_not_name_hundreds():
    with pytest.raises(UserError, match=r"it has c0, .*, c19 and 480 more\.$"):
        class_names.number("x", [f"c{i}" for i in range(500)], range(500), "It has no class")


def test_data_is_asked_for_by_name():
    classes("numbers", "3", "8", "11")
    for asked in ("8,11", ("8", "11"), (8, 11)):
        batches = data.load("./numbers", "domains", 1, SHAPE[:2], domain_labels=asked)
        assert [grey(column) for column in batches.columns] == [[20], [30]]
    for asked in ("3", 3, ["3"], "0"):
        batches = data.load("./numbers", task="one_class", batch_size=1, image_size=SHAPE[:2], normal=asked)
        assert grey(batches.columns[0]) == [10]
    for asked in ((3, 0), "3,0"):
        with pytest.raises(UserError, match="--domain-labels 3,0 name the same class"):
            data.load("./numbers", "domains", 1, SHAPE[:2], domain_labels=asked)
    with pytest.raises(UserError, match="a name with a comma is quoted"):
        tasks.options_of("domains", {"domain_labels": "black, white,dog"})


def test_what_was_asked_for_by_number_is_kept_by_name_for_a_split_that_lacks_a_class():
    classes("pets/train", "ant", "cat", "dog")
    classes("pets/test", "cat", "dog")
    trained = data.load("./pets", task="one_class", batch_size=1, image_size=SHAPE[:2], normal="1")
    assert trained.about["normal"] == ["cat"]
    options = {"task": "one_class", "batch_size": 1, "image_size": SHAPE[:2], "split": "test"}
    assert data.load("./pets", normal=trained.about["normal"], **options).columns[1].tolist() == [0, 0, 1, 1]


def test_runs_that_kept_labels_as_numbers_are_resumed():
    record = {
        "variant": "cyclegan",
        "hyperparameters": {},
        "settings": {"data": "digits", "task": "domains", "domain_labels": [3, 8], "batch_size": 2},
        "plan": {"epochs": 1, "steps": None},
    }
    Path("run").mkdir()
    Path("run/run.json").write_text(json.dumps(record))
    given = {"run": Path("run"), "resume": True}
    for more in ({}, {"domain_labels": "3,8"}, {"domain_labels": "3, 8"}):
        (stage,) = planned(variant("cyclegan"), {**given, **more})
        assert stage.task_options == {"domain_labels": [3, 8]}
    with pytest.raises(UserError, match=r"was started with --domain-labels \[3, 8\], not 8,3"):
        planned(variant("cyclegan"), {**given, "domain_labels": "8,3"})
    # as that of the old run, so that its data is the same
    assert data.load("digits", "domains", 1, domain_labels=[3, 8]).about["domain_labels"] == [3, 8]


@pytest.mark.parametrize("around", ["train", "pets", "pets/train", "train/pets", "download/pets"])
def test_a_folder_around_the_folders_of_the_classes_is_no_class(around):
    classes(f"root/{around}", "cat", "dog")
    (Path("root") / "__MACOSX").mkdir()
    source = data.folder("root", SHAPE[:2])
    assert source.about["class_names"] == ["cat", "dog"]
    assert grey(source.images[source.labels == 1]) == [20]


def test_splits_and_domains_are_found_in_a_folder_around_them():
    classes("root/pets/train", "cat", "dog")
    classes("root/pets/test", "cat", "dog", n=3)
    assert len(data.folder("root", SHAPE[:2], split="test").images) == 6
    classes("zip/horses", "trainA", "trainB")
    assert data.load("./zip", "domains", 1).about["domains"] == ["trainA", "trainB"]


def test_one_folder_of_pictures_is_one_class_and_links_end():
    classes("root", "cat")
    assert data.folder("root", SHAPE[:2]).about["class_names"] == ["cat"]
    Path("loop").mkdir()
    Path("loop/again").symlink_to(Path("loop").resolve())
    with pytest.raises(UserError, match="no images in"):
        data.folder("loop", SHAPE[:2])


def test_a_picture_beside_the_folders_of_the_classes_is_said_to_have_none(capsys):
    classes("pets", "cat", "dog")
    save("pets/cover.png", 200)
    batches = data.load("./pets", "labelled", 1, SHAPE[:2])
    assert batches.columns[1].tolist() == [0, 0, 1, 1]
    assert grey(batches.columns[0]) == [10, 20]
    said = "./pets: 1 of 5 images have no label (those beside the folders of the classes): labelled leaves them out.\n"
    assert capsys.readouterr().err == said
    assert grey(data.load("./pets", "images", 1, SHAPE[:2]).columns[0]) == [10, 20, 200]
    assert capsys.readouterr().err == ""
    domains = data.load("./pets", "domains", 1, SHAPE[:2], domain_labels="dog,cat").columns
    assert [grey(column) for column in domains] == [[20], [10]]
    partly = data.load("./pets", "partly_labelled", 1, SHAPE[:2])
    assert sorted(partly.columns[1].tolist()) == [-1, 0, 0, 1, 1]
    classes("all/train", "cat", "dog")
    Path("pets").rename("all/test")
    options = {"task": "one_class", "batch_size": 1, "image_size": SHAPE[:2], "split": "test", "normal": "cat"}
    assert data.load("./all", **options).columns[1].tolist() == [0, 0, 1, 1]  # what is unknown is no anomaly


@pytest.fixture
def drawn(monkeypatch):
    """A cgan of folders 1, 8 and 'black, white' whose images are as grey as the number of the class they are of."""
    small_model("cgan").export("cgan", data={"name": "pets", "class_names": ["1", "8", "black, white"]})
    load = kerasgan.saved_model.load

    def loaded(path):
        model = load(path)
        model._function = lambda verb: lambda seed=0, latents=0, labels=0: _grey(labels)
        return model

    monkeypatch.setattr("kerasgan.saved_model.load", loaded)
    return loaded


def _grey(labels):
    return tf.cast(tf.broadcast_to(labels[:, None, None, None], (len(labels), *SHAPE)), tf.uint8)


@pytest.mark.parametrize(
    ("labels", "names", "said"),
    [
        ("8", ["8", "8", "8"], "3 images of cgan, all of 8, written to"),
        ("1", ["1", "1", "1"], "all of 1,"),
        ("0", ["1", "1", "1"], "all of 1,"),
        ("black, white", ["black_ white"] * 3, 'all of "black, white",'),
        ('"black, white",8', ["black_ white", "8", "black_ white"], 'of "black, white", 8 in turn'),
        (None, ["1", "8", "black_ white"], 'of 1, 8, "black, white" in turn'),
    ],
)
def test_generate_draws_what_was_asked_for_by_name(drawn, labels, names, said, capsys):
    assert main(["generate", "cgan", "-n", "3", "-o", "out/", *([] if labels is None else ["--labels", labels])]) == 0
    assert said in capsys.readouterr().out
    assert sorted(p.name for p in Path("out").iterdir()) == [f"{i:05d}_{name}.png" for i, name in enumerate(names)]
    for i, name in enumerate(names):
        number = ["1", "8", "black_ white"].index(name)
        assert np.asarray(Image.open(f"out/{i:05d}_{name}.png")).max() == number


@pytest.mark.parametrize("labels", ["9", "8,black, white", "balck"])
def test_generate_says_which_classes_there_are(drawn, labels, capsys):
    assert main(["generate", "cgan", "--labels", labels]) == 2
    assert capsys.readouterr().err.endswith(': it has 1, 8, "black, white".\n')


def test_an_npz_of_generate_holds_numbers_and_names(drawn):
    assert main(["generate", "cgan", "-n", "2", "--labels", "8,1", "-o", "x.npz"]) == 0
    file = np.load("x.npz")
    assert (file["labels"].tolist(), file["names"].tolist()) == ([1, 0], ["8", "1"])
    assert file["images"].max(axis=(1, 2, 3)).tolist() == [1, 0]


def test_a_file_name_holds_what_every_file_system_takes():
    from kerasgan.cli.outputs import in_a_file_name

    assert in_a_file_name("a/b:c*\n") == "a_b_c__"
    assert in_a_file_name("黒猫") == "黒猫"
    assert len(in_a_file_name("é" * 300).encode()) <= 100


def test_verbs_and_decoders_take_names(drawn):
    model = drawn("cgan")
    for labels, numbers_ in ((["8", "1"], [1, 0]), ([8, 1], [1, 0]), ([0, 2], [0, 2]), (["black, white"], [2])):
        assert model.sample_labelled(labels=labels)[:, 0, 0, 0].tolist() == numbers_
    for label, number in ((None, 0), (1, 0), ("8", 1), ("black, white", 2)):
        decode = latent.Decoder(model, label)
        assert decode.label == number
        assert decode(np.zeros((2, 4))).max() == number
    caption = kerasgan.show(kerasgan.load("cgan")).caption
    assert caption == "Samples of cgan (seed 0): a row for each of 1, 8, black, white."


def test_explore_label_is_a_name(drawn, tables):
    assert main(["explore", "cgan", "truncate", "-n", "2", "--label", "8"]) == 0
    (table,) = tables
    assert np.max(table["cells"]) == 1
    assert "label 8" in table["title"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("label:cat", [("label", "cat")]),
        ("label:3,label:8", [("label", "3"), ("label", "8")]),
        ("label:black, white", [("label", "black, white")]),
        ('"label:black, white",label:dog', [("label", "black, white"), ("label", "dog")]),
        ("label:cat,5", [("label", "cat"), ("sample", 5)]),
        ("3,image:4", [("sample", 3), ("image", 4)]),
    ],
)
def test_latents_of_classes_whose_names_have_commas(text, parts):
    assert list(points.point(text).parts) == parts


def test_a_latent_that_there_is_not():
    for text in ("3,nothing.png", "3,,4"):
        with pytest.raises(UserError):
            points.point(text)


def test_exemplars_of_a_class_are_encoded_images_of_its_folder(tables, capsys):
    classes("pets", "1", "2", "dog")
    small_model("vae").export("model", data={"name": "./pets"})
    arguments = [
        "explore",
        "model",
        "interpolate",
        "--overwrite",
        "--exemplars",
        "1",
        "--steps",
        "2",
        "--split",
        "train",
    ]
    assert main([*arguments, "label:2", "label:1"]) == 0
    images = np.stack([np.full(SHAPE, value, np.uint8) for value in (20, 10)])
    model = kerasgan.load("model")
    expected = latent.Decoder(model)(latent.encode(model, images))
    np.testing.assert_allclose(tables[0]["cells"][0].astype(int), expected, atol=1)
    assert main([*arguments, "label:dgo", "label:1"]) == 2
    assert "dgo (did you mean dog?): it has 1, 2, dog." in capsys.readouterr().err


def test_exemplars_of_a_class_are_samples_that_a_classifier_takes_for_it(tables, monkeypatch, capsys):
    small_model("sgan").export("model", data={"name": "pets", "class_names": ["1", "2", "dog"]})
    model = kerasgan.load("model")
    function = model._function
    logits = np.eye(3, dtype=np.float32)[np.arange(points.CANDIDATES) % 3]  # of samples 1, 4, 7 ...: number 1, folder 2
    logits *= np.arange(points.CANDIDATES)[:, None] / 100
    monkeypatch.setattr(
        model, "_function", lambda verb: (lambda images: tf.constant(logits)) if verb == "classify" else function(verb)
    )
    monkeypatch.setattr("kerasgan.saved_model.load", lambda path: model)
    arguments = ["explore", "model", "interpolate", "--overwrite", "--exemplars", "1", "--steps", "2"]
    assert main([*arguments, "label:2", "label:dog"]) == 0
    expected = latent.Decoder(model)(latent.prior(points.CANDIDATES, 4, 0)[[997, 998]])
    np.testing.assert_array_equal(tables[0]["cells"][0], expected)
    assert main([*arguments, "label:dgo", "label:1"]) == 2
    assert "The classifier knows no class dgo (did you mean dog?): it has 1, 2, dog." in capsys.readouterr().err


def test_a_network_to_measure_with_knows_its_classes_by_name():
    small_model("sgan").export("model", data={"name": "pets", "class_names": ["1", "2", "dog"]})
    assert kerasgan.metrics.feature_network("model").class_names == ("1", "2", "dog")
    assert kerasgan.metrics.feature_network("mnist").class_names == ()


def test_accuracy_is_measured_by_name_where_a_split_lacks_a_class(capsys):
    classes("pets/train", "1", "2", "dog")
    classes("pets/test", "2", "dog", "owl")
    save("pets/test/stray.png", 1)
    small_model("sgan").export("model", data={"name": "./pets", "class_names": ["1", "2", "dog"], "task": "images"})
    from kerasgan.held_out import HeldOut

    held_out = HeldOut(kerasgan.load("model").about["data"], SHAPE)
    images, labels = held_out.labelled(100)
    assert [labels[i] for i in np.argsort(images[:, 0, 0, 0], kind="stable")] == [1, 1, 2, 2]
    assert held_out.reasons == ["accuracy of 3 of 7 images: they are in no class that was learnt"]
    # of a model that knows numbers alone
    held_out = HeldOut({}, SHAPE, "./pets")
    assert sorted(set(held_out.labelled(100)[1].tolist())) == [2]
    assert class_names.matched(["cat", "dog"], []) == [0, 1]
    assert class_names.matched(["0", "1"], ["cat", "dog"]) == [0, 1]


def test_labels_of_samples_are_judged_by_number(drawn):
    model = drawn("cgan")
    network = kerasgan.metrics.FeatureNetwork(
        "grey", SHAPE, "", lambda images: images[:, 0, 0].astype(float), lambda images: np.eye(3)[images[:, 0, 0, 0]]
    )
    assert kerasgan.evaluation._label_accuracy(model, network, 9).value == 1


def test_the_command_of_a_card_quotes_what_was_asked_for():
    measurement = Measurement("model", normal="black, white")
    assert cards.command(measurement) == "kerasgan evaluate model --normal 'black, white'"
    assert cards.measurement_of(cards.command(measurement)) == measurement


def test_normal_images_are_those_that_were_learnt_unless_others_are_named(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    about = {"images": {"shape": SHAPE}, "data": {"name": "x", "normal": 0}}
    (tmp_path / "kerasgan.json").write_text(json.dumps(about))
    assert Measurement(str(tmp_path)).held_out().normal == 0
    assert Measurement(str(tmp_path), normal="cat").held_out().normal == "cat"
