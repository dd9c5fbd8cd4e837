"""LSGAN on MNIST, half as wide as the paper's, for a CPU."""

import sys

import keras

from kerasgan import callbacks, data
from kerasgan.models import LSGAN


def main(name="mnist", run="runs/lsgan-mnist", epochs=4, resume=False, more=()):
    keras.utils.set_random_seed(0)
    digits = data.load(name, takes="images", batch_size=64)

    model = LSGAN(image_shape=digits.image_shape, width=32)
    model.compile()
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    main(resume="--resume" in sys.argv)
