"""`python -m gostage_sim.gostage.child --gostage-child --import M`: a child for programs that cannot be their own."""

from __future__ import annotations

import sys
from importlib import import_module

from gostage_sim.gostage.child import CHILD_FLAG
from gostage_sim.gostage.child.main import child_main
from gostage_sim.gostage.child.modules import find_modules_as
from gostage_sim.gostage.wire.encode import decode_document

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from typing import NoReturn

USAGE = (
    f"usage: python -m gostage_sim.gostage.child {CHILD_FLAG} [--find PLACES] [--import MODULE]… (a runner starts it)"
)


def _import(arguments: list[str]) -> None:
    rest = iter(arguments)
    for argument in rest:
        value = next(rest, "")
        if argument == "--import" and value:
            try:
                import_module(value)
            except SystemExit as wish:  # with 0 it would look as if the child had had nothing to do
                sys.exit(f"module {value!r}, which this child imports, called sys.exit({wish})")
        elif argument == "--find" and value:
            find_modules_as(decode_document(value.encode()))
        else:
            sys.exit(f"{USAGE}\nfound {argument!r} {value!r}".rstrip())


def main() -> NoReturn:
    """What the command line says, and then the life of a child."""
    if sys.argv[1:2] != [CHILD_FLAG]:
        sys.exit(USAGE)
    _import(sys.argv[2:])
    child_main()


if __name__ == "__main__":
    main()
