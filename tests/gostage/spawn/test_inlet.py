"""The queue between gRPC's threads and a child's driver: bounded, in order, and over when the session is."""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator

import pytest

from gostage_sim.gostage.spawn.inlet import (
    FRAME_BYTES,
    MAX_HELD_BYTES,
    Call,
    Frame,
    Inlet,
    Kind,
    RefusedError,
    SessionOverError,
)

BOUND_S = 20.0


@pytest.fixture
def inlet() -> Iterator[Inlet]:
    made = Inlet(lambda _: None)
    yield made
    made.close()


def frame(size: int) -> Frame:
    """One that counts so many bytes."""
    return Frame(Kind.MESSAGE, b"x" * (size - FRAME_BYTES))


def readable(inlet: Inlet) -> bool:
    return bool(select.select([inlet], [], [], 0)[0])


def test_in_order_and_readable_while_there_is_something(inlet: Inlet) -> None:
    """Frames come out as they went in; the descriptor says whether there is one."""
    frames = [Frame(Kind.MESSAGE, bytes([i])) for i in range(3)]
    for one in frames:
        inlet.put(one)
    assert readable(inlet)
    assert [inlet.take() for _ in range(4)] == [*frames, None]
    assert not readable(inlet)


@pytest.mark.parametrize("held", [1, MAX_HELD_BYTES // 2, MAX_HELD_BYTES])
def test_put_waits_for_room(inlet: Inlet, held: int) -> None:
    """What does not fit any more waits until something is taken; a frame larger than all goes into an empty queue."""
    inlet.put(frame(held + FRAME_BYTES))
    entered = threading.Event()

    def put() -> None:
        inlet.put(frame(MAX_HELD_BYTES + 1))
        entered.set()

    thread = threading.Thread(target=put)
    thread.start()
    while not inlet._changed._waiters:  # type: ignore[attr-defined]  # it has come to wait
        assert thread.is_alive()
    assert not entered.is_set()
    assert inlet.take() == frame(held + FRAME_BYTES)
    thread.join(BOUND_S)
    assert entered.is_set()
    assert inlet.take() == frame(MAX_HELD_BYTES + 1)


def test_close_ends_everybody(inlet: Inlet) -> None:
    """Closing wakes who waits, cancels the calls, refuses what comes later, and leaves what is queued to be taken."""
    cancelled: list[str] = []
    inlet.begin(Call("peer", Kind.MESSAGE, lambda: cancelled.append("call")))
    inlet.put(frame(MAX_HELD_BYTES))
    raised: list[type[Exception]] = []

    def put() -> None:
        try:
            inlet.put(frame(MAX_HELD_BYTES))
        except SessionOverError as error:
            raised.append(type(error))

    thread = threading.Thread(target=put)
    thread.start()
    while not inlet._changed._waiters:  # type: ignore[attr-defined]  # it has come to wait
        assert thread.is_alive()
    inlet.close()
    thread.join(BOUND_S)
    assert (raised, cancelled) == ([SessionOverError], ["call"])
    with pytest.raises(SessionOverError):
        inlet.put(frame(FRAME_BYTES))
    with pytest.raises(SessionOverError):
        inlet.begin(Call("peer", Kind.MESSAGE, lambda: None))
    assert [inlet.take(), inlet.take()] == [frame(MAX_HELD_BYTES), None]


def test_one_connection_and_one_call_of_lines_at_a_time(inlet: Inlet) -> None:
    """Calls of one connection go side by side, but not two of lines; another connection comes in when all are over."""
    first, second = (Call("a", kind, lambda: None) for kind in (Kind.LINES, Kind.MESSAGE))
    inlet.begin(first)
    inlet.begin(second)
    with pytest.raises(RefusedError, match=r"^this child has a SendLines call already$"):
        inlet.begin(Call("a", Kind.LINES, lambda: None))
    inlet.end(first)
    with pytest.raises(RefusedError, match=r"^this child is connected already, from a$"):
        inlet.begin(Call("b", Kind.LINES, lambda: None))
    assert not inlet.is_idle()
    inlet.end(second)
    inlet.end(second)
    assert inlet.is_idle()
    inlet.begin(Call("b", Kind.LINES, lambda: None))
