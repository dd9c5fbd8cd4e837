"""SRResNet on photographs of facades, four times larger, learnt on tiles of 64x64 at a CPU's size.

facades: the folder of the pix2pix data set, whose pictures hold a photograph on the left.
"""

import sys

import keras

from kerasgan import callbacks, data, images
from kerasgan.models import SRResNet


def main(facades="facades", run="runs/srresnet-facades", epochs=3, resume=False, seed=0):
    keras.utils.set_random_seed(seed)
    photographs, _ = data.side_by_side(facades, (256, 256))
    tiles = images.tiles(photographs.images, 64)
    smaller = data.Degradation("super_resolution", {"scale": 4})
    pairs = data.Batches((tiles,), "pairs", 16, seed, mirror=True, about=photographs.about, degradation=smaller)

    model = SRResNet(pairs.image_shape, width=32, blocks=4)
    model.compile(generator=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, epochs * len(pairs))))
    model.fit(pairs, epochs=epochs, callbacks=callbacks.standard(run, pairs, resume))


if __name__ == "__main__":
    main(*[a for a in sys.argv[1:] if a != "--resume"][:1], resume="--resume" in sys.argv)
