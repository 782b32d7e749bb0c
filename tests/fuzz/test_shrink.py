"""The way to the smallest scenario, with results that follow from the scenario by a rule."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from gostage_sim import strategies
from gostage_sim.fuzz.generated import generated
from gostage_sim.fuzz.shrink import Found, Shrinker
from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.harness.plan import make_plan
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.harness.verdict import unjudged
from gostage_sim.scenario.loader import parse_text
from gostage_sim.scenario.model import Scenario, Send
from gostage_sim.scenario.transports import Case
from gostage_sim.strategies.parameters import Data

Rule = Callable[[Scenario], str | None]


class Ruled:
    """Results by a rule: which guarantee fails."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self.ran = 0

    def run(self, cases: Iterable[Case]) -> list[ScenarioResult]:
        cases = list(cases)
        self.ran += len(cases)
        return [result_of(case, self._rule(case.scenario)) for case in cases]


def result_of(case: Case, guarantee: str | None) -> ScenarioResult:
    plan = make_plan(case.scenario, seed=1, transport=case.transport)
    found = unjudged(plan, "by rule", duration_s=0.0)
    verdict = Verdict.PASS if guarantee is None else Verdict.FAIL
    judged = Judgement(guarantee or "order", verdict, "by rule")
    return dataclasses.replace(found, verdict=verdict, guarantees=(judged,))


def first(rule: Rule) -> tuple[Data, ScenarioResult]:
    """The first generated scenario that fails by the rule, and its result."""
    for data in generated(1, ("json",)):
        case = Case(parse_text(strategies.yaml_text(data), "x.yaml"), "json")
        if (guarantee := rule(case.scenario)) is not None:
            return data, result_of(case, guarantee)
    raise AssertionError


def shrunk(trial: Ruled, rule: Rule, *, seconds: float = 60.0, steps: list[Found] | None = None) -> Found:
    heard = [] if steps is None else steps
    shrinker = Shrinker(
        trial, workers=2, file=Path("found.yaml"), until=time.monotonic() + seconds, on_step=heard.append
    )
    return shrinker.shrink(*first(rule))


def many_messages(scenario: Scenario) -> str | None:
    """A bug that shows at the eighth message of any step in a scenario with a fault."""
    sends = [step for child in scenario.children.values() for step in child.steps if isinstance(step, Send)]
    faults = [fault for child in scenario.children.values() for fault in child.faults]
    return "no-loss" if faults and any(send.count >= 8 for send in sends) else None


def test_nothing_is_left_that_is_not_needed() -> None:
    """One child, one fault at its first point, one step of eight messages, with all that has a default left out."""
    steps: list[Found] = []
    trial = Ruled(many_messages)
    found = shrunk(trial, many_messages, steps=steps)
    (child,) = found.data["children"].values()
    (fault,) = child["faults"]
    assert child["steps"] == [{"send": {"count": 8}}]
    assert [value for key, value in fault.items() if key != "at"] == [{}]
    assert fault["at"] in ("definition", "result", "spawn", *({key: 1} for key in ("message", "step", "handler")))
    assert set(found.data) == {"name", "transports", "timeout", "children"}
    assert (found.failed, found.of, found.guarantee) == (10, 10, "no-loss")
    assert steps[-1].tried == found.tried
    assert found.tried < 150


def test_another_failure_is_not_taken_for_this_one() -> None:
    """A smaller scenario in which another guarantee fails is none that was looked for."""

    def two_bugs(scenario: Scenario) -> str | None:
        return many_messages(scenario) if len(scenario.children) > 1 else "order"

    found = shrunk(Ruled(two_bugs), lambda scenario: two_bugs(scenario) if len(scenario.children) > 1 else None)
    assert len(found.data["children"]) == 2
    assert found.guarantee == "no-loss"


def test_what_fails_only_once_is_kept_as_it_is() -> None:
    """It is not made small by a chance that does not come again, and says how often it failed."""
    trial = Ruled(lambda scenario: None)
    found = shrunk(trial, many_messages)
    assert found.data == first(many_messages)[0]
    assert (found.failed, found.of, trial.ran) == (1, 4, 3)


def test_what_fails_now_and_then_is_tried_more_than_once() -> None:
    """Every third run fails: nothing smaller is given up after one run, and the rate is told."""
    runs = 0

    def seldom(scenario: Scenario) -> str | None:
        nonlocal runs
        runs += 1
        return many_messages(scenario) if runs % 3 == 0 else None

    found = shrunk(Ruled(seldom), many_messages)
    (child,) = found.data["children"].values()
    assert child["steps"] == [{"send": {"count": 8}}]
    assert found.of == 10
    assert 2 <= found.failed <= 4


def test_it_ends_when_the_time_is_over() -> None:
    """What is the smallest by then is what was found."""
    trial = Ruled(many_messages)
    found = shrunk(trial, many_messages, seconds=0.0)
    assert found.data == first(many_messages)[0]
    assert found.tried == 0
    assert (found.failed, found.of) == (4, 4)


@pytest.mark.parametrize("kind", ["drop", "interrupt_parent"])
def test_what_is_expected_follows_the_faults(kind: str) -> None:
    """A fault that is gone is expected to do nothing any more, or each smaller scenario would fail by that."""
    data = next(generated(1, ("json",), [kind]))
    assert {"expect", "expect_verdict"} & {*data}
    case = Case(parse_text(strategies.yaml_text(data), "x.yaml"), "json")
    shrinker = Shrinker(
        Ruled(lambda scenario: "order"),
        workers=1,
        file=Path("found.yaml"),
        until=time.monotonic() + 60,
        on_step=lambda found: None,
    )
    found = shrinker.shrink(data, result_of(case, "order"))
    assert not any(child.get("faults") for child in found.data["children"].values())
    assert not {"expect", "expect_verdict"} & {*found.data}
