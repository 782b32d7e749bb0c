"""What a scenario would be with a little less in it, so that the least that fails can be looked for.

A scenario takes a second to run, so what is tried goes from large parts to small ones, and is not left to a shrinker of
choices: after Zeller's and Hildebrandt's delta debugging (https://doi.org/10.1109/32.988498), on the tree of the file.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from gostage_sim.scenario.positions import Path
from gostage_sim.strategies.parameters import Data

#: What says how a child is judged or ended, and is no part of what happens to it.
_KEPT = frozenset({"name", "transports", "timeout", "expect", "expect_verdict", "children", "steps", "faults", "at"})
#: A value that means nothing in parts.
_WHOLE = frozenset({"payload"})


def smaller(scenario: Data) -> Iterator[Data]:
    """Each with one thing less than this one, and one child alone before all others. Not all of them are scenarios:
    what is left of one may name what is there no more."""
    children = scenario["children"]
    if len(children) > 2:
        for name in children:
            yield {**scenario, "children": {name: children[name]}}
    for name in reversed(children):
        if len(children) > 1:
            yield _without(scenario, ("children", name))
    yield from (_without(scenario, path) for path in _items(scenario))
    yield from (_without(scenario, path) for path in _keys(scenario, ()))
    for path, number in _numbers(scenario, ()):
        for less in dict.fromkeys((1, number // 2, number - 1)):
            if 1 <= less < number:
                yield _with(scenario, path, less)


def _items(scenario: Data) -> Iterator[Path]:
    """Faults, then steps, the last ones first: an earlier one is what the later ones are counted from."""
    for key in ("faults", "steps"):
        for name, child in scenario["children"].items():
            for index in reversed(range(len(child.get(key, ())))):
                yield ("children", name, key, index)


def _keys(data: Any, path: Path) -> Iterator[Path]:
    """Of mappings, those that may be left out because a default stands in."""
    if isinstance(data, dict):
        named = path == ("children",) or (path and isinstance(path[-1], int))  # children; kinds of steps and faults
        for key, value in data.items():
            if not named and key not in _KEPT:
                yield (*path, key)
            if key not in _WHOLE:
                yield from _keys(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _keys(value, (*path, index))


def _numbers(data: Any, path: Path) -> Iterator[tuple[Path, int]]:
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            if key not in _WHOLE:
                yield from _numbers(value, (*path, key))
    elif isinstance(data, int) and not isinstance(data, bool) and data > 1:
        yield path, data


def _without(scenario: Data, path: Path) -> Data:
    found = copy.deepcopy(scenario)
    del _at(found, path[:-1])[path[-1]]
    return found


def _with(scenario: Data, path: Path, value: int) -> Data:
    found = copy.deepcopy(scenario)
    _at(found, path[:-1])[path[-1]] = value
    return found


def _at(data: Any, path: Path) -> Any:
    for key in path:
        data = data[key]
    return data
