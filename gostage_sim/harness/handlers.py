"""The handlers of the parent under test that do more than look: what a scenario's `handlers:` wants of them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from gostage_sim import gostage


class ScriptedError(Exception):
    """You get it from a handler that the scenario wants to raise, and from no other."""


class ScriptedHandler:
    """The handler of one message type. It sees the message first: what it does then must not undo that.

    `spawn(name)` spawns the fresh child of that name, once, for the first child whose message is the chosen one.
    `record(event, **facts)` is told of the time for which it held up a child on purpose. Messages are counted for each
    child of its own, whose handlers are never called concurrently.
    """

    def __init__(
        self,
        planned: dict[str, Any],
        *,
        see: Callable[[gostage.Message], None],
        spawn: Callable[[str], None],
        record: Callable[..., None],
    ) -> None:
        self._planned = planned
        self._see = see
        self._spawn = spawn
        self._record = record
        self._seen: dict[str, int] = {}
        self._lock = threading.Lock()
        self._fresh: str | None = planned["spawn"]
        self.left: set[str] = set()
        """The children whose handler called `sys.exit()`."""

    def __call__(self, message: gostage.Message) -> None:
        self._see(message)
        child = message.origin.workflow_id
        number = self._seen[child] = self._seen.get(child, 0) + 1
        if self._planned["delay_s"]:
            time.sleep(self._planned["delay_s"])
        if number == self._planned["at"]:
            self._strike(child)
        every = self._planned["raise_every"]
        if every is not None and number % every == 0:
            raise ScriptedError(f"the scenario wants this handler to raise at every {every} messages; this is {number}")

    def _strike(self, child: str) -> None:
        since_ns = time.monotonic_ns()
        if self._planned["block_s"]:
            time.sleep(self._planned["block_s"])
        with self._lock:
            fresh, self._fresh = self._fresh, None
        if fresh is not None:
            self._spawn(fresh)
        if self._planned["block_s"] or fresh is not None:
            self._record("held", child=child, since_ns=since_ns)
        if self._planned["exit"]:
            self.left.add(child)
            sys.exit("the scenario wants this handler to leave")
