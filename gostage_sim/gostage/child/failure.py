"""Exceptions as data for the parent: type, message and traceback as bounded text."""

from __future__ import annotations

import sys

from gostage_sim.gostage.child.on_import import when_imported
from gostage_sim.gostage.errors import safe_str

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MAX_TEXT = 64 * 1024
"""Characters of a message or traceback that travel; the middle of a longer one is left out."""

MAX_LINKS = 100
"""Exceptions behind or in the one that is described; of one with more there is no more than where it was raised."""
MAX_FRAMES = 2000
"""The last ones of a traceback that are shown: twice what Python lets a program recurse by default."""

_ENOMEM = 12
"""Of Linux; the module `errno` would be one more to import, just when memory is short."""


def describe(error: BaseException) -> dict[str, Any]:
    """`{"type", "message", "traceback"}` of an exception, whatever its own code does; `errno` if it or a cause has one.

    Any kind of MemoryError has ENOMEM: a library's own, whose name tells the parent nothing.
    """
    message = sendable(safe_str(error))
    facts: dict[str, Any] = {
        "type": sendable(type(error).__name__),
        "message": message,
        "traceback": _traceback(error, message),
    }
    code = errno_of(error)
    if code is not None:
        facts["errno"] = code
    return facts


def errno_of(error: BaseException) -> int | None:
    """Its own, or that of the nearest exception that it was raised `from`: an import that failed for want of memory."""
    link: BaseException | None = error
    for _ in range(MAX_LINKS):
        if isinstance(link, OSError) and type(link.errno) is int:
            return link.errno
        if isinstance(link, MemoryError):
            return _ENOMEM
        if link is None:
            break
        link = vars(BaseException)["__cause__"].__get__(link)
    return None


def _traceback(error: BaseException, message: str) -> str:
    try:
        if _has_many_links(error):
            return sendable(f"{_places(error, message)}<over {MAX_LINKS} exceptions behind it or in it are left out>\n")
        if len(message) > MAX_TEXT:  # the library would copy all of it, several times
            return sendable(_places(error, message))
        import traceback

        return sendable("".join(traceback.format_exception(error, limit=-MAX_FRAMES)))
    except OSError:  # no descriptor left to import it with: the error may be just that
        return sendable(_places(error, message))
    except BaseException as failure:  # a hostile __cause__, __notes__ or __traceback__, or no memory left for it
        return f"<no traceback: formatting it raised {type(failure).__name__}>"


def _is_shown_quickly(error: BaseException | None) -> bool:
    """By Python's own hook, which goes through a chain in the square of its length, and down the stack of C."""
    try:
        return error is None or not _has_many_links(error)
    except BaseException:
        return False


def _has_many_links(error: BaseException) -> bool:
    """Whether there are so many causes, contexts and members of groups that the library would take its time."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if len(seen) > MAX_LINKS:
            return True
        waiting += (one.__cause__, one.__context__)
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions[: MAX_LINKS + 1]
    return False


def _places(error: BaseException, message: str) -> str:
    """A traceback of this exception alone, without its source lines; needs neither module nor file."""
    lines, link = ["Traceback (most recent call last):\n"], error.__traceback__
    while link is not None:
        code = link.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {link.tb_lineno}, in {code.co_name}\n')
        link = link.tb_next
    return "".join([*lines, f"{type(error).__name__}: {message}\n"])


def sendable(text: str) -> str:
    """`text` without what UTF-8 cannot carry, and no longer than `MAX_TEXT`."""
    if len(text) > MAX_TEXT:
        half = MAX_TEXT // 2
        text = f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
    return text.encode("utf-8", "backslashreplace").decode()


def forget_frames(error: BaseException | None) -> None:
    """Take the tracebacks away, whose frames keep in memory all that was in hand when it was raised.

    Whatever its class has put into the place of these attributes.
    """
    own = vars(BaseException)
    seen: set[int] = set()
    chain = [error]
    while chain:
        link = chain.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            own["__traceback__"].__set__(link, None)
            chain += [own["__cause__"].__get__(link), own["__context__"].__get__(link)]


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
            if _is_shown_quickly(args.exc_value):
                before(args)
            else:
                sys.stderr.write(describe(args.exc_value)["traceback"])
            if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
                self._report(args.exc_value)

        threading.excepthook = hook
