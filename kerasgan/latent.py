"""What latents mean: paths between them, arithmetic, walks, truncation, and projection of images.

decode = kerasgan.latent.decoder(kerasgan.load("runs/dcgan-digits"))
z = kerasgan.latent.prior(2, decode.latent_dim, seed=0)
images = decode(kerasgan.latent.spherical(z[0], z[1], 10))  # uint8[10, height, width, channel]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize, stats

from kerasgan import class_names
from kerasgan.errors import UserError

BLOCK = 100  # images that a model makes at once
STEP = 0.1  # of finite differences: so large that the rounding of images to uint8 does not matter
MOST = 512  # latents that finite differences are taken along: each costs one more image in each step


# ---- a model's latents ----------------------------------------------------------------------------------------------


class Decoder:
    """A model as a function from latents [..., latent_dim] to uint8 images [..., height, width, channel].

    model: what kerasgan.load() returns, or a LiveModel
    label: the class that is made, by name or number, for a model that takes labels; the first if none is given

    Raises UserError for a model without latents, and for a label that it does not take.
    """

    def __init__(self, model: Any, label: int | str | None = None):
        about = model.about
        check_has_latents(about)
        number = label_number(about, label)
        self.model = model
        inputs = model.inputs("decode")
        self.latent_dim = int(inputs["latents"].shape[-1])
        self.label = (number or 0) if "labels" in inputs else None  # a number, as the model takes it

    def __call__(self, latents: np.ndarray) -> np.ndarray:
        latents = np.asarray(latents, np.float32)
        if latents.shape[-1] != self.latent_dim:
            name = self.model.about["variant"]
            raise UserError(f"{name} makes an image of {self.latent_dim} numbers; here are {latents.shape[-1]}.")
        flat = latents.reshape(-1, self.latent_dim)
        images = np.concatenate([self._block(flat[i : i + BLOCK]) for i in range(0, len(flat), BLOCK)])
        return images.reshape(*latents.shape[:-1], *images.shape[1:])

    def _block(self, latents):
        labels = {}
        if self.label is not None:
            labels = {"labels": class_names.asked(self.model.about, np.full(len(latents), self.label))}
        return self.model.decode(latents=latents, **labels)


def check_has_latents(about: dict[str, Any]) -> None:
    """Raise UserError unless a model with this kerasgan.json makes images from latents."""
    if "decode" not in about["verbs"]:
        raise UserError(f"{about['variant']} makes no images from latents: it has {', '.join(about['verbs'])}.")


def label_number(about: dict[str, Any], label: int | str | None) -> int | None:
    """Return the number of the class that a model with this kerasgan.json is asked for, by name or number.

    Raises UserError unless it takes a label and knows this one; None, for no label, is always right.
    """
    if label is None:
        return None
    if "sample_labelled" not in about["verbs"]:
        raise UserError(f"{about['variant']} takes no label: leave out --label.")
    (number,) = class_names.numbers_of_model(about, [label])
    return number


def check_samples(about: dict[str, Any]) -> None:
    """Raise UserError unless a model with this kerasgan.json draws samples."""
    if "sample" not in about["verbs"]:
        raise UserError(f"{about['variant']} draws no samples: it has {', '.join(about['verbs'])}.")


def check_projects(about: dict[str, Any], latent_dim: int) -> None:
    """Raise UserError for a model to which there is no way from an image: without encoder, and of many latents."""
    if "encode" not in about["verbs"] and latent_dim > MOST:
        raise UserError(
            f"{about['variant']} has no encoder, and with its {latent_dim} latents, least squares take as many "
            f"pictures at each step: they are for models of up to {MOST}."
        )


def encode(model: Any, images: np.ndarray) -> np.ndarray:
    """Return the latents of uint8 images[n, height, width, channel], float32 [n, latent_dim].

    Raises UserError for a model without an encoder.
    """
    if "encode" not in model.about["verbs"]:
        raise UserError(
            f"{model.about['variant']} has no encoder that would say which latents make an image: give samples."
        )
    return np.concatenate([model.encode(images=images[i : i + BLOCK]) for i in range(0, len(images), BLOCK)])


def check_has_styles(about: dict[str, Any]) -> None:
    """Raise UserError unless a model with this kerasgan.json makes images from styles."""
    if "style" not in about["verbs"]:
        raise UserError(f"{about['variant']} has no styles: it has {', '.join(about['verbs'])}.")


def styles(model: Any, latents: np.ndarray, share: float = 1.0) -> np.ndarray:
    """Return the styles of all layers that latents [n, latent_dim] are mapped to, float32 [n, layers, latent_dim].

    share: of their way from the mean style; 1 leaves them where they are
    """
    latents = np.asarray(latents, np.float32)
    return model.style(latents=latents, psi=np.full(len(latents), share, np.float32))


def decoded_styles(model: Any, styles: np.ndarray) -> np.ndarray:
    """Return the uint8 images [n, height, width, channel] of styles [n, layers, latent_dim]."""
    blocks = range(0, len(styles), BLOCK)
    return np.concatenate([model.decode_styles(styles=styles[i : i + BLOCK]) for i in blocks])


def prior(n: int, latent_dim: int, seed: int) -> np.ndarray:
    """Return the latents of a model's sample(n, seed), float32 [n, latent_dim]: N(0, I), the first n of any number."""
    import tensorflow as tf  # here, because the command line checks what it is told before it waits for TensorFlow

    from kerasgan.model import fixed

    return tf.random.stateless_normal((n, latent_dim), fixed(seed)).numpy()


# ---- paths ----------------------------------------------------------------------------------------------------------


def linear(a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """Return n latents on the straight line from a to b, both with them: float32 [n, latent_dim].

    Between two draws of N(0, I) in many dimensions its middle is shorter than what the model learnt from.
    """
    a, b = (np.asarray(end, np.float64) for end in (a, b))
    t = np.linspace(0, 1, n)[:, None]
    return ((1 - t) * a + t * b).astype(np.float32)


def spherical(a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """Return n latents on the arc from a to b, both with them, equal angles apart: float32 [n, latent_dim].

    Their lengths go evenly from that of a to that of b. Where a and b have one direction, or one of them is zero, the
    arc is the straight line; where their directions are opposite, so that all arcs are equally short, it is one that
    depends on nothing but a. Shoemake 1985, section 3.3; White 2016 (https://arxiv.org/abs/1609.04468), for latents.
    """
    a, b = (np.asarray(end, np.float64) for end in (a, b))
    length_a, length_b = np.linalg.norm(a), np.linalg.norm(b)
    if min(length_a, length_b) == 0:
        return linear(a, b, n)
    from_a = a / length_a
    cosine = from_a @ b / length_b
    across = b / length_b - cosine * from_a  # at a right angle to a, in the plane of both
    sine = np.linalg.norm(across)
    if sine < 1e-6:
        if cosine > 0 or len(a) == 1:
            return linear(a, b, n)
        least = np.abs(from_a).argmin()
        across = np.eye(len(a))[least] - from_a[least] * from_a
    across = across / np.linalg.norm(across)
    t = np.linspace(0, 1, n)[:, None]
    angles = t * np.arctan2(sine, cosine)
    lengths = (1 - t) * length_a + t * length_b
    return (lengths * (np.cos(angles) * from_a + np.sin(angles) * across)).astype(np.float32)


def corners(four: np.ndarray, rows: int, columns: int, between: Callable = spherical) -> np.ndarray:
    """Return a grid of latents between four: float32 [rows, columns, latent_dim].

    four: latents [4, latent_dim] at the top left, top right, bottom left and bottom right
    between: `spherical` or `linear`, along the left and right side, and then along each row
    """
    top_left, top_right, bottom_left, bottom_right = four
    left, right = between(top_left, bottom_left, rows), between(top_right, bottom_right, rows)
    return np.stack([between(*ends, columns) for ends in zip(left, right, strict=True)])


def arithmetic(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return mean(a) - mean(b) + mean(c) of exemplars [n, latent_dim], any n of each: float32 [latent_dim].

    The paper averages three exemplars each: single ones gave no stable results. Raises UserError for none.
    Radford, Metz and Chintala 2016 (https://arxiv.org/abs/1511.06434), section 6.3.2.
    """
    for name, exemplars in zip("ABC", (a, b, c), strict=True):
        if not len(exemplars):
            raise UserError(f"{name} has no exemplars, and arithmetic is done on their mean.")
    of_a, of_b, of_c = (np.asarray(exemplars, np.float64).mean(axis=0) for exemplars in (a, b, c))
    return (of_a - of_b + of_c).astype(np.float32)


def walk(latent: np.ndarray, directions: np.ndarray, deviations: Iterable[float]) -> np.ndarray:
    """Return latents so many times each direction away from one: float32 [direction, deviation, latent_dim]."""
    steps = np.asarray(list(deviations), np.float64)[None, :, None]
    return (latent + steps * np.asarray(directions, np.float64)[:, None]).astype(np.float32)


# ---- directions -----------------------------------------------------------------------------------------------------


class Directions(NamedTuple):
    """Directions to walk along, the one that matters most first."""

    vectors: np.ndarray  # float64 [n, latent_dim]: each as long as one standard deviation
    shares: np.ndarray  # float64 [n]: of the whole variance, or of all change


def principal_directions(latents: np.ndarray) -> Directions:
    """Return the principal components of latents [n, latent_dim] that images were encoded in.

    A model that uses few of its latents has few directions of length. Raises UserError for fewer than two latents.
    """
    if len(latents) < 2:
        raise UserError(f"Principal directions take two latents or more; here are {len(latents)}.")
    latents = np.asarray(latents, np.float64)
    return _largest(np.cov(latents, rowvar=False).reshape(latents.shape[1], -1))


def directions_of_change(decode: Callable[[np.ndarray], np.ndarray], latents: np.ndarray) -> Directions:
    """Return the directions along which images change most, for a model without an encoder: of length 1.

    They are the eigenvectors of the mean of J'J over latents[n, latent_dim] drawn from the prior, where J is the
    Jacobian of the pixels: a step of length h along the i-th changes images by h^2 times its eigenvalue, in mean
    squares, and `shares` are the eigenvalues over their sum. Wang and Ponce 2021 (https://arxiv.org/abs/2101.06006),
    section 2, with squared distances of pixels. J comes from finite differences: latent_dim + 1 images for each latent.
    Raises UserError for more than 512 latents.
    """
    _check_dimension(latents.shape[1])
    metric = np.zeros((latents.shape[1],) * 2)
    for latent in latents:
        slopes = jacobian(decode, latent)
        metric += slopes.T @ slopes
    vectors, shares = _largest(metric / len(latents))
    return Directions(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), shares)


def jacobian(decode: Callable[[np.ndarray], np.ndarray], latent: np.ndarray, step: float = STEP) -> np.ndarray:
    """Return how pixels in [0, 1] change with one latent [latent_dim]: float64 [height x width x channel, latent_dim].

    By forward differences, from latent_dim + 1 images.
    """
    there = latent + step * np.eye(len(latent))
    images = pixels(decode(np.concatenate([np.asarray(latent)[None], there])))
    return (images[1:] - images[0]).T / step


def pixels(images: np.ndarray) -> np.ndarray:
    """Return uint8 images[n, ...] as float64 [n, number of pixel values] in [0, 1]."""
    return images.reshape(len(images), -1) / 255.0


def _largest(symmetric):
    """Return the eigenvectors, as long as the roots of their eigenvalues, and the shares of these, largest first."""
    eigenvalues, vectors = np.linalg.eigh(symmetric)
    eigenvalues = np.maximum(eigenvalues[::-1], 0)
    vectors = vectors.T[::-1]
    # An eigenvector has no sign of its own: its largest number is positive.
    vectors = vectors * np.sign(np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1))
    return Directions(vectors * np.sqrt(eigenvalues)[:, None], eigenvalues / max(eigenvalues.sum(), 1e-300))


def _check_dimension(latent_dim):
    if latent_dim > MOST:
        raise UserError(
            f"Finite differences along {latent_dim} latents take as many images at every step: "
            f"they are taken along {MOST} at most."
        )


# ---- truncation -----------------------------------------------------------------------------------------------------


def truncated(latents: np.ndarray, threshold: float, seed: int = 0) -> np.ndarray:
    """Return latents drawn from N(0, I) with each number beyond the threshold drawn again until it is within.

    The smaller the threshold, the more alike samples are; models that stand it make better ones, and others, which
    learnt from the whole prior alone, none at all. What is drawn again comes from the truncated normal distribution,
    which is what drawing until it fits amounts to. Raises UserError unless the threshold is above 0.
    Brock, Donahue and Simonyan 2019 (https://arxiv.org/abs/1809.11096), section 3.1.
    """
    if not threshold > 0:
        raise UserError(f"Latents are truncated at a number above 0, not at {threshold}.")
    latents = np.array(latents, np.float32)
    beyond = np.abs(latents) > threshold
    again = stats.truncnorm.rvs(-threshold, threshold, size=beyond.sum(), random_state=seed)
    latents[beyond] = np.clip(again, -threshold, threshold)
    return latents


# ---- projection -----------------------------------------------------------------------------------------------------


class Projection(NamedTuple):
    """The latents whose image is closest to one that was given."""

    latents: np.ndarray  # float32 [latent_dim]
    image: np.ndarray  # what they make: uint8 [height, width, channel]
    error: float  # mean squared difference of pixels in [0, 1]


def project(
    decode: Callable[[np.ndarray], np.ndarray], image: np.ndarray, starts: np.ndarray, steps: int = 30
) -> Projection:
    """Return the latents that make an image most closely, by least squares in pixels.

    image: uint8 [height, width, channel]
    starts: latents [n, latent_dim]; from each, a trust-region Gauss-Newton method (scipy's least_squares) goes down,
        and the best that is met is kept: there are local minima
    steps: of each, at most; one makes latent_dim + 2 images, for the Jacobian comes from finite differences

    Nothing holds the latents close to the prior. Raises UserError for more than 512 latents.
    Creswell and Bharath 2018 (https://arxiv.org/abs/1802.05701) have the same aim, by gradient descent.
    """
    _check_dimension(starts.shape[1])
    target = pixels(image[None])[0]

    def difference(latent):
        return pixels(decode(latent[None]))[0] - target

    found = []
    for start in starts:
        at = optimize.least_squares(
            difference, start, lambda latent: jacobian(decode, latent), ftol=1e-4, xtol=1e-4, max_nfev=steps
        ).x
        found += [projection_of(decode, latents, image) for latents in (start, at)]
    return min(found, key=lambda one: one.error)


def projection_of(decode: Callable[[np.ndarray], np.ndarray], latents: np.ndarray, image: np.ndarray) -> Projection:
    """Return how closely latents [latent_dim] make an image: those that an encoder gives, say."""
    latents = np.asarray(latents, np.float32)
    made = decode(latents[None])[0]
    return Projection(latents, made, float(np.mean((pixels(made[None]) - pixels(image[None])) ** 2)))
