"""`python -m gostage_sim.gostage.child --gostage-child --import M`: a child for programs that cannot be their own."""

from __future__ import annotations

import sys
from importlib import import_module

from gostage_sim.gostage.child import CHILD_FLAG
from gostage_sim.gostage.child.main import child_main

USAGE = f"usage: python -m gostage_sim.gostage.child {CHILD_FLAG} [--import MODULE]… (a runner starts it)"


def _modules(arguments: list[str]) -> list[str]:
    modules = []
    rest = iter(arguments)
    for argument in rest:
        module = next(rest, "")
        if argument != "--import" or not module:
            sys.exit(f"{USAGE}\nfound {argument!r} {module!r}".rstrip())
        modules.append(module)
    return modules


if __name__ == "__main__":
    if sys.argv[1:2] != [CHILD_FLAG]:
        sys.exit(USAGE)
    for name in _modules(sys.argv[2:]):
        import_module(name)
    child_main()
