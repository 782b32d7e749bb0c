"""What a caller may say about a spawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

#: Variables a child inherits; a trailing `*` matches any ending. Credentials are not among them.
DEFAULT_INHERITED = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TZ", "LANG", "LANGUAGE", "LC_*", "TMPDIR", "TMP", "TEMP",
    "LD_LIBRARY_PATH", "PYTHON*", "VIRTUAL_ENV", "PYENV_*", "COVERAGE_*", "GOSTAGE_*",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ResourceLimits:
    """Limits of the child by rlimit; None leaves what the parent has."""

    memory_bytes: int | None = None
    """Address space; Python answers with MemoryError."""
    cpu_s: int | None = None
    """CPU seconds; the kernel answers with SIGXCPU, and with SIGKILL a second later."""
    open_files: int | None = None
    file_size_bytes: int | None = None
    """Of any file it writes; the kernel answers with SIGXFSZ, or Python with OSError."""

    def __post_init__(self) -> None:
        for name in ("memory_bytes", "cpu_s", "open_files", "file_size_bytes"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 0):
                raise ValueError(f"ResourceLimits.{name} must be a whole number, 0 or more; found {value!r}")


@dataclass(frozen=True, slots=True)
class SpawnOptions:
    """How a child runs and what it may do. Times are in seconds, sizes in bytes."""

    timeout_s: float | None = 3600.0
    """From the start; then SIGTERM. None waits for ever."""
    grace_s: float = 5.0
    """From SIGTERM to SIGKILL, both to the child's whole process group."""
    drain_s: float = 0.1
    """How long a grandchild may hold the pipe open after the child's exit."""
    max_message_bytes: int = 16 * 1024 * 1024
    """A longer line is put into quarantine without being held in memory."""
    malformed: Literal["quarantine", "fail"] = "quarantine"
    """`fail` ends the child at the first bad line, with outcome protocol_error."""
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables to set for the child, beside the inherited ones."""
    inherit: tuple[str, ...] = DEFAULT_INHERITED
    """Names of the variables that it inherits; a trailing `*` matches any ending."""
    cwd: str | None = None
    forward_stderr: bool | Callable[[str], object] = False
    """Line by line while it runs: True shows each on this program's stderr, behind the workflow's id and with terminal
    escapes made visible; a callable gets each as it came, without its newline, cut at 8 KiB. It is called in the thread
    that waits for the child; what it raises is recorded in `handler_errors`."""
    max_depth: int = 8
    """How deep children may spawn children, so that a program which forgets `is_child()` does not start itself for
    ever."""

    def __post_init__(self) -> None:
        for name, value in (("timeout_s", self.timeout_s), ("grace_s", self.grace_s), ("drain_s", self.drain_s)):
            if value is None and name == "timeout_s":
                continue
            if not isinstance(value, int | float) or not value >= 0:
                raise ValueError(f"SpawnOptions.{name} must be 0 or more seconds; found {value!r}")
        if not isinstance(self.max_message_bytes, int) or self.max_message_bytes < 1024:
            raise ValueError(f"SpawnOptions.max_message_bytes must be at least 1024; found {self.max_message_bytes!r}")
        if self.malformed not in ("quarantine", "fail"):
            raise ValueError(f"SpawnOptions.malformed must be 'quarantine' or 'fail'; found {self.malformed!r}")
        if not isinstance(self.forward_stderr, bool) and not callable(self.forward_stderr):
            raise TypeError(f"SpawnOptions.forward_stderr must be a bool or callable; found {self.forward_stderr!r}")
        if not isinstance(self.limits, ResourceLimits):
            raise TypeError(f"SpawnOptions.limits must be a ResourceLimits; found {self.limits!r}")
        if not isinstance(self.inherit, tuple | list):
            raise TypeError(f"SpawnOptions.inherit must be a tuple of names; found {self.inherit!r}")
        for pair in self.environment.items():
            if not all(isinstance(part, str) for part in pair):
                raise TypeError(f"SpawnOptions.environment must map str to str; found {pair!r}")
