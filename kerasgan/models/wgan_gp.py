"""WGAN-GP. Gulrajani et al., 2017. https://arxiv.org/abs/1704.00028"""

import keras
import tensorflow as tf

from kerasgan.layers import layer_normalization
from kerasgan.losses import gradient_norms
from kerasgan.model import GenerativeModel
from kerasgan.models.dcgan import discriminator, generator


class WGANGP(GenerativeModel):
    """A critic estimates how far fake images are from real ones, kept 1-Lipschitz by a penalty on its gradient.

    The networks are DCGAN's (section 6.1 of the paper trains these too), with layer normalisation in the critic,
    since the penalty is one image's own (section 4): in the authors' code, too, the critic has no batch
    normalisation, and so is the same while training and at inference. Each critic step sees fresh images: a batch given
    to fit() holds `n_critic` minibatches, and kerasgan.data sees to that.

    n_critic: steps of the critic for one of the generator
    penalty: weight of the gradient penalty
    """

    paper = "https://arxiv.org/abs/1704.00028"
    reports = {"wasserstein": "critic", "d_loss": "critic", "g_loss": "generator"}
    judges_in = "scores"
    judges_images = ("critic",)
    batch_size = 64
    default_steps = 600
    small = {"n_critic": 2}

    def __init__(
        self,
        image_shape: tuple = (64, 64, 3),
        latent_dim: int = 128,
        width: int = 64,
        n_critic: int = 5,
        penalty: float = 10.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.latent_dim = latent_dim
        self.batches_per_step = n_critic
        self.penalty = penalty
        self.generator = generator(image_shape, latent_dim, width)
        # without the bias of the score, which would cancel in the loss
        self.critic = discriminator(image_shape, width, layer_normalization, bias=False, name="critic")

    def players(self):
        return {
            "critic": (keras.optimizers.Adam(1e-4, beta_1=0.0, beta_2=0.9), self.critic),
            "generator": (keras.optimizers.Adam(1e-4, beta_1=0.0, beta_2=0.9), self.generator),
        }

    def train_step(self, batch):
        # algorithm 1
        for x in tf.split(batch, self.batches_per_step):
            n = tf.shape(x)[0]
            fake = self.generator(self.prior(n), training=True)
            epsilon = self.noise.uniform((n, 1, 1, 1))
            x_hat = epsilon * x + (1 - epsilon) * fake
            with tf.GradientTape() as tape:
                d_real, d_fake = self.critic(x, training=True), self.critic(fake, training=True)
                wasserstein = tf.reduce_mean(d_real) - tf.reduce_mean(d_fake)
                penalty = tf.reduce_mean((gradient_norms(self.critic, x_hat, training=True) - 1) ** 2)
                d_loss = -wasserstein + self.penalty * penalty
            self.minimize("critic", d_loss, tape)

        with tf.GradientTape() as tape:
            g_loss = -tf.reduce_mean(self.critic(self.generator(self.prior(n), training=True), training=True))
        self.minimize("generator", g_loss, tape)

        return self.report(wasserstein=wasserstein, d_loss=d_loss, g_loss=g_loss)

    def judge(self, x):
        return self.critic(x), self.critic(self(self.prior(tf.shape(x)[0], seed=0)))
