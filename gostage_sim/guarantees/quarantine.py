"""Guarantee `quarantine`: bad bytes on the wire cost themselves and nothing else."""

from __future__ import annotations

import numpy as np

from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.streams import Streams, compare, name, times, without_journal
from gostage_sim.guarantees.wording import count, quoted
from gostage_sim.history.model import ChildHistory, History, Messages, Quarantined, RawFrame


class Quarantine:
    """Every line that no parent may take for a message is reported once, with its offset; nothing else is reported; and
    the next good message after it is handled.

    The engine's sample of bad lines is bounded, its count is exact: what the sample leaves out is compared by number. A
    line cut off by the death of its child needs no good message after it.
    """

    name = "quarantine"
    holds_when = "each bad line was reported once with its offset, no other was, and the next good message was handled"
    counts_only_if = "good messages were on both sides of a bad line, or before one that the child's death cut off"

    def applies(self, history: History) -> bool:
        return any(_concerns(child) for child in _judged(history))

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        bad: dict[str, int] = {}
        witnesses = []
        for child in _judged(history):
            if not _concerns(child):
                continue
            frames = _bad_frames(child)
            bad[child.name] = len(frames)
            _check_report(child, frames, findings)
            streams = compare(child)
            _check_next_messages(child, frames, streams, findings)
            witnesses += [
                f"{child.name} at offset {frame.offset}" for frame in frames if _between(child, frame, streams)
            ]
        if not witnesses:
            findings.missing.append("no bad line had good messages on both sides of it")
        seen = f"{count(sum(bad.values()), 'bad line')} reported, each once"
        if witnesses:
            seen += f", good messages handled around the one of {witnesses[0]}"
        seen += without_journal(history)
        return findings.judgement(self.name, seen, {"bad_lines": bad, "witnesses": witnesses[:20]})


def _judged(history: History) -> list[ChildHistory]:
    """Those that are ours, and of which the parent could tell."""
    return [child for child in history.outlived if child.role != "foreign"]


def _bad_frames(child: ChildHistory) -> list[RawFrame]:
    return [frame for frame in child.raw if frame.must_quarantine and not _whole_after_all(child, frame)]


def _whole_after_all(child: ChildHistory, frame: RawFrame) -> bool:
    """Whether a message that was cut off lacked no more than its newline: then a parent may take it as the last one.

    It was handled with the payload that the child meant to send, so it was all there.
    """
    position = frame.sent_before
    if not child.handed_over <= position < len(child.sent):
        return False
    kind, crc = child.sent.type_of(position), int(child.sent.rows["crc"][position])
    upto = Messages(child.sent.rows[: position + 1], child.sent.types)
    return times(child.handled, kind, crc) >= times(upto, kind, crc)


def _concerns(child: ChildHistory) -> bool:
    """Whether bad lines were written, or reported without an innocent cause."""
    frames = _bad_frames(child)
    reported = child.report.malformed_count if child.report is not None else 0
    return bool(frames) or reported > _message_cut_off(child, frames)


def _check_report(child: ChildHistory, frames: list[RawFrame], findings: Findings) -> None:
    if child.handler_exit is not None:
        return
    if child.report is None:
        findings.missing.append(f"spawn() of {child.name} never returned, so it reported no bad lines")
        return
    left: dict[int, list[RawFrame]] = {}  # two at one offset: a line, and a request of its own
    for frame in frames:
        left.setdefault(frame.offset, []).append(frame)
    samples = child.report.malformed
    cut_off = _message_cut_off(child, frames)
    last = max((sample.offset for sample in samples), default=-1)
    seen: set[int] = set()
    for sample in sorted(samples, key=lambda sample: sample.offset):
        there = left.get(sample.offset, [])
        found = _like(sample, there)
        if sample.offset in seen and found is None:
            findings.violations.append(f"the bad line of {child.name} at offset {sample.offset} was reported twice")
        elif found is None and not (cut_off and sample.offset == last):
            findings.violations.append(
                f"a bad line of {child.name} was reported at offset {sample.offset} ({quoted(sample.reason)}), "
                "where none was written"
            )
        elif found is not None and not _has_length_of(sample, found):
            written = f"{found.length:,}" if found.up_to is None else f"{found.length:,} to {found.up_to:,}"
            findings.violations.append(
                f"the bad line of {child.name} at offset {sample.offset} was reported with "
                f"{count(sample.length, 'byte')}, where {written} were written, its newline included"
            )
        seen.add(sample.offset)
        if found is not None:
            there.remove(found)
    complete = len(samples) == child.report.malformed_count
    for frame in frames:
        if complete and frame in left[frame.offset]:
            findings.violations.append(
                f"the bad line of {child.name} at offset {frame.offset} ({_note(frame)}) was not reported"
            )
    reported = child.report.malformed_count
    if not len(frames) <= reported <= len(frames) + cut_off:
        findings.violations.append(
            f"{count(reported, 'bad line')} of {child.name} reported, where {len(frames):,} had been written"
        )


def _like(sample: Quarantined, frames: list[RawFrame]) -> RawFrame | None:
    """The one of the frames at its offset that was reported: of its length, if there is one."""
    alike = [frame for frame in frames if _has_length_of(sample, frame)]
    return next(iter(alike or frames), None)


def _has_length_of(sample: Quarantined, frame: RawFrame) -> bool:
    return frame.length - 1 <= sample.length <= (frame.up_to or frame.length)


def _message_cut_off(child: ChildHistory, frames: list[RawFrame]) -> bool:
    """Whether a death from outside may have cut a message that no fault recorded as a frame."""
    recorded = any(frame.sent_before >= child.handed_over for frame in frames)
    return len(child.sent) > child.handed_over and not recorded


def _check_next_messages(child: ChildHistory, frames: list[RawFrame], streams: Streams, findings: Findings) -> None:
    if child.returned_ns is None or child.handler_exit is not None:
        return
    missing = set(streams.missing.tolist())
    for frame in frames:
        following = _after(frame, streams)
        if following in missing:
            findings.violations.append(
                f"{name(child.sent, following)} of {child.name}, the next good one after the bad line at offset "
                f"{frame.offset} ({_note(frame)}), was not handled"
            )


def _after(frame: RawFrame, streams: Streams) -> int:
    """Position of the next message the application sent, -1 when there is none."""
    index = int(np.searchsorted(streams.sent, frame.sent_before))
    return int(streams.sent[index]) if index < len(streams.sent) else -1


def _between(child: ChildHistory, frame: RawFrame, streams: Streams) -> bool:
    if not len(streams.sent) or streams.sent[0] >= frame.sent_before:
        return False
    following = _after(frame, streams)
    died_in_it = frame.sent_before >= child.handed_over and child.exit is not None and child.exit.exit_code != 0
    return 0 <= following < child.handed_over or died_in_it


def _note(frame: RawFrame) -> str:
    return quoted(frame.note) if frame.note else count(frame.length, "byte")
