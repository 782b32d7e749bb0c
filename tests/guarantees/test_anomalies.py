"""The four guarantees of the message stream name each anomaly, and only that one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.guarantees.judge import judge
from gostage_sim.history.model import MESSAGE_DTYPE, Messages

from .histories import SECOND, Message, child, handled_as, history, sibling

STREAM = ("order", "no-loss", "no-duplicate", "no-phantom")

#: Few types and few payloads, so that many messages are alike.
STREAMS = st.lists(st.tuples(st.sampled_from(["log", "store_put", "row"]), st.sampled_from("abcdef")), max_size=60)


def failing(sent: list[Message], seen: list[Message]) -> set[str]:
    """The guarantees of the stream that fail when `sent` was handled as `seen`."""
    times = [SECOND + index for index in range(len(sent))]
    damaged = handled_as(child("victim", "victim", sent, pid=1, times=times), seen)
    found = judge(history(damaged, sibling(1)), STREAM)
    return {judgement.name for judgement in found if judgement.verdict is Verdict.FAIL}


@settings(deadline=None)
@given(STREAMS.filter(len))
def test_clean_stream_has_no_anomaly(sent: list[Message]) -> None:
    """A stream handled as sent violates nothing."""
    assert failing(sent, sent) == set()


@settings(deadline=None)
@given(STREAMS.filter(len), st.data())
def test_lost(sent: list[Message], data: st.DataObject) -> None:
    """Lost messages violate `no-loss` alone, wherever they stood."""
    lost = data.draw(st.sets(st.integers(0, len(sent) - 1), min_size=1, max_size=5))
    assert failing(sent, [message for index, message in enumerate(sent) if index not in lost]) == {"no-loss"}


@settings(deadline=None)
@given(STREAMS.filter(len), st.data())
def test_doubled(sent: list[Message], data: st.DataObject) -> None:
    """Messages handled a second time violate `no-duplicate` alone, at once or later."""
    seen = list(sent)
    for _ in range(data.draw(st.integers(1, 3))):
        origin = data.draw(st.integers(0, len(seen) - 1))
        seen.insert(data.draw(st.integers(origin + 1, len(seen))), seen[origin])
    assert failing(sent, seen) == {"no-duplicate"}


@settings(deadline=None)
@given(STREAMS.filter(len), st.data())
def test_reordered(sent: list[Message], data: st.DataObject) -> None:
    """Messages in another order violate `order` alone."""
    seen = data.draw(st.permutations(sent).filter(lambda seen: seen != sent)) if len(set(sent)) > 1 else sent
    assert failing(sent, seen) == ({"order"} if seen != sent else set())


@settings(deadline=None)
@given(STREAMS.filter(len), st.data())
def test_invented(sent: list[Message], data: st.DataObject) -> None:
    """Invented messages violate `no-phantom` alone."""
    seen = list(sent)
    for number in range(data.draw(st.integers(1, 3))):
        seen.insert(data.draw(st.integers(0, len(seen))), ("log", f"invented {number}"))
    assert failing(sent, seen) == {"no-phantom"}


def _million(rng: np.random.Generator) -> Messages:
    rows = np.zeros(1_000_000, MESSAGE_DTYPE)
    rows["t_ns"] = SECOND + np.arange(len(rows)) * 1000
    rows["type"] = rng.integers(0, 3, len(rows))
    rows["crc"] = rng.integers(0, 2**32, len(rows))
    return Messages(rows, ("log", "store_put", "row"))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [("none", set()), ("lost", {"no-loss"}), ("shuffled", {"order"})],
    ids=["none", "lost", "shuffled"],
)
def test_a_million_messages(damage: str, expected: set[str]) -> None:
    """A history of 1,000,000 messages is judged as one of ten is, however damaged."""
    rng = np.random.default_rng(1)
    sent = _million(rng)
    rows = sent.rows.copy()
    rows["t_ns"] += 5000
    if damage == "lost":
        rows = np.delete(rows, [10, 500_000, 999_990])
    elif damage == "shuffled":
        rows[["type", "crc"]] = rng.permutation(rows[["type", "crc"]])
    small = child("victim", "victim", [("log", "")], pid=1, times=[SECOND])
    big = replace(small, sent=sent, handed_over=len(sent), handled=Messages(rows, sent.types), expected_messages=None)
    whole = history(big, sibling(1))
    found = judge(whole)
    assert {one.name for one in found if one.name in STREAM and one.verdict is Verdict.FAIL} == expected
