"""Denoising autoencoder. Vincent et al., 2008. https://doi.org/10.1145/1390156.1390294"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kerasgan import images
from kerasgan.errors import UserError
from kerasgan.model import GenerativeModel, fixed


class DenoisingAutoencoder(GenerativeModel):
    """An autoencoder is shown an image of which a part is destroyed, and has to make the whole image again.

    Logistic units and untied weights (section 2.2). The paper stacks autoencoders of one hidden layer, trained one
    after the other, and moves them by plain gradient descent; here all layers are trained at once, by Adam.

    width: units of each hidden layer
    depth: hidden layers between the image and its reconstruction
    destroyed: share of each image's pixel values that are set to black
    """

    paper = "https://doi.org/10.1145/1390156.1390294"
    verbs = ("translate", "degrade", "encode")
    reports = {"loss": "autoencoder"}
    batch_size = 100
    default_steps = 2000
    small = {"width": 8}

    def __init__(
        self,
        image_shape: tuple = (28, 28, 1),
        width: int = 1000,
        depth: int = 1,
        destroyed: float = 0.25,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.destroyed = destroyed
        self.encoder = encoder(image_shape, width, depth)
        self.decoder = decoder(image_shape, width)

    def players(self):
        return {"autoencoder": (keras.optimizers.Adam(1e-3), self.encoder, self.decoder)}

    def call(self, x, training=False):
        """Return the denoised images, in [-1, 1]."""
        return 2 * tf.sigmoid(self.decoder(self.encoder(x, training=training), training=training)) - 1

    def prior(self, n, seed=None):
        raise UserError("DenoisingAutoencoder makes images from images: it has no latents to draw.")

    def train_step(self, x):
        corrupted = self.corrupt(x, self.noise.uniform((tf.shape(x)[0], *self.image_shape)))
        with tf.GradientTape() as tape:
            loss = self.cross_entropy(x, corrupted, training=True)
        self.minimize("autoencoder", loss, tape)

        return self.report(loss=loss)

    def test_step(self, x):
        corrupted = self.corrupt(x, self.noise.uniform((tf.shape(x)[0], *self.image_shape)))
        return self.measure(loss=self.cross_entropy(x, corrupted, training=False))

    def corrupt(self, x, uniform):
        """Set in each image the values to black whose `uniform` numbers are the least: x~ ~ q(x~|x) of section 2.3.

        They are always the same number, the share `destroyed` of them all.
        """
        u = tf.reshape(uniform, (-1, int(np.prod(self.image_shape))))
        kept = tf.sort(u)[:, round(self.destroyed * u.shape[1]) :]
        return tf.where(uniform < tf.reduce_min(kept, axis=1)[:, None, None, None], -tf.ones_like(x), x)

    def cross_entropy(self, x, corrupted, training):
        """Return L_H(x, g(f(x~))) between the whole image and what became of the destroyed one (equations 2 and 5)."""
        logits = self.decoder(self.encoder(corrupted, training=training), training=training)
        cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits((x + 1) / 2, logits)
        return tf.reduce_mean(tf.reduce_sum(cross_entropy, axis=[1, 2, 3]))

    def degrade(self, x):
        """Return images of which a part is destroyed, always the same of the first, of the second, and so on."""
        return self.corrupt(x, tf.random.stateless_uniform(tf.shape(x), fixed(0)))

    def snapshot(self, batch):
        """Rows of images, of what is left of them, and of what the model makes of that."""
        x = batch[:24]
        corrupted = self.degrade(x)
        rows = [tf.split(row, max(1, len(x) // 8)) for row in (x, corrupted, self(corrupted))]
        return tf.stack([row for rows_of_8 in zip(*rows) for row in rows_of_8])

    def endpoints(self):
        image = self.uint8_images()
        return {
            "translate": (lambda images_: images.to_uint8(self(images.from_uint8(images_))), [image]),
            "degrade": (lambda images_: images.to_uint8(self.degrade(images.from_uint8(images_))), [image]),
            "encode": (lambda images_: self.encoder(images.from_uint8(images_)), [image]),
        }


def encoder(image_shape, width, depth):
    image = keras.Input(image_shape)
    x = layers.Flatten()(image)
    for _ in range(depth):
        x = layers.Dense(width, activation="sigmoid")(x)
    return keras.Model(image, layers.Activation("linear", dtype="float32")(x), name="encoder")


def decoder(image_shape, width):
    y = keras.Input((width,))
    x = layers.Dense(int(np.prod(image_shape)), dtype="float32")(y)
    return keras.Model(y, layers.Reshape(image_shape, dtype="float32")(x), name="decoder")
