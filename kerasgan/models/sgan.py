"""SGAN. Salimans et al., 2016, Improved techniques for training GANs. https://arxiv.org/abs/1606.03498"""

import keras
import tensorflow as tf
from keras import layers

from kerasgan import images
from kerasgan.layers import GaussianNoise, halvings, in_global_batch, move_average
from kerasgan.losses import logistic
from kerasgan.model import GenerativeModel
from kerasgan.models.dcgan import generator


class SGAN(GenerativeModel):
    """A classifier learns from a few labels, and from images without any by telling them from generated ones.

    The discriminator has K logits, and that of the class K+1, fake, is fixed to 0 (section 5). The generator makes the
    mean of the discriminator's last features that of images (section 3.1). The networks are convolutional, as the
    paper's for CIFAR-10, with fewer layers, and Gaussian noise for dropout and weight normalisation; both players take
    one pass together. What classifies is an average of the discriminator's weights, as in the authors' code for MNIST.

    decay: of the average of the weights, once training has come far enough
    """

    paper = "https://arxiv.org/abs/1606.03498"
    takes = "partly_labelled"
    verbs = ("classify", "sample", "decode")
    reports = {
        "supervised": "discriminator",
        "unsupervised": "discriminator",
        "feature_matching": "generator",
        "accuracy": "discriminator",
    }
    judges_images = ("discriminator",)
    of_the_batch = "Feature matching"
    batch_size = 200  # 100 with a label and 100 without
    default_steps = 1000

    def __init__(
        self,
        image_shape: tuple = (28, 28, 1),
        classes: int = 10,
        latent_dim: int = 100,
        width: int = 64,
        decay: float = 0.999,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.classes = classes
        self.latent_dim = latent_dim
        self.decay = decay
        self.generator = generator(image_shape, latent_dim, width)
        classifier = discriminator(image_shape, classes, width, name="discriminator")
        self.discriminator = classifier
        self.average = discriminator(image_shape, classes, width, name="average")
        self.average.set_weights(classifier.get_weights())
        self.average.trainable = False

    def players(self):
        return {
            "discriminator": (keras.optimizers.Adam(2e-3, beta_1=0.5), self.discriminator),
            "generator": (keras.optimizers.Adam(2e-3, beta_1=0.5), self.generator),
        }

    def train_step(self, batch):
        x, y = batch
        z = self.prior((tf.shape(x)[0] + 1) // 2)  # as many fakes as there are images without a label

        # section 5: min_D  -E log p(y|x, y <= K) - 1/2 E log D(x) - 1/2 E log(1 - D(G(z)))
        with tf.GradientTape() as g_tape:
            fake = self.generator(z, training=True)
            with tf.GradientTape() as d_tape:
                logits, features = self.discriminator(x, training=True)
                fake_logits, fake_features = self.discriminator(fake, training=True)
                supervised = mean_where(y >= 0, cross_entropy(y, logits))
                unsupervised = 0.5 * mean_where(unlabelled(y), tf.nn.softplus(-log_z(logits)))
                unsupervised += 0.5 * logistic(log_z(fake_logits), real=False)
                d_loss = supervised + unsupervised

            # section 3.1: min_G  |E f(x) - E f(G(z))|^2
            mean = mean_where(unlabelled(y), features)
            fake_mean = mean_where(tf.ones_like(fake[:, 0, 0, 0], bool), fake_features)
            feature_matching = tf.reduce_mean((mean - fake_mean) ** 2)
        self.minimize("discriminator", d_loss, d_tape)
        self.minimize("generator", feature_matching, g_tape)

        self.move_average()

        return self.report(
            supervised=supervised,
            unsupervised=unsupervised,
            feature_matching=feature_matching,
            accuracy=mean_where(y >= 0, tf.cast(correct(y, logits), tf.float32)),
        )

    def move_average(self):
        """Move the average of the classifier's weights on by one step; it soon forgets the first ones."""
        step = tf.cast(self.step, tf.float32)
        move_average(self.average, self.discriminator, tf.minimum(self.decay, (1 + step) / (10 + step)))

    def test_step(self, batch):
        """Return the averaged classifier's loss and accuracy on images with labels."""
        x, y = batch
        logits, _ = self.average(x)
        weights = tf.cast(y >= 0, tf.float32)
        self._means["supervised"].update_state(cross_entropy(y, logits), weights)
        self._means["accuracy"].update_state(correct(y, logits), weights)
        return {name: self._means[name].result() for name in ("supervised", "accuracy")}

    def judge(self, batch):
        x, _ = batch
        fake = self(self.prior(tf.shape(x)[0], seed=0))
        return tuple(tf.sigmoid(log_z(self.discriminator(images_)[0])) for images_ in (x, fake))

    def endpoints(self):
        classify = lambda images_: self.average(images.from_uint8(images_))[0]  # noqa: E731
        return {"classify": (classify, [self.uint8_images()]), **super().endpoints()}


def log_z(logits):
    """Return log Z(x), Z = sum_k exp l_k(x): the logit of D = Z / (Z + 1), as the fake class's is 0 (section 5)."""
    return tf.reduce_logsumexp(logits, axis=-1)


def cross_entropy(y, logits):
    """Return -log p(y|x, y <= K) of each image; of one without a label, a number that means nothing."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(y, 0), logits)


def correct(y, logits):
    return tf.argmax(logits, axis=-1, output_type=tf.int32) == y


def unlabelled(y):
    """Return which images tell how images are distributed: those without a label, which few come again and again.

    All of them, where there is none without.
    """
    without = y < 0
    return without | (in_global_batch(tf.reduce_sum(tf.cast(without, tf.float32))) == 0)


def mean_where(chosen, values):
    """Return the mean of `values` over the chosen images of the global batch, or 0 if none is chosen."""
    weights = tf.reshape(tf.cast(chosen, tf.float32), (-1,) + (1,) * (len(values.shape) - 1))
    total = in_global_batch(tf.reduce_sum(weights * values, axis=0))
    return total / tf.maximum(in_global_batch(tf.reduce_sum(tf.cast(chosen, tf.float32))), 1)


def discriminator(image_shape, classes, width, name):
    """Image -> ... -> about 4x4 -> the features that the generator matches -> K logits; returns both."""
    image = keras.Input(image_shape)
    x = GaussianNoise(0.3)(image)
    for i in range(len(halvings(*image_shape[:2])) - 1):
        filters = min(width * 2**i, 8 * width)
        x = layers.Conv2D(filters, 4, 2, "same", kernel_initializer="he_normal")(x)
        x = GaussianNoise(0.3)(layers.LeakyReLU(0.2)(x))
    # In float32: what the generator learns from is a small difference of means.
    features = layers.Dense(4 * width, kernel_initializer="he_normal", dtype="float32")(layers.Flatten()(x))
    features = layers.LeakyReLU(0.2, dtype="float32")(features)
    logits = layers.Dense(classes, dtype="float32")(GaussianNoise(0.3, dtype="float32")(features))
    return keras.Model(image, [logits, features], name=name)
