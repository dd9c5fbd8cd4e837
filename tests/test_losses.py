"""Loss terms against numpy, written from the papers."""

import numpy as np
import pytest
import scipy.integrate
import tensorflow as tf

from kerasgan.losses import gaussian_kl, gradient_penalty, logistic
from kerasgan.models.cyclegan import LinearDecay, distance, square

RNG = np.random.default_rng(0)


def test_logistic_is_cross_entropy_of_the_sigmoid():
    logits = RNG.normal(size=(50, 1)) * 3
    d = 1 / (1 + np.exp(-logits))
    assert logistic(tf.constant(logits), real=True).numpy() == pytest.approx(-np.log(d).mean())
    assert logistic(tf.constant(logits), real=False).numpy() == pytest.approx(-np.log(1 - d).mean())


def test_logistic_of_extreme_logits_is_finite_and_has_the_right_sign():
    sure, wrong = tf.constant([[1000.0]]), tf.constant([[-1000.0]])
    assert logistic(sure, real=True).numpy() == 0 == logistic(wrong, real=False).numpy()
    assert logistic(wrong, real=True).numpy() == 1000 == logistic(sure, real=False).numpy()


@pytest.mark.parametrize("scale", [0.0, 0.01, 1.0, 7.0])
def test_gradient_penalty_of_a_linear_critic_has_a_closed_form(scale):
    w = (RNG.normal(size=(6, 5, 2)) * scale).astype(np.float32)
    x, fake, epsilon = tf.random.normal((4, 6, 5, 2)), tf.random.normal((4, 6, 5, 2)), tf.random.uniform((4, 1, 1, 1))
    penalty = gradient_penalty(lambda x: tf.reduce_sum(w * x, axis=[1, 2, 3]), x, fake, epsilon)
    assert penalty.numpy() == pytest.approx((np.linalg.norm(w) - 1) ** 2, rel=1e-4, abs=1e-5)


def test_gradient_penalty_looks_between_the_images_one_number_for_each():
    seen = []

    def critic(x):
        seen.append(x.numpy())
        return tf.reduce_sum(x**2, axis=[1, 2, 3]) / 2  # its gradient is x itself

    x, fake = tf.zeros((3, 2, 2, 1)), tf.ones((3, 2, 2, 1))
    epsilon = np.array([0.0, 0.25, 1.0], np.float32).reshape(3, 1, 1, 1)
    penalty = gradient_penalty(critic, x, fake, epsilon)
    np.testing.assert_allclose(seen[0], (1 - epsilon) * np.ones_like(x))
    norms = np.sqrt(4 * (1 - epsilon.ravel()) ** 2)
    assert penalty.numpy() == pytest.approx(np.mean((norms - 1) ** 2), rel=1e-5)


def test_gradient_penalty_of_a_flat_critic_has_a_finite_gradient():
    w = tf.Variable(tf.zeros((2, 2, 1)))
    x = tf.ones((3, 2, 2, 1))
    with tf.GradientTape() as tape:
        penalty = gradient_penalty(lambda x: tf.reduce_sum(w * x, axis=[1, 2, 3]), x, -x, tf.zeros((3, 1, 1, 1)))
    assert np.isfinite(tape.gradient(penalty, w)).all()


def test_gaussian_kl_equals_the_integral():
    mean, log_variance = np.array([[0.7, -1.2]]), np.array([[0.3, -0.8]])

    def integrand(z, m, v):
        q = np.exp(-((z - m) ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v)
        p = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        return q * np.log(q / p)

    expected = sum(
        scipy.integrate.quad(integrand, -9, 9, (m, np.exp(lv)))[0]
        for m, lv in zip(mean[0], log_variance[0], strict=True)
    )
    assert gaussian_kl(tf.constant(mean), tf.constant(log_variance)).numpy() == pytest.approx(expected, rel=1e-6)
    assert gaussian_kl(tf.zeros((5, 3)), tf.zeros((5, 3))).numpy() == 0


def test_cyclegan_terms():
    a, b = RNG.normal(size=(2, 3, 3, 1)), RNG.normal(size=(2, 3, 3, 1))
    assert square(tf.constant(a)).numpy() == pytest.approx((a**2).mean())
    assert distance(tf.constant(a), tf.constant(b)).numpy() == pytest.approx(np.abs(a - b).mean())


def test_linear_decay_is_constant_for_half_and_ends_at_zero():
    decay = LinearDecay(2e-4, 100)
    rates = [float(decay(step)) for step in (0, 49, 50, 75, 100, 120)]
    assert rates == pytest.approx([2e-4, 2e-4, 2e-4, 1e-4, 0, 0])
