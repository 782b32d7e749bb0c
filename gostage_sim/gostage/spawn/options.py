"""What a caller may say about a spawn."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

#: Variables a child inherits; a trailing `*` matches any ending. Credentials are not among them.
DEFAULT_INHERITED = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TZ", "LANG", "LANGUAGE", "LC_*", "TMPDIR", "TMP", "TEMP",
    "LD_LIBRARY_PATH", "PYTHON*", "VIRTUAL_ENV", "PYENV_*", "COVERAGE_*", "GOSTAGE_*",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ResourceLimits:
    """Limits of the child, in force before its program begins; None leaves what the parent has.

    A child that runs into one ends as `limit_exceeded`, with an error that names the limit and what was used, when the
    kernel shows it or the child's own error does; where it came to no workflow, the last traceback on its stderr.
    """

    memory_bytes: int | None = None
    """Address space of each process; Python answers with MemoryError. Where this program may make groups below a cgroup
    v2 of its own, also memory in use by the child and all its descendants together; the kernel answers with SIGKILL."""
    cpu_s: int | None = None
    """CPU seconds; the kernel answers with SIGXCPU, and with SIGKILL a second later."""
    open_files: int | None = None
    """Descriptors of each process; Python answers with OSError (EMFILE)."""
    processes: int | None = None
    """Processes and threads that the child's *user* may have on this machine, whoever started them; Python answers with
    BlockingIOError (EAGAIN) or `can't start new thread`. The kernel does not hold root to it: set `user` as well."""
    file_size_bytes: int | None = None
    """Of any file it writes; the kernel answers with SIGXFSZ, or Python with OSError (EFBIG)."""

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            good = value is None or (type(value) is int and 0 <= value < 2**63)
            _require(good, f"ResourceLimits.{limit.name}", "a whole number, 0 or more", value)


@dataclass(frozen=True, slots=True)
class SpawnOptions:
    """How a child runs and what it may do. Times are in seconds, sizes in bytes.

    What the system refuses when the child is started (a user that does not exist, a permission that this program does
    not have) makes it `start_failed`, with a text that names the option.
    """

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
    cwd: str | os.PathLike[str] | None = None
    user: str | int | None = None
    """Whom the child runs as, by name or number; needs root. It gets that user's groups and none of ours, and HOME,
    USER, LOGNAME and SHELL of the password database where it would inherit ours."""
    group: str | int | None = None
    """Its group, by name or number; without it the user's own. Alone it changes the group and drops all others."""
    umask: int | None = None
    """Permission bits that files made by the child do not get; None leaves ours."""
    no_new_privs: bool = False
    """Nothing the child executes can gain privileges: setuid programs run without them. See prctl(2)."""
    niceness: int | None = None
    """From -20 (first) to 19 (last); less than ours needs root. None leaves ours."""
    forward_stderr: bool | Callable[[str], object] = False
    """Line by line while it runs: True shows each on this program's stderr, behind the workflow's id and with terminal
    escapes made visible; a callable gets each as it came, without its newline, cut at 8 KiB. It is called in the thread
    that waits for the child; what it raises is recorded in `handler_errors`."""
    max_depth: int = 8
    """How deep children may spawn children, so that a program which forgets `is_child()` does not start itself for
    ever."""
    imports: tuple[str, ...] = ()
    """Modules that a child of ours imports before it rebuilds its workflow, so that their actions are registered."""
    end_daemons: bool = False
    """Also end descendants that left the child's process group, once it is gone; see `spawn.descendants`."""
    anonymous_child: bool = False
    """Over gRPC: let in a child that knows no token, as programs written against the original are: by one connection,
    from a process of the child's group."""

    def __post_init__(self) -> None:
        for name, value in (("timeout_s", self.timeout_s), ("grace_s", self.grace_s), ("drain_s", self.drain_s)):
            good = (value is None and name == "timeout_s") or (
                isinstance(value, int | float) and _is_float(value) and value >= 0
            )
            _require(good, f"SpawnOptions.{name}", "0 or more seconds", value)
        for name, good, expected in (
            ("max_message_bytes", _is_whole(self.max_message_bytes, 1024), "at least 1024"),
            ("malformed", self.malformed in ("quarantine", "fail"), "'quarantine' or 'fail'"),
            ("limits", isinstance(self.limits, ResourceLimits), "a ResourceLimits"),
            ("inherit", _are_texts(self.inherit), "a tuple of names"),
            ("cwd", self.cwd is None or _is_path(self.cwd), "a path"),
            ("user", self.user is None or _is_account(self.user), "a name or a number from 0"),
            ("group", self.group is None or _is_account(self.group), "a name or a number from 0"),
            ("umask", self.umask is None or _is_whole(self.umask, 0, 0o777), "a whole number from 0 to 0o777"),
            ("no_new_privs", _is_bool(self.no_new_privs), "True or False"),
            ("niceness", self.niceness is None or _is_whole(self.niceness, -20, 19), "a whole number from -20 to 19"),
            ("max_depth", _is_whole(self.max_depth, 0), "a whole number, 0 or more"),
            ("imports", _are_modules(self.imports), "a tuple of module names"),
            (
                "forward_stderr",
                _is_bool(self.forward_stderr) or callable(self.forward_stderr),
                "True, False or a callable",
            ),
            ("end_daemons", _is_bool(self.end_daemons), "True or False"),
            ("anonymous_child", _is_bool(self.anonymous_child), "True or False"),
        ):
            _require(good, f"SpawnOptions.{name}", expected, getattr(self, name))
        if not isinstance(self.environment, Mapping):
            raise TypeError(f"SpawnOptions.environment must map str to str; found {self.environment!r}")
        for pair in self.environment.items():
            if not all(isinstance(part, str) for part in pair):
                raise TypeError(f"SpawnOptions.environment must map str to str; found {pair!r}")
            if not pair[0] or "=" in pair[0] or "\0" in pair[0] + pair[1]:
                raise ValueError(
                    f"SpawnOptions.environment must have names without '=' and no null character; found {pair!r}"
                )


def _require(good: bool, name: str, expected: str, found: object) -> None:
    if not good:
        raise ValueError(f"{name} must be {expected}; found {found!r}")


def _is_whole(value: Any, least: int, most: float = float("inf")) -> bool:
    return type(value) is int and least <= value <= most  # a bool is an int too, and never meant


def _is_float(value: Any) -> bool:
    """Whether it is a number that fits into a float, with which time is counted."""
    try:
        return isinstance(value, int | float) and not math.isnan(value)
    except OverflowError:
        return False


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_account(value: Any) -> bool:
    return _is_whole(value, 0, 2**32 - 2) or (isinstance(value, str) and bool(value))


def _is_path(value: Any) -> bool:
    return isinstance(value, str | os.PathLike) and "\0" not in str(value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, tuple | list) and all(isinstance(text, str) for text in value)


def _are_modules(value: Any) -> bool:
    return _are_texts(value) and all(part.isidentifier() for name in value for part in name.split("."))
