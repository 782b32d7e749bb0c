"""What a confined child runs before its program: takes on limits, user and the rest, then becomes the program.

The parent starts it as `python -I -S -c <this file> REPORT_FD NAME=VALUE… -- COMMAND…`; see `confinement`. So all of it
is in force before the program's first instruction, which prlimit(2) on a running child cannot promise, and no Python
runs between fork and exec of a parent that may have threads, which `preexec_fn` cannot promise. It imports next to
nothing, because every confined child waits for it.

A failure goes through REPORT_FD as `NAME`, errno and text, divided by null characters; end-of-file without one says
that the program has begun.
"""

import errno
import os
import sys

PR_SET_NO_NEW_PRIVS = 38
LIMITS = {
    "memory_bytes": "RLIMIT_AS",
    "cpu_s": "RLIMIT_CPU",
    "open_files": "RLIMIT_NOFILE",
    "processes": "RLIMIT_NPROC",
    "file_size_bytes": "RLIMIT_FSIZE",
}


def take_on(name: str, value: str) -> None:
    """Confine this process in one respect; OSError, ValueError or MemoryError when the system refuses."""
    if name == "memory_group":
        with open(f"{value}/cgroup.procs", "w") as members:
            members.write("0")
    elif name == "niceness":
        os.setpriority(os.PRIO_PROCESS, 0, int(value))
    elif name == "no_new_privs":
        _set_no_new_privs()
    elif name == "umask":
        os.umask(int(value))
    elif name in ("user", "group"):
        user, *groups = value.split(":")
        os.setgroups([int(group) for group in groups])
        os.setgid(int(groups[0]))
        if user:
            os.setuid(int(user))
    else:
        import resource

        soft, hard = value.split(":")
        resource.setrlimit(getattr(resource, LIMITS[name]), (int(soft), int(hard)))


def refuse(report_fd: int, name: str, error: Exception) -> None:
    """Tell the parent what the system refused, and leave."""
    code = getattr(error, "errno", None) or (errno.ENOMEM if isinstance(error, MemoryError) else errno.EPERM)
    os.write(report_fd, f"{name}\0{code}\0{os.strerror(code)}".encode())
    os._exit(127)


def _set_no_new_privs() -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _restore_signals() -> None:
    """Those that Python ignores in itself; the program would inherit that."""
    import _signal  # type: ignore[import-not-found]  # built in; `signal` would import enum on top of it

    for signum in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(signum, _signal.SIG_DFL)


def _environment() -> dict[bytes, bytes]:
    """As the parent gave it; Python may have changed LC_CTYPE in its own copy (PEP 538)."""
    with open("/proc/self/environ", "rb") as block:
        return dict(variable.split(b"=", 1) for variable in block.read().split(b"\0") if variable)


def _main(report_fd: int, arguments: list[str]) -> None:
    os.set_inheritable(report_fd, False)
    end = arguments.index("--")
    settings, command = arguments[:end], arguments[end + 1 :]
    name = "command"
    try:
        environment = _environment()
        _restore_signals()
        for setting in settings:
            name, value = setting.split("=", 1)
            take_on(name, value)
        name = "command"
        os.execvpe(command[0], command, environment)
    except (OSError, ValueError, MemoryError) as error:
        refuse(report_fd, name, error)


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2:])
