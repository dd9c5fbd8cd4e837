"""Latents: paths, arithmetic, directions, truncation and projection, against cases worked out by hand."""

import numpy as np
import pytest
from conftest import SHAPE, every_variant, small_model
from scipy import stats

from kerasgan import latent
from kerasgan.errors import UserError
from kerasgan.saved_model import LiveModel

WITHOUT = ("pix2pix", "cyclegan", "srresnet", "srgan", "context_encoder", "denoising_autoencoder")


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def linear_images(weights):
    """A decoder whose pixels are a linear function of latents, rounded to uint8 as images are."""

    def decode(latents):
        values = 127.5 + 10 * latents @ weights
        return np.clip(np.round(values), 0, 255).astype(np.uint8).reshape(*latents.shape[:-1], -1, 1, 1)

    return decode


# ---- paths ----------------------------------------------------------------------------------------------------------


def test_a_straight_line_has_even_steps_and_both_ends():
    np.testing.assert_allclose(latent.linear([0, 4], [2, 0], 3), [[0, 4], [1, 2], [2, 0]])


def test_an_arc_of_a_quarter_turn():
    half = np.sqrt(0.5)
    expected = [[1, 0, 0], [half, half, 0], [0, 1, 0]]
    np.testing.assert_allclose(latent.spherical([1, 0, 0], [0, 1, 0], 3), expected, atol=1e-7)


def test_an_arc_is_shoemakes_where_lengths_are_equal():
    a, b = random(2, 50)
    b *= np.linalg.norm(a) / np.linalg.norm(b)
    angle = np.arccos(a @ b / (a @ a))
    t = np.linspace(0, 1, 7)[:, None]
    expected = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    np.testing.assert_allclose(latent.spherical(a, b, 7), expected, rtol=1e-5, atol=1e-6)


def test_an_arc_keeps_its_ends_and_goes_evenly_from_length_to_length():
    a, b = random(2, 20)
    b *= 3
    way = latent.spherical(a, b, 9)
    np.testing.assert_allclose(way[[0, -1]], [a, b], rtol=1e-5)
    lengths = np.linalg.norm(way, axis=1)
    np.testing.assert_allclose(lengths, np.linspace(lengths[0], lengths[-1], 9), rtol=1e-5)
    units = way / lengths[:, None]
    np.testing.assert_allclose(np.diff(np.arccos((units[1:] * units[:-1]).sum(axis=1))), 0, atol=1e-4)


@pytest.mark.parametrize(
    ("a", "b"),
    [([1, 2], [2, 4]), ([0, 0], [3, 1]), ([3, 1], [0, 0]), ([1.0], [-2.0]), ([1, 2], [1, 2 + 1e-9])],
    ids=str,
)
def test_an_arc_is_a_straight_line_where_there_is_no_angle(a, b):
    np.testing.assert_allclose(latent.spherical(a, b, 5), latent.linear(a, b, 5), atol=1e-6)


def test_an_arc_between_opposites_goes_round():
    a = random(6)
    way = latent.spherical(a, -a, 5)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), np.linalg.norm(a), rtol=1e-6)
    np.testing.assert_allclose(way[[0, -1]], [a, -a], rtol=1e-5, atol=1e-6)
    assert abs(way[2] @ a) < 1e-5


@pytest.mark.parametrize("between", [latent.linear, latent.spherical])
def test_corners_are_the_corners_and_sides_the_ways(between):
    four = random(4, 5)
    grid = latent.corners(four, 3, 4, between)
    assert grid.shape == (3, 4, 5)
    np.testing.assert_allclose(grid[[0, 0, -1, -1], [0, -1, 0, -1]], four, rtol=1e-5)
    np.testing.assert_allclose(grid[0], between(four[0], four[1], 4), rtol=1e-5)
    np.testing.assert_allclose(grid[:, -1], between(four[1], four[3], 3), rtol=1e-5)


def test_corners_by_straight_lines_are_bilinear():
    grid = latent.corners(np.array([[0.0], [1], [10], [11]]), 3, 3, latent.linear)
    np.testing.assert_allclose(grid[..., 0], [[0, 0.5, 1], [5, 5.5, 6], [10, 10.5, 11]])


def test_arithmetic_is_done_on_means():
    a, b, c = [[1, 0], [3, 0]], [[0, 1]], [[0, 2], [0, 4], [3, 6]]
    np.testing.assert_allclose(latent.arithmetic(a, b, c), [2 - 0 + 1, 0 - 1 + 4])
    with pytest.raises(UserError, match="B has no exemplars"):
        latent.arithmetic(a, [], c)


def test_a_walk_goes_from_one_latent_along_each_direction():
    ways = latent.walk(np.array([1.0, 1]), np.array([[1, 0], [0, 2]]), [-1, 0, 3])
    np.testing.assert_allclose(ways, [[[0, 1], [1, 1], [4, 1]], [[1, -1], [1, 1], [1, 7]]])


# ---- directions -----------------------------------------------------------------------------------------------------


def test_principal_directions_find_a_planted_one():
    planted = np.array([3.0, 0, 4]) / 5
    found = latent.principal_directions(random(4000, 3) * 0.1 + 2 * random(4000, 1, seed=1) * planted)
    np.testing.assert_allclose(found.vectors[0], 2 * planted, atol=0.1)  # as long as the deviation along it
    assert found.shares[0] > 0.98
    assert found.shares.sum() == pytest.approx(1)
    with pytest.raises(UserError, match="two latents or more; here are 1"):
        latent.principal_directions(np.zeros((1, 3)))


def test_directions_of_change_find_planted_ones():
    planted, pixels = np.linalg.qr(random(3, 3))[0], np.linalg.qr(random(40, 3, seed=1))[0]
    strengths = np.array([60, 30, 15])
    decode = linear_images(planted.T @ (strengths[:, None] * pixels.T))
    found = latent.directions_of_change(decode, 0.1 * random(5, 3))
    np.testing.assert_allclose(np.abs(np.sum(found.vectors * planted, axis=1)), 1, atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1)
    np.testing.assert_allclose(found.shares, strengths**2 / (strengths**2).sum(), atol=0.02)
    with pytest.raises(UserError, match="Finite differences along 513 latents"):
        latent.directions_of_change(linear_images(random(513, 2)), np.zeros((1, 513)))


def test_a_jacobian_by_differences_of_rounded_images():
    weights = random(4, 30)
    found = latent.jacobian(linear_images(weights), np.zeros(4), step=1.0)
    np.testing.assert_allclose(found, 10 * weights.T / 255, atol=1.01 / 255)


# ---- truncation -----------------------------------------------------------------------------------------------------


def test_truncation_keeps_what_is_within_and_draws_the_rest_as_the_truncated_normal():
    drawn = random(200, 200).astype(np.float32)
    for threshold in (0.5, 1.5):
        kept = latent.truncated(drawn, threshold, seed=3)
        within = np.abs(drawn) <= threshold
        np.testing.assert_array_equal(kept[within], drawn[within])
        assert np.abs(kept).max() <= threshold
        assert stats.kstest(kept.ravel(), stats.truncnorm(-threshold, threshold).cdf).pvalue > 0.01
        np.testing.assert_array_equal(kept, latent.truncated(drawn, threshold, seed=3))
    with pytest.raises(UserError, match="above 0, not at 0"):
        latent.truncated(drawn, 0)


# ---- projection -----------------------------------------------------------------------------------------------------


def test_projection_finds_the_image_of_a_sample():
    model = small_model("vae")
    for weight in model.decoder.trainable_weights:  # contrast, so that latents matter
        weight.assign(3 * weight)
    decode = latent.Decoder(LiveModel(model))
    (image,) = decode(latent.prior(1, 4, seed=5))
    found = latent.project(decode, image, latent.prior(3, 4, seed=6))
    start = min(latent.projection_of(decode, z, image).error for z in latent.prior(3, 4, seed=6))
    assert start > 0.01
    assert found.error < 1e-4  # a grey level or two
    np.testing.assert_array_equal(found.image, decode(found.latents[None])[0])
    assert found.error == pytest.approx(np.mean((found.image / 255 - image / 255) ** 2))


def test_projection_is_never_worse_than_where_it_starts():
    decode = linear_images(np.zeros((2, 6)))  # nothing to go down along
    image = np.full((6, 1, 1), 10, np.uint8)
    found = latent.project(decode, image, np.ones((1, 2)))
    np.testing.assert_array_equal(found.latents, [1, 1])


# ---- models ---------------------------------------------------------------------------------------------------------


@every_variant
def test_every_model_decodes_its_latents_or_says_that_it_has_none(key):
    model = LiveModel(small_model(key))
    if key in WITHOUT:
        with pytest.raises(UserError, match=f"{key} makes no images from latents: it has "):
            latent.Decoder(model)
        return
    decode = latent.Decoder(model)
    z = latent.prior(6, decode.latent_dim, seed=3)
    images = decode(z.reshape(2, 3, -1))
    assert images.shape == (2, 3, *SHAPE)
    assert images.dtype == np.uint8
    if "encode" in model.about["verbs"]:
        assert latent.encode(model, images[0]).shape == (3, decode.latent_dim)
    else:
        with pytest.raises(UserError, match=f"{key} has no encoder"):
            latent.encode(model, images[0])
    if "sample" in model.about["verbs"] and decode.label is None:
        np.testing.assert_allclose(images.reshape(6, *SHAPE).astype(int), model.sample(n=6, seed=3), atol=1)
    with pytest.raises(UserError, match=f"makes an image of {decode.latent_dim} numbers; here are 3"):
        decode(np.zeros((1, 3)))


def test_the_first_samples_are_the_same_in_any_number_of_them():
    np.testing.assert_array_equal(latent.prior(3, 5, seed=1), latent.prior(64, 5, seed=1)[:3])


def test_a_label_is_kept():
    model = LiveModel(small_model("cgan"))
    z = latent.prior(4, 4, seed=0)
    expected = model.decode(latents=z, labels=np.full(4, 2))
    np.testing.assert_array_equal(latent.Decoder(model, 2)(z), expected)
    assert (latent.Decoder(model)(z) != expected).any()
    with pytest.raises(UserError, match="cgan knows no class 3: it has 0, 1, 2"):
        latent.Decoder(model, 3)
    with pytest.raises(UserError, match="gan takes no label"):
        latent.Decoder(LiveModel(small_model("gan")), 0)


def test_models_decode_in_blocks(monkeypatch):
    decode = latent.Decoder(LiveModel(small_model("gan")))
    z = latent.prior(7, 4, seed=0)
    whole = decode(z)
    monkeypatch.setattr(latent, "BLOCK", 3)
    np.testing.assert_allclose(decode(z).astype(int), whole, atol=1)
