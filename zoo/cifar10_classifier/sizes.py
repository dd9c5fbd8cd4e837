"""What should the features of images that are larger than 32x32 be taken of?

    python zoo/cifar10_classifier/sizes.py FOLDER [--halves] [-n 800]

Real images are cut into two halves, and each rule's Frechet distance between them is its floor. Then one half is
damaged in several ways: what a rule sees of that is how many times its distance is the floor. Images are at 64x64.

folder: of images; or of the pix2pix data set, whose pictures hold a photograph on the left (--halves).
"""

import argparse

import numpy as np
from scipy import ndimage

from kerasgan import data, metrics
from kerasgan.images import tiles

SPLITS = 3  # ways to cut the images into halves
SIDE, QUARTER = 64, 32
RNG = np.random.default_rng(0)


def rules(network, images):
    """Return the features of uint8 images[n, 64, 64, 3] by each rule, as {rule: [n, dimension]}."""
    small = network(metrics.fitted(images, (QUARTER, QUARTER, 3)))
    quarters = network(tiles(images, QUARTER)).reshape(len(images), 4, -1).mean(axis=1)
    own = 2 * network(images) - small  # what is shipped is the mean of both
    return {
        "at 32x32": small,
        "mean of four quarters": quarters,
        "own size": own,
        "mean of 32x32 and quarters": (small + quarters) / 2,
        "mean of 32x32 and own size": (small + own) / 2,
        "32x32 and own size, side by side": np.concatenate([small, own], axis=1),
    }


def damaged(images):
    """Yield (what was done, the images after it)."""
    x = images.astype(np.float64)
    rows, columns = np.indices((SIDE, SIDE))
    signs = ((rows + columns) % 2 * 2 - 1)[:, :, None]
    yield "blur, 1 pixel", ndimage.gaussian_filter(x, (0, 1, 1, 0))
    yield "noise, 8 of 255", x + RNG.normal(0, 8, x.shape)
    yield "checkerboard, ±6 of 255", x + 6 * signs
    yield "red +15%, blue -13%", x * (1.15, 1, 0.87)
    yield "bent by 2 pixels", np.stack([bent(image, rows, columns) for image in x])
    quarters = tiles(x, QUARTER).reshape(len(x), 4, QUARTER, QUARTER, 3)
    mixed = np.stack([its[RNG.permutation(4)] for its in quarters]).reshape(-1, 2, 2, QUARTER, QUARTER, 3)
    yield "quarters shuffled", mixed.swapaxes(2, 3).reshape(x.shape)


def bent(image, rows, columns):
    """Move the pixels of an image smoothly, by 2 pixels in each direction as a root of the mean square."""
    shifts = ndimage.gaussian_filter(RNG.normal(size=(2, SIDE, SIDE)), (0, 6, 6))
    places = np.stack([rows, columns]) + 2 * shifts / shifts.std()
    return np.stack([ndimage.map_coordinates(image[..., c], places, order=1, mode="nearest") for c in range(3)], -1)


def compared(network, images):
    """Return {rule: {what was done: [distance of each split]}}, with the floor as what was done first."""
    sets = {"floor": images}
    sets |= {what: np.clip(np.round(x), 0, 255).astype(np.uint8) for what, x in damaged(images)}
    features = {what: rules(network, x) for what, x in sets.items()}
    halves = [np.array_split(np.random.default_rng(i).permutation(len(images)), 2) for i in range(SPLITS)]
    return {
        rule: {
            what: [metrics.frechet_distance(its[rule][a], features["floor"][rule][b]) for a, b in halves]
            for what, its in features.items()
        }
        for rule in features["floor"]
    }


def main(folder, halves=False, n=800):
    size = (SIDE, SIDE)
    if halves:
        images = np.concatenate(
            [data.side_by_side(folder, size, 3, split)[0].images for split in ("train", "val", "test")]
        )
    else:
        images = np.asarray(data.read(folder, size, 3).images)
    images = images[np.random.default_rng(0).permutation(len(images))[:n]]
    found = compared(metrics.feature_network("cifar10"), images)
    print(f"{len(images)} images, halves of {len(images) // 2}")
    columns = list(next(iter(found.values())))
    print(f"| rule | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 1) + "|")
    for rule, distances in found.items():
        floor = np.mean(distances["floor"])
        cells = [f"{np.mean(distances[what]) / floor:.2f}" for what in columns[1:]]
        print(f"| {rule} | {floor:.3f} ± {np.std(distances['floor'], ddof=1):.3f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="of images")
    parser.add_argument("--halves", action="store_true", help="its pictures hold a photograph on the left")
    parser.add_argument("-n", type=int, default=800, help="images at most")
    given = parser.parse_args()
    main(given.folder, given.halves, given.n)
