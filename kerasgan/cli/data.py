"""kerasgan data."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time

from kerasgan.command_line import Parser, natural
from kerasgan.errors import UserError, nearest, one_line
from kerasgan.paths import expanded

DAY = 24 * 60 * 60.0  # seconds
SHOWN = 8  # letters of a key that tell it from others


def add_commands(command) -> None:
    command.description = (
        "What is kept of images that were decoded, cut and resized for a training, so that the next one begins at once."
    )
    commands = command.add_subparsers(dest="data_command", required=True, metavar="COMMAND", parser_class=Parser)
    list_ = commands.add_parser("list", help="the data that is kept, how large it is, and when it was last used")
    list_.add_argument("--json", action="store_true", help="for programs")
    list_.set_defaults(command=list_kept)
    clear = commands.add_parser("clear", help="remove some of it, or all; no picture of yours is removed")
    clear.add_argument("data", nargs="*", metavar="NAME_OR_KEY", help="as kerasgan data list shows it")
    clear.add_argument("--all", action="store_true", help="all that is kept")
    clear.add_argument("--unused", type=natural, metavar="DAYS", help="what was not used for so many days")
    clear.set_defaults(command=clear_kept)


def list_kept(options: argparse.Namespace) -> int:
    """Print what the cache holds of images that were prepared, for people or as JSON."""
    from kerasgan import prepared

    found = prepared.entries()
    if options.json:
        print(json.dumps([{**dataclasses.asdict(one), "state": one.state()} for one in found], indent=2))
        return 0
    if not found:
        print(f"There is no prepared data in {prepared.place()}.")
        return 0
    rows = [("key", "name", "size", "images", "MB", "last used", "its files")]
    for one in found:
        size = "x".join(map(str, one.image_size))
        images = f"{one.images:,}" if one.whole else ""
        rows.append((one.key[:SHOWN], one.name, size, images, f"{one.bytes / 1e6:,.1f}", _day(one.used), one.state()))
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print(one_line("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths)).rstrip()))
    print(f"\n{sum(one.bytes for one in found) / 1e6:,.1f} MB in {prepared.place()}")
    return 0


def clear_kept(options: argparse.Namespace) -> int:
    """Remove what the cache holds of some data, but for what a process is preparing. Returns 2 if it had to be left."""
    from kerasgan import prepared

    if not (options.data or options.all or options.unused is not None):
        raise UserError("Nothing is named: give a name or a key of kerasgan data list, or --all, or --unused DAYS.")
    if options.all and (options.data or options.unused is not None):
        raise UserError("--all removes everything: leave out the names and --unused.")
    found = prepared.entries()
    if options.data:
        found = [one for name in options.data for one in _meant(name, found)]
    if options.unused is not None:
        found = [one for one in found if one.used < time.time() - options.unused * DAY]
    left = 0
    for one in {one.key: one for one in found}.values():  # once, whatever it was called
        if prepared.remove(one):
            print(one_line(f"Removed {one.name} ({one.key[:SHOWN]}), {one.bytes / 1e6:,.1f} MB."))
        else:
            left += 1
            print(one_line(f"{one.name} ({one.key[:SHOWN]}) is being prepared: it is left."), file=sys.stderr)
    if not found:
        print(f"There is nothing to remove in {prepared.place()}.")
    return 2 if left else 0


def _meant(name, found):
    """Return what is called so, or has such a key, or one that begins so. Raises UserError if there is nothing."""
    path = os.path.realpath(expanded(name))
    those = [one for one in found if name in (one.name, one.key) or path in one.roots]
    those = those or [one for one in found if len(name) >= SHOWN and one.key.startswith(name)]
    if not those:
        meant = nearest(name, {one.name for one in found})
        raise UserError(f"No prepared data is called {name}{meant}: see kerasgan data list.")
    return those


def _day(seconds):
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
