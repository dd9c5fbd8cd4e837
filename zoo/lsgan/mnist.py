"""LSGAN on MNIST, half as wide as the paper's, for a CPU."""

import sys

import keras

from kerasgan import callbacks, data
from kerasgan.models import LSGAN

EPOCHS = 8


def main(name="mnist", run="runs/lsgan-mnist", epochs=EPOCHS, resume=False, more=()):
    keras.utils.set_random_seed(0)
    digits = data.load(name, takes="images", batch_size=64)

    model = LSGAN(image_shape=digits.image_shape, latent_dim=32, width=32)
    rate = keras.optimizers.schedules.CosineDecay(1e-3, EPOCHS * len(digits))  # not 2e-4: minutes, not hours
    model.compile(
        discriminator=keras.optimizers.Adam(rate, beta_1=0.5),
        generator=keras.optimizers.Adam(rate, beta_1=0.5),
    )
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    main(resume="--resume" in sys.argv)
