"""Loss terms that need a tape of their own or more than one line, and what their logits mean.

One-line losses stand in each train_step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from kerasgan.errors import UserError
from kerasgan.layers import BatchNormalization, GroupNormalization, LayerNormalization, in_global_batch


def logistic(logits: tf.Tensor, real: bool) -> tf.Tensor:
    """Return the batch mean of -log D if `real`, else of -log(1 - D), where D = sigmoid(logits). Nats."""
    return tf.reduce_mean(tf.nn.softplus(-logits if real else logits))


def probabilities_of_real(discriminator: Callable, x: Any, fake: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Return D(x) and D(fake), the probabilities that logistic() teaches: float32 in [0, 1], shaped as the logits.

    discriminator: returns logits float32[n] or [n, 1] of images, or float32[n, rows, columns, 1] of their patches
    x, fake: what it takes, real and made: images, or images with their labels

    Raises UserError for other outputs, such as one logit for each class.
    """
    both = discriminator(x), discriminator(fake)
    for logits in both:
        if not tf.is_tensor(logits) or (logits.shape.rank > 1 and logits.shape[-1] != 1):
            found = logits.shape if tf.is_tensor(logits) else f"{len(logits)} outputs"
            raise UserError(
                f"D(x) is taken of a discriminator with one logit for each image or patch; this one "
                f"returns {found}. Give the class of your model a judge() that says how it tells real images from fake "
                "ones, or one that returns None."
            )
    real, made = both
    return tf.sigmoid(real), tf.sigmoid(made)


def gradient_norms(critic: Callable, x: tf.Tensor, training: bool, labels: tf.Tensor | None = None) -> tf.Tensor:
    """Return |d critic(x) / dx| of each image: float32[n]. It has a tape of its own, so a loss can be made of it.

    Of these norms, WGAN-GP takes the mean of (norm - 1)^2 between real and fake images (Gulrajani et al. 2017,
    algorithm 1), DRAGAN the same near real ones, R1 and R2 the mean of norm^2 at real and at fake ones (Mescheder et
    al. 2018, equations 9 and 10), both times gamma / 2; lazily() takes them at every k-th step.

    critic: a network, or a function of (x, training=...), which returns one score for each image; with labels, of
        ((x, labels), training=...)
    x: images, float32[n, height, width, channels]
    training: the mode the critic is called in. Layer, group and instance normalisation know none. Batch normalisation
        in training mode moves its running statistics once more, and the gradient of an image then holds what it does
        to the scores of the whole batch.

    Raises UserError for a network with normalisations of Keras instead of kerasgan.layers: their second derivatives
    are wrong.
    """
    _check_normalizations(critic)
    with tf.GradientTape() as tape:
        tape.watch(x)
        scores = critic(x if labels is None else (x, labels), training=training)
    gradient = tape.gradient(scores, x)
    gradient = tf.cast(gradient, keras.backend.result_type(gradient.dtype, "float32"))
    # The root has no gradient at 0: a critic that is flat somewhere would turn every weight into NaN.
    return tf.sqrt(tf.reduce_sum(gradient**2, axis=list(range(1, len(x.shape)))) + 1e-12)


def lazily(penalty: Callable[[], tf.Tensor], step: tf.Tensor, every: int) -> tf.Tensor:
    """Return a penalty at every `every`-th step, times `every`, and 0 between: on average, as much as at each step.

    Of Karras et al. 2020 (StyleGAN2, section 3.1), who let the penalty move the weights in a step of its own, and so
    change Adam's rates by every / (every + 1). Added to the loss of a step that is taken anyhow, it needs no change.

    penalty: returns a float32 scalar; not called where it is not due
    step: whole number
    """
    if every == 1:
        return penalty()
    return tf.cond(tf.cast(step, tf.int64) % every == 0, lambda: every * penalty(), lambda: tf.constant(0.0))


def _check_normalizations(critic):
    for layer in critic._flatten_layers() if isinstance(critic, keras.Layer) else ():
        for right in (BatchNormalization, GroupNormalization, LayerNormalization):
            if isinstance(layer, right.__base__) and not isinstance(layer, right):
                raise UserError(
                    f"The {critic.name} has a {right.__name__} of Keras ({layer.name}), whose second derivatives are "
                    f"wrong: for a penalty on a gradient, take kerasgan.layers.{right.__name__}."
                )


def gaussian_kl(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """Return KL(N(mean, variance) || N(0, I)), summed over latents and averaged over the batch. Nats.

    Kingma and Welling 2014, appendix B.
    """
    kl = 0.5 * (mean**2 + tf.exp(log_variance) - 1 - log_variance)
    return tf.reduce_mean(tf.reduce_sum(kl, axis=-1))


@keras.saving.register_keras_serializable("kerasgan")
class LeCam(keras.layers.Layer):
    """A penalty on logits of one kind that go beyond the average of the other, for few images (Tseng et al. 2021).

    E relu(D(x) - a_F)^2 + E relu(a_R - D(G(z)))^2, where a_R and a_F are exponential moving averages of D(x) and of
    D(G(z)) over steps. The paper's equation has no relu; its authors' code does, against instability at the start.

    The averages are of the global batch, and a weight, so that checkpoints hold them. Each call moves them on before it
    takes the penalty. They weigh only what they have seen: after the first step, they are the means of its batch. The
    authors let BigGAN take 1,000 steps before they penalise, and penalise StyleGAN2 at once: whether to wait is up to
    the caller.

    decay: of the averages, for each step

    call(real, fake): this replica's logits, [n, ...] each, of the discriminator's step; returns this replica's mean
    penalty, float32
    """

    of_the_batch = "LeCam's penalty"

    def __init__(self, decay: float = 0.99, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})  # whatever the networks compute in
        self.decay = decay
        # Of D(x), of D(G(z)) and of 1: what the third lacks of 1, the others lack of an average.
        self.averages = self.add_weight(
            name="averages",
            shape=(3,),
            dtype="float32",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )
        self.built = True

    def call(self, real, fake):
        sums = [tf.reduce_sum(real), tf.reduce_sum(fake), tf.size(real), tf.size(fake)]
        sums = in_global_batch(tf.stack([tf.cast(total, tf.float32) for total in sums]))
        means = tf.stop_gradient(tf.concat([sums[:2] / sums[2:], [1.0]], 0))
        averages = self.decay * self.averages + (1 - self.decay) * means
        self.averages.assign(averages)
        a_real, a_fake = tf.unstack(averages[:2] / averages[2])
        return tf.reduce_mean(tf.nn.relu(real - a_fake) ** 2) + tf.reduce_mean(tf.nn.relu(a_real - fake) ** 2)

    def get_config(self):
        return {**super().get_config(), "decay": self.decay}
