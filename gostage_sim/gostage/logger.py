"""The action logger: log lines that travel as `log` messages."""

from __future__ import annotations

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Logger:
    """`logger.info("copied %d files", n)` sends `log` `{"level": "info", "message": "copied 3 files"}`."""

    __slots__ = ("_send",)

    def __init__(self, send: Callable[[str, Any], None]) -> None:
        self._send = send

    def debug(self, message: str, *args: object) -> None:
        self._log("debug", message, args)

    def info(self, message: str, *args: object) -> None:
        self._log("info", message, args)

    def warning(self, message: str, *args: object) -> None:
        self._log("warning", message, args)

    def error(self, message: str, *args: object) -> None:
        self._log("error", message, args)

    def _log(self, level: str, message: str, args: tuple[object, ...]) -> None:
        self._send("log", {"level": level, "message": message % args if args else message})
