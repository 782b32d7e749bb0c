"""`gostage-sim run` around a pool that is played by the test: signals, lost results, exit codes, reports."""

from __future__ import annotations

import json
import os
import signal
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report import junit, run_command
from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.run_report import Run
from gostage_sim.scenario.model import Scenario
from gostage_sim.scenario.transports import Case

MakeResult = Callable[..., ScenarioResult]
#: What the pool does with each scenario; it may raise, send signals, or give no result.
Play = Callable[[Scenario], ScenarioResult | None]

SCENARIO = """\
name: {name}
children:
  victim:
    steps:
      - send: {{count: 3}}
    faults:
      - noop: {{}}
        at: {{message: 1}}
"""


class Stage:
    """A folder with scenarios, and a pool that plays them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reports = folder / "reports"
        self.scenarios = folder / "scenarios"
        self.scenarios.mkdir()
        for name in "abc":
            (self.scenarios / f"{name}.yaml").write_text(SCENARIO.format(name=f"Scenario {name}"))
        self.asked: dict[str, Any] = {}
        self._monkeypatch = monkeypatch

    def run(self, play: Play, at_exit: Callable[[], None] = lambda: None, **options: Any) -> int:
        stage = self

        class ObserverPool:
            def __init__(self, *, workers: int, directory: Path) -> None:
                stage.asked |= {"workers": workers, "directory": directory}

            def __enter__(self) -> Self:
                return self

            def __exit__(self, *exception: object) -> None:
                at_exit()

            def run(
                self, cases: Sequence[Case], *, on_started: Callable[[Case], None], **asked: Any
            ) -> Iterator[ScenarioResult]:
                stage.asked |= asked | {"in_turn": [case.scenario.name[-1] for case in cases]}
                for case in reversed(cases):
                    on_started(case)
                    result = play(case.scenario)
                    if result is not None:
                        yield result

        module = types.ModuleType("gostage_sim.harness.pool")
        module.ObserverPool = ObserverPool  # type: ignore[attr-defined]
        self._monkeypatch.setitem(sys.modules, "gostage_sim.harness.pool", module)
        asked: dict[str, Any] = {"transport": "json", "workers": "auto", "seed": None, "tags": [], "keyword": None}
        return run_command.run([self.scenarios], **{**asked, "report": self.reports, "quiet": False, **options})

    def report(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.reports / "report.json").read_text())
        return document


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tmp_path, monkeypatch)


@pytest.mark.parametrize(("verdict", "code"), [(Verdict.PASS, 0), (Verdict.FAIL, 1), (Verdict.UNKNOWN, 3)])
def test_the_exit_code_is_the_worst_verdict(
    stage: Stage, make_result: MakeResult, capsys: pytest.CaptureFixture[str], verdict: Verdict, code: int
) -> None:
    """0 pass, 1 fail, 3 unknown; results are reported by file, then name, whatever came first."""

    def play(scenario: Scenario) -> ScenarioResult:
        return make_result(verdict if scenario.name.endswith("b") else Verdict.PASS, **names(scenario))

    assert stage.run(play, seed=99) == code
    document = stage.report()
    assert [result["scenario"] for result in document["results"]] == ["Scenario a", "Scenario b", "Scenario c"]
    assert document["run"]["interrupted"] is False
    assert stage.asked["seed"] == document["run"]["seed"] == 99
    assert "seed 99" in capsys.readouterr().out
    assert sorted(path.name for path in stage.reports.iterdir()) == [
        "junit.xml",
        "report.html",
        "report.json",
        "summary.md",
        "trace.json",
    ]


def test_a_seed_is_drawn_and_printed(stage: Stage, make_result: MakeResult, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --seed each run draws one, and says which, also when quiet."""
    stage.run(lambda scenario: make_result(**names(scenario)), quiet=True)
    first = stage.asked["seed"]
    assert f"seed {first}\n" in capsys.readouterr().out
    stage.run(lambda scenario: make_result(**names(scenario)))
    assert stage.asked["seed"] != first


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_keeps_its_results(stage: Stage, make_result: MakeResult, number: signal.Signals) -> None:
    """Ctrl-C stops the pool; the results so far are reported, the rest is named; more Ctrl-C does not lose it."""
    before = signal.getsignal(number)

    def play(scenario: Scenario) -> ScenarioResult:
        if scenario.name == "Scenario b":
            os.kill(os.getpid(), number)
        return make_result(**names(scenario))

    def at_exit() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)

    assert stage.run(play, at_exit) == 128 + number
    document = stage.report()
    assert document["run"]["interrupted"] is True
    assert [result["scenario"] for result in document["results"]] == ["Scenario c"]
    assert [missing["scenario"] for missing in document["run"]["not_run"]] == ["Scenario a", "Scenario b"]
    assert signal.getsignal(number) is before


def test_a_lost_result_is_unknown(stage: Stage, make_result: MakeResult) -> None:
    """A scenario the pool gave no result for is named, and the run is not green."""

    def play(scenario: Scenario) -> ScenarioResult | None:
        return None if scenario.name == "Scenario b" else make_result(**names(scenario))

    assert stage.run(play) == 3
    assert [missing["scenario"] for missing in stage.report()["run"]["not_run"]] == ["Scenario b"]


def test_a_pool_that_fails_does_not_cost_the_results(stage: Stage, make_result: MakeResult) -> None:
    """A defect of our own comes out as what it is, after the report is written."""

    def play(scenario: Scenario) -> ScenarioResult:
        if scenario.name == "Scenario a":
            raise ZeroDivisionError
        return make_result(**names(scenario))

    with pytest.raises(ZeroDivisionError):
        stage.run(play)
    assert [result["scenario"] for result in stage.report()["results"]] == ["Scenario b", "Scenario c"]


def test_a_folder_lost_on_the_way_does_not_cost_the_table(
    stage: Stage, make_result: MakeResult, capsys: pytest.CaptureFixture[str]
) -> None:
    """When the report folder refuses at the end the results are shown, then the message, exit code 2."""

    def lose_it() -> None:
        for path in stage.reports.iterdir():
            path.unlink()
        stage.reports.rmdir()

    with pytest.raises(BadInput) as refused:
        stage.run(lambda scenario: make_result(**names(scenario)), lose_it)
    (line,) = refused.value.lines
    assert line.startswith(f"--report {stage.reports}: cannot write there: No such file or directory: ")
    assert "3 scenarios: 3 pass" in capsys.readouterr().out


def test_a_report_that_cannot_be_made_changes_no_verdict(
    stage: Stage, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A writer that raises is a defect and comes out as one; the other reports and the table say what was judged."""
    whole = junit.render

    def broken(run: Run) -> str:
        if not run.results:  # before the run, when all reports are tried
            return whole(run)
        raise ZeroDivisionError

    monkeypatch.setattr(junit, "render", broken)
    with pytest.raises(ZeroDivisionError):
        stage.run(lambda scenario: make_result(**names(scenario)))
    assert stage.report()["summary"]["pass"] == 3
    assert "3 scenarios: 3 pass" in capsys.readouterr().out


@pytest.mark.parametrize("twin", [True, False])
def test_a_twin_for_every_scenario(stage: Stage, make_result: MakeResult, twin: bool) -> None:
    """`--twin` asks for what a scenario may ask for itself."""
    asked: list[bool] = []

    def play(scenario: Scenario) -> ScenarioResult:
        asked.append(scenario.twin)
        return make_result(**names(scenario))

    stage.run(play, twin=twin)
    assert asked == [twin] * 3


def test_no_more_workers_than_scenarios(stage: Stage, make_result: MakeResult) -> None:
    """Nine workers for three scenarios are three."""
    stage.run(lambda scenario: make_result(**names(scenario)), workers="9")
    assert stage.asked["workers"] == 3


@pytest.mark.parametrize(("workers", "in_turn"), [("1", "abc"), ("2", "bca")])
def test_workers_side_by_side_begin_with_the_longest(
    stage: Stage, make_result: MakeResult, workers: str, in_turn: str
) -> None:
    """One alone goes through the files in their order."""
    for name, timeout in (("b", "60s"), ("c", "40s")):
        with (stage.scenarios / f"{name}.yaml").open("a") as file:
            file.write(f"timeout: {timeout}\n")
    stage.run(lambda scenario: make_result(**names(scenario)), workers=workers)
    assert stage.asked["in_turn"] == [*in_turn]


@pytest.mark.parametrize("text", ["0", "-1", "many", "", "1.5", "²"])
def test_a_wrong_number_of_workers(text: str) -> None:
    """Anything but `auto` or a number from 1 is told back."""
    with pytest.raises(BadInput) as refused:
        run_command.worker_count(text)
    assert refused.value.lines == (f"--workers {text!r}: expected 'auto' or a number of at least 1",)


def names(scenario: Scenario) -> dict[str, str]:
    return {"scenario": scenario.name, "file": scenario.file}
