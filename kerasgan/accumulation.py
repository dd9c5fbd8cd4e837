"""One step of every player from the gradients of several minibatches: for a batch that does not fit into memory.

It is taken as tf.distribute takes a step on N devices, only that the N are one device at N times. train_step runs once
for each minibatch, in a thread of its own so that it can stop in its middle, and one thread runs at a time. Where
minibatches meet (minimize, report, a pool of images) each waits for the others; what is then done for all of them is
done once, and they go on. So every player's gradient is taken where one large batch would take it, whether players move
by turns or at once, and each player's pass holds the memory of one minibatch.

What a variant keeps from one meeting to the next, as DCGAN keeps the generator's pass for the second player, is kept of
all minibatches. A traced step holds train_step N times, so that tracing takes N times as long.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from kerasgan.errors import UserError

_of_this_thread = threading.local()


def place() -> tuple[int, int]:
    """Return which minibatch of a step is computed here, from 0 on, and of how many."""
    minibatch = getattr(_of_this_thread, "minibatch", None)
    return (minibatch.index, minibatch.of) if minibatch else (0, 1)


def with_means(values: list[tf.Tensor], then: Callable[[list[tf.Tensor]], Any]) -> Any:
    """Return what `then` returns, which is called once with the means of `values` over all minibatches of the step."""
    minibatch = getattr(_of_this_thread, "minibatch", None)
    return minibatch.ask(_Means(values, then)) if minibatch else then(values)


def together(x: tf.Tensor) -> tf.Tensor:
    """Return the rows of all minibatches of the step in their order. No gradient goes through it."""
    minibatch = getattr(_of_this_thread, "minibatch", None)
    return minibatch.ask(_Rows(x)) if minibatch else x


def step(train_step: Callable[[Any], Any], batch: Any, n: int, parts: int, state: list[keras.Variable]) -> Any:
    """Take one step with n minibatches, and return what train_step returns.

    batch: of `parts` batches, one below the other, each of which is n minibatches; train_step gets one of each
    state: what train_step may change besides what its players move. Each minibatch begins with the same; what remains
        is the mean, and of whole numbers, which are counts, what the first one leaves
    """
    context = tf.distribute.get_replica_context()
    minibatches = [_Minibatch(i, n, lambda i=i: train_step(_share(batch, i, n, parts)), context) for i in range(n)]
    answer: Any = None
    after: list = []
    try:
        while True:
            kept = _Kept(state)
            for minibatch in minibatches:
                if minibatch.index:
                    kept.put_back()
                asked = minibatch.go_on(answer, after)
                while isinstance(asked, _Errand):
                    asked = minibatch.go_on(asked.done(), [])
                kept.add()
                if minibatch.index == 0:
                    meeting = asked
                elif type(asked) is not type(meeting) or (asked and not meeting.joined(asked)):
                    raise UserError(
                        "train_step took another course for one minibatch than for the others: with accumulate, let no "
                        "condition of Python depend on what a batch holds."
                    )
                after = [tf.group(*asked.ready)] if asked else []  # one operation, for all that come after it
            kept.leave()
            if meeting is None:
                return minibatches[-1].returned
            answer = meeting.end(n)
            del meeting, asked
    finally:
        for minibatch in minibatches:
            minibatch.give_up()


def _share(batch, i, n, parts):
    def one(t):
        split = tf.reshape(t, (parts, n, -1, *t.shape[1:]))[:, i]
        return tf.reshape(split, (-1, *t.shape[1:]))

    return tf.nest.map_structure(one, batch)


class _Means:
    """A meeting, of which only the sum of what came so far is kept: not N gradients."""

    def __init__(self, values, then):
        self.sums = [tf.convert_to_tensor(v) for v in values]
        self.then = then
        values.clear()  # whoever asks would hold them until it goes on

    def joined(self, other):
        if len(self.sums) != len(other.sums):
            return False
        self.sums = [a + b for a, b in zip(self.sums, other.sums)]
        other.sums = self.sums
        self.then = other.then
        return True

    @property
    def ready(self):
        return self.sums

    def end(self, n):
        return self.then([s / n for s in self.sums])


class _Rows:
    """A meeting of which all rows are kept."""

    def __init__(self, x):
        self.parts = [x]

    def joined(self, other):
        self.parts += other.parts
        return True

    @property
    def ready(self):
        return self.parts

    def end(self, n):
        return tf.concat(self.parts, 0)


@dataclasses.dataclass
class _Errand:
    """What one minibatch asks for at once: a call that only the thread of its replica may make."""

    done: Callable[[], Any]


class _Kept:
    """What a step changes besides the weights that players move: as a round begins, and as minibatches leave it."""

    def __init__(self, variables):
        self.variables = variables
        self.before = [tf.convert_to_tensor(v) for v in variables]
        self.n, self.ends = 0, []

    def put_back(self):
        for v, value in zip(self.variables, self.before):
            v.assign(value)

    def add(self):
        self.n += 1
        for i, v in enumerate(self.variables):
            if self.n == 1:
                self.ends.append(tf.convert_to_tensor(v))
            elif keras.backend.is_float_dtype(v.dtype):
                self.ends[i] += (v - self.ends[i]) / self.n  # what all leave alike stays the same to the bit

    def leave(self):
        for v, end in zip(self.variables, self.ends):
            v.assign(end)


class _GivenUp(BaseException):
    """Raised in a train_step that nobody waits for, because that of another minibatch raised something."""


class _Minibatch(threading.Thread):
    """One run of train_step. What it computes with is what its step computes with: graph, device, replica."""

    def __init__(self, index, of, run, context):
        super().__init__(daemon=True)
        self.index, self.of, self.run_step = index, of, run
        self.returned = self.error = self.asked = self.answer = None
        self.given_up, self.after = False, []
        self.my_turn, self.paused = threading.Semaphore(0), threading.Semaphore(0)
        self.graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        if self.graph is not None:
            self.graph.switch_to_thread_local()  # each thread has its own device and control dependencies
        self.contexts_of_replica = (
            [] if context.num_replicas_in_sync == 1 else [_Replica(context, self), _device(context)]
        )

    # ---- called by the thread of the step

    def go_on(self, answer, after):
        """Let it run until it asks for something, and return that; None if it has ended."""
        self.answer, self.after, self.asked = answer, after, None
        if self.ident is None:
            self.start()
        self.my_turn.release()
        self.paused.acquire()
        if self.error:
            raise self.error
        return self.asked

    def give_up(self):
        if self.is_alive():
            self.given_up = True
            self.my_turn.release()
            self.join()

    # ---- called by its own

    def run(self):
        _of_this_thread.minibatch = self
        self.my_turn.acquire()
        try:
            if not self.given_up:
                with contextlib.ExitStack() as self.contexts:
                    if self.graph is not None:
                        self.contexts.enter_context(self.graph.as_default())
                    for one in self.contexts_of_replica:
                        self.contexts.enter_context(one)
                    self._wait_for_others()
                    self.returned = tf.autograph.experimental.do_not_convert(self.run_step)()
        except _GivenUp:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self.run_step = None
            self.paused.release()

    def ask(self, what):
        """Stop here until the step has an answer."""
        if self.graph is not None and tf.compat.v1.get_default_graph() is not self.graph:
            raise UserError(
                "With accumulate, minimize() and report() are called by train_step itself, and not within a "
                "tf.function, a tf.cond or a tf.while_loop."
            )
        self.asked = what
        del what
        self.paused.release()
        self.my_turn.acquire()
        if self.given_up:
            raise _GivenUp
        self._wait_for_others()
        answer, self.answer = self.answer, None
        return answer

    def _wait_for_others(self):
        """Let what a graph computes from here on come after what was computed before: memory is of one minibatch."""
        if self.graph is not None and self.after:
            self.contexts.enter_context(tf.control_dependencies(self.after))
        self.after = []


def _device(replica):
    return tf.device(tf.nest.flatten(replica.devices)[0])


class _Replica(tf.distribute.ReplicaContext):
    """The replica that a step is taken on, for the thread of one minibatch."""

    def __init__(self, context, minibatch):
        super().__init__(context.strategy, context.replica_id_in_sync_group)
        self.of_step, self.minibatch = context, minibatch

    def _merge_call(self, merge_fn, args, kwargs):
        return self.minibatch.ask(_Errand(lambda: self.of_step.merge_call(merge_fn, args, kwargs)))
