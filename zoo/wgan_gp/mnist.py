"""WGAN-GP on MNIST, half as wide as the paper's, for a CPU."""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.models import WGANGP


def main(data="mnist", run="runs/wgan_gp-mnist", epochs=7, resume=False, data_dir=None, more=()):
    keras.utils.set_random_seed(0)
    digits = load(data, takes="images", batch_size=64, data_dir=data_dir)

    model = WGANGP(image_shape=digits.image_shape, width=32)
    players = ("critic", "generator")
    model.compile(**{p: keras.optimizers.Adam(5e-4, beta_1=0.0, beta_2=0.9) for p in players})  # minutes, not hours
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    recipe.run(main)
