"""A context encoder on photographs of facades, at 64x64 and a CPU's size.

data: the folder of the pix2pix data set, whose pictures hold a photograph (left) and its label map (right).
"""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import Batches, side_by_side
from kerasgan.models import ContextEncoder


def main(data="facades", run="runs/context_encoder-facades", epochs=100, resume=False):
    keras.utils.set_random_seed(0)
    photographs, _ = side_by_side(data, image_size=(64, 64))
    pictures = Batches((photographs.images,), "images", batch_size=16, mirror=True, about=photographs.about)

    model = ContextEncoder(image_shape=pictures.image_shape, width=32, overlap=3)
    model.compile()
    model.fit(pictures, epochs=epochs, callbacks=callbacks.standard(run, pictures, resume))


if __name__ == "__main__":
    recipe.run(main)
