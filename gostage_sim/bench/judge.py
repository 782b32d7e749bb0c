"""How long it takes to judge a history, and how much memory: `gostage-sim bench judge`.

The history is one of four children that sent a quarter of the messages each, alike to what a run leaves; what judging
takes besides the history itself grows with the largest of them. It is written here, in arrays, because to send ten
million messages takes longer than to judge them, and judged in a process of its own, `python -m
gostage_sim.bench.judge FOLDER`, as `gostage-sim report` does it. The kernel tells the peak of its memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gostage_sim.bench import INSTALLED_IN
from gostage_sim.harness.again import judge_kept, plan_kept
from gostage_sim.harness.plan import make_plan
from gostage_sim.history import journal
from gostage_sim.history.read import RECORD_DTYPE
from gostage_sim.scenario.model import Child, Scenario, Send

MESSAGES = 10_000_000
CHILDREN = 4
MOST_S, MOST_MB = 10.0, 500.0

_Facts = dict[str, Any]
_Events = list[tuple[str, _Facts]]

_STEP_NS = 1_000
_TYPES = ("store_put", "log", "workflow_result")


def main(*, messages: int, show: Callable[[str], None]) -> int:
    """Measure; 1 when it takes longer or more memory than is said in the table."""
    with tempfile.TemporaryDirectory(prefix="gostage-sim-bench-") as folder:
        write(Path(folder), messages)
        command = [sys.executable, "-P", "-m", "gostage_sim.bench.judge", folder]
        done = subprocess.run(command, cwd=INSTALLED_IN, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    show(f"{messages:,} messages of {CHILDREN} children sent and handled, judged: {found['verdict']}")
    show(f"time    {found['seconds']:6.1f} s   at most {MOST_S:g} s")
    show(f"memory  {found['megabytes']:6.0f} MB  at most {MOST_MB:g} MB")
    reached = found["seconds"] <= MOST_S and found["megabytes"] <= MOST_MB and found["verdict"] == "pass"
    return 0 if reached else 1


def write(folder: Path, messages: int) -> None:
    """A run folder in which this many messages were sent, handed over, handled and done with."""
    each = messages // CHILDREN
    scenario = Scenario(name="judged", children={"sender": Child(steps=(Send(count=each),), copies=CHILDREN)})
    plan = make_plan(scenario, seed=1, transport="json")
    plan["children"] = plan["children"][:CHILDREN]
    for index, child in enumerate(plan["children"]):
        child |= {"expected_messages": each, "expected_types": list(_TYPES[:2])}
        _write_child(folder / child["journal"], each, index)
    (folder / "plan.json").write_text(json.dumps(plan))
    end_ns = (each + 10) * _STEP_NS
    _write_parent(folder, [child["name"] for child in plan["children"]], each, end_ns)


def _write_child(path: Path, count: int, child: int) -> None:
    rows = np.zeros(2 * count, RECORD_DTYPE)
    _fill(rows[0::2], journal.SENDING, _sent_ns(count), _crcs(count, child))
    _fill(rows[1::2], journal.HANDED_OVER, _sent_ns(count) + 100)
    rows["number"][1::2] = np.arange(1, count + 1)
    with path.open("wb") as file:
        file.write(_types())
        rows.tofile(file)
        last_ns = (count + 2) * _STEP_NS
        file.write(_records([("result", {"says": "success"})], last_ns))
        file.write(journal.RECORD.pack(last_ns, 1, len(_TYPES) - 1, 0, 0, journal.SENDING, journal.COMMITTED))
        file.write(journal.RECORD.pack(last_ns, 0, 0, count + 1, 0, journal.HANDED_OVER, journal.COMMITTED))


def _write_parent(folder: Path, names: list[str], each: int, end_ns: int) -> None:
    report: _Facts = {"outcome": "completed", "exit_code": 0, "signal": None, "malformed": []}
    with (folder / "subject.journal").open("wb") as file:
        file.write(_types())
        file.write(_records([("spawned", {"child": name}) for name in names], 1))
        stride = 2 * CHILDREN
        rows = np.zeros(stride * each, RECORD_DTYPE)
        for child in range(CHILDREN):
            when = _sent_ns(each) + 2 * _STEP_NS + child
            _fill(rows[2 * child :: stride], journal.HANDLED, when, _crcs(each, child))
            _fill(rows[2 * child + 1 :: stride], journal.DONE, when)
            for at in (2 * child, 2 * child + 1):
                rows["number"][at::stride] = child
        rows.tofile(file)
        for index, name in enumerate(names):
            told = {"child": name, "report": {**report, "pid": 100 + index}}
            file.write(_records([("returned", {"child": name}), ("report", told)], end_ns))
        file.write(_records([("finished", {"refused_calls": 0})], end_ns))
    beats = np.zeros(end_ns // 20_000_000 + 2, RECORD_DTYPE)
    _fill(beats, journal.BEAT, np.arange(len(beats), dtype=np.uint64) * np.uint64(20_000_000) + np.uint64(2))
    beats["type"] = 0
    beats.tofile(folder / "heart.journal")
    counted = dict.fromkeys(("processes", "zombies", "fds", "sockets", "threads", "temp_files", "rss_anon_bytes"), 1)
    started: _Events = [("subject", {"pid": 99}), ("baseline", {"t_ns": 1, **counted})]
    hellos: _Events = [("hello", {"child": name, "pid": 100 + index}) for index, name in enumerate(names)]
    working: _Events = [("sample", {"t_ns": 2, **dict.fromkeys(counted, 5)})]
    gone: _Events = [("gone", {"child": name}) for name in names]
    clean: _Facts = {"exit_code": 0, "signal": None}
    ends: _Events = [("exit", {"child": name, **clean, "source": "pidfd"}) for name in names]
    last: _Events = [("final", {"t_ns": end_ns, **counted}), ("alive", {"alive": True})]
    files = sorted([*(path.name for path in folder.iterdir()), "observer.journal"])
    over: _Events = [("subject_exit", {**clean, "source": "waitpid"}), ("files", {"names": files})]
    with (folder / "observer.journal").open("wb") as file:
        file.write(_records([*started, *hellos, *working], 1) + _records([*gone, *ends, *last, *over], end_ns))


def _fill(rows: NDArray[np.void], kind: int, t_ns: NDArray[np.uint64], crcs: NDArray[np.uint32] | int = 0) -> None:
    rows["t_ns"], rows["kind"], rows["commit"], rows["crc"] = t_ns, kind, journal.COMMITTED, crcs
    rows["type"] = np.arange(len(rows)) % 2


def _sent_ns(count: int) -> NDArray[np.uint64]:
    return np.arange(2, count + 2, dtype=np.uint64) * np.uint64(_STEP_NS)


def _crcs(count: int, child: int) -> NDArray[np.uint32]:
    """All different, in no order."""
    return (np.arange(count, dtype=np.uint32) * np.uint32(2_654_435_761)) ^ np.uint32(child + 1)


def _types() -> bytes:
    return b"".join(_text(journal.TYPE, name, 1) for name in _TYPES)


def _records(events: _Events, t_ns: int) -> bytes:
    return b"".join(_text(journal.EVENT, json.dumps({"event": name, **facts}), t_ns) for name, facts in events)


def _text(kind: int, text: str, t_ns: int) -> bytes:
    data = text.encode()
    head = journal.RECORD.pack(t_ns, 0, 0, len(data), 0, kind, journal.COMMITTED)
    return head + data + b"\0" * (-len(data) % journal.SIZE)


def _judge(folder: Path) -> dict[str, Any]:
    began = time.process_time()  # nothing here waits, and what else the machine does is not ours
    result = judge_kept(folder, plan_kept(folder), duration_s=0.0)
    seconds = time.process_time() - began
    # Not `ru_maxrss`, which a process inherits from the one that forked it.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak_kib = int(status["VmHWM"].split()[0])
    reason = {each.name: each.reason for each in result.guarantees if each.verdict != "pass"}
    return {"verdict": result.verdict, "seconds": seconds, "megabytes": peak_kib / 1000 * 1.024, "reason": reason}


if __name__ == "__main__":
    print(json.dumps(_judge(Path(sys.argv[1]))))
