"""VAE. Kingma and Welling, 2014. https://arxiv.org/abs/1312.6114"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kerasgan import images
from kerasgan.losses import gaussian_kl
from kerasgan.model import GenerativeModel, fixed


class VAE(GenerativeModel):
    """An encoder q(z|x) and a decoder p(x|z), trained together on the evidence lower bound.

    Both are dense with tanh hidden layers (appendix C). Pixels are Bernoulli, with grey levels and colours as their
    probabilities (appendix C.1). The paper moves the weights by Adagrad; Adam is faster.

    width: units of each hidden layer
    depth: hidden layers of the encoder, and of the decoder
    """

    paper = "https://arxiv.org/abs/1312.6114"
    verbs = ("sample", "decode", "encode", "reconstruct", "anomaly_score")
    reports = {"loss": "autoencoder", "distortion": "autoencoder", "rate": "autoencoder"}
    batch_size = 100
    default_steps = 3000
    small = {"width": 8}

    def __init__(
        self,
        image_shape: tuple = (28, 28, 1),
        latent_dim: int = 20,
        width: int = 500,
        depth: int = 1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.latent_dim = latent_dim
        self.encoder = encoder(image_shape, latent_dim, width, depth)
        self.decoder = decoder(image_shape, latent_dim, width, depth)

    def players(self):
        return {"autoencoder": (keras.optimizers.Adam(1e-3), self.encoder, self.decoder)}

    def call(self, latents, training=False):
        """Return the mean image, in [-1, 1]."""
        return 2 * tf.sigmoid(self.decoder(latents, training=training)) - 1

    def train_step(self, x):
        with tf.GradientTape() as tape:
            loss, distortion, rate = self.negative_elbo(x, training=True)
        self.minimize("autoencoder", loss, tape)

        return self.report(loss=loss, distortion=distortion, rate=rate)

    def test_step(self, x):
        loss, distortion, rate = self.negative_elbo(x, training=False)
        return self.measure(loss=loss, distortion=distortion, rate=rate)

    def negative_elbo(self, x, training):
        """Return -ELBO = -E log p(x|z) + KL(q(z|x) || p(z)) and both terms, in nats per image (equation 10, L = 1)."""
        mean, log_variance = self.encoder(x, training=training)
        z = mean + tf.exp(0.5 * log_variance) * self.prior(tf.shape(x)[0])
        bits = tf.nn.sigmoid_cross_entropy_with_logits((x + 1) / 2, self.decoder(z, training=training))
        distortion = tf.reduce_mean(tf.reduce_sum(bits, axis=[1, 2, 3]))
        rate = gaussian_kl(mean, log_variance)
        return distortion + rate, distortion, rate

    def importance_weighted_bound(self, x, samples=500):
        """Return log 1/k sum_i p(x, z_i) / q(z_i|x) of each image, z_i ~ q(z|x): float32[n], in nats.

        A lower bound of log p(x), the ELBO for one sample, and closer the more samples (Burda et al. 2016,
        https://arxiv.org/abs/1509.00519, equation 8). Pixels should be black or white: of others it is no likelihood.
        """
        mean, log_variance = self.encoder(x)
        n = tf.shape(x)[0]
        epsilon = self.noise.normal((n, samples, self.latent_dim))
        z = mean[:, None] + tf.exp(0.5 * log_variance[:, None]) * epsilon
        log_prior = -0.5 * tf.reduce_sum(z**2, axis=-1)  # this and the next without (2 pi)^(-d/2), which cancels
        log_q = -0.5 * tf.reduce_sum(epsilon**2 + log_variance[:, None], axis=-1)
        log_weights = self.log_likelihood(x, z) + log_prior - log_q
        return tf.reduce_logsumexp(log_weights, axis=1) - tf.math.log(tf.cast(samples, tf.float32))

    def log_likelihood(self, x, z):
        """Return log p(x|z) for several latents of each image, z[n, samples, latent_dim]: float32[n, samples]."""
        n, samples = tf.shape(z)[0], tf.shape(z)[1]
        logits = tf.reshape(self.decoder(tf.reshape(z, (-1, self.latent_dim))), (n, samples, *self.image_shape))
        p = tf.broadcast_to((x[:, None] + 1) / 2, tf.shape(logits))
        return -tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(p, logits), axis=[2, 3, 4])

    def anomaly_score(self, x, samples=10):
        """Return the negative reconstruction probability -E log p(x|z), z ~ q(z|x), in nats: float32[n].

        An and Cho 2015, algorithm 4 (http://dm.snu.ac.kr/static/docs/TR/SNUDM-TR-2015-03.pdf). The same noise serves
        every image, always: a score depends on nothing but its image.
        """
        mean, log_variance = self.encoder(x)
        epsilon = tf.random.stateless_normal((1, samples, self.latent_dim), fixed(0))
        z = mean[:, None] + tf.exp(0.5 * log_variance[:, None]) * epsilon
        return -tf.reduce_mean(self.log_likelihood(x, z), axis=1)

    def reconstruct(self, x):
        mean, _ = self.encoder(x)
        return self(mean)

    def snapshot(self, batch):
        """Rows: images, their reconstructions, and then samples of the prior."""
        x = batch[:8]
        samples = self(self.prior(4 * len(x), seed=0))
        return tf.stack([x, self.reconstruct(x), *tf.split(samples, 4)])

    def endpoints(self):
        image = self.uint8_images()
        return {
            **super().endpoints(),
            "encode": (lambda images_: self.encoder(images.from_uint8(images_))[0], [image]),
            "reconstruct": (lambda images_: images.to_uint8(self.reconstruct(images.from_uint8(images_))), [image]),
            "anomaly_score": (lambda images_: self.anomaly_score(images.from_uint8(images_)), [image]),
        }


def encoder(image_shape, latent_dim, width, depth):
    image = keras.Input(image_shape)
    x = layers.Rescaling(0.5, 0.5)(layers.Flatten()(image))  # with a background of -1 few latents would be used
    for _ in range(depth):
        x = layers.Dense(width, activation="tanh")(x)
    mean = layers.Dense(latent_dim, dtype="float32", name="mean")(x)
    log_variance = layers.Dense(latent_dim, dtype="float32", name="log_variance")(x)
    return keras.Model(image, [mean, log_variance], name="encoder")


def decoder(image_shape, latent_dim, width, depth):
    z = x = keras.Input((latent_dim,))
    for _ in range(depth):
        x = layers.Dense(width, activation="tanh")(x)
    x = layers.Dense(int(np.prod(image_shape)), dtype="float32")(x)
    return keras.Model(z, layers.Reshape(image_shape, dtype="float32")(x), name="decoder")
