"""What a model can do in other runtimes is what its SavedModel does, and what they cannot hold is said."""

import importlib.util
import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import exports, saved_model
from kerasgan.cli import main
from kerasgan.contract.small import SHAPE, small_model
from kerasgan.errors import UserError
from kerasgan.models.r3gan import R3GAN

PACKAGES = dict.fromkeys(name for kind in exports.FORMATS.values() for name in kind.packages)
MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
converts = pytest.mark.skipif(bool(MISSING), reason=f'{MISSING} are missing: python -m pip install "kerasgan[export]"')
ALL = pytest.mark.parametrize("format", [pytest.param(name, marks=converts) for name in exports.FORMATS])


@pytest.fixture(scope="module")
def shipped():
    return {name: kerasgan.load(name) for name in ("dcgan_mnist", "cgan_mnist", "f_anogan_mnist")}


def session(file):
    import onnxruntime

    return onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])


def pixels(n, shape=SHAPE):
    return np.random.default_rng(1).integers(0, 256, (n, *shape), np.uint8)


# ---- ONNX -----------------------------------------------------------------------------------------------------------


@converts
def test_onnx_makes_of_any_number_of_latents_and_labels_what_the_saved_model_makes(shipped, tmp_path, capsys):
    to = tmp_path / "digits"
    assert main(["export", "cgan_mnist", "--to", "onnx", "-o", str(to)]) == 0
    out = capsys.readouterr().out
    assert "sample_labelled cannot be exported: ONNX has no noise of a seed" in out
    assert f"decode of cgan written to {to}" in out
    assert sorted(file.name for file in to.iterdir()) == ["decode.onnx", "kerasgan.json"]

    about = json.loads((to / "kerasgan.json").read_text())
    assert about["variant"] == "cgan"
    assert about["images"]["shape"] == [28, 28, 1]
    assert about["latents"]["dimension"] == 100
    assert about["latents"]["distribution"] == "normal"
    assert about["class_names"] == [str(digit) for digit in range(10)]
    decode = about["verbs"]["decode"]
    assert decode["inputs"]["labels"] == {"dtype": "int32", "shape": ["n"]}
    assert decode["outputs"] == {"images": {"dtype": "uint8", "shape": ["n", 28, 28, 1]}}
    assert set(about["not_exported"]) == {"sample", "sample_labelled"}

    run = session(to / decode["file"])
    assert {i.name: i.shape for i in run.get_inputs()} == {"latents": ["n", 100], "labels": ["n"]}
    assert [(o.name, o.shape) for o in run.get_outputs()] == [("images", ["n", 28, 28, 1])]
    for n in (1, 7):
        z = np.random.default_rng(n).standard_normal((n, 100)).astype(np.float32)
        inputs = {"latents": z, "labels": np.arange(n, dtype=np.int32)}
        (images,) = run.run(None, inputs)
        wanted = shipped["cgan_mnist"].decode(**inputs)
        assert images.dtype == np.uint8
        assert np.abs(images.astype(int) - wanted).max() <= 1
        assert images.std() > 50  # digits, not grey

    before = (to / "decode.onnx").read_bytes()
    assert main(["export", "cgan_mnist", "--to", "onnx", "-o", str(to)]) == 2
    assert "exists: choose another place" in capsys.readouterr().err
    assert (to / "decode.onnx").read_bytes() == before


@converts
def test_halves_are_stored_and_not_computed_with(shipped, tmp_path):
    import onnx

    model = shipped["dcgan_mnist"]
    for half in (False, True):
        model.export(tmp_path / f"{half}.onnx", format="onnx", verb="decode", half=half)
    whole, half = ((tmp_path / f"{name}.onnx").stat().st_size for name in (False, True))
    assert half < 0.55 * whole
    graph = onnx.load(tmp_path / "True.onnx").graph
    halves = {tensor.name for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT16}
    assert halves
    users = [node for node in graph.node if halves & set(node.input)]
    assert {node.op_type for node in users} == {"Cast"}
    assert all(node.attribute[0].i == onnx.TensorProto.FLOAT for node in users)
    assert json.loads((tmp_path / "True.json").read_text())["weights"] == "float16"

    z = np.random.default_rng(0).standard_normal((5, 32)).astype(np.float32)
    (ours,), (wanted,) = (session(tmp_path / f"{name}.onnx").run(None, {"latents": z}) for name in (True, False))
    assert np.abs(ours.astype(int) - wanted).max() <= 2


@converts
def test_pix2pix_keeps_its_dropout_and_has_no_loop(tmp_path):
    import onnx

    model = small_model("pix2pix", (16, 16, 3))
    where = {"data": {"name": "/home/me/facades", "halves": ["left", "right"]}, "command": "python /home/me/x.py"}
    assert model.export(tmp_path, format="onnx", **where) == {}
    written = (tmp_path / "kerasgan.json").read_text()
    assert "/home" not in written  # which may be put where all can read it
    assert json.loads(written)["data"] == {**where["data"], "name": "facades"}
    assert not {"Loop", "If", "Scan"} & {node.op_type for node in onnx.load(tmp_path / "translate.onnx").graph.node}
    x = pixels(5, (16, 16, 3))
    (ours,) = session(tmp_path / "translate.onnx").run(["translated"], {"images": x})
    wanted = saved_model.LiveModel(model).translate(images=x)
    assert np.abs(ours.astype(int) - wanted).max() <= 1


@converts
def test_scores_are_those_of_the_saved_model(tmp_path):
    model = small_model("vae")
    made = exports.converted(saved_model.LiveModel(model), "anomaly_score", "onnx")  # it needs log(1 + x)
    x = pixels(6)
    (scores,) = exports.FORMATS["onnx"].load(made.content)({"images": x}).values()
    np.testing.assert_allclose(scores, saved_model.LiveModel(model).anomaly_score(images=x), rtol=1e-4)


# ---- LiteRT ---------------------------------------------------------------------------------------------------------


@converts
def test_litert_scores_any_number_of_images_as_the_saved_model_does(shipped, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    to = tmp_path / "score.tflite"
    assert main(["export", "f_anogan_mnist", "--to", "litert", "--verb", "anomaly_score", "-o", str(to)]) == 0
    assert json.loads((tmp_path / "score.json").read_text())["verbs"]["anomaly_score"]["file"] == "score.tflite"
    run = Interpreter(str(to)).get_signature_runner("anomaly_score")
    for n in (1, 7):
        x = pixels(n, (28, 28, 1))
        wanted = shipped["f_anogan_mnist"].anomaly_score(images=x)
        np.testing.assert_allclose(run(images=x)["anomaly_score"], wanted, rtol=1e-4)


# ---- both -----------------------------------------------------------------------------------------------------------


@ALL
def test_noise_is_never_frozen(format, tmp_path, capsys):
    model = small_model("denoising_autoencoder")
    with pytest.raises(UserError, match=r"degrade cannot be exported: .*StatelessRandom"):
        model.export(tmp_path / "x", format=format, verb="degrade")
    assert list(tmp_path.iterdir()) == []


@ALL
def test_other_results_are_not_kept(format, shipped, tmp_path, monkeypatch):
    kind = exports.FORMATS[format]

    def load(content):
        run = kind.load(content)
        return lambda inputs: {name: value + np.uint8(2) for name, value in run(inputs).items()}

    monkeypatch.setitem(exports.FORMATS, format, exports.dataclasses.replace(kind, load=load))
    with pytest.raises(UserError, match="Nothing that dcgan does .*decode: .* results are others, by up to"):
        shipped["dcgan_mnist"].export(tmp_path / "x", format)
    assert list(tmp_path.iterdir()) == []


@ALL
def test_grouped_convolutions_which_keras_has_compiled_are_those_of_the_saved_model(format, tmp_path):
    model = R3GAN((24, 16, 3), width=16, full_width=6, blocks=1, groups=4, latent_dim=5, half_life=0)
    rng = np.random.default_rng(0)
    for weights in model.generator.weights:  # some of which start at 0
        weights.assign(weights + 0.2 * rng.standard_normal(weights.shape))
    model.compile()
    model.export(tmp_path / "saved")
    loaded = saved_model.load(tmp_path / "saved")
    z = rng.standard_normal((5, 5)).astype(np.float32)
    wanted = loaded.decode(z)
    assert wanted.std() > 30
    for its in (loaded, saved_model.LiveModel(model)):
        content = exports.converted(its, "decode", format).content
        (images,) = exports.FORMATS[format].load(content)({"latents": z}).values()
        assert np.abs(images.astype(int) - wanted).max() <= 1


@converts
def test_a_fixed_number_of_examples_is_found_out(monkeypatch):
    kind = exports.FORMATS["litert"]

    def convert(verb, function, specs, trackable, half):
        one = [tf.TensorSpec((1, *spec.shape[1:]), spec.dtype, spec.name) for spec in specs]
        inner = tf.function(lambda *x: function.python_function(*x), input_signature=one, autograph=False)
        return kind.convert(verb, inner, one, trackable, half)

    monkeypatch.setitem(exports.FORMATS, "litert", exports.dataclasses.replace(kind, convert=convert))
    with pytest.raises(exports.Unconvertible, match="decode cannot be exported: LiteRT cannot run it"):
        exports.converted(saved_model.LiveModel(small_model("gan")), "decode", "litert")


# ---- mistakes, which need no packages -------------------------------------------------------------------------------


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(exports.importlib.util, "find_spec", lambda name: name)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "onx"], r"no format onx \(did you mean onnx\?\)"),
        (["--to", "onnx", "--verb", "encode"], "dcgan has no encode .*it has sample, decode"),
        (["--to", "onnx", "-o", "x.onnx"], "A file holds one verb, and dcgan has sample, decode"),
        (["--to", "onnx", "--verb", "sample", "-o", "x.onnx"], "sample cannot be exported: .*give them to decode"),
        (["--to", "litert", "-o", "taken/x"], "taken/x cannot be written: .*taken is a file"),
        (["--to", "onnx", "-o", "taken"], "taken exists"),
        (["--to", "savedmodel", "--verb", "decode"], "leave out --verb"),
        (["--to", "savedmodel", "--half"], "only a run has weights"),
        (["--to", "keras"], "only a run has all networks"),
        (["--to", "keras", "-o", "x.h5"], "a name that ends in .keras"),
    ],
    ids=" ".join,
)
def test_mistakes_are_answered_in_a_line(arguments, said, installed, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("mine")
    assert main(["export", "dcgan_mnist", *arguments]) == 2
    err = capsys.readouterr().err
    assert re.search(said, err)
    assert err.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]
    assert (tmp_path / "taken").read_text() == "mine"


def test_missing_packages_are_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(exports.importlib.util, "find_spec", lambda name: None)
    assert main(["export", "dcgan_mnist", "--to", "onnx", "-o", str(tmp_path / "x")]) == 2
    assert 'ONNX needs onnx and tf2onnx and onnxruntime: python -m pip install "kerasgan[export]".' in (
        capsys.readouterr().err
    )


# ---- the formats of TensorFlow and Keras ----------------------------------------------------------------------------


def test_a_run_is_exported_as_a_saved_model_in_halves_and_as_keras(tmp_path, steps_taken_eagerly, capsys):
    run = tmp_path / "run"
    trained = ["train", "gan", "--data", "digits", "--image-size", "8", "--width", "8", "--steps", "1"]
    assert main([*trained, "--run", str(run)]) == 0
    places = [tmp_path / name for name in ("copy", "half", "model.keras")]
    for to, options in zip(places, (["savedmodel"], ["savedmodel", "--half"], ["keras"])):
        assert main(["export", str(run), "--to", *options, "-o", str(to)]) == 0, capsys.readouterr().err
    ours, *others = (kerasgan.load(path) for path in (run, *places[:2]))
    wanted = ours.sample(4, seed=1).astype(int)
    for other, most in zip(others, (0, 2)):
        assert np.abs(other.sample(4, seed=1) - wanted).max() <= most
    assert others[1].about["weights"] == "float16"
    assert others[1].about["data"] == ours.about["data"]
    again = saved_model.LiveModel(keras.saving.load_model(places[2]))
    assert np.abs(again.sample(4, seed=1) - wanted).max() <= 1
