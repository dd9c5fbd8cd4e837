"""SRResNet. Ledig et al., 2017. https://arxiv.org/abs/1609.04802"""

import keras
import tensorflow as tf
from keras import layers

from kerasgan import images
from kerasgan.errors import UserError
from kerasgan.layers import DepthToSpace, batch_normalization
from kerasgan.model import GenerativeModel


class SRResNet(GenerativeModel):
    """A residual network enlarges images with the least squared error: the first stage of SRGAN.

    As in figure 4, whose last layer has no activation; pixels out of range are clipped where images leave the package.
    Small images are in [-1, 1] here, as all images are ([0, 1] in section 3.2).

    image_shape: height, width and channels of the large images
    scale: how many times smaller the given images are: 2, 4 or 8
    width: channels of each layer
    blocks: residual blocks
    """

    paper = "https://arxiv.org/abs/1609.04802"
    takes = "pairs"
    task = "super_resolution"
    verbs = ("translate",)
    reports = {"loss": "generator"}
    batch_size = 16
    default_steps = 800
    small = {"scale": 4, "blocks": 1}

    def __init__(self, image_shape: tuple = (96, 96, 3), scale: int = 4, width: int = 64, blocks: int = 16, **kwargs):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.generator = generator(image_shape[-1], scale, width, blocks)

    def players(self):
        return {"generator": (keras.optimizers.Adam(1e-4), self.generator)}

    def prior(self, n, seed=None):
        raise UserError("SRResNet makes images from images: it has no latents to draw.")

    def train_step(self, batch):
        with tf.GradientTape() as tape:
            loss = self.squared_error(batch, training=True)
        self.minimize("generator", loss, tape)

        return self.report(loss=loss)

    def test_step(self, batch):
        return self.measure(loss=self.squared_error(batch, training=False))

    def squared_error(self, batch, training):
        """Return the mean over pixels of (x - G(small))^2 (equation 4)."""
        small, x = batch
        height, width, _ = self.image_shape  # where they are no multiple of the scale, G makes some pixels too many
        return tf.reduce_mean((x - self.generator(small, training=training)[:, :height, :width]) ** 2)

    def snapshot(self, batch):
        """Rows: the small image enlarged by bicubic interpolation, by the model, and the original."""
        return beside_bicubic(self.generator, batch)

    def endpoints(self):
        return enlarging(self.generator)


def beside_bicubic(generator, batch):
    """Return rows of up to 8 images: enlarged by interpolation, by the generator, and the originals."""
    small, x = (side[:8] for side in batch)
    height, width = x.shape[1:3]
    rows = [tf.image.resize(small, (height, width), "bicubic"), generator(small)[:, :height, :width], x]
    return tf.clip_by_value(tf.stack(rows), -1, 1)


def enlarging(generator):
    """Return the endpoint that enlarges images of any size."""
    small = tf.TensorSpec((None, *generator.input_shape[1:]), tf.uint8, "images")
    return {"translate": (lambda x: images.to_uint8(generator(images.from_uint8(x))), [small])}


def generator(channels, scale, width, blocks):
    """Image of any size -> image `scale` times larger (figure 4)."""
    if scale not in (2, 4, 8):
        raise UserError(f"Images are enlarged by doubling them: give a scale of 2, 4 or 8, not {scale}.")

    def activation(x):
        slope = keras.initializers.Constant(0.25)  # He et al. 2015, Delving deep into rectifiers, section 2.1
        return layers.PReLU(slope, shared_axes=[1, 2])(x)

    def normalised(x):
        return batch_normalization()(layers.Conv2D(width, 3, padding="same", use_bias=False)(x))

    image = keras.Input((None, None, channels))
    x = first = activation(layers.Conv2D(width, 9, padding="same")(image))
    for _ in range(blocks):
        x = layers.Add()([x, normalised(activation(normalised(x)))])
    x = layers.Add()([first, normalised(x)])
    while scale > 1:
        x = activation(DepthToSpace(2)(layers.Conv2D(4 * width, 3, padding="same")(x)))
        scale //= 2
    x = layers.Conv2D(channels, 9, padding="same")(x)
    return keras.Model(image, layers.Activation("linear", dtype="float32")(x), name="generator")
