"""SAGAN on CIFAR-10 with its labels, at half of the paper's width, for a CPU."""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.metrics import feature_network
from kerasgan.models import SAGAN

BATCH_SIZE = 64
PRECISION = "mixed_bfloat16"


def compiled(image_shape, classes):
    model = SAGAN(image_shape, classes, width=32, half_life=50_000)
    model.compile()
    return model


def main(data="cifar10", run="runs/sagan-cifar10", epochs=10, resume=False, seed=0, data_dir=None):
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(PRECISION)
    pictures = load(data, takes="labelled", batch_size=BATCH_SIZE, mirror=True, data_dir=data_dir, seed=seed)

    model = compiled(pictures.image_shape, pictures.classes)
    real, network = pictures.some(1000), feature_network("cifar10")
    evaluation = callbacks.Evaluation(run, real, network, n=len(real))
    watching = callbacks.standard(run, pictures, resume, more=(evaluation,), best=True, half=True)
    model.fit(pictures, epochs=epochs, callbacks=watching)


if __name__ == "__main__":
    recipe.run(main)
