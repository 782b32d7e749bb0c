"""The limit of open files, for observers and subjects of scenarios with hundreds of children."""

from __future__ import annotations

import resource

TYPE_CHECKING = False  # the subject imports this module, and plans need the model of scenarios
if TYPE_CHECKING:
    from gostage_sim.harness.plan import Plan

_ENOUGH = 65_536
#: Descriptors of a subject: of its own, and for each child that runs.
_OWN, _EACH = 32, 12


def allow_many_files() -> None:
    """Raise the soft limit of this process towards the hard one: each child takes several descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def files_problem(plan: Plan) -> str | None:
    """Why this process may not open enough files for the plan, or None."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _OWN + _EACH * len(plan["children"])
    if hard == resource.RLIM_INFINITY or hard >= needed:
        return None
    children = len(plan["children"])
    return f"the hard limit of open files is {hard}, {children} children need {needed}; raise it with `ulimit -Hn`"
