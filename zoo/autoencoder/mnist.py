"""The deep autoencoder on MNIST, about a third as wide as the paper's."""

import sys

import keras

from kerasgan import callbacks, data
from kerasgan.models import Autoencoder


def main(name="mnist", run="runs/autoencoder-mnist", epochs=25, resume=False):
    keras.utils.set_random_seed(0)
    digits = data.load(name, takes="images", batch_size=100)

    model = Autoencoder(digits.image_shape, width=350)
    model.compile()
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume))


if __name__ == "__main__":
    main(resume="--resume" in sys.argv)
