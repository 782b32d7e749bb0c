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
    elif name == "reads":
        for path in value.split(":"):
            if not os.access(path, os.R_OK):
                raise closed(path, "read")
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
    text = error.strerror if isinstance(error, OSError) and error.strerror else os.strerror(code)
    os.write(report_fd, f"{name}\0{code}\0{text}".encode())
    os._exit(127)


def closed(path: str, use: str) -> PermissionError:
    """The error that says what keeps this user from a file that it needs."""
    way = os.path.realpath(path)
    folders = [way[:end] or "/" for end, character in enumerate(way) if character == "/"]
    folder = next((folder for folder in folders if not os.access(folder, os.X_OK)), None)
    because = "" if folder is None else f", because it may not enter {folder!r}"
    return PermissionError(
        errno.EACCES,
        f"user {os.geteuid()} may not {use} {path!r}{because}; "
        "give that user access, or put what the child needs where it has",
    )


def find(command: str, environment: dict[bytes, bytes]) -> list[str]:
    """Where the command is, along PATH: for root to see, for its user may not be able to look into every folder."""
    if "/" in command:
        return [command]
    folders = os.fsdecode(environment.get(b"PATH", os.defpath.encode())).split(":")
    places = [os.path.join(folder, command) for folder in folders]
    return [place for place in places if os.access(place, os.F_OK)]


def become(places: list[str], command: list[str], environment: dict[bytes, bytes]) -> None:
    """Execute the command from the first of these places that will do; OSError with the one that was refused.

    As `os.execvpe`, which for its search imports what a user may not be able to read.
    """
    errors: list[OSError] = []
    for place in places:
        try:
            os.execve(place, command, environment)
        except OSError as error:
            error.filename = place
            errors.append(error)
    if not errors:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    raise next((error for error in errors if not isinstance(error, (FileNotFoundError, NotADirectoryError))), errors[0])


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
    name, taken = "command", []
    try:
        environment = _environment()
        places = find(command[0], environment)
        _restore_signals()
        for setting in settings:
            name, value = setting.split("=", 1)
            take_on(name, value)
            taken.append(name)
        name = "command"
        become(places, command, environment)
    except (OSError, ValueError, MemoryError) as error:
        if name == "command" and "user" in taken and isinstance(error, PermissionError):
            path = _for_others(error.filename)
            if path is not None:
                refuse(report_fd, "user", closed(path, "execute"))
        refuse(report_fd, name, error)


def _for_others(path: str) -> str | None:
    """What of a command, itself or the interpreter in its first line, another user may execute; None for nothing."""
    try:
        if os.access(path, os.X_OK):
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            start = os.read(fd, 256).partition(b"\n")[0]
            words = start[2:].split() if start.startswith(b"#!") else []
            path = os.fsdecode(words[0]) if words else path
        elif os.access(path, os.F_OK) and not os.stat(path).st_mode & 0o111:
            return None  # it is nobody's to execute
        return None if os.access(path, os.X_OK) else path
    except OSError:
        return None


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2:])
