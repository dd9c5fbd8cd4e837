"""LSGAN. Mao et al., 2017. https://arxiv.org/abs/1611.04076"""

import tensorflow as tf

from kerasgan.models.dcgan import DCGAN


class LSGAN(DCGAN):
    """A discriminator learns by least squares to score real images 1 and fake ones 0: no score is too far off to pull.

    Networks and optimizers are DCGAN's (the paper's have two more layers at each size of its 112x112 images). The
    targets are a = 0, b = c = 1 (equation 9), so that the generator makes fakes as real as possible.
    """

    paper = "https://arxiv.org/abs/1611.04076"

    def train_step(self, x):
        n = tf.shape(x)[0]

        # equation 9: min_D  1/2 E (D(x) - 1)^2 + 1/2 E D(G(z))^2
        fake = self.generator(self.prior(n), training=True)
        with tf.GradientTape() as tape:
            d_real, d_fake = self.discriminator(x, training=True), self.discriminator(fake, training=True)
            d_loss = 0.5 * tf.reduce_mean((d_real - 1) ** 2) + 0.5 * tf.reduce_mean(d_fake**2)
        self.minimize("discriminator", d_loss, tape)

        # min_G  1/2 E (D(G(z)) - 1)^2
        with tf.GradientTape() as tape:
            d_fake = self.discriminator(self.generator(self.prior(n), training=True), training=True)
            g_loss = 0.5 * tf.reduce_mean((d_fake - 1) ** 2)
        self.minimize("generator", g_loss, tape)

        return self.report(d_loss=d_loss, g_loss=g_loss)

    def judge(self, x):
        """Return the scores: the best discriminator's are p_data / (p_data + p_g), the probabilities of GAN's."""
        return self.discriminator(x), self.discriminator(self(self.prior(tf.shape(x)[0], seed=0)))
