"""f-AnoGAN on one digit of MNIST: a WGAN-GP learns to draw it, then an encoder to find it again.

normal: labels of the images that are learnt: 8, 3,5 or cat
"""

from pathlib import Path

import keras

import kerasgan
from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.models import WGANGP, FAnoGAN


def main(data="mnist", run="runs/f_anogan-mnist", epochs=22, resume=False, normal="8", data_dir=None):
    digits = load(data, task="one_class", normal=normal, batch_size=64, data_dir=data_dir)
    small = {"image_shape": digits.image_shape, "latent_dim": 64, "width": 16}

    def adam(rate, **betas):
        """Few steps want high rates, which have to fall."""
        return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, epochs * len(digits)), **betas)

    keras.utils.set_random_seed(0)
    gan_run = Path(f"{run}-wgan_gp")
    gan = WGANGP(**small, n_critic=1)
    gan.compile(critic=adam(1e-3, beta_1=0.5, beta_2=0.9), generator=adam(1e-3, beta_1=0.5, beta_2=0.9))
    gan.fit(digits, epochs=epochs, callbacks=callbacks.standard(gan_run, digits, resume and gan_run.exists()))

    model = FAnoGAN(**small)
    model.start_from(kerasgan.restore(gan_run))
    model.compile(encoder=adam(2e-3))
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume and Path(run).exists()))


if __name__ == "__main__":
    recipe.run(main)
