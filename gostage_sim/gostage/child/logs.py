"""What a child logs with the standard `logging`, sent to the parent as `log` messages.

Payload: `level` (as the action logger writes it), `message`, `logger`, `time` (seconds since 1970), `levelno`, and
`exception` (the traceback as text) where the record has one.
"""

from __future__ import annotations

from _thread import get_ident

from gostage_sim.gostage.child.failure import describe, sendable
from gostage_sim.gostage.child.on_import import when_imported

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from typing import Any


class LogForwarding:
    """Calls `send("log", payload)` for every record that reaches the root logger, once somebody imports `logging`.

    It stands behind the handlers and is none itself: with a handler of ours on the root logger `logging.basicConfig`
    would do nothing, and `logging.config` would take it away. Levels, filters and `propagate` count as for a handler.
    """

    def __init__(self, send: Callable[[str, Any], None]) -> None:
        self._send = send
        self._sending: set[int] = set()  # threads that are in `send`, whose own log records would never end
        when_imported("logging", self._install)

    def _install(self, logging: Any) -> None:
        before = logging.Logger.callHandlers

        def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
            before(logger, record)
            while logger.parent is not None:
                if not logger.propagate:
                    return
                logger = logger.parent
            self._forward(record)

        logging.Logger.callHandlers = call_handlers

    def _forward(self, record: logging.LogRecord) -> None:
        """Never raises an Exception: who logs does not expect one, least of all when the parent is gone."""
        thread = get_ident()
        if thread in self._sending:
            return
        self._sending.add(thread)
        try:
            self._send("log", _payload(record))
        except Exception:
            return
        finally:
            self._sending.discard(thread)


def _payload(record: logging.LogRecord) -> dict[str, Any]:
    try:
        message = record.getMessage()
    except Exception as failure:  # arguments that do not fit, or a `__str__` that raises
        message = f"{record.msg if isinstance(record.msg, str) else ''} <not formatted: {describe(failure)['message']}>"
    payload: dict[str, Any] = {
        "level": sendable(str(record.levelname)).lower(),
        "message": sendable(message),
        "logger": sendable(str(record.name)),
        "time": record.created,
        "levelno": record.levelno,
    }
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        payload["exception"] = describe(error)["traceback"]
    return payload
