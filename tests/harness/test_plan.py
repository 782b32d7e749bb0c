"""A scenario as the plan that processes read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gostage_sim.faults.contract import Placement
from gostage_sim.harness.plan import make_plan, write_plan
from gostage_sim.harness.verdict import reproduce
from gostage_sim.scenario.model import Child, Expectation, Handler, Scenario, Send, Transport

MakeScenario = Callable[..., Scenario]
SEEDS: tuple[tuple[int, Transport], ...] = ((7, "json"), (7, "grpc"), (8, "json"))


def test_a_plan_is_json_and_comes_back_as_it_was(scenario: MakeScenario, tmp_path: Path) -> None:
    """What observer, subject, children and collector read is one and the same."""
    made = scenario(
        ("freeze", Placement("byte", message=3, byte=2), {}),
        ("slow", Placement("step", step=1), {"delay": 0.25}),
        handlers={"log": Handler(delay=0.001)},
        expect={"victim": Expectation(outcome="timed_out", handled=3)},
    )
    plan = make_plan(made, seed=3, transport="json")
    write_plan(plan, tmp_path)
    assert json.loads((tmp_path / "plan.json").read_text("utf-8")) == plan
    calm = {"raise_every": None, "block_s": 0.0, "spawn": None, "exit": False, "at": 1}
    assert plan["handlers"] == {"log": {**calm, "delay_s": 0.001}}
    victim = plan["children"][0]
    assert victim["expect"] == {"outcome": "timed_out", "handled": 3}
    assert [(fault["id"], fault["at"]) for fault in victim["faults"]] == [
        ("victim#1", {"point": "byte", "message": 3, "byte": 2}),
        ("victim#2", {"point": "step", "step": 1}),
    ]
    assert victim["faults"][1]["params"] == {"form": "per_message", "delay": 0.25}


@pytest.mark.parametrize(("file", "shown"), [("-x.yaml", "./-x.yaml"), ("a/-x.yaml", "a/-x.yaml")])
def test_the_command_that_repeats_it(scenario: MakeScenario, file: str, shown: str) -> None:
    """A file whose name begins like an option is none to the shell command either."""
    plan = make_plan(scenario().model_copy(update={"file": file}), seed=7, transport="json")
    assert reproduce(plan) == f"gostage-sim run {shown} --transport json --seed 7"


def test_faults_of_the_parent_are_not_the_childs(scenario: MakeScenario, tmp_path: Path) -> None:
    """A child arms and loads its own faults only."""
    made = scenario(("close_stdio", Placement("spawn"), {}), ("noop", Placement("result"), {}))
    plan = make_plan(made, seed=1, transport="json")
    write_plan(plan, tmp_path)
    victim = plan["children"][0]
    own = json.loads((tmp_path / victim["plan"]).read_text("utf-8"))
    assert [fault["kind"] for fault in victim["faults"]] == ["close_stdio", "noop"]
    assert [fault["kind"] for fault in own["faults"]] == ["noop"]


def test_a_text_between_slashes_is_a_pattern(scenario: MakeScenario) -> None:
    """The guarantee is told what to match; a key that shall hold nothing is not left out."""
    expected = Expectation(error="/no .* left/", stderr="/", final_store={"k": None})
    plan = make_plan(scenario(expect={"victim": expected}), seed=1, transport="json")
    assert plan["children"][0]["expect"] == {
        "error": {"matches": "no .* left"},
        "stderr": "/",
        "final_store": {"k": None},
    }


def test_copies_have_names_and_files_of_their_own(scenario: MakeScenario) -> None:
    """`copies: 2` are two children; the recovery comes last, whatever is in the scenario."""
    children = make_plan(scenario(), seed=1, transport="json")["children"]
    assert [(child["name"], child["group"], child["role"]) for child in children] == [
        ("victim", "victim", "sibling"),
        ("sibling[1]", "sibling", "sibling"),
        ("sibling[2]", "sibling", "sibling"),
        ("recovery", "recovery", "recovery"),
    ]
    assert len({child["journal"] for child in children}) == 4


def test_siblings_stop_after_a_third_and_two_thirds_of_their_messages(scenario: MakeScenario) -> None:
    """Gates stand at message numbers; victims and the recovery have none."""
    children = make_plan(scenario(("noop", Placement("result"), {})), seed=1, transport="json")["children"]
    assert [child["gates"] for child in children] == [
        None,
        {"before": 30, "during": 60},
        {"before": 30, "during": 60},
        None,
    ]


def test_pools_are_rendered_for_the_placeholders_a_child_uses(scenario: MakeScenario) -> None:
    """Faker runs in the observer only; a child without placeholders gets no values."""
    plain = Child(steps=(Send(payload={"i": "{i}"}),))
    plan = make_plan(scenario(children={"a": plain, "b": Child(steps=(Send(payload="{faker.name}"),))}), seed=1,
                     transport="json")  # fmt: skip
    assert plan["children"][0]["pools"] == {}
    assert list(plan["children"][1]["pools"]) == ["faker.name"]
    json.dumps(plan)


def test_no_two_children_send_the_same(scenario: MakeScenario) -> None:
    """Copies have the same values in another order: a message of one delivered as another's must not look right."""
    sender = Child(steps=(Send(payload="{faker.name}"),), copies=2)
    one, other, _ = make_plan(scenario(children={"sibling": sender}), seed=1, transport="json")["children"]
    assert one["pools"]["faker.name"] != other["pools"]["faker.name"]
    assert sorted(one["pools"]["faker.name"]) == sorted(other["pools"]["faker.name"])


def test_the_seed_chooses_faults_by_their_probability(scenario: MakeScenario) -> None:
    """The same ones for the same seed on every transport; who has not all of its faults is held to no expectation."""
    victim = scenario(("noop", Placement("message", message=9), {})).children["victim"]
    fault = victim.faults[0].model_copy(update={"probability": 0.3, "every": 2, "times": 4})
    made = Scenario(
        name="x",
        children={"victim": victim.model_copy(update={"faults": (fault,), "copies": 100})},
        expect={"victim": Expectation(handled=91)},
    )
    plans = [make_plan(made, seed=seed, transport=transport)["children"][:100] for seed, transport in SEEDS]
    chosen = [[fault["id"] for child in plan for fault in child["faults"]] for plan in plans]
    assert chosen[0] == chosen[1] != chosen[2]
    assert 80 < len(chosen[0]) < 160
    for child in plans[0]:
        both = sorted(child["faults"] + child["not_chosen"], key=lambda fault: str(fault["id"]))
        assert [(each["id"], each["at"]["message"]) for each in both] == [
            (f"{child['name']}#1.{time}", 7 + 2 * time) for time in (1, 2, 3, 4)
        ]
        assert child["role"] == ("victim" if child["faults"] else "sibling")
        assert bool(child["expect"]) is not bool(child["not_chosen"])
    assert {len(child["faults"]) for child in plans[0]} >= {0, 1, 2}  # each time by itself
