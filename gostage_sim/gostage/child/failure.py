"""Exceptions as data for the parent: type, message and traceback as bounded text."""

from __future__ import annotations

import sys

from gostage_sim.gostage.errors import safe_str

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

MAX_TEXT = 64 * 1024
"""Characters of a message or traceback that travel; the middle of a longer one is left out."""


def describe(error: BaseException) -> dict[str, Any]:
    """`{"type", "message", "traceback"}` of an exception, whatever its own code does; `errno` if it has one."""
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
    `threading` costs a child its import, so the hook is set when somebody else imports it: this object is a finder of
    the import system until then.
    """

    def __init__(self, report: Callable[[BaseException], None]) -> None:
        self._report = report
        if "threading" in sys.modules:
            self._install(sys.modules["threading"])
        else:
            sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Asked before any module is loaded; lets the other finders find `threading`, and sets the hook behind it."""
        if name != "threading":
            return None
        sys.meta_path.remove(self)
        found = (finder.find_spec(name, path, target) for finder in sys.meta_path)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            loader, execute = spec.loader, spec.loader.exec_module

            def execute_and_install(module: ModuleType) -> None:
                execute(module)
                self._install(module)

            loader.exec_module = execute_and_install  # type: ignore[method-assign]  # this one loader object only
        return spec

    def _install(self, threading: Any) -> None:
        before = threading.excepthook

        def hook(args: Any) -> None:
            before(args)
            if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
                self._report(args.exc_value)

        threading.excepthook = hook
