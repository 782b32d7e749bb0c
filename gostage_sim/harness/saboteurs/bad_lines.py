"""Saboteurs of `quarantine`: engines to which a bad line is not what it is."""

from __future__ import annotations

from gostage_sim.gostage.spawn.session import Session
from gostage_sim.harness.saboteurs.contract import Saboteur


def _swallows() -> None:
    def forget(self: Session, offset: int, length: int, reason: str, excerpt: bytes, before: int = 0) -> None:
        return

    Session._put_away = forget  # type: ignore[method-assign]


SABOTEURS = (Saboteur("swallows", "quarantine", "forgets bad lines instead of reporting them", _swallows),)
