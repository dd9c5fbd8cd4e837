"""SGAN on MNIST: a classifier from ten labelled images of each digit and 60,000 images without labels."""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.models import SGAN


def main(data="mnist", run="runs/sgan-mnist", epochs=2, resume=False, data_dir=None, more=()):
    keras.utils.set_random_seed(0)
    digits = load(data, takes="partly_labelled", labels=100, batch_size=64, data_dir=data_dir)

    model = SGAN(image_shape=digits.image_shape, classes=digits.classes, width=16)
    model.compile()
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    recipe.run(main)
