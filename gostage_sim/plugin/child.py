"""The fixture `gostage_child`: one real child process with faults, run below a real parent, and what became of it."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gostage_sim.plugin.runner import runner_of, transport_of

if TYPE_CHECKING:
    from gostage_sim.guarantees.contract import Judgement, Verdict
    from gostage_sim.harness.result import ScenarioResult
    from gostage_sim.scenario.model import Child, Handler, Scenario

_NAME = "child"
_MOST_SIBLINGS = 500
_MOST_SEED = 2**63 - 1

#: For the whole run, where the child has no longer timeout: time for siblings and for the fresh child at the end.
_SCENARIO_S = 20.0

#: Two types, because the witness of `order` needs them; enough messages to send before, during and after the faults.
_SIBLING_STEPS = [{"send": {"count": 30, "type": "sibling.first"}}, {"send": {"count": 30, "type": "sibling.second"}}]

#: Their witness is traffic that only the test's own steps can make.
_WITNESS_IS_THE_TESTS = ("order", "quarantine")


@dataclass(frozen=True, slots=True)
class ChildReport:
    """What became of the child."""

    outcome: str | None
    """As the engine said: `completed`, `signaled`, `timed_out`, …; None when `spawn()` never returned."""
    exit_code: int | None
    signal: str | None
    """`SIGSEGV`; None when it exited by itself."""
    pid: int | None
    sent: int
    handled: int
    malformed: int
    """Lines the engine put into quarantine."""
    error: str | None
    stderr_tail: str
    verdict: Verdict
    """The worst of all guarantees: `pass`, `unknown` or `fail`."""
    guarantees: Mapping[str, Judgement]
    """By name, with `.verdict` and `.reason`."""
    result: ScenarioResult
    """All of it: siblings, faults with their witnesses, the parent, the seed."""


class ChildStarter:
    """The callable that tests get."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._config = request.config
        self._transport = transport_of(request)
        self._test: str = request.node.name
        self._file = request.path
        self._inside = str(request.node.nodeid).partition("::")[2]

    def __call__(
        self,
        steps: Sequence[Mapping[str, Any]] = (),
        faults: Sequence[Mapping[str, Any]] = (),
        *,
        timeout: float | str | None = None,
        grace: float | str | None = None,
        siblings: int = 0,
        handlers: Mapping[str, Mapping[str, Any]] | None = None,
        seed: int | None = None,
        check: bool = True,
    ) -> ChildReport:
        """Run it; the docstring of the fixture says what it takes and when it raises."""
        __tracebackhide__ = True
        try:
            data = {"steps": steps, "faults": faults, **_durations(timeout=timeout, grace=grace)}
            scenario = self._scenario(data, siblings, handlers or {}, seed)
        except ValueError as error:
            raise pytest.UsageError(str(error)) from None
        result = runner_of(self._config).run(scenario, self._transport, seed=seed)
        result = dataclasses.replace(result, reproduce=self._reproduce(result, given=seed is not None))
        if check:
            _raise_unless_kept(result)
        return _report(result)

    def _scenario(
        self, data: Mapping[str, Any], siblings: int, handlers: Mapping[str, Mapping[str, Any]], seed: int | None
    ) -> Scenario:
        """ValueError with every mistake, one a line."""
        from gostage_sim.scenario.loader import parse_child
        from gostage_sim.scenario.model import Scenario
        from gostage_sim.scenario.placement import transport_problems
        from gostage_sim.scenario.problems import ScenarioError

        mistakes = [*_number("siblings", siblings, _MOST_SIBLINGS), *_number("seed", seed or 0, _MOST_SEED)]
        child: Child | None = None
        try:
            child = parse_child(data, name=_NAME, folder=self._file.parent)
        except ScenarioError as error:
            mistakes += [str(error)]
        if child is not None:
            problems = transport_problems(child.faults, [self._transport])
            mistakes += [f"faults[{number}]: {problem}" for number, problem in problems]
        children = {} if child is None else {_NAME: child}
        if siblings and not mistakes:
            children["sibling"] = parse_child({"steps": _SIBLING_STEPS, "copies": siblings})
        found, wrong = _handlers(handlers, children, self._file.parent, complete=not mistakes)
        if child is None or mistakes or wrong:
            raise ValueError("\n".join([*mistakes, *wrong]))
        return Scenario.model_construct(
            name=self._test,
            children=children,
            handlers=found,
            timeout=max(_SCENARIO_S, child.timeout or 0.0),
            file=str(self._file),
        )

    def _reproduce(self, result: ScenarioResult, *, given: bool) -> str:
        here = self._config.invocation_params.dir
        file = self._file.relative_to(here) if self._file.is_relative_to(here) else self._file
        command = ["pytest", f"{file}::{self._inside}"]
        return shlex.join(command if given else [*command, "--gostage-seed", str(result.seed)])


def _durations(**given: float | str | None) -> dict[str, str]:
    """Texts with a unit, as in a file; a bare number is seconds."""
    return {
        name: value if isinstance(value, str) else f"{value:f}".rstrip("0").rstrip(".") + "s"
        for name, value in given.items()
        if value is not None
    }


def _number(name: str, value: object, most: int) -> list[str]:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most:
        return []
    return [f"{name}: found {value!r}; expected a whole number from 0 to {most}"]


def _handlers(
    data: Mapping[str, Mapping[str, Any]], children: Mapping[str, Child], folder: Path, *, complete: bool
) -> tuple[dict[str, Handler], list[str]]:
    """Read as a file's `handlers:` beside these children; `complete` when there are no others."""
    from gostage_sim.scenario.positions import read_python
    from gostage_sim.scenario.reader import Reader

    document = read_python({"handlers": data})
    reader = Reader(document, fault_kinds={}, guarantee_names=(), folder=folder)
    return reader.handlers(document.data, children, complete=complete), list(map(str, document.problems))


def _raise_unless_kept(result: ScenarioResult) -> None:
    __tracebackhide__ = True
    from gostage_sim.guarantees.contract import Verdict
    from gostage_sim.report.lines import failure, text

    bad = tuple(
        judgement
        for judgement in result.guarantees
        if judgement.verdict is Verdict.FAIL
        or (judgement.verdict is Verdict.UNKNOWN and judgement.name not in _WITNESS_IS_THE_TESTS)
    )
    if bad:
        shown = dataclasses.replace(result, guarantees=bad, verdict=Verdict.worst([each.verdict for each in bad]))
        raise AssertionError("\n".join(map(text, failure(shown))))


def _report(result: ScenarioResult) -> ChildReport:
    # No children at all when the observer was lost; then every guarantee is unknown, and only check=False comes here.
    child = next((child for child in result.children if child.name == _NAME), None)
    return ChildReport(
        outcome=child.outcome if child else None,
        exit_code=child.exit_code if child else None,
        signal=child.signal if child else None,
        pid=child.pid if child else None,
        sent=child.sent if child else 0,
        handled=child.handled if child else 0,
        malformed=child.malformed if child else 0,
        error=child.error if child else None,
        stderr_tail=child.stderr_tail if child else "",
        verdict=result.verdict,
        guarantees={judgement.name: judgement for judgement in result.guarantees},
        result=result,
    )
