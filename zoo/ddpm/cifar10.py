"""DDPM on CIFAR-10, with a network of a CPU's size: a first look, not the paper's result."""

import sys

import keras

from kerasgan import callbacks, data
from kerasgan.models import DDPM
from kerasgan.models.ddpm import Warmup


def main(name="cifar10", run="runs/ddpm-cifar10", epochs=3, resume=False):
    keras.utils.set_random_seed(0)
    pictures = data.load(name, takes="images", batch_size=32, mirror=True)

    model = DDPM(image_shape=pictures.image_shape, width=16, multipliers="1,2,4", blocks=1, dropout=0.0)
    model.compile(denoiser=keras.optimizers.Adam(Warmup(1e-3, steps=200)))
    model.fit(pictures, epochs=epochs, callbacks=callbacks.standard(run, pictures, resume))


if __name__ == "__main__":
    main(resume="--resume" in sys.argv)
