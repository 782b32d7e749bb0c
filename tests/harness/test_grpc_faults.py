"""The faults of the gRPC transport, done for real in small scenarios, with what became of the child and its witness."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gostage_sim.faults.contract import Placement
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.observer import run_scenario
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.scenario.loader import load_file
from gostage_sim.scenario.model import Log, Scenario, Send

MakeScenario = Callable[..., Scenario]
AT_MESSAGE_40 = Placement("message", message=40)


def run(made: Scenario) -> tuple[ScenarioResult, tuple[str | None, int | None, int], str]:
    """The result, the victim's outcome, exit code and handled messages, and the witness."""
    result = run_scenario(made, seed=1, transport="grpc")
    (victim,) = [child for child in result.children if child.name == "victim"]
    (fault,) = result.faults
    assert fault.witness is not None, result
    return result, (victim.outcome, victim.exit_code, victim.handled), fault.witness


@pytest.mark.parametrize(
    ("form", "then", "end", "witness"),
    [
        (
            "reset",
            "go_on",
            ("exited", 1, 40),
            r"reset of the connection at port \d+, then gone; it lived on for [\d.]+ s",
        ),
        ("reset", "hold", ("timed_out", None, 40), r"reset of the connection .* it lived on for [1-9][\d.]+ s"),
        ("half_close", "go_on", ("exited", 1, 40), r"half_close of the connection .*"),
        (
            "blackhole",
            "go_on",
            ("timed_out", None, 40),
            r"blackhole of the connection at port \d+, then ESTABLISHED; .*",
        ),
    ],
)
def test_a_broken_connection(
    scenario: MakeScenario, form: str, then: str, end: tuple[str, int | None, int], witness: str
) -> None:
    """What was acknowledged before is handled; the child cannot say how it ends, its exit does."""
    made = scenario(("connection", AT_MESSAGE_40, {"form": form, "then": then}), victim_timeout=3.0)
    result, seen, proof = run(made)
    assert (result.verdict, seen) == (Verdict.PASS, end), result.reason
    assert re.fullmatch(witness, proof), proof


@pytest.mark.parametrize(
    ("form", "malformed", "answer"),
    [
        (form, 1, "OK")
        for form in ("not_protobuf", "no_payload", "unknown_enum", "wrong_payload", "bad_json", "deep_json")
    ]
    + [("huge", 0, "RESOURCE_EXHAUSTED")],
)
def test_a_bad_request(scenario: MakeScenario, form: str, malformed: int, answer: str) -> None:
    """It costs itself and nothing else: one in quarantine, or none where gRPC refused it, and all messages handled."""
    result, seen, proof = run(scenario(("bad_request", AT_MESSAGE_40, {"form": form})))
    assert (result.verdict, seen) == (Verdict.PASS, ("completed", 0, 91)), result.reason
    assert result.children[0].malformed == malformed
    assert re.fullmatch(rf"{form} sent: a request of [\d,]+ bytes, answered {answer}", proof), proof


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ("garbage", "closed|reset"),
        ("http", "closed|reset"),
        ("scan", "accepted"),
        ("silent", "accepted"),
        ("wrong_token", "UNAUTHENTICATED"),
        ("no_token", "UNAUTHENTICATED"),
        ("second_connection", "ALREADY_EXISTS"),
    ],
)
def test_an_intruder(scenario: MakeScenario, form: str, answer: str) -> None:
    """Whoever knocks is answered so, and the child completes with all its messages and no other."""
    result, seen, proof = run(scenario(("intruder", AT_MESSAGE_40, {"form": form, "count": 3})))
    assert (result.verdict, seen) == (Verdict.PASS, ("completed", 0, 91)), result.reason
    assert re.fullmatch(rf"{form}: (({answer}) \dx(, )?)+", proof), proof
    assert result.parent.refused_calls == (3 if answer.isupper() else 0)  # the others never came to a call
    assert result.parent.strangers == 3


def test_a_second_server(scenario: MakeScenario) -> None:
    """Nobody else can listen at the parent's port, who would get a part of its children."""
    params = {"form": "second_server", "count": 3}
    result, seen, proof = run(scenario(("intruder", AT_MESSAGE_40, params)))
    assert (result.verdict, seen) == (Verdict.PASS, ("completed", 0, 91)), result.reason
    assert proof == "second_server: EADDRINUSE 3x"
    assert (result.parent.strangers, result.parent.refused_calls) == (0, 0)


def test_the_kernel_counts_the_strangers_of_a_scenario() -> None:
    """All that knock in it, from several children at once, and neither those children nor their siblings."""
    made = load_file(Path(__file__).parents[2] / "scenarios/grpc/strangers.yaml")
    result = run_scenario(made, seed=1, transport="grpc")
    knocks = sum(int(times) for fault in result.faults for times in re.findall(r"(\d+)x", fault.witness or ""))
    assert (result.verdict, knocks) == (Verdict.PASS, 20 + 5 + 50 + 20), result.reason
    assert (result.parent.strangers, result.parent.refused_calls) == (knocks, 0)


def test_a_server_that_is_gone(scenario: MakeScenario) -> None:
    """Its children end by themselves, what was acknowledged is handled, and a new server serves the next child."""
    made = scenario(("lose_server", Placement("handler", handler=5), {}))
    sender = made.children["victim"].model_copy(
        update={"steps": (Log(message="begin"), Send.model_validate({"count": 60, "size": "64KiB"}))}
    )
    made = made.model_copy(update={"children": {**made.children, "victim": sender}})  # more than can be under way
    names = ("parent-alive", "fault-fired", "no-loss", "true-verdict", "nothing-left", "recovers")
    result, (outcome, code, handled), proof = run(made.model_copy(update={"guarantees": names}))
    assert (result.verdict, outcome, code) == (Verdict.PASS, "exited", 1), result.reason
    assert 5 <= handled < 61
    assert re.fullmatch(r"the parent listened at port \d+, and does no more", proof)
