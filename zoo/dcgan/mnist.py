"""DCGAN on MNIST, at the 28x28 pixels it comes in and half of the paper's width, for a CPU."""

import sys

import keras

from kerasgan import callbacks, data
from kerasgan.models import DCGAN

EPOCHS = 12


def main(name="mnist", run="runs/dcgan-mnist", epochs=EPOCHS, resume=False, more=()):
    keras.utils.set_random_seed(0)
    digits = data.load(name, takes="images", batch_size=64)

    model = DCGAN(image_shape=digits.image_shape, latent_dim=32, width=32)
    rate = keras.optimizers.schedules.CosineDecay(1e-3, EPOCHS * len(digits))  # not 2e-4: minutes, not hours
    model.compile(
        discriminator=keras.optimizers.Adam(rate, beta_1=0.5),
        generator=keras.optimizers.Adam(rate, beta_1=0.5),
    )
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    main(resume="--resume" in sys.argv)
