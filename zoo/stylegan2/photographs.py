"""StyleGAN2 on a folder of photographs, at 64x64, with networks of an eighth of the paper's width, for a CPU.

data: a folder of photographs, at any depth, or another name that kerasgan.data.load() takes
epochs: times through the photographs: 75 of a thousand are 4,650 steps
size: pixels of a side
"""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.metrics import feature_network
from kerasgan.models import StyleGAN2

BATCH_SIZE = 16
PRECISION = "mixed_bfloat16"


def compiled(image_shape):
    model = StyleGAN2(
        image_shape,
        latent_dim=64,
        width=64,
        full_width=16,
        mapping_layers=4,
        gamma=0.5,  # not 10, which is for 1024x1024
        mixing=0.0,  # none, no penalty on path lengths, and one group, as the authors have it for CIFAR-10:
        path_weight=0.0,  # with them, all images are alike for the first thousands of steps
        group=BATCH_SIZE,
        augment="color,translation,cutout",
        half_life=5500,
    )
    model.compile()
    return model


def main(data="photographs", run="runs/stylegan2-photographs", epochs=75, resume=False, seed=0, data_dir=None, size=64):
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(PRECISION)
    photographs = load(data, "images", BATCH_SIZE, (size, size), 3, data_dir=data_dir, mirror=True, seed=seed)

    model = compiled(photographs.image_shape)
    # Samples are compared with what is learnt: there is too little to hold any back.
    real, network = photographs.some(1000), feature_network("cifar10")
    evaluation = callbacks.Evaluation(run, real, network, every=max(1, epochs // 15), n=len(real))
    watching = callbacks.standard(run, photographs, resume, more=(evaluation,), best=True, half=True)
    model.fit(photographs, epochs=epochs, callbacks=watching)


if __name__ == "__main__":
    recipe.run(main)
