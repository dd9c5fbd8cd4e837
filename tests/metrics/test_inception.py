"""The features that the FID is taken of, by a small graph like Inception's; and where that graph comes from."""

import hashlib
import http.server
import io
import threading

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from small_inception import FEATURES, GRAPH, frozen, packed

from kerasgan import metrics
from kerasgan.errors import UserError
from kerasgan.held_out import HeldOut
from kerasgan.metrics import features, inception

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 20, 31, 3), np.uint8)


@pytest.fixture
def content(monkeypatch):
    """The small graph in the place of Inception's."""
    its = frozen().SerializeToString()
    monkeypatch.setattr(inception, "BYTES", len(its))
    monkeypatch.setattr(inception, "SHA256", hashlib.sha256(its).hexdigest())
    monkeypatch.delenv("KERASGAN_INCEPTION", raising=False)
    return its


@pytest.fixture
def network(content, tmp_path, monkeypatch):
    (tmp_path / GRAPH).write_bytes(content)
    monkeypatch.setenv("KERASGAN_INCEPTION", str(tmp_path / GRAPH))
    return metrics.feature_network("inception-fid")


# ---- what it makes of images ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scaled", [False, True])
def test_features_are_those_that_the_graph_makes_of_a_jpeg(scaled):
    """The graph as it is, in a session as in 2015, against the one that takes many arrays."""
    graph, jpeg = frozen(scaled), io.BytesIO()
    Image.fromarray(PIXELS[0]).save(jpeg, "JPEG")
    with tf.Graph().as_default():
        wanted = tf.graph_util.import_graph_def(graph, return_elements=["pool_3:0", "DecodeJpeg:0"], name="")
        with tf.compat.v1.Session() as session:
            expected, pixels = session.run(wanted, {"DecodeJpeg/contents:0": jpeg.getvalue()})
    found = inception.features(graph.SerializeToString())(np.stack([PIXELS[1], pixels]))
    np.testing.assert_allclose(found[1], expected[0], rtol=1e-5)
    assert np.abs(found[0] - found[1]).max() > 1e-3


def test_many_images_have_the_features_of_each_of_them(network, monkeypatch):
    many = network(PIXELS)
    assert many.shape == (5, FEATURES)
    np.testing.assert_allclose(np.concatenate([network(PIXELS[i : i + 1]) for i in range(5)]), many, rtol=1e-5)
    monkeypatch.setattr(features, "PIXELS", 2 * 299**2)  # 2 at once
    np.testing.assert_allclose(network(PIXELS), many, rtol=1e-5)


def test_small_images_come_in_batches_of_what_the_graph_makes_of_them(network, monkeypatch):
    seen = []
    monkeypatch.setattr(features, "PIXELS", 3 * 299**2)
    counted = metrics.FeatureNetwork(
        "", (None, None, 3), "", lambda x: seen.append(len(x)) or network.extract(x), sees=network.sees
    )
    assert counted(PIXELS).shape == (5, FEATURES)
    assert seen == [3, 2]


def test_images_reach_the_graph_in_their_own_size(network):
    """Its own interpolation is not antialiased, as that of all other networks here is."""
    stripes = np.zeros((1, 598, 598, 3), np.uint8)
    stripes[:, :, ::2] = 255  # without antialiasing, all that is left is white
    np.testing.assert_allclose(network(stripes), network(np.full((1, 299, 299, 3), 255, np.uint8)), rtol=1e-5)


def test_grey_and_transparent_images(network):
    grey = PIXELS[..., :1]
    np.testing.assert_array_equal(network(grey), network(np.repeat(grey, 3, axis=-1)))
    clear = np.concatenate([PIXELS, np.zeros_like(PIXELS[..., :1])], axis=-1)
    np.testing.assert_array_equal(network(clear), network(np.full_like(PIXELS, 255)))


def test_convolutions_have_whole_numbers_and_others_have_what_they_had(network, monkeypatch):
    enabled, constant, seen = tf.config.experimental.tensor_float_32_execution_enabled, tf.constant, []
    monkeypatch.setattr(tf, "constant", lambda images: seen.append(enabled()) or constant(images))
    before = enabled()
    for was in (True, False):
        tf.config.experimental.enable_tensor_float_32_execution(was)
        network(PIXELS[:1])
        assert enabled() is was
    tf.config.experimental.enable_tensor_float_32_execution(before)
    assert seen == [False, False]


def test_only_its_distance_is_called_fid(network, tmp_path):
    held_out = HeldOut({}, (8, 8, 3), "photos")
    assert held_out.distance(network) == "FID"
    for name in ("inception", "inception-fid"):  # that of Keras, and somebody's own of these names
        other = metrics.FeatureNetwork(name, (299, 299, 3), "0" * 64, lambda images: images)
        assert held_out.distance(other) == f"Frechet distance ({name})"


# ---- where it comes from --------------------------------------------------------------------------------------------


@pytest.fixture
def server(content, tmp_path, monkeypatch):
    """A server on 127.0.0.1 that has the graph, and an empty cache."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(its.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(its.body)

        def log_message(self, *arguments):
            pass

    asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as its:
        its.asked, its.body, its.status = asked, content, 200
        monkeypatch.setenv("KERASGAN_INCEPTION_URL", f"http://127.0.0.1:{its.server_port}/{GRAPH}")
        monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        threading.Thread(target=its.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield its
        its.shutdown()


def test_the_graph_is_downloaded_once(server, content, capsys):
    for _ in range(2):
        assert inception.graph() == content
    assert len(server.asked) == 1
    assert capsys.readouterr().err.startswith("inception-2015-12-05 (0.0 MB) was downloaded into ")


def test_a_download_that_breaks_off_or_is_another_file_leaves_nothing(server, content, tmp_path):
    server.body = content[:1000]
    with pytest.raises(UserError, match=r"^inception-2015-12-05 cannot be downloaded.*KERASGAN_INCEPTION_URL\.$"):
        inception.graph()
    server.body = content[:-1] + b"?"
    with pytest.raises(UserError, match=r"sent is not inception-2015-12-05.*KERASGAN_INCEPTION_URL\.$"):
        inception.graph()
    server.status = 404
    with pytest.raises(UserError, match=r"cannot be downloaded.*the server answered 404"):
        inception.graph()
    assert not list(tmp_path.glob("cache/*"))
    assert len(server.asked) == 3


def test_what_was_changed_in_the_cache_is_noticed(server, tmp_path):
    inception.graph()
    (file,) = tmp_path.glob(f"cache/*/{GRAPH}")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"its SHA-256 is another one; remove this folder"):
        inception.graph()


@pytest.mark.parametrize("name", [GRAPH, f"imagenet/{GRAPH}"])
def test_a_file_of_ones_own_may_be_packed(content, tmp_path, monkeypatch, name):
    file = tmp_path / "inception-2015-12-05.tgz"
    file.write_bytes(packed(content, name))
    monkeypatch.setenv("KERASGAN_INCEPTION", str(file))
    assert inception.graph() == content


def test_a_wrong_file_is_an_error_in_one_line(content, tmp_path, monkeypatch):
    cases = {
        "nothing.pb": (None, "cannot be read from"),
        "other.pb": (content + b"?", "its SHA-256 is another one; give another file as KERASGAN_INCEPTION"),
        "other.tgz": (packed(content[:-1]), "its SHA-256 is another one"),
        "without.tgz": (packed(content, "another.pb"), "its SHA-256 is another one"),
        "broken.tgz": (packed(content)[:-40], "cannot be read from .*: it is broken"),
    }
    for name, (its, said) in cases.items():
        if its is not None:
            (tmp_path / name).write_bytes(its)
        monkeypatch.setenv("KERASGAN_INCEPTION", str(tmp_path / name))
        with pytest.raises(UserError, match=rf"^[^\n]*{said}[^\n]*$"):
            metrics.feature_network("inception-fid")
