"""Many messages and many children: how the parent grows, in bytes."""

from __future__ import annotations

import os
import threading
import time

from gostage_sim import gostage
from gostage_sim.bench.spawn.ours import definition, runner


def rss_anon_bytes() -> int:
    """Anonymous resident memory of this process; file mappings do not count."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))


def _open_fds() -> int:
    return len(os.listdir("/proc/self/fd"))


def memory_growth(count: int, size: int) -> float:
    """At its peak through a flood to a handler that is slower than the sender."""
    seen, baseline = 0, rss_anon_bytes()
    peak = baseline

    def slow(message: gostage.Message) -> None:
        nonlocal seen, peak
        seen += 1
        if seen % 500 == 0:
            time.sleep(0.001)  # the slowness is what is measured, nothing waits for it
        if seen % 5000 == 1:
            peak = max(peak, rss_anon_bytes())

    own = runner()
    own.broker.register_handler("item", slow)
    own.spawn(definition("bench.send_many", count=count, size=size), check=True)
    assert seen == count
    return float(max(peak, rss_anon_bytes()) - baseline)


def at_once(count: int, size: int) -> float:
    """For each of `count` children at once that send 1,000 messages each; all arrive, every descriptor is returned."""
    own, lock, seen, peak = runner(), threading.Lock(), 0, 0
    flow = definition("bench.send", count=1000, size=size)
    own.spawn(flow, check=True)  # what is loaded and made once does not count
    baseline, fds = rss_anon_bytes(), _open_fds()

    def item(message: gostage.Message) -> None:
        nonlocal seen, peak
        with lock:
            seen += 1
            if seen % 5000 == 0:
                peak = max(peak, rss_anon_bytes())

    own.broker.register_handler("item", item)
    handles = [own.start(flow) for _ in range(count)]
    threads = [threading.Thread(target=handle.wait) for handle in handles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [handle.wait().outcome for handle in handles] == ["completed"] * count
    assert seen == count * 1000
    assert _open_fds() == fds
    return (max(peak, rss_anon_bytes()) - baseline) / count


def one_after_another(count: int, size: int) -> float:
    """From a tenth of `count` children to the last of them; small ones, of a command that says one line."""
    own = gostage.Runner(launcher=gostage.launchers.Program(["/bin/echo", '{"type":"item"}']), transport="json")
    flow = definition("bench.hello")
    baseline = fds = 0
    for number in range(count):
        if number == count // 10:
            baseline, fds = rss_anon_bytes(), _open_fds()
        assert own.spawn(flow, check=True).message_counts == {"item": 1}
    assert _open_fds() == fds
    return float(rss_anon_bytes() - baseline)
