"""Batches by hand are what protobuf makes of them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gostage_sim.gostage.wire.batches import acknowledged_batches, batch_of
from gostage_sim.gostage.wire.proto import gostage_pb2 as pb


@pytest.mark.parametrize("size", [1, 127, 128, 16_383, 16_384, 3_000_000])
def test_a_batch_is_read_by_protobuf(size: int) -> None:
    """Its lines are what went in, for lengths on both sides of each byte of the length."""
    lines = b"x" * (size - 1) + b"\n"
    assert pb.LineBatch.FromString(batch_of(lines)).lines == lines
    assert batch_of(lines) == pb.LineBatch(lines=lines).SerializeToString()


@given(st.integers(0, 2**64 - 1))
@example(127)
@example(128)
@example(2**64 - 1)
def test_an_acknowledgement_of_protobuf_is_read(batches: int) -> None:
    """Any number that there can be."""
    assert acknowledged_batches(pb.BatchAck(batches=batches).SerializeToString()) == batches


@pytest.mark.parametrize(
    "ack",
    [
        b"\x0a\x01",
        b"\x08",
        b"\x08\x80",
        b"\x08\x01\x01",
        b"\x08" + b"\xff" * 11,
        b"\x08" + b"\xff" * 10 + b"\x01",
        b"\x10\x01",
    ],
)
def test_what_is_no_acknowledgement(ack: bytes) -> None:
    """It is never taken for a number."""
    with pytest.raises(ValueError, match="not a BatchAck"):
        acknowledged_batches(ack)


def test_of_a_long_one_the_beginning_is_told() -> None:
    """What is no acknowledgement may be long; the error shows its first 32 bytes."""
    with pytest.raises(ValueError, match=r"^not a BatchAck: b'x{32}'$"):
        acknowledged_batches(b"x" * 1000)
