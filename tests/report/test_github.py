"""What GitHub Actions is told."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report import github
from gostage_sim.report.run_command import write_and_show
from gostage_sim.report.run_report import NotRun, Run
from gostage_sim.report.terminal import terminal_for

MakeResult = Callable[..., ScenarioResult]
MakeRun = Callable[..., Run]

ACTIONS = {"GITHUB_ACTIONS": "true"}


def test_a_failure_is_shown_at_its_fault(
    make_result: MakeResult, make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the file as the repository has it, wherever the run was started, in the line of the first fault."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a,b.yaml").write_text("children:\n  victim:\n    faults:\n      - noop: {}\n")
    monkeypatch.chdir(tmp_path / "sub")
    bad = make_result(Verdict.FAIL, "order: 100% late", file="a,b.yaml", scenario="A: crash")
    run = make_run(make_result(), bad, make_result(Verdict.UNKNOWN, "why", file="gone.yaml"))
    lines = list(github.commands(run, {**ACTIONS, "GITHUB_WORKSPACE": str(tmp_path)}))
    assert lines == [
        "::error file=sub/a%2Cb.yaml,line=4,title=fail%3A A%3A crash [json]::"
        "order: 100%25 late (repeat: gostage-sim run a)",
        "::error file=sub/gone.yaml,line=1,title=unknown%3A A bad pointer [json]::why (repeat: gostage-sim run a)",
    ]
    assert next(iter(github.commands(run, ACTIONS))).startswith("::error file=a%2Cb.yaml,line=4,")


def test_many_rounds_speak_once(make_result: MakeResult, make_run: MakeRun) -> None:
    """GitHub shows ten errors of a step; one that says how often is worth more than ten alike."""
    rounds = [replace(make_result(Verdict.FAIL, "late"), round=number, reproduced=(3, 20)) for number in (2, 5, 9)]
    (line,) = github.commands(make_run(*rounds), ACTIONS)
    assert line.endswith("::late (fail in 3 of 20 rounds) (repeat: gostage-sim run a)")


def test_what_did_not_run_is_shown(make_run: MakeRun) -> None:
    """A scenario without a result is an error as well."""
    run = make_run(not_run=(NotRun("C", "c.yaml", "grpc"),))
    assert list(github.commands(run, ACTIONS)) == ["::error file=c.yaml,title=not run%3A C::no result on grpc"]


def test_elsewhere_nothing_is_said(make_result: MakeResult, make_run: MakeRun) -> None:
    """Commands of GitHub mean nothing to anybody else."""
    assert list(github.commands(make_run(make_result(Verdict.FAIL)), {"CI": "true"})) == []


def test_a_child_gives_no_commands(make_result: MakeResult, make_run: MakeRun, hostile: str) -> None:
    """Whatever it says, there is one command, of one line, with these three properties."""
    said = f"x{hostile}\n::stop-commands::x"
    run = make_run(make_result(Verdict.FAIL, said, scenario=said, file=f"x{hostile}", reproduce=said))
    (line,) = github.commands(run, ACTIONS)
    assert line.isprintable()
    found = re.fullmatch(r"::error file=([^:,]*),line=1,title=([^:,]*)::(.*)", line)
    assert found
    assert "%0A" not in line.replace("%25", "")


def test_the_summary_is_added(make_result: MakeResult, make_run: MakeRun, tmp_path: Path) -> None:
    """Behind what the step has said before."""
    (tmp_path / "summary").write_text("before\n")
    assert github.add_summary(make_run(make_result()), {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}) == ()
    text = (tmp_path / "summary").read_text()
    assert text.startswith("before\n# gostage-sim: pass\n")


@pytest.mark.parametrize("room", [3000, 300])
def test_a_summary_is_no_longer_than_github_takes(
    make_result: MakeResult, make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """It ends between two scenarios, or at least at the end of a line, and says so."""
    monkeypatch.setattr(github, "MOST_SUMMARY_BYTES", room)
    run = make_run(*(make_result(Verdict.FAIL, "ä" * 100) for _ in range(10)))
    github.add_summary(run, {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")})
    text = (tmp_path / "summary").read_text("utf-8")
    assert text.endswith("\n\nThe rest is cut off here; summary.md has all of it.\n")
    assert len(text.encode()) <= room + 100
    assert text.count("```") % 2 == 0


def test_a_run_tells_github(
    make_result: MakeResult,
    make_run: MakeRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On standard output behind the table; a summary that cannot be written costs a line on stderr and no verdict."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    run = make_run(replace(make_result(Verdict.FAIL, "late")))
    write_and_show(run, tmp_path, terminal_for(sys.stdout, {}, 1, quiet=True))
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].startswith(
        "::error file=scenarios/crash/a.yaml,line=1,title=fail%3A A bad pointer [json]::"
    )
    assert err == f"GITHUB_STEP_SUMMARY {tmp_path}: not written, which changes no verdict: Is a directory\n"
