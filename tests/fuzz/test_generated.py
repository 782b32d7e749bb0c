"""Which scenarios a seed stands for."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from gostage_sim import strategies
from gostage_sim.fuzz.generated import generated, read, written
from gostage_sim.scenario.loader import load_file
from gostage_sim.scenario.problems import ScenarioError


def test_a_seed_repeats_all_of_them() -> None:
    """The same seed gives the same scenarios in the same order, another one others; on both transports, none twice."""
    some = [*islice(generated(7, ("json", "grpc")), 20)]
    assert [*islice(generated(7, ("json", "grpc")), 20)] == some
    assert [*islice(generated(8, ("json", "grpc")), 20)] != some
    assert {scenario["transports"][0] for scenario in some} == {"json", "grpc"}
    assert [scenario["name"] for scenario in some] == [f"generated {number}" for number in range(1, 21)]
    assert len({strategies.yaml_text({**scenario, "name": ""}) for scenario in some}) == 20


def test_what_runs_is_what_stands_in_the_file(tmp_path: Path) -> None:
    """With a heading of comments, which change nothing; and what is no scenario is not written."""
    data = next(generated(7, ("grpc",)))
    file = tmp_path / "x.yaml"
    case = written(data, file, heading="# a heading\n")
    assert file.read_text("utf-8").startswith("# a heading\n")
    assert load_file(file).model_dump(exclude={"children"}) == case.scenario.model_dump(exclude={"children"})
    assert case.transport == "grpc"
    wrong = tmp_path / "wrong.yaml"
    with pytest.raises(ScenarioError):
        written({**data, "children": {}}, wrong)
    with pytest.raises(ScenarioError):
        read({**data, "children": {}}, wrong)
    assert not wrong.exists()
