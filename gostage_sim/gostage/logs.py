"""What children log, in the `logging` of this process."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from gostage_sim.gostage.child.failure import sendable
from gostage_sim.gostage.spawn.printable import printable

if TYPE_CHECKING:
    from gostage_sim.gostage.wire.messages import Message

MAX_LOGGERS = 1000
"""Loggers are never freed; a hostile child may invent a new name for every record."""
MAX_NAME_CHARACTERS = 100
MAX_TIME_S = 253402300800.0
"""The year 10000, where `time.strftime` and `datetime` end."""


class LogToLogging:
    """A handler of `log` messages that hands them to `logging`:

        runner.broker.register_handler("log", gostage.LogToLogging())

    A record of the child's logger `app.db` goes to the logger `gostage.child.app.db`, if that one's level lets it
    through, with the child's level and time. `record.process` is the child's pid; `record.workflow_id`,
    `record.stage_id` and `record.action_name` say where it comes from. All text is the child's and is never formatted
    with `%`; what a terminal would obey is made visible, and lines after the first are indented, so that none looks
    like a record of its own.
    """

    def __init__(self, logger: str = "gostage.child") -> None:
        self._root = logging.getLogger(logger)
        self._loggers: dict[str, logging.Logger] = {}

    def __call__(self, message: Message) -> None:
        payload = message.payload if isinstance(message.payload, dict) else {"message": message.payload}
        name = payload.get("logger")
        logger = self._logger(name) if isinstance(name, str) and name else self._root
        level = _level(payload)
        if not logger.isEnabledFor(level):
            return
        context = message.context
        record = logger.makeRecord(logger.name, level, "", 0, _shown(payload.get("message", "")), (), None)
        time = payload.get("time")
        if isinstance(time, int | float) and 0 <= time < MAX_TIME_S:
            record.created = float(time)
            record.msecs = float(int((record.created % 1) * 1000))
        record.process = context.pid
        record.workflow_id = context.workflow_id
        record.stage_id = context.stage_id
        record.action_name = context.action_name
        if "exception" in payload:
            record.exc_text = f"  {_shown(payload['exception'])}"
        logger.handle(record)

    def _logger(self, name: str) -> logging.Logger:
        known = self._loggers.get(name)
        if known is None:
            if len(self._loggers) >= MAX_LOGGERS or len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
                return self._root
            known = self._loggers[name] = self._root.getChild(name)
        return known


def _level(payload: dict[str, Any]) -> int:
    """The child's level as a number; INFO for what is none."""
    number = payload.get("levelno")
    if type(number) is int and 0 < number <= 100:
        return number
    name = payload.get("level")
    known = logging.getLevelNamesMapping().get(name.upper()) if isinstance(name, str) else None
    return known or logging.INFO


def _shown(value: Any) -> str:
    try:
        text = value if isinstance(value, str) else str(value)
    except (RecursionError, ValueError):  # decoded by a reader that goes deeper than `repr` does
        text = f"<{type(value).__name__} nested too deep>"
    return "\n  ".join(printable(line) for line in sendable(text).rstrip("\n").split("\n"))
