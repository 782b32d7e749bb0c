"""The limit of open files, for observers and subjects of scenarios with hundreds of children."""

from __future__ import annotations

import resource

_ENOUGH = 65_536


def allow_many_files() -> None:
    """Raise the soft limit of this process towards the hard one: each child takes several descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
