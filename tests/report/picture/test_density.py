"""Moments in columns."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gostage_sim.report.picture.density import FINEST, density, largest_of_columns, latency

MOMENTS = st.lists(st.integers(0, 10_000_000), max_size=300)


@given(sent=MOMENTS, handled=MOMENTS, most=st.integers(1, 40))
def test_no_message_is_lost(sent: list[int], handled: list[int], most: int) -> None:
    """However few columns there may be, the counts add up, each message is in its own column, and there are no more."""
    found = density(np.array(sent, "u8"), np.array(handled, "u8"), start_ns=0, span_ns=10_000_000, most=most)
    assert (sum(found.sent), sum(found.handled)) == (len(sent), len(handled))
    assert len(found.columns) == len(found.sent) == len(found.handled) <= most
    width_ns = found.width_ms * 1e6
    assert {min(int(at / width_ns), round(10_000_000 / width_ns) - 1) for at in sent + handled} <= {
        column + by for column in found.columns for by in (-1, 0, 1)
    }


def test_few_messages_have_the_finest_columns() -> None:
    """Two that are close together are two, not one."""
    span = FINEST * 1000
    found = density(np.array([500, 1500], "u8"), np.array([], "u8"), start_ns=0, span_ns=span, most=2)
    assert (found.columns, found.sent, found.width_ms) == ((0, 1), (1, 1), 0.001)
    coarser = density(np.array([500, 1500], "u8"), np.array([], "u8"), start_ns=0, span_ns=span, most=1)
    assert (coarser.columns, coarser.sent, coarser.width_ms) == ((0,), (2,), 0.002)


def test_quantiles_are_those_of_their_column() -> None:
    """A slow moment is not hidden by the fast ones around it."""
    times = np.array([0] * 99 + [0] + [FINEST - 1] * 2, "u8")
    lags = np.array([1.0] * 99 + [500.0] + [7.0, 9.0])
    found = latency(times, lags, start_ns=0, span_ns=FINEST, most=2)
    assert found.columns == (0, FINEST - 1)
    assert (found.p50, found.most) == ((1.0, 8.0), (500.0, 9.0))
    assert found.count == 102
    assert found.overall is not None
    assert found.overall[3] == 500.0
    nothing = latency(times[:0], lags[:0], start_ns=0, span_ns=FINEST, most=2)
    assert (nothing.columns, nothing.overall) == ((), None)


@given(MOMENTS, st.integers(1, 40))
def test_the_peak_survives(moments: list[int], most: int) -> None:
    """The largest value is among those kept, at its own time, and there are no more than allowed."""
    times, values = np.array(moments, "u8"), np.arange(len(moments), dtype=float)
    found = largest_of_columns(times, values, start_ns=0, span_ns=10_000_000, most=most)
    assert len(found) <= most
    if moments:
        assert (round(moments[-1] / 1e6, 6), len(moments) - 1.0) in found
