"""R3GAN on a folder of photographs, at 64x64, with small networks of plain convolutions, for a CPU.

data: a folder of photographs, at any depth, or another name that kerasgan.data.load() takes
epochs: times through the photographs: 75 of a thousand are 4,650 steps
size: pixels of a side
"""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.metrics import feature_network
from kerasgan.models import R3GAN

BATCH_SIZE = 8
PRECISION = "mixed_bfloat16"


def compiled(image_shape):
    model = R3GAN(
        image_shape,
        width=256,
        full_width=8,
        blocks=1,
        expansion=1,
        groups=1,
        gamma=0.2,
        gamma_last=0.2,
        penalty_every=4,
        augment="color,translation,cutout",
        half_life=8000,
    )
    rate = 4e-4  # not 2e-4, and not falling: minutes, not days
    model.compile(
        discriminator=keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.99),
        generator=keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.99),
    )
    return model


def main(data="photographs", run="runs/r3gan-photographs", epochs=75, resume=False, seed=0, data_dir=None, size=64):
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(PRECISION)
    photographs = load(data, "images", BATCH_SIZE, (size, size), 3, data_dir=data_dir, mirror=True, seed=seed)

    model = compiled(photographs.image_shape)
    # Samples are compared with what is learnt: there is too little to hold any back.
    real, network = photographs.some(1000), feature_network("cifar10")
    evaluation = callbacks.Evaluation(run, real, network, every=max(1, epochs // 15), n=len(real))
    watching = callbacks.standard(run, photographs, resume, more=(evaluation,), best=True, half=True)
    model.fit(photographs, epochs=epochs, callbacks=watching)


if __name__ == "__main__":
    recipe.run(main)
