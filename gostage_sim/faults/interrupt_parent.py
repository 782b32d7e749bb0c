"""The parent is interrupted, as by Ctrl-C or by who asks it to leave, while it waits in `spawn()`."""

from __future__ import annotations

import signal
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.contract import ANYWHERE, Placement, Point
from gostage_sim.faults.evidence import note_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gostage_sim.faults.contract import Parent, Target, Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

_SEEN_WITHIN_S = 5.0


def _keep_sigterm_pending() -> None:
    """Whichever thread gets it, as gRPC has some: the main thread comes to have it blocked, and the kernel shows it
    pending there."""

    def keep(number: int, frame: object) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {number})
        signal.raise_signal(number)

    def hand_over() -> None:  # Python only notes what comes in another thread, and the main thread may be waiting
        seen.recv(1)
        signal.pthread_kill(main, signal.SIGTERM)

    main = threading.get_ident()
    seen, come = socket.socketpair()
    come.setblocking(False)
    signal.signal(signal.SIGTERM, keep)
    signal.set_wakeup_fd(come.detach(), warn_on_full_buffer=False)
    threading.Thread(target=hand_over, daemon=True).start()


@dataclass(frozen=True, slots=True)
class InterruptParent:
    """The observer sends the parent a signal that it handles as programs do: SIGINT raises KeyboardInterrupt, and for
    SIGTERM it has a handler that raises SystemExit. It calls `spawn()` for this child in its main thread, where Python
    runs signal handlers; so one child of a wave can have this fault, and that child no copies.

    With `to: group` the whole process group of the parent gets it, as Ctrl-C in a terminal does; no child of the
    engine may be in it.

    With `again` the child does not let SIGTERM through, and the parent is interrupted a second time once the engine has
    sent that; the engine must not wait for the grace period then. Give such a child a long `grace`.

    At `{handler: n}` it comes while a handler has a message, and the exception leaves that handler, too; nobody holds
    the child.

    The exception must come out of `spawn()`, with the child gone before; expect `raises: KeyboardInterrupt` of it, or
    `raises: SystemExit`. The parent goes on with the rest of its work.
    """

    kind: ClassVar[str] = "interrupt_parent"
    points: ClassVar[frozenset[Point]] = ANYWHERE | {"handler"}
    example: ClassVar[str] = """\
- interrupt_parent: {signal: SIGINT, to: group}
  at: {message: 100}
"""

    signal: Literal["SIGINT", "SIGTERM"] = field(
        default="SIGINT", metadata={"description": "the signal the observer sends to the parent"}
    )
    to: Literal["process", "group"] = field(
        default="process", metadata={"description": "who gets it: the parent, or its whole process group"}
    )
    again: bool = field(
        default=False, metadata={"description": "whether a second one follows, because the child does not leave"}
    )

    def inject(self, victim: Victim) -> None:
        if self.again:
            _keep_sigterm_pending()
        victim.note(holding=True)
        victim.hold()

    @contextmanager
    def around(self, parent: Parent) -> Iterator[None]:
        parent.note(holding=True)
        parent.hold()
        yield

    def inflict(self, target: Target) -> None:
        taken = [self._interrupt(target)]
        if self.again and target.wait_until_pending("SIGTERM", _SEEN_WITHIN_S):
            taken.append(self._interrupt(target))
        target.note(interrupted=self.signal, taken=taken, waited_up_to_s=_SEEN_WITHIN_S)

    def _interrupt(self, target: Target) -> bool:
        target.signal_parent(self.signal, group=self.to == "group")
        return target.wait_until_parent_took(self.signal, _SEEN_WITHIN_S)

    def placement_problem(self, at: Placement) -> str | None:
        if self.again and at.point == "handler":
            return "again is about a child that does not let SIGTERM through, and nobody holds it here; leave out again"
        return None

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The observer's note that it sent the signal, each time to a parent that `/proc` showed to have a handler for
        it, and that it was pending there no longer."""
        in_handler = fault.at.get("point") == "handler"
        held = note_with(fault, "holding", by="parent" if in_handler else "child")
        note = note_with(fault, "interrupted", by="observer")
        if held is None or note is None or note["interrupted"] != self.signal:
            return None
        if note["taken"] != [True] * (2 if self.again else 1):
            return None
        who = f"the parent{' and its group' if self.to == 'group' else ''}"
        return f"{who} took {self.signal}{' in a handler' if in_handler else ' twice' if self.again else ''}"
