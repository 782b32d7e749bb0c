"""The command that should start the child starts something else."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.contract import AT_SPAWN, Point
from gostage_sim.faults.evidence import ending, note_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gostage_sim.faults.contract import Parent
    from gostage_sim.history.model import ChildHistory, FaultRecord

_MODULE = "gostage_sim.harness.child"
_DEAF = "import signal\nwhile True: signal.pause()"


@dataclass(frozen=True, slots=True)
class WrongProgram:
    """Gives the parent a command that the kernel does execute, but that is no child, in place of the child's own.

    * `form: other_python`: an interpreter without the packages of this one, as from another environment: it does not
      find the child's module and exits with 1
    * `form: silent`: a program that exits with 0 without a word, and reads nothing
    * `form: deaf`: a program that reads nothing, says nothing and does not leave; give such a child a short `timeout`

    The child never runs, so its steps and its other faults do not happen.
    """

    kind: ClassVar[str] = "wrong_program"
    points: ClassVar[frozenset[Point]] = AT_SPAWN
    example: ClassVar[str] = """\
- wrong_program: {form: other_python}
  at: spawn
"""

    form: Literal["other_python", "silent", "deaf"] = field(
        default="other_python", metadata={"description": "what runs instead"}
    )

    @contextmanager
    def around(self, parent: Parent) -> Iterator[None]:
        parent.command[:] = [sys.executable, "-I", "-S", *self._arguments()]
        parent.note(instead=self.form, alone=None if self.form == "deaf" else _try(parent.command))
        yield

    def _arguments(self) -> list[str]:
        match self.form:
            case "other_python":
                return ["-m", _MODULE]
            case "silent":
                return ["-c", ""]
            case "deaf":
                return ["-c", _DEAF]

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The kernel's exit code of the child is that of the same command alone; of `deaf`, a signal. None spoke."""
        note = note_with(fault, "instead", by="parent")
        if note is None or child.exit is None or len(child.sent) or child.exit.exit_code != note["alone"]:
            return None
        return f"another program ran in the child's place ({self.form}): {ending(child)}"


def _try(command: list[str]) -> int:
    """How it ends when nobody talks to it."""
    quiet = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    pid = os.posix_spawn(command[0], command, {}, file_actions=quiet)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
