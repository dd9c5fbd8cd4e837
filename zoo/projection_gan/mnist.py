"""Projection discriminator on MNIST, at half of DCGAN's width: half an hour of one core."""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.models import ProjectionGAN


def main(data="mnist", run="runs/projection_gan-mnist", epochs=20, resume=False, data_dir=None, more=()):
    keras.utils.set_random_seed(0)
    digits = load(data, takes="labelled", batch_size=64, data_dir=data_dir)

    model = ProjectionGAN(digits.image_shape, classes=digits.classes, latent_dim=32, width=32)
    rate = keras.optimizers.schedules.CosineDecay(1e-3, epochs * len(digits))  # not 2e-4: minutes, not hours
    model.compile(
        discriminator=keras.optimizers.Adam(rate, beta_1=0.5),
        generator=keras.optimizers.Adam(rate, beta_1=0.5),
    )
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    recipe.run(main)
