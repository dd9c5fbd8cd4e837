"""Several processes that train one model together, under tf.distribute.MultiWorkerMirroredStrategy.

What every worker has to do at the same moment, because TensorFlow waits for all: what is in here, variables that are
made in the scope of the strategy, and training steps.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasgan import cluster
from kerasgan.cluster import Cluster
from kerasgan.errors import UserError, one_line

SAID_AFTER = 10.0  # seconds of waiting for other workers, after which it is said for whom
BETWEEN_LOOKS = 0.2  # seconds
MOST_WORKERS = 4096  # that may knock before they are answered
AT_ONCE = 32  # that are knocked at
REACHED = 5.0  # seconds in which a process that is there takes a connection
SEEN = 3.0  # seconds for which a worker is there yet, so that the others see which one was gone before
LOST = (  # what TensorFlow raises where another worker is gone
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnknownError,
)


class WorkerLost(UserError):
    """Another worker is gone, and training with it."""


@functools.cache
def strategy(devices: int | str) -> tf.distribute.MultiWorkerMirroredStrategy:
    """Return the strategy of this process, when all workers have come: the only one, as TensorFlow has no second.

    devices: how many GPUs of this process, or all

    Call it before anything of TensorFlow computes. Raises UserError if TF_CONFIG or Slurm name no workers, or if this
    one cannot be reached.
    """
    workers = cluster.found()
    gpus = tf.config.list_physical_devices("GPU")
    if isinstance(devices, int) and gpus:
        if devices > len(gpus):
            raise UserError(f"--devices {devices} asks for {devices} GPUs; TensorFlow sees {len(gpus)}.")
        tf.config.set_visible_devices(gpus[:devices], "GPU")
    _wait_for_all(workers)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except (tf.errors.OpError, RuntimeError) as error:
        raise _refused(workers, str(error).strip().splitlines()[0]) from None


def of(strategy: tf.distribute.Strategy | None) -> Cluster | None:
    """Return the workers of a strategy; None of one that is for this process alone."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return None
    resolver = strategy.cluster_resolver
    described = resolver.cluster_spec().as_dict()
    return cluster.numbered(described, resolver.task_type, resolver.task_id) if described else None


def _workers(strategy) -> Cluster:
    """Return the workers of a strategy that is for several."""
    workers = of(strategy)
    assert workers is not None, "a strategy for this process alone"
    return workers


def shares(strategy: tf.distribute.Strategy) -> range:
    """Return the numbers of the replicas, of all workers', that this worker has."""
    here = len(strategy.extended.worker_devices)
    first = _workers(strategy).number * here
    return range(first, first + here)


def chiefs(strategy: tf.distribute.Strategy, value: np.ndarray | tf.Tensor) -> np.ndarray:
    """Return the chief's value of a number or an array, which has one shape and dtype on all workers."""
    with strategy.scope():  # all workers' variables begin with the chief's value
        return tf.Variable(value, trainable=False).numpy()


def chiefs_record(strategy: tf.distribute.Strategy, record: Any) -> Any:
    """Return what the chief gives that JSON can hold; what the others give does not matter."""
    text = np.frombuffer(json.dumps(record).encode(), np.uint8)
    length = int(chiefs(strategy, np.int64(len(text))))
    padded = np.zeros(length, np.int64)
    padded[: len(text)] = text[:length]
    return json.loads(bytes(chiefs(strategy, padded).astype(np.uint8)))


def of_all(strategy: tf.distribute.Strategy, record: Any) -> list[Any]:
    """Return what each of the workers gives that JSON can hold, in the order of their numbers."""
    workers = _workers(strategy)
    text = np.frombuffer(json.dumps(record, default=str).encode(), np.uint8)
    lengths = np.zeros(len(workers.addresses), np.int64)
    lengths[workers.number] = len(text)
    lengths = _sum_over_workers(strategy, lengths)
    texts = np.zeros((len(lengths), lengths.max()), np.int64)
    texts[workers.number, : len(text)] = text
    texts = _sum_over_workers(strategy, texts).astype(np.uint8)
    return [json.loads(bytes(text[:length])) for text, length in zip(texts, lengths, strict=True)]


def check_alike(strategy: tf.distribute.Strategy, settings: dict[str, Any]) -> None:
    """Raise UserError on every worker if one has other settings than the chief: which one, and what differs."""
    ours, *theirs = of_all(strategy, settings)
    for number, its in enumerate(theirs, start=1):
        differ = [name for name in {**ours, **its} if ours.get(name) != its.get(name)]
        if differ:
            values = [f"{name} {_short(its.get(name))}, not {_short(ours.get(name))}" for name in differ[:3]]
            raise UserError(
                f"The workers are not alike: {_workers(strategy).name(number)} has {'; '.join(values)} as worker 0. "
                "Start all with the same command, on the same data."
            )


def any_of_all(strategy: tf.distribute.Strategy, here: bool) -> bool:
    """Return whether it is so on one of the workers at least."""
    return bool(_sum_over_workers(strategy, np.int64(here)) > 0)


class Together(keras.callbacks.Callback):
    """Let all workers begin where the chief does, end after the same step, and wait until the chief has written.

    fit() puts it behind all other callbacks. Whatever asks for the end on one worker, asks for it on all: in the middle
    of an epoch they end after the step that follows, of which each says to the others whether it is to be the last.
    """

    def on_train_begin(self, logs=None):
        model, strategy = self.model, self.model.distribute_strategy
        names = ("first_step", "_initial_epoch", "steps_to_skip", "went_on_from")
        begins = chiefs_record(strategy, {name: getattr(model, name) for name in names})
        if not _workers(strategy).chief:
            if begins["went_on_from"]:
                model.went_on(begins["went_on_from"])
            for name in names[:3]:
                model.when_fit_ends.callback(setattr, model, name, None if name == "_initial_epoch" else 0)
                setattr(model, name, begins[name])
        self._take_over(model.state())
        model.stop_wanted.assign(0.0)
        self.begun = False

    def on_epoch_begin(self, epoch, logs=None):
        if not self.begun:  # of an epoch that was broken off, the chief has the means
            self._take_over([v for mean in self.model.metrics for v in mean.variables])
            self.begun = True

    def on_train_batch_end(self, batch, logs=None):
        model = self.model
        if model.stop_training and not model.stops_alike:
            model.stop_wanted.assign(1.0)
            model.stop_training = False
        if model.stop_agreed.numpy() > 0:
            model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        asked = self.model.stop_training or self.model.stop_wanted.numpy() > 0
        self.model.stop_training = any_of_all(self.model.distribute_strategy, asked)

    def on_train_end(self, logs=None):
        any_of_all(self.model.distribute_strategy, False)

    def _take_over(self, variables):
        strategy = self.model.distribute_strategy
        for variable in variables:
            value = chiefs(strategy, variable.numpy())
            if not _workers(strategy).chief:
                variable.assign(value)


@contextlib.contextmanager
def named_if_lost(strategy: tf.distribute.Strategy | None) -> Iterator[None]:
    """Raise WorkerLost, with the name of the worker that is gone, and not what TensorFlow makes of it."""
    try:
        yield
    except LOST as error:
        workers = of(strategy)
        if workers is None:
            raise
        gone = _out_of_reach(workers, _others(workers)) or _named_in(str(error), strategy)
        if not gone:
            raise
        time.sleep(SEEN)
        names = " and ".join(map(workers.name, gone))
        raise WorkerLost(
            f"Training ends, as {names} {'is' if len(gone) == 1 else 'are'} gone. Start all workers again with "
            "--resume: the run goes on from its newest checkpoint."
        ) from None


def _sum_over_workers(strategy, value):
    """Return the sum of all workers' int64 values, each of which a worker's replicas give once."""
    first = shares(strategy)[0]

    def of_replica(context):
        return tf.constant(value if context.replica_id_in_sync_group == first else np.zeros_like(value))

    values = strategy.experimental_distribute_values_from_function(of_replica)
    return strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None).numpy()


def _wait_for_all(workers):
    """Wait until all workers have come, and say for whom: TensorFlow would wait in silence, and not hear Ctrl-C."""
    missing, said = _others(workers), time.monotonic() + SAID_AFTER
    with _listening(workers):  # until this one has seen all; then it listens again, for TensorFlow
        while missing := _out_of_reach(workers, missing):
            if time.monotonic() > said:
                print(f"Waiting for {' and '.join(map(workers.name, missing))}.", file=sys.stderr, flush=True)
                said += 6 * SAID_AFTER
            time.sleep(BETWEEN_LOOKS)


def _listening(workers):
    """Return a socket at this worker's address. Raises UserError if something else has it."""
    port = int(workers.addresses[workers.number].rpartition(":")[2])
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        return socket.create_server(("", port), family=family, backlog=MOST_WORKERS, dualstack_ipv6=both)
    except OSError as error:
        raise _refused(workers, error.strerror) from None


def _refused(workers, why):
    return UserError(one_line(f"This process cannot be {workers.name(workers.number)}: {why}."))


def _others(workers):
    return [number for number in range(len(workers.addresses)) if number != workers.number]


def _out_of_reach(workers, others):
    """Return those numbers of other workers that take no connection."""
    with ThreadPoolExecutor(min(AT_ONCE, len(others) or 1)) as pool:
        reached = pool.map(lambda number: _is_reached(workers.addresses[number]), others)
        return [number for number, there in zip(others, reached) if not there]


def _is_reached(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACHED).close()
    except OSError:
        return False
    return True


def _named_in(message, strategy):
    """Return a list of the worker that an error of TensorFlow is about, which it names last; [] if there is none."""
    described = strategy.cluster_resolver.cluster_spec().as_dict()
    found = re.findall(r"/job:(chief|worker)/replica:0/task:(\d+)", message)
    numbers = [cluster.numbered(described, kind, int(task)).number for kind, task in found]
    return [number for number in numbers if number != _workers(strategy).number][-1:]


def _short(value):
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
