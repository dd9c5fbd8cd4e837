"""The page in the browser: its files, its runtime, and what it shows in a real one."""

import _thread
import base64
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
from pathlib import Path

import numpy as np
import pytest
import requests
from conftest import small_model
from PIL import Image

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
    shipped = ("acgan_mnist", "autoencoder_mnist", "srresnet_facades", "context_encoder_cifar10")
    return {"houses": folder / "houses", **{name: name for name in shipped}}


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


def click(browser, selector):
    its = found(browser, selector)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", its)  # not below the footer
    its.click()


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
    click(browser, "#clear")
    eventually(scored)
    assert found(browser, "#anomaly_score").text != five

    opened(browser, "acgan_mnist")
    eventually(lambda: browser.find_elements("css selector", ".bar.best"))
    logits = kerasgan.load("acgan_mnist").classify(pixels(browser, "#input", 1))[0]
    shares = np.exp(logits - logits.max())
    texts = [bar.text for bar in browser.find_elements("css selector", ".bar .share")]
    assert np.allclose([float(text.rstrip("% ")) for text in texts], 100 * shares / shares.sum(), atol=0.11)
    no_complaints(browser)


def photograph(width, height, seed=0):
    """What looks like one to a model: large and small things, no two pixels alike."""
    rng = np.random.default_rng(seed)
    large = Image.fromarray(rng.integers(0, 256, (height // 10, width // 10, 3), np.uint8)).resize((width, height))
    return np.clip(np.array(large) + rng.normal(0, 12, (height, width, 3)), 0, 255).astype(np.uint8)


def file_of(pixels, folder, name="photograph.png"):
    Image.fromarray(pixels).save(folder / name)
    return str(folder / name)


def test_a_photograph_is_enlarged_piece_by_piece_and_no_seams_are_seen(browser, tmp_path):
    opened(browser, "srresnet_facades")
    browser.execute_script(
        "window.said = []; const its = document.querySelector('#status');"
        "new MutationObserver(() => said.push(its.textContent)).observe(its, {childList: true});"
    )
    given = photograph(150, 130)
    found(browser, "input[type=file]").send_keys(file_of(given, tmp_path))
    eventually(lambda: browser.execute_script("return said").count("Piece 3 of 4 is done …") == 1)
    eventually(lambda: "took" in found(browser, "#status").text)
    assert (pixels(browser, "#input", 3) == given).all()
    shown = pixels(browser, "#translate", 3)
    assert is_close(shown, kerasgan.load("srresnet_facades").translate(given[None]))
    assert found(browser, "#note").text == ""

    found(browser, "input[type=file]").send_keys(file_of(photograph(1600, 1200), tmp_path, "large.png"))
    eventually(lambda: "Piece 1 of 35" in found(browser, "#status").text)
    said = "large.png was made smaller, from 1600 x 1200 to 632 x 474 pixels: larger ones would take too long."
    assert found(browser, "#note").text.replace("\N{MULTIPLICATION SIGN}", "x") == said
    click(browser, "#example")  # which the page does at once
    eventually(lambda: found(browser, "#translate").get_attribute("width") == "384")
    eventually(lambda: "took" in found(browser, "#status").text)
    assert found(browser, "#note").text == ""
    no_complaints(browser)


def test_how_far_a_model_looks_around_is_measured():
    class Blur:  # of 5 pixels, and twice as large
        def image_shape(self, verb):
            return (None, None, 3)

        def translate(self, images):
            wide = np.pad(images, ((0, 0), (0, 0), (2, 2), (0, 0)))
            blurred = sum(wide[:, :, i : i + images.shape[2]].astype(int) for i in range(5)) // 5
            return blurred.repeat(2, axis=1).repeat(2, axis=2).astype(np.uint8)

    class Mean(Blur):
        def translate(self, images):
            return np.broadcast_to(images.mean(axis=(1, 2), keepdims=True), images.shape).astype(np.uint8)

    class Pixels(Blur):
        def translate(self, images):
            return images

    assert [demo._reach(model()) for model in (Blur, Mean, Pixels)] == [2, None, 0]


def test_the_hole_is_moved_over_a_photograph_and_filled(browser, tmp_path):
    from selenium.webdriver import ActionChains

    opened(browser, "context_encoder_cifar10")
    model = kerasgan.load("context_encoder_cifar10")
    found(browser, "input[type=file]").send_keys(file_of(photograph(400, 300), tmp_path))
    eventually(lambda: "to 128 \N{MULTIPLICATION SIGN} 96 pixels." in found(browser, "#note").text)
    given = pixels(browser, "#input", 3)

    def filled(left, top):
        wanted = {"translate": given.copy(), "degrade": given.copy()}
        place = np.s_[:, top : top + 32, left : left + 32]
        for verb, images in wanted.items():
            images[place] = getattr(model, verb)(given[place])
        return all(is_close(pixels(browser, f"#{verb}", 3), images) for verb, images in wanted.items())

    eventually(lambda: filled(48, 32))  # in the middle
    canvas = found(browser, "#input")
    ActionChains(browser).move_to_element(canvas).click_and_hold().move_by_offset(-205, 0).perform()
    eventually(lambda: filled(0, 32))  # and no farther
    ActionChains(browser).release().perform()
    canvas.send_keys("\ue014\ue014\ue013")  # twice to the right, and up
    eventually(lambda: filled(2, 31))
    no_complaints(browser)


def test_between_the_pictures_of_an_autoencoder_are_lines(browser):
    opened(browser, "autoencoder_mnist")
    model = kerasgan.load("autoencoder_mnist")
    middle, sample = "#arc figure canvas", ".sample:nth-child(1) canvas"
    eventually(lambda: latent_of(browser, middle) is not None and found(browser, "#anomaly_score").text)
    ends = [latent_of(browser, f".sample:nth-child({i}) canvas") for i in (1, 2)]
    eventually(lambda: np.allclose(latent_of(browser, middle), np.mean(ends, axis=0), atol=1e-4))
    assert is_close(pixels(browser, middle, 1), model.decode(latents=latent_of(browser, middle)[None]))
    assert not browser.find_elements("css selector", "#truncation, #seed")

    drawn = pixels(browser, "#input", 1)
    found(browser, "#take").send_keys("\n")
    eventually(lambda: np.allclose(latent_of(browser, sample), model.encode(drawn)[0], rtol=1e-3, atol=1e-3))
    assert is_close(pixels(browser, sample, 1), model.reconstruct(drawn))
    eventually(lambda: np.allclose(latent_of(browser, middle), (latent_of(browser, sample) + ends[1]) / 2, atol=1e-4))
    no_complaints(browser)


def drop(browser, content, name):
    """Drop a file onto the page, as the file manager's mouse would."""
    browser.execute_script(
        "const transfer = new DataTransfer();"
        "transfer.items.add(new File([Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0))], arguments[1]));"
        "const all = {bubbles: true, cancelable: true, dataTransfer: transfer};"
        "document.querySelector('main').dispatchEvent(new DragEvent('drop', all));",
        base64.b64encode(content).decode(),
        name,
    )


def test_a_picture_that_is_dropped_is_translated_and_what_is_saved_is_what_is_shown(browser, models, tmp_path):
    opened(browser, "houses")
    given = photograph(64, 64)
    drop(browser, Path(file_of(given, tmp_path)).read_bytes(), "photograph.png")
    eventually(lambda: (pixels(browser, "#input", 3) == given).all())
    wanted = kerasgan.load(models["houses"]).translate(given[None])
    eventually(lambda: is_close(pixels(browser, "#translate", 3), wanted))

    where = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", where)
    click(browser, "#translate + figcaption button")
    eventually((tmp_path / "translate.png").is_file)
    assert (
        np.array(Image.open(tmp_path / "translate.png").convert("RGB")) == pixels(browser, "#translate", 3)[0]
    ).all()

    drop(browser, b"no picture", "notes.txt")
    eventually(lambda: found(browser, "#status").text == "notes.txt is not a picture that this browser can read.")
    assert (pixels(browser, "#input", 3) == given).all()
    no_complaints(browser)


def focused(browser):
    return browser.execute_script("const e = document.activeElement; return e.id || e.className || e.tagName;")


def test_a_keyboard_reaches_all_and_draws_and_moves(browser, models):
    from selenium.webdriver import ActionChains, Keys

    opened(browser, "acgan_mnist")
    middle = "#plane figure canvas"
    eventually(lambda: latent_of(browser, middle) is not None and found(browser, "#classify .best"))
    reached = []
    while focused(browser) != "BODY" or not reached:
        ActionChains(browser).send_keys(Keys.TAB).perform()
        reached.append(focused(browser))
        assert len(reached) < 100
    assert {"models", "sample", "slot", "seed", "others", "truncation", "pad", "save", "input", "clear"} <= set(reached)
    assert reached.count("sample") == 18

    corners = [latent_of(browser, f".sample:nth-child({i}) canvas") for i in (3, 4, 5, 6)]
    found(browser, ".pad").send_keys(Keys.ARROW_RIGHT * 2, Keys.ARROW_UP)  # to (0.6, 0.45)
    wanted = latent.corners(np.stack(corners), 21, 21)[9, 12]
    eventually(lambda: np.allclose(latent_of(browser, middle), wanted, atol=1e-3))
    found(browser, ".labels button:nth-child(4)").send_keys(" ")
    three = kerasgan.load("acgan_mnist").decode(latents=wanted[None], labels=[3])
    eventually(lambda: is_close(pixels(browser, middle, 1), three))

    chooser = found(browser, "#models")
    chooser.send_keys(Keys.HOME)
    eventually(lambda: browser.find_elements("css selector", ".palette") and "ms" in found(browser, "#status").text)
    found(browser, ".palette button:nth-child(12)").send_keys(" ")
    canvas, before = found(browser, "#input"), pixels(browser, "#input", 3)
    canvas.send_keys(" ", Keys.ARROW_RIGHT * 4, Keys.ARROW_DOWN * 3, " ")  # a rectangle from the middle on
    drawn = pixels(browser, "#input", 3)
    wanted = before.copy()
    wanted[:, 32:35, 32:36] = (0xAD, 0, 2)
    assert (drawn == wanted).all()
    eventually(lambda: is_close(pixels(browser, "#translate", 3), kerasgan.load(models["houses"]).translate(drawn)))
    no_complaints(browser)


def test_a_phone_shows_the_whole_width(browser, models):
    for name in models:
        opened(browser, name)
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 360, "height": 700, "deviceScaleFactor": 1, "mobile": True},
        )
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        assert wide <= 360, name


def luminance(colour):
    """The relative luminance of a CSS colour (WCAG 2)."""
    rgb = np.array(re.findall(r"\d+", colour)[:3], float) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722)


def test_text_is_read_in_light_and_dark(browser):
    opened(browser, "context_encoder_cifar10")
    pages = {}
    for scheme in ("light", "dark"):
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        for selector, behind in {
            "body": "body",
            ".hint": "section",
            "a": "body",
            "h2": "section",
            "#clear": "#clear",
            ".choice [aria-pressed=true]": ".choice [aria-pressed=true]",
            "#status": "footer",
        }.items():
            text, ground = browser.execute_script(
                "const of = (s) => getComputedStyle(document.querySelector(s));"
                "return [of(arguments[0]).color, of(arguments[1]).backgroundColor];",
                selector,
                behind,
            )
            light, dark = sorted((luminance(text), luminance(ground)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (scheme, selector, text, ground)
            pages[scheme] = luminance(ground)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert pages["light"] > 0.8 > 0.1 > pages["dark"]


def test_a_browser_in_japanese_gets_the_page_in_japanese(browser):
    agent = browser.execute_script("return navigator.userAgent")
    for language, said in {
        "ja-JP": ("ja", "あなたの画像", "枠を動かす"),
        "de": ("en", "Your picture", "Move the frame"),
    }.items():
        browser.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": language})
        browser.get("about:blank")
        browser.get(f"{browser.address}#context_encoder_cifar10")
        eventually(lambda: browser.find_elements("css selector", "#given-title"))
        shown = found(browser, "html").get_attribute("lang"), found(browser, "#given-title").text
        assert (*shown, found(browser, ".choice button").text) == said
    browser.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": "en"})
