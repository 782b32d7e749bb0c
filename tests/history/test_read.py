"""Journal files that end where no writer meant them to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from gostage_sim.history import journal
from gostage_sim.history.journal import RECORD, SIZE, Journal
from gostage_sim.history.read import read_journal


def _file(tmp_path: Path) -> Path:
    written = Journal(str(tmp_path / "whole.journal"))
    for number in range(10):
        written.sending("data", number)
    written.event("note", text="w" * 50)
    written.sending("data", 10)
    written.close()
    return tmp_path / "whole.journal"


def test_a_record_without_commit_is_dropped_and_counted(tmp_path: Path) -> None:
    """The last record of a writer that died inside it has no commit marker: it is torn, those before it are whole."""
    path = _file(tmp_path)
    torn = RECORD.pack(1, 2, 0, 0, 0, journal.SENDING, 0)
    path.write_bytes(path.read_bytes() + torn + b"\0" * SIZE * 5)
    found = read_journal(path)
    assert (len(found.sent), found.torn) == (11, 1)


def test_empty_room_behind_the_last_record_is_not_torn(tmp_path: Path) -> None:
    """A killed writer leaves its window half empty; that is its end and no damage."""
    path = _file(tmp_path)
    path.write_bytes(path.read_bytes() + b"\0" * SIZE * 1000)
    found = read_journal(path)
    assert (len(found.sent), found.torn) == (11, 0)


@pytest.mark.parametrize("missing", range(1, 6 * SIZE))
def test_a_file_cut_off_anywhere_is_read_up_to_there(tmp_path: Path, missing: int) -> None:
    """Whatever is missing at the end, what is read is a prefix of what was written."""
    path = _file(tmp_path)
    path.write_bytes(path.read_bytes()[:-missing])
    found = read_journal(path)
    sums = found.sent.rows["crc"].tolist()
    assert sums == list(range(len(sums)))
    assert len(sums) >= 9


def test_an_empty_file_is_an_empty_journal(tmp_path: Path) -> None:
    """A writer that died before its first record leaves nothing, and that is no error."""
    (tmp_path / "empty").touch()
    found = read_journal(tmp_path / "empty")
    assert (len(found.sent), found.types, found.events, found.torn) == (0, (), (), 0)
