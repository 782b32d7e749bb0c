"""The contenders: each is a function of how many messages (or children), and of how many bytes each.

`python -m gostage_sim.bench.spawn.contenders NAME COUNT BYTES` is a parent process of its own, so that none runs in a
process that another one has filled. It prints one figure: seconds, or bytes where the contender says so.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable

_MODULES = {
    "bare": ("bare_loop", "plain_pipe", "bare_start"),
    "ours": ("send", "send_many"),
    "moments": ("start", "warm_start", "killed", "sibling"),
    "warm": ("multiprocessing_forkserver", "process_pool_forkserver", "pebble_forkserver"),
    "scale": ("memory_growth", "at_once", "one_after_another"),
    "others": (
        "multiprocessing_pipe", "multiprocessing_queue", "process_pool_executor", "pebble_pool", "loky_pool",
        "execnet_channel", "asyncio_lines",
    ),
}  # fmt: skip
CONTENDERS = {name: module for module, names in _MODULES.items() for name in names}

NOT_INSTALLED = 5
"""The exit code of a contender whose library is not there; `pip install 'gostage-sim[bench]'` installs all."""


def contender(name: str) -> Callable[[int, int], float]:
    function: Callable[[int, int], float] = getattr(
        importlib.import_module(f"gostage_sim.bench.spawn.{CONTENDERS[name]}"), name
    )
    return function


def main(name: str, count: int, size: int) -> int:
    try:
        figure = contender(name)(count, size)
    except ModuleNotFoundError as error:
        print(error, file=sys.stderr)
        return NOT_INSTALLED
    print(figure)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
