"""Hundreds of children at once, thousands one after another: nothing grows and nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PARENT = """
import gc, json, os, re, resource, sys, threading, time
from gostage_sim import gostage

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # 500 children take 3,500 descriptors

def memory_bytes():
    status = open("/proc/self/status").read()
    return int(re.search(r"RssAnon:\\s+(\\d+)", status)[1]) * 1024

def measure():
    # A thread that was joined may still have a little of its end to go in the kernel, and nobody tells.
    until = time.monotonic() + 10
    while len(os.listdir("/proc/self/task")) > threading.active_count() and time.monotonic() < until:
        os.sched_yield()
    return {
        "fds": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "memory": memory_bytes(),
    }

def shell(code):
    return gostage.Runner(launcher=gostage.launchers.Program(["/bin/sh", "-c", code]), transport="json")

def definitions(count):
    for number in range(count):
        yield gostage.SubWorkflowDef(id=str(number))

def tell(**facts):
    print(json.dumps(facts))
"""

AT_ONCE = (
    PARENT
    + """
COUNT = 500
gate = os.open(sys.argv[1], os.O_RDWR)
runner = shell(
    "echo '{\\"type\\":\\"up\\"}'; read x <" + sys.argv[1] + "; i=0; "
    "while test $i -lt 1000; do echo '{\\"type\\":\\"n\\",\\"payload\\":'$i'}'; i=$((i+1)); done"
)
with runner.start(gostage.SubWorkflowDef(id="warm")):
    pass  # all modules are loaded now
lock = threading.Lock()
up, wrong, handled = 0, 0, {}
before = measure()
during = {}

def all_up(message):
    global up
    with lock:
        up += 1
        if up == COUNT:
            during.update(measure())
            os.write(gate, b"\\n" * COUNT)

def in_order(message):
    global wrong
    origin = message.origin
    expected = handled.get(origin.session_id, 0)
    wrong += message.payload != expected
    handled[origin.session_id] = expected + 1

runner.broker.register_handler("up", all_up)
runner.broker.register_handler("n", in_order)
peak = 0
results = []
for result in runner.spawn_all(definitions(COUNT), max_parallel=COUNT):
    if len(results) % 20 == 0:
        peak = max(peak, memory_bytes())
    results.append((result.outcome, result.message_counts.get("n")))
complete = results.count(("completed", 1000))
del results
gc.collect()
tell(before=before, during=during, after=measure(), peak=max(peak, during["memory"]), complete=complete, wrong=wrong,
     sessions=len(handled), counts=sorted(set(handled.values())))
"""
)

ONE_AFTER_ANOTHER = (
    PARENT
    + """
runner = gostage.Runner(launcher=gostage.launchers.Program(["/bin/true"]), transport="json")
completed, marks = 0, []
for part in (2_500, 7_500):
    taken = done = 0
    def source():
        global taken
        for definition in definitions(part):
            taken += 1
            yield definition
    for result in runner.spawn_all(source(), max_parallel=2):
        done += 1
        assert taken - done <= 1
        completed += result.outcome == "completed"
    gc.collect()
    marks.append(measure())
tell(completed=completed, marks=marks)
"""
)


def run(program: str, *arguments: str, timeout_s: float) -> dict[str, Any]:
    """What the parent process tells at its end."""
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    facts: dict[str, Any] = json.loads(done.stdout)
    print(facts)  # with -s: the numbers
    return facts


def test_500_children_at_once(tmp_path: Path) -> None:
    """500 children that are all alive together send 1,000 messages each: all arrive in order, the parent grows by no
    more than 256 KiB a child, and every descriptor and thread is returned."""
    os.mkfifo(tmp_path / "gate")
    facts = run(AT_ONCE, str(tmp_path / "gate"), timeout_s=120)
    assert (facts["complete"], facts["sessions"], facts["counts"], facts["wrong"]) == (500, 500, [1000], 0)
    before, during, after = facts["before"], facts["during"], facts["after"]
    assert during["fds"] - before["fds"] >= 500 * 6
    assert during["threads"] - before["threads"] == 500
    assert (after["fds"], after["threads"]) == (before["fds"], before["threads"])
    assert facts["peak"] - before["memory"] <= 500 * 256 * 1024


def test_10_000_children_one_after_another() -> None:
    """After 10,000 children from a generator, of which two ran at once, there are as many descriptors and threads as
    after the first quarter, and no more memory."""
    facts = run(ONE_AFTER_ANOTHER, timeout_s=240)
    assert facts["completed"] == 10_000
    early, late = facts["marks"]
    assert late["threads"] == early["threads"] == 1
    assert late["fds"] == early["fds"]
    assert late["memory"] - early["memory"] <= 256 * 1024
