"""The run as one value, and its files."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

import gostage_sim
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report import json_report, junit, run_report, summary
from gostage_sim.report.run_report import NotRun, Run, Skipped
from gostage_sim.report.terminal import PlainTerminal

MakeResult = Callable[..., ScenarioResult]
MakeRun = Callable[..., Run]


def git(directory: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True)


def test_all_files_are_written(make_result: MakeResult, make_run: MakeRun, tmp_path: Path) -> None:
    """Three files and nothing else, the old ones replaced, readable for whoever collects them."""
    (tmp_path / "report.json").write_text("old")
    written = run_report.write_all(make_run(make_result()), tmp_path)
    assert [path.name for path in written] == ["junit.xml", "summary.md", "report.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["junit.xml", "report.json", "summary.md"]
    assert "old" not in (tmp_path / "report.json").read_text()
    assert {path.stat().st_mode & 0o777 for path in written} == {0o644}


def test_a_file_that_cannot_be_replaced_leaves_nothing_half_done(make_run: MakeRun, tmp_path: Path) -> None:
    """When the rename fails the error comes out, no temporary file stays, and the other reports are there."""
    (tmp_path / "junit.xml").mkdir()
    with pytest.raises(OSError, match="directory"):
        run_report.write_all(make_run(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"junit.xml", "summary.md", "report.json"}


def test_the_worst_verdict_is_the_runs(make_result: MakeResult, make_run: MakeRun) -> None:
    """fail > unknown > pass; a missing result is unknown, and so is a run without any."""
    missing = (NotRun("Later", "b.yaml", "json"),)
    good, bad, unclear = make_result(), make_result(Verdict.FAIL), make_result(Verdict.UNKNOWN)
    assert make_run(good).verdict is Verdict.PASS
    assert make_run(good, unclear).verdict is Verdict.UNKNOWN
    assert make_run(good, unclear, bad).verdict is Verdict.FAIL
    assert make_run(good, not_run=missing).verdict is Verdict.UNKNOWN
    assert make_run(bad, not_run=missing).verdict is Verdict.FAIL
    assert make_run().verdict is Verdict.UNKNOWN


def test_results_are_sorted_by_file_then_name(make_result: MakeResult) -> None:
    """Workers finish in any order; a report has one order."""
    names = [("b", "1"), ("a", "2"), ("a", "1")]
    results = run_report.in_order(make_result(file=file, scenario=name) for file, name in names)
    assert [(result.file, result.scenario) for result in results] == [("a", "1"), ("a", "2"), ("b", "1")]


def test_a_run_begins_with_where_it_is() -> None:
    """Version, command line and platform are this process's own."""
    run = run_report.begin(seed=7, workers=2, transport="json", argv=["gostage-sim", "run", "x"])
    assert (run.version, run.seed, run.argv) == (gostage_sim.__version__, 7, ("gostage-sim", "run", "x"))
    assert run.platform.python.endswith(".".join(map(str, sys.version_info[:2])) + f".{sys.version_info.micro}")
    assert run.started_at.endswith("+00:00")


def test_git_tells_the_commit_and_whether_files_differ(tmp_path: Path) -> None:
    """A commit and a clean tree, then a changed file; reports that are not tracked do not count as a change."""
    git(tmp_path, "init", "-q")
    (tmp_path / "file").write_text("1")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-qm", "one")
    (tmp_path / "untracked").write_text("1")
    head, dirty = run_report.git_state(tmp_path)
    assert head is not None
    assert len(head) in {40, 64}
    assert dirty is False
    (tmp_path / "file").write_text("2")
    assert run_report.git_state(tmp_path) == (head, True)


def test_without_git_nothing_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a repository, in an empty one, and without the program git the answer is None."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert run_report.git_state(tmp_path) == (None, None)
    git(tmp_path, "init", "-q")
    assert run_report.git_state(tmp_path) == (None, None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run_report.git_state(tmp_path) == (None, None)


SKIPPED = (Skipped("Later", "b.yaml", "grpc", "see | issue 7"),)


def test_what_is_skipped_is_no_pass(make_result: MakeResult, make_run: MakeRun) -> None:
    """It changes no verdict, and a run of nothing else is unknown."""
    assert make_run(make_result(), skipped=SKIPPED).verdict is Verdict.PASS
    assert make_run(skipped=SKIPPED).verdict is Verdict.UNKNOWN
    assert make_run(make_result(), skipped=SKIPPED).summary == {"pass": 1, "unknown": 0, "fail": 0, "skipped": 1}


def test_every_report_says_why_it_was_skipped(make_result: MakeResult, make_run: MakeRun) -> None:
    """JSON, JUnit, Markdown and the terminal, wide or narrow."""
    run = make_run(make_result(), skipped=SKIPPED)
    entry = {"scenario": "Later", "file": "b.yaml", "transport": "grpc", "reason": "see | issue 7"}
    assert json.loads(json_report.render(run))["run"]["skipped"] == [entry]
    root = ElementTree.fromstring(junit.render(run))
    assert (root.get("tests"), root.get("errors")) == ("2", "0")
    (skipped,) = root.iter("skipped")
    assert skipped.get("message") == "see | issue 7"
    assert root[0].attrib.items() >= {"tests": "1", "skipped": "1", "errors": "0", "failures": "0"}.items()
    page = summary.render(run)
    assert "1 scenario: 1 pass, 0 unknown, 0 fail, 1 skipped, in 2.5s." in page
    assert "| skipped | Later | grpc | | see \\| issue 7 |" in page
    assert "Nothing ran" not in page
    assert "Nothing ran: every scenario that is selected was skipped." in summary.render(make_run(skipped=SKIPPED))
    for narrow, shown in (
        (False, "Later          grpc       skipped            see | issue 7\n"),
        (True, "skipped Later (grpc): see | issue 7\n"),
    ):
        stream = io.StringIO()
        PlainTerminal(stream, 1, narrow=narrow).show(run, Path("out"))
        assert shown in stream.getvalue()
        assert "1 scenario: 1 pass, 0 unknown, 0 fail, 1 skipped in 2.5s, seed 42\n" in stream.getvalue()
    stream = io.StringIO()
    PlainTerminal(stream, 0, quiet=True).show(make_run(skipped=SKIPPED), Path("out"))
    assert stream.getvalue().splitlines()[:2] == [
        "0 scenarios: 0 pass, 0 unknown, 0 fail, 1 skipped in 2.5s, seed 42",
        "nothing ran: every scenario that is selected was skipped",
    ]
