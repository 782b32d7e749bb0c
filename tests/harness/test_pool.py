"""The pool of observers: results as they come, and no process left whatever happens."""

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

import pytest

from gostage_sim.faults.contract import Placement
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness import pool as pool_module
from gostage_sim.harness import proc
from gostage_sim.harness.again import judge_kept, plan_kept
from gostage_sim.harness.plan import make_plan
from gostage_sim.harness.pool import ObserverPool
from gostage_sim.scenario.loader import load_file
from gostage_sim.scenario.model import Scenario
from gostage_sim.scenario.transports import Case

MakeScenario = Callable[..., Scenario]

AT_MESSAGE_40 = Placement("message", message=40)
FOREVER = ("slow", Placement("definition"), {"form": "never_ready"})


def _wait_for(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.005)  # processes of processes of others: nobody tells


def _running(names: tuple[str, ...] = ("gostage_sim.harness",)) -> list[int]:
    """Subjects and children of scenarios, anywhere below this process or orphaned."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                line = Path(f"/proc/{entry}/cmdline").read_bytes().decode(errors="replace")
                environ = Path(f"/proc/{entry}/environ").read_bytes()
            except OSError:
                continue
            if any(name in line for name in names) and MARK in environ:
                found.append(int(entry))
    return found


MARK = f"GOSTAGE_SIM_TEST={os.getpid()}".encode()


def over_json(*scenarios: Scenario) -> list[Case]:
    return [Case(scenario, "json") for scenario in scenarios]


@pytest.fixture(autouse=True)
def _marked(monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, value = MARK.decode().partition("=")
    monkeypatch.setenv(name, value)


def test_every_scenario_gets_its_result_and_its_history(scenario: MakeScenario, tmp_path: Path) -> None:
    """Two observers run four scenarios; names that are alike get histories of their own."""
    made = [scenario(("crash", AT_MESSAGE_40, {}), name=name) for name in ("one", "two", "two", "Größe / 4")]
    started: list[str] = []
    (tmp_path / "histories" / "old").mkdir(parents=True)
    with ObserverPool(workers=2, directory=tmp_path) as pool:
        results = list(pool.run(over_json(*made), seed=1, on_started=lambda case: started.append(case.scenario.name)))
    assert sorted(result.scenario for result in results) == sorted(scenario.name for scenario in made)
    assert {result.verdict for result in results} == {Verdict.PASS}
    assert started == ["one", "two", "two", "Größe / 4"]
    assert sorted(path.name for path in (tmp_path / "histories").iterdir()) == ["gr-e-4", "one", "two", "two-2"]
    assert {result.extra["history"] for result in results} == set(map(str, (tmp_path / "histories").iterdir()))


@pytest.mark.parametrize(("outcome", "at_once"), [("timed_out", 3), ("completed", 2)])
def test_one_more_runs_while_one_waits_for_its_deadline(scenario: MakeScenario, outcome: str, at_once: int) -> None:
    """Two workers have three observers then, which begin before any of them is done."""
    waits = scenario(FOREVER, expect={"victim": {"outcome": outcome}}, victim_timeout=2.0)
    begun: list[Case] = []
    with ObserverPool(workers=2) as pool:
        results = pool.run(over_json(*[waits] * 4), seed=1, on_started=begun.append)
        next(results)
        assert len(begun) == at_once
        assert len(list(results)) == 3
    assert len(begun) == 4


def test_a_dead_observer_costs_one_verdict(scenario: MakeScenario, tmp_path: Path) -> None:
    """Killing an observer gives unknown for its scenario, naming how it died, and what it left is kept; the next one
    runs all the same."""
    with ObserverPool(workers=1, directory=tmp_path) as pool:
        results = pool.run(over_json(scenario(FOREVER, name="killed"), scenario(name="next")), seed=1)

        def kill() -> None:
            _wait_for(lambda: len(_running(("harness.child",))) >= 3)
            (observer,) = pool._observers
            os.kill(observer.process.pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        first = next(results)
        killer.join()
        assert first.verdict is Verdict.UNKNOWN
        assert first.reason.endswith("ended in the middle of it: killed by SIGKILL")
        kept = Path(first.extra["history"])
        assert (kept / "subject.journal").stat().st_size > 0
        assert judge_kept(kept, plan_kept(kept), duration_s=first.duration_s) == first
        _wait_for(lambda: not _running())
        assert [(result.scenario, result.verdict) for result in results] == [("next", Verdict.PASS)]
    _wait_for(lambda: not _running())


def test_leaving_the_block_ends_every_process(scenario: MakeScenario) -> None:
    """An interrupted run leaves nobody: observers end their subjects, and those take their children with them."""
    observers: list[int] = []

    def interrupt() -> None:
        _wait_for(lambda: len(_running(("harness.child",))) >= 6)
        observers.extend(observer.process.pid for observer in pool._observers)
        for pid in (*observers, os.getpid()):
            os.kill(pid, signal.SIGINT)  # as a terminal sends it to all

    with ObserverPool(workers=2) as pool:
        terminal = threading.Thread(target=interrupt)
        terminal.start()
        with pytest.raises(KeyboardInterrupt):
            list(pool.run(over_json(scenario(FOREVER), scenario(FOREVER)), seed=1))
        terminal.join()
    assert _running() == []
    assert [proc.stat(pid) for pid in observers] == [None, None]


def test_workers_must_be_at_least_one() -> None:
    """Zero workers would wait for ever."""
    with pytest.raises(ValueError, match=r"^workers must be 1 or more; found 0$"):
        ObserverPool(workers=0)


def test_a_killed_pool_takes_everything_along(tmp_path: Path) -> None:
    """SIGKILL to the process that owns the pool ends its observers, and they their subjects and children; no folder
    for temporary files is left."""
    (tmp_path / "freeze.yaml").write_text(
        "name: freeze\nchildren:\n  victim:\n    steps: [{send: 5}]\n"
        "    faults: [{slow: {form: never_ready}, at: definition}]\n"
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "gostage_sim", "run", str(tmp_path), "--report", str(tmp_path / "report")]
    environ = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True, env=environ) as owner:
        _wait_for(lambda: bool(_running(("gostage_sim.harness.child",))))
        owner.kill()
    _wait_for(lambda: not _running(("gostage_sim.harness", "multiprocess.spawn")))
    assert list(temporary.iterdir()) == []


def test_actions_beside_the_file_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child finds the user's actions where the loader found them: beside the scenario file, from any directory."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "jobs_beside_the_file.py").write_text("def work(ctx):\n    ctx.send('worked', ctx.params)\n")
    (folder / "s.yaml").write_text(
        "name: call\nchildren:\n  a:\n    steps:\n      - {call: 'jobs_beside_the_file:work', with: {n: 1}}\n"
        "expect:\n  a: {outcome: completed, handled: 1}\nguarantees: [as-expected]\n"
    )
    monkeypatch.chdir(tmp_path)
    with ObserverPool(workers=1) as pool:
        (result,) = pool.run(over_json(load_file(folder / "s.yaml")), seed=1)
    assert result.verdict is Verdict.PASS, result.reason
    assert (result.children[0].sent, result.children[0].handled) == (1, 1)


def test_a_process_that_an_action_forks_is_no_evidence(tmp_path: Path) -> None:
    """It runs on as a second copy of the child, and neither the handlers nor the journals take it for the child."""
    (tmp_path / "jobs_that_fork.py").write_text("import os\ndef work(ctx):\n    os.fork()\n    ctx.send('x')\n")
    (tmp_path / "s.yaml").write_text(
        "name: fork\nchildren:\n  a:\n    steps: [{send: 5}, {call: 'jobs_that_fork:work'}, {send: 5}]\n"
        "  b: {steps: [{send: 5}]}\n"
        "expect:\n  a: {outcome: completed, handled: 11}\n"
        "guarantees: [no-loss, no-phantom, no-duplicate, as-expected]\n"
    )
    with ObserverPool(workers=1) as pool:
        (result,) = pool.run(over_json(load_file(tmp_path / "s.yaml")), seed=1)
    assert result.verdict is Verdict.PASS, result.reason


def test_names_that_are_no_utf_8(scenario: MakeScenario, tmp_path: Path) -> None:
    """A folder for reports, and a scenario file, may have any name that the file system allows."""
    odd = tmp_path / os.fsdecode(b"odd \xff")
    made = scenario(name="one").model_copy(update={"file": str(odd / "one.yaml")})
    with ObserverPool(workers=1, directory=odd) as pool:
        (result,) = pool.run(over_json(made), seed=1)
    assert result.verdict is Verdict.PASS, result.reason
    assert (result.file, result.extra["history"]) == (str(odd / "one.yaml"), str(odd / "histories" / "one"))


def test_an_observer_is_deaf_to_ctrl_c_from_its_first_moment() -> None:
    """SIGINT is blocked in a process that was just started, also in the first, which has the tracker started too."""
    with ObserverPool(workers=1) as pool:
        observer = pool._new_observer()
        status = Path(f"/proc/{observer.process.pid}/status").read_text()
    blocked = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigBlk"))
    caught = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigCgt"))
    bit = 1 << (signal.SIGINT - 1)
    assert blocked & bit or caught & bit


def test_an_observer_that_stands_still_is_not_waited_for(
    scenario: MakeScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was stopped costs its scenario the verdict, after the scenario's time and some patience."""
    monkeypatch.setattr(pool_module, "_patience_s", lambda plan: 1.0 if plan["scenario"]["name"] == "stopped" else 60.0)
    with ObserverPool(workers=1) as pool:

        def stop(started: Case) -> None:
            if started.scenario.name == "stopped":
                os.kill(pool._observers[0].process.pid, signal.SIGSTOP)

        made = [scenario(name="stopped"), scenario(name="next")]
        first, second = pool.run(over_json(*made), seed=1, on_started=stop)
    assert first.verdict is Verdict.UNKNOWN
    assert first.reason.endswith("ended in the middle of it: killed by SIGKILL, after 1 s without an answer")
    assert (second.scenario, second.verdict) == ("next", Verdict.PASS)
    _wait_for(lambda: not _running())


def test_no_tracker_of_resources_stays(scenario: MakeScenario) -> None:
    """What `multiprocess` starts beside the first observer is gone with the pool, and reaped."""
    program = """
import json, os, sys
from gostage_sim.harness import proc
from gostage_sim.harness.pool import ObserverPool
proc.become_subreaper()
with ObserverPool(workers=1) as pool:
    for result in pool.run_plans([(None, json.load(sys.stdin))]):
        print(result.verdict)
print([found.state for found in proc.descendants(os.getpid())])
"""
    plan = make_plan(scenario(), seed=1, transport="json")
    done = subprocess.run([sys.executable, "-c", program], input=json.dumps(plan), capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("pass\n[]\n", "")


LEFT_OPEN = """
import os, sys
from pathlib import Path
from gostage_sim.harness.pool import ObserverPool
from gostage_sim.scenario.loader import load
from gostage_sim.scenario.transports import Case
if __name__ == "__main__":
    os.chdir(sys.argv[1])
    scenarios, _ = load([Path("s.yaml")])
    pool = ObserverPool(workers=1).__enter__()
    results = pool.run([Case(scenarios[0], "json")], seed=1)
    print([result.verdict.value for result in results], "PYTHONSAFEPATH" in os.environ)
"""


def test_a_program_that_leaves_its_pool_open(tmp_path: Path) -> None:
    """It ends all the same, and its observers with it; and no file in its folder was taken for a module."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("logging", "select", "socket", "typing", "multiprocess"):
        (folder / f"{name}.py").write_text(f"raise SystemExit('{name} of the current folder')")
    (folder / "s.yaml").write_text(
        "name: Quiet\nchildren: {a: {copies: 2, steps: [send: {count: 9}, send: {count: 9, type: other}]}}\n"
    )
    (tmp_path / "program.py").write_text(LEFT_OPEN)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), str(folder)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "['pass'] False\n", "")


@pytest.mark.slow
def test_nothing_grows_in_a_soak(scenario: MakeScenario, tmp_path: Path) -> None:
    """After 12 rounds the observer has the descriptors, threads and temporary files that it had after 3, and the memory
    but for what an allocator keeps."""
    made = over_json(scenario(("crash", AT_MESSAGE_40, {}))) * 2
    held: list[tuple[int, int, int]] = []
    memory: list[int] = []
    with ObserverPool(workers=1) as pool:
        for number in range(1, 13):
            assert {result.verdict for result in pool.run(made, seed=7, round=number)} == {Verdict.PASS}
            (observer,) = pool._observers
            of_it = Path(f"/proc/{observer.process.pid}")
            fds, threads = len(list((of_it / "fd").iterdir())), len(list((of_it / "task").iterdir()))
            held.append((fds, threads, len(list(pool._runs.iterdir()))))
            fields = dict(line.split(":", 1) for line in (of_it / "status").read_text().splitlines())
            memory.append(int(fields["RssAnon"].split()[0]))
    assert held[2] == held[11]
    assert held[2][2] == 0
    assert memory[11] - memory[2] < 2 << 10  # KiB
