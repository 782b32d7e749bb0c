"""Guarantee `no-duplicate`: no message is handled more often than it was sent."""

from __future__ import annotations

from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.one_runner import not_shared, spawns
from gostage_sim.guarantees.streams import compare, times, without_journal
from gostage_sim.guarantees.wording import count, plain
from gostage_sim.history.model import History


class NoDuplicate:
    """Each message sent is handled at most once.

    Messages alike in type and payload are counted: two of them sent and three handled is one duplicate.
    """

    name = "no-duplicate"
    holds_when = "no message of a child was handled more often than the child sent it"
    counts_only_if = "at least 2 children were spawned on the one runner, and messages were handled"

    def applies(self, history: History) -> bool:
        return True

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        handled = 0
        for child in history.journalled:
            streams = compare(child)
            handled += len(streams.handled)
            if not len(streams.doubled):
                continue
            event = int(streams.doubled[0])
            kind, crc = child.handled.type_of(event), int(child.handled.rows["crc"][event])
            more = f"; {len(streams.doubled)} duplicates in all" if len(streams.doubled) > 1 else ""
            findings.violations.append(
                f"{child.name} sent a message ({plain(kind)}) {count(times(child.sent, kind, crc), 'time')} and it was "
                f"handled {count(times(child.handled, kind, crc), 'time')}, again as handled message {event + 1}{more}"
            )
        findings.missing.extend(not_shared(history, handled))
        seen = f"{count(handled, 'message')} of {count(spawns(history), 'spawn')} on one runner, none handled twice"
        seen += without_journal(history)
        return findings.judgement(self.name, seen, {"handled": handled, "spawns": spawns(history)})
