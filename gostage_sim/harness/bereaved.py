"""Who descended from the parent when it was killed, and when each of them went: the evidence of `no-orphans`.

Each is held by a pidfd from before the kill, so that nothing of it can be missed, and no number taken for its next
owner's.
"""

from __future__ import annotations

import os
import selectors
from collections.abc import Set
from contextlib import ExitStack
from functools import partial

from gostage_sim.harness import proc
from gostage_sim.history.journal import Journal


class Bereaved:
    """The descendants at one moment; `left` is how many of them live."""

    def __init__(
        self, subject: int, ignored: Set[int], journal: Journal, selector: selectors.BaseSelector, stack: ExitStack
    ) -> None:
        """Write down everybody below this process but the subject itself, and watch them with the selector; the stack
        closes what is opened for that."""
        self.left = 0
        self._journal = journal
        self._selector = selector
        for found in proc.descendants(os.getpid(), ignored):
            if found.pid != subject:
                self._watch(found.pid, stack)

    def _watch(self, pid: int, stack: ExitStack) -> None:
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        stack.callback(os.close, pidfd)
        found = proc.stat(pid)  # after the pidfd: this is whom it holds
        if found is None or found.state == "Z":
            return
        self._journal.event("descendant", pid=pid, state=found.state, command=proc.command(found))
        self._selector.register(pidfd, selectors.EVENT_READ, partial(self._went, pid, pidfd))
        self.left += 1

    def _went(self, pid: int, pidfd: int) -> None:
        self._selector.unregister(pidfd)
        self._journal.event("descendant_gone", pid=pid)
        self.left -= 1
