"""alpha-GAN. Rosca et al., 2017. https://arxiv.org/abs/1706.04987"""

import keras
import tensorflow as tf
from keras import layers

from kerasgan import images
from kerasgan.layers import normal
from kerasgan.losses import logistic, probabilities_of_real
from kerasgan.model import GenerativeModel
from kerasgan.models.dcgan import discriminator, generator


class AlphaGAN(GenerativeModel):
    """An autoencoder whose likelihood and whose divergence from the prior are both judged by discriminators.

    Encoder E, generator G, discriminator D of images and discriminator C of codes, in the paper's letters
    eta, theta, phi and omega. Convolutional networks are DCGAN's, the code discriminator has three dense layers.

    latent_dim: numbers that one image is made from, and encoded to
    reconstruction: weight of the reconstruction loss, lambda in algorithm 1, for the mean over pixels
    """

    paper = "https://arxiv.org/abs/1706.04987"
    verbs = ("sample", "decode", "encode", "reconstruct")
    reports = {
        "reconstruction": None,  # part of two losses
        "e_loss": "encoder",
        "g_loss": "generator",
        "d_loss": "discriminator",
        "c_loss": "code_discriminator",
    }
    judges_images = ("discriminator",)
    batch_size = 64
    default_steps = 850

    def __init__(
        self,
        image_shape: tuple = (64, 64, 3),
        latent_dim: int = 128,
        width: int = 64,
        reconstruction: float = 10.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.latent_dim = latent_dim
        self.reconstruction = reconstruction
        self.encoder = discriminator(image_shape, width, outputs=latent_dim, name="encoder")
        self.generator = generator(image_shape, latent_dim, width)
        self.discriminator = discriminator(image_shape, width)
        self.code_discriminator = code_discriminator(latent_dim)

    def players(self):
        return {
            "encoder": (keras.optimizers.Adam(2e-4, beta_1=0.5), self.encoder),
            "generator": (keras.optimizers.Adam(2e-4, beta_1=0.5), self.generator),
            "discriminator": (keras.optimizers.Adam(2e-4, beta_1=0.5), self.discriminator),
            "code_discriminator": (keras.optimizers.Adam(2e-4, beta_1=0.5), self.code_discriminator),
        }

    def train_step(self, x):
        z = self.prior(tf.shape(x)[0])
        D, C = self.discriminator, self.code_discriminator

        # Algorithm 1. A ratio of densities is D / (1 - D), so -log D + log(1 - D) is minus the logit of D.
        with tf.GradientTape() as e_tape, tf.GradientTape() as g_tape:
            code = self.encoder(x, training=True)
            reconstructed = self.generator(code, training=True)
            fake = self.generator(z, training=True)
            reconstruction = tf.reduce_mean(tf.abs(x - reconstructed))
            # min_E  lambda |x - G(E(x))| - log C(E(x)) + log(1 - C(E(x)))
            e_loss = self.reconstruction * reconstruction - tf.reduce_mean(C(code, training=True))
            # min_G  lambda |x - G(E(x))| - log D + log(1 - D), at G(E(x)) and at G(z)
            g_loss = self.reconstruction * reconstruction
            g_loss -= tf.reduce_mean(D(reconstructed, training=True)) + tf.reduce_mean(D(fake, training=True))
        self.minimize("encoder", e_loss, e_tape)
        self.minimize("generator", g_loss, g_tape)

        # max_D  E log D(x) + E log(1 - D(G(E(x)))) + E log(1 - D(G(z)))
        with tf.GradientTape() as tape:
            d_loss = logistic(D(x, training=True), real=True)
            d_loss += logistic(D(reconstructed, training=True), real=False)
            d_loss += logistic(D(fake, training=True), real=False)
        self.minimize("discriminator", d_loss, tape)

        # max_C  E log C(z) + E log(1 - C(E(x))); the first version of the paper has z and E(x) the other way round
        with tf.GradientTape() as tape:
            c_loss = logistic(C(z, training=True), real=True) + logistic(C(code, training=True), real=False)
        self.minimize("code_discriminator", c_loss, tape)

        return self.report(reconstruction=reconstruction, e_loss=e_loss, g_loss=g_loss, d_loss=d_loss, c_loss=c_loss)

    def judge(self, x):
        return probabilities_of_real(self.discriminator, x, self(self.prior(tf.shape(x)[0], seed=0)))

    def reconstruct(self, x):
        return self(self.encoder(x))

    def snapshot(self, batch):
        """Rows: images, their reconstructions, and then samples of the prior."""
        x = batch[:8]
        samples = self(self.prior(4 * len(x), seed=0))
        return tf.stack([x, self.reconstruct(x), *tf.split(samples, 4)])

    def endpoints(self):
        return {
            **super().endpoints(),
            "encode": (lambda x: self.encoder(images.from_uint8(x)), [self.uint8_images()]),
            "reconstruct": (
                lambda x: images.to_uint8(self.reconstruct(images.from_uint8(x))),
                [self.uint8_images()],
            ),
        }


def code_discriminator(latent_dim):
    """Latent -> 750 -> 750 -> one logit, without batch normalisation."""
    z = x = keras.Input((latent_dim,))
    for _ in range(2):
        x = layers.LeakyReLU(0.2)(layers.Dense(750, kernel_initializer="he_normal")(x))
    x = layers.Dense(1, kernel_initializer=normal(), dtype="float32")(x)
    return keras.Model(z, x, name="code_discriminator")
