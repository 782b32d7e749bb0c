"""What a fault may do from outside to a child that is at its point, and to its parent."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Any, Protocol

from gostage_sim.harness import proc
from gostage_sim.harness.control import Peer
from gostage_sim.history.journal import Journal


@dataclass(slots=True)
class WatchedChild:
    """A child that said hello."""

    name: str
    pid: int
    pidfd: int
    peer: Peer
    alive: bool = True
    exit_known: bool = False


class Observer(Protocol):
    """Who holds the parent."""

    subject: int
    subject_pidfd: int

    def record_descendants(self) -> None:
        """Of the parent, which is about to be killed."""


class Target:
    """The `Target` of the faults' contract."""

    def __init__(self, child: WatchedChild, fault_id: str, journal: Journal, observer: Observer) -> None:
        self.pid = child.pid
        self._child = child
        self._fault_id = fault_id
        self._journal = journal
        self._observer = observer

    def signal(self, name: str) -> None:
        signal.pidfd_send_signal(self._child.pidfd, signal.Signals[name])

    def wait_for_state(self, state: str, timeout_s: float) -> bool:
        seen = proc.wait_for_state(self.pid, state, timeout_s)
        if seen and state == "T":
            self._journal.event("stopped", child=self._child.name)
        return seen

    def wait_for_write(self, timeout_s: float) -> int | None:
        return proc.wait_for_write(self.pid, timeout_s)

    def wait_until_pending(self, name: str, timeout_s: float) -> bool:
        return proc.wait_until_pending(self.pid, signal.Signals[name], timeout_s)

    def wait_for_end(self, timeout_s: float) -> bool:
        return proc.wait_for_end(self._child.pidfd, timeout_s)

    def record_descendants(self) -> None:
        self._observer.record_descendants()

    def signal_parent(self, name: str, *, group: bool = False) -> None:
        number = signal.Signals[name]
        if group:
            os.killpg(self._observer.subject, number)  # a zombie at least, until the observer reaps it
        else:
            signal.pidfd_send_signal(self._observer.subject_pidfd, number)

    def wait_until_parent_took(self, name: str, timeout_s: float) -> bool:
        return proc.wait_until_taken(self._observer.subject, signal.Signals[name], timeout_s)

    def wait_for_parents_end(self, timeout_s: float) -> bool:
        return proc.wait_for_end(self._observer.subject_pidfd, timeout_s)

    def release(self) -> None:
        self._child.peer.answer(released=True)

    def note(self, **facts: Any) -> None:
        self._journal.event("note", fault=self._fault_id, facts=facts)
