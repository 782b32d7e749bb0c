"""The command that should start the child cannot be executed."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.contract import AT_SPAWN, Point
from gostage_sim.faults.evidence import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gostage_sim.faults.contract import Parent
    from gostage_sim.history.model import ChildHistory, FaultRecord

_SCRIPT = b"#!/bin/sh\n"


@dataclass(frozen=True, slots=True)
class Unstartable:
    """Gives the parent a command that the kernel does not execute, in place of the child's own.

    * `form: missing`: there is no such file (ENOENT)
    * `form: not_executable`: a file without permission to execute (EACCES)
    * `form: directory`: a directory (EACCES)
    * `form: no_program`: an executable file that is no program and no script (ENOEXEC)
    * `form: being_written`: a program that somebody has open for writing (ETXTBSY; Linux 6.11 and 6.12 do execute it)

    The child never runs, so its steps and its other faults do not happen.
    """

    kind: ClassVar[str] = "unstartable"
    points: ClassVar[frozenset[Point]] = AT_SPAWN
    example: ClassVar[str] = """\
- unstartable: {form: missing}
  at: spawn
"""

    form: Literal["missing", "not_executable", "directory", "no_program", "being_written"] = field(
        default="missing", metadata={"description": "what is wrong with the command"}
    )

    @contextmanager
    def around(self, parent: Parent) -> Iterator[None]:
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(prefix="unstartable-") as folder:
            path = os.path.join(folder, "program")
            writing = self._make(path)
            try:
                parent.command[:] = [path]
                _try(path, parent)
                yield
            finally:
                if writing is not None:
                    os.close(writing)

    def _make(self, path: str) -> int | None:
        """Put there what the form says; the descriptor when it stays open for writing."""
        if self.form == "directory":
            os.mkdir(path)
        if self.form in ("missing", "directory"):
            return None
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600 if self.form == "not_executable" else 0o700)
        os.write(fd, b"neither ELF nor script\n" if self.form == "no_program" else _SCRIPT)
        if self.form == "being_written":
            return fd
        os.close(fd)
        return None

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The errno that the kernel gave the fault itself for the same command, and that no child ran."""
        found = refusal(fault, child)
        return None if found is None else f"the kernel does not execute the command ({self.form}): {found}"


def _try(path: str, parent: Parent) -> None:
    """Execute it as the engine will; that it ran after all is noted too, and is no witness."""
    try:
        pid = os.posix_spawn(path, [path], {})
    except OSError as error:
        from errno import errorcode

        parent.note(refused=errorcode.get(error.errno or 0, str(error.errno)))
    else:
        parent.note(ran=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
