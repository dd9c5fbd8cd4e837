"""SRGAN on photographs of facades, four times larger, learnt on tiles of 64x64 at a CPU's size.

It starts from the SRResNet of ../srresnet/facades.py, and sees with the feature network of features.py.

data: the folder of the pix2pix data set, whose pictures hold a photograph on the left.

first: the run of zoo/srresnet/facades.py that it starts from
features: what zoo/srgan/features.py wrote
"""

import keras

import kerasgan
from kerasgan import callbacks, images, recipe
from kerasgan.data import Batches, Degradation, side_by_side
from kerasgan.models import SRGAN


def main(
    data="facades",
    run="runs/srgan-facades",
    epochs=1,
    resume=False,
    seed=0,
    first="runs/srresnet-facades",
    features="runs/features.keras",
):
    keras.utils.set_random_seed(seed)
    photographs, _ = side_by_side(data, (256, 256))
    tiles = images.tiles(photographs.images, 64)
    smaller = Degradation("super_resolution", {"scale": 4})
    pairs = Batches((tiles,), "pairs", 16, seed, mirror=True, about=photographs.about, degradation=smaller)

    # Of a blurred image these features differ about 23 times as much as its pixels; those of VGG19 are scaled to differ
    # as much as pixels (section 3.2). A larger weight keeps the balance of the two losses.
    steps = epochs * len(pairs)
    model = SRGAN(pairs.image_shape, width=32, blocks=4, adversarial=0.02, features=features, total_steps=steps)
    model.start_from(kerasgan.restore(first))
    model.compile()
    model.fit(pairs, epochs=epochs, callbacks=callbacks.standard(run, pairs, resume))


if __name__ == "__main__":
    recipe.run(main)
