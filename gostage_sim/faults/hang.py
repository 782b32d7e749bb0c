"""The process lives and gets no further: it computes for ever, waits for itself, or will not leave."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, NoReturn

from gostage_sim.faults.contract import ANYWHERE, Placement, Point
from gostage_sim.faults.evidence import ending, note_with

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

#: Twice as many ways to match with each character, of which none is one.
_BACKTRACKING, _TEXT = r"(a|a)*b", "a" * 200

#: Forms that strike when the process is to leave, not at the point.
_ON_THE_WAY_OUT = ("atexit", "thread")


@dataclass(frozen=True, slots=True)
class Hang:
    """Makes the child hang, in one of the ways in which programs do. Give such a child a short `timeout`.

    It hangs at the point:

    * `form: backtracking`: matches a regular expression that needs longer than the universe has, in C, with the GIL
      held: no other thread of it runs any more
    * `form: deadlock`: two threads each hold a lock and wait for the other's
    * `form: deaf`: has a handler for SIGTERM that would leave in order, as careful programs have, and blocks in a
      `read()` of the C library, which the kernel begins again after each signal: the handler's turn never comes, and
      only SIGKILL ends the child

    It goes on, and hangs when everything is done and its result is sent:

    * `form: atexit`: in a function that is registered with `atexit`
    * `form: thread`: for a thread that is no daemon and waits for ever; only at the result, because the engine's child
      waits for those that are there before
    """

    kind: ClassVar[str] = "hang"
    points: ClassVar[frozenset[Point]] = ANYWHERE
    example: ClassVar[str] = """\
- hang: {form: deadlock}
  at: {message: 100}
"""

    form: Literal["backtracking", "deadlock", "deaf", "atexit", "thread"] = field(
        default="deadlock", metadata={"description": "what it does for ever"}
    )

    def placement_problem(self, at: Placement) -> str | None:
        if self.form == "thread" and at.point != "result":
            return "form: thread is for at: result only; before it the engine's child waits for the thread"
        return None

    def inject(self, victim: Victim) -> None:
        match self.form:
            case "backtracking":
                import re

                victim.note(hangs=self.form)
                re.match(_BACKTRACKING, _TEXT)
                raise AssertionError("the match that should have taken for ever has ended")
            case "deadlock":
                _deadlock(victim)
            case "deaf":
                _be_deaf(victim)
            case "atexit":
                import atexit

                atexit.register(_stay, victim)
            case "thread":
                import threading

                threading.Thread(target=_stay, args=(victim,), name="stays").start()

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The child's note from within, and that the kernel saw nothing but a signal end it: of `deaf`, SIGKILL."""
        note = note_with(fault, "hangs")
        if note is None or child.exit is None or child.exit.signal is None or child.exit.t_ns <= note["t_ns"]:
            return None
        if (self.form == "deaf" and child.exit.signal != "SIGKILL") or (
            self.form not in _ON_THE_WAY_OUT and fault.over_ns is not None
        ):
            return None
        lived = f"{(child.exit.t_ns - note['t_ns']) / 1e9:.3f} s"
        return f"hung ({self.form}) for {lived}, until {ending(child)}"


def _deadlock(victim: Victim) -> None:
    import threading

    mine, theirs = threading.Lock(), threading.Lock()
    both = threading.Barrier(2)

    def hold_and_want(held: threading.Lock, wanted: threading.Lock) -> None:
        with held:
            both.wait()
            with wanted:
                raise AssertionError("the deadlock was none")

    threading.Thread(target=hold_and_want, args=(theirs, mine), name="deadlock", daemon=True).start()
    with mine:
        both.wait()
        # Noted here: inside a message this thread holds the channel, and a note of the other one would need it.
        victim.note(hangs="deadlock")
        with theirs:
            raise AssertionError("the deadlock was none")


def _be_deaf(victim: Victim) -> None:
    import ctypes

    def leave(number: int, frame: object) -> NoReturn:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, leave)
    signal.siginterrupt(signal.SIGTERM, False)
    reading, _writing = os.pipe()  # nobody will ever write
    victim.note(hangs="deaf")
    byte = ctypes.create_string_buffer(1)
    ctypes.CDLL(None).read(reading, byte, ctypes.c_size_t(1))
    raise AssertionError("the read() that should have blocked for ever has returned")


def _stay(victim: Victim) -> None:
    from threading import Event

    victim.note(hangs="on the way out")
    Event().wait()
