"""Deep autoencoder. Hinton and Salakhutdinov, 2006. https://doi.org/10.1126/science.1127647"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kerasgan import images
from kerasgan.errors import UserError
from kerasgan.model import GenerativeModel


class Autoencoder(GenerativeModel):
    """An encoder squeezes an image into a short code, and a decoder makes the image again from it.

    Dense networks of the paper's sizes for MNIST, 784-1000-500-250-30 and back, with a linear code and logistic
    pixels. The paper trains layer by layer, as restricted Boltzmann machines, before it trains the whole; here the
    whole is trained at once, with rectifiers in place of logistic hidden units, which do not learn that way, and with
    Adam in place of conjugate gradients. It has no prior: it cannot draw new images.

    latent_dim: numbers that an image is squeezed into
    width: units of the first hidden layer, halved from one layer to the next
    depth: hidden layers of the encoder, and of the decoder
    """

    paper = "https://doi.org/10.1126/science.1127647"
    verbs = ("reconstruct", "encode", "decode", "anomaly_score")
    reports = {"loss": "autoencoder", "squared_error": "autoencoder"}
    batch_size = 100
    default_steps = 2000
    small = {"width": 16}

    def __init__(
        self,
        image_shape: tuple = (28, 28, 1),
        latent_dim: int = 30,
        width: int = 1000,
        depth: int = 3,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.latent_dim = latent_dim
        widths = [max(1, width // 2**i) for i in range(depth)]
        self.encoder = encoder(image_shape, latent_dim, widths)
        self.decoder = decoder(image_shape, latent_dim, widths[::-1])

    def players(self):
        return {"autoencoder": (keras.optimizers.Adam(1e-3), self.encoder, self.decoder)}

    def call(self, x, training=False):
        """Return the reconstructions, in [-1, 1]."""
        return self.decode(self.encoder(x, training=training), training=training)

    def decode(self, latents, training=False):
        return 2 * tf.sigmoid(self.decoder(latents, training=training)) - 1

    def prior(self, n, seed=None):
        raise UserError("Autoencoder makes images from images: it has no prior to draw latents from.")

    def train_step(self, x):
        with tf.GradientTape() as tape:
            loss, squared_error = self.losses_of(x, training=True)
        self.minimize("autoencoder", loss, tape)

        return self.report(loss=loss, squared_error=squared_error)

    def test_step(self, x):
        loss, squared_error = self.losses_of(x, training=False)
        return self.measure(loss=loss, squared_error=squared_error)

    def losses_of(self, x, training):
        """Return -sum p log p_hat + (1 - p) log(1 - p_hat) over the pixels p in [0, 1], and sum (p - p_hat)^2.

        Means over the batch: the first moves the weights, the second is what the paper reports.
        """
        p = (x + 1) / 2
        logits = self.decoder(self.encoder(x, training=training), training=training)
        cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(p, logits)
        squared_error = (p - tf.sigmoid(logits)) ** 2
        return tuple(tf.reduce_mean(tf.reduce_sum(e, axis=[1, 2, 3])) for e in (cross_entropy, squared_error))

    def anomaly_score(self, x):
        """Return the mean squared error of each image's reconstruction, pixels in [0, 1]: float32[n]."""
        return tf.reduce_mean(((x - self(x)) / 2) ** 2, axis=[1, 2, 3])

    def snapshot(self, batch):
        """Rows of images, each above the row of their reconstructions."""
        rows = [batch[i : i + 8] for i in range(0, len(batch) - len(batch) % 8, 8)][:4] or [batch]
        return tf.stack([row for x in rows for row in (x, self(x))])

    def endpoints(self):
        image = self.uint8_images()
        latents = tf.TensorSpec((None, self.latent_dim), tf.float32, "latents")
        return {
            "reconstruct": (lambda images_: images.to_uint8(self(images.from_uint8(images_))), [image]),
            "encode": (lambda images_: self.encoder(images.from_uint8(images_)), [image]),
            "decode": (lambda latents: images.to_uint8(self.decode(latents)), [latents]),
            "anomaly_score": (lambda images_: self.anomaly_score(images.from_uint8(images_)), [image]),
        }


def encoder(image_shape, latent_dim, widths):
    image = keras.Input(image_shape)
    x = layers.Flatten()(image)
    for width in widths:
        x = layers.Dense(width, activation="relu", kernel_initializer="he_normal")(x)
    return keras.Model(image, layers.Dense(latent_dim, dtype="float32")(x), name="encoder")


def decoder(image_shape, latent_dim, widths):
    z = x = keras.Input((latent_dim,))
    for width in widths:
        x = layers.Dense(width, activation="relu", kernel_initializer="he_normal")(x)
    x = layers.Dense(int(np.prod(image_shape)), dtype="float32")(x)
    return keras.Model(z, layers.Reshape(image_shape, dtype="float32")(x), name="decoder")
