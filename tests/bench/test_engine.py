"""The bench of the engine."""

from __future__ import annotations

import pytest

from gostage_sim.bench import engine


def test_rows() -> None:
    """Each chosen measure is a line with figure, unit, bound and whether that was kept; the code says the same."""
    lines: list[str] = []
    code = engine.main(rounds=1, only="store.", show=lines.append)
    assert [line.split()[0] for line in lines] == ["store.put", "store.get"]
    assert code == ("NOT REACHED" in "".join(lines))
    assert all(line.split()[2] == "µs" for line in lines)


def test_nothing_chosen() -> None:
    """A name that no measure has is answered with those there are."""
    lines: list[str] = []
    assert engine.main(only="xyz", show=lines.append) == 2
    assert lines[0].startswith("no measure has 'xyz' in its name; there are:\n  action that does nothing")


@pytest.mark.parametrize(
    ("unit", "bound", "line"),
    [("µs", 5.0, "2.50 µs    ≤ 5 reached"), ("times", 1.3, "2.50 times ≤ 1.3 NOT REACHED"), ("bytes", None, "2 bytes")],
)
def test_lines(unit: str, bound: float | None, line: str) -> None:
    """A figure over its bound is marked; one without a bound is stated."""
    assert engine.Measure("m", "f", unit, bound).line(2.5).split(maxsplit=1)[1].strip() == line


def test_every_figure_is_there() -> None:
    """Every measure names figures that can be taken."""
    named = {name for measure in engine.MEASURES for name in (measure.figure, measure.against) if name}
    assert named == set(engine.FIGURES)
    assert engine.us_per_action(engine.Adder, 10) > 0
