"""The journalling channel: the bytes of the engine's channel, a record of each message, and stops where they belong."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gostage_sim.gostage.child.channel import JsonChannel
from gostage_sim.gostage.wire.encode import NOWHERE, encode_frame, encode_start, place_first
from gostage_sim.gostage.wire.messages import decode_line
from gostage_sim.harness.channel import JournallingChannel, Stop, message_crc
from gostage_sim.history.journal import Journal
from gostage_sim.history.read import JournalFile, read_journal

if TYPE_CHECKING:
    from gostage_sim.gostage.context import ActionContext

Make = Callable[..., JournallingChannel]

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


class Wire:
    """A file as the wire, and what was journalled."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "wire"
        self.journal = Journal(str(folder / "child.journal"))
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT)

    def channel(self, *stops: Stop) -> JournallingChannel:
        return JournallingChannel(JsonChannel(self.fd), self.journal, threading.Lock(), list(stops))

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()

    @property
    def recorded(self) -> JournalFile:
        return read_journal(Path(self.journal.path))


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    made = Wire(tmp_path)
    yield made
    os.close(made.fd)
    made.journal.close()


def frames_of(count: int, bulk: bool) -> list[bytes]:
    """The lines of so many messages; in bulk the first says for all of them that no action sends them."""
    if not bulk:
        return [encode_frame("data", number, NOWHERE) for number in range(count)]
    first = place_first(NOWHERE, encode_start("data")) + b"0}\n"
    return [first, *(encode_frame("data", number) for number in range(1, count))]


@given(type=st.text(st.characters(exclude_categories=["Cs"]), min_size=1), payload=JSON)
def test_both_sides_of_the_wire_agree_on_the_crc(type: str, payload: Any) -> None:
    """The CRC of what the child sends is the CRC of what the parent's decoder makes of it."""
    message = decode_line(encode_frame(type, payload))
    assert message_crc(message.type, message.payload) == message_crc(type, payload)


def test_it_writes_the_bytes_of_the_engines_channel(wire: Wire, tmp_path: Path) -> None:
    """Journalling changes nothing on the wire, one by one or in blocks."""
    payloads = [{"i": number, "text": "ü" * (number % 50)} for number in range(3000)]
    plain = os.open(tmp_path / "plain", os.O_RDWR | os.O_CREAT)
    for channel in (wire.channel(Stop(100, lambda: None), Stop(150, lambda: None, 9)), JsonChannel(plain)):
        channel.send("one", payloads[0])
        channel.send_many("many", payloads)
        channel.send("last", None)
    os.close(plain)
    assert wire.data == (tmp_path / "plain").read_bytes()
    sums = [message_crc("one", payloads[0]), *(message_crc("many", p) for p in payloads), message_crc("last", None)]
    assert wire.recorded.sent.rows["crc"].tolist() == sums


def test_a_message_is_recorded_before_the_wire_and_counted_after_it(wire: Wire) -> None:
    """Of a message whose write never returned there is a record, and the count does not include it."""
    channel = wire.channel()
    channel.send("data", 1)
    os.close(wire.fd)
    with pytest.raises(Exception, match="no longer reads"):
        channel.send("data", 2)
    wire.fd = os.open(wire.path, os.O_RDWR)
    found = wire.recorded
    assert len(found.sent) == 2
    assert found.handed_over == 1


@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize("message", [0, 1, 7, 20])
def test_a_stop_after_a_message_is_exactly_there(wire: Wire, message: int, bulk: bool) -> None:
    """When the action of a stop runs, its message and none after it are on the wire."""
    seen: list[int] = []
    channel = wire.channel(Stop(message, lambda: seen.append(wire.data.count(b"\n"))))
    if bulk:
        channel.send_many("data", range(20))
    else:
        for number in range(20):
            channel.send("data", number)
    assert seen == [message]


@pytest.mark.parametrize("bulk", [False, True])
def test_a_stop_at_a_byte_is_exactly_there(wire: Wire, bulk: bool) -> None:
    """When the action of a stop at byte 5 of message 3 runs, two messages and five bytes are on the wire."""
    seen: list[bytes] = []
    channel = wire.channel(Stop(3, lambda: seen.append(wire.data), 5))
    if bulk:
        channel.send_many("data", range(5))
    else:
        for number in range(5):
            channel.send("data", number)
    frames = frames_of(5, bulk)
    assert seen == [frames[0] + frames[1] + frames[2][:5]]
    assert wire.data == b"".join(frames)
    cut = {"offset": len(frames[0] + frames[1]), "length": 5}
    assert [event.facts for event in wire.recorded.events] == [cut, {**cut, "up_to": len(frames[2])}]


def test_of_a_message_that_breaks_off_behind_a_stop_nobody_knows_how_much_was_written(wire: Wire) -> None:
    """That is recorded before the rest of it is written: all between the stop and its last byte is possible."""
    channel = wire.channel(Stop(1, lambda: os.close(wire.fd), 5))
    with pytest.raises(Exception, match="no longer reads"):
        channel.send("data", 1)
    wire.fd = os.open(wire.path, os.O_RDWR)
    last = wire.recorded.events[-1].facts
    assert last == {"offset": 0, "length": 5, "up_to": len(encode_frame("data", 1, NOWHERE))}


@pytest.mark.parametrize("bulk", [False, True])
def test_a_stop_beyond_the_end_of_its_message_never_strikes(wire: Wire, bulk: bool) -> None:
    """The last byte of a message is a point, one more is none; it holds up no later point and changes no byte."""
    frames = frames_of(5, bulk)
    length, seen = len(frames[2]), []
    channel = wire.channel(
        Stop(3, lambda: seen.append("last byte"), length),
        Stop(3, lambda: seen.append("beyond"), length + 1),
        Stop(4, lambda: seen.append("later")),
    )
    if bulk:
        channel.send_many("data", range(5))
    else:
        for number in range(5):
            channel.send("data", number)
    assert seen == ["last byte", "later"]
    assert wire.data == b"".join(frames)


def test_a_message_sent_from_a_stop_goes_out_there(wire: Wire) -> None:
    """A fault may send messages of its own at its point; later points count them."""
    later: list[int] = []

    def flood() -> None:
        for _ in range(3):
            channel.send("flood", None)

    channel = wire.channel(Stop(2, flood), Stop(4, lambda: later.append(wire.data.count(b"\n"))))
    channel.send_many("data", range(4))
    types = [decode_line(line).type for line in wire.data.splitlines()]
    assert types == ["data", "data", "flood", "flood", "flood", "data", "data"]
    assert later == [4]


@pytest.mark.parametrize("byte", [None, 5], ids=["between messages", "in a message"])
def test_behind_what_a_fault_sends_a_block_says_again_where_it_comes_from(wire: Wire, byte: int | None) -> None:
    """Its other lines say nothing: they come from where the first one does."""
    place = cast("ActionContext", SimpleNamespace(stage=SimpleNamespace(id="s"), action=SimpleNamespace(name="a")))
    channel = wire.channel(Stop(2, lambda: channel.send("flood", None), byte))
    channel.send_many("data", range(4), place)
    said = [line.startswith(b'{"context":{"stage_id":"s"') for line in wire.data.splitlines()]
    assert said == [True, False, False, True, False]
    assert wire.data.splitlines()[2 if byte is None else 1].endswith(b'"context":{}}')


def test_an_action_before_each_message_runs_once_for_each(wire: Wire) -> None:
    """A slow child is slow before every message, also in a block."""
    seen: list[int] = []
    channel = wire.channel()
    channel.send("data", 0)
    channel.before_each.append(lambda: seen.append(wire.data.count(b"\n")))
    channel.send_many("data", range(3))
    channel.send("data", 0)
    assert seen == [1, 2, 3, 4]


def test_a_slow_child_stops_inside_a_message_too(wire: Wire) -> None:
    """What is done before each message takes no point in one away, neither of a single message nor in a block."""
    seen: list[int] = []
    channel = wire.channel(*(Stop(number, lambda: seen.append(len(wire.data)), byte=7) for number in (1, 3)))
    channel.before_each.append(lambda: None)
    channel.send("data", 0)
    length = len(wire.data)
    channel.send_many("data", range(3))
    assert seen == [7, len(wire.data[: wire.data.index(b"\n", length) + 1]) + 7]


def test_raw_bytes_are_recorded_with_their_offset(wire: Wire) -> None:
    """Bytes of a fault that are no message are not counted as one; those that are one are."""
    channel = wire.channel()
    channel.send("data", 1)
    start = len(wire.data)
    channel.write_raw(b"rubbish\n", {"must_quarantine": True, "note": "prose"}, None)
    channel.write_raw(b'{"type":"odd"}\r\n', {"must_quarantine": False, "note": "crlf"}, ("odd", None))
    found = wire.recorded
    assert [event.facts for event in found.events] == [
        {"offset": start, "length": 8, "must_quarantine": True, "note": "prose"},
        {"offset": start + 8, "length": 16, "must_quarantine": False, "note": "crlf"},
    ]
    assert [found.types[i] for i in found.sent.rows["type"]] == ["data", "odd"]
    assert channel.count == 2


def test_a_stop_inside_a_message_that_a_fault_wrote_itself_is_passed_over(wire: Wire) -> None:
    """A point that can no longer be reached blocks nothing and never strikes."""
    seen: list[str] = []
    channel = wire.channel(Stop(1, lambda: seen.append("byte"), 5), Stop(2, lambda: seen.append("message")))
    channel.write_raw(b'{"type":"odd"}\n', {"must_quarantine": False, "note": ""}, ("odd", None))
    channel.send_many("data", range(3))
    assert seen == ["message"]


def test_what_precedes_a_bad_payload_is_sent(wire: Wire) -> None:
    """As in the engine: an error while a block is gathered loses no message before it."""
    channel = wire.channel()
    with pytest.raises(Exception, match="cannot be sent"):
        channel.send_many("data", [1, 2, object()])
    assert wire.data.count(b"\n") == 2


def test_messages_of_many_threads_are_recorded_in_the_order_of_the_wire(wire: Wire) -> None:
    """The journal and the wire agree on the order, whoever sends."""
    channel = wire.channel(Stop(500, lambda: None))

    def send(number: int) -> None:
        for i in range(200):
            channel.send("data", [number, i])

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    on_wire = [message_crc(m.type, m.payload) for m in map(decode_line, wire.data.splitlines())]
    assert wire.recorded.sent.rows["crc"].tolist() == on_wire


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({"success": True}, ["success"]),
        ({"success": False, "error": {"panicked": False}}, ["failure"]),
        ({"success": False, "error": {"panicked": True}}, ["panic"]),
        ({"success": False, "error": {"exited": True}}, ["exit"]),
        ({"error": "odd"}, ["failure"]),
        ("not a result", []),
    ],
)
def test_what_a_result_says_is_recorded(wire: Wire, payload: Any, says: list[str]) -> None:
    """So that the engine's outcome can be compared with it; whatever an action sends under that type, it is sent."""
    wire.channel().send("workflow_result", payload)
    assert [event.facts["says"] for event in wire.recorded.events if event.name == "result"] == says
    assert decode_line(wire.data).payload == payload


class _Drained(JsonChannel):
    """Of a pipe that somebody empties as soon as something is to be written."""

    def __init__(self, pipe: tuple[int, int]) -> None:
        self._reading, writing = pipe
        super().__init__(writing)

    def write(self, data: bytes) -> None:
        os.set_blocking(self._reading, False)
        with suppress(BlockingIOError):
            while os.read(self._reading, 1 << 20):
                pass
        super().write(data[:4096])

    def fill(self) -> None:
        os.set_blocking(self.fd, False)
        with suppress(BlockingIOError):
            while True:
                os.write(self.fd, bytes(4096))
        os.set_blocking(self.fd, True)


def test_a_full_pipe_is_noticed(tmp_path: Path) -> None:
    """Writes for which there was no room, or that no pipe takes, are counted, recorded at 1, 2, 4, …"""
    made = Journal(str(tmp_path / "child.journal"))
    inner = _Drained(os.pipe())
    channel = JournallingChannel(inner, made, threading.Lock(), [])
    for full, size in ((False, 1), (True, 1), (True, 1), (False, 5000), (True, 5000), (False, 1 << 20), (True, 1)):
        if full:
            inner.fill()
        channel.send("data", "x" * size)
    found = [event for event in read_journal(Path(made.path)).events if event.name == "full"]
    assert [event.facts["writes"] for event in found] == [1, 2, 4]


def test_sizes_are_recorded(wire: Wire) -> None:
    """How much was handed over, in KiB, and each line that is longer than a power of two than all before."""
    channel = wire.channel()
    for size, sum_kib in ((1000, 1), (1100, 2), (70_000, 70), (80_000, 148), (140_000, 285)):
        channel.send("data", "x" * size)
        assert wire.recorded.handed_over_bytes == sum_kib << 10
    channel.send_many("data", ["", "x" * 300_000])
    assert wire.recorded.handed_over_bytes == 578 << 10
    assert [event.facts for event in wire.recorded.events] == [{"below": 1 << bits} for bits in (17, 18, 19)]
