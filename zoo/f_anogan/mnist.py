"""f-AnoGAN on one digit of MNIST: a WGAN-GP learns to draw it, then an encoder to find it again."""

import sys
from pathlib import Path

import keras

import kerasgan
from kerasgan import callbacks, data
from kerasgan.models import WGANGP, FAnoGAN


def main(name="mnist", run="runs/f_anogan-mnist", epochs=16, resume=False, normal=8):
    images, labels = data.load(name, takes="labelled").columns
    about = {"name": str(name), "normal": normal}
    digits = data.Batches((images[labels == normal],), "images", batch_size=64, about=about)
    small = {"image_shape": digits.image_shape, "latent_dim": 32, "width": 16}

    gan_run = Path(f"{run}-wgan_gp")
    keras.utils.set_random_seed(0)
    gan = WGANGP(**small, n_critic=2)
    gan.compile(**{player: keras.optimizers.Adam(5e-4, beta_1=0.0, beta_2=0.9) for player in ("critic", "generator")})
    gan.fit(digits, epochs=epochs, callbacks=callbacks.standard(gan_run, digits, resume and gan_run.exists()))

    model = FAnoGAN(**small)
    model.start_from(kerasgan.restore(gan_run))
    model.compile(encoder=keras.optimizers.Adam(1e-3))
    resume = resume and Path(run).exists()
    model.fit(digits, epochs=max(1, epochs // 2), callbacks=callbacks.standard(run, digits, resume))


if __name__ == "__main__":
    main(resume="--resume" in sys.argv)
