"""The end of a forked child, as an interpreter ends: exit codes, threads, `atexit`, buffers."""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_UNFLUSHED = 120
"""What an interpreter leaves with that could not write out what was left in its buffers."""


def run_to_exit_code(program: Callable[[], object]) -> int:
    """Call `program` as the main program and return the exit code that an interpreter would end with.

    The server leaves with it by `os._exit`, so everything that a fresh interpreter does on its way out is done here:
    https://docs.python.org/3/c-api/init.html#c.Py_FinalizeEx
    """
    code, interrupted = 0, False
    try:
        program()
    except SystemExit as wish:
        code = _code(wish)
    except BaseException as error:
        sys.excepthook(*sys.exc_info())
        code, interrupted = 1, isinstance(error, KeyboardInterrupt)
    _join_threads()
    _run_atexit()
    if not _flush():
        code = EXIT_UNFLUSHED
    if interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    return code


def _code(wish: SystemExit) -> int:
    if wish.code is None:
        return 0
    if isinstance(wish.code, int):
        return wish.code & 0xFF if -sys.maxsize <= wish.code <= sys.maxsize else 0xFF
    print(wish.code, file=sys.stderr)
    return 1


def _join_threads() -> None:
    import threading

    threading._shutdown()  # type: ignore[attr-defined]  # what an interpreter calls; also runs its own exit functions


def _run_atexit() -> None:
    import atexit

    atexit._run_exitfuncs()


def _flush() -> bool:
    done = True
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except Exception:
            done = False
    return done
