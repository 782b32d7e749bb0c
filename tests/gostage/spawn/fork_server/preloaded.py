"""A module for a fork server to preload: what the server knew before it forked, and traces that no child may see."""

from __future__ import annotations

import os
import signal
import sys

MODULES: set[str] = set()
os.register_at_fork(before=lambda: MODULES.update(sys.modules))
FD = os.open("/etc/hostname", os.O_RDONLY)
os.set_inheritable(FD, True)
for _signum in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
    signal.signal(_signum, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
print("a module may print")
