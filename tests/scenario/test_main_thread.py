"""One child of a wave at most interrupts the parent."""

from __future__ import annotations

from pathlib import Path

import pytest

from gostage_sim.scenario.loader import load

INTERRUPTED = "{steps: [{send: 5}], faults: [{interrupt_parent: {}, at: {message: 2}}]"
WHY = "fault 'interrupt_parent' interrupts the parent in its main thread, where it spawns one child of a wave"


@pytest.mark.parametrize(
    ("children", "expected"),
    [
        (f"  a: {INTERRUPTED}, copies: 2}}\n", [f"3:36: {WHY}; found copies: 2"]),
        (
            f"  a: {INTERRUPTED}}}\n  b: {INTERRUPTED}}}\n",
            [f"4:36: {WHY}; found another at child 'a': give this one another wave"],
        ),
        (f"  a: {INTERRUPTED}}}\n  b: {INTERRUPTED}, wave: 2}}\n", []),
    ],
    ids=["copies", "two of a wave", "two waves"],
)
def test_where_signals_are_handled_there_is_room_for_one(children: str, expected: list[str], tmp_path: Path) -> None:
    """A second one would wait for the first and be interrupted by its signal."""
    file = tmp_path / "x.yaml"
    file.write_text(f"name: x\nchildren:\n{children}")
    _, problems = load([file])
    assert [str(problem).removeprefix(f"{file}:") for problem in problems] == expected
