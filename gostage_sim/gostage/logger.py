"""The action logger: log lines that travel as `log` messages."""

from __future__ import annotations

from time import time

from gostage_sim.gostage.errors import safe_str

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Logger:
    """`logger.info("copied %d files", n)` sends `log` `{"level": "info", "message": "copied 3 files"}`.

    With it go `logger`, the name given here, and `time`, in seconds since 1970. As with `logging`, a line that cannot
    be put together is no error of the work that wanted to log it: it is sent as it was written, with the reason.
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

    def critical(self, message: str, *args: object) -> None:
        self._log("critical", message, args)

    def exception(self, message: str, *args: object) -> None:
        """As `error`, with the traceback of the exception that is being handled."""
        from traceback import format_exc

        self._log("error", message, args, "\n" + format_exc().rstrip("\n"))

    def _log(self, level: str, message: object, args: tuple[object, ...], end: str = "") -> None:
        try:
            text = str(message)
            if args:
                text %= args[0] if len(args) == 1 and isinstance(args[0], dict) else args
        except Exception as error:
            text = f"{message!s:.1000} (cannot be formatted: {type(error).__name__}: {safe_str(error)})"
        self._send("log", {"level": level, "message": text + end, "logger": self._name, "time": time()})
