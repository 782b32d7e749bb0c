"""The benches of children and of transports: their table and their contenders, never their speed."""

from __future__ import annotations

import json
import math
import re
import resource
import subprocess
import sys
import time

import pytest

from gostage_sim.bench import table
from gostage_sim.bench.contenders import CONTENDERS, NOT_INSTALLED, contender
from gostage_sim.bench.processor import ProcessorTime
from gostage_sim.bench.spawn.measures import GROUPS as SPAWN
from gostage_sim.bench.table import Group, Measure, Row
from gostage_sim.bench.transport.measures import GROUPS as TRANSPORT


def taken(name: str, count: int, size: int = 70) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gostage_sim.bench.contenders", name, str(count), str(size)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("name", CONTENDERS)
def test_every_contender_runs(name: str) -> None:
    """Each does its work with a few messages or children and prints figures, or says which library is missing."""
    done = taken(name, 24)
    if done.returncode == NOT_INSTALLED:
        assert done.stderr.startswith("No module named ")
    else:
        assert done.returncode == 0, done.stderr
        figures = json.loads(done.stdout)
        assert "" in figures
        assert all(map(math.isfinite, figures.values()))
        assert all(figure > 0 for key, figure in figures.items() if key)


def test_every_contender_is_measured() -> None:
    """No contender is left over, and no measure names one that is not there."""
    named = {
        name
        for group in (*SPAWN, *TRANSPORT)
        for m in group.measures
        for name in (m.contender, m.against)
        if name is not None
    }
    assert named == set(CONTENDERS)
    assert all(callable(contender(name)) for name in CONTENDERS)


@pytest.mark.parametrize("groups", [SPAWN, TRANSPORT], ids=["spawn", "transport"])
def test_names_are_unique(groups: tuple[Group, ...]) -> None:
    """Every row of a table has a name of its own."""
    labels = [group.label(measure) for group in groups for measure in group.measures]
    assert len(labels) == len(set(labels))


GROUP = Group("70 bytes", 1000, 70, "/s", ())


@pytest.mark.parametrize(
    ("measure", "rounds", "end"),
    [
        (Measure("send", "bare_loop", at_least=0.25), [(1, 2), (3, 4), (1, 1)], "1/s 2/s 0.75 ≥ 0.25 reached"),
        (Measure("send", "bare_loop", at_least=0.9), [(1, 2)], "1/s 2/s 0.50 ≥ 0.9 NOT REACHED"),
        (Measure("send", "bare_loop", at_most=2), [(4, 2)], "4/s 2/s 2.00 ≤ 2 reached"),
        (Measure("send", "bare_loop"), [(4, 2)], "4/s 2/s 2.00 stated"),
        (Measure("send"), [(4, 2)], "4/s - - stated"),
        (Measure("send", "bare_loop", at_least=1), [(4, None)], "4/s - - ≥ 1 not installed"),
    ],
)  # fmt: skip
def test_lines(measure: Measure, rounds: list[tuple[float, float | None]], end: str) -> None:
    """The median of the rounds' ratios is shown with what is to be reached, and whether it is."""
    row = Row.of(measure, [{"send": first, "bare_loop": second} for first, second in rounds])
    assert row.line(GROUP).split() == ["70", "bytes:", "send", *end.split()]


@pytest.mark.parametrize(
    ("unit", "figure", "quantity"),
    [
        ("/s", 0.5, 2000),
        ("MB/s", 0.5, 0.14),
        ("ms", 0.5, 500),
        ("KiB", 2048, 2),
        ("µs/msg", 0.5, 500),
        ("µs", 0.5, 500_000),
    ],
)
def test_units(unit: str, figure: float, quantity: float) -> None:
    """Seconds and bytes become what the table shows."""
    assert Group("w", 1000, 70, unit, ()).quantity(figure, unit) == pytest.approx(quantity)


def test_a_table() -> None:
    """A header, a row for each measure, progress while it runs; the code says whether all bounds were kept."""
    lines: list[str] = []
    seen: list[str] = []
    code = table.main(SPAWN, rounds=1, only="first message: spawn", show=lines.append, progress=seen.append)
    assert lines[0].split() == ["measure", "ours", "against", "ratio", "to", "reach"]
    assert lines[1].startswith("first message: spawn / python -c pass ")
    assert code == ("NOT REACHED" in lines[1])
    assert seen == ["first message, round 1: start", "first message, round 1: bare_start", ""]


def test_named_figures() -> None:
    """A contender's other figures make rows of their own, in their own units, compared by name."""
    lines: list[str] = []
    group = Group("w", 24, 70, "/s", (Measure("json_each", "json_each_of_8", name="row", figure="p99"),))
    table.main([group], rounds=1, show=lines.append)
    assert re.fullmatch(r"w: row +[\d.,]+ µs +[\d.,]+ µs +[\d.]+ +stated", lines[1])


def test_processor_time() -> None:
    """What a child did before does not count, what it does until its end does, and so does what this process does."""
    work = "n = 0\nwhile n < 3_000_000: n += 1\n"
    with subprocess.Popen(
        [sys.executable, "-c", f"{work}print(flush=True)\ninput()\n{work}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        before, children = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        processor = ProcessorTime([child.pid])
        child.communicate(b"\n")
    exec(work)
    own = time.process_time() - before
    whole = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - children
    assert own < processor.spent_s() < own + 0.9 * whole


def test_nothing_chosen() -> None:
    """A name that no measure has is answered with those there are."""
    lines: list[str] = []
    assert table.main(SPAWN, only="xyz", show=lines.append) == 2
    assert lines[0].startswith(
        "no measure has 'xyz' in its name; there are:\n  70 bytes: send\n  70 bytes: send many\n"
    )
    assert "500 at once: grows a child (--long)" in lines[0]


def test_a_contender_that_fails() -> None:
    """A contender that ends with an error ends the bench with its name and the last line of what it said."""
    with pytest.raises(table.BenchError) as caught:
        table.taken(Group("w", 20, -1, "/s", ()), "nobody")
    assert str(caught.value) == "contender nobody ended with exit code 1: KeyError: 'nobody'"
