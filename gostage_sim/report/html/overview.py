"""The first thing that is seen: what failed and why, and every scenario on every transport."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gostage_sim.guarantees import guarantee
from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report.lines import reproduced
from gostage_sim.report.run_report import SKIPPED, NotRun, Run, Skipped, Tally
from gostage_sim.report.stories import Story
from gostage_sim.units import format_duration


@dataclass(frozen=True, slots=True)
class Cell:
    """One result of a scenario on a transport."""

    verdict: str
    """`not run` and `skipped` too."""
    text: str
    """The verdict, and in which round where there are several."""
    title: str
    index: int | None
    """Of its result; None where there is none."""


@dataclass(slots=True)
class Row:
    """One scenario."""

    scenario: str
    file: str
    tags: tuple[str, ...] = ()
    cells: dict[str, list[Cell]] = field(default_factory=dict)
    """By transport; one each, or those that were kept of several rounds."""
    tallies: dict[str, str] = field(default_factory=dict)
    """By transport, what all rounds came to."""

    @property
    def verdicts(self) -> str:
        """For the filter."""
        return " ".join(dict.fromkeys(cell.verdict for cells in self.cells.values() for cell in cells))


@dataclass(frozen=True, slots=True)
class Broken:
    """One guarantee that did not hold, or could not be judged."""

    judgement: Judgement
    holds_when: str | None
    counts_only_if: str | None
    """Only where that is what was missing."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One result that is no pass."""

    index: int
    result: ScenarioResult
    line: int
    often: str
    """In how many rounds it came to this; empty where there was one."""
    broken: tuple[Broken, ...]


def transports(run: Run) -> list[str]:
    """The columns of the matrix."""
    cases: list[ScenarioResult | NotRun | Skipped] = [*run.results, *run.not_run, *run.skipped]
    return sorted({case.transport for case in cases})


def matrix(run: Run) -> list[Row]:
    """A row for each scenario, in the order of the results."""
    rows: dict[tuple[str, str], Row] = {}

    def put(scenario: str, file: str, transport: str, cell: Cell, tags: tuple[str, ...] = ()) -> None:
        row = rows.setdefault((file, scenario), Row(scenario, file, tags))
        row.cells.setdefault(transport, []).append(cell)

    for index, result in enumerate(run.results):
        title = result.reason or f"pass, in {format_duration(result.duration_s)}"
        verdict = str(result.verdict)
        cell = Cell(verdict, f"{verdict}, round {result.round}" if run.tallies else verdict, title, index)
        put(result.scenario, result.file, result.transport, cell, result.tags)
    for case in run.not_run:
        put(case.scenario, case.file, case.transport, Cell("not run", "not run", "no result", None))
    for each in run.skipped:
        put(each.scenario, each.file, each.transport, Cell(SKIPPED, SKIPPED, each.reason, None))
    for tally in run.tallies:
        row = rows.setdefault((tally.file, tally.scenario), Row(tally.scenario, tally.file))
        row.tallies[tally.transport] = _counts(tally)
    return sorted(rows.values(), key=lambda row: (row.file, row.scenario))


def _counts(tally: Tally) -> str:
    counts = {"pass": tally.passed, "unknown": tally.unknown, "fail": tally.failed}
    return ", ".join(f"{number} {what}" for what, number in counts.items() if number)


def failures(stories: Sequence[Story]) -> list[Failure]:
    """Those that failed first, then those of which nobody knows."""
    found = [
        Failure(index, story.result, story.source.line, _often(story.result), tuple(_broken(story.result)))
        for index, story in enumerate(stories)
        if story.result.verdict is not Verdict.PASS
    ]
    return sorted(found, key=lambda failure: failure.result.verdict is not Verdict.FAIL)


def _often(result: ScenarioResult) -> str:
    return f"round {result.round}, {reproduced(result)}" if result.reproduced else ""


def _broken(result: ScenarioResult) -> Iterable[Broken]:
    for judgement in sorted(result.guarantees, key=lambda each: each.verdict is not Verdict.FAIL):
        if judgement.verdict is Verdict.PASS:
            continue
        try:
            checker = guarantee(judgement.name)
        except Exception:  # `evidence` and `transports-agree` are none, and a plug-in may not be there any more
            yield Broken(judgement, None, None)
            continue
        missing = checker.counts_only_if if judgement.verdict is Verdict.UNKNOWN else None
        yield Broken(judgement, checker.holds_when, missing)
