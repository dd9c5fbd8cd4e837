"""The classifier of CIFAR-10 whose features and verdicts measure colour images.

Writes a SavedModel with the verbs `classify` (logits) and `features`, whose weights are stored in float16. It computes
with them in float32, so a processor needs to know neither float16 nor bfloat16 to measure with it.

to: folder for the SavedModel
epochs: times through the data in the first round; the others are shorter
backup: folder that keeps training after each epoch: the same command goes on from there
batch_size: images in a minibatch
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

import kerasgan
from kerasgan import images, metrics, recipe, run_folder, saved_model
from kerasgan.augment import DiffAugment
from kerasgan.data import load, tensorflow_dataset

SIDE = 32  # pixels of the images that are learnt
CHANGES = "translation,cutout"  # what is done to images in training, beside mirroring them
# Of each round, how long it is, in epochs asked for, and the rate of SGD at its height.
ROUNDS = ((1.0, 0.2), (0.4, 0.1), (0.5, 0.1))
DECAY = 5e-3  # of kernels, times the rate


def network(patches, classes, dtype):
    """Return a model of images of any size, to logits and to the 256 features that they are taken of.

    A ResNet-9 (Page 2018, "How to train your ResNet", part 4) of half its width, behind a layer that whitens.

    patches: float32[n, 2, 2, 3], of the images to be learnt
    """
    image = keras.Input((None, None, 3))
    kernel = whitening(patches)
    x = layers.Conv2D(
        kernel.shape[-1], 2, padding="same", use_bias=False, trainable=False, dtype="float32", name="whitening"
    )(image)
    x = layers.Activation("relu", dtype=dtype)(x)

    def conv(x, width, pooled):
        x = layers.Conv2D(width, 3, padding="same", use_bias=False, dtype=dtype)(x)
        x = layers.MaxPooling2D(dtype=dtype)(x) if pooled else x
        return layers.ReLU(dtype=dtype)(layers.BatchNormalization(dtype=dtype)(x))

    for width, residual in ((64, True), (128, False), (256, True)):
        x = conv(x, width, pooled=True)
        if residual:
            y = conv(conv(x, width, pooled=False), width, pooled=False)
            x = layers.Add(dtype=dtype)([x, y])
    features = layers.GlobalAveragePooling2D(dtype="float32")(x)
    model = keras.Model(image, [layers.Dense(classes, dtype="float32")(features), features])
    model.get_layer("whitening").set_weights([kernel])
    return model


def whitening(patches):
    """Return the kernel [2, 2, 3, 24] of both signs of the 12 directions of patches, each scaled to variance 1.

    A first layer that need not be learnt: training gets to the same accuracy in fewer epochs (Jordan 2024, 94% on
    CIFAR-10 in 3.29 seconds, section 3.1).
    """
    flat = patches.reshape(-1, 12)
    variances, directions = np.linalg.eigh(flat.T @ flat / len(flat))
    scaled = directions / np.sqrt(variances + 1e-3)  # which keeps directions with nothing but noise small
    return np.concatenate([scaled, -scaled], 1).reshape(2, 2, 3, 24).astype(np.float32)


def patches_of(x):
    """Return all patches of 2x2 in images[n, height, width, 3], as [patch, 2, 2, 3]."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(1, 2))
    return np.moveaxis(windows, 3, -1).reshape(-1, 2, 2, 3)


def optimizer(steps, height):
    """Return SGD whose rate rises for a fifth of the steps, and falls to 0 in the others."""
    rise = steps // 5
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps - rise, warmup_target=height, warmup_steps=rise)
    sgd = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=DECAY)
    sgd.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return sgd


def main(
    data="cifar10",
    to="kerasgan/metrics/cifar10_classifier",
    epochs=20,
    batch_size=256,
    data_dir=None,
    backup="runs/cifar10_classifier",
):
    run_folder.check_new(to)
    keras.utils.set_random_seed(0)
    train = load(data, task="labelled", image_size=(32, 32), channels=3, data_dir=data_dir)
    x, y = (np.asarray(column) for column in train.columns)
    x = images.from_uint8(x).numpy()
    patches = patches_of(x[:2000])

    learner = network(patches, train.classes, "mixed_bfloat16")
    labels = keras.utils.to_categorical(y, train.classes)
    lengths = [max(1, round(epochs * share)) for share, _ in ROUNDS]
    for number, (length, (_, height)) in enumerate(zip(lengths, ROUNDS, strict=True), 1):
        image = keras.Input(train.image_shape)
        varied = DiffAugment(CHANGES)(layers.RandomFlip("horizontal")(image))
        model = keras.Model(image, learner(varied)[0])  # a new one, that counts its own epochs
        model.compile(
            optimizer(length * -(-len(x) // batch_size), height),
            keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
            metrics=["accuracy"],
        )
        kept = Path(backup) / str(number)
        keeps = keras.callbacks.BackupAndRestore(kept, double_checkpoint=True, delete_checkpoint=False)
        model.fit(x, labels, batch_size, length, verbose=2, callbacks=[keeps])

    judge = network(patches, train.classes, "float32")
    judge.set_weights([w.astype(np.float16) for w in learner.get_weights()])
    about = {"variant": "cifar10_classifier", "recipe": "zoo/cifar10_classifier/train.py", "seed": 0}
    about |= {
        "epochs": sum(lengths),
        "data": train.about,
        "image_shape": list(train.image_shape),
        "versions": kerasgan.versions(),
    }
    can = verbs(judge)
    if data == "cifar10":
        test = tensorflow_dataset(data, split="test", data_dir=data_dir)

        def accuracy(classify):
            parts = [classify(test.images[i : i + 500]) for i in range(0, len(test.images), 500)]
            return metrics.accuracy(np.concatenate(parts), test.labels)

        about["test_accuracy"] = accuracy(can["classify"][0])
        alone = accuracy(lambda pixels: judge(images.from_uint8(pixels), training=False)[0])
        print(f"Accuracy on {len(test.images):,} test images: {about['test_accuracy']:.4f}, not mirrored {alone:.4f}")
    saved_model.write(to, can, about)


def verbs(judge):
    """Return what the SavedModel can do with uint8 images of any size, as saved_model.write() takes it.

    Images are judged by what they are at 32x32, as those that were learnt, by the mean of the logits of each and of its
    mirror image. Features are means over two sizes: at 32x32
    they tell what is where, and at the size that images have, how they look from near.
    """
    judge.trainable = False  # so that all weights are in one list
    stored = [tf.Variable(tf.cast(w, tf.float16)) for w in judge.non_trainable_variables]

    def outputs(x):
        return judge.stateless_call([], [tf.cast(w, tf.float32) for w in stored], x, training=False)[0]

    def classify(pixels):
        x = resized(images.from_uint8(pixels), (SIDE, SIDE))
        return (outputs(x)[0] + outputs(x[:, :, ::-1])[0]) / 2

    def features(pixels):
        x = images.from_uint8(pixels)
        own = tf.maximum(tf.shape(x)[1:3], SIDE)
        far = outputs(resized(x, (SIDE, SIDE)))[1]
        return tf.cond(tf.reduce_all(own == SIDE), lambda: far, lambda: (far + outputs(resized(x, own))[1]) / 2)

    pixels = [tf.TensorSpec((None, None, None, 3), tf.uint8, "images")]
    return {"classify": (classify, pixels), "features": (features, pixels)}


def resized(x, size):
    return tf.clip_by_value(tf.image.resize(x, size, "bicubic", antialias=True), -1, 1)


if __name__ == "__main__":
    recipe.run(main)
