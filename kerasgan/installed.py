"""What is installed that a result depends on."""

from __future__ import annotations

import platform
from importlib.metadata import version


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    import keras
    import numpy
    import tensorflow as tf

    return {
        "kerasgan": version("kerasgan"),
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "numpy": numpy.__version__,
        "python": platform.python_version(),
    }
