"""Scenarios as Hypothesis draws them, each a file that can be run again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from gostage_sim import strategies
from gostage_sim.scenario.loader import parse_text
from gostage_sim.scenario.model import Transport
from gostage_sim.scenario.transports import Case
from gostage_sim.strategies.parameters import Data

#: Drawn at once. Hypothesis varies what it has drawn before, and a scenario takes too long to run for one much like it.
_BATCH = 4


def generated(seed: int, transports: Sequence[Transport], kinds: Sequence[str] | None = None) -> Iterator[Data]:
    """Scenarios without an end, none twice, on one transport after the other; the same ones for the same seed. `kinds`
    of faults, by default all that strategies do not leave out."""
    seen: set[str] = set()
    number = 0
    while True:
        for data in _batch(seed + number, transports[number % len(transports)], kinds):
            text = strategies.yaml_text(data)
            if text not in seen:
                seen.add(text)
                yield {**data, "name": f"generated {len(seen)}"}
        number += 1


def read(data: Data, file: Path) -> Case:
    """The scenario, as if it stood in this file; ScenarioError when it is none."""
    scenario = parse_text(strategies.yaml_text(data), str(file))
    return Case(scenario, scenario.transports[0])


def written(data: Data, file: Path, *, heading: str = "") -> Case:
    """As `read`, of what stands in this file from now on; OSError where it cannot be written."""
    case = read(data, file)
    file.write_text(heading + strategies.yaml_text(data), "utf-8")
    return case


def _batch(seed: int, transport: Transport, kinds: Sequence[str] | None) -> list[Data]:
    drawn: list[Data] = []

    @seeded(seed)
    @settings(
        max_examples=_BATCH,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategies.scenarios(transports=(transport,), kinds=kinds))
    def draw(data: Data) -> None:
        drawn.append(data)

    draw()
    return drawn
