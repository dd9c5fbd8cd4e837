"""VAE on MNIST, with a second hidden layer on each side."""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.models import VAE


def main(data="mnist", run="runs/vae-mnist", epochs=30, resume=False, data_dir=None, more=()):
    keras.utils.set_random_seed(0)
    digits = load(data, takes="images", batch_size=100, data_dir=data_dir)

    model = VAE(digits.image_shape, latent_dim=20, width=300, depth=2)
    model.compile()
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    recipe.run(main)
