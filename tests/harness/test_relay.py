"""Faults of the stream in a real relay between two real pipes, seen by their own witnesses."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from gostage_sim.faults.bandwidth import Bandwidth
from gostage_sim.faults.blackhole import Blackhole
from gostage_sim.faults.coalescer import Coalescer
from gostage_sim.faults.contract import Fault
from gostage_sim.faults.corrupt import Corrupt
from gostage_sim.faults.drop import Drop
from gostage_sim.faults.duplicate import Duplicate
from gostage_sim.faults.latency import Latency
from gostage_sim.faults.limit_bytes import LimitBytes
from gostage_sim.faults.reorder import Reorder
from gostage_sim.faults.slicer import Slicer
from gostage_sim.faults.slow_close import SlowClose
from gostage_sim.history.model import ChildHistory, FaultRecord, KernelExit
from gostage_sim.history.read import read_journal

BEHIND_RELAY = Path(__file__).with_name("behind_relay.py")
LINES = ["one\n", "two\n", "three\n", "four\n"]


@dataclass
class Passed:
    """What came out of the relay, and what is known of it."""

    data: bytes
    said: list[str]
    record: FaultRecord
    child: ChildHistory
    witness: str | None


def pass_through(fault: Fault, folder: Path, sent: list[str] = LINES, pace_s: float = 0.0) -> Passed:
    journal = folder / "relay.journal"
    command = [
        *(sys.executable, str(BEHIND_RELAY), fault.kind, json.dumps(asdict(fault))),  # type: ignore[call-overload]
        *(str(journal), json.dumps(sent), str(pace_s)),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        status = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert status is not None
        end = KernelExit(time.monotonic_ns(), status.si_status, None, "waitpid")
        data, said = process.stdout.read(), process.stderr.read().decode().splitlines()
    events = read_journal(journal).events
    assert [event.facts for event in events if event.name == "problem"] == []
    notes = tuple({"t_ns": event.t_ns, "by": "relay", **event.facts["facts"]} for event in events)
    record = FaultRecord("victim#1", fault.kind, {}, {}, "victim", 1, 1, 2, notes)
    child = ChildHistory("victim", "victim", "victim", 5.0, 1.0, exit=end)
    return Passed(data, said, record, child, fault.witness(record, child))


def test_slicer(tmp_path: Path) -> None:
    """slicer hands on every byte, in pieces no longer than asked for; a process that waits is released at the end."""
    passed = pass_through(Slicer(3), tmp_path)
    assert (passed.data, passed.said) == (b"one\ntwo\nthree\nfour\n", ["released"])
    assert {note["length"] for note in passed.record.notes if "wrote" in note} <= {1, 2, 3}
    assert passed.witness is not None
    assert passed.witness.startswith("cut 19 bytes into ")


@pytest.mark.parametrize("sent", [["only one\n"], []])
def test_a_stream_that_is_not_cut_is_no_witness(sent: list[str], tmp_path: Path) -> None:
    """slicer that found nothing to cut did not happen."""
    passed = pass_through(Slicer(64), tmp_path, sent)
    assert (passed.data, passed.witness) == ("".join(sent).encode(), None)


def _pieces(passed: Passed, which: str) -> list[int]:
    return [note["length"] for note in passed.record.notes if which in note]


def test_coalescer(tmp_path: Path) -> None:
    """coalescer hands nothing on before it has as much as asked for, or the stream is at its end."""
    passed = pass_through(Coalescer(8, longest=60.0), tmp_path, pace_s=0.05)
    assert passed.data == b"one\ntwo\nthree\nfour\n"
    *full, last = _pieces(passed, "wrote")
    assert full
    assert min(full) >= 8
    assert sum(full) + last == 19
    assert passed.witness is not None
    assert passed.witness.startswith(f"made {len(full) + 1} of ")


def test_coalescer_waits_no_longer_than_asked(tmp_path: Path) -> None:
    """coalescer hands on what it has when the oldest byte of it has waited long enough."""
    passed = pass_through(Coalescer(1000, longest=0.001), tmp_path, ["one\n", "two\n"], pace_s=0.2)
    assert (passed.data, _pieces(passed, "wrote")) == (b"one\ntwo\n", [4, 4])


def test_latency(tmp_path: Path) -> None:
    """latency delays every piece by at least as much as asked for, and no piece waits for the one before it."""
    passed = pass_through(Latency(1.0, jitter=0.05), tmp_path, pace_s=0.02)
    assert (passed.data, passed.said) == (b"one\ntwo\nthree\nfour\n", ["released"])
    order = [which for note in passed.record.notes for which in ("read", "wrote") if which in note]
    assert order.index("wrote") >= 2, "several were on their way at once"
    assert passed.witness is not None
    assert passed.witness.startswith("each of ")


def test_bandwidth(tmp_path: Path) -> None:
    """bandwidth takes at least the time that so many bytes need."""
    passed = pass_through(Bandwidth(200), tmp_path)
    assert passed.data == b"one\ntwo\nthree\nfour\n"
    assert set(_pieces(passed, "wrote")) <= {1, 2, 3, 4}
    assert passed.witness is not None
    assert passed.witness.endswith(", at most 200 a second")


@pytest.mark.parametrize(
    ("offset", "data", "line", "byte"),
    [
        (9, b"one\ntwo\nt\xe8ree\nfour\n", {"broke": 8, "length": 6, "line": 3}, "9"),
        (0, b"\xefne\ntwo\nthree\nfour\n", {"broke": 0, "length": 4, "line": 1}, "0"),
        (3, b"on\xe5\ntwo\nthree\nfour\n", {"broke": 0, "length": 4, "line": 1}, "2"),
    ],
    ids=["inside", "first", "newline"],
)
def test_corrupt(offset: int, data: bytes, line: dict[str, int], byte: str, tmp_path: Path) -> None:
    """corrupt flips one bit, of a line and never of its end, and says which line that was."""
    passed = pass_through(Corrupt(offset), tmp_path)
    assert passed.data == data
    assert [{key: note[key] for key in line} for note in passed.record.notes if "broke" in note] == [line]
    assert passed.witness is not None
    assert passed.witness.startswith(f"byte {byte} of the stream was 0x")


def test_corrupt_beyond_the_end(tmp_path: Path) -> None:
    """A byte that never came was not changed."""
    passed = pass_through(Corrupt(19), tmp_path)
    assert (passed.data, passed.witness) == (b"one\ntwo\nthree\nfour\n", None)


@pytest.mark.parametrize(
    ("size", "data", "broke"),
    [
        (10, b"one\ntwo\nth", [{"broke": 8, "length": 2}]),
        (8, b"one\ntwo\n", []),
        (7, b"one\ntwo", []),
    ],
    ids=["inside", "behind the newline", "before the newline"],
)
def test_limit_bytes(size: int, data: bytes, broke: list[dict[str, int]], tmp_path: Path) -> None:
    """limit_bytes hands on so much and no more; a line is broken when more than its newline is missing."""
    passed = pass_through(LimitBytes(size), tmp_path, ["".join(LINES)])
    assert passed.data == data
    told = [{key: note[key] for key in ("broke", "length")} for note in passed.record.notes if "broke" in note]
    assert told == broke
    assert passed.witness == f"the stream was ended (close) after {size} bytes"


def test_limit_bytes_refuses_what_comes_later(tmp_path: Path) -> None:
    """A child that goes on to write is told that nobody reads."""
    passed = pass_through(LimitBytes(4), tmp_path, ["x" * 9] * 200, pace_s=0.05)
    assert (passed.data, passed.said) == (b"xxxx", ["refused", "released"])


def test_limit_bytes_of_a_short_stream(tmp_path: Path) -> None:
    """A stream that ends by itself was not ended."""
    passed = pass_through(LimitBytes(100), tmp_path)
    assert (passed.data, passed.witness) == (b"one\ntwo\nthree\nfour\n", None)


def test_slow_close(tmp_path: Path) -> None:
    """slow_close lets the child exit, and ends its stream later."""
    passed = pass_through(SlowClose(1.0), tmp_path)
    assert (passed.data, passed.said) == (b"one\ntwo\nthree\nfour\n", ["released"])
    assert passed.witness is not None
    assert passed.witness.endswith("s after its end")


@pytest.mark.parametrize(
    ("fault", "data", "witness"),
    [
        (Duplicate(3), b"one\ntwo\nthree\nthree\nfour\n", "line 3, of 6 bytes at offset 8, was handed on twice"),
        (Duplicate(5), b"one\ntwo\nthree\nfour\n", None),
        (Drop(3), b"one\ntwo\nfour\n", "line 3, of 6 bytes at offset 8, was dropped"),
        (Drop(5), b"one\ntwo\nthree\nfour\n", None),
        (Blackhole(0), b"", "19 bytes vanished behind the first 0"),
        (Blackhole(8), b"one\ntwo\n", "11 bytes vanished behind the first 8"),
        (Blackhole(9), b"one\ntwo\nthree\n", "5 bytes vanished behind the first 14"),
        (Blackhole(19), b"one\ntwo\nthree\nfour\n", None),
        (Reorder(1), b"two\none\nthree\nfour\n", "line 1 was overtaken by 1, and handed on at offset 4"),
        (Reorder(2, behind=2), b"one\nthree\nfour\ntwo\n", "line 2 was overtaken by 2, and handed on at offset 15"),
        (Reorder(3, behind=9), b"one\ntwo\nfour\nthree\n", "line 3 was overtaken by 1, and handed on at offset 13"),
        (Reorder(4), b"one\ntwo\nthree\nfour\n", None),
    ],
    ids=repr,
)
@pytest.mark.parametrize("sent", [["".join(LINES)], ["o", "ne\ntw", "o\nthree", "\nfour\n"]], ids=["at once", "torn"])
def test_whole_messages(fault: Fault, data: bytes, witness: str | None, sent: list[str], tmp_path: Path) -> None:
    """duplicate, drop, blackhole and reorder do it to whole lines, however the child's writes tear them."""
    passed = pass_through(fault, tmp_path, sent, pace_s=0.01)
    assert (passed.data, passed.said, passed.witness) == (data, ["released"], witness)


@contextmanager
def _start(fault: Fault, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process behind a relay that has sent a line, and goes on only when the test is over."""
    command = [
        *(sys.executable, str(BEHIND_RELAY), fault.kind, json.dumps(asdict(fault))),  # type: ignore[call-overload]
        *(str(folder / "relay.journal"), json.dumps(LINES), "600"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_relay_delivers_what_it_has_of_the_dead(tmp_path: Path) -> None:
    """A process is killed with a line in its relay: the line comes, and then the end, for the relay is gone."""
    with _start(Coalescer(1000, longest=60.0), tmp_path) as process:
        assert process.stdout is not None
        events = _events(tmp_path / "relay.journal", until="read")
        process.kill()
        assert process.stdout.read() == b"one\n"
    assert [event for event in events if "wrote" in event] == []


def test_a_relay_goes_when_nobody_reads(tmp_path: Path) -> None:
    """The other side closes its end while the relay has nothing to say: the writer is told at its next write."""
    with _start(Slicer(1), tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.read(4) == b"one\n"
        relay = _child_of(process.pid)
        pidfd = os.pidfd_open(relay)
        process.stdout.close()
        ready, _, _ = select.select([pidfd], [], [], 30)
        os.close(pidfd)
        assert ready


def test_a_relay_is_in_no_group_of_its_child(tmp_path: Path) -> None:
    """What an engine sends to the child's process group does not reach the relay; nor is SIGTERM its end."""
    with _start(Coalescer(1000, longest=60.0), tmp_path) as process:
        assert process.stdout is not None
        _events(tmp_path / "relay.journal", until="read")
        relay = _child_of(process.pid)
        assert os.getsid(relay) == os.getpgid(relay) == relay
        os.kill(relay, signal.SIGTERM)
        process.kill()
        assert process.stdout.read() == b"one\n"


def _child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _events(journal: Path, until: str) -> list[dict[str, object]]:
    """What the journal of a living relay says, once it says this."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if journal.exists():
            notes = [event.facts["facts"] for event in read_journal(journal).events]
            if any(until in note for note in notes):
                return notes
        time.sleep(0.005)  # nobody tells when a journal grows
    pytest.fail(f"the relay never noted {until!r}")
