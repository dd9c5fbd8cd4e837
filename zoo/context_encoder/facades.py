"""A context encoder on photographs of facades, at 64x64 and a CPU's size.

facades: the folder of the pix2pix data set, whose pictures hold a photograph (left) and its label map (right).
"""

import sys

import keras

from kerasgan import callbacks, data
from kerasgan.models import ContextEncoder


def main(facades="facades", run="runs/context_encoder-facades", epochs=100, resume=False):
    keras.utils.set_random_seed(0)
    photographs, _ = data.side_by_side(facades, image_size=(64, 64))
    pictures = data.Batches((photographs.images,), "images", batch_size=16, mirror=True, about=photographs.about)

    model = ContextEncoder(image_shape=pictures.image_shape, width=32, overlap=3)
    model.compile()
    model.fit(pictures, epochs=epochs, callbacks=callbacks.standard(run, pictures, resume))


if __name__ == "__main__":
    main(*[a for a in sys.argv[1:] if a != "--resume"][:1], resume="--resume" in sys.argv)
