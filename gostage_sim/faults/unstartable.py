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

_SCRIPTS = {"no_program": b"neither ELF nor script\n", "no_interpreter": b"#!/no/such/interpreter\n"}
#: include/uapi/linux/binfmts.h: 32 pages, and a page has at most 64 KiB.
_MAX_ARG_STRLEN = 32 * 65536


@dataclass(frozen=True, slots=True)
class Unstartable:
    """Gives the parent a command that the kernel does not execute, in place of the child's own.

    * `form: missing`: there is no such file (ENOENT)
    * `form: not_executable`: a file without permission to execute (EACCES)
    * `form: directory`: a directory (EACCES)
    * `form: no_program`: an executable file that is no program and no script (ENOEXEC)
    * `form: no_interpreter`: a script whose first line names an interpreter that does not exist (ENOENT)
    * `form: link_to_itself`: a symbolic link that leads to itself (ELOOP)
    * `form: too_long`: a program that is given an argument longer than the kernel takes (E2BIG)
    * `form: being_written`: a program that somebody has open for writing (ETXTBSY; Linux 6.11 and 6.12 do execute it)

    The child never runs, so its steps and its other faults do not happen.
    """

    kind: ClassVar[str] = "unstartable"
    points: ClassVar[frozenset[Point]] = AT_SPAWN
    example: ClassVar[str] = """\
- unstartable: {form: missing}
  at: spawn
"""

    form: Literal[
        "missing",
        "not_executable",
        "directory",
        "no_program",
        "no_interpreter",
        "link_to_itself",
        "too_long",
        "being_written",
    ] = field(default="missing", metadata={"description": "what is wrong with the command"})

    @contextmanager
    def around(self, parent: Parent) -> Iterator[None]:
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(prefix="unstartable-") as folder:
            path = os.path.join(folder, "program")
            writing = self._make(path)
            try:
                parent.command[:] = [path, "x" * _MAX_ARG_STRLEN] if self.form == "too_long" else [path]
                _try(parent)
                yield
            finally:
                if writing is not None:
                    os.close(writing)

    def _make(self, path: str) -> int | None:
        """Put there what the form says; the descriptor when it stays open for writing."""
        if self.form == "directory":
            os.mkdir(path)
        if self.form == "link_to_itself":
            os.symlink(path, path)
        if self.form in ("missing", "directory", "link_to_itself"):
            return None
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600 if self.form == "not_executable" else 0o700)
        os.write(fd, _SCRIPTS.get(self.form, b"#!/bin/sh\n"))
        if self.form == "being_written":
            return fd
        os.close(fd)
        return None

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The errno that the kernel gave the fault itself for the same command, and that no child ran."""
        found = refusal(fault, child)
        return None if found is None else f"the kernel does not execute the command ({self.form}): {found}"


def _try(parent: Parent) -> None:
    """Execute it as the engine will; that it ran after all is noted too, and is no witness."""
    try:
        pid = os.posix_spawn(parent.command[0], parent.command, {})
    except OSError as error:
        from errno import errorcode

        parent.note(refused=errorcode.get(error.errno or 0, str(error.errno)))
    else:
        parent.note(ran=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
