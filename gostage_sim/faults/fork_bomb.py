"""The child starts a process that forks until the kernel says no."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import ANYWHERE, Point
from gostage_sim.faults.evidence import note_with

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

#: The bomb of a process is one of these users, which nobody else is: only the bomb counts against its limit. They are
#: below 65,536, because the users of a container may end there.
_USERS = range(40_000, 60_000)

#: Forks until EAGAIN, then tells how many processes there are and stays, as all of them do. One that is refused nothing
#: ends the whole of it: a limit that does not hold must not become a bomb that goes off.
_BOMB = """\
import errno, os, resource, signal, sys
tell, count, user = map(int, sys.argv[1:])
if os.getuid() == 0:
    os.setgroups([])
    os.setresgid(user, user, user)
    resource.setrlimit(resource.RLIMIT_NPROC, (count, count))
    os.setresuid(user, user, user)
else:
    mine = 0  # threads, which is what the kernel counts
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{pid}").st_uid == os.getuid():
                mine += len(os.listdir(f"/proc/{pid}/task"))
        except OSError:  # gone meanwhile
            pass
    limit = mine - 1 + count
    resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
forked, refused = [], ""
while not refused and len(forked) < 4 * count:
    try:
        forked.append(os.fork())
    except OSError as error:
        refused = errno.errorcode[error.errno]
    else:
        if not forked[-1]:
            os.close(tell)
            while True:
                signal.pause()
os.write(tell, f"{len(forked) + 1} {refused}".encode())
os.close(tell)
if not refused:
    for pid in forked:
        os.kill(pid, signal.SIGKILL)
    sys.exit(1)
while True:
    signal.pause()
"""


@dataclass(frozen=True, slots=True)
class ForkBomb:
    """Starts a program that forks as long as it can, and goes on with its work when the kernel has said no.

    The program sets its own limit (RLIMIT_NPROC) to `processes`, on top of those that its user has already. Root is
    held to no such limit, so where the child is root the program first becomes a user that nobody else is. All of its
    processes stay in the child's process group, do nothing, and do not leave by themselves.
    """

    kind: ClassVar[str] = "fork_bomb"
    points: ClassVar[frozenset[Point]] = ANYWHERE
    example: ClassVar[str] = """\
- fork_bomb: {processes: 40}
  at: {message: 100}
"""

    processes: int = field(default=20, metadata={"description": "how many there may be", "ge": 2, "le": 500})

    def __post_init__(self) -> None:
        check_bounds(self)

    def inject(self, victim: Victim) -> None:
        import sys

        answer, tell = os.pipe()
        try:
            os.set_inheritable(tell, True)
            arguments = [str(tell), str(self.processes), str(_USERS[os.getpid() % len(_USERS)])]
            pid = os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", _BOMB, *arguments], os.environ)
        finally:
            os.close(tell)
        with os.fdopen(answer) as reader:
            count, _, refused = reader.read().partition(" ")
        victim.note(bomb=pid, processes=int(count or 0), refused=refused)

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The child's note of how many processes there were when the kernel refused one more, and with which errno."""
        note = note_with(fault, "bomb")
        if note is None or note["refused"] != "EAGAIN" or note["processes"] < 2:
            return None
        return f"{note['processes']} processes, then EAGAIN"
