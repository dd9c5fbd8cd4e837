"""What the command kerasgan and the recipes of the zoo share: a mistake is answered in one line, and Ctrl-C at once."""

from __future__ import annotations

import argparse
import codecs
import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator

from kerasgan.errors import UserError, nearest, one_line

_AS_IT_IS = "kerasgan.as_it_is"  # how names are printed that the terminal's encoding does not have


def _as_it_is(error):
    """Return the bytes that the name of a file has on the disk; escapes for other letters."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


codecs.register_error(_AS_IT_IS, _as_it_is)


def answer(program: str, command: Callable[[], int]) -> int:
    """Run a command, and say in one line, after the name of its program, what the user can put right.

    Returns the exit code: that of the command, 2 for a mistake, 130 after Ctrl-C.
    """
    with _stopped_at_once(program):
        return _answer(program, command)


def _answer(program, command):
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_AS_IT_IS)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up notes; its errors are still raised
    try:
        try:
            return command()
        finally:
            sys.stdout.flush()  # before an error, so that a file that gets both has them in their order
    except BrokenPipeError:  # who reads a table has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except UserError as error:
        print(one_line(f"{program}: {error}"), file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno is None:
            raise
        print(one_line(f"{program}: {error.filename or 'The disk'}: {error.strerror}."), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{program}: interrupted.", file=sys.stderr)
        return 130


@contextlib.contextmanager
def _stopped_at_once(program):
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
        os.write(errors, f"{program}: interrupted.\n".encode())
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


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send to nowhere what C++ libraries, and loggers, print on standard error; what they raise is raised."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def until_interrupted(serve: Callable[[], object]) -> None:
    """Call what does not end by itself, until Ctrl-C, which is the way to end it here, and no interruption."""
    try:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.default_int_handler)
        serve()
    except KeyboardInterrupt:
        print()


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, with the nearest name, instead of printing the usage."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, allow_abbrev=False, formatter_class=argparse.ArgumentDefaultsHelpFormatter, **kwargs)

    def error(self, message):
        raise UserError(f"{message}. See {self.prog} --help.")

    def _check_value(self, action, value):
        if action.choices is not None and value not in action.choices:
            what = (action.metavar or action.option_strings[-1]).lower()
            known = [str(choice) for choice in action.choices]
            self.error(f"there is no {what} {value}{nearest(str(value), known)}: choose from {', '.join(known)}")

    def parse_args(self, arguments):
        options, unknown = self.parse_known_args(arguments)
        if unknown:
            chosen = [self, *_chosen(self, options)][-1]
            option = unknown[0].partition("=")[0]
            chosen.error(f"there is no option {option}{nearest(option, chosen._option_string_actions)}")
        return options


def _chosen(root, options):
    """Return the parsers of the chosen command and variant, whose options were to be had."""
    for action in root._actions:
        if isinstance(action, argparse._SubParsersAction) and (name := getattr(options, action.dest, None)):
            yield action.choices[name]
            yield from _chosen(action.choices[name], options)


def positive(text: str) -> int:
    """Return a whole number from 1, as an option's type."""
    return _number(text, 1)


def natural(text: str) -> int:
    """Return a whole number from 0, as an option's type."""
    return _number(text, 0)


def _number(text, least):
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number < 2**31:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from {least} to {2**31 - 1}")
    return number
