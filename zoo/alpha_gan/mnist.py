"""alpha-GAN on MNIST, half as wide as the default, for a CPU."""

import sys

import keras

from kerasgan import callbacks, data
from kerasgan.models import AlphaGAN


def main(name="mnist", run="runs/alpha_gan-mnist", epochs=3, resume=False, more=()):
    keras.utils.set_random_seed(0)
    digits = data.load(name, takes="images", batch_size=64)

    model = AlphaGAN(image_shape=digits.image_shape, latent_dim=50, width=32)
    model.compile()
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    main(resume="--resume" in sys.argv)
