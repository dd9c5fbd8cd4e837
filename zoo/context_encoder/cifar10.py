"""A context encoder on CIFAR-10, half as wide as the paper's, for a CPU."""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.models import ContextEncoder


def main(data="cifar10", run="runs/context_encoder-cifar10", epochs=6, resume=False, seed=0, data_dir=None):
    keras.utils.set_random_seed(seed)
    pictures = load(data, takes="images", batch_size=64, mirror=True, seed=seed, data_dir=data_dir)

    model = ContextEncoder(image_shape=pictures.image_shape, width=32, overlap=2)
    model.compile()
    model.fit(pictures, epochs=epochs, callbacks=callbacks.standard(run, pictures, resume))


if __name__ == "__main__":
    recipe.run(main)
