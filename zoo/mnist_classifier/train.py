"""The classifier of MNIST whose features and verdicts measure what the zoo draws: MNIST-FID is taken on them.

Writes a SavedModel with the verbs `classify` (logits) and `features` (128 numbers before the last layer).

to: folder for the SavedModel
batch_size: images in a minibatch
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

import kerasgan
from kerasgan import images, metrics, recipe, run_folder, saved_model
from kerasgan.data import load, tensorflow_dataset


def classifier(image_shape, classes):
    """Return two models of one network: of the logits, and of the features below them."""
    image = keras.Input(image_shape)
    x = layers.RandomTranslation(0.08, 0.08, fill_mode="nearest")(image)
    x = layers.RandomRotation(0.03, fill_mode="nearest")(x)
    for width, strides in ((32, 1), (32, 2), (64, 1), (64, 2)):
        x = layers.Conv2D(width, 3, strides, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    features = layers.ReLU()(layers.BatchNormalization()(layers.Dense(128, use_bias=False)(x)))
    logits = layers.Dense(classes)(layers.Dropout(0.3)(features))
    return keras.Model(image, logits), keras.Model(image, features)


def main(data="mnist", to="kerasgan/metrics/mnist_classifier", epochs=12, batch_size=128, data_dir=None):
    run_folder.check_new(to)
    keras.utils.set_random_seed(0)
    train = load(data, task="labelled", image_size=(28, 28), channels=1, data_dir=data_dir)
    x, y = (np.asarray(column) for column in train.columns)
    model, features = classifier(train.image_shape, train.classes)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * -(-len(x) // batch_size))
    model.compile(keras.optimizers.Adam(rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images.from_uint8(x), y, batch_size, epochs, verbose=2)

    about = {"variant": "mnist_classifier", "recipe": "zoo/mnist_classifier/train.py", "seed": 0, "epochs": epochs}
    about |= {"data": train.about, "image_shape": list(train.image_shape), "versions": kerasgan.versions()}
    if data == "mnist":
        test = tensorflow_dataset(data, split="test", data_dir=data_dir)
        logits = model.predict(images.from_uint8(test.images), batch_size=500, verbose=0)
        about["test_accuracy"] = metrics.accuracy(logits, test.labels)
        print(f"Accuracy on {len(logits):,} test images: {about['test_accuracy']:.4f}")
    pixels = [tf.TensorSpec((None, *train.image_shape), tf.uint8, "images")]
    verbs = {  # Keras' random layers are on unless they are told
        "classify": (lambda images_: model(images.from_uint8(images_), training=False), pixels),
        "features": (lambda images_: features(images.from_uint8(images_), training=False), pixels),
    }
    saved_model.write(to, verbs, about)


if __name__ == "__main__":
    recipe.run(main)
