"""The first thing that is seen: what failed and why, and every scenario on every transport."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gostage_sim.guarantees import guarantee
from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report.run_report import SKIPPED, NotRun, Run, Skipped
from gostage_sim.report.stories import Story
from gostage_sim.units import format_duration


@dataclass(frozen=True, slots=True)
class Cell:
    """One scenario on one transport."""

    verdict: str
    """`not run` and `skipped` too."""
    title: str
    index: int | None
    """Of its result; None where there is none."""


@dataclass(slots=True)
class Row:
    """One scenario."""

    scenario: str
    file: str
    tags: tuple[str, ...] = ()
    cells: dict[str, Cell] = field(default_factory=dict)
    """By transport."""

    @property
    def verdicts(self) -> str:
        """For the filter."""
        return " ".join(dict.fromkeys(cell.verdict for cell in self.cells.values()))


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
        row.cells[transport] = cell

    for index, result in enumerate(run.results):
        title = result.reason or f"pass, in {format_duration(result.duration_s)}"
        put(result.scenario, result.file, result.transport, Cell(str(result.verdict), title, index), result.tags)
    for case in run.not_run:
        put(case.scenario, case.file, case.transport, Cell("not run", "no result", None))
    for each in run.skipped:
        put(each.scenario, each.file, each.transport, Cell(SKIPPED, each.reason, None))
    return sorted(rows.values(), key=lambda row: (row.file, row.scenario))


def failures(stories: Sequence[Story]) -> list[Failure]:
    """Those that failed first, then those of which nobody knows."""
    found = [
        Failure(index, story.result, story.line, tuple(_broken(story.result)))
        for index, story in enumerate(stories)
        if story.result.verdict is not Verdict.PASS
    ]
    return sorted(found, key=lambda failure: failure.result.verdict is not Verdict.FAIL)


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
