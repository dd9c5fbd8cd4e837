"""The page in the browser: its files, its runtime, and what it shows in a real one."""

import _thread
import functools
import hashlib
import http.server
import io
import json
import re
import shutil
import tarfile
import threading
import time
import webbrowser

import numpy as np
import pytest
import requests
from conftest import small_model

import kerasgan
from kerasgan import demo, explore, latent
from kerasgan.cli import main
from kerasgan.demo import runtime
from kerasgan.errors import UserError

FILES = {"ort.js": b"export {};", "ort.wasm": b"\0asm"}
CHROMIUM = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1000,900",
)
PATIENCE = 60.0  # seconds until something appears, on a machine that has others to serve


# ---- without a browser ----------------------------------------------------------------------------------------------


def archive():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as members:
        for name, place in runtime.FILES.items():
            its = tarfile.TarInfo(place)
            its.size = len(FILES[name])
            members.addfile(its, io.BytesIO(FILES[name]))
    return file.getvalue()


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry on 127.0.0.1 that has the runtime's archive, and an empty cache."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            asked.append(self.path)

    asked, content = [], archive()
    package = tmp_path / "registry/onnxruntime-web/-"
    package.mkdir(parents=True)
    (package / f"{runtime.NAME}.tgz").write_bytes(content)
    monkeypatch.setattr(runtime, "BYTES", len(content))
    monkeypatch.setattr(runtime, "SHA256", hashlib.sha256(content).hexdigest())
    handler = functools.partial(Handler, directory=tmp_path / "registry")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.asked, server.archive = asked, package / f"{runtime.NAME}.tgz"
        monkeypatch.setenv("KERASGAN_NPM_URL", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_the_runtime_is_downloaded_once(registry):
    for _ in range(2):
        folder = runtime.folder()
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert len(registry.asked) == 1


def test_what_is_not_the_runtime_is_not_kept(registry, tmp_path):
    registry.archive.write_bytes(registry.archive.read_bytes()[:-1] + b"?")
    with pytest.raises(UserError, match=r"sent is not onnxruntime-web.*KERASGAN_NPM_URL"):
        runtime.folder()
    registry.archive.unlink()
    with pytest.raises(UserError, match=r"cannot be downloaded.*404.*KERASGAN_NPM_URL"):
        runtime.folder()
    assert not list(tmp_path.glob("cache/*"))


def test_a_mistake_is_told_in_one_line_before_anything_is_downloaded_or_written(registry, tmp_path, capsys):
    pytest.importorskip("tf2onnx", reason="kerasgan demo needs kerasgan[export]")
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    no_page = tmp_path / "no_page"
    no_page.mkdir()
    (no_page / "saved_model.pb").write_bytes(b"")
    (no_page / "kerasgan.json").write_text(json.dumps({"variant": "mine", "verbs": ["encode"]}))
    for arguments, message in {
        ("dcgan_mnits",): "did you mean dcgan_mnist",
        ("dcgan_mnist", "-o", str(taken)): "exists: choose another place",
        ("dcgan_mnist", "dcgan_mnist"): "Two models are called dcgan_mnist",
        (str(no_page),): "has encode, and a page shows only decode",
        ("dcgan_mnist", "-o", str(tmp_path / "site"), "--port", "0"): "--port is for a page that is shown",
        ("dcgan_mnist", "--port", "99999"): "Choose another --port",
    }.items():
        assert main(["demo", *arguments]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert not registry.asked
    assert [path.name for path in taken.iterdir()] == ["mine.txt"]
    assert not (tmp_path / "site").exists()


def test_the_page_takes_nothing_from_elsewhere_and_says_all_in_both_languages():
    texts = {path.name: path.read_text(encoding="utf-8") for path in demo.PAGE.iterdir()}
    assert not [name for name, text in texts.items() if re.search(r"https?://|//cdn", text)]
    modules = {m for text in texts.values() for m in re.findall(r'(?:from|src=|href=)\s*"(?:\./)?([\w.]+)"', text)}
    assert modules <= set(texts)
    english, japanese = (
        re.findall(r"(\w+): ", re.sub(r'"[^"]*"|`[^`]*`', "", text.split("= {")[1].split("};")[0]))
        for text in texts["words.js"].split("const ")[1:3]
    )
    assert english == japanese
    said = {word for text in texts.values() for word in re.findall(r"(?<!/)\bwords\.(\w+)", text)}
    assert said <= set(english)


# ---- in Chromium ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The models of the site, by their names there."""
    folder = tmp_path_factory.mktemp("models")
    facades = {"name": "facades", "right_to_left": True}
    small_model("pix2pix", (64, 64, 3)).export(folder / "houses", data=facades)
    return {"houses": folder / "houses", "acgan_mnist": "acgan_mnist", "autoencoder_mnist": "autoencoder_mnist"}


@pytest.fixture(scope="module")
def site(models, tmp_path_factory):
    """The folder of a page with these models."""
    pytest.importorskip("tf2onnx", reason="kerasgan demo needs kerasgan[export]")
    try:
        runtime.folder()
    except UserError as error:
        pytest.skip(f"The page has no runtime: {error}")
    site = tmp_path_factory.mktemp("pages") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explore, "STEEPEST", 1)  # which takes seconds less
        assert main(["demo", *map(str, models.values()), "-o", str(site)]) == 0
    return site


def test_without_a_place_the_page_is_served_and_opened_until_ctrl_c(site, monkeypatch, capsys):
    answers = {}

    def open_(address):
        def look():
            for file in ("", "page.js", "runtime/ort.wasm"):
                answers[file] = requests.get(address + file, timeout=PATIENCE).headers["Content-Type"]
            _thread.interrupt_main()

        threading.Thread(target=look, daemon=True).start()

    monkeypatch.setattr(demo, "write", lambda models, to, verbose: shutil.copytree(site, to))
    monkeypatch.setattr(webbrowser, "open", open_)
    assert main(["demo", "acgan_mnist"]) == 0
    assert answers == {"": "text/html", "page.js": "text/javascript", "runtime/ort.wasm": "application/wasm"}
    assert "The page is at http://127.0.0.1:" in capsys.readouterr().out


@pytest.fixture(scope="module")
def browser(site, tmp_path_factory):
    """Chromium, which can open the site in a sub-folder of a server."""
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium drives the browser")
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    if missing := [name for name, path in programs.items() if path is None]:
        pytest.skip(f"There is no {' and no '.join(missing)} to look at the page with")
    options = selenium.ChromeOptions()
    options.binary_location = programs["chromium"]
    for argument in (*CHROMIUM, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with demo.server(site.parent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        driver = selenium.Chrome(options, selenium.ChromeService(programs["chromedriver"]))
        driver.address = f"http://127.0.0.1:{server.server_port}/{site.name}/"
        driver.set_script_timeout(PATIENCE)
        yield driver
        driver.quit()
        server.shutdown()


def opened(browser, name):
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(f"{browser.address}#{name}")
    eventually(lambda: "ms" in found(browser, "#status").text)


def found(browser, selector):
    return browser.find_element("css selector", selector)


def eventually(holds):
    """Wait until something holds: the page works beside us."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def pixels(browser, selector, channels):
    """What a canvas shows, uint8 [1, height, width, channels]."""
    size, values = browser.execute_script(
        "const c = document.querySelector(arguments[0]);"
        "return [[c.height, c.width], Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)];",
        selector,
    )
    return np.array(values, np.uint8).reshape(1, *size, 4)[..., :channels]


def latent_of(browser, selector):
    """The latent that a canvas shows; None before it does."""
    values = browser.execute_script(
        "const c = document.querySelector(arguments[0]); return c?.latent ? Array.from(c.latent) : null;", selector
    )
    return None if values is None else np.array(values, np.float32)


def is_close(shown, made):
    return shown.shape == made.shape and np.abs(shown.astype(int) - made).max() <= 2


def no_complaints(browser):
    assert [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_samples_of_a_class_and_the_arc_between_two_are_what_the_model_makes(browser):
    model = kerasgan.load("acgan_mnist")
    opened(browser, "acgan_mnist")
    sample, other = (f"#samples .sample:nth-child({i}) canvas" for i in (1, 2))
    middle = "#arc figure canvas"

    def shows(selector, label):
        its = latent_of(browser, selector)
        return its is not None and is_close(
            pixels(browser, selector, 1), model.decode(latents=its[None], labels=[label])
        )

    eventually(lambda: shows(sample, 0) and shows(middle, 0) and shows("#directions figure canvas", 0))
    ends = latent_of(browser, sample), latent_of(browser, other)
    found(browser, "#arc input").send_keys("\ue012" * 25)  # the left arrow, from 0.5 to 0.25
    wanted = latent.spherical(*ends, 5)[1]
    eventually(lambda: np.allclose(latent_of(browser, middle), wanted, atol=1e-4))
    eventually(lambda: shows(middle, 0))

    zero = pixels(browser, sample, 1)
    found(browser, ".labels button:nth-child(8)").click()
    eventually(lambda: shows(sample, 7) and shows(middle, 7))
    assert not is_close(pixels(browser, sample, 1), zero)
    no_complaints(browser)


def test_a_sample_is_dragged_or_chosen_into_a_place(browser):
    from selenium.webdriver import ActionChains

    opened(browser, "acgan_mnist")
    result = "#sum figure canvas"
    eventually(lambda: latent_of(browser, result) is not None)
    first, fifth = found(browser, ".sample:nth-child(1)"), latent_of(browser, ".sample:nth-child(5) canvas")
    slots = browser.find_elements("css selector", "#sum .slot")
    before = latent_of(browser, result)
    browser.execute_script("arguments[0].scrollIntoView()", found(browser, "#samples"))
    ActionChains(browser).drag_and_drop(first, slots[1]).perform()
    eventually(lambda: not np.allclose(latent_of(browser, result), before))
    assert "2" in slots[1].text

    slots[0].click()
    found(browser, ".sample:nth-child(5)").send_keys("\n")  # by keyboard
    eventually(lambda: "2" in slots[0].text)
    last_alone = found(browser, "#sum > button")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", last_alone)
    last_alone.click()
    eventually(lambda: "2" not in slots[0].text + slots[1].text)
    b, c = (latent_of(browser, f".sample:nth-child({i}) canvas") for i in (1, 9))
    eventually(lambda: np.allclose(latent_of(browser, result), fifth - b + c, atol=1e-4))
    no_complaints(browser)


def test_truncation_draws_again_what_is_too_far_and_a_seed_repeats_itself(browser):
    opened(browser, "acgan_mnist")
    sample, last = (f"#samples .sample:nth-child({i}) canvas" for i in (1, 18))
    eventually(lambda: latent_of(browser, last) is not None)
    first = latent_of(browser, sample)
    everyone = np.concatenate([latent_of(browser, f".sample:nth-child({i}) canvas") for i in range(1, 19)])
    assert abs(everyone.mean()) < 0.2
    assert 0.85 < everyone.std() < 1.15
    assert np.abs(everyone).max() > 1.5
    slider = found(browser, "#truncation")
    slider.send_keys("\ue011")  # Home: 0.1
    eventually(lambda: np.abs(latent_of(browser, last)).max() <= 0.1)
    slider.send_keys("\ue010")  # End: none
    eventually(lambda: np.allclose(latent_of(browser, sample), first))
    found(browser, "#others").click()
    eventually(lambda: not np.allclose(latent_of(browser, sample), first))
    no_complaints(browser)


def test_a_house_front_that_is_drawn_becomes_what_the_model_makes_of_it(browser, models):
    from selenium.webdriver import ActionChains

    model = kerasgan.load(models["houses"])
    opened(browser, "houses")
    assert len(browser.find_elements("css selector", ".palette button")) == 12

    def shows():
        return is_close(pixels(browser, "#translate", 3), model.translate(pixels(browser, "#input", 3)))

    eventually(shows)
    example = pixels(browser, "#input", 3)
    found(browser, ".palette button:nth-child(12)").click()
    canvas = found(browser, "#input")
    ActionChains(browser).move_to_element(canvas).click_and_hold().move_by_offset(60, 60).release().perform()
    drawn = pixels(browser, "#input", 3)
    changed = (drawn != example).any(axis=-1)[0]
    assert changed.any()
    assert (drawn[0][changed] == (0xAD, 0, 2)).all()
    eventually(shows)
    no_complaints(browser)


def test_scores_and_classes_of_a_digit_are_the_models(browser):
    opened(browser, "autoencoder_mnist")
    model = kerasgan.load("autoencoder_mnist")

    def scored():
        digit = pixels(browser, "#input", 1)
        text = found(browser, "#anomaly_score").text.replace(",", "")
        return (
            text
            and np.isclose(float(text), model.anomaly_score(digit)[0], rtol=2e-3)
            and is_close(pixels(browser, "#reconstruct", 1), model.reconstruct(digit))
        )

    eventually(scored)
    five = found(browser, "#anomaly_score").text
    found(browser, "#clear").click()
    eventually(scored)
    assert found(browser, "#anomaly_score").text != five

    opened(browser, "acgan_mnist")
    eventually(lambda: browser.find_elements("css selector", ".bar.best"))
    logits = kerasgan.load("acgan_mnist").classify(pixels(browser, "#input", 1))[0]
    shares = np.exp(logits - logits.max())
    texts = [bar.text for bar in browser.find_elements("css selector", ".bar .share")]
    assert np.allclose([float(text.rstrip("% ")) for text in texts], 100 * shares / shares.sum(), atol=0.11)
    no_complaints(browser)


def test_a_phone_shows_the_whole_width(browser):
    for name in ("acgan_mnist", "houses"):
        opened(browser, name)
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 360, "height": 700, "deviceScaleFactor": 1, "mobile": True},
        )
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        assert wide <= 360
