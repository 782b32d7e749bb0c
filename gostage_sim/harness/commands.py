"""The programs of `command:` children that nothing can start: what the observer sees of them without running them."""

from __future__ import annotations

import os

from gostage_sim.harness.plan import Plan


def unstartable(plan: Plan) -> dict[str, str]:
    """By the name of the child, the errno with which the kernel refuses to execute its program: ENOENT or EACCES.

    A program that runs as another user is left out: what that one may execute is not seen from here.
    """
    found = {}
    for child in plan["children"]:
        if child["command"] and child["options"].get("user") is None:
            path = child["options"]["environment"].get("PATH", os.environ.get("PATH", os.defpath))
            errno = _refusal(child["command"][0], path)
            if errno is not None:
                found[child["name"]] = errno
    return found


def _refusal(program: str, path: str) -> str | None:
    places = [program] if "/" in program else [os.path.join(folder, program) for folder in path.split(":")]
    if any(os.path.isfile(place) and os.access(place, os.X_OK) for place in places):
        return None
    return "EACCES" if any(map(os.path.exists, places)) else "ENOENT"
