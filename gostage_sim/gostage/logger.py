"""The action logger: log lines that travel as `log` messages."""

from __future__ import annotations

from time import time

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Logger:
    """`logger.info("copied %d files", n)` sends `log` `{"level": "info", "message": "copied 3 files"}`.

    With it go `logger`, the name given here, and `time`, in seconds since 1970.
    """

    __slots__ = ("_name", "_send")

    def __init__(self, send: Callable[[str, Any], None], name: str) -> None:
        self._send = send
        self._name = name

    def debug(self, message: str, *args: object) -> None:
        self._log("debug", message, args)

    def info(self, message: str, *args: object) -> None:
        self._log("info", message, args)

    def warning(self, message: str, *args: object) -> None:
        self._log("warning", message, args)

    def error(self, message: str, *args: object) -> None:
        self._log("error", message, args)

    def _log(self, level: str, message: str, args: tuple[object, ...]) -> None:
        text = message % args if args else message
        self._send("log", {"level": level, "message": text, "logger": self._name, "time": time()})
