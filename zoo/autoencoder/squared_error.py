"""The squared error of a trained autoencoder's reconstructions of MNIST's test images, beside PCA's.

The paper's measure: squared error summed over the pixels of an image, which are in [0, 1], averaged over the images.
PCA keeps as many components as the autoencoder has latents, fitted to the training images.
"""

import sys

import numpy as np
from sklearn.decomposition import PCA

import kerasgan
from kerasgan import data


def main(run="runs/autoencoder-mnist"):
    train, test = (data.tensorflow_dataset("mnist", split=split).images for split in ("train", "test"))
    model = kerasgan.restore(run)
    model.compile()
    measured = model.evaluate(data.Batches((test,), "images", 100), verbose=0, return_dict=True)
    print(f"autoencoder: squared error {measured['squared_error']:.2f}, cross-entropy {measured['loss']:.2f} nats")

    train, test = (np.reshape(x / np.float32(255), (len(x), -1)) for x in (train, test))
    pca = PCA(model.latent_dim, random_state=0).fit(train)
    error = np.sum((pca.inverse_transform(pca.transform(test)) - test) ** 2, axis=1).mean()
    print(f"PCA of {model.latent_dim} components: squared error {error:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
