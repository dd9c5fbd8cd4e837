"""CycleGAN. Zhu, Park, Isola and Efros, 2017. https://arxiv.org/abs/1703.10593"""

import keras
import tensorflow as tf
from keras import layers

from kerasgan import images
from kerasgan.errors import UserError
from kerasgan.layers import ImagePool, ReflectionPadding2D, crop, instance_normalization, normal
from kerasgan.model import GenerativeModel
from kerasgan.models.pix2pix import patch_discriminator


class CycleGAN(GenerativeModel):
    """Two translators, G: X -> Y and F: Y -> X, learn from unpaired images to undo each other.

    image_shape: height, width and channels of the images of both domains
    width: channels of the first layer of each network
    blocks: residual blocks in each translator (9 for 256x256, 6 for 128x128 and below: appendix 7.2)
    cycle: weight of the cycle-consistency loss
    identity: weight of the identity loss, as a share of `cycle`
    total_steps: training steps planned; the learning rate falls to zero over the second half (appendix 7.1)
    """

    paper = "https://arxiv.org/abs/1703.10593"
    takes = "domains"
    verbs = ("translate", "translate_back")
    reports = {
        "adversarial": "translators",
        "cycle": "translators",
        "identity": "translators",
        "d_loss": "discriminators",
    }
    judges_images = ("D_x", "D_y")
    batch_size = 1
    default_steps = 4000
    small = {"blocks": 1}

    def __init__(
        self,
        image_shape: tuple = (256, 256, 3),
        width: int = 64,
        blocks: int = 9,
        cycle: float = 10.0,
        identity: float = 0.5,
        total_steps: int = 80_000,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.cycle = cycle
        self.identity = identity
        self.total_steps = total_steps
        self.G = translator(image_shape, width, blocks, name="G")
        self.F = translator(image_shape, width, blocks, name="F")
        self.D_x = patch_discriminator(image_shape, width, name="D_x")
        self.D_y = patch_discriminator(image_shape, width, name="D_y")
        self.pool_x = ImagePool(image_shape)
        self.pool_y = ImagePool(image_shape)

    def players(self):
        return {
            "translators": (self.optimizer_of_paper(), self.G, self.F),
            "discriminators": (self.optimizer_of_paper(), self.D_x, self.D_y),
        }

    def optimizer_of_paper(self):
        return keras.optimizers.Adam(LinearDecay(2e-4, self.total_steps), beta_1=0.5)

    def call(self, x, training=False):
        return self.G(x, training=training)

    def prior(self, n, seed=None):
        raise UserError("CycleGAN makes images from images: it has no latents to draw.")

    def train_step(self, batch):
        x, y = batch

        # equation 3, with least squares in place of logarithms (section 4)
        with tf.GradientTape() as tape:
            fake_y, fake_x = self.G(x, training=True), self.F(y, training=True)
            adversarial = square(self.D_y(fake_y, training=True) - 1) + square(self.D_x(fake_x, training=True) - 1)
            cycle = distance(self.F(fake_y, training=True), x) + distance(self.G(fake_x, training=True), y)
            identity = distance(self.F(x, training=True), x) + distance(self.G(y, training=True), y)
            loss = adversarial + self.cycle * (cycle + self.identity * identity)
        self.minimize("translators", loss, tape)

        fake_x, fake_y = self.pool_x(fake_x), self.pool_y(fake_y)  # section 4: judge older fakes too
        with tf.GradientTape() as tape:
            d_x = square(self.D_x(x, training=True) - 1) + square(self.D_x(fake_x, training=True))
            d_y = square(self.D_y(y, training=True) - 1) + square(self.D_y(fake_y, training=True))
            d_loss = 0.5 * (d_x + d_y)
        self.minimize("discriminators", d_loss, tape)

        return self.report(adversarial=adversarial, cycle=cycle, identity=identity, d_loss=d_loss)

    def judge(self, batch):
        x, y = batch
        return self.D_y(y), self.D_y(self.G(x))

    def snapshot(self, batch):
        """Rows: x, G(x), F(G(x)), y, F(y), G(F(y))."""
        x, y = (domain[:8] for domain in batch)
        return tf.stack([x, self.G(x), self.F(self.G(x)), y, self.F(y), self.G(self.F(y))])

    def endpoints(self):
        image = self.uint8_images()
        return {
            "translate": (lambda x: images.to_uint8(self.G(images.from_uint8(x))), [image]),
            "translate_back": (lambda y: images.to_uint8(self.F(images.from_uint8(y))), [image]),
        }


@keras.saving.register_keras_serializable("kerasgan")
class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """`rate` for the first half of `total_steps`, then in a straight line to zero."""

    def __init__(self, rate: float, total_steps: int):
        self.rate, self.total_steps = rate, total_steps

    def __call__(self, step):
        left = 1 - tf.cast(step, tf.float32) / self.total_steps
        return self.rate * tf.clip_by_value(2 * left, 0.0, 1.0)

    def get_config(self):
        return {"rate": self.rate, "total_steps": self.total_steps}


def square(x):
    return tf.reduce_mean(x**2)


def distance(a, b):
    return tf.reduce_mean(tf.abs(a - b))


def translator(image_shape, width, blocks, name):
    """c7s1-64, d128, d256, R256 x blocks, u128, u64, c7s1-3 (appendix 7.2)."""

    def convolve(x, filters, kernel, strides=1, padding="same", layer=layers.Conv2D):
        return layer(filters, kernel, strides, padding, use_bias=False, kernel_initializer=normal())(x)

    def normalise(x):
        return instance_normalization()(x)

    image = keras.Input(image_shape)
    x = layers.ReLU()(normalise(convolve(ReflectionPadding2D(3)(image), width, 7, padding="valid")))
    half = x = layers.ReLU()(normalise(convolve(x, width * 2, 3, 2)))
    x = layers.ReLU()(normalise(convolve(x, width * 4, 3, 2)))
    for _ in range(blocks):
        h = layers.ReLU()(normalise(convolve(ReflectionPadding2D(1)(x), width * 4, 3, padding="valid")))
        h = normalise(convolve(ReflectionPadding2D(1)(h), width * 4, 3, padding="valid"))
        x = layers.Add()([x, h])
    x = crop(convolve(x, width * 2, 3, 2, layer=layers.Conv2DTranspose), *half.shape[1:3])
    x = layers.ReLU()(normalise(x))
    x = crop(convolve(x, width, 3, 2, layer=layers.Conv2DTranspose), *image_shape[:2])
    x = layers.ReLU()(normalise(x))
    x = layers.Conv2D(image_shape[-1], 7, kernel_initializer=normal())(ReflectionPadding2D(3)(x))
    return keras.Model(image, layers.Activation("tanh", dtype="float32")(x), name=name)
