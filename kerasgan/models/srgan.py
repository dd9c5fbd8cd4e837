"""SRGAN. Ledig et al., 2017. https://arxiv.org/abs/1609.04802"""

import contextlib

import keras
import tensorflow as tf
from keras import layers

from kerasgan.errors import UserError
from kerasgan.layers import batch_normalization
from kerasgan.losses import logistic, probabilities_of_real
from kerasgan.model import GenerativeModel, precision
from kerasgan.models.srresnet import beside_bicubic, enlarging, generator
from kerasgan.paths import expanded


class SRGAN(GenerativeModel):
    """A trained SRResNet learns to make images that a discriminator takes for real and a feature network for alike.

    The feature network is needed to train, and only for that: no checkpoint or export holds it. It sees a grey image
    as three equal channels, and alpha as a grey image of its own.

    image_shape: height, width and channels of the large images
    scale: how many times smaller the given images are: 2, 4 or 8
    width: channels of each layer of the generator, and of the discriminator's first
    blocks: residual blocks of the generator
    adversarial: weight of the adversarial loss beside the content loss (equation 3)
    features: "vgg19" (trained on ImageNet), or a .keras model of RGB images in [-1, 1] whose output is a feature map
    total_steps: training steps planned; the learning rates fall tenfold after half of them (section 3.2)
    """

    paper = "https://arxiv.org/abs/1609.04802"
    takes = "pairs"
    task = "super_resolution"
    starts_from = "srresnet"
    verbs = ("translate",)
    reports = {"content": "generator", "adversarial": "generator", "d_loss": "discriminator"}
    judges_images = ("discriminator",)
    batch_size = 16
    default_steps = 400
    small = {"scale": 4, "blocks": 1}

    def __init__(
        self,
        image_shape: tuple = (96, 96, 3),
        scale: int = 4,
        width: int = 64,
        blocks: int = 16,
        adversarial: float = 1e-3,
        features: str = "vgg19",
        total_steps: int = 200_000,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.adversarial = adversarial
        self.features = features
        self.total_steps = total_steps
        self.generator = generator(image_shape[-1], scale, width, blocks)
        self.discriminator = discriminator(image_shape, width)

    def players(self):
        return {
            "discriminator": (self.optimizer_of_paper(), self.discriminator),
            "generator": (self.optimizer_of_paper(), self.generator),
        }

    def optimizer_of_paper(self):
        rate = keras.optimizers.schedules.PiecewiseConstantDecay([self.total_steps // 2], [1e-4, 1e-5])
        return keras.optimizers.Adam(rate)

    def prior(self, n, seed=None):
        raise UserError("SRGAN makes images from images: it has no latents to draw.")

    def compile(self, *args, **kwargs):
        super().compile(*args, **kwargs)
        self.load_features()  # now: a wrong path is said before the first stage is trained; a step cannot make them

    def compile_from_config(self, config):
        with contextlib.suppress(UserError):  # a model from a file enlarges images without them
            super().compile_from_config(config)

    def fit(self, *args, **kwargs):
        self.load_features()
        return super().fit(*args, **kwargs)

    def train_step(self, batch):
        small, x = batch
        height, width, _ = self.image_shape  # where they are no multiple of the scale, G makes some pixels too many
        with tf.GradientTape() as g_tape:
            fake = self.generator(small, training=True)[:, :height, :width]

        # equation 2: max_D  E log D(x) + E log(1 - D(G(small)))
        with tf.GradientTape() as d_tape:
            d_loss = logistic(self.discriminator(x, training=True), real=True)
            d_loss += logistic(self.discriminator(fake, training=True), real=False)
        self.minimize("discriminator", d_loss, d_tape)

        # equations 3, 5 and 6, for the discriminator just moved
        with g_tape:
            content = tf.reduce_mean((self.phi(x) - self.phi(fake)) ** 2)
            adversarial = logistic(self.discriminator(fake, training=True), real=True)
            loss = content + self.adversarial * adversarial
        self.minimize("generator", loss, g_tape)

        return self.report(content=content, adversarial=adversarial, d_loss=d_loss)

    def phi(self, x):
        """Return the feature map of images in [-1, 1]."""
        return self.load_features()(in_three_channels(x))

    def load_features(self):
        """Return the feature network as a function, which Keras does not take for a part of this model to save."""
        if "_phi" not in vars(self):
            with tf.init_scope(), self.distribute_strategy.scope():
                network = feature_network(self.features)
            vars(self)["_phi"] = lambda x: network(x, training=False)
        return self._phi

    def judge(self, batch):
        small, x = batch
        height, width, _ = self.image_shape
        return probabilities_of_real(self.discriminator, x, self.generator(small)[:, :height, :width])

    def snapshot(self, batch):
        """Rows: the small image enlarged by bicubic interpolation, by the model, and the original."""
        return beside_bicubic(self.generator, batch)

    def endpoints(self):
        return enlarging(self.generator)


def discriminator(image_shape, width):
    """Eight convolutions, of which every second halves the size (none below 4), and two dense layers (figure 4)."""
    image = x = keras.Input(image_shape)
    for i in range(8):
        halve = i % 2 == 1 and min(x.shape[1:3]) > 4
        x = layers.Conv2D(width * 2 ** (i // 2), 3, 2 if halve else 1, "same", use_bias=i == 0)(x)
        x = layers.LeakyReLU(0.2)(batch_normalization()(x) if i else x)
    x = layers.LeakyReLU(0.2)(layers.Dense(16 * width)(layers.Flatten()(x)))
    return keras.Model(image, layers.Dense(1, dtype="float32")(x), name="discriminator")


def in_three_channels(x):
    """Return images as a feature network wants them; those with alpha as two each, of their colours and of alpha."""
    if x.shape[-1] == 4:
        return tf.concat([x[..., :3], tf.repeat(x[..., 3:], 3, axis=-1)], axis=0)
    return tf.repeat(x, 3, axis=-1) if x.shape[-1] == 1 else x


def feature_network(features):
    """Return the frozen network named `features`, for images[n, height, width, 3] in [-1, 1].

    Raises UserError if its file cannot be had, or holds something else.
    """
    network = vgg19() if features == "vgg19" else _loaded(features)
    network.trainable = False
    return network


def vgg19():
    """phi_5,4: the last convolution before the last pooling, after its activation, over 12.75 (sections 2.2.1, 3.2)."""
    try:
        with precision("float32"):
            network = keras.applications.VGG19(include_top=False, weights="imagenet")
    except Exception as error:  # whatever went wrong with the download
        raise UserError(
            f"The ImageNet weights of VGG19 cannot be downloaded ({str(error).splitlines()[0]}): give --features PATH, "
            "a .keras file with another feature network; zoo/srgan/features.py trains a small one."
        ) from None
    image = keras.Input((None, None, 3))
    phi = keras.Model(network.input, network.get_layer("block5_conv4").output)
    return keras.Model(image, phi(keras.applications.vgg19.preprocess_input(127.5 * (image + 1))) / 12.75)


def _loaded(path):
    if not expanded(path).is_file():
        raise UserError(
            f"There is no feature network {path}: give --features PATH, a .keras file with a model of RGB images in "
            "[-1, 1] whose output is a feature map, such as zoo/srgan/features.py trains."
        )
    try:
        network = keras.models.load_model(expanded(path), compile=False)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} cannot be read as a Keras model: {str(error).splitlines()[0]}") from None
    ends = [[tuple(end.shape) for end in getattr(network, side, None) or []] for side in ("inputs", "outputs")]
    if ends[0] != [(None, None, None, 3)] or len(ends[1]) != 1 or len(ends[1][0]) != 4:
        raise UserError(
            f"{path} is a network from {ends[0]} to {ends[1]}; features need one from RGB images of any size, "
            "(None, None, None, 3), to a feature map."
        )
    return keras.Model(network.inputs[0], network.outputs[0])
