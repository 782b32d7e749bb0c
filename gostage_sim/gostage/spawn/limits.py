"""Which limit ended a child: decided from what the kernel showed and what the child reported, not from a guess."""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

from gostage_sim.gostage.grpc_ends import LAST_WORDS, NO_CONNECTION
from gostage_sim.gostage.spawn.result import ResourceUsage

if TYPE_CHECKING:
    from gostage_sim.gostage.spawn.options import ResourceLimits

_BY_ERRNO = {
    errno.EFBIG: "file_size_bytes",
    errno.EMFILE: "open_files",
    errno.ENOMEM: "memory_bytes",
    errno.EAGAIN: "processes",
}

CPU_HARD_ABOVE_SOFT_S = 1
"""With both equal the kernel sends SIGKILL at once, and nobody sees which limit it was."""
CPU_EXACTNESS = 0.75
"""The kernel holds a process to its CPU seconds by who runs at each tick of the timer, and reports them by the
scheduler's exact count. Where a busy host takes time away from this machine, that has been seen to be a fifth less."""


def hit_by_signal(limits: ResourceLimits, signal: str | None, usage: ResourceUsage | None) -> str | None:
    """The sentence that names the limit for which the kernel sent this signal; None when it was another cause."""
    if signal == "SIGXCPU":
        return _sentence(limits, "cpu_s", signal, usage)
    if signal == "SIGXFSZ":
        return _sentence(limits, "file_size_bytes", signal, usage)
    if signal == "SIGKILL" and usage is not None:
        if usage.oom_kills:
            return _sentence(limits, "memory_bytes", "SIGKILL by the memory controller", usage)
        hard_s = None if limits.cpu_s is None else limits.cpu_s + CPU_HARD_ABOVE_SOFT_S
        if hard_s is not None and usage.cpu_s >= hard_s * CPU_EXACTNESS:  # it lived on after SIGXCPU
            return _sentence(limits, "cpu_s", signal, usage)
    return None


def hit_by_error(
    limits: ResourceLimits, type_: str, message: str, code: object, usage: ResourceUsage | None
) -> str | None:
    """The sentence that names the limit behind an error of the child; None when no limit of that kind was set.

    `code` is the errno of an OSError, and ENOMEM of a MemoryError of a library's own. EAGAIN is also what a descriptor
    that must not block answers; where the number of processes is limited, one that fails the child counts as the limit.
    """
    if type_ == "MemoryError":
        name: str | None = "memory_bytes"
    elif type_ == "RuntimeError" and message == "can't start new thread":
        name = "processes"
    else:
        name = _BY_ERRNO.get(code) if isinstance(code, int) else None
    return None if name is None else _sentence(limits, name, f"{type_}: {message}" if message else type_, usage)


_TRACEBACK = "Traceback (most recent call last):\n"
_DIED_EARLY = (1, 127)
"""Exit codes of an interpreter whose program raised, and of a program that the loader could not load."""
_OF_THE_LOADER = re.compile(
    r"(?P<memory>failed to map segment from shared object|memory allocation failed|Cannot allocate memory)"
    r"|\b(?:Errno|Error) (?P<errno>\d{1,4})\b"
)
MAX_LAST_WORDS = 8192
"""Characters of stderr that are looked at; a traceback that is longer is cut at its beginning."""


def hit_by_last_words(
    limits: ResourceLimits, exit_code: int | None, stderr_tail: str, usage: ResourceUsage | None
) -> str | None:
    """The sentence that names the limit which a child met before it could report anything, as while it imports.

    All it leaves then is an exit code and, on stderr, what ended it: the last traceback, the loader's complaint, or why
    a child by gRPC can send nothing.
    """
    if exit_code not in _DIED_EARLY:
        return None
    _, header, words = stderr_tail[-MAX_LAST_WORDS:].rpartition(_TRACEBACK)
    lines = [line for line in words.splitlines() if line.strip()]
    if header:
        lines = [line for line in lines if not line.startswith(" ")][:1]  # behind its frames, which are indented
    for line in lines:
        kind, _, message = line.removeprefix(LAST_WORDS).removeprefix(NO_CONNECTION).partition(": ")
        found = _OF_THE_LOADER.search(line)
        code = None if found is None else errno.ENOMEM if found["memory"] else int(found["errno"])
        hit = hit_by_error(limits, kind.rpartition(".")[2], message.strip(), code, usage)
        if hit is not None:
            return hit
    return None


def _sentence(limits: ResourceLimits, name: str, how: str, usage: ResourceUsage | None) -> str | None:
    limit = getattr(limits, name)
    if limit is None:
        return None
    used = "its usage is not known" if usage is None else f"it used {usage.describe()}"
    return f"limit {name}={limit} was hit: {how}; {used}"
