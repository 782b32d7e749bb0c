"""Bytes on the wire that are no message, or a message in an odd shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Placement, Point
from gostage_sim.faults.evidence import note_with
from gostage_sim.units import Bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

MalformedForm = Literal[
    "truncated_line",
    "invalid_utf8",
    "not_json",
    "wrong_shape",
    "missing_type",
    "unknown_type",
    "nan",
    "deep_nesting",
    "huge_integer",
    "huge_exponent",
    "lone_surrogate",
    "nul",
    "byte_order_mark",
    "line_separator",
    "empty_lines",
    "crlf",
    "duplicate_keys",
    "escaped_nul",
    "forged_sender",
    "stale_session",
    "no_final_newline",
    "huge_line",
]

#: The engine takes messages of up to 16 MiB by default; a huge line must be longer.
_SHORTEST_HUGE_LINE = 17 * 2**20


@dataclass(frozen=True, slots=True)
class Malformed:
    """Writes one odd frame straight to the channel, between two good messages.

    The parent must put these into quarantine and go on with the next line:

    * `truncated_line`: a message cut off in the middle, then the newline
    * `invalid_utf8`: a message whose text is not UTF-8
    * `not_json`: a line of prose
    * `wrong_shape`: a JSON array where an object is expected
    * `missing_type`: an object with a payload only
    * `nan`: a payload with NaN, which is not JSON
    * `deep_nesting`: a payload of 100,000 arrays in each other
    * `huge_integer`: a payload with an integer of 5,000 digits
    * `huge_exponent`: a payload with 1e400, which no float can hold
    * `nul`: a payload with a byte 0 in its text
    * `byte_order_mark`: a message with U+FEFF before it, as some editors and other systems write
    * `lone_surrogate`: a payload with half a surrogate pair, which no UTF-8 can hold
    * `huge_line`: one line of `size` bytes, longer than any message may be

    It must take these for good messages, because they are:

    * `unknown_type`: a type no handler is registered for
    * `line_separator`: a text with U+2028, which only a careless reader takes for the end of a line
    * `crlf`: a line ended by carriage return and newline
    * `duplicate_keys`: one in which the payload, and a key in it, stand twice: the last one counts
    * `escaped_nul`: a text with U+0000, escaped
    * `forged_sender`: one whose context says that another child, `sibling[1]`, has sent it
    * `stale_session`: one whose context says that it is the first one of an earlier session
    * `no_final_newline`: the last line, not ended at all; only at the result

    And `empty_lines`, four lines with nothing but white space, must be passed over in silence.
    """

    kind: ClassVar[str] = "malformed"
    points: ClassVar[frozenset[Point]] = frozenset({"definition", "step", "message", "result"})
    example: ClassVar[str] = """\
- malformed: {form: truncated_line}
  at: {message: 100}
"""

    form: MalformedForm = field(default="truncated_line", metadata={"description": "what is wrong with the line"})
    size: Bytes = field(
        default=64 * 2**20,
        metadata={
            "description": "length of huge_line; a message may have 16MiB",
            "ge": _SHORTEST_HUGE_LINE,
            "le": 2**30,
        },
    )

    def __post_init__(self) -> None:
        check_bounds(self)

    def placement_problem(self, at: Placement) -> str | None:
        if self.form == "no_final_newline" and at.point != "result":
            return "form: no_final_newline is the last line of all; it is for at: result only"
        return None

    def sends(self) -> Mapping[str, int]:
        from gostage_sim.faults.odd_frames import message_type

        name = message_type(self.form)
        return {} if name is None else {name: 1}

    def transport_problem(self, transport: str, at: Placement) -> str | None:
        if transport == "grpc" and at.point == "definition":
            return "by gRPC a child has no channel before it has read its definition"
        return None

    def inject(self, victim: Victim) -> None:
        from gostage_sim.faults.odd_frames import odd_frame

        frame = odd_frame(self.form, self.size)
        victim.write_raw(frame.data, must_quarantine=frame.must_quarantine, message=frame.message, note=self.form)
        victim.note(written=len(frame.data))

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The frame in the child's journal, with its offset, and the note that its write returned."""
        note = note_with(fault, "written")
        if note is None or fault.fired_ns is None:
            return None
        for frame in child.raw:
            if frame.note == self.form and frame.length == note["written"] and frame.t_ns >= fault.fired_ns:
                return f"{self.form} written: {frame.length:,} bytes at offset {frame.offset:,} of the stream"
        return None
