"""Results of one scenario on two transports are compared, whichever is ready first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.harness.agreement import Agreement
from gostage_sim.harness.result import ChildResult, ParentResult, ScenarioResult
from gostage_sim.scenario.model import Child, Expectation, Scenario, Send
from gostage_sim.scenario.transports import Case

CHILD = ChildResult("victim[1]", 17, "signaled", None, "SIGSEGV", 9, 5, 0, "", None, "abc")


def result(transport: str, *children: ChildResult, verdict: Verdict = Verdict.PASS) -> ScenarioResult:
    return ScenarioResult(
        scenario="s",
        file="s.yaml",
        transport=transport,
        verdict=verdict,
        reason="" if verdict is Verdict.PASS else "as-expected: not as expected",
        seed=1,
        duration_s=0.1,
        guarantees=(Judgement("as-expected", verdict, "seen"),),
        faults=(),
        children=children,
        parent=ParentResult(True, 0, 0.0),
        reproduce=f"gostage-sim run s.yaml --transport {transport} --seed 1",
    )


def agreement(**expected: Expectation) -> Agreement:
    scenario = Scenario(
        name="s", file="s.yaml", children={"victim": Child(steps=(Send(),))}, expect_on={"grpc": expected}
    )
    return Agreement([Case(scenario, "json"), Case(scenario, "grpc")])


def compared(found: Agreement, one: ScenarioResult, other: ScenarioResult) -> Judgement:
    results = [*found.take(one), *found.take(other)]
    assert sorted(each.transport for each in results) == ["grpc", "json"]
    (judged,) = [each for each in results if each.transport == "grpc"]
    return judged.guarantees[-1]


def test_how_much_was_handled_before_the_parent_was_killed_is_chance() -> None:
    """Of a child that has a result on neither transport the messages are not compared; on one, they are."""
    cut_short = replace(CHILD, outcome=None, exit_code=None, signal=None)
    other = replace(cut_short, handled=cut_short.handled - 1, handled_digest="xyz")
    assert compared(agreement(), result("json", cut_short), result("grpc", other)).verdict is Verdict.PASS
    assert compared(agreement(), result("json", CHILD), result("grpc", other)).verdict is Verdict.FAIL


@pytest.mark.parametrize("first", ["json", "grpc"])
def test_the_last_transport_is_judged_whichever_is_ready_first(first: str) -> None:
    """A result by gRPC waits for the one over JSON, so that two workers judge as one does."""
    both = [result("json", CHILD), result("grpc", CHILD)]
    one, other = both if first == "json" else both[::-1]
    judgement = compared(agreement(), one, other)
    assert (judgement.name, judgement.verdict) == ("transports-agree", Verdict.PASS)
    assert judgement.reason == "1 of 1 children told alike on json and grpc"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"outcome": "exited"}, "outcome of victim[1] is signaled on json and exited on grpc"),
        ({"exit_code": 1}, "exit code of victim[1] is none on json and 1 on grpc"),
        ({"signal": None}, "signal of victim[1] is SIGSEGV on json and none on grpc"),
        ({"handled": 4}, "the messages of victim[1] are 5 on json and 4 on grpc"),
        ({"handled_digest": "xyz"}, "the messages of victim[1] are 5 on json and as many others on grpc"),
    ],
)
def test_a_difference_fails_unless_it_is_declared(change: dict[str, Any], reason: str) -> None:
    """What is expected of a child on one transport in particular may differ, and nothing else."""
    other = replace(CHILD, **change)
    judgement = compared(agreement(), result("json", CHILD), result("grpc", other))
    assert judgement.verdict is Verdict.FAIL
    assert judgement.reason == f"{reason}; what may differ stands under expect_on"
    (key,) = change
    keys = {"outcome": "exited", "exit_code": 1, "signal": "SIGKILL", "handled": 4}
    declared = Expectation.model_validate({"handled" if key == "handled_digest" else key: keys.get(key, 4)})
    judgement = compared(agreement(victim=declared), result("json", CHILD), result("grpc", other))
    assert judgement.verdict is Verdict.PASS


def test_a_failure_counts_for_the_scenario_and_is_repeated_on_both() -> None:
    """The verdict and the reason of the result are those of the comparison, the command runs both transports."""
    found = agreement()
    list(found.take(result("json", CHILD)))
    (judged,) = found.take(result("grpc", replace(CHILD, handled=4)))
    assert judged.verdict is Verdict.FAIL
    assert judged.reason.startswith("transports-agree: the messages of victim[1] are 5 on json")
    assert judged.reproduce == "gostage-sim run s.yaml --transport all --seed 1 --repeat 20"


def test_nothing_to_compare_is_unknown() -> None:
    """A scenario whose history was lost on one transport agrees with nothing; its own reason stays."""
    found = agreement()
    list(found.take(result("json", verdict=Verdict.UNKNOWN)))
    (judged,) = found.take(result("grpc", CHILD, verdict=Verdict.FAIL))
    assert judged.guarantees[-1].reason == "nothing is known of its children on json"
    assert (judged.verdict, judged.reason) == (Verdict.FAIL, "as-expected: not as expected")


def test_a_result_that_waits_in_vain_is_not_lost() -> None:
    """After an interruption it is told without a comparison."""
    found = agreement()
    waiting = result("grpc", CHILD)
    assert list(found.take(waiting)) == []
    assert found.left() == [waiting]


def test_one_transport_is_compared_with_nothing() -> None:
    """A result comes back as it is."""
    alone = result("json", CHILD)
    assert list(Agreement([]).take(alone)) == [alone]
