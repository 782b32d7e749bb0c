"""The history that the bench judges is one that a run could leave, and what is wrong with it is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from gostage_sim.bench import judge
from gostage_sim.harness.again import judge_kept, plan_kept
from gostage_sim.history.journal import SIZE


def test_a_history_as_large_as_asked_for_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged in a process of its own, within its bounds; a bound that is not reached is exit code 1."""
    said: list[str] = []
    assert judge.main(messages=20_000, show=said.append) == 0
    assert said[0] == "20,000 messages of 4 children sent and handled, judged: pass"
    monkeypatch.setattr(judge, "MOST_MB", 1.0)
    assert judge.main(messages=20_000, show=said.append) == 1


def test_one_message_of_it_that_was_lost_is_found(tmp_path: Path) -> None:
    """So its pass is one: the last message of the parent's journal before the results is cut out."""
    judge.write(tmp_path, 20_000)
    result = judge_kept(tmp_path, plan_kept(tmp_path), duration_s=0.0)
    assert (result.verdict, [child.handled for child in result.children]) == ("pass", [5_000] * 4)
    parent = tmp_path / "subject.journal"
    data = parent.read_bytes()
    ends = data.index(b'{"event": "returned"') - SIZE
    parent.write_bytes(data[: ends - 8 * SIZE] + data[ends:])
    result = judge_kept(tmp_path, plan_kept(tmp_path), duration_s=0.0)
    assert result.verdict == "fail"
    assert result.reason == "no-loss: sender[1] sent message 5000 (log) and no handler saw it (and 3 more)"
