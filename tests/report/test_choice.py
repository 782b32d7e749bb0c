"""Which scenarios a command is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from gostage_sim.report import choice
from gostage_sim.report.bad_input import BadInput
from gostage_sim.scenario.model import Child, Scenario, Send


def scenario(name: str, *tags: str) -> Scenario:
    return Scenario(name=name, tags=tags, children={"victim": Child(steps=(Send(),))}, file=f"{name}.yaml")


SCENARIOS = [scenario("A bad pointer", "crash", "smoke"), scenario("A long stream", "flood")]


def lines_of(keyword: str | None, *tags: str) -> tuple[str, ...]:
    with pytest.raises(BadInput) as refused:
        choice.choose(SCENARIOS, keyword, tags)
    return refused.value.lines


def test_what_is_selected_comes_back() -> None:
    """Without a condition all, else those that match."""
    assert choice.choose(SCENARIOS, None, []) == SCENARIOS
    assert choice.choose(SCENARIOS, "pointer", ["smoke"]) == SCENARIOS[:1]


def test_an_empty_selection_by_name() -> None:
    """It says how many there were, and the names, the closest first."""
    assert lines_of("streem") == (
        "-k 'streem': does not select any of the 2 scenarios",
        "  tags: crash, flood, smoke",
        "  names: 'A long stream', 'A bad pointer'",
    )


def test_an_empty_selection_by_tag() -> None:
    """A tag nobody has gets its close match; a tag that exists is not called unknown."""
    assert lines_of("stream", "crsh", "smoke") == (
        "--tag crsh --tag smoke -k 'stream': does not select any of the 2 scenarios",
        "  unknown tag 'crsh'; did you mean 'crash'?",
        "  tags: crash, flood, smoke",
        "  names: 'A long stream', 'A bad pointer'",
    )


def test_an_expression_that_is_none() -> None:
    """Its mistake is told with its column."""
    assert lines_of("a and") == ("-k 'a and': found the end at column 6; expected a word, 'not' or '('",)


def test_paths_that_do_not_exist(tmp_path: Path) -> None:
    """Each gets the close match among its siblings, or the folder that does exist; all of them at once."""
    (tmp_path / "crash.yaml").write_text("")
    paths = [tmp_path / "crush.yaml", tmp_path / "other", tmp_path / "no" / "such" / "x.yaml", Path("a\x00\x1b")]
    with pytest.raises(BadInput) as refused:
        choice.load_all(paths)
    assert refused.value.lines == (
        f"{tmp_path}/crush.yaml: no such file or folder; did you mean {tmp_path}/crash.yaml?",
        f"{tmp_path}/other: no such file or folder",
        f"{tmp_path}/no/such/x.yaml: no such file or folder; {tmp_path}/no/such does not exist either, {tmp_path} does",
        "a\\x00\\x1b: no such file or folder",
    )
