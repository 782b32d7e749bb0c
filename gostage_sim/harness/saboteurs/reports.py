"""Saboteurs of `true-verdict` and `as-expected`: engines that say of a child what is not true."""

from __future__ import annotations

from typing import Any

from gostage_sim.gostage.spawn.process import Process
from gostage_sim.gostage.spawn.result import ChildError, Outcome
from gostage_sim.gostage.spawn.session import ExitStatus, Session
from gostage_sim.gostage.wire.messages import Message
from gostage_sim.harness.saboteurs.contract import Saboteur


def _misreports() -> None:
    reap = Process.reap

    def lie(self: Process) -> ExitStatus:
        status = reap(self)
        return status if status.signal is None else ExitStatus(1, None)

    Process.reap = lie  # type: ignore[method-assign]


def _slanders() -> None:
    verdict = Session.verdict

    def failed(self: Session, stderr_tail: str = "") -> Any:
        outcome, error = verdict(self, stderr_tail)
        if outcome is Outcome.COMPLETED:
            return Outcome.FAILED, ChildError("Error", "something must have gone wrong")
        return outcome, error

    Session.verdict = failed  # type: ignore[method-assign]


def _embellishes() -> None:
    verdict = Session.verdict

    def completed(self: Session, stderr_tail: str = "") -> Any:
        return Outcome.COMPLETED, verdict(self, stderr_tail)[1]

    Session.verdict = completed  # type: ignore[method-assign]


def _skimps() -> None:
    take_note = Session._take_note

    def note_the_first(self: Session, message: Message) -> None:
        take_note(self, message)
        self.final_store = dict(list(self.final_store.items())[:1])

    Session._take_note = note_the_first  # type: ignore[method-assign]


SABOTEURS = (
    Saboteur("misreports", "true-verdict", "reports exit code 1 for a child killed by a signal", _misreports),
    Saboteur("slanders", "true-verdict", "reports every child that completed as failed", _slanders),
    Saboteur("embellishes", "as-expected", "reports every child as completed", _embellishes),
    Saboteur("skimps", "as-expected", "returns one key of a child's final store, whatever is in it", _skimps),
)
