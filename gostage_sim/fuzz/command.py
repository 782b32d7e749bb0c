"""`gostage-sim fuzz`: from a budget to reports, the smallest scenario that fails, and an exit code."""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from gostage_sim.faults import FaultNotLoaded, fault_kinds
from gostage_sim.fuzz import telling
from gostage_sim.fuzz.generated import generated, written
from gostage_sim.fuzz.shrink import Found, Shrinker
from gostage_sim.fuzz.trial import Trial
from gostage_sim.guarantees import plug_in_problems
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.pool import ObserverPool
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report import folder, lines
from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.escape import visible_line
from gostage_sim.report.run_command import EXIT_CODES, Interruption, worker_count
from gostage_sim.report.run_report import Run, begin, in_order, write_all
from gostage_sim.scenario.model import TRANSPORTS
from gostage_sim.scenario.transports import Case, Choice
from gostage_sim.strategies.parameters import Data

#: In the report folder: the scenarios as they were drawn, and the smallest that fails.
SCENARIOS, FOUND = "scenarios", "found.yaml"

#: Of the budget, so much more at most to make small what was found when it was nearly over.
_MORE = 0.5


def fuzz(
    *,
    budget_s: float,
    transport: Choice,
    workers: str,
    seed: int | None,
    report: Path,
    saboteur: str | None,
    show: Callable[[str], None],
    progress: Callable[[str], None],
) -> int:
    """Search until something fails or the time is over; return the exit code: 0 nothing found, 1 found, 3 when not one
    scenario passed, as of a run when it was interrupted. BadInput before anything is started."""
    _plug_ins_are_sound()
    planted = None if saboteur is None else _planted(saboteur)
    seed = secrets.randbits(32) if seed is None else seed
    empty = begin(seed=seed, workers=worker_count(workers), transport=transport)
    folder.prepare(report, dataclasses.replace(empty, interrupted=True))
    session = _Session(empty, report, budget_s, planted, show, progress)
    show(telling.opening(empty, budget_s))
    with Interruption() as interruption:
        try:
            session.run()
            interruption.shut_out()
        except KeyboardInterrupt:
            interruption.shut_out()
        finally:
            verdict = session.end(interrupted=interruption.signal_number is not None)
    if interruption.signal_number is not None:
        return 128 + interruption.signal_number
    return EXIT_CODES[verdict]


class _Session:
    """One search, whose results outlive whatever ends it."""

    def __init__(
        self,
        empty: Run,
        report: Path,
        budget_s: float,
        planted: str | None,
        show: Callable[[str], None],
        progress: Callable[[str], None],
    ) -> None:
        self._empty = empty
        self._report = report
        self._budget_s = budget_s
        self._planted = planted
        self._show = show
        self._progress = progress
        self._began = time.monotonic()
        self._until = self._began + budget_s
        self._drawn: dict[str, Data] = {}
        self._trial: Trial | None = None
        self._found: Found | None = None

    def run(self) -> None:
        (self._report / SCENARIOS).mkdir(exist_ok=True)
        (self._report / FOUND).unlink(missing_ok=True)
        with ObserverPool(workers=self._empty.workers, directory=self._report) as pool:
            trial = self._trial = Trial(pool, self._empty.seed, self._planted)
            failed = trial.search(self._cases(), self._until, self._has_result)
            if failed is not None:
                until = max(self._until, time.monotonic() + _MORE * self._budget_s)
                file = self._report / FOUND
                shrinker = Shrinker(
                    trial, workers=self._empty.workers, file=file, until=until, on_step=self._has_smaller
                )
                data = {**self._drawn[failed.scenario], "name": f"Found with seed {self._empty.seed}"}
                self._found = shrinker.shrink(data, failed)

    def end(self, *, interrupted: bool) -> Verdict:
        """Write what there is and show it; the verdict of the search, FAIL when something was found."""
        self._progress("")
        results = [] if self._trial is None else list(self._trial.results)
        if self._found is not None:
            found, file = self._found, self._report / FOUND
            written(found.data, file, heading=telling.heading(found, seed=self._empty.seed, planted=self._planted))
            if found.result not in results:  # the first one, where nobody had the time to run it again
                results.append(found.result)
            for line in telling.of_found(found, str(file)):
                self._show(line)
        run = dataclasses.replace(
            self._empty,
            results=in_order(results),
            interrupted=interrupted,
            duration_s=time.monotonic() - self._began,
        )
        try:
            write_all(run, self._report)
        except OSError as error:
            raise BadInput([folder.cannot_write(self._report, error)]) from error
        for closing in lines.closing(run, self._report):
            self._show(lines.text(closing))
        verdicts = {result.verdict for result in results}
        return next((one for one in (Verdict.FAIL, Verdict.PASS) if one in verdicts), Verdict.UNKNOWN)

    def _cases(self) -> Iterator[Case]:
        """Drawn when an observer is free for it, and each a file that can be run again."""
        choice = self._empty.transport
        transports = TRANSPORTS if choice == "all" else tuple(one for one in TRANSPORTS if one == choice)
        for number, data in enumerate(generated(self._empty.seed, transports), 1):
            self._drawn[data["name"]] = data
            yield written(data, self._report / SCENARIOS / f"{number:05}.yaml")

    def _has_result(self, result: ScenarioResult) -> None:
        if result.verdict is not Verdict.PASS:
            self._progress("")
            self._show(lines.text(lines.listed(result)))
        results = self._trial.results if self._trial is not None else []
        self._progress(telling.progress(results, self._until - time.monotonic()))

    def _has_smaller(self, found: Found) -> None:
        self._found = found
        self._progress(telling.shrinking(found))


def _plug_ins_are_sound() -> None:
    """BadInput where an installed package offers a fault or a guarantee that cannot be used."""
    try:
        fault_kinds()
    except FaultNotLoaded as error:
        raise BadInput([visible_line(str(error))]) from None
    problems = plug_in_problems()
    if problems:
        raise BadInput(list(map(visible_line, problems)))


def _planted(name: str) -> str:
    """BadInput where there is no such saboteur."""
    from gostage_sim.harness.saboteurs import SABOTEURS

    names = [one.name for one in SABOTEURS]
    if name not in names:
        raise BadInput([f"--saboteur {visible_line(repr(name))}: expected one of {', '.join(names)}"])
    return name
