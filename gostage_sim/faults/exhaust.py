"""The parent is at one of its limits when it starts the child."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import IN_PARENT, Point
from gostage_sim.faults.evidence import note_with, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gostage_sim.faults.contract import Parent
    from gostage_sim.history.model import ChildHistory, FaultRecord

#: Descriptors of the three pipes of a child: no child can be started with fewer.
_LEAST_FILES = 6


@dataclass(frozen=True, slots=True)
class Exhaust:
    """Takes from the parent what it needs to start a child, until the spawn has returned.

    * `what: files`: its limit of open files (RLIMIT_NOFILE) is lowered to the descriptors it has and `left` more, so
      that the spawn comes that far before it meets EMFILE
    * `what: processes`: its user may have no more processes (RLIMIT_NPROC 0), so that a fork meets EAGAIN. Root is held
      to no such limit, so where the parent is root the thread that spawns gives up its real user and its power over
      limits meanwhile

    Where it strikes at `spawn` the child never runs, so its steps and its other faults do not happen. At `handler` the
    child is there already, and the parent has nothing left while it serves it: what its handlers start then fails.
    """

    kind: ClassVar[str] = "exhaust"
    points: ClassVar[frozenset[Point]] = IN_PARENT
    example: ClassVar[str] = """\
- exhaust: {what: files, left: 3}
  at: spawn
"""

    what: Literal["files", "processes"] = field(default="files", metadata={"description": "what there is no more of"})
    left: int = field(
        default=0,
        metadata={"description": "files it may still open; with processes 0", "ge": 0, "le": _LEAST_FILES - 1},
    )

    def __post_init__(self) -> None:
        check_bounds(self)
        if self.left and self.what != "files":
            raise ValueError(f"left goes with what: files only; found what: {self.what}")

    @contextmanager
    def around(self, parent: Parent) -> Iterator[None]:
        with ExitStack() as undo:
            if self.what == "files":
                _leave_files(self.left, undo)
                self._try(_open_pipes, parent)
            else:
                from gostage_sim.faults.process_limit import forbid_processes, try_to_fork

                undo.enter_context(forbid_processes())
                self._try(try_to_fork, parent)
            yield

    def _try(self, start: Callable[[], None], parent: Parent) -> None:
        from errno import errorcode

        try:
            start()
        except OSError as error:
            errno = errorcode.get(error.errno or 0, str(error.errno))
            if parent.starting:
                parent.note(refused=errno)
            else:
                parent.note(lacked=errno)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The errno that the kernel gave the fault itself at the same limit, and that no child ran, or one already."""
        note = note_with(fault, "lacked", by="parent")
        if note is not None and len(child.sent):
            return f"the parent has no {self.what} left while the child runs: {note['lacked']}"
        found = refusal(fault, child)
        return None if found is None else f"the parent has no {self.what} left for a child: {found}"


def _leave_files(left: int, undo: ExitStack) -> None:
    """Lower the limit to the descriptors in use and fill the gaps between them, but for so many."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + left, hard))
    undo.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
    fillers: list[int] = []
    undo.callback(_close, fillers)
    while True:
        try:
            fillers.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            break
    for _ in range(min(left, len(fillers))):
        os.close(fillers.pop())


def _open_pipes() -> None:
    """The pipes of a child, and let them go."""
    ends: list[int] = []
    try:
        while len(ends) < _LEAST_FILES:
            ends += os.pipe()
    finally:
        _close(ends)


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)
