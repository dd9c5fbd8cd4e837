"""A context encoder on CIFAR-10, half as wide as the paper's, for a CPU."""

import sys

import keras

from kerasgan import callbacks, data
from kerasgan.models import ContextEncoder


def main(name="cifar10", run="runs/context_encoder-cifar10", epochs=6, resume=False, seed=0):
    keras.utils.set_random_seed(seed)
    pictures = data.load(name, takes="images", batch_size=64, mirror=True, seed=seed)

    model = ContextEncoder(image_shape=pictures.image_shape, width=32, overlap=2)
    model.compile()
    model.fit(pictures, epochs=epochs, callbacks=callbacks.standard(run, pictures, resume))


if __name__ == "__main__":
    main(resume="--resume" in sys.argv)
