"""What a fuzz run says at a terminal, and what stands above a scenario that it found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gostage_sim.fuzz.shrink import Found
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report.escape import visible_line
from gostage_sim.report.run_report import Run
from gostage_sim.units import format_duration


def opening(run: Run, budget_s: float) -> str:
    """`for 5m, transport all, 2 workers, seed 17`."""
    workers = _count(run.workers, "worker")
    return f"for {format_duration(budget_s)}, transport {run.transport}, {workers}, seed {run.seed}"


def progress(results: Sequence[ScenarioResult], left_s: float) -> str:
    """`12 scenarios: 11 pass, 1 unknown; 2m left`."""
    counts = {verdict: sum(result.verdict is verdict for result in results) for verdict in Verdict}
    shown = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    return f"{_count(len(results), 'scenario')}: {shown}; {max(0, round(left_s))} s left"


def shrinking(found: Found) -> str:
    """`making it small: 14 tried; 2 children, 1 fault, 3 steps`."""
    return f"making it small: {found.tried} tried; {size(found.data)}"


def size(data: dict[str, Any]) -> str:
    """`2 children, 1 fault, 3 steps`; copies count as children."""
    children = data["children"].values()
    copies = sum(child.get("copies", 1) for child in children)
    faults = sum(len(child.get("faults", ())) for child in children)
    steps = sum(len(child["steps"]) for child in children)
    return f"{_count(copies, 'child', 'children')}, {_count(faults, 'fault')}, {_count(steps, 'step')}"


def of_found(found: Found, file: str) -> Iterable[str]:
    """The lines at the end of a search that found something."""
    yield f"found: {visible_line(file)}: {size(found.data)}; fails {found.failed} of {found.of}"
    yield f"  {visible_line(found.result.reason)}"
    yield f"  repeat: {visible_line(found.result.reproduce)}"


def heading(found: Found, *, seed: int, planted: str | None) -> str:
    """Comments of a scenario file."""
    rate = f"fails {found.failed} of {found.of}, with seed {seed}"
    engine = "" if planted is None else f", of an engine with the planted bug {planted!r}; the engine as it is may pass"
    return f"# Found by gostage-sim fuzz: {rate}{engine}.\n# {visible_line(found.result.reason)}\n"


def _count(number: int, noun: str, nouns: str | None = None) -> str:
    return f"{number} {noun if number == 1 else nouns or noun + 's'}"
