"""Batches of lines and their acknowledgements as a child of ours writes and reads them, without protobuf.

Both have one field. By hand that is a copy less of every batch, and protobuf is a third of what a child by gRPC would
have to import. A parent reads batches with protobuf, because anybody may have sent them.
"""

from __future__ import annotations

_LINES = b"\x0a"  # field 1, length-delimited
_BATCHES = 0x08  # field 1, varint


def batch_of(lines: bytes) -> bytes:
    """A `LineBatch` of these lines."""
    return b"".join((_LINES, _varint(len(lines)), lines))


def acknowledged_batches(ack: bytes) -> int:
    """How many batches a `BatchAck` acknowledges; 0 where it does not say. ValueError for what is no `BatchAck`."""
    if not ack:
        return 0
    if ack[0] != _BATCHES or len(ack) < 2 or len(ack) > 11 or any(byte < 0x80 for byte in ack[1:-1]) or ack[-1] > 0x7F:
        raise ValueError(f"not a BatchAck: {ack[:32]!r}")
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(ack[1:]))


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)
