"""One seed, one course of events: payloads, placements and the order of what is planned."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from gostage_sim.harness.observer import run_scenario
from gostage_sim.history.collect import read_plan
from gostage_sim.history.model import ENGINE_TYPES
from gostage_sim.history.record import Record
from gostage_sim.scenario.loader import parse_text
from gostage_sim.scenario.model import Transport

SCENARIO = """\
name: Drawn
children:
  victim:
    copies: 3
    steps:
      - send: {count: 40, payload: {who: "{faker.name}", i: "{i}"}}
      - send: {count: 20, type: other, payload: {text: "{faker.sentence}"}}
    faults:
      - noop: {}
        at: {message: 10}
        probability: 0.5
      - malformed: {form: not_json}
        at: {message: 20}
        probability: 0.5
      - noop: {}
        at: {message: 30}
        probability: 0.5
transports: [json]
"""


@pytest.mark.slow
def test_a_seed_decides_everything_that_is_planned(tmp_path: Path) -> None:
    """Two runs of one seed have the same plan, and each child does the same things in the same order; another seed has
    other payloads and chooses other faults."""
    one, again, other = (_course(tmp_path / name, seed) for name, seed in (("1", 7), ("2", 7), ("3", 8)))
    assert one == again
    assert len(one["plan"]["children"]) == 4
    for number in (1, 2, 3):
        name = f"victim[{number}]"
        assert len([event for event in one[name] if event[0] == "sending"]) >= 60
        assert _sums(one, name) != _sums(other, name)
    assert _chosen(one) != _chosen(other)


def _course(folder: Path, seed: int, transport: Transport = "json") -> dict[str, Any]:
    """The plan, and of each child what it did by itself, the times and the interleaving with others left out."""
    result = run_scenario(parse_text(SCENARIO, "x.yaml"), seed=seed, transport=transport, histories=folder)
    history = Path(result.extra["history"])
    course: defaultdict[str, Any] = defaultdict(list)
    for entry in Record(history):
        if entry.event in ("sending", "armed", "fired", "over", "result"):
            facts = {key: value for key, value in entry.facts.items() if key in ("message", "type", "crc", "fault")}
            if facts.get("type") in ENGINE_TYPES:
                del facts["crc"]  # of what the engine itself sends, how long it took among it
            course[entry.by].append((entry.event, tuple(facts.items())))
    return {**course, "plan": read_plan(history)}


def _sums(course: dict[str, Any], child: str) -> list[Any]:
    return [dict(facts).get("crc") for event, facts in course[child] if event == "sending"]


def _chosen(course: dict[str, Any]) -> list[str]:
    return [fault["id"] for child in course["plan"]["children"] for fault in child["faults"]]
