"""SRResNet on photographs of facades, four times larger, learnt on tiles of 64x64 at a CPU's size.

data: the folder of the pix2pix data set, whose pictures hold a photograph on the left.
"""

import keras

from kerasgan import callbacks, images, recipe
from kerasgan.data import Batches, Degradation, side_by_side
from kerasgan.models import SRResNet


def main(data="facades", run="runs/srresnet-facades", epochs=3, resume=False, seed=0):
    keras.utils.set_random_seed(seed)
    photographs, _ = side_by_side(data, (256, 256))
    tiles = images.tiles(photographs.images, 64)
    smaller = Degradation("super_resolution", {"scale": 4})
    pairs = Batches((tiles,), "pairs", 16, seed, mirror=True, about=photographs.about, degradation=smaller)

    model = SRResNet(pairs.image_shape, width=32, blocks=4)
    model.compile(generator=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, epochs * len(pairs))))
    model.fit(pairs, epochs=epochs, callbacks=callbacks.standard(run, pairs, resume))


if __name__ == "__main__":
    recipe.run(main)
