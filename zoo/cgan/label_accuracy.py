"""Does CGAN draw the digit that it was asked for?

Judged by the three nearest neighbours among 10,000 training images, whose own accuracy on test images is printed too.

    python zoo/cgan/label_accuracy.py runs/cgan-mnist
"""

import argparse

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

import kerasgan
from kerasgan import data


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="a run of cgan")
    parser.add_argument("--data", default="mnist", help="a data set of tensorflow-datasets with labels")
    parser.add_argument("--seeds", type=int, default=3, help="how many sets of samples")
    parser.add_argument("--samples", type=int, default=1000, help="samples in each set, labels in turn")
    options = parser.parse_args()

    def columns(split, n):
        pictures, labels = data.load(options.data, task="labelled", split=split).columns
        return pictures[:n].reshape(min(n, len(pictures)), -1) / 255, labels[:n]

    judge = KNeighborsClassifier(3).fit(*columns("train", 10_000))
    print(f"the judge's accuracy on test images: {judge.score(*columns('test', 1000)):.3f}")

    model = kerasgan.load(options.run)
    labels = np.arange(options.samples, dtype=np.int32) % model.about["hyperparameters"]["classes"]
    found = []
    for seed in range(options.seeds):
        samples = model.sample_labelled(labels=labels, seed=seed)
        found.append(judge.predict(samples.reshape(len(samples), -1) / 255) == labels)
    accuracy = [f.mean() for f in found]
    print(f"label accuracy of {options.samples} samples: {np.mean(accuracy):.3f} ± {np.std(accuracy):.3f}")
    for label in np.unique(labels):
        print(f"  {label}: {np.mean([f[labels == label].mean() for f in found]):.2f}")


if __name__ == "__main__":
    main()
