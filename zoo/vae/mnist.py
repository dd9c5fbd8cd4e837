"""VAE on MNIST, with a second hidden layer on each side."""

import sys

import keras

from kerasgan import callbacks, data
from kerasgan.models import VAE


def main(name="mnist", run="runs/vae-mnist", epochs=30, resume=False, more=()):
    keras.utils.set_random_seed(0)
    digits = data.load(name, takes="images", batch_size=100)

    model = VAE(digits.image_shape, latent_dim=20, width=300, depth=2)
    model.compile()
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    main(resume="--resume" in sys.argv)
