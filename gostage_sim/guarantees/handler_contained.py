"""Guarantee `handler-contained`: a handler that raises or blocks costs its own message, or its own child time."""

from __future__ import annotations

from typing import Any

import numpy as np

from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.streams import compare, first_swap, name, times_of
from gostage_sim.guarantees.wording import count, plain, seconds
from gostage_sim.history.model import ChildHistory, History

#: The engine keeps so many errors of the handlers of one child.
KEPT_ERRORS = 100
#: Shortest part of a hold that a sibling's message has to wait for before the two are connected.
WAIT_BOUND_NS = 1_000_000_000


class HandlerContained:
    """Where a handler raised, the engine recorded that once, called it with this message no second time, and went on
    with the next; where one held up its child, no message of a sibling had to wait for the end of that.

    It is about handlers that the scenario lets raise, block or spawn. One that is slow at every message (`delay`) is
    the affair of `siblings-unharmed`; one that leaves `spawn()` by `sys.exit()` is meant to cost its child the rest.
    """

    name = "handler-contained"
    holds_when = "a handler that raised or blocked affected the message it was called with, and no other"
    counts_only_if = "every handler that was to raise or to block did so, and later handled a message of its type"

    def applies(self, history: History) -> bool:
        """Where the scenario wants it of a handler, and of a parent that was not killed meanwhile."""
        misbehaved = any(child.raised or child.held for child in history.children)
        return history.killing is None and (misbehaved or any(map(_to_do, history.handlers.values())))

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        for child in history.children:
            if child.raised:
                _check_errors(child, findings)
            if child.raised and child.role != "foreign" and child.returned_ns is not None:
                _check_stream(child, findings)
            for since_ns, until_ns in child.held:
                for other in history.children:
                    if other.role == "sibling" and other is not child:
                        _check_wait(child, other, (since_ns, until_ns), findings)
        for kind, planned in history.handlers.items():
            if (to_do := _to_do(planned)) is not None:
                _check_witness(history, kind, to_do, findings)
        raised = sum(len(child.raised) for child in history.children)
        held = sum(len(child.held) for child in history.children)
        what = [f"raised {count(raised, 'time')}"] * bool(raised) + [f"blocked {count(held, 'time')}"] * bool(held)
        seen = f"handlers {' and '.join(what)}, went on with the next message and harmed nobody else"
        return findings.judgement(self.name, seen, {"raised": raised, "held": held})


def _to_do(planned: dict[str, Any]) -> str | None:
    """What a handler was to do that must be contained."""
    if planned.get("raise_every"):
        return "raise"
    if planned.get("block_s"):
        return "block"
    return "spawn" if planned.get("spawn") else None


def _check_errors(child: ChildHistory, findings: Findings) -> None:
    raised = len(child.raised)
    if child.spawn_error is not None:
        findings.violations.append(
            f"{plain(child.spawn_error)} came out of spawn() of {child.name}, of which handlers had raised "
            f"{count(raised, 'time')}"
        )
    elif child.report is not None:
        # At least: what the parent's middleware raised is recorded like a handler's.
        expected, recorded = min(KEPT_ERRORS, raised), child.report.handler_errors
        if recorded < expected:
            findings.violations.append(
                f"handlers of {child.name} raised {count(raised, 'time')} and {count(recorded, 'error')} recorded; "
                f"at least {expected:,} expected"
            )


def _check_stream(child: ChildHistory, findings: Findings) -> None:
    """Nothing was lost right behind a message at which the handler raised, and none of these came again at once."""
    streams = compare(child)
    raised = np.array(child.raised, np.int64)
    rows = child.handled.rows
    again = streams.doubled[np.isin(streams.doubled - 1, raised)]
    again = again[(rows[again][["type", "crc"]] == rows[again - 1][["type", "crc"]])]
    if len(again):
        first = name(child.handled, int(again[0]) - 1)
        findings.violations.append(f"the handler of {first} of {child.name} raised and was called with it again")
    if child.handler_exit is not None or len(streams.doubled) or len(streams.invented) or first_swap(child):
        return  # which of those sent stands before which of those handled is not known
    missing = np.setdiff1d(streams.missing, child.rejected)
    # Of those sent before the k-th missing one all but k were handled.
    before = np.searchsorted(streams.sent, missing) - np.searchsorted(streams.missing, missing)
    last = np.where(before > 0, streams.handled[np.maximum(before - 1, 0)] if len(streams.handled) else 0, -1)
    for position in missing[np.isin(last, raised)][:1].tolist():
        findings.violations.append(
            f"the handler of {child.name} raised, and {name(child.sent, position)}, which came next, was never handled"
        )


def _check_wait(child: ChildHistory, other: ChildHistory, held: tuple[int, int], findings: Findings) -> None:
    """No message of another child lay there until the hold was over."""
    streams = compare(other)
    both = min(len(streams.sent), len(streams.handled))
    if not both or len(streams.doubled) or len(streams.invented):
        return
    sent, handled = times_of(other.sent, streams.sent[:both]), times_of(other.handled, streams.handled[:both])
    since = np.maximum(np.maximum(sent, np.concatenate([sent[:1], handled[:-1]])), held[0])
    waited = np.where(handled >= held[1], held[1] - since, 0)
    for own_since, own_until in other.held:
        waited -= np.clip(np.minimum(held[1], own_until) - np.maximum(since, own_since), 0, None)
    worst = int(waited.argmax())
    if waited[worst] > WAIT_BOUND_NS:
        findings.violations.append(
            f"{name(other.sent, int(streams.sent[worst]))} of {other.name} waited {seconds(int(waited[worst]))} until "
            f"a handler of {child.name} had blocked for {seconds(held[1] - held[0])}; at most "
            f"{seconds(WAIT_BOUND_NS)} is expected"
        )


def _check_witness(history: History, kind: str, to_do: str, findings: Findings) -> None:
    """That the handler of this type did what it was to do, and succeeded afterwards."""
    first: int | None = None
    last_success: int | None = None
    for child in history.children:
        rows = child.handled.rows
        misbehaved = list(child.raised)
        for since_ns, _ in child.held:  # at the message that was handled last
            misbehaved.append(int(np.searchsorted(rows["t_ns"], since_ns, side="right")) - 1)
        of_kind = np.array([name == kind for name in child.handled.types], bool)
        if not len(rows) or not of_kind.any():
            continue
        mine = of_kind[rows["type"]]
        bad = [event for event in misbehaved if event >= 0 and mine[event]]
        mine[bad] = False
        if bad:
            begun = int(rows["t_ns"][min(bad)])
            first = begun if first is None else min(first, begun)
        if mine.any():
            good = int(rows["t_ns"][mine][-1])
            last_success = good if last_success is None else max(last_success, good)
    if first is None:
        findings.missing.append(f"the handler of {plain(kind)} was to {to_do} and never did")
    elif last_success is None or last_success <= first:
        findings.missing.append(
            f"the handler of {plain(kind)} was not seen to handle another message after it had "
            f"{'raised' if to_do == 'raise' else 'blocked'}"
        )
