"""Classes that users derive from a variant: kept by runs and files, found again, or missed in one line."""

import json
import os
import sys
import types

import keras
import numpy as np
import pytest
from conftest import SHAPE, SMALL, assert_same, small_batches, small_model

import kerasgan
from kerasgan import callbacks, film, models
from kerasgan.errors import UserError
from kerasgan.models.dcgan import generator

SCRIPT = """
from kerasgan import models
from kerasgan.models.dcgan import generator

class Mine(models.DCGAN):
    def __init__(self, *args, extra={extra}, **kwargs):
        super().__init__(*args, **kwargs)
        self.extra = extra

class Wider(models.DCGAN):
    def __init__(self, image_shape, wide=8):
        super().__init__(image_shape, latent_dim=4, width=4)
        self.generator = generator(image_shape, 4, wide)

class GAN(models.VAE):
    pass
"""


def script(name, monkeypatch, extra=3, file=None):
    """Run a script under a module's name; __main__ is that of a file, or of a notebook."""
    module = types.ModuleType(name)
    if file:
        module.__file__ = file
    monkeypatch.setitem(sys.modules, name, module)
    exec(SCRIPT.format(extra=extra), vars(module))
    return module


def trained(model, run):
    data = small_batches("dcgan")
    model.compile()
    model.fit(data, epochs=1, verbose=0, callbacks=callbacks.standard(run, data))
    return model


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        ("Mine", {"image_shape": SHAPE, "latent_dim": 4, "width": 4, "extra": 5}),
        ("Wider", {"image_shape": SHAPE}),
        ("GAN", {"image_shape": SHAPE, "latent_dim": 4, "width": 8}),
    ],
)
def test_a_run_of_a_class_of_a_script(cls, arguments, tmp_path, monkeypatch, steps_taken_eagerly):
    here = script("__main__", monkeypatch, file="/somewhere/my_script.py")
    model = trained(getattr(here, cls)(**arguments), tmp_path / "run")
    restored = kerasgan.restore(tmp_path / "run")
    assert type(restored) is getattr(here, cls)
    assert_same(restored.weights, model.weights)
    assert kerasgan.load(tmp_path / "run").sample(n=2, seed=0).shape == (2, *SHAPE)
    assert film.scene(tmp_path / "run").title == f"{cls} on random pixels"
    model.save(tmp_path / "x.keras")
    assert type(keras.models.load_model(tmp_path / "x.keras")) is getattr(here, cls)

    there = script("my_script", monkeypatch)  # imported, where another script is run
    script("__main__", monkeypatch, file="/somewhere/another.py")
    assert type(kerasgan.restore(tmp_path / "run")) is getattr(there, cls)


def test_where_its_class_is_not_defined_a_run_says_which_it_was(tmp_path, monkeypatch):
    here = script("__main__", monkeypatch, file="/somewhere/my_script.py")
    trained(here.Mine(SHAPE, latent_dim=4, width=4), tmp_path / "run")
    record = json.loads((tmp_path / "run/run.json").read_text())
    record["class"]["name"] = "Gone"
    (tmp_path / "run/run.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"by class Gone of my_script.py: import it first"):
        kerasgan.restore(tmp_path / "run")
    del record["class"]
    (tmp_path / "run/run.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="trained by Mine, which is no variant"):
        kerasgan.restore(tmp_path / "run")


def test_a_notebook_defines_a_class_twice(tmp_path, monkeypatch):
    first = script("__main__", monkeypatch)
    trained(first.Mine(SHAPE, latent_dim=4, width=4), tmp_path / "run")
    second = script("__main__", monkeypatch, extra=4)
    assert type(kerasgan.restore(tmp_path / "run")) is second.Mine is not first.Mine


def test_a_class_that_has_changed_since_is_told_in_one_line(tmp_path, monkeypatch):
    trained(script("__main__", monkeypatch).Wider(SHAPE, wide=4), tmp_path / "run")
    changed = script("__main__", monkeypatch)
    monkeypatch.setattr(sys.modules["__main__"], "generator", lambda shape, z, width: generator(shape, z, 2 * width))
    with pytest.raises(UserError, match="a Wider whose networks had other shapes"):
        kerasgan.restore(tmp_path / "run")
    changed.Wider.__init__ = lambda self, image_shape: None
    with pytest.raises(UserError, match="The Wider of .* cannot be built again: .*wide"):
        kerasgan.restore(tmp_path / "run")


def test_two_modules_with_a_class_of_one_name(tmp_path, monkeypatch):
    one, two = script("first_one", monkeypatch), script("other_one", monkeypatch)
    trained(one.Mine(SHAPE, latent_dim=4, width=4), tmp_path / "one")
    assert type(kerasgan.restore(tmp_path / "one")) is one.Mine is not two.Mine


def test_a_class_inside_of_a_function(tmp_path):
    class Inner(models.DCGAN):
        pass

    trained(Inner(image_shape=SHAPE, **SMALL["dcgan"]), tmp_path / "run")
    assert type(kerasgan.restore(tmp_path / "run")) is Inner


def test_a_class_named_like_a_variant_does_not_take_its_place(tmp_path, monkeypatch):
    script("__main__", monkeypatch)
    model = small_model("gan")
    model.save(tmp_path / "x.keras")
    assert type(keras.models.load_model(tmp_path / "x.keras")) is models.GAN
    assert "class" not in model.describe()
    assert model.describe()["variant"] == "gan"


def test_a_class_derived_from_a_first_stage_is_one():
    class Mine(models.WGANGP):
        pass

    second = small_model("f_anogan")
    first = Mine(image_shape=SHAPE, latent_dim=4, width=4)
    second.start_from(first)
    assert_same(second.generator.weights, first.generator.weights)


def test_networks_are_replaced_by_a_class_and_not_from_outside():
    model = small_model("dcgan")
    with pytest.raises(UserError, match=r"derive a class from DCGAN that sets self.generator in its __init__"):
        model.generator = generator(SHAPE, 4, 8)


def test_a_class_that_replaces_a_network_computes_in_float32_where_it_is_exported(tmp_path, monkeypatch):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = script("__main__", monkeypatch).Wider(SHAPE)
    keras.config.set_dtype_policy("float32")
    model.export(tmp_path / "x")
    assert kerasgan.load(tmp_path / "x").about["class"]["name"] == "Wider"


def test_what_a_constructor_is_given_is_kept_as_plain_values():
    class Mine(models.DCGAN):
        def __init__(self, image_shape, extra, **kwargs):
            super().__init__(image_shape, **kwargs)

    model = Mine([np.int64(12), 8, 1], os.path, latent_dim=np.int64(4), width=4, name="other")
    assert model.hyperparameters["image_shape"] == [12, 8, 1]
    assert model.hyperparameters["latent_dim"] == 4
    assert "name" not in model.hyperparameters
    for ask in (model.describe, model.get_config):
        with pytest.raises(UserError, match="Mine was given extra=<module .*, which no file can hold"):
            ask()
    assert Mine(SHAPE, 1, latent_dim=4, width=4).describe()["hyperparameters"]["extra"] == 1
    with pytest.raises(UserError, match=r"Mine has no argument widht \(did you mean width\?\)"):
        Mine(SHAPE, 1, widht=4)


def test_arguments_without_a_name_are_those_of_the_class_it_derives_from_or_are_refused():
    class Through(models.DCGAN):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)

    class Own(models.DCGAN):
        def __init__(self, image_shape, *widths):
            super().__init__(image_shape, width=widths[0])

    assert Through(SHAPE, 4, width=4).hyperparameters == {"image_shape": SHAPE, "latent_dim": 4, "width": 4}
    with pytest.raises(UserError, match=r"Give the arguments of Own by name"):
        Own(SHAPE, 4)
