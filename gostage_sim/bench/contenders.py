"""The contenders: each is a function of how many messages (or children), and of how many bytes each.

`python -m gostage_sim.bench.contenders NAME COUNT BYTES` is a parent process of its own, so that none runs in a
process that another one has filled. It prints its figures by name, as JSON. The first has an empty one and is seconds,
or bytes where the contender says so; most have no other.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable

Figures = float | dict[str, float]

_MODULES = {
    "spawn.bare": ("bare_loop", "bare_loop_of_8", "plain_pipe", "bare_start"),
    "spawn.ours": ("send", "send_many"),
    "spawn.moments": ("start", "warm_start", "killed", "sibling"),
    "spawn.warm": ("multiprocessing_forkserver", "process_pool_forkserver", "pebble_forkserver"),
    "spawn.scale": ("memory_growth", "at_once", "one_after_another"),
    "spawn.others": (
        "multiprocessing_pipe", "multiprocessing_queue", "process_pool_executor", "pebble_pool", "loky_pool",
        "execnet_channel", "asyncio_lines",
    ),
    "transport.grpcio": ("grpcio_frames", "grpcio_unary"),
    "transport.ours": (
        "json_bulk", "json_bulk_of_8", "grpc_bulk", "grpc_bulk_of_8", "json_each", "json_each_of_8", "grpc_each",
        "grpc_each_of_8", "warm_start_by_grpc",
    ),
}  # fmt: skip
CONTENDERS = {name: module for module, names in _MODULES.items() for name in names}

NOT_INSTALLED = 5
"""The exit code of a contender whose library is not there; `pip install 'gostage-sim[bench]'` installs all."""


def contender(name: str) -> Callable[[int, int], Figures]:
    function: Callable[[int, int], Figures] = getattr(
        importlib.import_module(f"gostage_sim.bench.{CONTENDERS[name]}"), name
    )
    return function


def main(name: str, count: int, size: int) -> int:
    try:
        figures = contender(name)(count, size)
    except ModuleNotFoundError as error:
        print(error, file=sys.stderr)
        return NOT_INSTALLED
    print(json.dumps(figures if isinstance(figures, dict) else {"": figures}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
