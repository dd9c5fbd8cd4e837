"""kerasgan tensorboard."""

from __future__ import annotations

import argparse
import threading

from kerasgan.cli.options import tensorflow
from kerasgan.command_line import natural, until_interrupted
from kerasgan.errors import UserError
from kerasgan.paths import expanded, for_tensorflow


def add_options(command) -> None:
    command.set_defaults(command=serve)
    command.description = "Open a run, or all runs in a folder, in TensorBoard, until Ctrl-C."
    command.add_argument("run", metavar="RUN", help="a run folder, or a folder of several")
    command.add_argument("--port", type=natural, help="0 for any that is free (the first that is from 6006 on)")


def serve(options: argparse.Namespace) -> int:
    """Serve what runs wrote for TensorBoard, until Ctrl-C."""
    folder = _checked(options.run)
    tensorflow()  # which TensorBoard imports, and with all of its notes
    from tensorboard import program

    board = program.TensorBoard()
    given = [] if options.port is None else ["--port", str(options.port)]
    # The loader in Python is fast enough for a run, and the other one would print a note about itself.
    board.configure(["tensorboard", f"--logdir={for_tensorflow(folder)}", "--load_fast", "false", *given])
    try:
        address = board.launch()
    except program.TensorBoardServerException as error:
        raise UserError(f"{error.msg}: choose another --port.") from None
    print(f"TensorBoard shows {folder} at {address} until Ctrl-C.", flush=True)
    until_interrupted(threading.Event().wait)
    return 0


def _checked(text):
    folder = expanded(text)
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}: give a run folder, or a folder of several.")
    if next(folder.rglob("events.out.tfevents.*"), None) is None:
        raise UserError(
            f"{folder} holds nothing for TensorBoard yet: kerasgan train writes it from the first epoch on."
        )
    return folder
