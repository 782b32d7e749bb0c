"""No core dump when a child is broken on purpose: each would be the whole memory of a Python process, for nothing."""

from __future__ import annotations

import resource


def forbid_core_dumps() -> None:
    """Set the soft and the hard limit of this process to 0, for good."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
