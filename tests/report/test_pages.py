"""report.html and its like: written when the run is over, and never in the way of a verdict."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report import folder, pages
from gostage_sim.report.run_command import write_and_show
from gostage_sim.report.run_report import Run
from gostage_sim.report.terminal import terminal_for

MakeResult = Callable[..., ScenarioResult]
MakeRun = Callable[..., Run]


def test_a_page_that_cannot_be_made_is_told(
    make_result: MakeResult,
    make_run: MakeRun,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the library of the charts: a line on stderr, the other reports as ever, and the old page is gone."""
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    (tmp_path / "report.html").write_text("old")
    write_and_show(make_run(make_result()), tmp_path, terminal_for(sys.stdout, {}, 1, quiet=True))
    out, err = capsys.readouterr()
    assert "1 scenario: 1 pass" in out
    assert err.startswith(f"{tmp_path}/report.html: not written, which changes no verdict: ModuleNotFoundError: ")
    assert err.count("\n") == 1
    assert (tmp_path / "trace.json").exists()
    assert "report.html" not in {path.name for path in tmp_path.iterdir()}
    assert (tmp_path / "report.json").exists()


def test_a_page_that_cannot_be_put_there_is_told(make_run: MakeRun, tmp_path: Path) -> None:
    """A folder of that name stays, and is named."""
    (tmp_path / "report.html").mkdir()
    assert f"{tmp_path}/report.html: not written, which changes no verdict: Is a directory" in pages.write_pages(
        make_run(), tmp_path
    )
    assert (tmp_path / "report.html").is_dir()


def test_an_old_page_does_not_pass_for_a_new_one(make_run: MakeRun, tmp_path: Path) -> None:
    """It is gone before the first scenario begins."""
    (tmp_path / "report.html").write_text("old")
    folder.prepare(tmp_path, make_run())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["junit.xml", "report.json", "summary.md"]
