"""The denoising autoencoder on MNIST, a quarter of each image destroyed."""

import sys

import keras

from kerasgan import callbacks, data
from kerasgan.models import DenoisingAutoencoder


def main(name="mnist", run="runs/denoising_autoencoder-mnist", epochs=15, resume=False):
    keras.utils.set_random_seed(0)
    digits = data.load(name, takes="images", batch_size=100)

    model = DenoisingAutoencoder(digits.image_shape, width=450, destroyed=0.25)
    model.compile()
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume))


if __name__ == "__main__":
    main(resume="--resume" in sys.argv)
