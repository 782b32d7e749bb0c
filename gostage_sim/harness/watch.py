"""The observer's event loop over one running scenario: who says what, who dies, what the parent holds meanwhile.

Everything it learns goes into the observer's journal; nothing is judged here. It ends when the subject has.
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gostage_sim.faults import fault_kind
from gostage_sim.faults.contract import IN_PARENT, InflictedFromOutside
from gostage_sim.harness import proc
from gostage_sim.harness.bereaved import Bereaved
from gostage_sim.harness.control import Gone, Listener, Peer
from gostage_sim.harness.director import Awaited, Director, Phase
from gostage_sim.harness.plan import Plan
from gostage_sim.harness.target import Target, WatchedChild
from gostage_sim.history.journal import Journal
from gostage_sim.history.model import KernelExit, Resources

SAMPLE_INTERVAL_S = 0.05
#: How long the counters of the parent may take to come back to the baseline: what SIGKILL hit needs a moment to go.
SETTLE_S = 1.0
#: How long children may take to die of their lifelines after their parent did.
ORPHANS_S = 2.0
#: How long the window of the faults is kept open for a beat of the parent's heart.
HEART_S = 2.0
#: Over the scenario's own time, for the parent to report what its children did with it.
MARGIN_S = 3.0

_SETTLE_INTERVAL_S = 0.005


class Watch:
    """Runs the loop; `run()` returns when the subject is gone, and its children are or had time to go."""

    def __init__(
        self, plan: Plan, folder: Path, journal: Journal, listener: Listener, subject: int, ignored: frozenset[int]
    ) -> None:
        self._journal = journal
        self._listener = listener
        self.subject = subject
        self._ignored = ignored
        self._temp = folder / "tmp"
        self._stack = ExitStack()
        self._selector = self._stack.enter_context(selectors.DefaultSelector())
        self._children: dict[str, WatchedChild] = {}
        self._faults = {fault["id"]: fault for child in plan["children"] for fault in child["faults"]}
        self._names = [child["name"] for child in plan["children"]]
        #: Children for which the parent does a fault: they are not over before it says so.
        self._struck_in_parent = {
            child["name"]
            for child in plan["children"]
            if any(fault["at"]["point"] in IN_PARENT for fault in child["faults"])
        }
        self._waiting: defaultdict[str, list[tuple[Peer, str]]] = defaultdict(list)
        """Who waits for a release in the name of a child, itself, the parent that does a fault for it, or both; and at
        which fault or gate."""
        self._director = Director(
            faults={
                child["name"]: [fault["id"] for fault in child["faults"]]
                for child in plan["children"]
                if child["faults"] and child["meets"]
            },
            siblings=[child["name"] for child in plan["children"] if child["gates"]],
            awaited={
                fault["id"]: Awaited(child["name"], **fault["at"]["after"])
                for child in plan["children"]
                for fault in child["faults"]
                if "after" in fault["at"]
            },
        )
        self._timeout_s: float = plan["scenario"]["timeout_s"]
        grace_s = max(child["grace_s"] for child in plan["children"])
        self._deadline = time.monotonic() + self._timeout_s + grace_s + MARGIN_S
        self._baseline: Resources | None = None
        self._next_sample: float | None = None
        self._rested_at = 0.0
        self._settling: tuple[Peer, float] | None = None
        self._subject_alive = True
        self._journalled_phase = Phase.GATHERING
        self._opened_ns: int | None = None
        self._bereaved: Bereaved | None = None

    def run(self) -> None:
        with self._stack:
            self._watch(self._listener, self._accept)
            self.subject_pidfd = os.pidfd_open(self.subject)
            self._stack.callback(os.close, self.subject_pidfd)
            self._watch(self.subject_pidfd, self._subject_ended)
            while self._subject_alive or self._somebody_is_left():
                for key, _ in self._selector.select(self._wait_s()):
                    if key.fd in self._selector.get_map():  # an earlier one of this round may have ended it
                        key.data()
                if not self._tick(time.monotonic()):
                    break
            self._ask_for_exits()

    def _somebody_is_left(self) -> bool:
        bereaved = 0 if self._bereaved is None else self._bereaved.left
        return bereaved > 0 or any(child.alive for child in self._children.values())

    def _wait_s(self) -> float:
        due: list[float] = [self._deadline]
        if self._next_sample is not None:
            due.append(self._next_sample)
        if self._settling is not None:
            due.append(time.monotonic() + _SETTLE_INTERVAL_S)
        return max(0.0, min(due) - time.monotonic())

    def _tick(self, now: float) -> bool:
        """What is due by the clock; False when there is nothing left to wait for."""
        if self._settling is not None:
            self._settle(now)
        elif self._next_sample is not None and now >= self._next_sample:
            self._sample("sample")
        if self._opened_ns is not None and now > self._opened_ns / 1e9 + HEART_S:
            self._release(self._director.beat())
        if now < self._deadline:
            return True
        if not self._subject_alive:
            return False
        self._journal.event("overdue", after_s=self._timeout_s)
        self._journal.event(
            "problem",
            text=f"the parent was not done after {self._timeout_s:g} s, the timeout of the scenario, "
            f"and {MARGIN_S:g} s more; the observer ended it",
        )
        proc.send_signal(self.subject_pidfd, signal.SIGKILL)
        self._deadline = now + ORPHANS_S
        return True

    # --- who comes and what they say --------------------------------------------------------------------------------

    def _watch(self, source: Any, action: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, action)

    def _accept(self) -> None:
        try:
            peer = self._listener.accept()
        except OSError:
            return
        self._stack.callback(peer.close)
        names: list[str] = []  # of the child behind it, when it has said so
        self._watch(peer, lambda: self._hear(peer, names))

    def _hear(self, peer: Peer, names: list[str]) -> None:
        try:
            packet = peer.receive()
            self._take(peer, names, packet.pop("kind"), packet)
        except BlockingIOError:
            return
        except Gone:
            self._selector.unregister(peer)
        except (ValueError, KeyError) as error:
            self._journal.event("problem", text=f"process {peer.pid} sent a packet nobody understands: {error!r}")
            self._selector.unregister(peer)

    def _take(self, peer: Peer, names: list[str], kind: str, packet: dict[str, Any]) -> None:
        match kind:
            case "hello" if "child" in packet:
                names.append(packet["child"])
                self._hello(peer, packet["child"])
            case "hello":
                peer.answer()
            case "baseline":
                self._baseline = self._sample("baseline")
                peer.answer()
            case "returned":
                self._gone(packet["child"])
            case "done":
                self._settling = (peer, time.monotonic() + SETTLE_S)
            case "spawning":
                names.append(packet["child"])
            case "reached":
                self._waiting[names[0]].append((peer, packet["fault"]))
                self._release(self._director.reached(names[0], packet["fault"]))
            case "ready":
                self._inflict(self._children[names[0]], packet["fault"])
            case "over":
                self._release(self._director.over(names[0], packet["fault"]))
            case "sent":
                self._release(self._director.sent(names[0], packet["message"]))
            case "beat":
                if self._opened_ns is not None and packet["since_ns"] > self._opened_ns:
                    self._release(self._director.beat())
            case "gate":
                self._waiting[names[0]].append((peer, packet["gate"]))
                self._release(self._director.gate(names[0], packet["gate"]))
            case _:
                raise ValueError(kind)

    def _hello(self, peer: Peer, name: str) -> None:
        if name not in self._names or name in self._children:
            which = "a second time" if name in self._children else "which is not in the plan"
            self._journal.event("problem", text=f"process {peer.pid} introduced itself as {name!r}, {which}")
            return
        try:
            pidfd = os.pidfd_open(peer.pid)
        except OSError:
            return  # killed while it waited; that its spawn returned is heard from the subject
        self._stack.callback(os.close, pidfd)
        child = self._children[name] = WatchedChild(name, peer.pid, pidfd, peer)
        self._journal.event("hello", child=name, pid=peer.pid)
        self._watch(pidfd, lambda: self._child_ended(child))
        if time.monotonic() >= self._rested_at:
            self._sample("sample")
        peer.answer()

    def _release(self, names: list[str]) -> None:
        phase = self._director.phase
        if phase is not self._journalled_phase:
            if self._journalled_phase is Phase.GATHERING:
                self._journal.event("window_opened")
                self._opened_ns = time.monotonic_ns()
            if phase is Phase.CLOSED:
                self._journal.event("window_closed")
            self._journalled_phase = phase
        for name in names:
            held = [waiting for waiting in self._waiting[name] if self._director.holds(waiting[1])]
            for peer, at in self._waiting[name]:
                if (peer, at) not in held:
                    peer.answer(**({"in_vain": True} if self._director.in_vain(at) else {}))
            self._waiting[name] = held

    def _inflict(self, child: WatchedChild, fault_id: str) -> None:
        """Break a child from outside that holds still or goes on; a fault without that power just holds."""
        planned = self._faults[fault_id]
        fault = fault_kind(planned["kind"])(**planned["params"])
        if not isinstance(fault, InflictedFromOutside):
            return
        target = Target(child, fault_id, self._journal, self)
        try:
            fault.inflict(target)
        except ProcessLookupError:
            target.note(gone="the child was gone before the fault could be inflicted")
        except Exception as error:
            self._journal.event("problem", text=f"fault {fault_id} could not be inflicted: {error!r}")

    def record_descendants(self) -> None:
        """Of the parent, which is about to be killed."""
        if self._bereaved is None:
            self._bereaved = Bereaved(self.subject, self._ignored, self._journal, self._selector, self._stack)

    # --- who dies ---------------------------------------------------------------------------------------------------

    def _child_ended(self, child: WatchedChild) -> None:
        self._selector.unregister(child.pidfd)
        child.alive = False
        self._journal.event("gone", child=child.name)
        self._ask_for_exit(child)
        if child.name not in self._struck_in_parent:
            self._gone(child.name)

    def _gone(self, name: str) -> None:
        """It has ended, and what it said before that is heard first: somebody may wait for just that."""
        child = self._children.get(name)
        while child is not None:
            try:
                packet = child.peer.receive()
            except (BlockingIOError, Gone, ValueError):
                break
            self._take(child.peer, [name], packet.pop("kind"), packet)
        self._release(self._director.gone(name))

    def _subject_ended(self) -> None:
        self._selector.unregister(self.subject_pidfd)
        self._subject_alive = False
        self._next_sample = self._settling = None
        self._journal.event("subject_gone")
        self._deadline = time.monotonic() + ORPHANS_S
        for name in self._names:
            if name not in self._children or name in self._struck_in_parent:
                self._release(self._director.gone(name))
        self._opened_ns = None
        self._release(self._director.beat())

    def _ask_for_exit(self, child: WatchedChild) -> None:
        """The kernel tells once the process is reaped: by its parent, or by us where we inherited it."""
        if child.alive or child.exit_known:
            return
        end = proc.reap(child.pid) or proc.exit_of(child.pidfd)
        if end is not None:
            child.exit_known = True
            self._journal.event("exit", child=child.name, **_exit_facts(end))

    def _ask_for_exits(self) -> None:
        for child in self._children.values():
            self._ask_for_exit(child)

    # --- what the parent holds --------------------------------------------------------------------------------------

    def _count(self) -> Resources | None:
        known = {child.pid for child in self._children.values()}
        for pid in proc.children(os.getpid()):
            if pid != self.subject and pid not in known and pid not in self._ignored:
                proc.reap(pid)  # an orphan we inherited, which is nobody else's to reap
        return proc.resources(self.subject, reaper=os.getpid(), ignored=self._ignored, temp=self._temp)

    def _sample(self, name: str) -> Resources | None:
        started, used = time.monotonic(), time.thread_time()
        counted = self._count()
        if counted is not None:
            self._journal.event(name, **asdict(counted))
        for child in self._children.values():
            if child.alive and (seen := proc.stat(child.pid)) is not None and seen.state == "T":
                self._journal.event("stopped", child=child.name)
        self._ask_for_exits()
        # With hundreds of children a sample costs much; it must not become the load of the machine. Not the time that
        # passed: on a machine busy with something else that is long, and the run could end before the next sample.
        cost_s = time.thread_time() - used
        self._rested_at = started + 4 * cost_s
        self._next_sample = started + max(SAMPLE_INTERVAL_S, 10 * cost_s)
        return counted

    def _settle(self, now: float) -> None:
        """The subject is done and waits: count until nothing is left over the baseline, or the time is over."""
        assert self._settling is not None
        peer, until = self._settling
        counted = self._count()
        if counted is not None and now < until and not self._back_to_baseline(counted):
            return
        self._settling = self._next_sample = None
        if counted is not None:
            self._journal.event("final", **asdict(counted))
        self._ask_for_exits()
        seen = proc.stat(self.subject)
        self._journal.event("alive", alive=seen is not None and seen.state != "Z")
        peer.answer()

    def _back_to_baseline(self, counted: Resources) -> bool:
        before = self._baseline
        return before is not None and all(
            getattr(counted, key) <= getattr(before, key)
            for key in ("processes", "zombies", "fds", "sockets", "threads", "temp_files")
        )


def _exit_facts(end: KernelExit) -> dict[str, Any]:
    return {"exit_code": end.exit_code, "signal": end.signal, "source": end.source}
