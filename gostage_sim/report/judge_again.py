"""`gostage-sim report DIR`: the histories of a run judged again, and its reports written anew.

Nothing is read but what is in the folder. `report.json` says which scenarios the run had; a history says all of one.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import gostage_sim
from gostage_sim.harness.again import in_turn, judge_kept, of_no_scenario, plan_kept, without_history
from gostage_sim.harness.agreement import Agreement
from gostage_sim.harness.plan import Plan
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.history.collect import PLAN_NAME, OtherSchemaError
from gostage_sim.report import folder, json_report
from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.escape import visible_line
from gostage_sim.report.run_command import EXIT_CODES, write_and_show
from gostage_sim.report.run_report import Run, begin, in_order, utc_now
from gostage_sim.report.terminal import terminal_for

_REPORT = "report.json"


def judge_again(directory: Path, *, quiet: bool) -> int:
    """Judge, write the reports, return the exit code; BadInput where there is no run, or one of another version."""
    plans, unreadable = _stored(directory)
    before = _before(directory, list(plans.values()))
    seen = {_history_of(result): result for result in before.results}
    of_round: defaultdict[int, list[Plan]] = defaultdict(list)
    for plan in sorted(plans.values(), key=in_turn):
        of_round[plan.get("round", 1)].append(plan)
    agreements = {number: Agreement.of_plans(some) for number, some in of_round.items()}
    judged = [_gone(result) for result in before.results if _history_of(result) not in {*plans, *unreadable}]
    for name, reason in unreadable.items():
        was = seen.get(name)
        judged.append(without_history(was, reason) if was else of_no_scenario(Path(name), reason, seed=before.seed))
    terminal = terminal_for(sys.stdout, os.environ, len(plans) + len(judged), quiet=quiet)
    with terminal:
        for result in judged:
            terminal.finished(result)
        for name, plan in plans.items():
            history, was = directory / folder.HISTORIES / name, seen.get(name)
            ready = judge_kept(history, plan, duration_s=was.duration_s if was else 0.0)
            for result in agreements[plan.get("round", 1)].take(ready):
                before_it = seen.get(_history_of(result))
                reproduced = before_it.reproduced if before_it else None
                judged.append(dataclasses.replace(result, reproduced=reproduced))
                terminal.finished(result)
    have = {(result.file, result.scenario, result.transport) for result in judged}
    missing = tuple(case for case in before.not_run if (case.file, case.scenario, case.transport) not in have)
    after = dataclasses.replace(before, results=in_order(judged), not_run=missing)
    after = dataclasses.replace(after, rejudged_at=utc_now(), rejudged_by=gostage_sim.__version__)
    write_and_show(after, directory, terminal)
    return EXIT_CODES[after.verdict]


def _stored(directory: Path) -> tuple[dict[str, Plan], dict[str, str]]:
    """By the name of its folder, the plan of each history, or why it cannot be read; BadInput for another version's."""
    plans: dict[str, Plan] = {}
    unreadable: dict[str, str] = {}
    histories = directory / folder.HISTORIES
    try:
        folders = sorted(path for path in histories.iterdir() if path.is_dir()) if histories.exists() else []
    except OSError as error:
        raise BadInput([f"{visible_line(str(histories))}: cannot be read: {error.strerror}"]) from None
    for each in folders:
        try:
            plans[each.name] = plan_kept(each)
        except OtherSchemaError as error:
            where = visible_line(str(each / PLAN_NAME))
            raise BadInput([f"{where}: {visible_line(str(error))}; judge it with the version that wrote it"]) from None
        except (OSError, ValueError) as error:
            unreadable[each.name] = f"{each / PLAN_NAME}: {getattr(error, 'strerror', None) or error}"
    return plans, unreadable


def _before(directory: Path, plans: Sequence[Plan]) -> Run:
    """The run as it was reported; without its report.json one that is unknown, with the seed of the first history."""
    path = directory / _REPORT
    try:
        return json_report.stored_run(path)
    except (OSError, ValueError, LookupError, TypeError) as error:
        why = str(getattr(error, "strerror", None) or error)
    if not plans:
        raise BadInput([f"{visible_line(str(directory))}: no run is stored there: {_REPORT}: {visible_line(why)}"])
    seed = int(plans[0]["seed"])
    reason = f"{path} cannot be read, so nobody knows which scenarios the run had: {why}"
    empty = begin(seed=seed, workers=1, transport="all", argv=())
    return dataclasses.replace(empty, git_head=None, git_dirty=None, results=(of_no_scenario(path, reason, seed=seed),))


def _gone(before: ScenarioResult) -> ScenarioResult:
    """A result beside which there is no history. What was unknown without one remains what it was."""
    if "history" in before.extra:
        return without_history(before, f"its history, {before.extra['history']}, is not there")
    return before if before.verdict == "unknown" else without_history(before, "no history of it was kept")


def _history_of(result: ScenarioResult) -> str | None:
    """The name of its folder; its path may have been another when it was written."""
    path = result.extra.get("history")
    return Path(path).name if isinstance(path, str) else None
