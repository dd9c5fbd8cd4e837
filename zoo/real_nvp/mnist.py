"""RealNVP on MNIST, small enough for one core: networks of one residual block, which see 2x2 pixels as one.

held_out: also measure the test split after each epoch
"""

import keras

from kerasgan import callbacks, recipe
from kerasgan.data import load
from kerasgan.models import RealNVP


def main(data="mnist", run="runs/real_nvp-mnist", epochs=24, resume=False, data_dir=None, more=(), held_out=False):
    keras.utils.set_random_seed(0)
    digits = load(data, takes="images", batch_size=32, data_dir=data_dir)

    model = RealNVP(digits.image_shape, width=32, growth=1, blocks=1, patch=2)
    rate = keras.optimizers.schedules.CosineDecay(5e-3, epochs * len(digits))  # not 1e-3: hours, not days
    model.compile(flow=keras.optimizers.Adam(rate))
    test = load(data, takes="images", split="test", batch_size=200, data_dir=data_dir) if held_out else None
    model.fit(digits, epochs=epochs, validation_data=test, callbacks=callbacks.standard(run, digits, resume, more=more))


if __name__ == "__main__":
    recipe.run(main, held_out=True)
