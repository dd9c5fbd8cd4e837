"""Write the photographs of the facades data set as a folder of pictures, which photographs.py can learn from.

    python zoo/fastgan/halves.py FACADES
    python zoo/fastgan/photographs.py --data facades_photographs

facades: the folder of the pix2pix data set, whose pictures hold a photograph on the left; all 606 are taken.
"""

import argparse
from pathlib import Path

from kerasgan import data, images


def main(facades="facades", output="facades_photographs"):
    folder = Path(output)
    folder.mkdir(parents=True)
    for split in ("train", "val", "test"):
        photographs, _ = data.side_by_side(Path(facades) / split, (256, 256))
        for number, photograph in enumerate(photographs.images):
            images.write_png(folder / f"{split}-{number:03d}.png", photograph)
    print(f"{len(list(folder.iterdir()))} photographs are in {folder}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("facades", help="the folder of the data set")
    parser.add_argument("output", nargs="?", default="facades_photographs", help="a new folder")
    given = parser.parse_args()
    if Path(given.output).exists():
        parser.error(f"{given.output} exists: choose another folder.")
    main(given.facades, given.output)
