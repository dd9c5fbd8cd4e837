"""CycleGAN between photographs of facades and their label maps, unpaired, at 64x64 and a CPU's size.

data: the folder of the pix2pix data set, whose pictures hold a photograph (left) and its label map (right).
"""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.models import CycleGAN


def main(data="facades", run="runs/cyclegan-facades", epochs=10, resume=False, seed=0):
    keras.utils.set_random_seed(seed)
    both = {"image_size": (64, 64), "halves": True}
    domains = load(data, takes="domains", batch_size=1, mirror=True, seed=seed, **both)

    model = CycleGAN(image_shape=domains.image_shape, width=16, blocks=3, total_steps=epochs * len(domains))
    model.compile()
    model.fit(domains, epochs=epochs, callbacks=callbacks.standard(run, domains, resume))


if __name__ == "__main__":
    recipe.run(main)
