"""DDPM on CIFAR-10, with a network of a CPU's size: a first look, not the paper's result."""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.models import DDPM
from kerasgan.models.ddpm import Warmup


def main(data="cifar10", run="runs/ddpm-cifar10", epochs=3, resume=False, data_dir=None):
    keras.utils.set_random_seed(0)
    pictures = load(data, takes="images", batch_size=32, mirror=True, data_dir=data_dir)

    model = DDPM(image_shape=pictures.image_shape, width=16, multipliers="1,2,4", blocks=1, dropout=0.0)
    model.compile(denoiser=keras.optimizers.Adam(Warmup(1e-3, steps=200)))
    model.fit(pictures, epochs=epochs, callbacks=callbacks.standard(run, pictures, resume))


if __name__ == "__main__":
    recipe.run(main)
