"""The child runs out of what the kernel allots: memory, CPU time, files, room for a file."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.contract import Point
from gostage_sim.faults.core_dumps import forbid_core_dumps
from gostage_sim.faults.evidence import ending, note_with

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

_CHUNK_BYTES = 16 * 2**20
#: Not a whole number of chunks: what is left over is for the child's last words.
_MEMORY_BYTES = 8 * _CHUNK_BYTES + _CHUNK_BYTES // 2
_CPU_S = 1
_FILES = 8
_FILE_BYTES = 64 * 2**20
_BLOCK_BYTES = 4096

#: What the kernel answers with: an error that leaves the action, or a signal that ends the process.
_ERRORS = {"memory": "MemoryError", "files": "EMFILE", "file_size": "EFBIG", "disk": "ENOSPC"}
_SIGNALS = {"cpu": "SIGXCPU", "cpu_hard": "SIGKILL", "file_size_signal": "SIGXFSZ"}


@dataclass(frozen=True, slots=True)
class RunOut:
    """Lowers a limit of the child's own process with `setrlimit()` and then uses up what it allows.

    These are errors, which leave the action as any exception does. The limit, and what was taken, stays:

    * `of: memory`: allocates and fills 16 MiB after 16 MiB, until the limit of 136 MiB more than it had (RLIMIT_AS)
      makes that a MemoryError
    * `of: files`: opens `/dev/null` again and again until it meets EMFILE, at a limit of 8 descriptors above those in
      use (RLIMIT_NOFILE)
    * `of: file_size`: writes a file without a name beyond 64 MiB (RLIMIT_FSIZE) and meets EFBIG, because Python ignores
      SIGXFSZ
    * `of: disk`: writes to `/dev/full`, where the disk is always full, and meets ENOSPC; no limit is set

    These are signals, of which the process dies. Core dumps are switched off first:

    * `of: cpu`: computes until 1 to 2 s more of CPU time are used (RLIMIT_CPU, soft): SIGXCPU
    * `of: cpu_hard`: the same, where the hard limit is no higher: SIGKILL
    * `of: file_size_signal`: as `file_size`, with SIGXFSZ as it is in a program that is not Python
    """

    kind: ClassVar[str] = "run_out"
    points: ClassVar[frozenset[Point]] = frozenset({"step", "message"})
    example: ClassVar[str] = """\
- run_out: {of: memory}
  at: {message: 100}
"""

    of: Literal["memory", "cpu", "cpu_hard", "files", "file_size", "file_size_signal", "disk"] = field(
        default="memory", metadata={"description": "what there is no more of"}
    )

    def inject(self, victim: Victim) -> None:
        match self.of:
            case "memory":
                _use_up_memory(victim)
            case "files":
                _use_up_files(victim)
            case "disk":
                _fill("/dev/full", 0, victim)
            case "cpu" | "cpu_hard":
                _use_up_cpu(victim, hard=self.of == "cpu_hard")
            case "file_size" | "file_size_signal":
                _outgrow(victim, deadly=self.of == "file_size_signal")

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The error that the kernel gave and an exit that is no success; or, after the note, the kernel's signal."""
        if child.exit is None:
            return None
        if self.of in _SIGNALS:
            note, name = note_with(fault, "limit"), _SIGNALS[self.of]
            if note is None or child.exit.signal != name:
                return None
            return f"killed by {name} at its limit ({note['limit']})"
        note = note_with(fault, "met")
        if note is None or note["met"] != _ERRORS[self.of] or child.exit.exit_code == 0:
            return None
        return f"met {note['met']} after {note['used']}; the process {ending(child)}"


def _use_up_memory(victim: Victim) -> None:
    import resource

    with open("/proc/self/statm") as sizes:
        in_use = int(sizes.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (in_use + _MEMORY_BYTES, hard))
    taken: list[bytes] = []
    try:
        while True:
            taken.append(b"x" * _CHUNK_BYTES)
    except MemoryError:
        victim.note(met="MemoryError", used=f"{len(taken)} times {_CHUNK_BYTES >> 20} MiB")
        raise


def _use_up_files(victim: Victim) -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + _FILES, hard))
    count = 0
    try:
        while True:
            os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)  # kept open: nobody closes what leaks
            count += 1
    except OSError as error:
        victim.note(met=_name(error), used=f"{count} files")
        raise


def _use_up_cpu(victim: Victim, *, hard: bool) -> None:
    import resource
    import time

    forbid_core_dumps()
    limit = int(time.process_time()) + 1 + _CPU_S
    _, highest = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit if hard else highest))
    victim.note(limit=f"{limit} s of CPU time, {'hard' if hard else 'soft'}")
    while True:
        pass


def _outgrow(victim: Victim, *, deadly: bool) -> None:
    import resource

    forbid_core_dumps()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, hard))
    if deadly:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    victim.note(limit=f"a file of {_FILE_BYTES >> 20} MiB")
    # No name in any folder, so nothing to leave behind; up to the last block before the limit it is a hole.
    file = os.memfd_create("outgrown")
    _fill(f"/proc/self/fd/{file}", _FILE_BYTES - _BLOCK_BYTES, victim)


def _fill(path: str, offset: int, victim: Victim) -> None:
    """Write block after block until the kernel says no."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    at = offset
    try:
        while True:
            at += os.pwrite(fd, b"x" * _BLOCK_BYTES, at)
    except OSError as error:
        victim.note(met=_name(error), used=f"{at:,} bytes")
        raise
    finally:
        os.close(fd)


def _name(error: OSError) -> str:
    from errno import errorcode

    return errorcode.get(error.errno or 0, str(error.errno))
