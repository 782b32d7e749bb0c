"""Inbound IPC middleware for the messages of one child, with a record of those that it rejects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gostage_sim import gostage
from gostage_sim.history.model import ENGINE_TYPES


class ChosenInbound:
    """Calls `inbound` for the messages of this child, the engine's own left out, and lets those of others pass."""

    def __init__(self, child: str, inbound: Callable[[Any], Any], record: Callable[..., None]) -> None:
        self.is_over = False
        """From here on it lets everything pass."""
        self._child = child
        self._inbound = inbound
        self._record = record

    def inbound(self, message: gostage.Message) -> gostage.Message | None:
        """The middleware's method."""
        if self.is_over or message.origin.workflow_id != self._child or message.type in ENGINE_TYPES:
            return message
        try:
            passed: gostage.Message | None = self._inbound(message)
        except Exception:
            self._record("rejected", child=self._child, position=message.context.sequence - 1)
            raise
        return passed
