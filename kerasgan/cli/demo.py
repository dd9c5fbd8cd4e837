"""kerasgan demo."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from kerasgan.cli.options import MODEL, tensorflow
from kerasgan.command_line import natural, until_interrupted
from kerasgan.errors import UserError
from kerasgan.paths import for_shell


def add_options(command) -> None:
    command.set_defaults(command=page)
    command.description = (
        "Make a page for the browser in which trained models run: static files for any host, which send nobody's "
        "picture anywhere. Without --output it is shown at once, until Ctrl-C."
    )
    command.add_argument("models", nargs="+", **MODEL)
    command.add_argument("-o", "--output", help="the folder to write, such as site/ (a temporary one, which is shown)")
    command.add_argument("--port", type=natural, help="of a page that is shown, on 127.0.0.1 (any that is free)")


def page(options: argparse.Namespace) -> int:
    """Write a page into a folder; or into a temporary one, and show it until Ctrl-C."""
    import webbrowser

    from kerasgan import demo

    if options.output is not None:
        if options.port is not None:
            raise UserError("--port is for a page that is shown: leave it out, or leave out --output.")
        _write(options.models, options.output)
        print(
            f"{options.output} can be put on any static host; to look at it here: "
            f"python -m http.server --directory {for_shell(options.output)}"
        )
        return 0
    with tempfile.TemporaryDirectory(prefix="kerasgan-demo-") as folder:
        site = Path(folder) / "site"
        with demo.server(site, options.port or 0) as server:
            _write(options.models, site)
            address = f"http://127.0.0.1:{server.server_port}/"
            print(f"The page is at {address} until Ctrl-C.", flush=True)
            webbrowser.open(address)
            until_interrupted(server.serve_forever)
    return 0


def _write(models, to):
    from kerasgan import demo

    demo.check(models, to)
    demo.runtime.folder()  # before the seconds that TensorFlow takes
    tensorflow()
    demo.write(models, to, verbose=True)
