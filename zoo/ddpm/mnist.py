"""DDPM on MNIST, with a network of a CPU's size."""

import sys

import keras

from kerasgan import callbacks, data
from kerasgan.models import DDPM
from kerasgan.models.ddpm import Warmup


def main(name="mnist", run="runs/ddpm-mnist", epochs=3, resume=False, more=()):
    keras.utils.set_random_seed(0)
    digits = data.load(name, takes="images", batch_size=64)

    model = DDPM(image_shape=digits.image_shape, width=16, multipliers="1,2,3", blocks=1, dropout=0.0)
    model.compile(denoiser=keras.optimizers.Adam(Warmup(1e-3, steps=200)))
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    main(resume="--resume" in sys.argv)
