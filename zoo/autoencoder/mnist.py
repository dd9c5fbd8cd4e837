"""The deep autoencoder on MNIST, about a third as wide as the paper's."""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.models import Autoencoder


def main(data="mnist", run="runs/autoencoder-mnist", epochs=25, resume=False, data_dir=None):
    keras.utils.set_random_seed(0)
    digits = load(data, takes="images", batch_size=100, data_dir=data_dir)

    model = Autoencoder(digits.image_shape, width=350)
    model.compile()
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume))


if __name__ == "__main__":
    recipe.run(main)
