"""Each list of variants has all of them: a new one is named here where it is missing."""

import json
import re
import runpy
from pathlib import Path

import pytest
from planted_faults import FAULTS

from kerasgan import models
from kerasgan.cards import TABLES
from kerasgan.models import CLASSES
from kerasgan.variants import citation, variant

ROOT = Path(__file__).parents[1]


def first_cells(file, head):
    """What stands in back quotes in the first column of a table."""
    _, found, table = (ROOT / file).read_text(encoding="utf-8").partition(f"{head}\n")
    assert found, f"{file} has no table {head}"
    return re.findall(r"`([^`]+)`", " ".join(row.split("|")[1] for row in table.partition("\n\n")[0].splitlines()))


def test_each_file_of_the_package_is_a_variant_that_is_listed():
    assert {file.stem for file in (ROOT / "kerasgan/models").glob("*.py")} - {"__init__"} == set(CLASSES)
    assert all(models.MODELS[key].__name__ == name for key, name in CLASSES.items())


def test_readme_lists_every_variant():
    listed = [cell for cell in first_cells("README.md", TABLES["README.md"]) if not cell.startswith("-")]
    assert set(CLASSES) - set(listed) == set(), "kerasgan card RUN adds a row"
    assert set(listed) <= set(CLASSES)


def test_the_trained_models_of_every_variant_are_listed():
    listed = first_cells("saved_models/README.md", TABLES["saved_models/README.md"])
    shipped = {file.parent.name for file in (ROOT / "saved_models").glob("*/kerasgan.json")}
    assert shipped - set(listed) == set(), "kerasgan card RUN adds a row"
    manifest = json.loads((ROOT / "kerasgan/trained_models.json").read_text(encoding="utf-8"))
    trained = {one["variant"] for one in manifest.values()}
    assert trained >= {file.parent.name for file in (ROOT / "zoo").glob("*/card.json")}, "call saved_models/archives.py"
    rows = (ROOT / "README.md").read_text(encoding="utf-8").partition(TABLES["README.md"])[2].splitlines()
    for key in CLASSES:
        row = next(row for row in rows if f"`{key}`" in row)
        assert ("no trained model yet" in row) == (key not in trained), key


@pytest.mark.parametrize("key", CLASSES)
def test_the_first_line_of_a_file_cites_its_paper(key):
    assert re.fullmatch(r"[^\W\d]+ \d{4}", citation(key)), "as in: DCGAN. Radford, Metz and Chintala, 2016. https://..."


def test_the_benchmark_of_quality_runs_what_samples_digits():
    variants = runpy.run_path(str(ROOT / "benchmarks/quality.py"))["VARIANTS"]
    assert {"gan", "ddpm"} < set(variants)
    assert not {"pix2pix", "autoencoder", "f_anogan"} & set(variants)  # those draw no digits, or of one class alone
    assert all("sample" in variant(key).verbs for key in variants)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_can_be_planted(name):
    text = (ROOT / FAULTS[name].file).read_text(encoding="utf-8")
    assert text.count(FAULTS[name].text) == 1
    assert (ROOT / "tests" / FAULTS[name].tests).is_file()
