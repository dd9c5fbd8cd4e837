"""pix2pix from label maps of facades to photographs, at 64x64 and a CPU's size.

data: the folder of the pix2pix data set, whose pictures hold a photograph (left) and its label map (right).
"""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.models import Pix2Pix


def main(
    data="facades",
    run="runs/pix2pix-facades",
    epochs=25,
    resume=False,
    seed=0,
    right_to_left=True,
    adversarial=1.0,
):
    """Train from labels to photographs, or the other way.

    right_to_left: from labels to photographs
    adversarial: weight of the discriminator's verdict
    """
    keras.utils.set_random_seed(seed)
    both = {"image_size": (64, 64), "halves": True, "right_to_left": right_to_left}
    pairs = load(data, takes="pairs", batch_size=4, mirror=True, seed=seed, **both)

    model = Pix2Pix(image_shape=pairs.image_shape, width=32, patch=34, adversarial=adversarial)
    model.compile()
    model.fit(pairs, epochs=epochs, callbacks=callbacks.standard(run, pairs, resume))


if __name__ == "__main__":
    recipe.run(main)
