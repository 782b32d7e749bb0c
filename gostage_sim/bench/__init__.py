"""Speed, as ratios measured side by side in one run: `gostage-sim bench`.

* `contenders`  ways to bring messages from a child to a handler, each in a parent process of its own
* `child`       their children
* `measures`    what is compared with what, and what is to be reached
* `engine`      what an action, a stage and the store cost without children: `gostage-sim bench engine`
"""

from __future__ import annotations

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from gostage_sim.bench.measures import main as main


def __getattr__(name: str) -> object:  # lazy: the children are in this package too
    if name == "main":
        from gostage_sim.bench.measures import main

        return main
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
