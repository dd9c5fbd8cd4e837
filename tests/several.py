"""Train with several processes on this machine: what tests/test_workers.py and tests/several_workers.py share."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

from kerasgan import run_folder

TESTS = Path(__file__).parent


def addresses(n: int) -> list[str]:
    """Return n addresses of this machine that nothing listens at."""
    sockets = [socket.socket() for _ in range(n)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    found = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return found


def environment(workers: list[str], number: int) -> dict[str, str]:
    """Return the variables that make a process one of the workers."""
    task = {"type": "worker", "index": number}
    paths = os.pathsep.join([str(TESTS.parent), str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    config = json.dumps({"cluster": {"worker": workers}, "task": task})
    # One thread for each of TensorFlow's pools: the processes share few cores.
    few = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "2", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return {**os.environ, **few, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": paths, "TF_CONFIG": config}


def start(commands: list[list[str]], folder: Path, name: str = "worker") -> list[subprocess.Popen]:
    """Start one process for each command, as workers of one training. What they print is in folder/NAME-NUMBER.txt."""
    workers, processes = addresses(len(commands)), []
    for number, command in enumerate(commands):
        with open(folder / f"{name}-{number}.txt", "w") as printed:
            processes.append(
                subprocess.Popen(
                    [sys.executable, *command],
                    cwd=folder,
                    env=environment(workers, number),
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=subprocess.STDOUT,
                )
            )
    return processes


def ended(processes: list[subprocess.Popen], seconds: float) -> list[int]:
    """Return the exit codes of processes, which are killed if they have not ended after so many seconds."""
    try:
        return [process.wait(seconds) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def printed(folder: Path, number: int, name: str = "worker") -> str:
    return (folder / f"{name}-{number}.txt").read_text()


def check_trained(folder: Path, codes: list[int]) -> None:
    """Check what as_worker.py saw in the scenario `train`."""
    assert codes == [2, -signal.SIGKILL], printed(folder, 0)
    said = printed(folder, 0).splitlines()
    assert re.fullmatch(
        r"as_worker: Training ends, as worker 1 \(127\.0\.0\.1:\d+\) is gone\. [^\n]+ --resume: [^\n]+", said[-1]
    ), said
    assert "Traceback" not in printed(folder, 0)

    ours, theirs = (np.load(folder / f"{number}.npz") for number in range(2))
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg="of two workers")
    seen = [json.loads((folder / f"{number}.json").read_text()) for number in range(2)]
    assert seen[0] == seen[1]
    assert re.match(r"The workers are not alike: worker 1 \(\S+\) has image_shape ", seen[0]["other model"])
    assert re.match(r"The workers are not alike: worker 1 \(\S+\) has data ", seen[0]["other data"])
    assert "cannot train with jit_compile" in seen[0]["xla"]
    assert "cannot train with steps_per_execution" in seen[0]["several steps"]
    assert "cannot accumulate" in seen[0]["accumulate"]
    if "stopped by one" in seen[0]:
        assert seen[0]["stopped by one"] == 3  # the one after it said so
        assert seen[0]["stopped by all"] == 2
        assert seen[0]["stopped by the chief"] == seen[0]["steps of an epoch"], seen[0]
    record = run_folder.read(folder / "broken")
    assert "weights_sha256" not in record


def difference(folder: Path, one) -> float:
    """Return how far a weight after an epoch is, at most, from that of a model which one process trained for one."""
    weights = np.load(folder / "epoch-1.npz").values()
    return max(float(np.abs(w - v.numpy()).max()) for w, v in zip(weights, one.weights, strict=True))


def check_resumed(folder: Path, codes: list[int]) -> None:
    """Check that a run which was broken off ended as the whole one did."""
    assert codes == [0, 0], printed(folder, 0, "resumed") + printed(folder, 1, "resumed")
    whole, broken = (run_folder.read(folder / name) for name in ("whole", "broken"))
    assert broken["weights_sha256"] == whole["weights_sha256"]
    assert broken["steps"] == whole["steps"]
    assert (folder / "broken/history.csv").read_text() == (folder / "whole/history.csv").read_text()
