"""Write the photographs of the facades data set as a folder of pictures, which photographs.py can learn from.

    python zoo/fastgan/halves.py FACADES
    python zoo/fastgan/photographs.py --data facades_photographs

facades: the folder of the pix2pix data set, whose pictures hold a photograph on the left; all 606 are taken.
"""

from pathlib import Path

from kerasgan import data, images, recipe


def main(facades="facades", output="facades_photographs"):
    folder = Path(output)
    folder.mkdir(parents=True)
    for split in ("train", "val", "test"):
        photographs, _ = data.side_by_side(Path(facades) / split, (256, 256))
        for number, photograph in enumerate(photographs.images):
            images.write_png(folder / f"{split}-{number:03d}.png", photograph)
    print(f"{len(list(folder.iterdir()))} photographs are in {folder}.")


if __name__ == "__main__":
    recipe.make_folder(main)
