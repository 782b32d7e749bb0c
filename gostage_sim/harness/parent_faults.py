"""The faults that are done in the subject: around the spawn of a child, or from a message of it on that it handles.

One spawn's faults are in effect at a time: two that change the same process could not be told apart.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from gostage_sim import gostage
from gostage_sim.faults import fault_kind
from gostage_sim.faults.contract import IN_PARENT, StrikesInParent
from gostage_sim.harness.connection import listening_ports
from gostage_sim.harness.control import Client
from gostage_sim.harness.inbound import ChosenInbound
from gostage_sim.harness.launchers import CHILD_COMMAND, ScenarioLauncher
from gostage_sim.harness.stepped_clock import SteppedClock

_WAIT_S = 0.1

Record = Callable[..., None]
Fault = dict[str, Any]


class ParentFaults:
    """Of all children of a plan. `record(event, **facts)` writes into the subject's journal."""

    def __init__(
        self, folder: Path, runner: gostage.Runner, launcher: ScenarioLauncher, clock: SteppedClock, record: Record
    ) -> None:
        self._folder = folder
        self._runner = runner
        self._launcher = launcher
        self._clock = clock
        self._record = record
        self._striking = threading.RLock()
        self._in_handlers: dict[str, Callable[[], None]] = {}

    @contextmanager
    def of(self, child: dict[str, Any]) -> Iterator[None]:
        """Around the spawn of this child, in the thread that spawns it, where its messages are handled too."""
        name = child["name"]
        planned = [fault for fault in child["faults"] if fault["at"]["point"] in IN_PARENT]
        if not planned:
            yield
            return
        for fault in planned:
            self._record("armed", fault=fault["id"])
        control = Client(str(self._folder))
        control.tell("spawning", child=name)
        with ExitStack() as locks, self._closed_alone(control), ExitStack() as undo:

            def strike(faults: Sequence[Fault], *, starting: bool) -> None:
                for fault in faults:
                    control.ask("reached", fault=fault["id"])
                if faults:
                    locks.enter_context(self._striking)
                for fault in faults:
                    undo.enter_context(self._strike(name, fault, control, starting=starting))

            to_come = [fault for fault in planned if fault["at"]["point"] == "handler"]
            if to_come:
                self._in_handlers[name] = self._counting(name, to_come, strike)
                undo.callback(self._in_handlers.pop, name)
            strike([fault for fault in planned if fault["at"]["point"] == "spawn"], starting=True)
            yield

    def handled(self, child: str) -> None:
        """A handler has the next message of this child, which is recorded already."""
        if child in self._in_handlers:
            self._in_handlers[child]()

    def _counting(self, child: str, to_come: Sequence[Fault], strike: Callable[..., None]) -> Callable[[], None]:
        """Called at each message of the child, never concurrently, it strikes at those that the faults name."""
        handled = 0

        def count() -> None:
            nonlocal handled
            handled += 1
            faults = [fault for fault in to_come if fault["at"]["handler"] == handled]
            if faults:
                since_ns = time.monotonic_ns()
                strike(faults, starting=False)
                self._record("held", child=child, since_ns=since_ns)

        return count

    @contextmanager
    def _closed_alone(self, control: Client) -> Iterator[None]:
        """Close it while no other fault strikes: a descriptor that comes back then would spoil its count."""
        try:
            yield
        finally:
            with self._striking:
                control.close()

    @contextmanager
    def _strike(self, child: str, planned: Fault, control: Client, *, starting: bool) -> Iterator[None]:
        """One fault, from its beginning until it is undone."""
        id = planned["id"]
        with ExitStack() as undo:
            try:
                struck: Any = fault_kind(planned["kind"])(**planned["params"])
                fault: StrikesInParent = struck
                self._record("fired", fault=id)
                parent = _Parent(self._runner, self._launcher, self._clock, self._record, control, child, id, starting)
                undo.enter_context(fault.around(parent))
            except Exception as error:  # the harness's own failure, which nothing may take for one of the engine
                self._record("problem", text=f"fault {id} could not be done: {type(error).__name__}: {error}")
            yield
        self._record("over", fault=id)
        control.tell("over", fault=id)


class _Parent:
    """What a fault may do in this process: the `Parent` of its contract."""

    def __init__(
        self,
        runner: gostage.Runner,
        launcher: ScenarioLauncher,
        clock: SteppedClock,
        record: Record,
        control: Client,
        child: str,
        fault_id: str,
        starting: bool,
    ) -> None:
        self.starting = starting
        self.command = launcher.commands.setdefault(child, list(CHILD_COMMAND))
        self._runner = runner
        self._launcher = launcher
        self._clock = clock
        self._record = record
        self._control = control
        self._child = child
        self._fault_id = fault_id

    def note(self, **facts: Any) -> None:
        self._record("note", fault=self._fault_id, facts=facts)

    def hold(self) -> None:
        self._control.tell("ready", fault=self._fault_id)
        # In short waits: a signal that the kernel gives to another thread does not wake this one, and it is here that
        # Python calls its handler.
        while not select.select([self._control], [], [], _WAIT_S)[0]:
            pass
        self._control.wait()

    def before_reaping(self, action: Callable[[int], object]) -> None:
        self._launcher.before_reaping[self._child] = action

    def close_runner(self) -> None:
        self._runner.close()

    def use_for_spawns(self, middleware: Any) -> AbstractContextManager[None]:
        return _used_for_spawns(self._runner, middleware)

    @contextmanager
    def use_for_messages(self, inbound: Callable[[Any], Any]) -> Iterator[None]:
        # A broker gives no middleware back, so this one lets all pass when it is over.
        middleware = ChosenInbound(self._child, inbound, self._record)
        self._runner.broker.use(middleware)
        try:
            yield
        finally:
            middleware.is_over = True

    def step_clock(self, seconds: float) -> None:
        # Recorded, as the children have so much less time, or none more.
        self._record("clock_stepped", seconds=seconds)
        self._clock.step(seconds)

    def clock_looks(self) -> int:
        return self._clock.looks

    def listening(self) -> list[int]:
        return listening_ports()


@contextmanager
def _used_for_spawns(runner: gostage.Runner, middleware: Any) -> Iterator[None]:
    """As a user's program may; taken back afterwards."""
    before = runner.spawn_middleware
    runner.use_for_spawns(middleware)
    try:
        yield
    finally:
        runner.spawn_middleware = before
