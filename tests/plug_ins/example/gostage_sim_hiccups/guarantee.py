"""Guarantee `hiccups-heard`: what a child says in a hiccup is handled as anything else."""

from __future__ import annotations

from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.history.model import History, Messages


class HiccupsHeard:
    """Handlers see every hiccup of every child."""

    name = "hiccups-heard"
    holds_when = "as many hiccups of each child were handled as it had sent"
    counts_only_if = "some child had one"

    def applies(self, history: History) -> bool:
        return any(fault.kind == "hiccup" for fault in history.faults)

    def judge(self, history: History) -> Judgement:
        sent = {child.name: _hiccups(child.sent) for child in history.children}
        for child in history.children:
            handled = _hiccups(child.handled)
            if handled != sent[child.name]:
                reason = f"{handled} hiccups of {child.name} handled, {sent[child.name]} sent"
                return Judgement(self.name, Verdict.FAIL, reason, {"sent": sent})
        if not any(sent.values()):
            return Judgement(self.name, Verdict.UNKNOWN, "no child had a hiccup")
        return Judgement(self.name, Verdict.PASS, f"{sum(sent.values())} hiccups handled", {"sent": sent})


def _hiccups(messages: Messages) -> int:
    return sum(messages.type_of(index) == "hiccup" for index in range(len(messages)))
