"""pix2pix. Isola, Zhu, Zhou and Efros, 2017. https://arxiv.org/abs/1611.07004"""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kerasgan import images
from kerasgan.errors import UserError
from kerasgan.layers import Dropout, crop, halvings, instance_normalization, normal
from kerasgan.losses import logistic, probabilities_of_real
from kerasgan.model import GenerativeModel


class Pix2Pix(GenerativeModel):
    """A generator learns from pairs to turn the source into the target, judged by L1 and by a discriminator of patches.

    Batches hold one pair in the paper's facades experiment. Batch normalisation over one image, kept on at test time
    (section 3.2), is instance normalisation, so that is what stands here: no image depends on the others of its batch.
    The noise is dropout, which stays on at test time too; there, its mask is always the same (see FixedDropout).

    image_shape: height, width and channels of source and target
    patch: side of the patches that the discriminator judges, in pixels: 16, 34, 70, 142 or 286 (section 4.4)
    adversarial: weight of the adversarial loss of the generator
    l1: weight of the mean absolute difference of output and target
    """

    paper = "https://arxiv.org/abs/1611.07004"
    takes = "pairs"
    verbs = ("translate",)
    reports = {"adversarial": "generator", "l1": "generator", "d_loss": "discriminator"}
    judges_images = ("discriminator",)
    batch_size = 1
    default_steps = 4000

    def __init__(
        self,
        image_shape: tuple = (256, 256, 3),
        width: int = 64,
        patch: int = 70,
        adversarial: float = 1.0,
        l1: float = 100.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.adversarial = adversarial
        self.l1 = l1
        self.generator = generator(image_shape, width)
        *size, channels = image_shape
        self.discriminator = patch_discriminator((*size, 2 * channels), width, patch)

    def players(self):
        return {
            "discriminator": (keras.optimizers.Adam(2e-4, beta_1=0.5), self.discriminator),
            "generator": (keras.optimizers.Adam(2e-4, beta_1=0.5), self.generator),
        }

    def prior(self, n, seed=None):
        raise UserError("pix2pix makes images from images: it has no latents to draw.")

    def train_step(self, batch):
        x, y = batch
        with tf.GradientTape() as g_tape:
            fake = self.generator(x, training=True)

        # equation 1: max_D  E log D(x, y) + E log(1 - D(x, G(x, z))); halved, which slows D down (section 3.3)
        with tf.GradientTape() as d_tape:
            d_loss = 0.5 * logistic(self.discriminator(tf.concat([x, y], -1), training=True), real=True)
            d_loss += 0.5 * logistic(self.discriminator(tf.concat([x, fake], -1), training=True), real=False)
        self.minimize("discriminator", d_loss, d_tape)

        # equation 4, with max_G log D in place of min_G log(1 - D) (section 3.3), and equation 3
        with g_tape:
            adversarial = logistic(self.discriminator(tf.concat([x, fake], -1), training=True), real=True)
            l1 = tf.reduce_mean(tf.abs(y - fake))
            g_loss = self.adversarial * adversarial + self.l1 * l1
        self.minimize("generator", g_loss, g_tape)

        return self.report(adversarial=adversarial, l1=l1, d_loss=d_loss)

    def judge(self, batch):
        x, y = batch
        return probabilities_of_real(self.discriminator, tf.concat([x, y], -1), tf.concat([x, self(x)], -1))

    def snapshot(self, batch):
        """Rows: source, output, target."""
        x, y = (column[:8] for column in batch)
        return tf.stack([x, self(x), y])

    def endpoints(self):
        image = self.uint8_images()
        return {"translate": (lambda x: images.to_uint8(self(images.from_uint8(x))), [image])}


@keras.saving.register_keras_serializable("kerasgan")
class FixedDropout(Dropout):
    """Dropout that stays on at inference, with one mask, fixed by `seed`, for all images.

    So inference runs as training does (section 3.2), and the same image still becomes the same image in any batch.
    """

    def __init__(self, rate: float, seed: int, **kwargs):
        super().__init__(rate, **kwargs)
        self.seed = seed

    def call(self, x, training=False):
        if training:
            return super().call(x, training=True)
        keep = np.random.default_rng(self.seed).random((1, *x.shape[1:])) >= self.rate
        return tf.where(keep, x / (1 - self.rate), tf.zeros_like(x))

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


def generator(image_shape, width):
    """U-Net: halve the source until a side is 1, double it again, each time beside what had that size (appendix 6.1.1).

    256x256: C64-C128-C256-C512-C512-C512-C512-C512, CD512-CD512-CD512-C512-C256-C128-C64. No normalisation at the
    bottleneck, where one pixel would be normalised to nothing (the paper's erratum).
    """
    sizes = halvings(*image_shape[:2], smallest=1)[:-1]
    source = x = keras.Input(image_shape)
    skips = []
    for i in range(len(sizes)):
        filters = min(width * 2**i, 8 * width)
        normalised = 0 < i < len(sizes) - 1
        x = layers.Conv2D(filters, 4, 2, "same", use_bias=not normalised, kernel_initializer=normal())(x)
        x = layers.LeakyReLU(0.2)(instance_normalization()(x) if normalised else x)
        skips.append(x)
    skips.pop()
    for i in range(len(skips)):
        skip = skips.pop()
        x = layers.Conv2DTranspose(skip.shape[-1], 4, 2, "same", use_bias=False, kernel_initializer=normal())(x)
        x = instance_normalization()(crop(x, *sizes.pop()))
        x = layers.ReLU()(FixedDropout(0.5, seed=i)(x) if i < 3 else x)
        x = layers.Concatenate()([x, skip])
    x = layers.Conv2DTranspose(image_shape[-1], 4, 2, "same", kernel_initializer=normal())(x)
    x = crop(x, *image_shape[:2])
    return keras.Model(source, layers.Activation("tanh", dtype="float32")(x), name="generator")


def patch_discriminator(image_shape, width, patch=70, name="discriminator"):
    """C64-C128-C256-C512, then a logit for each 70x70 patch (appendix 6.1.2); other patches have other depths.

    A convolution with stride 2 for each halving, and two without: they see patches of 9 * 2**halvings - 2 pixels.
    An image that has come down to 4 pixels is halved no further.
    """
    times = round(math.log2((patch + 2) / 9))
    if times < 1 or patch != 9 * 2**times - 2:
        raise UserError(f"The discriminator cannot see patches of {patch} pixels: give 16, 34, 70, 142 or 286.")
    image = x = keras.Input(image_shape)
    for i in range(times + 1):
        filters, halve = min(width * 2**i, 8 * width), i < times and min(x.shape[1:3]) > 4
        x = layers.Conv2D(filters, 4, 2 if halve else 1, "same", use_bias=i == 0, kernel_initializer=normal())(x)
        x = layers.LeakyReLU(0.2)(instance_normalization()(x) if i else x)
    x = layers.Conv2D(1, 4, 1, "same", kernel_initializer=normal())(x)
    return keras.Model(image, layers.Activation("linear", dtype="float32")(x), name=name)
