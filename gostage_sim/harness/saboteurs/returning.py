"""Saboteurs of `prompt-return`: engines whose `spawn()` comes back late."""

from __future__ import annotations

import time
from typing import Any

from gostage_sim.gostage.spawn.session import Order, Session
from gostage_sim.harness.saboteurs.contract import Saboteur
from gostage_sim.harness.saboteurs.seams import after_a_signal

#: How late an engine is that is late; over every bound of the guarantee.
_LATE_S = 3.0


def _hangs() -> None:
    after_a_signal(lambda process: time.sleep(_LATE_S))


def _oversleeps() -> None:
    begin = Session.__init__

    def begin_later(self: Session, *arguments: Any, **options: Any) -> None:
        begin(self, *arguments, **options)
        self.deadline += _LATE_S

    Session.__init__ = begin_later  # type: ignore[method-assign]


def _waits_for_the_end() -> None:
    exited, closed = Session.exited, Session.streams_closed
    gone: dict[Session, float] = {}

    def not_the_end(self: Session, now: float) -> tuple[Order, ...]:
        if not self._streams_open:
            return exited(self, now)
        if self not in gone:
            gone[self], self.deadline = now, now + _LATE_S  # in place of its own, for which nobody here has time
        return ()

    def the_end(self: Session) -> tuple[Order, ...]:
        orders = closed(self)
        return exited(self, gone[self]) if self in gone else orders

    Session.exited = not_the_end  # type: ignore[method-assign]
    Session.streams_closed = the_end  # type: ignore[method-assign]


SABOTEURS = (
    Saboteur("hangs", "prompt-return", f"returns {_LATE_S:g} s late when a signal killed the child", _hangs),
    Saboteur("oversleeps", "prompt-return", f"acts on a child's timeout {_LATE_S:g} s late", _oversleeps, "hang"),
    Saboteur(
        "lingers",
        "prompt-return",
        "takes the end of the streams for the end of a child, and not its exit",
        _waits_for_the_end,
        "grandchild",
    ),
)
