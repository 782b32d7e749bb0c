"""`skip:` and `only_on:`: whether a scenario can run here, and if not, why not."""

from __future__ import annotations

import operator
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from platform import python_version, release

from gostage_sim.faults import memory_group, tmpfs
from gostage_sim.scenario.model import OnlyOn, Scenario
from gostage_sim.scenario.transports import Case

_Version = tuple[int, ...]
_OPERATORS: dict[str, Callable[[_Version, _Version], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True, slots=True)
class Here:
    """What `only_on` asks about."""

    platform: str = sys.platform
    root: bool = field(default_factory=lambda: os.geteuid() == 0)
    python: str = field(default_factory=python_version)
    kernel: str = field(default_factory=release)
    no_memory_group: Callable[[], str | None] = memory_group.why_impossible
    """Asked only where a scenario needs one, since it tries for real."""
    no_tmpfs: Callable[[], str | None] = tmpfs.why_impossible
    """The same."""


def split(cases: Iterable[Case], here: Here | None = None) -> tuple[list[Case], list[tuple[Case, str]]]:
    """The cases that can run here, and those that cannot, each with its reason."""
    here = here or Here()
    asked = [(case, why_skipped(case.scenario, case.transport, here)) for case in cases]
    return [case for case, why in asked if why is None], [(case, why) for case, why in asked if why is not None]


def why_skipped(scenario: Scenario, transport: str, here: Here) -> str | None:
    """The scenario's own reason, and what it lacks here; None when it can run."""
    if scenario.skip is not None:
        return scenario.skip
    lacking = ", ".join(_lacking(scenario.only_on, transport, here)) if scenario.only_on is not None else ""
    return f"{scenario.only_on.reason} (needs {lacking})" if scenario.only_on is not None and lacking else None


def _lacking(needs: OnlyOn, transport: str, here: Here) -> Iterator[str]:
    if needs.transports is not None and transport not in needs.transports:
        yield f"transport {' or '.join(needs.transports)}"
    if needs.platform is not None and here.platform not in needs.platform:
        yield f"platform {' or '.join(needs.platform)}; this is {here.platform}"
    if needs.root is not None and here.root is not needs.root:
        yield "root" if needs.root else "a user who is not root"
    if needs.memory_group and (why := here.no_memory_group()) is not None:
        yield f"a memory group; {why}"
    if needs.tmpfs and (why := here.no_tmpfs()) is not None:
        yield f"a tmpfs; {why}"
    for name, wanted, found in (("python", needs.python, here.python), ("kernel", needs.kernel, here.kernel)):
        if wanted is not None and not _within(found, wanted):
            yield f"{name} {wanted}; this is {found}"


def _within(found: str, wanted: str) -> bool:
    """`3.12.1` is within `>=3.11, <3.13`: compared as far as the bound is written, so `3.12.1` is `==3.12`."""
    for part in wanted.split(","):
        sign, version = re.fullmatch(r"\s*([<>=]+)\s*(\S+)\s*", part).groups()  # type: ignore[union-attr]  # as the model says
        bound = _numbers(version)
        if not _OPERATORS[sign](_numbers(found)[: len(bound)], bound):
            return False
    return True


def _numbers(version: str) -> _Version:
    """Of `6.1.0-13-amd64` what stands before the first thing that is no number."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, match[0].split("."))) if match else ()
