"""Every variant of the zoo keeps what every variant promises (see kerasgan.contract), and the rules of the zoo."""

import inspect
import re

from conftest import each_variant

from kerasgan.contract.promises import *  # noqa: F403
from kerasgan.contract.promises import shared_model
from kerasgan.model import GenerativeModel
from kerasgan.models import MODELS
from kerasgan.training import SEVERAL_BATCHES
from kerasgan.variants import variant


def pytest_generate_tests(metafunc):
    if "key" in metafunc.fixturenames:
        metafunc.parametrize("key", each_variant())


def test_every_variant_has_its_own_step_with_a_tape(key):
    step = vars(MODELS[key])["train_step"]
    assert "tf.GradientTape" in inspect.getsource(step)
    assert re.match(r"https://(arxiv\.org/abs|doi\.org)/.", MODELS[key].paper)


def test_command_line_knows_every_argument(key):
    about = variant(key)
    signature = {}
    for constructor in (GenerativeModel.__init__, MODELS[key].__init__):
        signature |= inspect.signature(constructor).parameters
    unknown = {"augment": not MODELS[key].judges_images, "half_life": MODELS[key].own_average}
    defaults = {n: p.default for n, p in signature.items() if n not in ("self", "kwargs") and not unknown.get(n)}
    assert about.arguments == defaults
    assert set(about.help) == set(defaults)
    for name in ("paper", "takes", "batch_size", "default_steps"):
        assert getattr(about, name) == getattr(MODELS[key], name)
    assert re.fullmatch(r"[^\n]+\.", about.summary)


def test_command_line_knows_how_many_minibatches_a_step_eats(key):
    model, _ = shared_model(key, "float32")
    told = [model.hyperparameters[name] for name in SEVERAL_BATCHES if name in model.hyperparameters]
    assert [model.batches_per_step] == (told or [variant(key).batches_per_step])
