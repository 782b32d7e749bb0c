"""The record of a run: everything in the order of time, also after somebody was killed in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness import proc
from gostage_sim.harness.observer import run_scenario
from gostage_sim.harness.plan import make_plan
from gostage_sim.harness.pool import ObserverPool
from gostage_sim.history import journal
from gostage_sim.history.record import Entry, Record
from gostage_sim.scenario.loader import parse_text
from gostage_sim.scenario.model import Transport
from gostage_sim.scenario.transports import Case

SCENARIO = """\
name: Recorded
handlers:
  other: {raise_every: 10}
children:
  victim:
    steps:
      - send: 30
      - send: {count: 30, type: other, payload: {name: "{faker.name}", i: "{i}"}}
    faults:
      - malformed: {form: not_json}
        at: {message: 20}
  sibling: {steps: [send: 30]}
transports: [json]
"""
UNENDING = """\
name: Interrupted
timeout: 60s
children:
  victim: {steps: [send: 50, sleep: 50s, send: 1]}
"""


def test_it_is_in_order_and_whole(tmp_path: Path) -> None:
    """Each message is sent, handled and done with, in this order; faults, processes, samples are in it."""
    made = parse_text(SCENARIO, "x.yaml")
    result = run_scenario(made, seed=7, histories=tmp_path)
    record = Record(Path(result.extra["history"]))
    entries = list(record)
    assert record.gaps == []
    assert [entry.t_ns for entry in entries] == sorted(entry.t_ns for entry in entries)
    sent = [entry.facts for entry in of(entries, "sending") if entry.by == "victim" and entry.facts["type"] == "other"]
    for facts in sent:
        way = [entry.event for entry in entries if _is_of(entry, facts["message"])]
        raised = ["raised"] if facts["message"] % 10 == 0 else []
        assert way == ["sending", "handling", *raised, "handled"]
    (bad,) = of(entries, "quarantined")
    assert bad.facts["after_messages"] == 20
    faults = [entry.event for entry in entries if entry.facts.get("fault") == "victim#1"]
    assert [event for event in faults if event in ("armed", "fired", "over")] == ["armed", "fired", "over"]
    assert [entry.facts["child"] for entry in of(entries, "exit")][-1] == "recovery"
    assert all(of(entries, event) for event in ("spawned", "returned", "beat", "sample", "final", "files"))


def _is_of(entry: Entry, message: int) -> bool:
    return "victim" in (entry.by, entry.facts.get("child")) and entry.facts.get("message") == message


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["json", "grpc"])
@pytest.mark.parametrize("killed", ["child", "subject", "observer"])
def test_it_outlives_whoever_is_killed(killed: str, transport: Transport, tmp_path: Path) -> None:
    """SIGKILL in the middle: every message that was handled by then is there, and who died of what is seen."""
    made = parse_text(UNENDING, "x.yaml")
    with ObserverPool(workers=1, directory=tmp_path) as pool:
        killer = threading.Thread(target=_kill, args=(pool, killed))
        killer.start()
        (result,) = pool.run([Case(made, transport)], seed=7)
        killer.join()
    assert result.verdict is (Verdict.UNKNOWN if killed == "observer" else Verdict.FAIL)
    entries = list(Record(Path(result.extra["history"])))
    assert [entry.t_ns for entry in entries] == sorted(entry.t_ns for entry in entries)
    ours = [entry for entry in of(entries, "handled") if entry.facts["child"] == "victim"]
    assert [entry.facts["message"] for entry in ours] == list(range(1, 51))
    assert of(entries, "beat")
    ends = [(entry.event, entry.facts["signal"]) for entry in entries if entry.event in ("exit", "subject_exit")]
    assert ends[:1] == {"child": [("exit", "SIGKILL")], "subject": ends[:1], "observer": []}[killed]
    if killed == "subject":
        assert ("subject_exit", "SIGKILL") in ends


def _kill(pool: ObserverPool, who: str) -> None:
    """When the parent has handled what the child sends before it sleeps."""
    deadline = time.monotonic() + 30
    while not _handled(pool._runs, 50):
        assert time.monotonic() < deadline
        time.sleep(0.01)  # a file that others map: nobody tells
    (observer,) = pool._observers
    below = proc.descendants(observer.process.pid)
    pids = {"observer": observer.process.pid}
    for found in below:
        module = proc.command(found)
        if "harness.subject" in module and found.parent == observer.process.pid:
            pids["subject"] = found.pid
        elif "harness.child" in module or "gostage-child" in module:
            pids["child"] = found.pid
    os.kill(pids[who], signal.SIGKILL)


def _handled(runs: Path, least: int) -> bool:
    for folder in runs.glob("gostage-sim-*"):
        if (folder / "plan.json").exists() and (folder / "subject.journal").exists():
            try:
                return len(of(list(Record(folder)), "handled")) >= least
            except ValueError:  # the plan is being written
                return False
    return False


def test_a_torn_record_is_told(tmp_path: Path) -> None:
    """It is left out, and the gap is named; so is a journal that is missing."""
    folder = _folder(tmp_path)
    with (folder / "heart.journal").open("ab") as heart:
        heart.write(journal.RECORD.pack(1, 0, 0, 0, 0, journal.BEAT, 0))
    (folder / "observer.journal").unlink()
    record = Record(folder)
    assert [entry.event for entry in record] == ["beat", "spawned"]
    assert record.gaps == [
        "observer.journal is missing",
        "heart.journal ends in a torn record, which is left out",
    ]


def test_what_a_child_says_obeys_no_terminal(tmp_path: Path) -> None:
    """`gostage-sim history` prints ASCII without control characters, one object a line, and says what is missing."""
    folder = _folder(tmp_path, text="\x1b[2J\x7f\x9b ü\u202e\n")
    code, out, err = _cli(folder)
    assert (code, err) == (0, "")
    assert all(0x20 <= ord(character) < 0x7F for character in out.replace("\n", ""))
    spawned, beat = sorted(map(json.loads, out.splitlines()), key=lambda entry: str(entry["event"]), reverse=True)
    assert (spawned["text"], spawned["by"], beat["event"]) == ("\x1b[2J\x7f\x9b ü\u202e\n", "parent", "beat")
    (folder / "heart.journal").unlink()
    assert _cli(folder)[::2] == (3, "heart.journal is missing\n")


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (None, "No such file or directory"),
        ('{"schema": "gostage-sim/history/0"}', "its schema is 'gostage-sim/history/0', this version reads "),
    ],
)
def test_no_history_is_bad_input(tmp_path: Path, plan: str | None, why: str) -> None:
    """Exit code 2, one line, nothing on stdout."""
    if plan is not None:
        (tmp_path / "plan.json").write_text(plan)
    code, out, err = _cli(tmp_path)
    assert (code, out) == (2, "")
    assert err.startswith(f"{tmp_path}: no history is there: plan.json: {why}")
    assert err.count("\n") == 1


def of(entries: list[Entry], event: str) -> list[Entry]:
    return [entry for entry in entries if entry.event == event]


def _folder(folder: Path, **facts: Any) -> Path:
    """A run in which the heart beat once and something was spawned."""
    plan = {**make_plan(parse_text(SCENARIO, "x.yaml"), seed=1, transport="json"), "children": []}
    (folder / "plan.json").write_text(json.dumps(plan))
    tell: list[tuple[str, Callable[[journal.Journal], None]]] = [
        ("heart", lambda written: written.beat()),
        ("subject", lambda written: written.event("spawned", **facts)),
        ("observer", lambda written: None),
    ]
    for name, write in tell:
        written = journal.Journal(str(folder / f"{name}.journal"))
        write(written)
        written.close()
    return folder


def _cli(folder: Path) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "gostage_sim", "history", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr
