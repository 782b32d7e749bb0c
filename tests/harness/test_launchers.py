"""What starts the children of a scenario: each launcher, and programs that are not ours."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gostage_sim.faults.contract import Placement
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.commands import unstartable
from gostage_sim.harness.observer import run_plan, run_scenario
from gostage_sim.harness.plan import make_plan
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.history.collect import collect
from gostage_sim.history.model import History
from gostage_sim.scenario.model import TRANSPORTS, Call, Child, Expectation, Log, Options, Scenario, Send, Transport

MakeScenario = Callable[..., Scenario]

AT_MESSAGE_40 = Placement("message", message=40)
PROBE = """\
import os, sys

def look(context):
    parent = open(f"/proc/{os.getppid()}/cmdline").read().split("\\0")
    context.store.put("seen", {"flag": "--gostage-child" in sys.argv, "server": any("fork_server" in a for a in parent),
                               "main": getattr(sys.modules["__main__"].__spec__, "name", None)})
"""


def _run(made: Scenario, folder: Path, transport: Transport = "json") -> tuple[ScenarioResult, History]:
    result = run_scenario(made, seed=7, transport=transport, histories=folder)
    return result, collect(Path(result.extra["history"]))


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("launcher", "seen"),
    [
        (None, {"flag": False, "server": False, "main": "gostage_sim.harness.child"}),
        ("this_program", {"flag": True, "server": False, "main": "gostage_sim.harness.subject"}),
        ("module", {"flag": True, "server": False, "main": None}),
        ("fork_server", {"flag": True, "server": True, "main": None}),
    ],
)
def test_a_child_of_each_launcher(
    launcher: Any, seen: dict[str, Any], transport: Transport, scenario: MakeScenario, tmp_path: Path
) -> None:
    """It is started in that way, keeps its journal, stops at its gates and points, and every guarantee is judged."""
    (tmp_path / "probe.py").write_text(PROBE)
    children = scenario(("crash", AT_MESSAGE_40, {})).children
    made = scenario(
        children={
            "told": Child(steps=(Log(message="x"), Call(target="probe:look"), Send(count=9)), launcher=launcher),
            "victim": children["victim"].model_copy(update={"launcher": launcher}),
            "sibling": children["sibling"].model_copy(update={"launcher": launcher}),
        },
        expect={"told": Expectation(handled=10, final_store={"seen": seen})},
        file=str(tmp_path / "x.yaml"),
    )
    result, history = _run(made, tmp_path, transport)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    victim = history.children[1]
    assert (len(victim.sent), victim.handed_over, len(victim.handled)) == (40, 40, 40)
    assert victim.exit is not None
    assert victim.exit.signal == "SIGSEGV"


def _with(scenario: MakeScenario, expect: Expectation, *command: str, **changes: Any) -> Scenario:
    foreign = Child(steps=(), command=command, **changes)
    children = {"foreign": foreign, **scenario(("crash", AT_MESSAGE_40, {})).children}
    return scenario(children=children, transports=("json",), expect={"foreign": expect})


def test_a_program_of_others(scenario: MakeScenario, tmp_path: Path) -> None:
    """What is known of it is judged; what it sent is not, and no guarantee passes as if it were."""
    script = 'test -z "$GOSTAGE_SIM_PLAN" || exit 9; cat >&2; echo \'{"type": "greeting", "payload": {}}\''
    expect = Expectation(outcome="completed", exit_code=0, handled=1, stderr='"id":"foreign"')
    result, history = _run(_with(scenario, expect, "sh", "-c", script), tmp_path)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    foreign = history.children[0]
    assert (foreign.role, foreign.handled.by_application(), len(foreign.sent)) == ("foreign", 1, 0)
    assert foreign.exit is not None
    assert (foreign.exit.exit_code, foreign.exit.source) == (0, "waitid")
    reasons = {judgement.name: judgement.reason for judgement in result.guarantees}
    for name in ("order", "no-loss", "no-duplicate", "no-phantom"):
        assert reasons[name].endswith("; foreign keeps no journal")


@pytest.mark.parametrize(
    ("command", "expect", "verdict"),
    [
        ("exit 3", Expectation(outcome="exited", exit_code=3), Verdict.PASS),
        ("kill -9 $$", Expectation(outcome="signaled", signal="SIGKILL"), Verdict.PASS),
        ("exit 3", Expectation(outcome="completed"), Verdict.FAIL),
        ('echo \'{"type": "greeting", "payload": {}}\'', Expectation(handled=2), Verdict.FAIL),
    ],
)
def test_ends_of_a_program_of_others(
    command: str, expect: Expectation, verdict: Verdict, scenario: MakeScenario, tmp_path: Path
) -> None:
    """It is as it is expected, or the scenario fails."""
    result, _ = _run(_with(scenario, expect, "sh", "-c", command), tmp_path)
    assert result.verdict is verdict


def test_a_program_of_others_runs_as_its_options_say(scenario: MakeScenario, tmp_path: Path) -> None:
    """Its environment, and time to leave."""
    options = Options(environment={"COLOUR": "green"})
    expect = Expectation(outcome="timed_out", stderr="green")
    made = _with(scenario, expect, "sh", "-c", "echo $COLOUR >&2; sleep 60", options=options, timeout=1.0, grace=0.2)
    result, _ = _run(made, tmp_path)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_a_program_of_others_as_another_user(scenario: MakeScenario, tmp_path: Path) -> None:
    """It runs as whom the file names."""
    options = Options(user=65534, group=65533)
    expect = Expectation(outcome="completed", stderr="/^65534 65533$/")
    made = _with(scenario, expect, "sh", "-c", "echo $(id -u) $(id -g) >&2", options=options)
    result, _ = _run(made, tmp_path)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")


@pytest.mark.parametrize(("mode", "errno"), [(None, "ENOENT"), (0o644, "EACCES")])
def test_a_program_that_nobody_can_start(scenario: MakeScenario, tmp_path: Path, mode: int | None, errno: str) -> None:
    """The observer sees for itself that it is not there, or may not be executed: start_failed is true."""
    program = tmp_path / "program"
    if mode is not None:
        program.write_text("#!/bin/sh\n")
        program.chmod(mode)
    made = _with(scenario, Expectation(outcome="start_failed"), os.fspath(program))
    result, history = _run(made, tmp_path)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert history.children[0].refused == errno


def test_a_program_that_may_be_executed_and_cannot_be_started(scenario: MakeScenario, tmp_path: Path) -> None:
    """There is no evidence why: it is unknown, not green, and as expected all the same."""
    program = tmp_path / "program"
    program.write_text("neither a script nor a binary")
    program.chmod(0o755)
    plan = make_plan(_with(scenario, Expectation(outcome="start_failed"), os.fspath(program)), seed=7, transport="json")
    result = run_plan(plan)
    assert (result.verdict, result.reason) == (
        Verdict.UNKNOWN,
        "true-verdict: foreign was reported start_failed, and what prevented its start is not known",
    )


def test_a_program_on_the_path_of_its_own(tmp_path: Path) -> None:
    """It is looked for where its own environment says, as the engine does; a folder is no program."""
    (tmp_path / "mine").mkdir()
    there = {"name": "there", "command": ["sh"], "options": {"environment": {}}}
    elsewhere = {"name": "elsewhere", "command": ["sh"], "options": {"environment": {"PATH": str(tmp_path)}}}
    folder = {"name": "folder", "command": ["mine"], "options": {"environment": {"PATH": str(tmp_path)}}}
    ours = {"name": "ours", "command": [], "options": {"environment": {}}}
    found = unstartable({"children": [there, elsewhere, folder, ours]})
    assert found == {"elsewhere": "ENOENT", "folder": "EACCES"}
