"""Guarantee `fault-fired`: what a scenario planned did happen; otherwise no other pass means anything."""

from __future__ import annotations

from gostage_sim.faults import fault_kind
from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.wording import count, plain
from gostage_sim.history.model import ChildHistory, FaultRecord, History


class FaultFired:
    """Every planned fault was armed in its child, fired at its point, and left the witness that its kind asks for.

    A fault that did not happen is nobody's failure, but nothing was proved: the verdict is `unknown`.
    """

    name = "fault-fired"
    holds_when = "every planned fault was armed, fired, and left its witness"
    counts_only_if = "always: the witnesses of the faults are what it judges"

    def applies(self, history: History) -> bool:
        return bool(history.faults)

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        records = []
        for child in history.children:
            for fault in child.faults:
                witness, missing = _witness(fault, child)
                missing = missing or _too_early(fault, history)
                if missing is not None:
                    findings.missing.append(f"{fault.kind} ({fault.id}) of {child.name} {missing}")
                records.append({"id": fault.id, "kind": fault.kind, "child": child.name, "witness": witness})
        witnessed = [record for record in records if record["witness"] is not None]
        seen = f"{count(len(witnessed), 'fault')} witnessed"
        if witnessed:
            seen += f"; {witnessed[0]['child']}: {witnessed[0]['witness']}"
        return findings.judgement(self.name, seen, {"faults": records})


def _witness(fault: FaultRecord, child: ChildHistory) -> tuple[str | None, str | None]:
    """What proves the fault, or what is missing."""
    if fault.armed_ns is None:
        return None, "was planned but never armed: the child did not read its plan"
    if fault.fired_ns is None:
        return None, f"was armed but never fired: its point ({_point(fault)}) was not reached"
    witness = fault_kind(fault.kind)(**fault.params).witness(fault, child)
    if witness is None:
        return None, "fired but left no witness"
    return plain(witness), None


def _too_early(fault: FaultRecord, history: History) -> str | None:
    """That the journal of the child it was to wait for says otherwise."""
    after = fault.at.get("after")
    if after is None or fault.fired_ns is None:
        return None
    sent = next((child.sent.rows["t_ns"] for child in history.children if child.name == after["child"]), ())
    if len(sent) >= after["message"] and sent[after["message"] - 1] < fault.fired_ns:
        return None
    return f"fired before message {after['message']} of {after['child']} was sent, for which it was to wait"


def _point(fault: FaultRecord) -> str:
    """`message 3, byte 10` or `result`."""
    numbers = [f"{key} {value}" for key, value in fault.at.items() if isinstance(value, int)]
    if (after := fault.at.get("after")) is not None:
        numbers.append(f"after message {after['message']} of {after['child']}")
    return ", ".join(numbers) or str(fault.at.get("point"))
