"""What a scenario expects of the whole run (`expect_run:`), as `as-expected` judges it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.ranges import bounds, within
from gostage_sim.guarantees.wording import count
from gostage_sim.history.model import ChildHistory, History
from gostage_sim.units import format_duration, format_size

#: Those that the harness adds; nothing is expected of them.
_ADDED = ("recovery", "fresh")


def check_run(history: History, findings: Findings) -> None:
    """Every key of `history.expect_run`."""
    children = [child for child in history.children if child.role not in _ADDED]
    for key, expected in history.expect_run.items():
        measure, what, shown = _MEASURES[key]
        seen = measure(history, children)
        if isinstance(seen, str):
            findings.missing.append(seen)
        elif not within(seen, expected):
            findings.violations.append(f"{what(seen)} in all, {bounds(expected, shown)} expected")


def _handled(history: History, children: list[ChildHistory]) -> int:
    return sum(child.handled.by_application() for child in children)


def _reported(name: str) -> Callable[[History, list[ChildHistory]], int | str]:
    def total(history: History, children: list[ChildHistory]) -> int | str:
        for child in children:
            if child.report is None:
                return f"there is no result of {child.name}, so how much there is in all is not known"
        return sum(int(getattr(child.report, name)) for child in children)

    return total


def _at_the_server(name: str) -> Callable[[History, list[ChildHistory]], int | str]:
    def total(history: History, children: list[ChildHistory]) -> int | str:
        found = getattr(history.parent, name)
        if history.transport == "json":
            return 0
        if found is None or not history.parent.finished:
            return f"the parent did not say how many {name.replace('_', ' ')} there were"
        return int(found)

    return total


def _memory_growth(history: History, children: list[ChildHistory]) -> int | str:
    grown = history.parent.memory_growth_bytes
    return "what the parent held was never counted" if grown is None else grown


def _duration(history: History, children: list[ChildHistory]) -> float | str:
    begun, ended = [child.spawned_ns for child in children], [child.returned_ns for child in children]
    if None in begun or None in ended:
        return "not every spawn began and returned, so how long they took is not known"
    return (max(each for each in ended if each is not None) - min(each for each in begun if each is not None)) / 1e9


def _plain(number: Any) -> str:
    return f"{number:,}"


_MEASURES: dict[
    str,
    tuple[
        Callable[[History, list[ChildHistory]], float | str],
        Callable[[Any], str],
        Callable[[Any], str],
    ],
] = {
    "handled": (_handled, lambda n: f"{count(n, 'message')} handled", _plain),
    "malformed": (_reported("malformed_count"), lambda n: f"{count(n, 'line')} in quarantine", _plain),
    "handler_errors": (_reported("handler_errors"), lambda n: f"{count(n, 'error')} of handlers recorded", _plain),
    "refused_calls": (_at_the_server("refused_calls"), lambda n: f"{count(n, 'call')} refused", _plain),
    "strangers": (_at_the_server("strangers"), lambda n: f"{count(n, 'stranger')}", _plain),
    "memory_growth": (_memory_growth, lambda n: f"the parent grew by {format_size(n)}", format_size),
    "duration": (_duration, lambda s: f"the children took {format_duration(s)}", format_duration),
}
