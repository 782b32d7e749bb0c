"""Exceptions as data for the parent: type, message and traceback as bounded text."""

from __future__ import annotations

from gostage_sim.gostage.child.on_import import when_imported
from gostage_sim.gostage.errors import safe_str

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MAX_TEXT = 64 * 1024
"""Characters of a message or traceback that travel; the middle of a longer one is left out."""

_ENOMEM = 12
"""Of Linux; the module `errno` would be one more to import, just when memory is short."""


def describe(error: BaseException) -> dict[str, Any]:
    """`{"type", "message", "traceback"}` of an exception, whatever its own code does; `errno` if it has one.

    Any kind of MemoryError has ENOMEM: a library's own, whose name tells the parent nothing.
    """
    try:
        import traceback

        lines = traceback.format_exception(error)
    except OSError:  # no descriptor left to import it with: the error may be just that
        lines = _places(error)
    except BaseException as failure:  # a hostile __cause__, __notes__ or __traceback__
        lines = [f"<no traceback: formatting it raised {type(failure).__name__}>"]
    facts: dict[str, Any] = {
        "type": sendable(type(error).__name__),
        "message": sendable(safe_str(error)),
        "traceback": sendable("".join(lines)),
    }
    if isinstance(error, OSError) and type(error.errno) is int:
        facts["errno"] = error.errno
    elif isinstance(error, MemoryError):
        facts["errno"] = _ENOMEM
    return facts


def _places(error: BaseException) -> list[str]:
    """A traceback without its source lines; needs neither module nor file."""
    lines, link = [], error.__traceback__
    while link is not None:
        code = link.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {link.tb_lineno}, in {code.co_name}\n')
        link = link.tb_next
    return [*lines, f"{type(error).__name__}: {safe_str(error)}\n"]


def sendable(text: str) -> str:
    """`text` without what UTF-8 cannot carry, and no longer than `MAX_TEXT`."""
    if len(text) > MAX_TEXT:
        half = MAX_TEXT // 2
        text = f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
    return text.encode("utf-8", "backslashreplace").decode()


class ThreadWatch:
    """Calls `report(error)` for an exception that nobody handled in a thread of this process.

    The standard library prints it and goes on, and a workflow that lost one of its threads would look completed.
    `threading` costs a child its import, so the hook is set when somebody else imports it.
    """

    def __init__(self, report: Callable[[BaseException], None]) -> None:
        self._report = report
        when_imported("threading", self._install)

    def _install(self, threading: Any) -> None:
        before = threading.excepthook

        def hook(args: Any) -> None:
            before(args)
            if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
                self._report(args.exc_value)

        threading.excepthook = hook
