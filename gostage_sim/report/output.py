"""Printing a line to whoever may already have stopped reading."""

from __future__ import annotations

import os
from typing import TextIO


def say(line: str, stream: TextIO) -> None:
    """Print one line at once. Neither a reader that went away (`| head`, a closed terminal) nor a full disk is a reason
    to stop: what follows goes nowhere, reports and exit code still tell."""
    try:
        print(line, file=stream, flush=True)
    except OSError:
        # The descriptor, not only the object: Python flushes the buffer once more at its exit and would complain.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
