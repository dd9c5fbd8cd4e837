"""Every variant with two workers, in processes of their own: what tests/test_workers.py does for one of them.

python tests/several_workers.py [VARIANT ...]

Of each variant: two workers train as one process does, and one that is killed is named by the other; both go on with
--resume, and the run ends with the same weights as one that was never broken off. It takes about a minute for each on
two cores, and so is no part of the tests. Prints a line for each variant, and ends with 1 if one is wrong.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import several

from kerasgan.contract import small
from kerasgan.contract.small import small_batches, small_model
from kerasgan.models import CLASSES

LIMIT = 1e-4  # of a weight after an epoch: Adam makes a step of its full size of a gradient that is but rounding


def check(key: str, folder: Path) -> str:
    """Return what is found out about a variant; it begins with `wrong` if that is so."""
    if key == "srgan":
        features = folder / "features.keras"
        image = keras.Input((None, None, 3))
        keras.Model(image, keras.layers.Conv2D(4, 3, 2, activation="relu")(image)).save(features)
        small.GIVEN["srgan"] = {"features": str(features)}
    try:
        processes = several.start([["-m", "as_worker", "train", key]] * 2, folder)
        one = small_model(key)
        one.fit(small_batches(key), epochs=1, verbose=0)
        several.check_trained(folder, several.ended(processes, 600))
        difference = several.difference(folder, one)
        assert difference <= LIMIT, f"a weight differs by {difference:.1e}"
        processes = several.start([["-m", "as_worker", "resume", key]] * 2, folder, "resumed")
        several.check_resumed(folder, several.ended(processes, 600))
    except AssertionError as error:
        return f"wrong: {' '.join(str(error).split())[:400]}"
    return f"within {difference:.1e} of one process, resumed to the bit"


def main(keys: list[str]) -> int:
    wrong = 0
    for key in keys or CLASSES:
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            found = check(key, Path(folder))
        wrong += found.startswith("wrong")
        print(f"{key:20}{found}  {time.monotonic() - started:.0f} s", flush=True)
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
