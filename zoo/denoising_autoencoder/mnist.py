"""The denoising autoencoder on MNIST, a quarter of each image destroyed."""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.models import DenoisingAutoencoder


def main(data="mnist", run="runs/denoising_autoencoder-mnist", epochs=15, resume=False, data_dir=None):
    keras.utils.set_random_seed(0)
    digits = load(data, takes="images", batch_size=100, data_dir=data_dir)

    model = DenoisingAutoencoder(digits.image_shape, width=450, destroyed=0.25)
    model.compile()
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume))


if __name__ == "__main__":
    recipe.run(main)
