"""`gostage-sim selftest`: from a choice of saboteurs to a matrix and an exit code."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.saboteurs import SABOTEURS
from gostage_sim.harness.saboteurs.contract import Saboteur
from gostage_sim.harness.selftest import Finding, Trial, run_selftest, trials
from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.escape import visible_line
from gostage_sim.report.lines import NARROW, STYLES, Line, text
from gostage_sim.report.run_command import EXIT_CODES
from gostage_sim.report.selftest_matrix import Matrix
from gostage_sim.report.terminal import is_for_a_person
from gostage_sim.scenario.model import TRANSPORTS
from gostage_sim.scenario.selection import parse_expression
from gostage_sim.scenario.transports import Choice

_OF_SABOTEUR = {Verdict.PASS: "caught", Verdict.FAIL: "SURVIVED", Verdict.UNKNOWN: "UNKNOWN"}
_OF_ENGINE = {Verdict.PASS: "passes", Verdict.FAIL: "FAILS", Verdict.UNKNOWN: "UNKNOWN"}


def selftest(*, transport: Choice, keyword: str | None) -> int:
    """Run the chosen saboteurs, print a line for each and the matrix; 0 when all were caught, 1 when one survived or
    the engine as it is fails, 3 when that could not be seen. BadInput before anything is started."""
    saboteurs = choose(keyword)
    transports = TRANSPORTS if transport == "all" else (transport,)
    show = _Show()
    findings: dict[Trial, Finding] = {}
    chosen = trials(saboteurs, transports)
    # One more than there are CPUs: broken engines sleep a lot.
    for found in run_selftest(chosen, workers=len(os.sched_getaffinity(0)) + 1):
        findings[found.trial] = found
        show.line(line(found))
    in_order = [findings[trial] for trial in chosen]
    show.matrix(Matrix(in_order))
    show.line(summary(in_order, len(saboteurs), transports))
    return EXIT_CODES[Verdict.worst([found.verdict for found in in_order])]


def choose(keyword: str | None) -> list[Saboteur]:
    """Those whose name or guarantee matches the expression; BadInput where it is wrong, or none does."""
    if keyword is None:
        return list(SABOTEURS)
    try:
        matches = parse_expression(keyword)
    except ValueError as error:
        raise BadInput([visible_line(str(error))]) from None
    chosen = [one for one in SABOTEURS if matches(f"{one.name}\n{one.guarantee}")]
    if not chosen:
        raise BadInput(
            [
                f"-k {visible_line(repr(keyword))}: matches no saboteur and no guarantee",
                f"  saboteurs: {', '.join(one.name for one in SABOTEURS)}",
                f"  guarantees: {', '.join(dict.fromkeys(one.guarantee for one in SABOTEURS))}",
            ]
        )
    return chosen


def line(found: Finding) -> Line:
    """`caught   json: drops (delivers message 10 of each child to nobody) by no-loss: fail: …`."""
    one, name = found.trial.saboteur, found.trial.name
    mark = (_OF_ENGINE if one is None else _OF_SABOTEUR)[found.verdict]
    what = name if one is None else f"{name} ({one.does}) by {one.guarantee}"
    said = f"{found.trial.transport}: {what}: {visible_line(found.reason)}"
    return [(STYLES[found.verdict], f"{mark:8}"), ("", f" {said}")]


def summary(findings: Sequence[Finding], saboteurs: int, transports: Sequence[str]) -> Line:
    """`29 saboteurs over json and grpc: all caught`."""
    verdicts = [found.verdict for found in findings]
    bad = {verdict: verdicts.count(verdict) for verdict in (Verdict.FAIL, Verdict.UNKNOWN)}
    said = ", ".join(f"{count} {verdict}" for verdict, count in bad.items() if count) or "all caught"
    what = "1 saboteur" if saboteurs == 1 else f"{saboteurs} saboteurs"
    return [("", f"{what} over {' and '.join(transports)}: "), (STYLES[Verdict.worst(verdicts)], said)]


class _Show:
    """In colour for a person at a terminal, plain for all others."""

    def __init__(self) -> None:
        self._console: Console | None = None
        if is_for_a_person(sys.stdout, os.environ):
            self._console = Console(file=sys.stdout, markup=False, emoji=False, highlight=False)

    def line(self, line: Line) -> None:
        if self._console is None:
            print(text(line), flush=True)
        else:
            self._console.print(Text.assemble(*((piece, style) for style, piece in line)), soft_wrap=True)

    def matrix(self, matrix: Matrix) -> None:
        print()
        if self._console is None or shutil.get_terminal_size().columns < NARROW:
            for row in matrix.plain():
                print(row)
        else:
            self._console.print(matrix.table())
        for row in matrix.legend():
            print(row)
        print(flush=True)
