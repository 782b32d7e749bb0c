"""Saboteurs of `handler-contained`: engines in which what a handler raises has consequences, or none."""

from __future__ import annotations

from gostage_sim.gostage.delivery import Delivery
from gostage_sim.gostage.wire.messages import Message
from gostage_sim.harness.saboteurs.contract import Saboteur


def _stops_at_errors() -> None:
    failed = Delivery._failed

    def fail_and_stop(self: Delivery, message: Message, error: Exception) -> None:
        failed(self, message, error)
        self.is_open = False

    Delivery._failed = fail_and_stop  # type: ignore[method-assign]


def _forgets_errors() -> None:
    def forget(self: Delivery, message_type: str, sequence: int, error: Exception) -> None:
        return

    Delivery.record = forget  # type: ignore[method-assign]


SABOTEURS = (
    Saboteur("stops", "handler-contained", "calls no handler of a child once one has raised", _stops_at_errors),
    Saboteur("forgets", "handler-contained", "records nothing of what handlers raise", _forgets_errors),
)
