"""`gostage-sim report --compare A B`: what changed from one run to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report import json_report
from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.escape import visible_line
from gostage_sim.report.run_report import Run
from gostage_sim.units import format_duration

#: A scenario is slower, or faster, when it took this many times as long, or as short, and a second more or less.
_TIMES, _SECONDS = 2.0, 1.0

_Case = tuple[str, str, str]
#: What became of a scenario, and a line about it.
_Change = tuple[str, str]


def compare(before: Path, after: Path) -> tuple[list[str], int]:
    """The lines, and the exit code: 1 when something is worse or gone, otherwise 0; BadInput where no report is.

    Each is a folder with a report.json, or such a file.
    """
    old, new = _run_in(before), _run_in(after)
    lines = [f"{label}: {_about(path, run)}" for label, path, run in (("A", before, old), ("B", after, new))]
    changes = list(_changes(_cases(old), _cases(new)))
    lines += [f"{what}: {line}" for what, line in changes]
    counts = Counter(what for what, _ in changes)
    told = ", ".join(f"{counts[what]} {what}" for what in ("worse", "gone", "better", "new", "other") if counts[what])
    lines.append(told or "no verdict and no outcome changed")
    return lines, 1 if counts["worse"] or counts["gone"] else 0


def _run_in(path: Path) -> Run:
    file = path / "report.json" if path.is_dir() else path
    try:
        return json_report.stored_run(file)
    except (OSError, ValueError, LookupError, TypeError) as error:
        why = visible_line(str(getattr(error, "strerror", None) or error))
        raise BadInput([f"--compare {visible_line(str(path))}: no run is stored there: {why}"]) from None


def _about(path: Path, run: Run) -> str:
    counts = ", ".join(f"{number} {what}" for what, number in run.summary.items() if number)
    where = f"{run.git_head[:12]}{' with changes' if run.git_dirty else ''}" if run.git_head else "no commit"
    return visible_line(f"{path}: {run.started_at}, {where}, seed {run.seed}: {counts or 'no results'}")


def _cases(run: Run) -> dict[_Case, ScenarioResult]:
    """Of several rounds the worst of each scenario."""
    order = list(Verdict)
    found: dict[_Case, ScenarioResult] = {}
    for result in run.results:
        case = (result.file, result.scenario, result.transport)
        if case not in found or order.index(result.verdict) > order.index(found[case].verdict):
            found[case] = result
    return found


def _changes(old: dict[_Case, ScenarioResult], new: dict[_Case, ScenarioResult]) -> Iterable[_Change]:
    """The bad ones first."""
    order = list(Verdict)
    both = [(case, old[case], new[case]) for case in sorted(old) if case in new]
    for case, was, now in both:
        if order.index(now.verdict) > order.index(was.verdict):
            yield "worse", f"{_name(case)}: {was.verdict} to {now.verdict}: {visible_line(now.reason)}"
    for case in sorted(set(old) - set(new)):
        yield "gone", f"{_name(case)}: was {old[case].verdict}"
    for case, was, now in both:
        if order.index(now.verdict) < order.index(was.verdict):
            yield "better", f"{_name(case)}: {was.verdict} to {now.verdict}"
    for case in sorted(set(new) - set(old)):
        reason = new[case].reason
        yield "new", f"{_name(case)}: {new[case].verdict}{f': {visible_line(reason)}' if reason else ''}"
    for case, was, now in both:
        if was.verdict is now.verdict:
            yield from (("other", f"{_name(case)}: {line}") for line in _differences(was, now))


def _differences(was: ScenarioResult, now: ScenarioResult) -> Iterable[str]:
    """Of two results with the same verdict."""
    if was.reason.partition(":")[0] != now.reason.partition(":")[0]:
        yield f"{now.verdict} for another reason: {visible_line(now.reason)}"
    ends = {child.name: child.signal or child.outcome or "no outcome" for child in was.children}
    for child in now.children:
        end = child.signal or child.outcome or "no outcome"
        if ends.get(child.name, end) != end:
            yield visible_line(f"{child.name} ends with {end}, before with {ends[child.name]}")
    longer, shorter = max(was.duration_s, now.duration_s), min(was.duration_s, now.duration_s)
    if longer > _TIMES * shorter and longer - shorter > _SECONDS:
        word = "slower" if now.duration_s == longer else "faster"
        yield f"{word}: {format_duration(was.duration_s)} to {format_duration(now.duration_s)}"


def _name(case: _Case) -> str:
    file, scenario, transport = map(visible_line, case)
    return f"{scenario} ({file}, {transport})"
