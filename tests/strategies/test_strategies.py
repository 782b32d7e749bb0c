"""What the strategies give is what the loader takes, of every kind there is."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from gostage_sim import strategies
from gostage_sim.faults import fault_kind, fault_kinds
from gostage_sim.scenario.loader import parse_child, parse_text
from gostage_sim.scenario.model import TRANSPORTS, Scenario, Transport
from gostage_sim.scenario.traffic import of_steps
from gostage_sim.strategies.fates import ALONE, EXPECTED_TO_FAIL, MILD, alone_in_child
from gostage_sim.strategies.parameters import Data, made
from gostage_sim.strategies.placing import kinds_for, open_points

GENERATED = sorted(set(fault_kinds()) - set(strategies.LEFT_OUT))

#: A scenario is much to draw, and nothing of it is filtered much.
calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
#: For `find`: any example will do.
any_one = settings(calm, max_examples=5000, phases=[Phase.generate])


def read(data: Data) -> Scenario:
    return parse_text(strategies.yaml_text(data), "generated.yaml")


@settings(calm, max_examples=30)
@given(strategies.scenarios())
def test_a_generated_scenario_has_no_mistake(data: Data) -> None:
    """The text that is written of it is read back as what it was, on the transport it names."""
    scenario = read(data)
    assert [*scenario.transports] == data["transports"]
    assert {name: len(child.faults) for name, child in scenario.children.items()} == {
        name: len(child.get("faults", ())) for name, child in data["children"].items()
    }


@pytest.mark.parametrize("kind", GENERATED)
def test_every_kind_is_placed_without_a_mistake(kind: str) -> None:
    """Whatever parameters and whatever point are drawn for it, on each transport it exists on."""
    there = [transport for transport in TRANSPORTS if kinds_for(transport, [kind])]
    assert there

    @settings(calm, max_examples=3)
    @given(strategies.scenarios(kinds=(kind,)))
    def check(data: Data) -> None:
        scenario = read(data)
        assert kind in {placed.fault.kind for child in scenario.children.values() for placed in child.faults}

    check()


@pytest.mark.parametrize("kind", GENERATED)
def test_every_kind_is_reached(kind: str) -> None:
    """`faults()` leaves out what `LEFT_OUT` names and nothing else."""
    assert find(strategies.faults(), lambda fault: kind in fault, settings=any_one)


def test_what_is_left_out_is_there_and_says_why() -> None:
    """No kind is left out that does not exist, none without a reason; and whoever names one gets it."""
    for kind, why in strategies.LEFT_OUT.items():
        assert kind in fault_kinds()
        assert len(why) > 20
        assert kind in find(strategies.faults([kind]), lambda fault: True)
    assert set(fault_kinds()) >= ALONE | MILD | {*EXPECTED_TO_FAIL}


@settings(calm, max_examples=10)
@given(st.data())
@pytest.mark.parametrize("kind", sorted(fault_kinds()))
def test_parameters_are_within_their_bounds(kind: str, data: st.DataObject) -> None:
    """What is drawn for a kind makes a fault of it: bounds hold, nothing contradicts, and left out is the default."""
    given = data.draw(strategies.parameters_of(fault_kind(kind)))
    fault = made({kind: given})
    for field in dataclasses.fields(fault):  # type: ignore[arg-type]
        if field.name not in given:
            assert getattr(fault, field.name) == field.default


@pytest.mark.parametrize("kind", [kind for kind in sorted(fault_kinds()) if dataclasses.fields(fault_kind(kind))])  # type: ignore[arg-type]
def test_every_parameter_is_given_another_value(kind: str) -> None:
    """From mild to severe: no parameter keeps its default for ever."""
    for field in dataclasses.fields(fault_kind(kind)):  # type: ignore[arg-type]
        found = find(
            strategies.parameters_of(fault_kind(kind)),
            lambda given, name=field.name, kind=kind: (
                getattr(made({kind: given}), name)  # type: ignore[misc]
                != getattr(made({kind: {}}), name)
            ),
            settings=any_one,
        )
        assert field.name in found


@pytest.mark.parametrize("key", ["every", "until", "after", "byte", "step", "handler"])
def test_every_way_to_place_is_reached(key: str) -> None:
    """Faults that repeat, that last, that wait for another child, and every point that has a number."""
    kind = {"handler": "pause", "every": "spill"}.get(key, "slow")
    others = {"sibling": {"steps": [{"send": {"count": 30}}]}}
    found = find(
        strategies.victims("json", [kind], others=others),
        lambda child: any(key in placed["at"] for placed in child["faults"]),
        settings=any_one,
    )
    assert kind in found["faults"][-1]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_faults_stay_where_they_exist(transport: Transport) -> None:
    """A kind of one transport alone is not drawn for the other."""
    only = {"json": "small_pipe", "grpc": "intruder"}
    other = only["grpc" if transport == "json" else "json"]
    assert only[transport] in kinds_for(transport, GENERATED)
    assert other not in kinds_for(transport, GENERATED)
    assert open_points(made({other: {}}), transport) == []


@settings(calm, max_examples=10)
@given(strategies.steps())
def test_a_course_counts_what_the_steps_send(steps: list[Data]) -> None:
    """By the file's words as the harness does by its model, steps of children of the child included."""
    child = parse_child({"steps": steps})
    traffic = of_steps(child.steps)
    assert traffic is not None
    course = strategies.Course.of(steps)
    assert (course.messages, course.steps) == (traffic.total(), len(child.steps))
    assert course.before(course.steps + 1) == course.messages


@settings(calm, max_examples=30)
@given(strategies.scenarios())
def test_nobody_comes_to_a_fault_too_late(data: Data) -> None:
    """What strikes a whole life is alone in it, and before the last fault there are only such that are survived."""
    for child in data["children"].values():
        faults = [
            made({key: given for key, given in placed.items() if key != "at"}) for placed in child.get("faults", ())
        ]
        assert len(faults) < 2 or not any(map(alone_in_child, faults))
        assert {fault.kind for fault in faults[:-1]} <= MILD


@settings(calm, max_examples=30)
@given(strategies.scenarios(kinds=("noop",)))
def test_a_bad_handler_has_messages_of_a_sibling(data: Data) -> None:
    """It raises for sure, and handles another message after that, whatever becomes of the victim."""
    siblings = [child for child in data["children"].values() if not child.get("faults")]
    for type in data.get("handlers", {}):
        sends = [step["send"] for child in siblings for step in child["steps"] if "send" in step]
        assert any(send.get("type") == type and send["count"] >= 20 for send in sends)


def test_the_package_loads_nothing_at_first() -> None:
    """Who imports it pays when a strategy is asked for."""
    code = "import sys, gostage_sim.strategies; print({'hypothesis', 'pydantic', 'numpy'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    assert set(strategies.__all__) <= set(dir(strategies))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        strategies.nothing  # noqa: B018
