"""GAN on MNIST, with dense networks and a generator of 480 units a layer."""

import sys

import keras

from kerasgan import callbacks, data
from kerasgan.models import GAN


def main(name="mnist", run="runs/gan-mnist", epochs=15, resume=False, more=()):
    keras.utils.set_random_seed(0)
    digits = data.load(name, takes="images", batch_size=100)

    model = GAN(digits.image_shape, width=480)
    model.compile()
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    main(resume="--resume" in sys.argv)
