"""What is tried on the way to the smallest scenario."""

from __future__ import annotations

import copy
import json

from hypothesis import HealthCheck, given, settings

from gostage_sim import strategies
from gostage_sim.fuzz.smaller import smaller
from gostage_sim.strategies.parameters import Data

SCENARIO: Data = {
    "name": "found",
    "transports": ["json"],
    "timeout": "60s",
    "children": {
        "victim": {
            "steps": [{"send": {"count": 40, "bulk": True}}, {"log": "done"}],
            "faults": [{"crash": {"signal": "SIGBUS"}, "at": {"message": 20}}],
            "copies": 2,
        },
        "sibling": {"steps": [{"send": {"count": 30, "payload": {"n": 7}}}]},
        "other": {"steps": [{"send": {"count": 30}}]},
    },
    "handlers": {"message": {"delay": "1ms"}},
}


def changed(**changes: object) -> Data:
    return {**SCENARIO, **changes}


def test_large_parts_go_first() -> None:
    """Before all else one child alone, then all but one of them: most of a scenario is not needed."""
    children = SCENARIO["children"]
    first = [found["children"] for found in list(smaller(SCENARIO))[:6]]
    assert [[*those] for those in first] == [
        ["victim"], ["sibling"], ["other"], ["victim", "sibling"], ["victim", "other"], ["sibling", "other"]
    ]  # fmt: skip
    assert all(children[name] == those[name] for those in first for name in those)


def test_every_part_is_left_out_once() -> None:
    """Faults, steps, whatever has a default, and the handler; numbers become one, a half, one less."""
    found = list(smaller(SCENARIO))
    victim = SCENARIO["children"]["victim"]

    def with_victim(**changes: object) -> Data:
        return changed(children={**SCENARIO["children"], "victim": {**victim, **changes}})

    without_copies = {key: value for key, value in victim.items() if key != "copies"}
    for expected in (
        with_victim(faults=[]),
        with_victim(steps=victim["steps"][:1]),
        with_victim(steps=victim["steps"][1:]),
        with_victim(faults=[{"crash": {}, "at": {"message": 20}}]),
        with_victim(copies=1),
        *(with_victim(faults=[{**victim["faults"][0], "at": {"message": n}}]) for n in (1, 10, 19)),
        changed(children={**SCENARIO["children"], "victim": without_copies}),
        changed(handlers={}),
        {key: value for key, value in SCENARIO.items() if key != "handlers"},
    ):
        assert found.count(expected) == 1


def test_what_judges_is_left_alone() -> None:
    """Deadlines stay, and payloads are one thing: neither makes a scenario smaller."""
    for found in smaller(SCENARIO):
        assert found["timeout"] == "60s"
        payload = found["children"].get("sibling", {}).get("steps", [{}])[0:1]
        assert "'n': 6" not in repr(payload)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(strategies.scenarios())
def test_each_is_smaller_and_another(scenario: Data) -> None:
    """So that no search for the smallest goes on for ever, and none is tried twice; what it began with stays."""
    before = copy.deepcopy(scenario)
    texts = [json.dumps(found, sort_keys=True) for found in smaller(scenario)]
    assert scenario == before
    assert all(weight(json.loads(text)) < weight(scenario) for text in texts)


def weight(data: object) -> tuple[int, int]:
    """Parts, and the sum of the numbers."""
    if isinstance(data, dict | list):
        parts = [weight(value) for value in (data.values() if isinstance(data, dict) else data)]
        return 1 + sum(parts for parts, _ in parts), sum(numbers for _, numbers in parts)
    return 1, data if isinstance(data, int) and not isinstance(data, bool) and data > 0 else 0
