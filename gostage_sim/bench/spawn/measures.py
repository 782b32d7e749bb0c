"""What is compared with what, and what is to be reached.

So many messages that a child's import of the quicker encoder, 25 ms in its second MiB, is a few percent of its time;
the bare loop's child has it before the time begins.
"""

from __future__ import annotations

from gostage_sim.bench.table import KIB, MIB, Group, Measure


def _sized(work: str, count: int, size: int) -> Group:
    return Group(
        work,
        count,
        size,
        "MB/s",
        (
            Measure("send", "bare_loop", at_least=0.25),
            Measure("send_many", "bare_loop", at_least=0.75),
            Measure("send_many", "plain_pipe", name="send many against a plain pipe"),
        ),
    )


GROUPS: tuple[Group, ...] = (
    Group(
        "70 bytes",
        600_000,
        70,
        "/s",
        (
            Measure("send", "bare_loop", at_least=0.25),
            Measure("send_many", "bare_loop", at_least=0.75),
            Measure("send", "multiprocessing_pipe", at_least=1.3, name="send against multiprocessing pipe"),
            *(
                Measure("send_many", other, at_least=1, name=f"send many against {other.replace('_', ' ')}")
                for other in (
                    "multiprocessing_pipe", "multiprocessing_queue", "process_pool_executor", "pebble_pool",
                    "loky_pool", "execnet_channel", "asyncio_lines",
                )
            ),
        ),
    ),
    _sized("256 bytes", 300_000, 256),
    _sized("4 KiB", 30_000, 4 * KIB),
    _sized("1 MiB", 200, MIB),
    Group(
        "first message",
        15,
        0,
        "ms",
        (
            Measure("start", "bare_start", at_most=2, name="spawn / python -c pass"),
            Measure("warm_start", "bare_start", at_most=0.5, name="warm spawn / python -c pass"),
            *(
                Measure("warm_start", other, at_most=1, name=f"warm spawn / {other.replace('_', ' ')}")
                for other in ("multiprocessing_forkserver", "process_pool_forkserver", "pebble_forkserver")
            ),
        ),
    ),
    Group("99th percentile", 100, 0, "ms", (Measure("killed", at_most=50, name="spawn returns after SIGKILL"),)),
    Group("99th percentile", 300, 0, "ms", (Measure("sibling", at_most=20, name="message while 4 siblings flood"),)),
    Group("1,000,000 messages", 1_000_000, 70, "MiB", (Measure("memory_growth", at_most=32, name="parent grows"),)),
    Group("500 at once", 500, 70, "KiB", (Measure("at_once", at_most=256, name="grows a child"),), long=True),
    Group("10,000 in turn", 10_000, 0, "KiB", (Measure("one_after_another", at_most=1024, name="grows"),), long=True),
)  # fmt: skip
