"""RealNVP on MNIST, small enough for one core: networks of one residual block, which see 2x2 pixels as one."""

import sys

import keras

from kerasgan import callbacks, data
from kerasgan.models import RealNVP

EPOCHS = 24


def main(name="mnist", run="runs/real_nvp-mnist", epochs=EPOCHS, resume=False, more=(), held_out=None):
    keras.utils.set_random_seed(0)
    digits = data.load(name, takes="images", batch_size=32)

    model = RealNVP(digits.image_shape, width=32, growth=1, blocks=1, patch=2)
    rate = keras.optimizers.schedules.CosineDecay(5e-3, EPOCHS * len(digits))  # not 1e-3: hours, not days
    model.compile(flow=keras.optimizers.Adam(rate))
    model.fit(
        digits, epochs=epochs, validation_data=held_out, callbacks=callbacks.standard(run, digits, resume, more=more)
    )


def test_digits():
    return data.Batches((data.tensorflow_dataset("mnist", split="test").images,), "images", 200)


if __name__ == "__main__":
    main(resume="--resume" in sys.argv, held_out=test_digits())
