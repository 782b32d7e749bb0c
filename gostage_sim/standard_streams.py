"""The standard streams of the command line, safe from whoever started it: closed, on a full disk, with no reader."""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Descriptor(io.FileIO):
    """A descriptor to write to that never raises: from the first write that fails on, everything goes nowhere.

    Below every buffer, because anybody prints: a library, an action of the user, Python itself at its exit.
    """

    def __init__(self, fd: int) -> None:
        super().__init__(fd, "w", closefd=False)
        self._error: OSError | None = None

    @property
    def problem(self) -> str | None:
        """Why something is missing from the output; None when nothing is, or only its reader went away (`| head`)."""
        if self._error is None or isinstance(self._error, BrokenPipeError):
            return None
        return self._error.strerror or str(self._error)

    def write(self, data: ReadableBuffer, /) -> int:
        while self._error is None:
            try:
                written: int | None = super().write(data)
            except OSError as error:
                self._error = error
                break
            if written is not None:
                return written
            select.select([], [self], [])  # somebody made the terminal or pipe non-blocking, and it is full
        return memoryview(data).nbytes


def take_over() -> Descriptor:
    """Put streams of that kind in the place of stdout and stderr, and return the descriptor under stdout.

    What the caller closed (`>&-`) becomes /dev/null: the next file we open must not become our stdout.
    """
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, fd)
            if nowhere != fd:
                os.close(nowhere)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for as long as we live
    stdout = Descriptor(1)
    sys.stdout = _text(stdout, sys.stdout, line_buffering=stdout.isatty())
    sys.stderr = _text(Descriptor(2), sys.stderr, line_buffering=True)
    return stdout


def _text(descriptor: Descriptor, before: TextIO | None, *, line_buffering: bool) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(descriptor),
        encoding=before.encoding if before is not None else None,
        errors="backslashreplace",  # an ASCII locale must not end the run with a UnicodeEncodeError
        line_buffering=line_buffering,
    )
