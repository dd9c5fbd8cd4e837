"""kerasgan film."""

from __future__ import annotations

import argparse

from kerasgan.cli import outputs
from kerasgan.cli.options import tensorflow


def add_options(command) -> None:
    command.set_defaults(command=write_film)
    command.description = "Show how a run learnt: its snapshots, epoch by epoch, beside the curves of its losses."
    command.add_argument("run", metavar="RUN", help="a run folder; also of a run that is going on")
    command.add_argument("-o", "--output", default="film.gif", help="film.gif or film.mp4")
    command.add_argument("--overwrite", action="store_true", help="replace an output that exists")


def write_film(options: argparse.Namespace) -> int:
    """Write the film of a run as it is by now."""
    from kerasgan import film

    to = outputs.output(options.output, (".gif", ".mp4"), options.overwrite)
    scene = film.scene(options.run)
    tensorflow()
    to.path.parent.mkdir(parents=True, exist_ok=True)
    film.write(scene, to.path)
    print(f"{len(scene.snapshots)} epochs of {scene.title}, up to epoch {max(scene.rows)}, written to {to.path}")
    return 0
