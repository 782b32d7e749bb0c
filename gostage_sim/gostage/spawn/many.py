"""Many children, so many at once, and their results as they finish.

A thread a running child: it starts the child, waits for it and calls its handlers, so that a slow handler stalls its
own child and no other. The thread that iterates takes the definitions, one for each free place, and gets the results.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from queue import Empty, SimpleQueue

from gostage_sim.gostage.definition import SubWorkflowDef
from gostage_sim.gostage.spawn.driver import MAX_DEAF_S
from gostage_sim.gostage.spawn.handle import ChildHandle
from gostage_sim.gostage.spawn.result import SpawnResult
from gostage_sim.gostage.spawn.session import UNKILLABLE_S

Start = Callable[[SubWorkflowDef], ChildHandle]


def spawn_each(
    definitions: Iterable[SubWorkflowDef], start: Start, *, max_parallel: int | None, grace_s: float
) -> Generator[SpawnResult, None, None]:
    """See `Runner.spawn_all`. Wrong arguments raise here, before the first result is asked for."""
    if max_parallel is None:
        max_parallel = len(os.sched_getaffinity(0))
    if not isinstance(max_parallel, int) or max_parallel < 1:
        raise ValueError(f"max_parallel is how many children run at once, 1 or more; found {max_parallel!r}")
    return _results(iter(definitions), start, max_parallel, grace_s)


def _results(
    definitions: Iterator[SubWorkflowDef], start: Start, max_parallel: int, grace_s: float
) -> Generator[SpawnResult, None, None]:
    finished: _Finished = SimpleQueue()
    taken: set[_Place] = set()
    try:
        try:
            while True:
                for definition in islice(definitions, max_parallel - len(taken)):
                    place = _Place()
                    taken.add(place)  # before its thread begins: an interrupt between the two finds it
                    place.run(start, definition, finished)
                if not taken:
                    return
                place, outcome = _first(finished)
                place.join(UNKILLABLE_S)
                taken.remove(place)
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome
        finally:
            _cancel(taken, grace_s)
    finally:  # of its own: an interrupt may come at any place of the other one
        _kill(taken)


def _first(finished: _Finished) -> tuple[_Place, SpawnResult | BaseException]:
    while True:
        with contextlib.suppress(Empty):
            return finished.get(timeout=MAX_DEAF_S)


class _Place:
    """Room for one child: its thread, and the handle once it is started."""

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None
        self._handle: ChildHandle | None = None
        self._wanted = True

    def run(self, start: Start, definition: SubWorkflowDef, finished: _Finished) -> None:
        """Start and wait in a thread of its own; what came of it goes to `finished`."""

        def work() -> None:
            try:
                finished.put((self, self._spawn(start, definition)))
            except BaseException as error:
                finished.put((self, error))

        # A daemon, so that a handler which never returns cannot hold up the end of the program.
        self.thread = threading.Thread(target=work, name="gostage-spawn", daemon=True)
        self.thread.start()

    def _spawn(self, start: Start, definition: SubWorkflowDef) -> SpawnResult:
        handle = start(definition)
        self._handle = handle  # first this, then the question; `discard` does it the other way round, and needs no lock
        if not self._wanted:
            handle._discard()
        return handle.wait()

    def discard(self) -> None:
        """End the child, or the one that is about to be started."""
        self._wanted = False
        if self._handle is not None:
            self._handle._discard()

    def kill(self) -> None:
        """The same at once."""
        self.discard()
        if self._handle is not None:
            self._handle.kill()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread; whether it is gone."""
        thread = self.thread
        if thread is not None:
            with contextlib.suppress(RuntimeError):  # interrupted in its start: it will see that nobody wants it
                thread.join(max(0.0, timeout_s))
        return thread is None or not thread.is_alive()


_Finished = SimpleQueue[tuple[_Place, SpawnResult | BaseException]]


def _cancel(places: set[_Place], grace_s: float) -> None:
    """End the children that are left, and wait for them as long as they have to end by themselves."""
    for place in places:
        place.discard()
    _join(places, grace_s)


def _kill(places: set[_Place]) -> None:
    """End those that are still there; their own threads cannot, while handlers keep them busy."""
    for place in places:
        place.kill()
    for place in _join(places, UNKILLABLE_S):
        assert place.thread is not None
        warnings.warn(
            f"a handler called by thread {place.thread.ident} has not returned {UNKILLABLE_S:g} s after its child was "
            "killed; the thread is left behind",
            RuntimeWarning,
            stacklevel=3,
        )


def _join(places: Iterable[_Place], timeout_s: float) -> list[_Place]:
    """Wait for all of their threads; those that are not gone."""
    until = time.monotonic() + timeout_s
    return [place for place in places if not place.join(until - time.monotonic())]
