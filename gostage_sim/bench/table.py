"""The table of a bench: groups of contenders, measured in turn, each row with what is to be reached.

The contenders of a group run in turn, A B C A B C, and the median of the rounds' ratios counts: a machine that is busy
for a moment slows all of a round, not one side of a result. Figures without a second contender are medians as well.
"""

from __future__ import annotations

import compileall
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gostage_sim.bench import INSTALLED_IN
from gostage_sim.bench.contenders import NOT_INSTALLED

KIB, MIB = 1024, 1024 * 1024
TIMEOUT_S = 300
LONG_TIMEOUT_S = 3600

Figures = dict[str, float | None]
"""Of one round, by contender, and by `contender.figure` where a contender has more than its first one."""
UNITS = {"cpu": "µs/msg", "p50": "µs", "p99": "µs"}
"""Of the figures that have names: processor time a message, of parent and children, and percentiles of a time."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One row: a contender, or the ratio of two, and the bound it is to keep; without one it is stated."""

    contender: str
    against: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    name: str = ""
    figure: str = ""
    """Which one, of a contender with several; of both."""

    def of(self, contender: str) -> str:
        """The key of its figure."""
        return f"{contender}.{self.figure}" if self.figure else contender

    @property
    def bound(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return "" if self.at_most is None else f"≤ {self.at_most:g}"

    def reached(self, value: float) -> bool:
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


@dataclass(frozen=True, slots=True)
class Group:
    """Contenders on the same work, measured in turn; `unit` is what their figures are shown and compared as."""

    work: str
    count: int
    size: int
    unit: str
    """`/s` messages a second, `MB/s`, `µs/msg`, `µs`, `ms`, or `KiB` and `MiB` of memory."""
    measures: tuple[Measure, ...]
    long: bool = False

    def label(self, measure: Measure) -> str:
        return f"{self.work}: {measure.name or measure.contender.replace('_', ' ')}"

    def unit_of(self, measure: Measure) -> str:
        return UNITS.get(measure.figure, self.unit)

    def quantity(self, figure: float, unit: str) -> float:
        """A contender's seconds or bytes in this unit."""
        return {
            "/s": lambda: self.count / figure,
            "MB/s": lambda: self.count * max(70, self.size) / figure / 1e6,
            "µs/msg": lambda: figure / self.count * 1e6,
            "µs": lambda: figure * 1e6,
            "ms": lambda: figure * 1000,
            "KiB": lambda: figure / KIB,
            "MiB": lambda: figure / MIB,
        }[unit]()


class BenchError(Exception):
    """A contender did not run; the text says which and why."""


def taken(group: Group, contender: str) -> Figures:
    """Run one contender, in a process of its own; nothing but None where its library is not installed."""
    done = subprocess.run(
        [sys.executable, "-m", "gostage_sim.bench.contenders", contender, str(group.count), str(group.size)],
        cwd=INSTALLED_IN,
        capture_output=True,
        text=True,
        timeout=LONG_TIMEOUT_S if group.long else TIMEOUT_S,
    )
    if done.returncode == NOT_INSTALLED:
        return {contender: None}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word on stderr"])[-1]
        raise BenchError(f"contender {contender} ended with exit code {done.returncode}: {last}")
    figures: dict[str, float] = json.loads(done.stdout)
    return {
        f"{contender}.{name}" if name else contender: group.quantity(figure, UNITS.get(name, group.unit))
        for name, figure in figures.items()
    }


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured for one row; `value` is the ratio, or the figure itself, None when there is none."""

    measure: Measure
    value: float | None
    figure: float | None
    against: float | None

    @classmethod
    def of(cls, measure: Measure, rounds: list[Figures]) -> Row:
        firsts = [figure for one in rounds if (figure := one.get(measure.of(measure.contender))) is not None]
        if measure.against is None:
            median = _median(firsts)
            return cls(measure, median, median, None)
        seconds = [figure for one in rounds if (figure := one.get(measure.of(measure.against))) is not None]
        ratios = [first / second for first, second in zip(firsts, seconds, strict=False)]
        return cls(measure, _median(ratios), _median(firsts), _median(seconds))

    @property
    def mark(self) -> str:
        if self.value is None:
            return "not installed"
        if not self.measure.bound:
            return "stated"
        return "reached" if self.measure.reached(self.value) else "NOT REACHED"

    def line(self, group: Group) -> str:
        ratio = "-" if self.value is None or self.measure.against is None else f"{self.value:.2f}"
        figures = [_shown(figure, group.unit_of(self.measure)) for figure in (self.figure, self.against)]
        return (
            f"{group.label(self.measure):<58} {figures[0]:>14} {figures[1]:>14} {ratio:>7}   "
            f"{self.measure.bound:<7}{self.mark}"
        )


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


def _shown(figure: float | None, unit: str) -> str:
    if figure is None:
        return "-"
    return f"{figure:,.0f}/s" if unit == "/s" else f"{figure:,.1f} {unit}"


def _chosen(all_groups: Sequence[Group], only: str, long: bool) -> list[tuple[Group, list[Measure]]]:
    groups = []
    for group in all_groups:
        measures = [measure for measure in group.measures if only.lower() in group.label(measure).lower()]
        if measures and (long or not group.long):
            groups.append((group, measures))
    return groups


def _show_nothing(text: str) -> None:
    pass


def main(
    all_groups: Sequence[Group],
    *,
    rounds: int = 5,
    only: str = "",
    long: bool = False,
    show: Callable[[str], None] = print,
    progress: Callable[[str], None] = _show_nothing,
) -> int:
    """Run the measures whose name contains `only`; 0 when all bounds are kept, 1 otherwise, 2 when none was chosen."""
    chosen = _chosen(all_groups, only, long)
    if not chosen:
        names = [f"  {group.label(m)}{' (--long)' * group.long}" for group in all_groups for m in group.measures]
        show(f"no measure has {only!r} in its name; there are:\n" + "\n".join(names))
        return 2
    # As an installed package is: without bytecode every start would compile the engine.
    compileall.compile_dir(os.path.join(INSTALLED_IN, "gostage_sim"), quiet=2)
    show(f"{'measure':<58} {'ours':>14} {'against':>14} {'ratio':>7}   to reach")
    kept = True
    for group, measures in chosen:
        contenders = list(dict.fromkeys(name for m in measures for name in (m.contender, m.against) if name))
        all_rounds: list[Figures] = []
        for number in range(1 if group.long else rounds):
            all_rounds.append(figures := {})
            for name in contenders:
                progress(f"{group.work}, round {number + 1}: {name}")
                figures.update(taken(group, name))
        progress("")
        for measure in measures:
            row = Row.of(measure, all_rounds)
            kept = kept and (row.value is None or measure.reached(row.value))
            show(row.line(group))
    return 0 if kept else 1
