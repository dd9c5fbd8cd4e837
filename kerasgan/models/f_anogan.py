"""f-AnoGAN. Schlegl et al., 2019. https://doi.org/10.1016/j.media.2019.01.010"""

import keras
import tensorflow as tf
from keras import layers

from kerasgan import images
from kerasgan.layers import layer_normalization
from kerasgan.model import GenerativeModel
from kerasgan.models.dcgan import discriminator, generator


class FAnoGAN(GenerativeModel):
    """An encoder learns to find each image again in a trained WGAN-GP; what it cannot find is an anomaly.

    The generator and the critic are those of a WGAN-GP trained on normal images (`starts_from`), and stand still. The
    encoder is the critic's network, with latents in place of its score. AnoGAN, the method before (Schlegl et al.
    2017, https://arxiv.org/abs/1703.05921), has no encoder and searches latents for each image: `search`.

    latent_dim: numbers that one image is made from; the WGAN-GP's
    width: channels at half of the image size; the WGAN-GP's
    kappa: weight of the distance between the critic's features
    """

    paper = "https://doi.org/10.1016/j.media.2019.01.010"
    starts_from = "wgan_gp"
    verbs = ("anomaly_score", "reconstruct", "encode", "sample", "decode")
    reports = {"loss": "encoder", "residual": "encoder", "features": "encoder"}
    batch_size = 64
    default_steps = 600

    def __init__(
        self,
        image_shape: tuple = (64, 64, 3),
        latent_dim: int = 128,
        width: int = 64,
        kappa: float = 1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.latent_dim = latent_dim
        self.kappa = kappa
        self.generator = generator(image_shape, latent_dim, width)
        self.critic = discriminator(image_shape, width, layer_normalization, bias=False, name="critic")
        self.generator.trainable = self.critic.trainable = False
        self.encoder = encoder(image_shape, latent_dim, width)
        # Not as an attribute: Keras would save the critic's weights once more.
        self.__dict__["features"] = keras.Model(self.critic.input, self.critic.layers[-2].output)

    def players(self):
        return {"encoder": (keras.optimizers.RMSprop(5e-5), self.encoder)}

    def train_step(self, x):
        # the paper's izi_f: image -> latents -> image, compared as images and as the critic's features
        with tf.GradientTape() as tape:
            residual, features = self.distances(x, self.reconstruct(x, training=True))
            residual, features = tf.reduce_mean(residual), tf.reduce_mean(features)
            loss = residual + self.kappa * features
        self.minimize("encoder", loss, tape)

        return self.report(loss=loss, residual=residual, features=features)

    def test_step(self, x):
        residual, features = self.distances(x, self.reconstruct(x))
        return self.measure(loss=residual + self.kappa * features, residual=residual, features=features)

    def reconstruct(self, x, training=False):
        """Return G(E(x)); the generator is at inference, as it stands still."""
        return self.generator(self.encoder(x, training=training), training=False)

    def distances(self, x, y):
        """Return |x - y|^2 / n and |f(x) - f(y)|^2 / n_d of each image, f being the critic's last hidden layer."""
        features = (tf.cast(self.features(i, training=False), tf.float32) for i in (x, y))
        return tf.reduce_mean((x - y) ** 2, axis=[1, 2, 3]), tf.reduce_mean(tf.subtract(*features) ** 2, axis=1)

    def anomaly_score(self, x):
        """Return A(x) = A_R(x) + kappa A_D(x) of each image, its own loss: float32[n]."""
        residual, features = self.distances(x, self.reconstruct(x))
        return residual + self.kappa * features

    def search(self, x, steps=500, rate=0.05, weight=0.1, seed=0):
        """Search the latents of each image by gradient descent, as AnoGAN does: return them, and the last losses.

        x: float32[n, height, width, channels] in [-1, 1]
        steps: how often the latents move
        rate: Adam's, which moves them
        weight: the paper's lambda, of the distance between the critic's features; that of pixels has the rest
        seed: fixes the latents to begin with, the same for every image

        The losses, float32[n], are AnoGAN's anomaly scores: sums of absolute differences, (1 - lambda) of
        the residual loss and lambda of the discrimination loss by feature matching.
        """
        z = tf.Variable(tf.repeat(self.prior(1, seed), len(x), axis=0))
        adam = keras.optimizers.Adam(rate)
        adam.build([z])
        f_x = tf.cast(self.features(x, training=False), tf.float32)

        def losses():
            y = self.generator(z, training=False)
            residual = tf.reduce_sum(tf.abs(x - y), axis=[1, 2, 3])
            discrimination = tf.reduce_sum(tf.abs(f_x - tf.cast(self.features(y, training=False), tf.float32)), axis=1)
            return (1 - weight) * residual + weight * discrimination

        @tf.function
        def move():
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(z)
                loss = losses()
            adam.apply_gradients([(tape.gradient(loss, z), z)])

        for _ in range(steps):
            move()
        return tf.convert_to_tensor(z), losses()

    def snapshot(self, batch):
        """Rows of images, each above the row of their reconstructions."""
        rows = [batch[i : i + 8] for i in range(0, len(batch) - len(batch) % 8, 8)][:4] or [batch]
        return tf.stack([row for x in rows for row in (x, self.reconstruct(x))])

    def endpoints(self):
        image = self.uint8_images()
        return {
            "anomaly_score": (lambda images_: self.anomaly_score(images.from_uint8(images_)), [image]),
            "reconstruct": (lambda images_: images.to_uint8(self.reconstruct(images.from_uint8(images_))), [image]),
            "encode": (lambda images_: self.encoder(images.from_uint8(images_)), [image]),
            **super().endpoints(),
        }


def encoder(image_shape, latent_dim, width):
    """The critic up to its last hidden layer, then latents."""
    body = discriminator(image_shape, width, layer_normalization)
    z = layers.Dense(latent_dim, dtype="float32")(body.layers[-2].output)
    return keras.Model(body.input, z, name="encoder")
