"""Compares the results of one scenario on its transports: they must tell the same story."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Self

from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.guarantees.findings import Findings
from gostage_sim.harness.result import ChildResult, ScenarioResult, many_times
from gostage_sim.scenario.model import Scenario
from gostage_sim.scenario.transports import Case

_Key = tuple[str, str]
#: By the key of a child in the file, what its results may differ in.
_MayDiffer = Mapping[str, Collection[str]]


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
        self._may_differ: dict[_Key, _MayDiffer] = {}
        self._to_come: dict[_Key, list[str]] = {}
        self._known: dict[_Key, dict[str, ScenarioResult]] = {}
        for scenario, transport in cases:
            self._expect(scenario.file, scenario.name, transport, may_differ(scenario))

    @classmethod
    def of_plans(cls, plans: Iterable[dict[str, Any]]) -> Self:
        """Of the cases that these plans are of, those of one scenario in the order of its transports."""
        made = cls(())
        for plan in plans:
            scenario = plan["scenario"]
            made._expect(scenario["file"], scenario["name"], plan["transport"], scenario["may_differ"])
        return made

    def _expect(self, file: str, name: str, transport: str, may_differ: _MayDiffer) -> None:
        self._may_differ[file, name] = may_differ
        self._to_come.setdefault((file, name), []).append(transport)

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
            yield _with(known[last], _judge(self._may_differ[key], first, known[last]))
            del self._known[key]

    def left(self) -> list[ScenarioResult]:
        """Those that wait for a result that will not come."""
        return [known[self._to_come[key][-1]] for key, known in self._known.items() if self._to_come[key][-1] in known]


def may_differ(scenario: Scenario) -> dict[str, list[str]]:
    """By the key of a child in the file, what is expected of it on one transport in particular."""
    found: dict[str, set[str]] = {}
    for there in scenario.expect_on.values():
        for group, expected in there.items():
            found.setdefault(group, set()).update(expected.model_dump(exclude_none=True))
    return {group: sorted(keys) for group, keys in found.items()}


def _judge(may_differ: _MayDiffer, one: ScenarioResult, other: ScenarioResult) -> Judgement:
    findings = Findings()
    for result in (one, other):
        if not result.children:
            findings.missing.append(f"nothing is known of its children on {result.transport}")
    if findings.missing:
        return findings.judgement(TransportsAgree.name, "")
    others = {child.name: child for child in other.children}
    for child in one.children:
        declared = may_differ.get(child.name.partition("[")[0], ())
        for what, seen, seen_there in _differences(child, others[child.name], declared):
            findings.violations.append(
                f"{what} of {child.name} {seen} on {one.transport} and {seen_there} on {other.transport}; "
                "what may differ stands under expect_on"
            )
    seen = f"{len(others)} of {len(others)} children told alike on {one.transport} and {other.transport}"
    return findings.judgement(TransportsAgree.name, seen, {"transports": [one.transport, other.transport]})


def _differences(one: ChildResult, other: ChildResult, declared: Collection[str]) -> Iterator[tuple[str, str, str]]:
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
    repeat = many_times(result.reproduce.replace(f"--transport {result.transport}", "--transport all"))
    return dataclasses.replace(result, reason=reason, reproduce=repeat)
