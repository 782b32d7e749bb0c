"""Guarantee `no-loss`: everything a child handed over is handled, however the child ended."""

from __future__ import annotations

import numpy as np

from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.streams import compare, name, without_journal
from gostage_sim.guarantees.wording import count, seconds
from gostage_sim.history.model import ChildHistory, History

#: "Just before death": a message written this long before the exit may still have been in the pipe.
JUST_BEFORE_NS = 1_000_000_000


class NoLoss:
    """Every message that was handed over when its child ended was seen by a handler.

    Over JSON that is one whose write had returned, by gRPC one that the parent had acknowledged. What was on its way at
    that moment may be handled or not. A child whose `spawn()` never returned is not
    judged: its messages may still be on their way. Where a fault killed the parent meanwhile, what was handled must be
    the beginning of what was sent, without a gap; how much of it no engine can say. A message at which the parent's own
    inbound middleware raised is not lost but rejected.
    """

    name = "no-loss"
    holds_when = "every message that a child had handed over was handled"
    counts_only_if = "some child sent a message within 1 s before its exit, as the kernel dated it"

    def applies(self, history: History) -> bool:
        return True

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        last_moment: dict[str, float] = {}
        judged = cut_short = 0
        for child in history.journalled:
            if child.spawned_ns is None:
                continue
            if child.returned_ns is None and history.killing is None:
                findings.missing.append(
                    f"spawn() of {child.name} never returned, so what it sent may still have been on its way"
                )
                continue
            streams = compare(child)
            missing = np.setdiff1d(streams.missing, child.rejected)
            if child.returned_ns is None or child.handler_exit is not None:
                # Nothing is handled any more behind the message at which the parent died or left.
                sent = streams.sent[streams.sent < child.handed_over]
                missing = missing[missing < np.setdiff1d(sent, missing).max(initial=-1)]
            if child.returned_ns is None:
                cut_short += 1
            else:
                judged += child.handed_over
            if len(missing):
                more = f"; {len(missing)} messages missing in all" if len(missing) > 1 else ""
                findings.violations.append(
                    f"{child.name} sent {name(child.sent, int(missing[0]))} and no handler saw it{more}"
                )
            span = _before_exit(child)
            if span is not None and span <= JUST_BEFORE_NS:
                last_moment[child.name] = span / 1e9
        if not last_moment:
            findings.missing.append("no child was seen to send a message within 1 s before its exit")
        seen = f"{count(judged, 'message')} handed over and handled"
        if last_moment:
            nearest = min(last_moment, key=lambda child: last_moment[child])
            seen += f", the last of {nearest} {seconds(int(last_moment[nearest] * 1e9))} before its exit"
        if cut_short:
            seen += f"; of {count(cut_short, 'spawn')} cut short when the parent was killed, a beginning without a gap"
        seen += without_journal(history)
        return findings.judgement(self.name, seen, {"last_message_before_exit_s": last_moment})


def _before_exit(child: ChildHistory) -> int | None:
    """From the last message handed over to the child's exit, when both were seen."""
    if child.exit is None or not child.handed_over:
        return None
    return max(0, child.exit.t_ns - int(child.sent.rows["t_ns"][child.handed_over - 1]))
