"""How long handlers took."""

from __future__ import annotations

from pathlib import Path

import pytest

from gostage_sim.history import journal
from gostage_sim.history.journal import Journal
from gostage_sim.report.picture.handlers import handler_times


def test_each_end_belongs_to_the_call_of_its_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls for two children overlap, one raises, one is cut short by the end of the parent."""
    now = iter(range(0, 100_000, 1000))
    monkeypatch.setattr(journal, "monotonic_ns", lambda: next(now))
    written = Journal(str(tmp_path / "j"))
    written.handled(0, "log", 1)  # its type is at 0, itself at 1 µs
    written.handled(1, "log", 2)  # at 2
    written.done(0)  # at 3
    written.done(1)  # at 4
    written.beat()
    written.handled(0, "log", 3)  # at 6
    written.raised(0)
    written.event("odd")
    written.done(0)  # at 9
    written.handled(1, "log", 4)
    written.close()
    called, took = handler_times(tmp_path / "j")
    assert sorted(zip(called.tolist(), took.tolist(), strict=True)) == [(1000, 2.0), (2000, 2.0), (6000, 3.0)]


def test_a_parent_without_handlers(tmp_path: Path) -> None:
    """No call, no time."""
    written = Journal(str(tmp_path / "j"))
    written.close()
    called, took = handler_times(tmp_path / "j")
    assert (len(called), len(took)) == (0, 0)
