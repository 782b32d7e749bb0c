"""Guarantee `as-expected`: what the scenario's own `expect:` says of its children."""

from __future__ import annotations

import json
import re
from typing import Any

from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.of_the_run import check_run
from gostage_sim.guarantees.ranges import bounds, within
from gostage_sim.guarantees.wording import count, plain, quoted
from gostage_sim.history.model import ChildHistory, History, SpawnReport


class AsExpected:
    """Each child named in `expect:`, and each of its copies, ended as written there; the run as `expect_run:` says.

    What is not written is not checked. `handled` counts the messages of steps and faults that handlers saw, the
    engine's own left out; `malformed` the lines in quarantine; `handler_errors` what the engine recorded of
    them, the first hundred at most; `error` and `stderr` are parts of the child's error text and of the end of its
    stderr, or patterns that match there; `final_store` are some of the keys that came back, with their values; `raises`
    is what a handler raised and `spawn()` let through instead of a result.
    """

    name = "as-expected"
    holds_when = "every expectation of the scenario is met"
    counts_only_if = "spawn() returned for every child that something is expected of"

    def applies(self, history: History) -> bool:
        return bool(history.expect_run) or any(_expectations(child) for child in history.children)

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        met: dict[str, list[str]] = {}
        for child in history.children:
            expected = _expectations(child)
            if not expected:
                continue
            met[child.name] = sorted(expected)
            if child.spawned_ns is None:
                findings.missing.append(f"{child.name} was never spawned, so nothing of it is known")
                continue
            _check_handled(child, expected, findings)
            if "raises" in expected or child.handler_exit is not None:
                _check_raises(child, expected, findings)
            elif child.report is None and history.killing is not None and not expected.keys() - {"handled"}:
                continue  # a parent that was killed says no more
            elif child.report is None:
                findings.missing.append(f"spawn() of {child.name} never returned, so how it ended is not known")
            else:
                _check_report(child.name, child.report, expected, findings)
        if history.expect_run:
            met["the run"] = sorted(history.expect_run)
            check_run(history, findings)
        checked = sum(len(keys) for keys in met.values())
        seen = f"{count(checked, 'expectation')} of {', '.join(list(met)[:5])} met"
        return findings.judgement(self.name, seen, {"checked": met})


def _expectations(child: ChildHistory) -> dict[str, Any]:
    return {key: value for key, value in child.expect.items() if value is not None}


def _check_handled(child: ChildHistory, expected: dict[str, Any], findings: Findings) -> None:
    handled = child.handled.by_application()
    if "handled" in expected and not within(handled, expected["handled"]):
        findings.violations.append(
            f"{count(handled, 'message')} of {child.name} handled, {bounds(expected['handled'])} expected"
        )


def _check_raises(child: ChildHistory, expected: dict[str, Any], findings: Findings) -> None:
    left = child.handler_exit
    if left is None and child.report is None:
        findings.missing.append(f"spawn() of {child.name} never returned, so what came out of it is not known")
    elif left is None:
        findings.violations.append(f"spawn() of {child.name} returned a result, {expected['raises']} expected")
    elif "raises" not in expected:
        findings.violations.append(f"{plain(left.error)} came out of spawn() of {child.name}, a result expected")
    elif left.error.partition(":")[0] != expected["raises"]:
        findings.violations.append(
            f"{plain(left.error)} came out of spawn() of {child.name}, {expected['raises']} expected"
        )


def _check_report(name: str, report: SpawnReport, expected: dict[str, Any], findings: Findings) -> None:
    for key in ("outcome", "exit_code", "signal"):
        seen = getattr(report, key)
        if key in expected and seen != expected[key]:
            shown = plain(seen) if isinstance(seen, str) else seen
            findings.violations.append(
                f"{key.replace('_', ' ')} of {name} is {'none' if seen is None else shown}, {expected[key]} expected"
            )
    if "malformed" in expected and not within(report.malformed_count, expected["malformed"]):
        findings.violations.append(
            f"{count(report.malformed_count, 'line')} of {name} in quarantine, {bounds(expected['malformed'])} expected"
        )
    if "handler_errors" in expected and not within(report.handler_errors, expected["handler_errors"]):
        findings.violations.append(
            f"{count(report.handler_errors, 'error')} of handlers of {name} recorded, "
            f"{bounds(expected['handler_errors'])} expected"
        )
    for key, text in (("error", report.error_message or ""), ("stderr", report.stderr_tail)):
        if key in expected and (wanted := _not_found(expected[key], text)) is not None:
            findings.violations.append(f"{key} of {name} is {quoted(text)}, a text {wanted} expected")
    if "final_store" in expected:
        _check_store(name, report.final_store, expected["final_store"], findings)


def _not_found(expected: str | dict[str, str], text: str) -> str | None:
    """What a text should have had, that was to contain a part or to match a pattern; None when it has it."""
    if isinstance(expected, str):
        return None if expected in text else f"with {quoted(expected)}"
    pattern = expected["matches"]
    return None if re.search(pattern, text) is not None else f"that matches {quoted(pattern)}"


def _check_store(name: str, store: dict[str, Any] | None, expected: dict[str, Any], findings: Findings) -> None:
    if store is None:
        findings.missing.append(f"the final store of {name} was too large to be recorded")
        return
    for key, value in expected.items():
        wanted = _as_json(value)
        if key not in store:
            findings.violations.append(f"the final store of {name} has no {quoted(key)}, {plain(wanted)} expected")
        elif (seen := _as_json(store[key])) != wanted:
            findings.violations.append(
                f"{quoted(key)} in the final store of {name} is {plain(seen)}, {plain(wanted)} expected"
            )


def _as_json(value: Any) -> str:
    """A text that tells 1 from true and from 1.0, as Python's own comparison does not."""
    return json.dumps(value, sort_keys=True)
