"""Results with what was recorded of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report.run_report import Run
from gostage_sim.report.source import read_source
from gostage_sim.report.stories import stories_of

MakeResult = Callable[..., ScenarioResult]
MakeRun = Callable[..., Run]

SCENARIO = """\
name: Three
children:
  victim:
    steps: [{send: 3}]
    faults:
      - noop: {}
        at: {message: 1}

      - noop: {}
        at: {message: 2}
  other: {steps: [{send: 3}], faults: [{noop: {}, at: {message: 1}}]}
"""


def test_lines_of_faults(tmp_path: Path) -> None:
    """Each fault by its child and number, in whatever style it is written."""
    (tmp_path / "a.yaml").write_text(SCENARIO)
    found = read_source(str(tmp_path / "a.yaml"))
    assert found.faults == {"victim#1": 6, "victim#2": 9, "other#1": 11}
    assert (found.text, found.cut, found.problem) == (SCENARIO, False, None)


def test_a_file_that_is_not_what_it_was(tmp_path: Path) -> None:
    """Gone, no text, broken or endless: there is something to show, or a reason."""
    assert read_source(str(tmp_path / "gone.yaml")).problem == "cannot be read: No such file or directory"
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe")
    assert "cannot be read: 'utf-8' codec" in str(read_source(str(tmp_path / "a.yaml")).problem)
    assert read_source("\0").problem is not None
    (tmp_path / "a.yaml").write_text("a: [")
    assert read_source(str(tmp_path / "a.yaml")).text == "a: ["
    (tmp_path / "a.yaml").write_text("# " + "x" * 70_000)
    found = read_source(str(tmp_path / "a.yaml"))
    assert (len(found.text), found.cut) == (64_000, True)


def test_a_history_that_cannot_be_read_costs_its_picture(
    make_result: MakeResult, make_run: MakeRun, tmp_path: Path
) -> None:
    """The others have theirs, and it says why it has none."""
    (tmp_path / "plan.json").write_text("{}")
    results = (make_result(), replace(make_result(), extra={"history": str(tmp_path)}), make_result())
    found = stories_of(make_run(*results))
    assert [story.picture for story in found] == [None] * 3
    assert found[0].problem == "no history was kept of it"
    assert str(found[1].problem).startswith(f"its history in {tmp_path} cannot be drawn: ")
