"""GAN on MNIST, with dense networks and a generator of 480 units a layer."""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.models import GAN


def main(data="mnist", run="runs/gan-mnist", epochs=15, resume=False, data_dir=None, more=()):
    keras.utils.set_random_seed(0)
    digits = load(data, takes="images", batch_size=100, data_dir=data_dir)

    model = GAN(digits.image_shape, width=480)
    model.compile()
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    recipe.run(main)
