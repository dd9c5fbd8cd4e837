"""How fast a step is, and what makes it so: python benchmarks/speed.py

Each question times two ways of doing the same work in turns, within one run, and prints the ratio of their medians
with the range of the rounds' ratios. The reference is DCGAN at 32x32x1, width 64, batch 64. Seconds depend on the
machine and its neighbours; ratios of interleaved runs travel.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from kerasgan import data
from kerasgan.losses import logistic
from kerasgan.models import DCGAN


class Timer(keras.callbacks.Callback):
    """Seconds from the first step to the last of one fit(): an endless dataset is slow to start and to end."""

    def on_train_batch_end(self, batch, logs=None):
        if batch == 0:
            self.start = time.perf_counter()
        self.seconds = (time.perf_counter() - self.start) / max(batch, 1)


def fit(model: keras.Model, batches: data.Batches, steps: int) -> Callable[[], float]:
    """Return a function that takes `steps` steps by fit() and returns the seconds of one."""

    def measure():
        timer = Timer()
        model.fit(batches, steps_per_epoch=steps + 1, verbose=0, callbacks=[timer])
        return timer.seconds

    return measure


def by_hand(model: keras.Model, batches: data.Batches, steps: int) -> Callable[[], float]:
    """The same step without fit(): the players' equations in a tf.function, in a loop over the same data."""
    g, d = model.generator, model.discriminator
    g_optimizer, d_optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5), keras.optimizers.Adam(2e-4, beta_1=0.5)
    g_optimizer.build(g.trainable_variables)
    d_optimizer.build(d.trainable_variables)

    @tf.function
    def step(x):
        z = tf.random.normal((tf.shape(x)[0], model.latent_dim))
        with tf.GradientTape() as g_tape:
            fake = g(z, training=True)
        with tf.GradientTape() as d_tape:
            d_loss = logistic(d(x, training=True), real=True) + logistic(d(fake, training=True), real=False)
        d_optimizer.apply(d_tape.gradient(d_loss, d.trainable_variables))
        with g_tape:
            g_loss = logistic(d(fake, training=True), real=True)
        g_optimizer.apply(g_tape.gradient(g_loss, g.trainable_variables))
        return d_loss, g_loss

    def measure():
        stream = iter(batches.stream(lambda: 0))
        step(next(stream))
        start = time.perf_counter()
        for _ in range(steps):
            d_loss, _ = step(next(stream))
            float(d_loss)
        return (time.perf_counter() - start) / steps

    return measure


class TwoPasses(DCGAN):
    """DCGAN with a second pass of the generator for its own step."""

    def train_step(self, x):
        z = self.prior(tf.shape(x)[0])
        fake = self.generator(z, training=True)
        with tf.GradientTape() as tape:
            d_loss = logistic(self.discriminator(x, training=True), real=True)
            d_loss += logistic(self.discriminator(fake, training=True), real=False)
        self.minimize("discriminator", d_loss, tape)
        with tf.GradientTape() as tape:
            g_loss = logistic(self.discriminator(self.generator(z, training=True), training=True), real=True)
        self.minimize("generator", g_loss, tape)
        return self.report(d_loss=d_loss, g_loss=g_loss)


def pipeline(batches: data.Batches, steps: int) -> Callable[[], float]:
    """Return a function that only reads `steps` batches and returns the seconds of one."""

    def measure():
        stream = iter(batches.stream(lambda: 0))
        next(stream)
        start = time.perf_counter()
        for _ in range(10 * steps):
            next(stream)
        return (time.perf_counter() - start) / (10 * steps)

    return measure


def compiled(policy: str, image_size: int, cls: type = DCGAN, **arguments) -> keras.Model:
    """Return the reference model in a precision."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    model = cls(image_shape=(image_size, image_size, 1), width=64)
    model.compile(**arguments)
    keras.config.set_dtype_policy("float32")
    return model


def compare(question: str, ours: Callable, others: Callable, rounds: int, aim: str = "") -> None:
    """Print how many times as fast `ours` is as `others`."""
    ours(), others()  # trace and warm up
    gc.collect()
    times = []
    for i in range(rounds):  # in turns, and each first every other time
        times.append((ours(), others()) if i % 2 else (others(), ours())[::-1])
    ratios = sorted(b / a for a, b in times)
    a, b = (statistics.median(column) for column in zip(*times, strict=True))
    print(
        f"{question:<64} {b / a:6.2f}   {ratios[0]:.2f} to {ratios[-1]:.2f}   "
        f"{1000 * a:7.2f} and {1000 * b:7.2f} ms   {aim}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20, help="steps in one measurement")
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each")
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=64)
    options = parser.parse_args()

    batches = data.load("digits", "images", options.batch_size, (options.image_size, options.image_size))
    steps, size = options.steps, options.image_size
    reference = fit(compiled("float32", size), batches, steps)
    print(f"{'times as fast as':<64} median   range           ms per step            aim")
    hand = by_hand(compiled("float32", size), batches, steps)
    compare("fit() as a hand-written tf.function loop", reference, hand, options.rounds, "at least 0.97")
    two = fit(compiled("float32", size, TwoPasses), batches, steps)
    compare("one pass of the generator for both players as two", reference, two, options.rounds)
    half = fit(compiled("mixed_bfloat16", size), batches, steps)
    compare("mixed_bfloat16 as float32", half, reference, options.rounds)
    xla = fit(compiled("float32", size, jit_compile=True), batches, steps)
    compare("XLA as TensorFlow's own kernels", xla, reference, options.rounds)
    compare("the input pipeline alone as the step", pipeline(batches, steps), reference, options.rounds, "at least 10")


if __name__ == "__main__":
    main()
