"""CGAN on MNIST: ask for a digit, get that digit."""

import sys

import keras

from kerasgan import callbacks, data
from kerasgan.models import CGAN


def main(name="mnist", run="runs/cgan-mnist", epochs=15, resume=False, more=()):
    keras.utils.set_random_seed(0)
    digits = data.load(name, takes="labelled", batch_size=100)

    model = CGAN(digits.image_shape, classes=digits.classes, width=480)
    model.compile()
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    main(resume="--resume" in sys.argv)
