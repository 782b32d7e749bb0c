"""A parent is killed once."""

from __future__ import annotations

from pathlib import Path

import pytest

from gostage_sim.scenario.loader import load


def killed(at: str = "", fault: str = "", child: str = "") -> str:
    return f"{{steps: [{{send: 9}}], faults: [{{kill_parent: {{}}, at: {{message: 2{at}}}{fault}}}]{child}}}"


WHY = "fault 'kill_parent' ends the parent, which dies once"


@pytest.mark.parametrize(
    ("children", "expected"),
    [
        (["a", killed(child=", copies: 2")], [f"3:36: {WHY}; found copies: 2"]),
        (["a", killed(at=", every: 2, times: 3")], [f"3:36: {WHY}; found times: 3"]),
        (["a", killed(), "b", killed(child=", wave: 2")], [f"4:36: {WHY}; found another at child 'a'"]),
        (["a", killed(fault=", probability: 0.5", child=", copies: 2")], []),
        (["a", killed()], []),
    ],
    ids=["copies", "again", "two", "the seed chooses", "one"],
)
def test_a_second_one_would_never_fire(children: list[str], expected: list[str], tmp_path: Path) -> None:
    """Whoever is placed to do it when it is done already is told so, and where the other one stands."""
    file = tmp_path / "x.yaml"
    pairs = zip(children[::2], children[1::2], strict=True)
    file.write_text("name: x\nchildren:\n" + "".join(f"  {name}: {child}\n" for name, child in pairs))
    _, problems = load([file])
    assert [str(problem).removeprefix(f"{file}:") for problem in problems] == expected
