"""A tmpfs of a certain size that is mounted nowhere: only who holds its descriptor has it, and it goes with that.

By the kernel's new calls for mounts (Linux 5.2, fsopen(2), fsconfig(2), fsmount(2)), which Python does not have. They
take CAP_SYS_ADMIN, as any mount does.
"""

from __future__ import annotations

import os
from functools import cache

#: The same on every machine.
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_CLOEXEC = 1
_SET_STRING, _CREATE = 1, 6


def small_tmpfs(size_bytes: int) -> int:
    """The descriptor of its root folder, closed on exec; OSError where this process may not mount."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)

    def call(number: int, *arguments: int | bytes | None) -> int:
        # Whole registers: of a Python int ctypes would pass 32 bits, and the kernel looks at all of some.
        whole = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
        done = int(libc.syscall(ctypes.c_long(number), *whole))
        if done < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return done

    made = call(_FSOPEN, b"tmpfs", _CLOEXEC)
    try:
        call(_FSCONFIG, made, _SET_STRING, b"size", str(size_bytes).encode(), 0)
        call(_FSCONFIG, made, _CREATE, None, None, 0)
        return call(_FSMOUNT, made, _CLOEXEC, 0)
    finally:
        os.close(made)


@cache
def why_impossible() -> str | None:
    """Why this process cannot have one, or None when it made one and let it go."""
    try:
        os.close(small_tmpfs(2**20))
    except OSError as error:
        return f"to mount one fails: {error.strerror}"
    return None
