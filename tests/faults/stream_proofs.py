"""What counts as proof that a fault of the stream happened, and what does not: cases of `test_witness`."""

from __future__ import annotations

from typing import Any

FIRED = 1_000_000_000


def _ms(milliseconds: int) -> int:
    return FIRED + milliseconds * 1_000_000


def _noted(which: str, offset: int, length: int, at_ms: int = 1, **more: Any) -> dict[str, Any]:
    return {"by": "relay", "t_ns": _ms(at_ms), which: offset, "length": length, **more}


def read(offset: int, length: int, at_ms: int = 1) -> dict[str, Any]:
    return _noted("read", offset, length, at_ms)


def wrote(offset: int, length: int, at_ms: int = 1) -> dict[str, Any]:
    return _noted("wrote", offset, length, at_ms)


ENDED = {"by": "relay", "t_ns": _ms(1800), "child_ended": 10}
CLOSED = {"by": "relay", "t_ns": _ms(2100), "closed": 10, "by_parent": True}
MOVED = {"by": "relay", "moved": 1, "overtaken_by": 1, "at": 5, "size": 4}

SEEN: list[tuple[str, dict[str, Any], tuple[dict[str, Any], ...], dict[str, Any], str]] = [
    (
        "slicer",
        {"size": 6},
        (read(0, 10), wrote(0, 6), wrote(6, 4)),
        {},
        "cut 10 bytes into 2 pieces of at most 6",
    ),
    (
        "coalescer",
        {},
        (read(0, 4), read(4, 6), wrote(0, 10)),
        {},
        "made 1 of 2 pieces, the largest of 10 bytes",
    ),
    (
        "latency",
        {"delay": 0.02},
        (read(0, 4, 1), read(4, 6, 2), wrote(0, 4, 21), wrote(4, 6, 23)),
        {},
        "each of 2 pieces was on its way for at least 20ms",
    ),
    (
        "bandwidth",
        {"rate": 100},
        (read(0, 10, 0), wrote(0, 5, 50), wrote(5, 5, 100)),
        {},
        "handed on 10 bytes in 100ms, at most 100 a second",
    ),
    (
        "corrupt",
        {"offset": 9},
        ({"by": "relay", "flipped": 9, "was": 0x61, "became": 0xE1}, wrote(0, 10)),
        {},
        "byte 9 of the stream was 0x61 and became 0xe1",
    ),
    (
        "limit_bytes",
        {"size": 10},
        (read(0, 15), wrote(0, 10), {"by": "relay", "cut": 10}),
        {},
        "the stream was ended (close) after 10 bytes",
    ),
    (
        "slow_close",
        {"delay": 0.5},
        (ENDED, CLOSED),
        {"exit": 0},
        "open for 300ms after its end, until the parent closed it",
    ),
    (
        "small_pipe",
        {},
        ({"held": 65536, "holds": 4096},),
        {"sent": [(FIRED - 1, "m"), (_ms(1), "m"), (_ms(2), "n")]},
        "2 messages sent through a pipe of 4KiB, which held 64KiB before",
    ),
    (
        "nonblocking",
        {},
        ({"by_process": 77, "blocking": False}, {"full_before": 3}),
        {},
        "process 77 set O_NONBLOCK; the pipe was full before message 3 after that",
    ),
    (
        "duplicate",
        {},
        (read(0, 10), {"by": "relay", "doubled": 2, "at": 4, "size": 6}, wrote(0, 16)),
        {},
        "line 2, of 6 bytes at offset 4, was handed on twice",
    ),
    (
        "drop",
        {},
        (read(0, 10), {"by": "relay", "dropped": 2, "at": 4, "size": 6}, wrote(0, 4)),
        {},
        "line 2, of 6 bytes at offset 4, was dropped",
    ),
    (
        "reorder",
        {},
        (read(0, 10), {"by": "relay", "moved": 1, "overtaken_by": 1, "at": 6, "size": 4}, wrote(0, 10)),
        {},
        "line 1 was overtaken by 1, and handed on at offset 6",
    ),
    (
        "blackhole",
        {"after": 10},
        (
            read(0, 40),
            wrote(0, 12),
            {"by": "relay", "vanished": 12, "length": 8},
            {"by": "relay", "vanished": 20, "length": 20},
        ),
        {},
        "28 bytes vanished behind the first 12",
    ),
]

UNSEEN: list[tuple[str, str, dict[str, Any], tuple[dict[str, Any], ...], dict[str, Any]]] = [
    ("too long", "slicer", {"size": 5}, (read(0, 10), wrote(0, 6), wrote(6, 4)), {}),
    ("too few bytes", "slicer", {"size": 6}, (read(0, 10), wrote(0, 6), wrote(6, 3)), {}),
    ("not cut", "slicer", {"size": 6}, (read(0, 6), wrote(0, 6)), {}),
    ("noted by the wrong side", "slicer", {}, ({**read(0, 10), "by": "child"},), {}),
    ("as many", "coalescer", {}, (read(0, 4), read(4, 6), wrote(0, 4), wrote(4, 6)), {}),
    ("some lost", "coalescer", {}, (read(0, 4), read(4, 6), wrote(0, 9)), {}),
    ("one too soon", "latency", {"delay": 0.02}, (read(0, 4, 1), read(4, 6, 2), wrote(0, 4, 21), wrote(4, 6, 21)), {}),
    ("one never came", "latency", {"delay": 0.02}, (read(0, 4, 1), read(4, 6, 2), wrote(0, 4, 21)), {}),
    ("too fast", "bandwidth", {"rate": 100}, (read(0, 10, 0), wrote(0, 5, 50), wrote(5, 5, 99)), {}),
    (
        "not handed on",
        "corrupt",
        {"offset": 9},
        ({"by": "relay", "flipped": 9, "was": 1, "became": 2}, wrote(0, 9)),
        {},
    ),
    ("nothing flipped", "corrupt", {"offset": 9}, (wrote(0, 10),), {}),
    ("it went on", "limit_bytes", {"size": 10}, (wrote(0, 11), {"by": "relay", "cut": 10}), {}),
    ("not ended", "limit_bytes", {"size": 10}, (wrote(0, 10),), {}),
    ("closed at once", "slow_close", {}, (ENDED, {**CLOSED, "t_ns": _ms(2001), "by_parent": False}), {"exit": 0}),
    ("closed before the exit", "slow_close", {}, (ENDED, {**CLOSED, "t_ns": _ms(1999)}), {"exit": 0}),
    ("nobody saw the exit", "slow_close", {}, (ENDED, CLOSED), {}),
    ("as large as before", "small_pipe", {}, ({"held": 4096, "holds": 4096},), {"sent": [(_ms(1), "m")]}),
    ("nothing sent", "small_pipe", {}, ({"held": 65536, "holds": 4096},), {"sent": [(FIRED - 1, "m")]}),
    ("never full", "nonblocking", {}, ({"by_process": 77, "blocking": False},), {}),
    ("still blocking", "nonblocking", {}, ({"by_process": 77, "blocking": True}, {"full_before": 3}), {}),
    ("came once", "duplicate", {}, (read(0, 9), {"by": "relay", "doubled": 2, "at": 4, "size": 5}, wrote(0, 9)), {}),
    ("no such line", "duplicate", {}, (read(0, 9), wrote(0, 9)), {}),
    ("came after all", "drop", {}, (read(0, 9), {"by": "relay", "dropped": 2, "at": 4, "size": 5}, wrote(0, 9)), {}),
    ("no such line", "drop", {}, (read(0, 9), wrote(0, 9)), {}),
    ("it was the last", "reorder", {}, (read(0, 9), {**MOVED, "overtaken_by": 0}, wrote(0, 9)), {}),
    ("it was lost", "reorder", {}, (read(0, 9), MOVED, wrote(0, 5)), {}),
    ("nothing vanished", "blackhole", {}, (read(0, 9), wrote(0, 9)), {}),
    (
        "some came after all",
        "blackhole",
        {},
        (wrote(0, 9), wrote(9, 2), {"by": "relay", "vanished": 9, "length": 2}),
        {},
    ),
]
