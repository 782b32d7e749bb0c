"""A sibling against itself in the run without the faults, as `siblings-unharmed` judges it."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.streams import compare, times_of
from gostage_sim.guarantees.wording import count, ending, plain
from gostage_sim.history.model import ENGINE_TYPES, ChildHistory, History, SpawnReport

#: By how much the 99th percentile of a sibling's delays from send to handler may exceed that without the faults.
SLOWER_BOUND_S = 2.0


def compare_with_twin(child: ChildHistory, twin: History, findings: Findings) -> dict[str, float]:
    """Same end, same messages, and handled not much later; returns the delays without the faults, in seconds."""
    alone = next((other for other in twin.children if other.name == child.name), None)
    if alone is None or alone.report is None or alone.report.outcome != "completed":
        findings.missing.append(f"{child.name} did not complete without the faults, so nothing can be compared")
        return {}
    if child.report is not None and _end(child.report) != _end(alone.report):
        findings.violations.append(
            f"{child.name} ended as {_end(child.report)}, and as {_end(alone.report)} without the faults"
        )
    _check_messages(child, alone, findings)
    return _check_delays(child, alone, findings)


def _end(report: SpawnReport) -> str:
    return f"{plain(report.outcome)}, {ending(report.exit_code, report.signal)}"


def _check_messages(child: ChildHistory, alone: ChildHistory, findings: Findings) -> None:
    # The content of what a user's action sends may be another each time.
    ours, theirs = (_counted(each, by_content=child.expected_messages is not None) for each in (child, alone))
    differing = sorted(key for key in ours.keys() | theirs.keys() if ours[key] != theirs[key])
    if differing:
        (kind, _), found, expected = differing[0], ours[differing[0]], theirs[differing[0]]
        findings.violations.append(
            f"{count(found, 'message')} ({plain(kind)}) of {child.name} handled, and {expected:,} of that kind without "
            "the faults"
        )


def _counted(child: ChildHistory, *, by_content: bool) -> Counter[tuple[str, int]]:
    """How many messages of each type, and of each content, were handled; the engine's own left out."""
    rows, types = child.handled.rows, child.handled.types
    kinds, crcs = rows["type"].tolist(), rows["crc"].tolist() if by_content else [0] * len(rows)
    return Counter((types[kind], crc) for kind, crc in zip(kinds, crcs, strict=True) if types[kind] not in ENGINE_TYPES)


def _check_delays(child: ChildHistory, alone: ChildHistory, findings: Findings) -> dict[str, float]:
    delays, before = _delays(child), _delays(alone)
    if not len(delays) or not len(before):
        return {}
    slow, slow_alone = (float(np.percentile(each, 99)) / 1e9 for each in (delays, before))
    if slow - slow_alone > SLOWER_BOUND_S:
        findings.violations.append(
            f"1 of 100 messages of {child.name} waited {slow:.3f} s or more for its handler, and {slow_alone:.3f} s "
            f"without the faults; at most {SLOWER_BOUND_S:.3f} s more is expected"
        )
    return {"max_delay_alone_s": float(before.max()) / 1e9, "p99_delay_alone_s": slow_alone}


def _delays(child: ChildHistory) -> NDArray[np.int64]:
    """From send to handler, of each message that can be paired, in nanoseconds."""
    streams = compare(child)
    both = min(len(streams.sent), len(streams.handled))
    return times_of(child.handled, streams.handled[:both]) - times_of(child.sent, streams.sent[:both])
