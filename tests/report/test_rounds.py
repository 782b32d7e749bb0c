"""Rounds: everything is counted, and what is kept does not grow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report import lines
from gostage_sim.report.rounds import MOST_KEPT, Rounds
from gostage_sim.report.run_report import Run, Tally

MakeResult = Callable[..., ScenarioResult]
Tell = Callable[..., list[ScenarioResult]]


@pytest.fixture
def told(make_result: MakeResult, tmp_path: Path) -> Tell:
    """The results of one round of one scenario on both transports, each with its history."""

    def tell(number: int, json: Verdict = Verdict.PASS, grpc: Verdict = Verdict.PASS) -> list[ScenarioResult]:
        made = []
        for transport, verdict in (("json", json), ("grpc", grpc)):
            history = tmp_path / f"{transport}-{number}"
            history.mkdir()
            extra = {"history": str(history)}
            result = dataclasses.replace(make_result(verdict), transport=transport, round=number, extra=extra)
            made.append(result)
        return made

    return tell


def test_the_first_round_and_those_that_fail_are_kept(told: Tell, tmp_path: Path) -> None:
    """On all transports together, for these are compared; histories of the others are removed, all are counted."""
    rounds = Rounds()
    for number in range(1, 6):
        rounds.take(told(number, *([Verdict.FAIL] if number == 3 else [])))
    kept = [(result.round, result.transport, result.verdict) for result in rounds.results()]
    assert kept == [(1, "json", "pass"), (1, "grpc", "pass"), (3, "json", "fail"), (3, "grpc", "pass")]
    assert [result.reproduced for result in rounds.results()] == [None, None, (1, 5), None]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grpc-1", "grpc-3", "json-1", "json-3"]
    named = ("A bad pointer", "scenarios/crash/a.yaml")
    assert rounds.tallies() == (Tally(*named, "grpc", 5, 0, 0), Tally(*named, "json", 4, 0, 1))
    assert rounds.so_far() == {"pass": 9, "unknown": 0, "fail": 1}


def test_not_even_failures_are_kept_without_end(told: Tell, tmp_path: Path) -> None:
    """Where each round fails, the first ones are kept."""
    rounds = Rounds()
    for number in range(1, MOST_KEPT + 6):
        rounds.take(told(number, Verdict.FAIL, Verdict.UNKNOWN))
    assert {result.round for result in rounds.results()} == set(range(1, MOST_KEPT + 1))
    assert len(list(tmp_path.iterdir())) == 2 * MOST_KEPT
    assert {result.reproduced for result in rounds.results()} == {(MOST_KEPT + 5, MOST_KEPT + 5)}


def test_the_reports_say_how_often(make_result: MakeResult, make_run: Callable[..., Run]) -> None:
    """Under a failure `m of k`, at the end what all rounds came to."""
    bad = dataclasses.replace(make_result(Verdict.FAIL), round=3, reproduced=(2, 20))
    assert "  fail in 2 of 20 rounds" in map(lines.text, lines.failure(bad))
    tallies = (Tally(bad.scenario, bad.file, "json", 18, 0, 2),)
    run = dataclasses.replace(make_run(make_result(), bad), rounds=20, tallies=tallies)
    assert run.summary == {"pass": 18, "unknown": 0, "fail": 2, "skipped": 0}
    assert lines.text(next(iter(lines.closing(run, Path())))).startswith(
        "1 scenario in 20 rounds: 18 pass, 0 unknown, 2"
    )
