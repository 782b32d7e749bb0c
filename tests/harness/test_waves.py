"""Children that are spawned when others have returned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gostage_sim.faults.contract import Placement
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.observer import run_scenario
from gostage_sim.history.collect import collect
from gostage_sim.scenario.model import TRANSPORTS, Child, Log, Scenario, Send, Transport

MakeScenario = Callable[..., Scenario]

CRASH = Placement("message", message=40)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("wave", [1, 2])
def test_a_wave_comes_when_the_one_before_is_gone(
    wave: int, transport: Transport, scenario: MakeScenario, tmp_path: Path
) -> None:
    """On the same runner, wherever the faults are; only the children of their wave wait for each other."""
    made = scenario(("crash", CRASH, {}))
    there = {name: child.model_copy(update={"wave": wave}) for name, child in made.children.items()}
    other = Child(steps=(Log(message="x"), Send(count=30)), copies=2, wave=3 - wave)
    made = made.model_copy(update={"children": {**there, "other": other}})
    result = run_scenario(made, seed=7, transport=transport, histories=tmp_path)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    history = collect(Path(result.extra["history"]))
    of = {name: [child for child in history.children if child.group == name] for name in (*there, "other")}
    first, second = (of["victim"] + of["sibling"], of["other"])[:: 1 if wave == 1 else -1]
    assert max(child.returned_ns or 0 for child in first) < min(child.spawned_ns or 0 for child in second)
    assert [child.meets for child in history.children] == [True, True, True, False, False, True]
    (unharmed,) = [judgement for judgement in result.guarantees if judgement.name == "siblings-unharmed"]
    assert unharmed.reason == (
        "2 siblings sent before, during and after the faults and completed unharmed; 2 of another wave completed"
    )


def test_faults_in_every_wave(scenario: MakeScenario, tmp_path: Path) -> None:
    """Those of a later one strike as well, and wait for nobody."""
    victim = scenario(("crash", CRASH, {})).children["victim"]
    children = {"victim": victim, "later": victim.model_copy(update={"wave": 2, "copies": 2})}
    result = run_scenario(scenario(children=children), seed=7, histories=tmp_path)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert [fault.fired for fault in result.faults] == [True, True, True]
    assert [child.outcome for child in result.children] == ["signaled", "signaled", "signaled", "completed"]
