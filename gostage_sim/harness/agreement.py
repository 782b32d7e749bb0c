"""Compares the results of one scenario on its transports: they must tell the same story."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.guarantees.findings import Findings
from gostage_sim.harness.result import ChildResult, ScenarioResult
from gostage_sim.scenario.model import Scenario
from gostage_sim.scenario.transports import Case

_Key = tuple[str, str]


class TransportsAgree:
    """The same means: each child ended with the same outcome, exit code and signal, and handlers saw the same messages
    of it, in whatever order its threads sent them. What a scenario expects under `expect_on` may differ, and how many
    messages of a child were handled whose `spawn()` gave no result on either, because the parent was interrupted or
    killed; nothing else.

    A run judges it by itself, of every scenario that it runs on both, in the result of the last one.
    """

    name = "transports-agree"
    holds_when = "a scenario tells the same story on both transports, but for what stands under `expect_on`"
    counts_only_if = "the children of both runs are known"


class Agreement:
    """Give it every result of a run as it comes; it gives back those that can be told now.

    The last transport of a scenario is judged, so its result waits for the others. Which of them was ready first
    changes nothing.
    """

    def __init__(self, cases: Iterable[Case]) -> None:
        self._scenarios: dict[_Key, Scenario] = {}
        self._to_come: dict[_Key, list[str]] = {}
        self._known: dict[_Key, dict[str, ScenarioResult]] = {}
        for scenario, transport in cases:
            key = (scenario.file, scenario.name)
            self._scenarios[key] = scenario
            self._to_come.setdefault(key, []).append(transport)

    def take(self, result: ScenarioResult) -> Iterator[ScenarioResult]:
        """The results that this one completes; itself among them, unless it has to wait."""
        key = (result.file, result.scenario)
        transports = self._to_come.get(key, [])
        if len(transports) < 2:
            yield result
            return
        known = self._known.setdefault(key, {})
        known[result.transport] = result
        last = transports[-1]
        if result.transport != last:
            yield result
        if len(known) == len(transports):
            first = known[transports[0]]
            yield _with(known[last], _judge(self._scenarios[key], first, known[last]))
            del self._known[key]

    def left(self) -> list[ScenarioResult]:
        """Those that wait for a result that will not come."""
        return [known[self._to_come[key][-1]] for key, known in self._known.items() if self._to_come[key][-1] in known]


def _judge(scenario: Scenario, one: ScenarioResult, other: ScenarioResult) -> Judgement:
    findings = Findings()
    for result in (one, other):
        if not result.children:
            findings.missing.append(f"nothing is known of its children on {result.transport}")
    if findings.missing:
        return findings.judgement(TransportsAgree.name, "")
    others = {child.name: child for child in other.children}
    for child in one.children:
        declared = _declared(scenario, child.name)
        for what, seen, seen_there in _differences(child, others[child.name], declared):
            findings.violations.append(
                f"{what} of {child.name} {seen} on {one.transport} and {seen_there} on {other.transport}; "
                "what may differ stands under expect_on"
            )
    seen = f"{len(others)} of {len(others)} children told alike on {one.transport} and {other.transport}"
    return findings.judgement(TransportsAgree.name, seen, {"transports": [one.transport, other.transport]})


def _declared(scenario: Scenario, child: str) -> set[str]:
    """What is expected of this child on one transport in particular."""
    group = child.partition("[")[0]
    expectations = (there[group] for there in scenario.expect_on.values() if group in there)
    return {key for expected in expectations for key in expected.model_dump(exclude_none=True)}


def _differences(one: ChildResult, other: ChildResult, declared: set[str]) -> Iterator[tuple[str, str, str]]:
    for key in ("outcome", "exit_code", "signal"):
        seen, there = getattr(one, key), getattr(other, key)
        if seen != there and key not in declared:
            yield key.replace("_", " "), f"is {_shown(seen)}", _shown(there)
    if "handled" in declared or (one.outcome is None and other.outcome is None):
        return
    if one.handled != other.handled:
        yield "the messages", f"are {one.handled:,}", f"{other.handled:,}"
    elif one.handled_digest != other.handled_digest:
        yield "the messages", f"are {one.handled:,}", "as many others"


def _shown(value: object) -> str:
    return "none" if value is None else str(value)


def _with(result: ScenarioResult, judgement: Judgement) -> ScenarioResult:
    verdict = Verdict.worst([result.verdict, judgement.verdict])
    result = dataclasses.replace(result, verdict=verdict, guarantees=(*result.guarantees, judgement))
    if judgement.verdict is Verdict.PASS:
        return result
    worse = result.reason if verdict is not judgement.verdict else ""
    reason = worse or f"{TransportsAgree.name}: {judgement.reason}"
    repeat = result.reproduce.replace(f"--transport {result.transport}", "--transport all")
    return dataclasses.replace(result, reason=reason, reproduce=repeat)
