"""An exception where nobody expects one, or one that breaks whoever looks at it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.contract import Placement, Point
from gostage_sim.faults.evidence import ending, note_with

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

HUGE_MESSAGE_CHARACTERS = 1_000_000


class InjectedPanic(Exception):  # noqa: N818 - named for what it is
    """An exception nobody expected."""


class UnprintablePanic(Exception):  # noqa: N818
    """An exception that raises another one whenever it is to be shown."""

    def __str__(self) -> str:
        raise InjectedPanic("__str__ of the exception raised")

    def __repr__(self) -> str:
        raise InjectedPanic("__repr__ of the exception raised")


class InjectedBaseException(BaseException):
    """Passes by every `except Exception`."""


@dataclass(frozen=True, slots=True)
class Panic:
    """Raises an exception in the child, out of the action that runs at the point.

    * `form: exception`: an ordinary exception, the control for the others
    * `form: bad_str`: one whose `__str__` and `__repr__` raise
    * `form: base_exception`: a direct subclass of BaseException, which `except Exception` does not catch
    * `form: thread`: an exception nobody catches, in a second thread; the thread is joined, so it has happened when the
      action goes on
    * `form: huge_message`: one whose message has 1,000,000 characters
    * `form: recursion`: a function that calls itself until Python refuses (RecursionError)

    An exception needs an action to be raised out of, so it can be placed at a step or a message; `thread` needs none
    and can be placed at a byte too. Before the definition and after the result there is nothing left to panic.
    """

    kind: ClassVar[str] = "panic"
    points: ClassVar[frozenset[Point]] = frozenset({"step", "message", "byte"})
    example: ClassVar[str] = """\
- panic: {form: bad_str}
  at: {step: 2}
"""

    form: Literal["exception", "bad_str", "base_exception", "thread", "huge_message", "recursion"] = field(
        default="exception", metadata={"description": "what is raised, and where"}
    )

    def placement_problem(self, at: Placement) -> str | None:
        if at.point == "byte" and self.form != "thread":
            return f"form: {self.form} would leave half a message behind; use form: thread"
        return None

    def inject(self, victim: Victim) -> None:
        if self.form == "thread":
            _raise_in_a_thread(victim)
            return
        if self.form == "recursion":
            try:
                _recurse()
            except RecursionError as refused:
                victim.note(raised=type(refused).__name__)
                raise
        error = self._exception()
        try:
            raise error
        finally:  # written while the exception is in flight: nothing can stop it any more
            victim.note(raised=type(error).__name__)

    def _exception(self) -> BaseException:
        if self.form == "bad_str":
            return UnprintablePanic()
        if self.form == "base_exception":
            return InjectedBaseException("a BaseException raised on purpose")
        if self.form == "huge_message":
            return InjectedPanic("x" * HUGE_MESSAGE_CHARACTERS)
        return InjectedPanic("an exception raised on purpose")

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The child's note, written while the exception was in flight, and that the process did not end with code 0."""
        note = note_with(fault, "raised")
        if note is None or child.exit is None or child.exit.exit_code == 0:
            return None
        where = "in a second thread" if self.form == "thread" else "out of the action"
        return f"raised {note['raised']} {where}; the process {ending(child)}"


def _recurse() -> None:
    _recurse()


def _raise_in_a_thread(victim: Victim) -> None:
    raised: list[str] = []

    def panic() -> None:
        raised.append(InjectedPanic.__name__)
        raise InjectedPanic("an exception raised on purpose in a thread")

    thread = threading.Thread(target=panic, name="injected panic")
    thread.start()
    thread.join()
    # Noted here and not in the thread: inside a message this thread holds the channel, and a note may need it.
    victim.note(raised=raised[0], thread=thread.name)
