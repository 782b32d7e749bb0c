"""What a child is confined to by its options, and the command line that makes it so; see `confine`."""

from __future__ import annotations

import grp
import os
import pkgutil
import pwd
import shutil
import sys
from collections.abc import Sequence
from dataclasses import fields
from functools import cache

from gostage_sim.gostage.spawn.limits import CPU_HARD_ABOVE_SOFT_S
from gostage_sim.gostage.spawn.options import SpawnOptions


def settings_of(options: SpawnOptions, memory_group: str | None = None, reads: Sequence[str] = ()) -> dict[str, str]:
    """What `confine.take_on` shall do, in order: what needs privileges before they are given up.

    ValueError for a user or a group that this system does not know. `memory_group` is the folder of a cgroup; `reads`
    are files without which the child is nothing, and which another user may not be able to read.
    """
    settings = {}
    if memory_group is not None:
        settings["memory_group"] = memory_group
    if options.niceness is not None:
        settings["niceness"] = str(options.niceness)
    if options.no_new_privs:
        settings["no_new_privs"] = ""
    if options.umask is not None:
        settings["umask"] = str(options.umask)
    for limit in fields(options.limits):
        soft = getattr(options.limits, limit.name)
        if soft is not None:
            hard = soft + CPU_HARD_ABOVE_SOFT_S if limit.name == "cpu_s" else soft
            settings[limit.name] = f"{soft}:{hard}"
    settings.update(_account(options))
    told = [path for path in reads if ":" not in path]
    if options.user is not None and told:
        settings["reads"] = ":".join(told)
    return settings


def confined(argv: Sequence[str], settings: dict[str, str], report_fd: int) -> list[str]:
    """The command line that becomes `argv` once it has taken on these settings."""
    stated = [f"{name}={value}" for name, value in settings.items()]
    return [_interpreter(), "-I", "-S", "-c", _source(), str(report_fd), *stated, "--", *argv]


def refusal(report: bytes, command: str) -> OSError:
    """What `confine` reported, as an error that names the option or the command."""
    name, code, text = report.decode().split("\0")
    if name == "command":
        return OSError(int(code), text, command)
    if name == "reads":
        name = "user"
    owner = "SpawnOptions" if name in SpawnOptions.__dataclass_fields__ else "ResourceLimits"
    return OSError(int(code), f"{owner}.{'memory_bytes' if name == 'memory_group' else name}: {text}")


def login_environment(options: SpawnOptions) -> dict[str, str]:
    """What changes in the environment with the user: another's HOME is of no use to it."""
    known = None if options.user is None else _passwd(options.user)
    if known is None:
        return {}
    return {"HOME": known.pw_dir, "USER": known.pw_name, "LOGNAME": known.pw_name, "SHELL": known.pw_shell}


def _account(options: SpawnOptions) -> dict[str, str]:
    """`{"user": "uid:gid:gid…"}`, the first gid the main one; `{"group": ":gid"}` without a user; {} without both."""
    gid = None if options.group is None else _group(options.group)
    if options.user is None:
        return {} if gid is None else {"group": f":{gid}"}
    known = _passwd(options.user)
    if known is not None:
        main = known.pw_gid if gid is None else gid
        others = [group for group in os.getgrouplist(known.pw_name, main) if group != main]
        return {"user": ":".join(map(str, (known.pw_uid, main, *others)))}
    if gid is None:
        raise ValueError(
            f"SpawnOptions.user: {options.user} is not in this system's password database, which would give its "
            "group; set SpawnOptions.group as well"
        )
    return {"user": f"{options.user}:{gid}"}


def _passwd(user: str | int) -> pwd.struct_passwd | None:
    """None for a number without an entry, which the kernel takes all the same."""
    try:
        return pwd.getpwuid(user) if isinstance(user, int) else pwd.getpwnam(user)
    except KeyError:
        if isinstance(user, int):
            return None
        raise ValueError(f"SpawnOptions.user: this system has no user named {user!r}") from None


def _group(group: str | int) -> int:
    try:
        return group if isinstance(group, int) else grp.getgrnam(group).gr_gid
    except KeyError:
        raise ValueError(f"SpawnOptions.group: this system has no group named {group!r}") from None


def _interpreter() -> str:
    """This program's, or any other where this program is frozen; `confine` needs nothing but the built-ins."""
    found = shutil.which("python3") if getattr(sys, "frozen", False) else sys.executable
    if not found:
        raise ValueError(
            "limits, user, group, umask, no_new_privs and niceness need a Python interpreter to start the child, and "
            "this program is frozen; put a python3 on its PATH, or do without these options"
        )
    return found


@cache
def _source() -> str:
    """The text of `confine`, also out of an archive; handed over as `-c`, whoever may read the file."""
    source = pkgutil.get_data(__package__, "confine.py")
    assert source is not None
    return source.decode()
