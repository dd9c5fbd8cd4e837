"""R3GAN on MNIST, with small networks of plain convolutions, for a CPU."""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.models import R3GAN


def main(data="mnist", run="runs/r3gan-mnist", epochs=12, resume=False, data_dir=None, more=()):
    keras.utils.set_random_seed(0)
    digits = load(data, takes="images", batch_size=64, data_dir=data_dir)

    model = R3GAN(
        digits.image_shape,
        width=64,
        full_width=7,
        blocks=1,
        expansion=1,
        groups=1,
        gamma=0.2,
        gamma_last=0.02,
        penalty_every=4,
        total_steps=epochs * digits.steps_per_epoch(R3GAN.batches_per_step),
        half_life=20_000,
    )
    rate = keras.optimizers.schedules.CosineDecay(1e-3, model.total_steps, alpha=0.1)  # not 2e-4: minutes, not days
    model.compile(
        discriminator=keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.99),
        generator=keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.99),
    )
    model.fit(digits, epochs=epochs, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    recipe.run(main)
