"""Guarantee `quarantine`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.guarantees.quarantine import Quarantine
from gostage_sim.history.model import ChildHistory, Quarantined, RawFrame, SpawnReport

from .histories import bad_frame, content, handled_as, history, sibling, victim


def reported(*offsets: int, count: int | None = None) -> SpawnReport:
    """A report with these bad lines in its sample, `count` of them in all."""
    sample = tuple(Quarantined(offset, 22, "not JSON", 0) for offset in offsets)
    number = len(sample) if count is None else count
    return SpawnReport("signaled", None, "SIGSEGV", 100, malformed_count=number, malformed=sample)


def with_frames(report: SpawnReport, *frames: RawFrame, handed_over: int = 20) -> ChildHistory:
    return victim(raw=frames, report=report, handed_over=handed_over)


def test_holds() -> None:
    """Each bad line reported once, with good messages handled around it."""
    frames = (bad_frame(500, 5), bad_frame(900, 9))
    judgement = Quarantine().judge(history(with_frames(reported(500, 900), *frames), sibling(1)))
    assert judgement.verdict is Verdict.PASS
    assert judgement.reason == (
        "2 bad lines reported, each once, good messages handled around the one of victim at offset 500"
    )


def test_not_reported() -> None:
    """A bad line that was passed over in silence is a violation."""
    found = Quarantine().judge(history(with_frames(reported(500), bad_frame(500, 5), bad_frame(900, 9, "nan"))))
    assert found.verdict is Verdict.FAIL
    assert found.reason == "the bad line of victim at offset 900 ('nan') was not reported (and 1 more)"


def test_reported_twice_or_out_of_nothing() -> None:
    """A bad line is reported once, and only where one was written."""
    found = Quarantine().judge(history(with_frames(reported(500, 500), bad_frame(500, 5), bad_frame(900, 9))))
    assert found.evidence["violations"] == [
        "the bad line of victim at offset 500 was reported twice",
        "the bad line of victim at offset 900 ('not_json') was not reported",
    ]
    found = Quarantine().judge(history(victim(report=reported(7))))
    assert found.evidence["violations"] == [
        "a bad line of victim was reported at offset 7 ('not JSON'), where none was written",
        "1 bad line of victim reported, where 0 had been written",
    ]


def test_reported_with_a_wrong_length() -> None:
    """The length is that of the line, with or without its newline."""
    frame = replace(bad_frame(500, 5), length=23)
    assert Quarantine().judge(history(with_frames(reported(500), frame))).verdict is Verdict.PASS
    found = Quarantine().judge(history(with_frames(reported(500), replace(frame, length=24))))
    assert found.reason == (
        "the bad line of victim at offset 500 was reported with 22 bytes, where 24 were written, its newline included"
    )


@pytest.mark.parametrize(
    ("at_least", "up_to", "fits"), [(23, 23, True), (5, 22, True), (24, 30, False), (5, 21, False)]
)
def test_reported_with_a_length_that_is_not_known(at_least: int, up_to: int, fits: bool) -> None:
    """Of a line in whose write the child died, any length that it may have come to is right."""
    frame = replace(bad_frame(800, 19, ""), length=at_least, up_to=up_to)
    found = Quarantine().judge(history(handled_as(with_frames(reported(800), frame, handed_over=19), content(19))))
    assert found.verdict is (Verdict.PASS if fits else Verdict.FAIL)
    assert fits or found.reason == (
        "the bad line of victim at offset 800 was reported with 22 bytes, "
        f"where {at_least} to {up_to} were written, its newline included"
    )


def test_bounded_sample_is_compared_by_number() -> None:
    """Where the sample is full, the count decides."""
    frames = [bad_frame(100 * index, index) for index in range(1, 6)]
    assert Quarantine().judge(history(with_frames(reported(100, 200, count=5), *frames))).verdict is Verdict.PASS
    found = Quarantine().judge(history(with_frames(reported(100, 200, count=4), *frames)))
    assert found.reason == "4 bad lines of victim reported, where 5 had been written"


def test_next_good_message() -> None:
    """A parent that swallows the message after a bad line does not go on at the next newline."""
    seen = content(20)
    del seen[5]
    found = Quarantine().judge(history(handled_as(with_frames(reported(500), bad_frame(500, 5)), seen)))
    assert found.reason == (
        "message 6 (store_put) of victim, the next good one after the bad line at offset 500 ('not_json'), "
        "was not handled"
    )


def test_cut_off_by_death() -> None:
    """A message that the child's death cut off needs no good one after it."""
    cut = with_frames(reported(800), bad_frame(800, 19, ""), handed_over=19)
    found = Quarantine().judge(history(handled_as(cut, content(19))))
    assert found.verdict is Verdict.PASS


def test_cut_off_newline() -> None:
    """A last message that lacks its newline alone is a message: handled, it need not be reported."""
    cut = with_frames(reported(), bad_frame(800, 19, ""), handed_over=19)
    assert not Quarantine().applies(history(handled_as(cut, content(20))))
    assert Quarantine().applies(history(handled_as(cut, content(19))))


def test_cut_off_without_a_fault_of_its_own() -> None:
    """A death from outside may cut a message: one bad line at the end is then no concern."""
    cut = with_frames(reported(800), handed_over=19)
    assert not Quarantine().applies(history(handled_as(cut, content(19))))
    assert Quarantine().applies(history(with_frames(reported(800), handed_over=20)))


def test_nothing_good_around() -> None:
    """A bad line with no good message before it proves nothing about going on."""
    found = Quarantine().judge(history(with_frames(reported(0), bad_frame(0, 0))))
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, "no bad line had good messages on both sides of it")
