"""The words of a run on a terminal, as lines of styled pieces: one wording for colour and for plain text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ChildResult, ScenarioResult
from gostage_sim.report.escape import visible_line
from gostage_sim.report.run_report import SKIPPED, Run, Skipped
from gostage_sim.units import format_duration

#: Pieces of one line: a style that rich knows (empty for none) and text without control characters.
Line = list[tuple[str, str]]

STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.UNKNOWN: "yellow"}
SKIPPED_STYLE = "cyan"
COLUMNS = ("scenario", "transport", "verdict", "duration", "reason")

#: Columns of a terminal below which a table would be one of single letters.
NARROW = 60

_STDERR_LINES = 10


def text(line: Line) -> str:
    """The line without its styles."""
    return "".join(piece for _, piece in line)


def opening(run: Run, total: int) -> Iterable[Line]:
    """What is about to happen, with the seed that repeats it, and what will not."""
    workers = "1 worker" if run.workers == 1 else f"{run.workers} workers"
    yield [("", f"{counted(total, run)}, transport {run.transport}, {workers}, seed {run.seed}")]
    for case in run.left_out:
        where = f"{visible_line(case.scenario)} ({visible_line(case.file)})"
        yield [("dim", f"left out: {where} does not run on {case.transport}")]


def row(result: ScenarioResult | Skipped) -> tuple[str, str, str, str, str]:
    """One cell for each of `COLUMNS`, each a single line."""
    verdict, duration = SKIPPED, ""
    if isinstance(result, ScenarioResult):
        verdict, duration = str(result.verdict), format_duration(result.duration_s)
    name = visible_line(result.scenario)
    if isinstance(result, ScenarioResult) and result.round > 1:
        name += f" (round {result.round})"
    return name, visible_line(result.transport), verdict, duration, visible_line(result.reason)


def style_of(result: ScenarioResult | Skipped) -> str:
    """Of the verdict."""
    return STYLES[result.verdict] if isinstance(result, ScenarioResult) else SKIPPED_STYLE


def finished(result: ScenarioResult, done: int, total: int | None) -> Line:
    """One scenario came to its end; `total` is None where nobody knows how many there will be."""
    (style, verdict), *rest = listed(result)
    return [
        ("dim", f"[{done}] " if total is None else f"[{done:>{len(str(total))}}/{total}] "),
        (style, f"{verdict:7}"),
        *rest,
    ]


def plain_table(run: Run) -> Iterable[str]:
    """The table in columns of text, nothing cut off."""
    rows = [COLUMNS, *(row(result) for result in run.rows)]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(COLUMNS))]
    for cells in rows:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def listed(result: ScenarioResult | Skipped) -> Line:
    """One result where the table has no room: a paragraph that may be wrapped anywhere."""
    scenario, transport, verdict, duration, reason = row(result)
    line = [(style_of(result), verdict), ("", f" {scenario} ({', '.join(filter(None, (transport, duration)))})")]
    return [*line, ("", f": {reason}")] if reason else line


def failure(result: ScenarioResult) -> Iterable[Line]:
    """Everything a person needs of a scenario that did not pass, and the command that repeats it."""
    where = f" ({visible_line(result.file)}, {visible_line(result.transport)}, seed {result.seed})"
    yield [(STYLES[result.verdict], f"{result.verdict}: "), ("bold", visible_line(result.scenario)), ("", where)]
    bad = [judgement for judgement in result.guarantees if judgement.verdict is not Verdict.PASS]
    for judgement in bad:
        style = STYLES[judgement.verdict]
        reason = visible_line(judgement.reason)
        yield [("", f"  {visible_line(judgement.name)} "), (style, str(judgement.verdict)), ("", f": {reason}")]
    if not bad:
        yield [("", f"  {visible_line(result.reason) or 'no reason was given'}")]
    for child in result.children:
        yield from _stderr(child)
    if result.reproduced:
        yield [("", f"  {reproduced(result)}")]
    if result.reproduce:
        yield [("", "  repeat: "), ("bold", visible_line(result.reproduce))]


def reproduced(result: ScenarioResult) -> str:
    """In how many rounds it came to this; empty where there was one round."""
    return f"{result.verdict} in {result.reproduced[0]} of {result.reproduced[1]} rounds" if result.reproduced else ""


def after_a_round(number: int, so_far: Mapping[str, int], seconds: float) -> str:
    """The counters of a run that repeats its scenarios."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in so_far.items())
    return f"after round {number}: {counts} in {format_duration(seconds)}"


def closing(run: Run, directory: Path) -> Iterable[Line]:
    """The count of verdicts, what is missing, and where the reports are."""
    rounds = f" in {run.rounds} rounds" if run.tallies else ""
    line: Line = [("", f"{counted(len(run.tallies or run.results), run)}{rounds}: ")]
    for verdict, count in run.summary.items():
        if verdict != SKIPPED:
            line += [(STYLES[Verdict(verdict)] if count else "", f"{count} {verdict}"), ("", ", ")]
        elif count:
            line += [(SKIPPED_STYLE, f"{count} {SKIPPED}"), ("", ", ")]
    yield [*line[:-1], ("", f" in {format_duration(run.duration_s)}, seed {run.seed}")]
    if run.not_run:
        why = "the run was interrupted" if run.interrupted else "their observer was lost"
        yield [(STYLES[Verdict.UNKNOWN], f"{counted(len(run.not_run), run)} without a result: {why}")]
    if run.skipped and not run.results and not run.not_run:
        yield [(STYLES[Verdict.UNKNOWN], "nothing ran: every scenario that is selected was skipped")]
    if run.left_out:
        yield [("", f"{counted(len(run.left_out), run)} left out, not made for transport {run.transport}")]
    yield [("", f"reports: {visible_line(str(directory / 'report.json'))}")]


def _stderr(child: ChildResult) -> Iterable[Line]:
    if not child.stderr_tail:
        return
    ending = visible_line(child.signal or child.outcome or "no outcome")
    yield [("dim", f"  the end of stderr of {visible_line(child.name)} (pid {child.pid}, {ending}):")]
    for said in child.stderr_tail.splitlines()[-_STDERR_LINES:]:
        yield [("dim", f"    | {visible_line(said)}")]


def counted(count: int, run: Run) -> str:
    """So many scenarios; where they run on several transports, so many scenarios on one of them each."""
    noun = "case" if run.transport == "all" else "scenario"
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"
