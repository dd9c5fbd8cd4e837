"""alpha-GAN on MNIST, half as wide as the default, for a CPU."""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.models import AlphaGAN


def main(data="mnist", run="runs/alpha_gan-mnist", epochs=3, resume=False, data_dir=None, more=()):
    keras.utils.set_random_seed(0)
    digits = load(data, takes="images", batch_size=64, data_dir=data_dir)

    model = AlphaGAN(image_shape=digits.image_shape, latent_dim=50, width=32)
    model.compile()
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    recipe.run(main)
