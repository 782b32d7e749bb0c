"""What runs in a child process. A JSON child loads nothing but this room, the model and the encoder.

* `main`      the life of a child: guard the channel, read the definition, rebuild, run, report, leave
* `channel`   messages out, over a descriptor nobody else can touch
* `grpc_channel`, `connection`   messages out, to the parent's gRPC server, where the definition says so
* `grpc_core` gRPC's C core: room for it, and its beginning
* `failure`   exceptions as data, bounded, whatever their `__str__` does
* `logs`      what is logged with the standard `logging`, as messages
* `on_import` hooks into modules that a child does not import itself
* `modules`   modules found as the parent finds them
* `__main__`  `python -m gostage_sim.gostage.child --import my.actions`, for programs that cannot start themselves again
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from gostage_sim.gostage.child.main import child_main as child_main

CHILD_FLAG = "--gostage-child"
IMPORTS_VARIABLE = "GOSTAGE_IMPORTS"
"""Names of modules, divided by commas, that a child imports before it rebuilds its workflow."""
TOKEN_VARIABLE = "GOSTAGE_GRPC_TOKEN"
"""What lets a child's gRPC calls in. Not in the definition, which its launcher may write anywhere, nor in its argv."""
TOKEN_METADATA = "gostage-token"
"""Under which its calls carry it."""


def is_child() -> bool:
    """Whether this process was started to be a child: its first argument is `--gostage-child`."""
    return sys.argv[1:2] == [CHILD_FLAG]


def __getattr__(name: str) -> object:
    if name == "child_main":
        from gostage_sim.gostage.child.main import child_main

        return child_main
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
