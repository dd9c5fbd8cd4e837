"""Write the test photographs of facades as tiles of 64x64 pixels, the size that SRResNet and SRGAN learnt on.

    python zoo/srresnet/tiles.py FACADES
    kerasgan evaluate saved_models/srresnet_facades --data facades-tiles --task super_resolution

facades: the folder of the pix2pix data set, whose pictures hold a photograph on the left.
"""

import argparse
from pathlib import Path

from kerasgan import data, images


def main(facades="facades", output="facades-tiles"):
    photographs, _ = data.side_by_side(Path(facades) / "test", (256, 256))
    tiles = images.tiles(photographs.images, 64)
    folder = Path(output) / "test"
    folder.mkdir(parents=True)
    for number, tile in enumerate(tiles):
        images.write_png(folder / f"{number:05d}.png", tile)
    print(f"{len(tiles)} tiles of {len(photographs.images)} photographs are in {folder}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("facades", help="the folder of the data set")
    parser.add_argument("output", nargs="?", default="facades-tiles", help="a new folder")
    given = parser.parse_args()
    if Path(given.output).exists():
        parser.error(f"{given.output} exists: choose another folder.")
    main(given.facades, given.output)
