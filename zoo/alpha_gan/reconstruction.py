"""How well alpha-GAN reconstructs digits that it has not seen, and how its samples compare with them.

python zoo/alpha_gan/reconstruction.py runs/alpha_gan-mnist
"""

import argparse

import numpy as np

import kerasgan
from kerasgan import data
from kerasgan.metrics import similarity


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="a run of alpha_gan")
    parser.add_argument("--data", default="mnist", help="a data set of tensorflow-datasets with a test split")
    options = parser.parse_args()

    model = kerasgan.load(options.run)
    test = data.load(options.data, split="test").columns[0]
    blocks = np.array_split(test, max(1, len(test) // 500))
    psnr, distance = [], []
    for x in blocks:
        y = model.reconstruct(images=x)
        psnr.append(similarity.psnr(x, y))
        distance.append(np.abs(x.astype(float) - y).mean(axis=(1, 2, 3)) / 127.5)
    mean = test.mean(axis=0, keepdims=True).round().astype(np.uint8)
    of_mean = similarity.psnr(test, np.broadcast_to(mean, test.shape)).mean()
    print(f"{len(test)} test images of {options.data}, {model.about['steps']} steps")
    print(f"PSNR {np.concatenate(psnr).mean():.2f} dB (of the mean image: {of_mean:.2f} dB)")
    print(f"mean absolute difference {np.concatenate(distance).mean():.3f}, of images in [-1, 1]")


if __name__ == "__main__":
    main()
