"""The malformed fault: its bytes are what its docstring says, and its witness has seen them written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

import pytest

from gostage_sim.faults.contract import Placement
from gostage_sim.faults.interleave import Interleave
from gostage_sim.faults.malformed import Malformed, MalformedForm
from gostage_sim.faults.odd_frames import odd_frame
from gostage_sim.faults.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable

    from gostage_sim.faults.contract import Fault

    from .conftest import Ended

_SMALLEST_HUGE_LINE = 17 * 2**20
_GOOD = {
    "unknown_type", "line_separator", "crlf", "no_final_newline", "duplicate_keys", "escaped_nul", "forged_sender",
    "stale_session",
}  # fmt: skip
_FORMS: tuple[MalformedForm, ...] = get_args(MalformedForm)


@pytest.mark.parametrize("form", _FORMS)
def test_written_and_witnessed(run_fault: Callable[[Fault], Ended], form: MalformedForm) -> None:
    """Each form is on the channel byte for byte, journaled with offset and length, between good messages."""
    ended = run_fault(Malformed(form, size=_SMALLEST_HUGE_LINE))
    frame = odd_frame(form, _SMALLEST_HUGE_LINE)
    assert ended.channel.startswith(frame.data)
    assert ended.channel[len(frame.data) :].count(b"\n") == 3
    assert ended.witness == f"{form} written: {len(frame.data):,} bytes at offset 0 of the stream"


@pytest.mark.parametrize("form", _FORMS)
def test_what_a_parent_must_make_of_it(form: MalformedForm) -> None:
    """Good messages are neither quarantined nor lost, bad ones are quarantined, empty lines are neither."""
    frame = odd_frame(form, _SMALLEST_HUGE_LINE)
    assert frame.must_quarantine == (form not in _GOOD | {"empty_lines"})
    assert (frame.message is not None) == (form in _GOOD)
    if frame.message is not None:
        read = json.loads(frame.data)
        assert (read["type"], read["payload"]) == frame.message


def _loads(form: MalformedForm) -> Any:
    return json.loads(odd_frame(form, _SMALLEST_HUGE_LINE).data)


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ("truncated_line", json.JSONDecodeError),
        ("invalid_utf8", UnicodeDecodeError),
        ("not_json", json.JSONDecodeError),
        ("nul", json.JSONDecodeError),
        ("deep_nesting", RecursionError),
        ("huge_integer", ValueError),
    ],
)
def test_forms_no_decoder_takes(form: MalformedForm, error: type[Exception]) -> None:
    """These raise, each in its own way, when read as JSON."""
    with pytest.raises(error):
        _loads(form)


def test_forms_a_lenient_decoder_takes() -> None:
    """These decode with Python's json, and yet are no messages: wrong shape, no type, NaN, infinity, a mark
    before the object, half a surrogate pair."""
    assert isinstance(_loads("wrong_shape"), list)
    assert "type" not in _loads("missing_type")
    assert _loads("nan")["payload"]["value"] != _loads("nan")["payload"]["value"]
    assert _loads("huge_exponent")["payload"]["value"] == float("inf")
    assert odd_frame("byte_order_mark", 0).data.decode().startswith("\ufeff{")
    with pytest.raises(UnicodeEncodeError):
        _loads("lone_surrogate")["payload"]["text"].encode()


def test_sizes_are_those_of_the_docstring() -> None:
    """100,000 arrays, 5,000 digits, four empty lines, and a huge line of exactly its size."""
    assert odd_frame("deep_nesting", 0).data.count(b"[") == 100_000
    assert odd_frame("huge_integer", 0).data.count(b"9") == 5_000
    assert odd_frame("empty_lines", 0).data.split(b"\n") == [b"", b"", b" \t ", b"\r", b""]
    huge = odd_frame("huge_line", _SMALLEST_HUGE_LINE).data
    assert (len(huge), huge.count(b"\n"), huge[-1:]) == (_SMALLEST_HUGE_LINE, 1, b"\n")


def test_line_separator_is_raw() -> None:
    """U+2028 goes out as its three UTF-8 bytes, not escaped, so that splitlines() would be fooled."""
    data = odd_frame("line_separator", 0).data
    assert b"\xe2\x80\xa8" in data
    assert (len(data.splitlines()), len(data.decode().splitlines())) == (1, 2)


def test_a_key_stands_twice_and_the_last_one_counts() -> None:
    """On either level; the value that must not count is there, too."""
    data = odd_frame("duplicate_keys", 0).data
    assert (data.count(b'"payload"'), data.count(b'"text"')) == (2, 3)
    assert _loads("duplicate_keys")["payload"] == {"text": "c"}


@pytest.mark.parametrize(
    ("form", "claim"),
    [
        ("forged_sender", {"workflow_id": "sibling[1]", "pid": 1, "is_child": False}),
        ("stale_session", {"session_id": "0" * 32, "sequence": 1}),
    ],
)
def test_what_is_claimed_of_the_sender(form: MalformedForm, claim: dict[str, Any]) -> None:
    """The claim stands where the engine's own children say where a message was sent."""
    assert _loads(form)["context"] == claim


def test_no_final_newline_is_for_the_end() -> None:
    """A line without a newline can only be the last one."""
    fault = Malformed("no_final_newline")
    assert fault.placement_problem(Placement("result")) is None
    assert fault.placement_problem(Placement("step", step=1)) == (
        "form: no_final_newline is the last line of all; it is for at: result only"
    )
    assert Malformed("crlf").placement_problem(Placement("step", step=1)) is None


@pytest.mark.parametrize("size", [8192, 8193, 100_000])
def test_lines_in_each_other(run_fault: Callable[[Fault], Ended], size: int) -> None:
    """interleave: every byte of both lines arrives, in two lines that are journaled and of which none can be read."""
    ended = run_fault(Interleave(size))
    first, second, *rest = ended.channel.splitlines(keepends=True)
    assert (len(first) + len(second), len(rest)) == (2 * size, 3)
    assert {bytes([byte]) for byte in first} >= {b"a", b"b"}
    assert len(second) == 4096
    assert [(frame.offset, frame.length) for frame in ended.history.raw] == [(0, len(first)), (len(first), len(second))]
    for line in (first, second):
        with pytest.raises(json.JSONDecodeError):
            json.loads(line)
    assert ended.witness == f"two lines of {size:,} bytes in each other, at offset 0 of the stream"


def test_an_earlier_session(run_fault: Callable[[Fault], Ended]) -> None:
    """replay: a whole session, with another one's name on each line, and a result of failure."""
    ended = run_fault(Replay())
    lines = [json.loads(line) for line in ended.channel.splitlines()][:-3]
    assert [line["type"] for line in lines] == ["store_put", "log", "final_store", "workflow_result"]
    assert [line["context"]["sequence"] for line in lines] == [1, 2, 3, 4]
    assert {line["context"]["workflow_id"] for line in lines} == {"earlier"}
    assert lines[-1]["payload"]["success"] is False
    assert ended.witness == "4 lines of an earlier session written"


def test_unknown_form_is_an_error() -> None:
    """A form nobody knows is named."""
    with pytest.raises(ValueError, match=r"^unknown form of malformed: 'odd'$"):
        odd_frame("odd", 0)
