"""`gostage-sim report DIR` judges what real runs left, from their folder alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gostage_sim.history.journal import RECORD, SENDING
from gostage_sim.report import run_command
from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.judge_again import judge_again

SCENARIO = """\
name: {name}
imports: [told]
{more}
children:
  victim:
    steps:
      - send: {{count: 30}}
      - call: {call}
      - send: {{count: 30, type: other}}
    faults:
      - {fault}
  sibling:
    copies: 2
    steps:
      - send: {{count: 30}}
      - send: {{count: 30, type: other}}
"""
ACTIONS = """\
import sys

def nothing(ctx): pass
def transport(ctx): ctx.send("loaded", {"grpc": "grpc" in sys.modules})
"""
CRASH = "crash: {signal: SIGSEGV}\n        at: {message: 20}"
NOTHING = "noop: {}\n        at: {message: 20}"
SCENARIOS = {
    "passes": (CRASH, "nothing", "expect: {victim: {outcome: signaled, handled: 20}}"),
    "fails": (CRASH, "nothing", "expect: {victim: {outcome: completed}}"),
    "never-fires": ("noop: {}\n        at: {message: 20, byte: 99999}", "nothing", ""),
    "differs": (NOTHING, "transport", ""),
    "may-differ": (NOTHING, "transport", "expect_on: {grpc: {victim: {handled: 61}}}"),
    "loses-its-parent": ("kill_parent: {}\n        at: {message: 20}", "nothing", "timeout: 5s"),
}
VERDICTS = {"passes": "pass", "fails": "fail", "never-fires": "unknown", "differs": "fail", "may-differ": "pass"}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reports of a run of them all, on both transports."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "told.py").write_text(ACTIONS)
    for name, (fault, call, more) in SCENARIOS.items():
        text = SCENARIO.format(name=name, fault=fault, call=f"told:{call}", more=more)
        (folder / f"{name}.yaml").write_text(text)
    code = run_command.run(
        sorted(folder.glob("*.yaml")),
        transport="all",
        workers="1",
        seed=7,
        tags=[],
        keyword=None,
        report=folder / "reports",
        quiet=True,
    )
    assert code == 1
    return folder / "reports"


@pytest.fixture
def copy(stored: Path, tmp_path: Path) -> Path:
    """One to be damaged, at another place."""
    return Path(shutil.copytree(stored, tmp_path / "moved"))


@pytest.mark.slow
def test_every_verdict_is_the_same_again(stored: Path, copy: Path) -> None:
    """Scenario, verdict and reason of every guarantee, faults, children, parent: nothing changes but the folder's name,
    and the exit code is that of the run."""
    before, run = _results(stored), _document(stored)["run"]
    assert {result["scenario"]: result["verdict"] for result in before if result["transport"] == "grpc"}.items() >= (
        VERDICTS.items()
    )
    assert len(before) == 2 * len(SCENARIOS)
    shutil.move(stored, stored.with_name("away"))  # so that nothing can be read there
    try:
        assert judge_again(copy, quiet=True) == 1
    finally:
        shutil.move(stored.with_name("away"), stored)
    assert _results(copy) == before
    now = _document(copy)["run"]
    assert now.pop("rejudged_by") == run["version"]
    assert now.pop("rejudged_at") >= run["started_at"]
    assert now.items() <= run.items()


@pytest.mark.slow
def test_a_history_is_small(stored: Path) -> None:
    """The empty room in the journals of killed writers is not kept: no history of these takes 100 KB."""
    sizes = [sum(file.stat().st_size for file in each.iterdir()) for each in (stored / "histories").iterdir()]
    assert len(sizes) == 2 * len(SCENARIOS)
    assert max(sizes) < 100_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("plan.json", "plan.json: No such file or directory"),
        ("subject.journal", "the journal of the parent (subject.journal) is missing"),
        ("heart.journal", "the journal of the parent's heart (heart.journal) is missing"),
        ("observer.journal", "the journal of the observer (observer.journal) is missing"),
        ("child-001.journal", "the journal of sibling[1] (child-001.journal) is missing"),
    ],
)
@pytest.mark.parametrize("scenario", ["passes", "fails"])
def test_a_missing_file_is_unknown(copy: Path, scenario: str, name: str, reason: str) -> None:
    """Never a pass, and no failure either: what is missing is said."""
    history = _history(copy, scenario)
    (history / name).unlink()
    judge_again(copy, quiet=True)
    (result,) = (each for each in _results(copy, whole=True) if _is_at(each, history))
    assert result["verdict"] == "unknown"
    assert reason in result["reason"]
    assert [judgement["name"] for judgement in result["guarantees"]][:1] == ["evidence"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda file: file.write_bytes(b""), "ends before its work was done"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), "ends before its work was done"),
        (lambda file: (file.unlink(), file.mkdir()), "cannot be read: [Errno 21] Is a directory"),
        (lambda file: (file.parent / "plan.json").write_text('{"seed": 7'), "plan.json: Expecting ',' delimiter"),
        (lambda file: (file.parent / "plan.json").write_text("[]"), "plan.json: it holds no plan"),
    ],
)
def test_an_unreadable_file_is_unknown(copy: Path, damage: Callable[[Path], object], reason: str) -> None:
    """What nobody can read is as good as missing."""
    history = _history(copy, "passes")
    damage(history / "observer.journal")
    judge_again(copy, quiet=True)
    (result,) = (each for each in _results(copy, whole=True) if _is_at(each, history))
    assert result["verdict"] == "unknown"
    assert reason in result["reason"]


@pytest.mark.slow
def test_a_torn_last_record_is_dropped_and_counted(stored: Path, copy: Path) -> None:
    """A child that was killed inside a record leaves evidence all the same."""
    history = _history(copy, "passes")
    with (history / "child-000.journal").open("ab") as journal:
        journal.write(RECORD.pack(1, 2, 0, 0, 0, SENDING, 0))
    judge_again(copy, quiet=True)
    (result,) = (each for each in _results(copy, whole=True) if _is_at(each, history))
    assert result["extra"]["torn_records"] == 1
    assert _results(copy) == _results(stored)


@pytest.mark.slow
def test_a_missing_history_is_unknown(copy: Path) -> None:
    """A pass of which nothing is left is none."""
    history = _history(copy, "passes")
    shutil.rmtree(history)
    judge_again(copy, quiet=True)
    (result,) = (each for each in _results(copy, whole=True) if _is_at(each, history))
    assert (result["verdict"], result["scenario"]) == ("unknown", "passes")
    assert result["reason"].startswith("its history, ")
    assert result["reason"].endswith(", is not there")


@pytest.mark.slow
def test_without_its_report_a_run_is_unknown(stored: Path, copy: Path) -> None:
    """The histories are judged, but which scenarios there were besides them nobody knows."""
    for history in (copy / "histories").iterdir():
        if "passes" not in history.name:
            shutil.rmtree(history)
    (copy / "report.json").unlink()
    assert judge_again(copy, quiet=True) == 3
    about_it, *passes = _results(copy, whole=True)
    assert about_it["reason"].startswith(f"{copy / 'report.json'} cannot be read, so nobody knows")
    assert [result["verdict"] for result in passes] == ["pass", "pass"]
    assert judge_again(copy, quiet=True) == 3  # nor does anybody afterwards


@pytest.mark.slow
@pytest.mark.parametrize("name", ["report.json", "histories/passes/plan.json"])
def test_other_versions_are_refused(copy: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The message says which file, what it is and what is read here; nothing in the folder is changed."""
    file = copy / name
    ours = json.loads(file.read_text())["schema"]
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema": "gostage-sim/none/9"}))
    before = {each: os.stat(each).st_mtime_ns for each in copy.iterdir()}
    with pytest.raises(BadInput) as refused:
        judge_again(copy, quiet=True)
    assert refused.value.lines == (
        f"{file}: its schema is 'gostage-sim/none/9', this version reads '{ours}'; "
        "judge it with the version that wrote it",
    )
    assert {each: os.stat(each).st_mtime_ns for each in copy.iterdir()} == before


@pytest.mark.parametrize("there", [None, "", "nothing.txt"])
def test_a_folder_without_a_run_is_refused(tmp_path: Path, there: str | None) -> None:
    """Absent, empty, or with other things in it: nothing is written there."""
    folder = tmp_path / "reports"
    if there is not None:
        folder.mkdir()
        (folder / (there or "x")).touch()
    with pytest.raises(BadInput) as refused:
        judge_again(folder, quiet=True)
    assert refused.value.lines == (f"{folder}: no run is stored there: report.json: No such file or directory",)


def _document(reports: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((reports / "report.json").read_text())
    return document


def _results(reports: Path, *, whole: bool = False) -> list[dict[str, Any]]:
    """Without what may differ: where the history is, and whether somebody tore it since."""
    results: list[dict[str, Any]] = _document(reports)["results"]
    for result in results:
        if not whole:
            del result["extra"]
    return results


def _history(reports: Path, scenario: str) -> Path:
    return reports / "histories" / scenario


def _is_at(result: dict[str, Any], history: Path) -> bool:
    return Path(result["extra"].get("history", "")).name == history.name
