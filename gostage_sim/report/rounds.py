"""Rounds of a run, `--repeat` and `--for`: all are counted, what is kept of them does not grow with their number."""

from __future__ import annotations

import dataclasses
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report.run_report import Tally

#: Rounds of one scenario that are kept for not having passed; the first round is kept besides.
MOST_KEPT = 10

_Scenario = tuple[str, str]
_Case = tuple[str, str, str]


class Rounds:
    """Give it the results of each round. It keeps those of a scenario, on all transports together, of the first round
    and of the first that did not pass, and removes the histories of all others."""

    def __init__(self) -> None:
        self.number = 0
        """How many rounds were begun."""
        self._kept: list[ScenarioResult] = []
        self._bad: Counter[_Scenario] = Counter()
        self._counts: defaultdict[_Case, Counter[Verdict]] = defaultdict(Counter)

    def take(self, results: Iterable[ScenarioResult]) -> None:
        """All that one round gave, or was to give when it was interrupted."""
        self.number += 1
        scenarios: dict[_Scenario, list[ScenarioResult]] = {}
        for result in results:
            self._counts[_case(result)][result.verdict] += 1
            scenarios.setdefault((result.file, result.scenario), []).append(result)
        for scenario, told in scenarios.items():
            is_bad = any(result.verdict is not Verdict.PASS for result in told)
            if self.number == 1 or (is_bad and self._bad[scenario] < MOST_KEPT):
                self._kept += told
                self._bad[scenario] += is_bad
            else:
                for result in told:
                    if "history" in result.extra:
                        shutil.rmtree(result.extra["history"], ignore_errors=True)

    def results(self) -> list[ScenarioResult]:
        """Those kept; one that did not pass says in how many rounds of how many its scenario came to that verdict."""
        return [self._counted(result) for result in self._kept]

    def tallies(self) -> tuple[Tally, ...]:
        """What all rounds came to, by file and name."""
        counts = sorted(self._counts.items())
        return tuple(Tally(name, file, transport, **_named(found)) for (file, name, transport), found in counts)

    def so_far(self) -> dict[str, int]:
        """How many results of each verdict."""
        counts: Counter[Verdict] = sum(self._counts.values(), Counter())
        return {str(verdict): counts[verdict] for verdict in Verdict}

    def _counted(self, result: ScenarioResult) -> ScenarioResult:
        if self.number == 1 or result.verdict is Verdict.PASS:
            return result
        counts = self._counts[_case(result)]
        return dataclasses.replace(result, reproduced=(counts[result.verdict], counts.total()))


def _case(result: ScenarioResult) -> _Case:
    return result.file, result.scenario, result.transport


def _named(counts: Counter[Verdict]) -> dict[str, int]:
    return {"passed": counts[Verdict.PASS], "unknown": counts[Verdict.UNKNOWN], "failed": counts[Verdict.FAIL]}
