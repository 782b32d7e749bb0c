"""The journal as its writer sees it, and what a reader finds after the writer was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gostage_sim.history import journal
from gostage_sim.history.journal import Journal
from gostage_sim.history.read import read_journal

WRITER = """
import sys
from gostage_sim.history.journal import Journal
written = Journal(sys.argv[1])
number = 0
while True:
    number += 1
    written.sending("data", number)
    written.handed_over(number)
    if number % 10 == 0:
        written.event("note", number=number, text="x" * (number % 97))
    if number == 5000:
        print("far enough", flush=True)
"""


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(str(tmp_path / "one.journal"))
    yield made
    made.close()


def test_every_kind_of_record_is_read_back(written: Journal) -> None:
    """What is written is read back in order: messages with type and CRC, counts, beats and events."""
    written.sending("store_put", 7)
    written.sending("größe", 2**32 - 1)
    written.handed_over(2)
    written.event("armed", fault="victim#1", text="\u2028 ü")
    written.handled(3, "store_put", 8)
    written.raised(3)
    written.beat()
    found = read_journal(Path(written.path))
    assert found.types == ("store_put", "größe")
    assert found.sent.rows[["type", "crc"]].tolist() == [(0, 7), (1, 2**32 - 1)]
    assert found.handled[3].rows[["type", "crc"]].tolist() == [(0, 8)]
    assert list(found.handled) == [3]
    assert [(event.name, event.facts) for event in found.events] == [
        ("armed", {"fault": "victim#1", "text": "\u2028 ü"})
    ]
    assert found.raised == {3: (0,)}
    assert len(found.beats_ns) == 1
    assert found.torn == 0


def test_an_event_knows_which_messages_came_before_it(written: Journal) -> None:
    """They are counted, however much text lies between."""
    for number in range(5):
        written.event("long", text="y" * 100)
        written.sending("data", number)
    found = read_journal(Path(written.path))
    assert [event.sent_before for event in found.events] == [0, 1, 2, 3, 4]


def test_a_killed_writer_loses_nothing_it_had_recorded(tmp_path: Path) -> None:
    """SIGKILL in the middle of writing leaves a journal whose records are whole and without a gap."""
    path = tmp_path / "killed.journal"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    with writer.stdout:
        writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        assert writer.wait() == -signal.SIGKILL
    found = read_journal(path)
    sums = found.sent.rows["crc"].tolist()
    assert len(sums) >= 5000
    assert sums == list(range(1, len(sums) + 1))
    assert len(sums) - 1 <= found.handed_over <= len(sums)
    assert len(found.events) in (len(sums) // 10, len(sums) // 10 - 1)


def test_it_grows_in_windows_and_maps_only_the_newest(written: Journal) -> None:
    """A journal of many windows is whole, and the writer keeps no more than one window of it in memory."""
    for number in range(400_000):
        written.sending("data", number)
    assert len(written._map) <= 4 << 20
    assert os.path.getsize(written.path) > 9 << 20
    assert read_journal(Path(written.path)).sent.rows["crc"].tolist() == list(range(400_000))


def test_a_text_longer_than_a_window_is_whole(written: Journal) -> None:
    """One event of 10 MiB fits although a window is smaller."""
    written.event("big", text="z" * (10 << 20))
    written.event("small")
    found = read_journal(Path(written.path))
    assert [len(event.facts.get("text", "")) for event in found.events] == [10 << 20, 0]


def test_close_cuts_the_file_off_after_the_last_record(written: Journal) -> None:
    """A closed journal has no room left over; closing twice is harmless."""
    written.beat()
    written.close()
    written.close()
    assert os.path.getsize(written.path) == journal.SIZE


def test_facts_that_are_not_json_are_recorded_as_their_repr(written: Journal) -> None:
    """A note never fails for what is in it: hostile values become text."""
    written.event("note", bad=float("nan"), also=b"\xff", lone="\ud800")
    written.event("lone", text="a\ud800b")
    found = read_journal(Path(written.path))
    assert found.events[0].facts["bad"] == "nan"
    assert found.events[0].facts["also"] == "b'\\xff'"
    assert found.events[1].facts == {"text": "a?b"}


def test_a_journal_has_one_writer(written: Journal) -> None:
    """Opening a journal that exists is refused: two writers would overwrite each other's records."""
    with pytest.raises(FileExistsError):
        Journal(written.path)


def test_a_forked_process_leaves_the_journal_alone(written: Journal) -> None:
    """Once detached, what a process with a copy of the journal records is not in the file, and nothing else is lost."""
    written.sending("a", 1)
    pid = os.fork()
    if not pid:
        written.detach()
        for number in range(100):
            written.sending("b", number)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    written.sending("a", 2)
    messages = read_journal(Path(written.path)).sent
    assert (messages.types, messages.rows["crc"].tolist()) == (("a",), [1, 2])
