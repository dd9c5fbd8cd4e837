"""A small feature network for perceptual losses and Frechet distances: a VGG-like classifier, trained on CIFAR-10.

It stands in for VGG19 where the weights of ImageNet cannot be had. What is saved is the classifier up to its last
feature map, as a Keras model of images[n, height, width, 3] in [-1, 1], of any size.
"""

import argparse
import json
import os
from pathlib import Path

import keras
import tensorflow as tf
from keras import layers

from kerasgan import data, images


def main(path="runs/features.keras", epochs=4, batch_size=128):
    keras.utils.set_random_seed(0)
    train, test = (data.tensorflow_dataset("cifar10", split=split) for split in ("train", "test"))
    classifier = network(classes=train.classes)
    steps = len(train.images) // batch_size
    rate = keras.optimizers.schedules.CosineDecay(0.0, (epochs - 1) * steps, warmup_target=3e-3, warmup_steps=steps)
    classifier.compile(
        keras.optimizers.Adam(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    classifier.fit(
        examples(train, batch_size, steps),
        epochs=epochs,
        steps_per_epoch=steps,
        shuffle=False,
        verbose=2,
        callbacks=[keras.callbacks.BackupAndRestore(path.with_suffix(".backup"))],  # goes on where it was killed
    )
    _, accuracy = classifier.evaluate(images.from_uint8(test.images).numpy(), test.labels, batch_size=500, verbose=0)
    print(f"Test accuracy on CIFAR-10: {accuracy:.4f}")

    features = keras.Model(classifier.input, classifier.get_layer("features").output, name="features")
    part = path.with_name(f"part-{path.name}")
    features.save(part)
    os.replace(part, path)
    record = {"trained_on": "cifar10", "epochs": epochs, "test_accuracy": round(accuracy, 4)}
    path.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")


def examples(source, batch_size, steps):
    """Batches for ever: each image flipped half of the time, and moved by up to 4 pixels."""

    def varied(image, label):
        padded = tf.pad(image, [[4, 4], [4, 4], [0, 0]], "REFLECT")
        moved = tf.image.random_crop(padded, tf.shape(image))
        return images.from_uint8(tf.image.random_flip_left_right(moved)), label

    dataset = tf.data.Dataset.from_tensor_slices((source.images, source.labels))
    dataset = dataset.shuffle(len(source.images), seed=0).repeat().map(varied).batch(batch_size, drop_remainder=True)
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.prefetch(2).with_options(options)


def network(classes):
    """Three stages of 3x3 convolutions as in VGG, with batch normalisation, then one average for each feature."""
    image = x = keras.Input((None, None, 3))
    for stage, widths in enumerate([(32,), (64, 64), (128, 128)]):
        x = layers.MaxPooling2D()(x) if stage else x
        for width in widths:
            x = layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same", use_bias=False)(x))
            x = layers.ReLU()(x)
    x = layers.Activation("linear", dtype="float32", name="features")(x)
    x = layers.Dense(classes)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, x)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", nargs="?", default="runs/features.keras", help="the file to write")
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    main(options.path, options.epochs)
