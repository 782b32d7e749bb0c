"""What is compared with what, and what is to be reached.

The contenders of a group run in turn, A B C A B C, and the median of the rounds' ratios counts: a machine that is busy
for a moment slows all of a round, not one side of a result. Figures without a second contender are medians as well.
"""

from __future__ import annotations

import compileall
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from gostage_sim.bench import INSTALLED_IN
from gostage_sim.bench.spawn.contenders import NOT_INSTALLED

KIB, MIB = 1024, 1024 * 1024
TIMEOUT_S = 300
LONG_TIMEOUT_S = 3600

Figures = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Measure:
    """One row: a contender, or the ratio of two, and the bound it is to keep; without one it is stated."""

    contender: str
    against: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    name: str = ""

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
    """`/s` messages a second, `MB/s`, `ms`, or `KiB` and `MiB` of memory."""
    measures: tuple[Measure, ...]
    long: bool = False

    def label(self, measure: Measure) -> str:
        return f"{self.work}: {measure.name or measure.contender.replace('_', ' ')}"

    def quantity(self, figure: float) -> float:
        """A contender's seconds or bytes in the unit of the group."""
        return {
            "/s": lambda: self.count / figure,
            "MB/s": lambda: self.count * max(70, self.size) / figure / 1e6,
            "ms": lambda: figure * 1000,
            "KiB": lambda: figure / KIB,
            "MiB": lambda: figure / MIB,
        }[self.unit]()


def _sized(work: str, count: int, size: int) -> Group:
    return Group(
        work,
        count,
        size,
        "MB/s",
        (
            Measure("send", "bare_loop", at_least=0.25),
            Measure("send_many", "bare_loop", at_least=0.75),
            Measure("send_many", "plain_pipe", name="send many against a plain pipe"),
        ),
    )


GROUPS = (
    Group(
        "70 bytes",
        300_000,
        70,
        "/s",
        (
            Measure("send", "bare_loop", at_least=0.25),
            Measure("send_many", "bare_loop", at_least=0.75),
            Measure("send", "multiprocessing_pipe", at_least=1.3, name="send against multiprocessing pipe"),
            *(
                Measure("send_many", other, at_least=1, name=f"send many against {other.replace('_', ' ')}")
                for other in (
                    "multiprocessing_pipe", "multiprocessing_queue", "process_pool_executor", "pebble_pool",
                    "loky_pool", "execnet_channel", "asyncio_lines",
                )
            ),
        ),
    ),
    _sized("256 bytes", 100_000, 256),
    _sized("4 KiB", 30_000, 4 * KIB),
    _sized("1 MiB", 200, MIB),
    Group(
        "first message",
        15,
        0,
        "ms",
        (
            Measure("start", "bare_start", at_most=2, name="spawn / python -c pass"),
            Measure("warm_start", "bare_start", at_most=0.5, name="warm spawn / python -c pass"),
            *(
                Measure("warm_start", other, at_most=1, name=f"warm spawn / {other.replace('_', ' ')}")
                for other in ("multiprocessing_forkserver", "process_pool_forkserver", "pebble_forkserver")
            ),
        ),
    ),
    Group("99th percentile", 100, 0, "ms", (Measure("killed", at_most=50, name="spawn returns after SIGKILL"),)),
    Group("99th percentile", 300, 0, "ms", (Measure("sibling", at_most=20, name="message while 4 siblings flood"),)),
    Group("1,000,000 messages", 1_000_000, 70, "MiB", (Measure("memory_growth", at_most=32, name="parent grows"),)),
    Group("500 at once", 500, 70, "KiB", (Measure("at_once", at_most=256, name="grows a child"),), long=True),
    Group("10,000 in turn", 10_000, 0, "KiB", (Measure("one_after_another", at_most=1024, name="grows"),), long=True),
)  # fmt: skip


class BenchError(Exception):
    """A contender did not run; the text says which and why."""


def quantity_of(group: Group, contender: str) -> float | None:
    """Run one contender, in a process of its own; None where its library is not installed."""
    done = subprocess.run(
        [sys.executable, "-m", "gostage_sim.bench.spawn.contenders", contender, str(group.count), str(group.size)],
        cwd=INSTALLED_IN,
        capture_output=True,
        text=True,
        timeout=LONG_TIMEOUT_S if group.long else TIMEOUT_S,
    )
    if done.returncode == NOT_INSTALLED:
        return None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word on stderr"])[-1]
        raise BenchError(f"contender {contender} ended with exit code {done.returncode}: {last}")
    return group.quantity(float(done.stdout))


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured for one row; `value` is the ratio, or the figure itself, None when there is none."""

    measure: Measure
    value: float | None
    figure: float | None
    against: float | None

    @classmethod
    def of(cls, measure: Measure, rounds: list[Figures]) -> Row:
        firsts = [taken for one in rounds if (taken := one[measure.contender]) is not None]
        if measure.against is None:
            figure = _median(firsts)
            return cls(measure, figure, figure, None)
        seconds = [taken for one in rounds if (taken := one[measure.against]) is not None]
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
        figures = [_shown(figure, group.unit) for figure in (self.figure, self.against)]
        return (
            f"{group.label(self.measure):<58} {figures[0]:>12} {figures[1]:>12} {ratio:>7}   "
            f"{self.measure.bound:<7}{self.mark}"
        )


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


def _shown(figure: float | None, unit: str) -> str:
    if figure is None:
        return "-"
    return f"{figure:,.0f}/s" if unit == "/s" else f"{figure:,.1f} {unit}"


def _chosen(only: str, long: bool) -> list[tuple[Group, list[Measure]]]:
    groups = []
    for group in GROUPS:
        measures = [measure for measure in group.measures if only.lower() in group.label(measure).lower()]
        if measures and (long or not group.long):
            groups.append((group, measures))
    return groups


def _show_nothing(text: str) -> None:
    pass


def main(
    *,
    rounds: int = 5,
    only: str = "",
    long: bool = False,
    show: Callable[[str], None] = print,
    progress: Callable[[str], None] = _show_nothing,
) -> int:
    """Run the measures whose name contains `only`; 0 when all bounds are kept, 1 otherwise, 2 when none was chosen."""
    chosen = _chosen(only, long)
    if not chosen:
        names = [f"  {group.label(m)}{' (--long)' * group.long}" for group in GROUPS for m in group.measures]
        show(f"no measure has {only!r} in its name; there are:\n" + "\n".join(names))
        return 2
    # As an installed package is: without bytecode every start would compile the engine.
    compileall.compile_dir(os.path.join(INSTALLED_IN, "gostage_sim"), quiet=2)
    show(f"{'measure':<58} {'ours':>12} {'against':>12} {'ratio':>7}   to reach")
    kept = True
    for group, measures in chosen:
        contenders = list(dict.fromkeys(name for m in measures for name in (m.contender, m.against) if name))
        taken: list[Figures] = []
        for number in range(1 if group.long else rounds):
            taken.append(figures := {})
            for name in contenders:
                progress(f"{group.work}, round {number + 1}: {name}")
                figures[name] = quantity_of(group, name)
        progress("")
        for measure in measures:
            row = Row.of(measure, taken)
            kept = kept and (row.value is None or measure.reached(row.value))
            show(row.line(group))
    return 0 if kept else 1
