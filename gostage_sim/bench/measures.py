"""What is compared with what, and what is to be reached.

Each measure runs its contenders one after another, several rounds in turn, and takes the median of the rounds' ratios:
a machine that is busy for a moment slows both sides of a round, not one side of the result.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Measure:
    """One row: `ratio(first, second)` of two contenders, and the bound it is to keep."""

    name: str
    contender: str
    against: str | None
    count: int
    bound: float
    at_least: bool
    rate: bool
    """Whether the contenders' seconds are shown and compared as messages per second."""

    def reached(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound


MEASURES = (
    Measure("send_many / bare loop", "send_many", "bare_loop", 300_000, 0.5, True, True),
    Measure("send / multiprocessing.Pipe", "send", "multiprocessing_pipe", 150_000, 1.3, True, True),
    Measure("send / multiprocessing.Queue", "send", "multiprocessing_queue", 150_000, 1.3, True, True),
    Measure("spawn to first message / python -c pass", "start", "bare_start", 15, 2.5, False, False),
    Measure("parent memory through 1,000,000 messages, MiB", "memory_growth", None, 1_000_000, 32, False, False),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One measured row. `first` and `second` are medians: messages per second, seconds, or bytes."""

    measure: Measure
    value: float
    first: float
    second: float | None

    @property
    def reached(self) -> bool:
        return self.measure.reached(self.value)


class BenchError(Exception):
    """A contender did not run; the text says which and why."""


def run(measure: Measure, rounds: int) -> Row:
    """Measure one row, `rounds` times."""
    values, firsts, seconds = [], [], []
    for _ in range(rounds if measure.against else 1):
        first = _quantity(measure, measure.contender)
        firsts.append(first)
        if measure.against is None:
            values.append(first / MIB)
            continue
        second = _quantity(measure, measure.against)
        seconds.append(second)
        values.append(first / second)
    return Row(
        measure,
        statistics.median(values),
        statistics.median(firsts),
        statistics.median(seconds) if seconds else None,
    )


def _quantity(measure: Measure, contender: str) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "gostage_sim.bench.contenders", contender, str(measure.count)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word on stderr"])[-1]
        raise BenchError(f"contender {contender} ended with exit code {done.returncode}: {last}")
    figure = float(done.stdout)
    return measure.count / figure if measure.rate else figure


def main(*, rounds: int = 5, only: str = "", show: Callable[[str], None] = print) -> int:
    """Run the measures whose name contains `only`; 0 when all bounds are kept, 1 otherwise, 2 when none was chosen."""
    chosen = [measure for measure in MEASURES if only.lower() in measure.name.lower()]
    if not chosen:
        show(f"no measure has {only!r} in its name; there are:\n" + "\n".join(f"  {m.name}" for m in MEASURES))
        return 2
    show(f"{'measure':<48} {'ours':>12} {'against':>12} {'ratio':>7}   to reach")
    rows = []
    for measure in chosen:
        row = run(measure, rounds)
        rows.append(row)
        show(_line(row))
    return 0 if all(row.reached for row in rows) else 1


def _line(row: Row) -> str:
    measure = row.measure
    bound = f"{'≥' if measure.at_least else '≤'} {measure.bound:g}"
    mark = "reached" if row.reached else "NOT REACHED"
    shown = [_figure(measure, value) for value in (row.first, row.second)]
    return f"{measure.name:<48} {shown[0]:>12} {shown[1]:>12} {row.value:>7.2f}   {bound} {mark}"


def _figure(measure: Measure, value: float | None) -> str:
    if value is None:
        return "-"
    if measure.rate:
        return f"{value:,.0f}/s"
    return f"{value * 1000:.1f} ms" if measure.against else f"{value / MIB:.1f} MiB"
