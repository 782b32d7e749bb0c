"""Runs generated scenarios for real, with observers side by side, and keeps what is worth to be kept."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.plan import Plan, make_plan
from gostage_sim.harness.pool import ObserverPool
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.scenario.transports import Case


@dataclass(slots=True)
class Trial:
    """An observer pool that runs scenarios with one seed, on the engine as it is or as a saboteur leaves it."""

    pool: ObserverPool
    seed: int
    saboteur: str | None = None
    results: list[ScenarioResult] = field(default_factory=list)
    """Of the search, in the order in which they were done."""

    def search(
        self, cases: Iterable[Case], until: float, on_result: Callable[[ScenarioResult], None]
    ) -> ScenarioResult | None:
        """The first failure, None when there is none by this time of the monotonic clock; what runs is waited for, and
        something is run in any case."""
        found: ScenarioResult | None = None

        def plans() -> Iterator[tuple[Case, Plan]]:
            for case in cases:
                if found is not None or (self.results and time.monotonic() >= until):
                    return
                yield case, self._plan(case)

        for result in self.pool.run_plans(plans()):
            self.results.append(result)
            on_result(result)
            if result.verdict is Verdict.FAIL:
                found = found or result
        return found

    def run(self, cases: Iterable[Case]) -> list[ScenarioResult]:
        """All of these, once each; in the order of the cases. Not among the `results`."""
        plans = [(case, self._plan(case)) for case in cases]
        for number, (_, plan) in enumerate(plans):
            plan["scenario"]["parameters"] = {"try": number}  # all come as they are done
        return sorted(self.pool.run_plans(plans), key=lambda result: int(result.parameters["try"]))

    def _plan(self, case: Case) -> Plan:
        plan = make_plan(case.scenario, seed=self.seed, transport=case.transport)
        return plan if self.saboteur is None else {**plan, "saboteur": self.saboteur}


def failing(result: ScenarioResult) -> str | None:
    """The guarantee that failed first, by which failures are told apart; None where none did."""
    return next((judged.name for judged in result.guarantees if judged.verdict is Verdict.FAIL), None)


def forget(result: ScenarioResult) -> None:
    """Remove its history, which nobody will ever look at."""
    history = result.extra.pop("history", None)
    if history is not None:
        shutil.rmtree(history, ignore_errors=True)
