"""Many moments as few columns of time: fine where little happened, coarse where much did, never more than allowed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gostage_sim.report.picture.model import Density, Latency

#: The finest columns that a picture may have; a power of two, so that neighbours can be joined again and again.
FINEST = 8192

Times = NDArray[np.uint64]


def columns_of(times: Times, start_ns: int, span_ns: int) -> NDArray[np.int64]:
    """The finest column of each moment; what lies outside belongs to the first or the last."""
    since = times.astype(np.int64) - start_ns
    return np.clip(since * FINEST // max(1, span_ns), 0, FINEST - 1)


def density(sent: Times, handled: Times, *, start_ns: int, span_ns: int, most: int) -> Density:
    """Both in the same columns, of which at most `most` hold anything."""
    ours = np.bincount(columns_of(sent, start_ns, span_ns), minlength=FINEST)
    theirs = np.bincount(columns_of(handled, start_ns, span_ns), minlength=FINEST)
    joined = 1
    while np.count_nonzero(ours + theirs) > most:
        ours, theirs, joined = ours.reshape(-1, 2).sum(1), theirs.reshape(-1, 2).sum(1), joined * 2
    used = np.flatnonzero(ours + theirs)
    return Density(
        width_ms=span_ns * joined / FINEST / 1e6,
        columns=tuple(used.tolist()),
        sent=tuple(ours[used].tolist()),
        handled=tuple(theirs[used].tolist()),
    )


def latency(handled: Times, lags_us: NDArray[np.float64], *, start_ns: int, span_ns: int, most: int) -> Latency:
    """Quantiles of the lags in columns by the moment of handling, of which at most `most` hold any."""
    columns = columns_of(handled, start_ns, span_ns)
    joined = 1
    while len(np.unique(columns)) > most:
        columns, joined = columns // 2, joined * 2
    order = np.argsort(columns, kind="stable")
    used, starts = np.unique(columns[order], return_index=True)
    parts = np.split(lags_us[order], starts[1:]) if len(used) else []
    rows = [_quantiles(part) for part in parts]
    p50, p90, p99, largest = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Latency(
        width_ms=span_ns * joined / FINEST / 1e6,
        columns=tuple(used.tolist()),
        p50=p50,
        p90=p90,
        p99=p99,
        most=largest,
        overall=_quantiles(lags_us) if len(lags_us) else None,
        count=len(lags_us),
    )


def largest_of_columns(
    times: Times, values: NDArray[np.float64], *, start_ns: int, span_ns: int, most: int
) -> tuple[tuple[float, float], ...]:
    """(when in ms, the value) of the largest value of each column, of at most `most` columns."""
    columns = columns_of(times, start_ns, span_ns)
    while len(np.unique(columns)) > most:
        columns = columns // 2
    order = np.lexsort((values, columns))
    last = np.flatnonzero(np.diff(columns[order], append=-1))
    since = times.astype(np.int64) - start_ns
    return tuple((_milliseconds(int(since[index])), float(values[index])) for index in order[last])


def _quantiles(lags_us: NDArray[np.float64]) -> tuple[float, float, float, float]:
    p50, p90, p99, largest = (round(float(each), 1) for each in np.quantile(lags_us, (0.5, 0.9, 0.99, 1.0)))
    return p50, p90, p99, largest


def _milliseconds(nanoseconds: float) -> float:
    return round(nanoseconds / 1e6, 6)
