"""The report folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gostage_sim.report import folder
from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.run_report import NotRun, Run

MakeRun = Callable[..., Run]

WAITING = (NotRun("Later", "b.yaml", "json"),)


def test_a_killed_run_leaves_a_report_that_says_so(make_run: MakeRun, tmp_path: Path) -> None:
    """Before the first scenario the folder has a report without results, so old results never pass for new ones."""
    directory = tmp_path / "made" / "for it"
    folder.prepare(directory, make_run(not_run=WAITING, interrupted=True))
    document = json.loads((directory / "report.json").read_text())
    assert document["results"] == []
    assert document["run"]["interrupted"] is True


def test_only_what_is_ours_is_replaced(make_run: MakeRun, tmp_path: Path) -> None:
    """Histories of the run before go, a file of the user stays."""
    folder.prepare(tmp_path, make_run())
    (tmp_path / "histories").mkdir()
    (tmp_path / "histories" / "old").write_text("")
    (tmp_path / "notes.txt").write_text("mine")
    folder.prepare(tmp_path, make_run())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["junit.xml", "notes.txt", "report.json", "summary.md"]


@pytest.mark.parametrize("report", [None, '{"schema": "of something else"}'])
def test_histories_of_someone_else_are_not_touched(make_run: MakeRun, tmp_path: Path, report: str | None) -> None:
    """A folder of that name without a report of ours beside it is not deleted, and nothing is written."""
    (tmp_path / "histories").mkdir()
    (tmp_path / "histories" / "rome.txt").write_text("SPQR")
    if report is not None:
        (tmp_path / "report.json").write_text(report)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BadInput) as refused:
        folder.prepare(tmp_path, make_run())
    assert refused.value.lines == (
        f"--report {tmp_path}: {tmp_path}/histories is there and not from a run of gostage-sim; it would be replaced, "
        "choose another folder",
    )
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_is_not_followed(make_run: MakeRun, tmp_path: Path) -> None:
    """`histories` that leads elsewhere is never emptied."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder.prepare(tmp_path / "reports", make_run())
    (tmp_path / "reports" / "histories").symlink_to(elsewhere)
    with pytest.raises(BadInput, match="is there and not from a run of gostage-sim"):
        folder.prepare(tmp_path / "reports", make_run())
    assert elsewhere.is_dir()


def test_a_folder_that_cannot_be_written(make_run: MakeRun, tmp_path: Path) -> None:
    """The message names the option, the reason, the place and the way out."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput) as refused:
        folder.prepare(tmp_path / "file" / "reports", make_run())
    assert refused.value.lines == (
        f"--report {tmp_path}/file/reports: cannot write there: Not a directory: {tmp_path}/file/reports; "
        "choose a folder you can write",
    )
