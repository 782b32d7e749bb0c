"""The folder in which a pool's scenarios run: held by a lock for as long as anybody works in it, swept up by the next.

A pool or observer that is killed together with all who could tidy up leaves its folder. A lock goes with its process,
also in another container that shares the folder for temporary files, where a process number would say nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "gostage-sim-runs-"


def make() -> tuple[Path, int]:
    """A new folder and the descriptor that holds it; what earlier pools left is removed first."""
    _sweep()
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        held = _hold(folder)
        if held is not None:
            return folder, held


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Somebody else's folder, held too: it is not swept up when its owner is killed first."""
    fd = _hold(folder)
    try:
        yield
    finally:
        if fd is not None:
            os.close(fd)


def _hold(folder: Path) -> int | None:
    """None when somebody swept it up before it could be held."""
    with contextlib.suppress(FileNotFoundError):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(fd, fcntl.LOCK_SH)
        if folder.exists():
            return fd
        os.close(fd)
    return None


def _sweep() -> None:
    """Remove the folders that nobody holds; what is not ours to remove stays."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(fd)
