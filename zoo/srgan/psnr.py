"""PSNR and SSIM of SRResNet and SRGAN beside bicubic interpolation, on photographs of facades held out from training.

For each seed, train both stages by their recipes where `--runs` does not hold them yet, and enlarge the 106 test
photographs from 64x64 to 256x256. `--stages srresnet` leaves the second stage for later. Everything that was measured
is in results.json at once, and is not measured again. The features of features.py are needed for SRGAN.
"""

import argparse
import json
import runpy
from pathlib import Path

import numpy as np
from PIL import Image

import kerasgan
from kerasgan import data, images
from kerasgan.data.degradations import reduced
from kerasgan.metrics.similarity import luma, psnr, ssim

ZOO = Path(__file__).resolve().parents[1]
SCALE = 4
COLUMNS = ("PSNR luma", "SSIM luma", "PSNR RGB", "SSIM RGB", "variation")


def main(options):
    photographs, _ = data.side_by_side(Path(options.data) / "test", (256, 256))
    large = photographs.images
    small = reduced(large, SCALE)
    results = Results(options.runs / "results.json")
    size = large.shape[2], large.shape[1]
    bicubic = np.stack([np.asarray(Image.fromarray(i).resize(size, Image.Resampling.BICUBIC)) for i in small])
    results.measure("bicubic", lambda: measured(bicubic, large))

    for seed in options.seeds:
        enlarged = {}
        for stage in options.stages:
            run = trained(stage, seed, options)
            enlarged[stage] = enlarge(run, small)
            results.measure(f"{stage} {seed}", lambda: measured(enlarged[stage], large))  # noqa: B023
        rows = [bicubic, *enlarged.values(), large]
        shown = np.stack([r[options.show, 64:192, 64:192] for r in rows], axis=1)
        images.write_png(options.runs / f"pictures-{seed}.png", images.grid(shown))
    print(results.table())


def trained(stage, seed, options):
    """Return the run folder of a stage, trained by its recipe, or gone on with where it was broken off."""
    run = options.runs / f"{stage}-facades-{seed}"
    more = {"first": options.runs / f"srresnet-facades-{seed}", "features": str(options.features)}
    recipe = runpy.run_path(str(ZOO / stage / "facades.py"))["main"]
    resume = (run / "run.json").is_file()  # of a run that is finished, nothing is left to do
    recipe(options.data, run, resume=resume, seed=seed, **(more if stage == "srgan" else {}))
    return run


def enlarge(run, small):
    model = kerasgan.load(run)
    return np.concatenate([model.translate(images=small[i : i + 8]) for i in range(0, len(small), 8)])


def measured(ours, original):
    """Return the means over all pictures; the outer `SCALE` pixels do not count for PSNR and SSIM."""
    y, reference = luma(ours), luma(original)
    values = [
        psnr(y, reference, SCALE),
        ssim(y, reference, SCALE),
        psnr(ours, original, SCALE),
        ssim(ours, original, SCALE),
        variation(y) / variation(reference),
    ]
    return {name: round(float(np.mean(value)), 4) for name, value in zip(COLUMNS, values, strict=True)}


def variation(y):
    """Return the mean difference between neighbours in each picture: less than the original's is blur."""
    return np.abs(np.diff(y, axis=1)).mean(axis=(1, 2, 3)) + np.abs(np.diff(y, axis=2)).mean(axis=(1, 2, 3))


class Results:
    """A file of what was measured, by name."""

    def __init__(self, path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.values = self.read()

    def read(self):
        return json.loads(self.path.read_text()) if self.path.is_file() else {}

    def measure(self, name, measurement):
        if name not in self.values:
            value = measurement()
            self.values = {**self.read(), name: value}  # another process may be at other seeds
            self.path.write_text(json.dumps(self.values, indent=2) + "\n")
        print(name, self.values[name], flush=True)

    def table(self):
        """Return a Markdown table: mean and standard deviation over seeds."""
        values = self.read()
        lines = [f"| method | seeds | {' | '.join(COLUMNS)} |", "| --- " * (len(COLUMNS) + 2) + "|"]
        for method in ("bicubic", "srresnet", "srgan"):
            cells = [cell for name, cell in values.items() if name.split()[0] == method]
            if not cells:
                continue
            shown = []
            for column in COLUMNS:
                of_seeds = [cell[column] for cell in cells]
                digits = 2 if column.startswith("PSNR") else 3
                spread = f" ± {np.std(of_seeds, ddof=1):.{digits}f}" if len(cells) > 1 else ""
                shown.append(f"{np.mean(of_seeds):.{digits}f}{spread}")
            lines.append(f"| {method} | {len(cells)} | {' | '.join(shown)} |")
        return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="facades", help="folder of the pix2pix data set")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/super-resolution"), help="folder of all that is written"
    )
    parser.add_argument("--features", type=Path, default=Path("runs/features.keras"), help="what features.py wrote")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--stages", nargs="+", choices=("srresnet", "srgan"), default=["srresnet", "srgan"])
    parser.add_argument("--show", type=int, nargs="+", default=[0, 10, 20], help="test pictures to show the middle of")
    main(parser.parse_args())
