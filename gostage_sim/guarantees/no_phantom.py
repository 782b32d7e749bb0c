"""Guarantee `no-phantom`: nothing is handled that the child did not send."""

from __future__ import annotations

from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.one_runner import not_shared, spawns
from gostage_sim.guarantees.streams import compare, first_early, without_journal
from gostage_sim.guarantees.wording import count, plain
from gostage_sim.history.model import History


class NoPhantom:
    """Every message a handler sees was sent by the child it is attributed to, with that type and payload.

    A message whose payload changed on the way is a phantom, and the one it was before is lost. A message handled before
    it was sent was another child's that looks the same.
    """

    name = "no-phantom"
    holds_when = "no message of a child was handled that the child never sent"
    counts_only_if = "at least 2 children were spawned on the one runner, and messages were handled"

    def applies(self, history: History) -> bool:
        return True

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        handled = 0
        for child in history.journalled:
            streams = compare(child)
            handled += len(streams.handled)
            if not len(streams.invented):
                early = first_early(child, streams)
                if early is not None:
                    findings.violations.append(
                        f"{child.name} had not yet sent what was handled as its message {early + 1} "
                        f"({plain(child.handled.type_of(early))})"
                    )
                continue
            event = int(streams.invented[0])
            more = f"; {len(streams.invented)} phantoms in all" if len(streams.invented) > 1 else ""
            findings.violations.append(
                f"{child.name} never sent what was handled as its message {event + 1} "
                f"({plain(child.handled.type_of(event))}){more}"
            )
        findings.missing.extend(not_shared(history, handled))
        seen = f"{count(handled, 'message')} of {count(spawns(history), 'spawn')} on one runner, each one sent"
        seen += without_journal(history)
        return findings.judgement(self.name, seen, {"handled": handled, "spawns": spawns(history)})
