"""DCGAN on MNIST, at the 28x28 pixels it comes in and half of the paper's width, for a CPU."""

import sys

import keras

from kerasgan import callbacks, data
from kerasgan.models import DCGAN


def main(name="mnist", run="runs/dcgan-mnist", epochs=4, resume=False, more=()):
    keras.utils.set_random_seed(0)
    digits = data.load(name, takes="images", batch_size=64)

    model = DCGAN(image_shape=digits.image_shape, width=32)
    model.compile()
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    main(resume="--resume" in sys.argv)
