"""WGAN on MNIST, half as wide as the paper's, for a CPU."""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.models import WGAN


def main(data="mnist", run="runs/wgan-mnist", epochs=7, resume=False, data_dir=None, more=()):
    keras.utils.set_random_seed(0)
    digits = load(data, takes="images", batch_size=64, data_dir=data_dir)

    model = WGAN(image_shape=digits.image_shape, width=32)
    players = ("critic", "generator")
    model.compile(**{p: keras.optimizers.RMSprop(4e-4) for p in players})  # minutes, not hours
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    recipe.run(main)
