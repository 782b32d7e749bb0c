"""How long the parent's handlers took, from the journal of the parent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gostage_sim.history import journal
from gostage_sim.history.read import blocks


def handler_times(subject: Path) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    """When each handler was called, ns, and how long it took, microseconds; OSError when the journal cannot be read.

    One that the end of the parent cut short is in neither. Handlers of one child are never called concurrently, so the
    end of one is the record behind its call, those of other children left out.
    """
    kinds, numbers, times = [np.zeros(0, "u1")], [np.zeros(0, "u4")], [np.zeros(0, "u8")]
    for block in blocks(subject):
        chosen = block.rows[np.isin(block.rows["kind"], (journal.HANDLED, journal.DONE))]
        kinds.append(chosen["kind"].copy())
        numbers.append(chosen["number"].copy())
        times.append(chosen["t_ns"].copy())
    order = np.argsort(np.concatenate(numbers), kind="stable")
    kind, number, t_ns = (np.concatenate(parts)[order] for parts in (kinds, numbers, times))
    ends = np.flatnonzero((kind[1:] == journal.DONE) & (kind[:-1] == journal.HANDLED) & (number[1:] == number[:-1])) + 1
    called: NDArray[np.uint64] = t_ns[ends - 1]
    return called, (t_ns[ends].astype(np.int64) - called.astype(np.int64)) / 1e3
