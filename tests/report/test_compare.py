"""Two runs compared."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report import json_report
from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.compare import compare
from gostage_sim.report.run_report import Run

MakeResult = Callable[..., ScenarioResult]
MakeRun = Callable[..., Run]
Stored = Callable[..., Path]

ABOUT = "2025-01-02T03:04:05+00:00, 000000000000 with changes, seed 42"


@pytest.fixture
def stored(make_run: MakeRun, tmp_path: Path) -> Stored:
    """A folder with the report of these results."""

    def store(name: str, *results: ScenarioResult) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "report.json").write_text(json_report.render(make_run(*results)))
        return folder

    return store


def test_what_changed(make_result: MakeResult, stored: Stored) -> None:
    """The bad changes first, each with its reason; at the end how many of each; 1 because something is worse."""
    good = make_result

    def bad(name: str, said: str = "order: late") -> ScenarioResult:
        return make_result(Verdict.FAIL, said, scenario=name)

    old = stored("a", good(scenario="W"), good(scenario="G"), bad("B"), bad("S"), bad("R"))
    new = stored("b", bad("W"), good(scenario="B"), bad("N"), bad("S"), bad("R", "no-loss: lost"))
    where = "(scenarios/crash/a.yaml, json)"
    assert compare(old, new) == (
        [
            f"A: {old}: {ABOUT}: 2 pass, 3 fail",
            f"B: {new}: {ABOUT}: 1 pass, 4 fail",
            f"worse: W {where}: pass to fail: order: late",
            f"gone: G {where}: was pass",
            f"better: B {where}: fail to pass",
            f"new: N {where}: fail: order: late",
            f"other: R {where}: fail for another reason: no-loss: lost",
            "1 worse, 1 gone, 1 better, 1 new, 1 other",
        ],
        1,
    )


def test_nothing_changed(make_result: MakeResult, stored: Stored) -> None:
    """The same run twice, also by the names of its files."""
    folder = stored("a", make_result())
    lines, code = compare(folder, folder / "report.json")
    assert (lines[2:], code) == (["no verdict and no outcome changed"], 0)


def test_a_better_run_is_no_failure(make_result: MakeResult, stored: Stored) -> None:
    """Unknown is worse than pass, and better than fail."""
    fail, unknown = stored("a", make_result(Verdict.FAIL)), stored("b", make_result(Verdict.UNKNOWN))
    assert compare(fail, unknown)[1] == 0
    assert compare(unknown, fail)[1] == 1
    assert compare(stored("c", make_result()), unknown)[1] == 1


def test_ends_and_durations(make_result: MakeResult, stored: Stored) -> None:
    """Where the verdict is the same: how children ended, and what takes much longer; not what takes a little longer."""
    before = replace(make_result(), duration_s=2.0)
    (child,) = before.children
    after = replace(before, duration_s=4.5, children=(replace(child, name=child.name, signal="SIGBUS"),))
    lines, code = compare(stored("a", before), stored("b", after))
    assert code == 0
    assert [line.partition("json): ")[2] for line in lines[2:-1]] == [
        "said ends with SIGBUS, before with SIGSEGV",
        "slower: 2s to 4.5s",
    ]
    assert len(compare(stored("c", before), stored("d", replace(before, duration_s=3.9)))[0]) == 3
    assert (
        len(compare(stored("e", replace(before, duration_s=0.1)), stored("f", replace(before, duration_s=0.9)))[0]) == 3
    )


def test_the_worst_round_counts(make_result: MakeResult, stored: Stored) -> None:
    """Of several results of one scenario."""
    flaky = stored("a", make_result(), replace(make_result(Verdict.FAIL), round=2), replace(make_result(), round=3))
    assert "worse: " in "\n".join(compare(stored("b", make_result()), flaky)[0])


def test_hostile_names(make_result: MakeResult, stored: Stored, hostile: str) -> None:
    """Each change is one line that a terminal only shows."""
    said = f"x{hostile}"
    old, new = stored("a", make_result(scenario=said)), stored("b", make_result(Verdict.FAIL, said, scenario=said))
    lines, _ = compare(old, new)
    assert len(lines) == 4
    assert all(line.isprintable() for line in lines)


def test_what_is_no_run(make_result: MakeResult, stored: Stored, tmp_path: Path) -> None:
    """The message says which of both, and why."""
    good = stored("a", make_result())
    with pytest.raises(BadInput) as refused:
        compare(good, tmp_path)
    assert refused.value.lines == (f"--compare {tmp_path}: no run is stored there: No such file or directory",)
    (tmp_path / "report.json").write_text('{"schema": "gostage-sim/report/0"}')
    with pytest.raises(BadInput, match="its schema is 'gostage-sim/report/0', this version reads"):
        compare(tmp_path, good)
    (tmp_path / "report.json").write_text("[]")
    with pytest.raises(BadInput, match="no run is stored there"):
        compare(tmp_path, good)


def test_the_command(make_result: MakeResult, stored: Stored) -> None:
    """Lines on standard output, exit code 1 when something is worse, 2 without a run."""
    old, new = stored("a", make_result()), stored("b", make_result(Verdict.FAIL, "late"))
    command = [sys.executable, "-m", "gostage_sim", "report", "--compare"]
    done = subprocess.run([*command, old, new], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[-1] == "1 worse"
    done = subprocess.run([*command, old, ""], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "'' is not the name of a file or folder" in done.stderr
