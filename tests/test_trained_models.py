"""Trained models by name: found where they are, or downloaded once, whole or not at all."""

import dataclasses
import errno
import hashlib
import http.server
import io
import json
import os
import re
import runpy
import shutil
import threading
import time
import zipfile
from pathlib import Path

import pytest
import requests

import kerasgan
from kerasgan import metrics, run_folder, trained_models
from kerasgan.cli import main
from kerasgan.errors import UserError

ROOT = Path(__file__).parents[1]
ARCHIVES = runpy.run_path(str(ROOT / "saved_models/archives.py"))
DCGAN = ARCHIVES["archive"](ROOT / "saved_models/dcgan_mnist")


class Server(http.server.ThreadingHTTPServer):
    """Answers every path by the function `answer`, which is given the request's handler, and keeps the paths."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.paths = send(DCGAN), []
        self.url = f"http://127.0.0.1:{self.server_port}/models"

    def handle_error(self, request, client_address):
        """A client that goes away is what some tests are about."""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.paths.append(self.path)
        self.server.answer(self)

    def log_message(self, *arguments):
        pass


def send(body, status=200, length=None):
    def answer(handler):
        handler.send_response(status)
        if length != "unknown":
            handler.send_header("Content-Length", str(length or len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def silent(handler):
    time.sleep(1)


def silent_in_the_middle(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(DCGAN)))
    handler.end_headers()
    handler.wfile.write(DCGAN[:5000])
    handler.wfile.flush()
    time.sleep(1)


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.server.sent = 0
    while handler.server.sent < 1e8:  # or until it is no longer read
        handler.wfile.write(DCGAN)
        handler.server.sent += len(DCGAN)


def to_itself(handler):
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.end_headers()


@pytest.fixture
def server():
    with Server() as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield one
        one.shutdown()
        thread.join()


@pytest.fixture
def installed(server, tmp_path, monkeypatch):
    """The package as if it were no clone, with a cache in an empty folder, where the test runs."""
    monkeypatch.setattr(trained_models, "CLONE", tmp_path / "site-packages")
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERASGAN_MODELS_URL", server.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "cache"


@pytest.fixture
def clone_here(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERASGAN_MODELS_URL", "http://127.0.0.1:9/nothing")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---- the manifest, and what the package brings ----------------------------------------------------------------------


def test_the_manifest_says_what_the_trained_models_are(tmp_path):
    ARCHIVES["main"](tmp_path / "models", tmp_path / "manifest.json")
    now = (tmp_path / "manifest.json").read_text()
    assert trained_models.MANIFEST.read_text() == now, "call python saved_models/archives.py dist/models"
    for name, one in trained_models.trained_models().items():
        archive = (tmp_path / f"models/{name}.zip").read_bytes()
        assert (len(archive), hashlib.sha256(archive).hexdigest()) == (one.bytes, one.sha256)
        assert one.bytes < 5.1e6  # it is downloaded into memory


def test_every_trained_model_is_in_the_manifest():
    folders = {file.parent.name for file in (ROOT / "saved_models").glob("*/kerasgan.json")}
    assert set(trained_models.trained_models()) == {*folders, "mnist_classifier", "cifar10_classifier"}


def test_an_archive_is_the_same_whenever_and_wherever_it_is_made(tmp_path):
    for i, order in enumerate(("ab", "ba")):
        folder = tmp_path / str(i) / "model"
        (folder / "variables").mkdir(parents=True)
        for name in order:
            (folder / "variables" / name).write_text(name)
            os.utime(folder / "variables" / name, (10**9 + 60 * i,) * 2)
        (folder / "variables" / "a").chmod(0o600 if i else 0o664)
    one, other = (ARCHIVES["archive"](tmp_path / str(i) / "model") for i in range(2))
    assert one == other
    assert zipfile.ZipFile(io.BytesIO(one)).namelist() == ["model/variables/a", "model/variables/b"]


def test_what_the_package_needs_is_in_its_data():
    tomllib = pytest.importorskip("tomllib")  # of Python 3.11
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["kerasgan"]
    packed = {file for pattern in data for file in (ROOT / "kerasgan").glob(pattern.replace("**", "**/*"))}
    wanted = {file for file in (ROOT / "kerasgan").rglob("*") if file.is_file() and file.suffix not in (".py", ".pyc")}
    assert {file for file in packed if file.is_file()} == wanted


def test_the_classifier_is_the_one_that_all_cards_were_measured_with(installed, server):
    network = metrics.feature_network("mnist")
    card = json.loads((ROOT / "zoo/dcgan/card.json").read_text())["evaluation"]["network"]
    assert (network.name, network.sha256) == (card["name"], card["sha256"])
    assert kerasgan.load("mnist_classifier").about["verbs"] == ["classify", "features"]
    assert server.paths == []


# ---- by name --------------------------------------------------------------------------------------------------------


def test_a_clone_has_them_all(clone_here, capsys):
    assert main(["generate", "dcgan_mnist", "-n", "4", "-o", "x.png"]) == 0
    assert kerasgan.load("dcgan_mnist/").sample(n=2, seed=0).shape == (2, 28, 28, 1)
    assert metrics.feature_network("sgan_mnist").name == "sgan"
    assert not (clone_here / "cache").exists()


def test_what_lies_beside_the_package_is_no_clone_without_its_other_files(installed, tmp_path, server):
    beside = tmp_path / "site-packages/saved_models/dcgan_mnist"
    shutil.copytree(ROOT / "saved_models/dcgan_mnist", beside)
    assert run_folder.saved_model("dcgan_mnist").parent == installed
    (tmp_path / "site-packages/pyproject.toml").touch()
    (tmp_path / "site-packages/zoo").mkdir()
    assert run_folder.saved_model("dcgan_mnist") == beside


def test_an_installation_downloads_one_when_it_is_first_asked_for(installed, server, capsys):
    assert main(["generate", "dcgan_mnist", "-n", "4", "-o", "x.png"]) == 0
    out, err = capsys.readouterr()
    folder = run_folder.saved_model("dcgan_mnist")
    assert out == "4 images of dcgan written to x.png\n"
    assert err == f"dcgan_mnist (1.1 MB) was downloaded into {folder}\n"
    assert list(installed.iterdir()) == [folder]
    there = {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    original = ROOT / "saved_models/dcgan_mnist"
    assert there == {f.relative_to(original): f.read_bytes() for f in original.rglob("*") if f.is_file()}
    server.answer = send(b"", 500)
    assert kerasgan.load("dcgan_mnist").sample(n=4, seed=0).shape == (4, 28, 28, 1)
    assert server.paths == ["/models/dcgan_mnist.zip"]


def test_a_path_goes_before_a_name(installed, server):
    run = Path("dcgan_mnist")
    shutil.copytree(ROOT / "saved_models/gan_mnist", run / "saved_model")
    assert kerasgan.load("dcgan_mnist").about["variant"] == "gan"
    shutil.rmtree(run / "saved_model")
    with pytest.raises(UserError, match="^dcgan_mnist is neither .*, and hides the trained model of that name: rename"):
        kerasgan.load("dcgan_mnist")
    (run / "run.json").touch()
    with pytest.raises(UserError, match="^The run dcgan_mnist has not ended"):
        kerasgan.load("dcgan_mnist")
    assert server.paths == []


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("dcgan_mnits", "dcgan_mnist"),
        ("dcgan-mnist", "dcgan_mnist"),
        ("VAE_MNIST", "vae_mnist"),
        ("saved_models/gan_mnist", "gan_mnist"),
        ("runs/dcgan-digits", None),
        ("photos", None),
    ],
)
def test_a_name_that_there_is_not_gives_the_nearest(given, meant, installed, capsys):
    assert main(["generate", given]) == 2
    suggestion = f" (did you mean {meant}?)" if meant else ""
    assert capsys.readouterr().err.startswith(f"kerasgan: There is no {given}{suggestion}: give a run folder, ")
    with pytest.raises(UserError, match="^There is no trained model dcgan_mnits .did you mean dcgan_mnist"):
        trained_models.folder("dcgan_mnits")


def test_a_mistake_is_told_before_anything_is_downloaded(installed, server, capsys):
    Path("taken.png").touch()
    assert main(["generate", "dcgan_mnist", "-o", "taken.png"]) == 2
    assert server.paths == []


@pytest.mark.parametrize("slash", ["", "/"])
def test_another_address_has_the_archives(slash, installed, server, monkeypatch):
    monkeypatch.setenv("KERASGAN_MODELS_URL", server.url + slash)
    trained_models.folder("dcgan_mnist")
    monkeypatch.delenv("KERASGAN_MODELS_URL")
    monkeypatch.setattr(trained_models, "RELEASE", f"{server.url}/release/")
    shutil.rmtree(installed)
    trained_models.folder("dcgan_mnist")
    assert server.paths == ["/models/dcgan_mnist.zip", "/models/release/dcgan_mnist.zip"]


def test_the_cache_is_where_it_is_asked_to_be(installed, tmp_path, monkeypatch):
    for given, meant in (("here", tmp_path / "work/here"), ("~/models", tmp_path / "home/models")):
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv("KERASGAN_CACHE", given)
        assert trained_models.folder("dcgan_mnist").parent == meant
        assert trained_models.folder("dcgan_mnist").is_dir()
    monkeypatch.delenv("KERASGAN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "usual"))
    assert trained_models.cache().name == "kerasgan"
    monkeypatch.setenv("KERASGAN_CACHE", "~nobody-of-this-name/models")
    with pytest.raises(UserError, match="^There is no home for ~nobody-of-this-name/models: "):
        trained_models.folder("dcgan_mnist")


# ---- downloads that fail --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (send(b"nothing here", 404), "the server answered 404 Not Found"),
        (send(b"", 500), "the server answered 500 Internal Server Error"),
        (send(DCGAN[:9999], length=len(DCGAN)), "the connection broke off"),
        (send(DCGAN[:9999], length="unknown"), "sent is not dcgan_mnist: 9,999 bytes"),
        (send(DCGAN + b"x"), "sent is not dcgan_mnist: more than 1,05"),
        (send(DCGAN[:-1] + b"x"), "another SHA-256"),
        (send(b"<html>sign in here</html>"), "sent is not dcgan_mnist: 25 bytes"),
        (silent, "timed out"),
        (silent_in_the_middle, "timed out"),
        (to_itself, "the server answered 302 Found"),
    ],
    ids=["404", "500", "cut_off", "shorter", "longer", "digest", "page", "silent", "stops", "circle"],
)
def test_a_broken_download_is_one_line_and_leaves_nothing(answer, said, installed, server, monkeypatch, capsys):
    if answer in (silent, silent_in_the_middle):
        monkeypatch.setattr(trained_models, "TIMEOUT", 0.3)
    server.answer = answer
    assert main(["generate", "dcgan_mnist"]) == 2
    error = capsys.readouterr().err
    assert re.search(said, error)
    assert f"{server.url}/dcgan_mnist.zip" in error
    assert "KERASGAN_MODELS_URL" in error
    assert error.count("\n") == 1
    assert not installed.exists()
    assert list(Path().iterdir()) == []

    monkeypatch.setattr(trained_models, "TIMEOUT", 30)
    server.answer = send(DCGAN)  # nothing of it stands in the way of the next try
    assert trained_models.folder("dcgan_mnist").is_dir()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:9/models", "Connection refused"),
        ("http://no-such-host.invalid", ""),
        ("models", "No scheme supplied"),
        ("file:///models", "No connection adapters"),
        ("http://[bad", ""),
    ],
)
def test_an_address_that_cannot_be_reached_is_one_line(url, said, installed, monkeypatch, capsys):
    monkeypatch.setenv("KERASGAN_MODELS_URL", url)
    monkeypatch.setenv("NO_PROXY", "*")
    assert main(["classify", "sgan_mnist", "digits"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"kerasgan: sgan_mnist cannot be downloaded from {url}/sgan_mnist.zip: ")
    assert said in error
    assert error.count("\n") == 1
    assert not installed.exists()


@pytest.mark.parametrize("where", ["download", "unpacking"])
def test_what_is_interrupted_leaves_nothing(where, installed, monkeypatch, capsys):
    def interrupted(self, to):
        if where == "unpacking":
            (Path(to) / "half").touch()
        raise KeyboardInterrupt

    cls, method = (requests.Response, "iter_content") if where == "download" else (zipfile.ZipFile, "extractall")
    monkeypatch.setattr(cls, method, interrupted)
    assert main(["generate", "dcgan_mnist"]) == 130
    assert capsys.readouterr().err == "kerasgan: interrupted.\n"
    assert not installed.exists() or list(installed.iterdir()) == []


def test_a_full_disk_is_one_line_and_leaves_nothing(installed, monkeypatch, capsys):
    def full(self, path):
        (Path(path) / "half").touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(zipfile.ZipFile, "extractall", full)
    assert main(["generate", "dcgan_mnist"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"kerasgan: dcgan_mnist cannot be kept in {installed}: No space left on device. Give ")
    assert error.count("\n") == 1
    assert list(installed.iterdir()) == []


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_cache_that_cannot_be_written_is_one_line(below, installed, monkeypatch, capsys):
    installed.touch()  # a file in its place stops root, too
    monkeypatch.setenv("KERASGAN_CACHE", str(installed / below))
    assert main(["generate", "dcgan_mnist"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"kerasgan: dcgan_mnist cannot be kept in {installed / below}: ")
    assert error.endswith("Give another folder as KERASGAN_CACHE.\n")
    assert error.count("\n") == 1


def test_two_may_download_the_same_at_once(installed, server):
    both = threading.Barrier(2, timeout=20)  # neither is answered before the other one asks

    def answer(handler):
        both.wait()
        send(DCGAN)(handler)

    server.answer = answer
    found = []
    threads = [threading.Thread(target=lambda: found.append(trained_models.folder("dcgan_mnist"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert found[0] == found[1]
    assert list(installed.iterdir()) == [found[0]]
    assert (found[0] / "saved_model.pb").is_file()


def test_an_archive_writes_nowhere_else(installed, server, tmp_path, monkeypatch):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as zipped:
        for name in ("dcgan_mnist/kerasgan.json", "../../above", f"{tmp_path}/absolute", "dcgan_mnist/../../beside"):
            zipped.writestr(name, "{}")
    evil = written.getvalue()
    known = trained_models.trained_models()["dcgan_mnist"]
    known = dataclasses.replace(known, bytes=len(evil), sha256=hashlib.sha256(evil).hexdigest())
    monkeypatch.setattr(trained_models, "trained_models", lambda: {"dcgan_mnist": known})
    server.answer = send(evil)
    folder = trained_models.folder("dcgan_mnist")
    assert {file.name for file in folder.iterdir()} == {"kerasgan.json", "beside"}
    assert list(installed.iterdir()) == [folder]
    assert {file.name for file in tmp_path.iterdir()} == {"cache", "work"}


def test_another_version_of_a_model_is_downloaded_again(installed, server, monkeypatch):
    old = trained_models.folder("dcgan_mnist")
    other = send(b"")
    known = trained_models.trained_models()["dcgan_mnist"]
    monkeypatch.setattr(
        trained_models, "trained_models", lambda: {"dcgan_mnist": dataclasses.replace(known, sha256="0" * 64)}
    )
    server.answer = other
    with pytest.raises(UserError, match="another SHA-256"):
        trained_models.folder("dcgan_mnist")
    assert old.is_dir()


def test_a_server_that_sends_on_and_on_is_not_listened_to(installed, server):
    server.answer = endless
    with pytest.raises(UserError, match="sent is not dcgan_mnist: more than "):
        trained_models.folder("dcgan_mnist")
    assert server.sent < 5e7


# ---- what people see ------------------------------------------------------------------------------------------------


def test_a_terminal_shows_how_far_a_download_is(installed, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    trained_models.folder("dcgan_mnist")
    shown = capsys.readouterr().err
    assert re.search(r"\rdcgan_mnist: +0%.*\| 0.00/1.0\d?M", shown)
    assert shown.endswith(f"was downloaded into {run_folder.saved_model('dcgan_mnist')}\n")


def test_list_trained_says_where_each_is(installed, capsys):
    trained_models.folder("dcgan_mnist")
    capsys.readouterr()
    assert main(["list", "--trained"]) == 0
    table, _, hints = capsys.readouterr().out.partition("\n\n")
    assert hints.endswith(f"first used, and kept in {installed}\n")
    head, *rows = table.splitlines()
    assert head.split() == ["name", "variant", "data", "MB", "where", "can"]
    assert len(rows) == len(trained_models.trained_models())
    assert "dcgan_mnist dcgan mnist 1.1 cache sample, decode" in [" ".join(row.split()) for row in rows]
    assert main(["list", "--trained", "--json"]) == 0
    listed = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    places = {name: one["where"] for name, one in listed.items()}
    assert places.pop("dcgan_mnist") == "cache"
    assert [places.pop(name) for name in ("mnist_classifier", "cifar10_classifier")] == ["package", "package"]
    assert set(places.values()) == {"to download"}
    assert listed["dcgan_mnist"]["folder"] == str(trained_models.folder("dcgan_mnist"))
    assert listed["gan_mnist"]["folder"] is None
    assert listed["gan_mnist"]["verbs"] == ["sample", "decode"]


def test_list_trained_in_a_clone(clone_here, capsys, monkeypatch):
    monkeypatch.setenv("KERASGAN_CACHE", "~nobody-of-this-name")  # which a clone does not need
    assert trained_models.folder("dcgan_mnist") == ROOT / "saved_models/dcgan_mnist"
    assert main(["list", "--trained"]) == 0
    assert "downloaded" not in capsys.readouterr().out
    assert main(["list", "--trained", "--json"]) == 0
    assert {one["where"] for one in json.loads(capsys.readouterr().out)} == {"clone", "package"}
