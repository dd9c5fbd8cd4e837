"""Loss terms that need a tape of their own or more than one line. One-line losses stand in each train_step."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def logistic(logits: tf.Tensor, real: bool) -> tf.Tensor:
    """Return the batch mean of -log D if `real`, else of -log(1 - D), where D = sigmoid(logits). Nats."""
    return tf.reduce_mean(tf.nn.softplus(-logits if real else logits))


def gradient_penalty(critic: Callable, x: tf.Tensor, fake: tf.Tensor, epsilon: tf.Tensor) -> tf.Tensor:
    """Return the batch mean of (|grad critic(x_hat)| - 1)^2 at x_hat = epsilon x + (1 - epsilon) fake.

    `epsilon` is uniform in [0, 1], one number per sample, of shape (n, 1, 1, 1).
    Gulrajani et al. 2017, algorithm 1, lines 4 to 7.
    """
    x_hat = epsilon * x + (1 - epsilon) * fake
    with tf.GradientTape() as tape:
        tape.watch(x_hat)
        scores = critic(x_hat)
    gradient = tf.cast(tape.gradient(scores, x_hat), tf.float32)
    # The root has no gradient at 0: a critic that is flat somewhere would turn every weight into NaN.
    norm = tf.sqrt(tf.reduce_sum(gradient**2, axis=[1, 2, 3]) + 1e-12)
    return tf.reduce_mean((norm - 1) ** 2)


def gaussian_kl(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """Return KL(N(mean, variance) || N(0, I)), summed over latents and averaged over the batch. Nats.

    Kingma and Welling 2014, appendix B.
    """
    kl = 0.5 * (mean**2 + tf.exp(log_variance) - 1 - log_variance)
    return tf.reduce_mean(tf.reduce_sum(kl, axis=-1))
