"""Printing a line to whoever may already have stopped reading."""

from __future__ import annotations

import os
from typing import TextIO


def say(line: str, stream: TextIO) -> None:
    """Print one line at once. A reader that went away (`| head`) is no error: what follows goes nowhere."""
    try:
        print(line, file=stream, flush=True)
    except BrokenPipeError:
        # The descriptor, not only the object: Python flushes the buffer once more at its exit and would complain.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
