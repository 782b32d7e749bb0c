"""summary.md: the run on one page for a pull request or a job summary; GitHub Flavored Markdown, https://github.github.com/gfm/."""

from __future__ import annotations

from collections.abc import Iterable

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report.escape import markdown, markdown_block
from gostage_sim.report.lines import counted, reproduced
from gostage_sim.report.run_report import SKIPPED, Run
from gostage_sim.units import format_duration

_STDERR_LINES = 20


def render(run: Run) -> str:
    """The page: the verdict, a table of all scenarios, then every scenario that did not pass."""
    return "\n".join(_lines(run)) + "\n"


def _lines(run: Run) -> Iterable[str]:
    counts = ", ".join(f"{number} {what}" for what, number in run.summary.items() if number or what != SKIPPED)
    yield f"# gostage-sim: {'interrupted, ' if run.interrupted else ''}{run.verdict}"
    yield ""
    rounds = f" in {run.rounds} rounds" if run.tallies else ""
    yield f"{counted(len(run.tallies or run.results), run)}{rounds}: {counts}, in {format_duration(run.duration_s)}."
    if run.skipped and not run.results and not run.not_run:
        yield "Nothing ran: every scenario that is selected was skipped."
    if run.not_run:
        yield f"{len(run.not_run)} more {'has' if len(run.not_run) == 1 else 'have'} no result."
    if run.left_out:
        yield f"{len(run.left_out)} left out, not made for this transport: " + ", ".join(
            markdown(case.scenario) for case in run.left_out
        )
    yield ""
    commit = f"{run.git_head}{' with changes' if run.git_dirty else ''}" if run.git_head else "no commit"
    where = f"{run.platform.system} {run.platform.release}, {run.platform.python}"
    yield f"Seed {run.seed}, version {markdown(run.version)}, {markdown(commit)}, {markdown(where)}."
    yield ""
    yield "| verdict | scenario | transport | duration | reason |"
    yield "| --- | --- | --- | --- | --- |"
    for result in run.results:
        name, transport, reason = markdown(result.scenario), markdown(result.transport), markdown(result.reason)
        yield f"| {_shown(result.verdict)} | {name} | {transport} | {format_duration(result.duration_s)} | {reason} |"
    for case in run.not_run:
        yield f"| **not run** | {markdown(case.scenario)} | {markdown(case.transport)} | | no result |"
    for each in run.skipped:
        yield f"| {SKIPPED} | {markdown(each.scenario)} | {markdown(each.transport)} | | {markdown(each.reason)} |"
    for result in run.results:
        if result.verdict is not Verdict.PASS:
            yield from _failure(result)


def _failure(result: ScenarioResult) -> Iterable[str]:
    yield ""
    yield f"## {result.verdict}: {markdown(result.scenario)}"
    yield ""
    round = f", round {result.round}, {reproduced(result)}" if result.reproduced else ""
    yield f"{markdown(result.file)}, {markdown(result.transport)}, seed {result.seed}{round}"
    yield ""
    for judgement in result.guarantees:
        if judgement.verdict is not Verdict.PASS:
            yield f"* {_shown(judgement.verdict)} {markdown(judgement.name)}: {markdown(judgement.reason)}"
    if result.reproduce:
        yield ""
        yield "Repeat it with"
        yield ""
        yield markdown_block(result.reproduce, "sh")
    for child in result.children:
        if child.stderr_tail:
            yield ""
            yield f"The end of stderr of {markdown(child.name)}:"
            yield ""
            yield markdown_block("\n".join(child.stderr_tail.splitlines()[-_STDERR_LINES:]))


def _shown(verdict: Verdict) -> str:
    return str(verdict) if verdict is Verdict.PASS else f"**{verdict}**"
