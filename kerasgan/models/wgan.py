"""WGAN. Arjovsky, Chintala and Bottou, 2017. https://arxiv.org/abs/1701.07875"""

import keras
import tensorflow as tf

from kerasgan.model import GenerativeModel
from kerasgan.models.dcgan import discriminator, generator


class WGAN(GenerativeModel):
    """A critic with small weights estimates how far fake images are from real ones, and the generator closes the gap.

    Networks are DCGAN's (section 4.2). Everything the critic learns is clipped, scales and offsets of its batch
    normalisation too, but not its moving statistics. Each critic step sees fresh images: a batch given to fit() holds
    `n_critic` minibatches, and kerasgan.data sees to that.

    n_critic: steps of the critic for one of the generator
    clip: largest size of a weight of the critic, c in algorithm 1
    """

    paper = "https://arxiv.org/abs/1701.07875"
    reports = {"wasserstein": "critic", "g_loss": "generator"}
    judges_in = "scores"
    judges_images = ("critic",)
    batch_size = 64
    default_steps = 600
    small = {"n_critic": 2}

    def __init__(
        self,
        image_shape: tuple = (64, 64, 3),
        latent_dim: int = 100,
        width: int = 64,
        n_critic: int = 5,
        clip: float = 0.01,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = image_shape
        self.latent_dim = latent_dim
        self.batches_per_step = n_critic
        self.clip = clip
        self.generator = generator(image_shape, latent_dim, width)
        # without the bias of the score, which would cancel in the loss
        self.critic = discriminator(image_shape, width, bias=False, name="critic")
        self.clip_critic()

    def players(self):
        return {
            "critic": (keras.optimizers.RMSprop(5e-5), self.critic),
            "generator": (keras.optimizers.RMSprop(5e-5), self.generator),
        }

    def train_step(self, batch):
        # algorithm 1
        for x in tf.split(batch, self.batches_per_step):
            n = tf.shape(x)[0]
            fake = self.generator(self.prior(n), training=True)
            with tf.GradientTape() as tape:
                d_real, d_fake = self.critic(x, training=True), self.critic(fake, training=True)
                wasserstein = tf.reduce_mean(d_real) - tf.reduce_mean(d_fake)
                d_loss = -wasserstein
            self.minimize("critic", d_loss, tape)
            self.clip_critic()

        with tf.GradientTape() as tape:
            g_loss = -tf.reduce_mean(self.critic(self.generator(self.prior(n), training=True), training=True))
        self.minimize("generator", g_loss, tape)

        return self.report(wasserstein=wasserstein, g_loss=g_loss)

    def judge(self, x):
        return self.critic(x), self.critic(self(self.prior(tf.shape(x)[0], seed=0)))

    def clip_critic(self):
        """w <- clip(w, -c, c)."""
        for w in self.critic.trainable_weights:
            w.assign(tf.clip_by_value(w, -self.clip, self.clip))
