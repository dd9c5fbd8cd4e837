"""kerasgan list | train | check | film | tensorboard | generate | explore | evaluate | card; and one for each verb.

Nothing here imports TensorFlow before it has to train or use a model: help, lists and mistakes are answered at once.
"""

from __future__ import annotations

import argparse
import codecs
import contextlib
import io
import os
import signal
import sys
import threading

from kerasgan import __version__
from kerasgan.cli import card, check, evaluate, explore, film, generate, tensorboard, train, verbs
from kerasgan.cli import list as list_
from kerasgan.cli.options import Parser, tensorflow
from kerasgan.errors import UserError, one_line
from kerasgan.models import CLASSES
from kerasgan.variants import is_file, others, variant

__all__ = ["main", "parser"]

INTERRUPTED = "kerasgan: interrupted."
_AS_IT_IS = "kerasgan.as_it_is"  # how names are printed that the terminal's encoding does not have


def _as_it_is(error):
    """Return the bytes that the name of a file has on the disk; escapes for other letters."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


codecs.register_error(_AS_IT_IS, _as_it_is)


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0, or 2 for what the user can put right."""
    with _stopped_at_once():
        return _main(sys.argv[1:] if arguments is None else arguments)


def _main(arguments):
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_AS_IT_IS)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up notes; its errors are still raised
    try:
        options = parser(arguments).parse_args(arguments)
        try:
            return options.command(options)
        finally:
            sys.stdout.flush()  # before an error, so that a file that gets both has them in their order
    except BrokenPipeError:  # who reads a table has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except UserError as error:
        print(one_line(f"kerasgan: {error}"), file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno is None:
            raise
        print(one_line(f"kerasgan: {error.filename or 'The disk'}: {error.strerror}."), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(INTERRUPTED, file=sys.stderr)
        return 130


@contextlib.contextmanager
def _stopped_at_once():
    """End the process on Ctrl-C and SIGTERM, wherever it is, with one line; training does so on the second one.

    An exception would not do: TensorFlow makes others of it, or loses it, where it calls Python. Nothing needs it: what
    commands write, they write whole or not at all, and a run goes on from its newest checkpoint.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    try:
        errors = os.dup(2)  # which points elsewhere while TensorFlow is imported
    except OSError:  # it is closed
        errors = os.open(os.devnull, os.O_WRONLY)

    def stop(signum, frame):
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # RuntimeError: in the middle of a print()
            sys.stdout.flush()
        os.write(errors, f"{INTERRUPTED}\n".encode())
        os._exit(130)

    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    replaced = [s for s, handler in usual.items() if signal.getsignal(s) == handler]  # not what nohup and others ignore
    for s in replaced:
        signal.signal(s, stop)
    try:
        yield
    finally:
        for s in replaced:
            signal.signal(s, usual[s])
        os.close(errors)


def parser(arguments: list[str]) -> Parser:
    """Return the parser; of the variants, only one that `arguments` names is read."""
    root = Parser("kerasgan", description="Train generative models on images, and use them.")
    root.add_argument("--version", action="version", version=f"kerasgan {__version__}")
    commands = root.add_subparsers(dest="command_name", required=True, metavar="COMMAND", parser_class=Parser)

    list_.add_options(commands.add_parser("list", help="what can be trained, and what is trained"))

    for name, help_, add_options, run in (
        ("train", "train a variant on images", train.add_options, train.train),
        ("check", "test what every variant promises", check.add_options, check.check),
    ):
        command = commands.add_parser(name, help=help_)
        variants = command.add_subparsers(dest="variant", required=True, metavar="VARIANT", parser_class=Parser)
        files = [argument for argument in arguments[1:2] if arguments[0] == name and is_file(argument)]
        for key in [*CLASSES, *others(), *files]:
            see = f"see kerasgan {name} {key} --help"
            one = variants.add_parser(key, help=see, argument_default=argparse.SUPPRESS)
            if key in arguments:
                if key not in CLASSES:
                    tensorflow()  # which the variant imports, without its notes
                add_options(one, variant(key))
            one.set_defaults(command=run)

    film.add_options(commands.add_parser("film", help="show how a run learnt"))
    tensorboard.add_options(commands.add_parser("tensorboard", help="open a run, or several, in TensorBoard"))
    generate.add_options(commands.add_parser("generate", help="make images with a trained model"))
    evaluate.add_options(commands.add_parser("evaluate", help="measure what a trained model can do"))
    verbs.add_commands(commands)
    explore.add_options(commands.add_parser("explore", help="look at what a trained model's latents mean"))
    card.add_options(commands.add_parser("card", help="write the zoo's table of results"))
    return root
