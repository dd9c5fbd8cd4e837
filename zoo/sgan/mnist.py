"""SGAN on MNIST: a classifier from ten labelled images of each digit and 60,000 images without labels."""

import sys

import keras

from kerasgan import callbacks, data
from kerasgan.models import SGAN


def main(name="mnist", run="runs/sgan-mnist", epochs=2, resume=False, more=()):
    keras.utils.set_random_seed(0)
    digits = data.load(name, takes="partly_labelled", labels=100, batch_size=64)

    model = SGAN(image_shape=digits.image_shape, classes=digits.classes, width=16)
    model.compile()
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    main(resume="--resume" in sys.argv)
