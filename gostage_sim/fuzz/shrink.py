"""Makes a scenario that fails small: the same guarantee must fail, and it is known how often."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from gostage_sim.fuzz.generated import read
from gostage_sim.fuzz.smaller import smaller
from gostage_sim.fuzz.trial import failing, forget
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.scenario.problems import ScenarioError
from gostage_sim.scenario.transports import Case
from gostage_sim.strategies.parameters import Data
from gostage_sim.strategies.scenario import expectations

#: How often the scenario is run as it was found, and the smallest in the end.
_AGAIN, _IN_THE_END = 3, 10
#: How often a smaller one is tried where it does not fail each time.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Found:
    """A scenario that fails."""

    data: Data
    guarantee: str
    result: ScenarioResult
    """The last one in which it failed."""
    failed: int
    """So often it did."""
    of: int
    tried: int = 0
    """How many smaller ones were run on the way."""


class Runs(Protocol):
    """What `Trial` does for it."""

    def run(self, cases: Iterable[Case]) -> list[ScenarioResult]: ...


class Shrinker:
    """Tries smaller scenarios, as many side by side as there are `workers`, until the time `until` of the monotonic
    clock. `file` is what they are called meanwhile, `on_step` hears of each step on the way."""

    def __init__(
        self,
        trial: Runs,
        *,
        workers: int,
        file: Path,
        until: float,
        on_step: Callable[[Found], None] = lambda found: None,
    ) -> None:
        self._trial = trial
        self._workers = workers
        self._file = file
        self._until = until
        self._on_step = on_step
        self._tries = 1

    def shrink(self, data: Data, result: ScenarioResult) -> Found:
        """The smallest that fails as this one did, with how often; itself where it fails no second time."""
        found = Found(data, failing(result) or "", result, 1, 1)
        self._on_step(found)
        found = replace(self._counted(found, _AGAIN), result=result)
        if found.failed == 1:
            return found
        self._tries = 1 if found.failed == found.of else _TRIES
        before = None
        while found.data is not before and self._has_time():
            before = found.data
            found = self._once_through(found)
        if found.data is data:
            return found
        return self._counted(replace(found, failed=0, of=0), _IN_THE_END, keep=True)

    def _once_through(self, found: Found) -> Found:
        """Every smaller one tried, and from the next one on again where one of them fails."""
        position = 0
        while True:
            candidates = self._valid([*smaller(found.data)][position:])
            while candidates and self._has_time():
                some, candidates = candidates[: self._workers], candidates[self._workers :]
                found = replace(found, tried=found.tried + len(some))
                hit = self._first_that_fails(found, [case for _, _, case in some])
                if hit is not None:
                    number, result = hit
                    offset, data, _ = some[number]
                    position += offset
                    found = replace(found, data=data, result=result, failed=1, of=1)
                    self._on_step(found)
                    break
                self._on_step(found)
            else:
                return found

    def _valid(self, those: Sequence[Data]) -> list[tuple[int, Data, Case]]:
        """The scenarios among them, each with its place."""
        found = []
        for offset, data in enumerate(those):
            whole = _as_expected(data)
            try:
                found.append((offset, whole, read(whole, self._file)))
            except ScenarioError:
                continue
        return found

    def _first_that_fails(self, found: Found, cases: Sequence[Case]) -> tuple[int, ScenarioResult] | None:
        results = self._trial.run([case for case in cases for _ in range(self._tries)])
        for result in results:
            forget(result)
        for number, result in enumerate(results):
            if failing(result) == found.guarantee:
                return number // self._tries, result
        return None

    def _counted(self, found: Found, times: int, *, keep: bool = False) -> Found:
        """After so many more runs; `keep` the history of the last one that failed."""
        case = read(found.data, self._file)
        results = self._trial.run([case] * times)
        failed = [result for result in results if failing(result) == found.guarantee]
        for result in results:
            if not keep or result not in failed[-1:]:
                forget(result)
        return replace(
            found,
            result=failed[-1] if failed else found.result,
            failed=found.failed + len(failed),
            of=found.of + len(results),
        )

    def _has_time(self) -> bool:
        return time.monotonic() < self._until


def _as_expected(data: Data) -> Data:
    """With what is to be expected of the faults that are left."""
    children = {
        name: {key: value for key, value in child.items() if key != "faults" or value}
        for name, child in data["children"].items()
    }
    others = {key: value for key, value in data.items() if not key.startswith("expect")}
    return {**others, "children": children, **expectations(children)}
