"""DDPM on MNIST, with a network of a CPU's size."""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.models import DDPM
from kerasgan.models.ddpm import Warmup


def main(data="mnist", run="runs/ddpm-mnist", epochs=3, resume=False, data_dir=None, more=()):
    keras.utils.set_random_seed(0)
    digits = load(data, takes="images", batch_size=64, data_dir=data_dir)

    model = DDPM(image_shape=digits.image_shape, width=16, multipliers="1,2,3", blocks=1, dropout=0.0)
    model.compile(denoiser=keras.optimizers.Adam(Warmup(1e-3, steps=200)))
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    recipe.run(main)
