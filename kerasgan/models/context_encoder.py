"""Context encoder. Pathak, Krahenbuhl, Donahue, Darrell and Efros, 2016. https://arxiv.org/abs/1604.07379"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kerasgan import images
from kerasgan.errors import UserError
from kerasgan.layers import batch_normalization, crop, halvings, normal
from kerasgan.losses import logistic, probabilities_of_real
from kerasgan.model import GenerativeModel
from kerasgan.models.dcgan import discriminator


class ContextEncoder(GenerativeModel):
    """An encoder and a decoder learn to fill a hole in the middle of an image from what surrounds it.

    They see the image with the hole blanked, and predict the hole and a frame of known pixels around it, so that the
    two join (section 5.1). Whoever calls the model gets the known pixels back as they were, and the hole filled.

    hole: side of the hole, as a share of the image's
    overlap: pixels of the frame around the hole that are predicted too
    frame: weight of a pixel of the frame in the reconstruction loss; one of the hole weighs 1
    reconstruction: weight of the reconstruction loss
    adversarial: weight of the adversarial loss
    """

    paper = "https://arxiv.org/abs/1604.07379"
    verbs = ("translate", "degrade")
    reports = {"reconstruction": "generator", "adversarial": "generator", "d_loss": "discriminator"}
    judges_images = ("discriminator",)
    batch_size = 64
    default_steps = 1200
    small = {"overlap": 2}

    def __init__(
        self,
        image_shape: tuple = (128, 128, 3),
        width: int = 64,
        hole: float = 0.5,
        overlap: int = 7,
        frame: float = 10.0,
        reconstruction: float = 0.999,
        adversarial: float = 0.001,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not 0 < hole < 1:
            raise UserError(f"A hole of {hole} times the image leaves nothing to see or nothing to fill: give 0 to 1.")
        self.image_shape = image_shape
        self.reconstruction = reconstruction
        self.adversarial = adversarial
        *size, channels = image_shape
        self.known, self.region = known_pixels(size, hole), predicted_region(size, hole, overlap)
        self.weight = np.where(self.known, np.float32(frame), np.float32(1))[self.region]
        region_shape = (*self.weight.shape[:2], channels)
        self.generator = generator(image_shape, region_shape, width)
        self.discriminator = discriminator(region_shape, width)

    def players(self):
        # supplementary: the context encoder learns ten times as fast as the discriminator
        return {
            "discriminator": (keras.optimizers.Adam(2e-4, beta_1=0.5), self.discriminator),
            "generator": (keras.optimizers.Adam(2e-3, beta_1=0.5), self.generator),
        }

    def call(self, x, training=False):
        """Fill the hole of images, whatever is in it; all other pixels stay as they are."""
        rows, columns = self.region
        around = [(0, 0), (rows.start, len(self.known) - rows.stop)]
        around += [(columns.start, self.known.shape[1] - columns.stop), (0, 0)]
        return tf.where(self.known, x, tf.pad(self.predict_region(x, training), around))

    def predict_region(self, x, training=False):
        return self.generator(self.blanked(x), training=training)

    def blanked(self, x):
        return tf.where(self.known, x, tf.zeros_like(x))

    def prior(self, n, seed=None):
        raise UserError("ContextEncoder completes images: it has no latents to draw.")

    def train_step(self, x):
        rows, columns = self.region
        real = x[:, rows, columns]
        with tf.GradientTape() as g_tape:
            fake = self.predict_region(x, training=True)

        # equation 2: max_D  E log D(x) + E log(1 - D(F((1 - M) * x))), of the predicted region alone
        with tf.GradientTape() as d_tape:
            d_loss = logistic(self.discriminator(real, training=True), real=True)
            d_loss += logistic(self.discriminator(fake, training=True), real=False)
        self.minimize("discriminator", d_loss, d_tape)

        # equations 1 and 3
        with g_tape:
            reconstruction = tf.reduce_mean(self.weight * (real - fake) ** 2)
            adversarial = logistic(self.discriminator(fake, training=True), real=True)
            loss = self.reconstruction * reconstruction + self.adversarial * adversarial
        self.minimize("generator", loss, g_tape)

        return self.report(reconstruction=reconstruction, adversarial=adversarial, d_loss=d_loss)

    def judge(self, x):
        rows, columns = self.region
        return probabilities_of_real(self.discriminator, x[:, rows, columns], self.predict_region(x))

    def snapshot(self, batch):
        """Rows: the images with their holes, filled, and as they were."""
        x = batch[:8]
        return tf.stack([self.blanked(x), self(x), x])

    def endpoints(self):
        image = self.uint8_images()
        return {
            "translate": (lambda x: images.to_uint8(self(images.from_uint8(x))), [image]),
            "degrade": (lambda x: images.to_uint8(self.blanked(images.from_uint8(x))), [image]),
        }


def hole_sides(size, hole):
    """Return the first and the last row (exclusive), and column, of a hole in the middle: at least one pixel."""
    sides = [min(max(round(side * hole), 1), side - 1) for side in size]
    return [((side - length) // 2, (side - length) // 2 + length) for side, length in zip(size, sides)]


def known_pixels(size, hole):
    """Return bool[height, width, 1]: false in the hole."""
    known = np.ones((*size, 1), bool)
    (top, bottom), (left, right) = hole_sides(size, hole)
    known[top:bottom, left:right] = False
    return known


def predicted_region(size, hole, overlap):
    """Return the rows and the columns of the hole and of `overlap` pixels around it, where the image has them."""
    return tuple(
        slice(max(first - overlap, 0), min(last + overlap, side))
        for side, (first, last) in zip(size, hole_sides(size, hole))
    )


def generator(image_shape, region_shape, width):
    """Image -> ... -> about 4x4, a channel-wise dense layer, -> ... -> the region (figure 2).

    The dense layer carries what is known across each feature map, which convolutions would not; it also goes from the
    size where the encoder ends to the one where the decoder starts. The convolution after it joins the channels
    (section 3.1).
    """
    image = x = keras.Input(image_shape)
    for i in range(len(halvings(*image_shape[:2])) - 1):
        filters = min(width * 2**i, 8 * width)
        x = layers.Conv2D(filters, 4, 2, "same", use_bias=i == 0, kernel_initializer=normal())(x)
        x = layers.LeakyReLU(0.2)(batch_normalization()(x) if i else x)

    rows, columns, channels = region_shape
    sizes = [(rows, columns), *halvings(-(-rows // 2), -(-columns // 2))]
    start = sizes.pop()
    x = ChannelwiseDense(start)(x)
    x = layers.Conv2D(x.shape[-1], 1, use_bias=False, kernel_initializer=normal())(x)
    x = layers.ReLU()(batch_normalization()(x))

    while len(sizes) > 1:
        filters = min(width * 2 ** (len(sizes) - 2), 8 * width)
        x = layers.Conv2DTranspose(filters, 4, 2, "same", use_bias=False, kernel_initializer=normal())(x)
        x = layers.ReLU()(batch_normalization()(crop(x, *sizes.pop())))
    x = layers.Conv2DTranspose(channels, 4, 2, "same", kernel_initializer=normal())(x)
    x = crop(x, *sizes.pop())
    return keras.Model(image, layers.Activation("tanh", dtype="float32")(x), name="generator")


@keras.saving.register_keras_serializable("kerasgan")
class ChannelwiseDense(layers.Layer):
    """A dense layer from each feature map to one of `size`, with no weights between channels (section 3.1)."""

    def __init__(self, size: tuple[int, int], **kwargs):
        super().__init__(**kwargs)
        self.size = tuple(size)

    def build(self, shape):
        _, height, width, channels = shape
        pixels = height * width, self.size[0] * self.size[1]
        scale = (2 / sum(pixels)) ** 0.5  # Glorot and Bengio's, for the one feature map that a weight belongs to
        self.kernel = self.add_weight(name="kernel", shape=(channels, *pixels), initializer=normal(scale))

    def call(self, x):
        channels = x.shape[-1]
        pixels = tf.reshape(x, (-1, self.kernel.shape[1], channels))
        return tf.reshape(tf.einsum("npc,cpq->nqc", pixels, self.kernel), (-1, *self.size, channels))

    def compute_output_shape(self, shape):
        return (shape[0], *self.size, shape[-1])

    def get_config(self):
        return {**super().get_config(), "size": self.size}
