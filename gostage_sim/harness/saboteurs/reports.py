"""Saboteurs of `true-verdict` and `as-expected`: engines that say of a child what is not true."""

from __future__ import annotations

from typing import Any

from gostage_sim.gostage.spawn.process import Process
from gostage_sim.gostage.spawn.result import Outcome
from gostage_sim.gostage.spawn.session import ExitStatus, Session
from gostage_sim.harness.saboteurs.contract import Saboteur


def _misreports() -> None:
    reap = Process.reap

    def lie(self: Process) -> ExitStatus:
        status = reap(self)
        return status if status.signal is None else ExitStatus(1, None)

    Process.reap = lie  # type: ignore[method-assign]


def _embellishes() -> None:
    verdict = Session.verdict

    def completed(self: Session, stderr_tail: str = "") -> Any:
        return Outcome.COMPLETED, verdict(self, stderr_tail)[1]

    Session.verdict = completed  # type: ignore[method-assign]


SABOTEURS = (
    Saboteur("misreports", "true-verdict", "reports exit code 1 for a child killed by a signal", _misreports),
    Saboteur("embellishes", "as-expected", "reports every child as completed", _embellishes),
)
