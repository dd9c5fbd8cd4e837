"""Write the test photographs of facades as tiles of 64x64 pixels, the size that SRResNet and SRGAN learnt on.

    python zoo/srresnet/tiles.py FACADES
    kerasgan evaluate saved_models/srresnet_facades --data facades-tiles --task super_resolution

facades: the folder of the pix2pix data set, whose pictures hold a photograph on the left.
"""

from pathlib import Path

from kerasgan import data, images, recipe


def main(facades="facades", output="facades-tiles"):
    photographs, _ = data.side_by_side(Path(facades) / "test", (256, 256))
    tiles = images.tiles(photographs.images, 64)
    folder = Path(output) / "test"
    folder.mkdir(parents=True)
    for number, tile in enumerate(tiles):
        images.write_png(folder / f"{number:05d}.png", tile)
    print(f"{len(tiles)} tiles of {len(photographs.images)} photographs are in {folder}.")


if __name__ == "__main__":
    recipe.make_folder(main)
