"""Which promises hold, in words: a plugin of pytest that reports in place of its own reporter."""

from __future__ import annotations

import inspect
import time

import pytest

from kerasgan.contract import small
from kerasgan.errors import UserError, one_line


class Report:
    """Tests one variant, and prints each promise with green or red before it; what was broken, at the end.

    key: the variant; name: its class
    words: only promises with these in their names
    """

    def __init__(self, key: str, name: str, words: str):
        self.key, self.name, self.words = key, name, words
        self.promise: dict[str, str] = {}  # by the test's id
        self.advice: dict[str, str] = {}
        self.outcome: dict[str, str] = {}
        self.broken: list[tuple[str, str]] = []
        self.start = time.monotonic()

    def all_hold(self) -> bool:
        """Return whether every promise was tested and holds. Raises UserError if there is none of that name."""
        if not self.promise:
            raise UserError(f"There is no promise with {self.words!r} in its name: leave out --only to see all.")
        return not self.broken and bool(self.outcome)

    # ---- what pytest calls ---------------------------------------------------------------------------------

    def pytest_generate_tests(self, metafunc):
        if "key" in metafunc.fixturenames:
            metafunc.parametrize("key", [self.key])

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config):
        self.writer = config.get_terminal_writer()
        config.pluginmanager.unregister(name="terminalreporter")

    def pytest_collection_modifyitems(self, items):
        for item in items:
            parameters = [str(value) for name, value in item.callspec.params.items() if name != "key"]
            words = item.originalname.removeprefix("test_").replace("_", " ")
            self.promise[item.nodeid] = words + (f": {', '.join(parameters)}" if parameters else "")
            self.advice[item.nodeid] = inspect.getdoc(item.function) or ""
        items[:] = [item for item in items if self.words.lower() in self.promise[item.nodeid].lower()]
        self.promise = {item.nodeid: self.promise[item.nodeid] for item in items}
        if items:
            settings = ", ".join(f"{name}={value}" for name, value in small.settings(self.key).items())
            shape = "x".join(map(str, small.SHAPE))
            self.writer.line(f"{self.name}({settings}) on images of {shape} promises:")

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.broken.append((report.nodeid, report.longreprtext))
            self.outcome[report.nodeid] = "red"
        elif report.when != "call" or report.skipped:  # what it does not have it need not keep
            return
        else:
            self.outcome.setdefault(report.nodeid, "green")
        outcome = self.outcome[report.nodeid]
        self.writer.write(f"  {outcome:6}", **{outcome: True})
        self.writer.line(self.promise[report.nodeid])
        if report.failed:
            self.writer.line(f"        {one_line(_said(report))}")

    def pytest_sessionfinish(self):
        if not self.outcome:
            return
        green = list(self.outcome.values()).count("green")
        seconds = round(time.monotonic() - self.start)
        for nodeid, traceback in self.broken:
            self.writer.line(f"\n{self.promise[nodeid]}", bold=True)
            if advice := self.advice[nodeid]:
                self.writer.line(advice)
            self.writer.line(traceback)
        self.writer.line(f"\n{green} of {len(self.outcome)} promises hold; {seconds} s.")


def _said(report):
    crash = getattr(report.longrepr, "reprcrash", None)
    return (crash.message if crash else report.longreprtext).splitlines()[0]
