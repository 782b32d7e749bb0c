"""Guarantee `bounded-memory`: the parent's memory does not grow with what children send."""

from __future__ import annotations

import numpy as np

from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.wording import count
from gostage_sim.history.model import ChildHistory, History
from gostage_sim.units import format_size

#: What a parent may grow by before any child speaks: threads, what is imported at the first spawn, gRPC's server and
#: its buffers.
BASE_BYTES = {"json": 8 << 20, "grpc": 24 << 20}
#: For each child: its session, one read buffer, what the allocator keeps.
PER_CHILD_BYTES = 1 << 20
#: For each child so many of its longest line: as bytes, decoded, in the hands of a handler, and being read.
LONGEST_LINES = 4
#: Of the bound must have been sent, or a parent that hoards everything would stay below it.
TIMES_SENT = 10
#: So often what the parent holds must have been counted while the children sent.
LEAST_SAMPLES = 3


class BoundedMemory:
    """The parent's anonymous memory never grows by more than 8 MiB by JSON, 24 MiB by gRPC, and 1 MiB and four of the
    longest line for each child, however much they send.

    It is judged where they sent ten times as much, and only there: less than that says nothing about a bound.
    """

    name = "bounded-memory"
    holds_when = "the parent's peak growth stayed under the bound, 8 MiB (gRPC: 24 MiB) and a little for each child"
    counts_only_if = (
        "children sent ten times the bound, one that sent most found no room for more, "
        f"and the parent's memory was counted {LEAST_SAMPLES} times meanwhile"
    )

    def applies(self, history: History) -> bool:
        """Where ten times the bound was sent, and to a parent that was not killed meanwhile."""
        return history.killing is None and _sent(history) >= TIMES_SENT * _bound(history)

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        bound, sent, growth = _bound(history), _sent(history), history.parent.memory_growth_bytes
        flooding = max(history.journalled, key=lambda child: child.handed_over_bytes)
        if growth is None:
            findings.missing.append("what the parent held was never counted")
        elif growth > bound:
            findings.violations.append(
                f"the parent grew by {format_size(growth)} while its children sent {format_size(sent)}; at most "
                f"{format_size(bound)} is expected"
            )
        if not flooding.waits:
            findings.missing.append(f"{flooding.name} always found room for what it wrote, so nothing held it back")
        samples = _samples_during(flooding, history)
        if samples < LEAST_SAMPLES:
            findings.missing.append(
                f"what the parent held was counted {count(samples, 'time')} while {flooding.name} sent; at least "
                f"{LEAST_SAMPLES} are needed"
            )
        seen = (
            f"{format_size(sent)} sent and the parent grew by {format_size(growth or 0)} of {format_size(bound)}; "
            f"{flooding.name} found no room for at least {count(flooding.waits, 'write')}"
        )
        evidence = {"growth_bytes": growth, "bound_bytes": bound, "sent_bytes": sent, "waits": flooding.waits}
        return findings.judgement(self.name, seen, evidence)


def _bound(history: History) -> int:
    children = sum(PER_CHILD_BYTES + LONGEST_LINES * child.longest_below for child in history.children)
    return BASE_BYTES[history.transport] + children


def _sent(history: History) -> int:
    """What surely left the children, in bytes."""
    return sum(child.handed_over_bytes for child in history.journalled)


def _samples_during(child: ChildHistory, history: History) -> int:
    """How often the parent's memory was counted between the child's first message and its last."""
    times = child.sent.rows["t_ns"]
    taken = np.array([sample.t_ns for sample in history.parent.samples], np.uint64)
    return int(np.count_nonzero((taken >= times[0]) & (taken <= times[-1]))) if len(times) else 0
