"""What every variant promises, and a check of it: of the zoo's by the tests, of a user's own by `kerasgan check`.

small      settings at which a variant takes a step in a moment, and data for them
promises   one test for each promise; its name says what is promised, its docstring what to look at if it is broken
report     which promises hold, in words
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kerasgan.errors import UserError

# XLA compiles for a few steps of small models here: code that is slow is soon made. It is read when TensorFlow loads.
XLA_FLAGS = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
os.environ.setdefault("XLA_FLAGS", XLA_FLAGS)

__all__ = ["check"]

PROMISES = Path(__file__).with_name("promises.py")


def check(key: str, words: str = "", **settings: Any) -> bool:
    """Test the promises of a variant, print which hold, and return whether all do.

    key: one of the zoo's, one that an installed package offers, or the file that it is in
    words: only the promises with these in their names; "" for all
    settings: arguments of its constructor, in place of its small ones

    Raises UserError if there is no such variant or promise, or if pytest is not installed. TensorFlow must not have
    been used before: two devices are tested on one CPU that it is told to share out.
    """
    try:
        import pytest
    except ImportError:
        raise UserError("Promises are checked by pytest, which is missing: python -m pip install pytest.") from None
    from kerasgan.contract import report, small
    from kerasgan.variants import class_of

    name = class_of(key).__name__
    small.two_logical_devices()
    small.GIVEN[key] = settings
    # A user's settings of pytest are for the user's tests.
    for variable in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(variable, None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    promises = report.Report(key, name, words)
    options = ["--noconftest", "-c", os.devnull, "-p", "no:cacheprovider", "--tb", "short", "-W", "ignore"]
    options += ["-p", "no:unraisableexception"]  # which looks through all of memory at the end, for warnings
    pytest.main([str(PROMISES), *options], plugins=[promises])
    return promises.all_hold()
