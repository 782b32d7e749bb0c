"""Children: what they do, and where in it a fault finds a point that is reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from gostage_sim.strategies.parameters import Data

#: No two messages alike: what becomes of one could be taken for what becomes of another.
_PAYLOADS = (
    None,
    {"key": "user-{i}", "value": "{faker.name}"},
    [1, 2.5, None, True, "{i}"],
    {"text": "{i} h\u00e4\u2028\U0001f600\\ \"'"},
)
_VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20)

_FEWEST, _MOST = 20, 60

#: For what costs a process, so that most scenarios run as fast as they can.
SELDOM = st.sampled_from((False, False, False, True))


@dataclass(frozen=True, slots=True)
class Course:
    """How many messages each step of a child sends, of those that send any number for sure."""

    sends: tuple[int, ...]

    @property
    def steps(self) -> int:
        return len(self.sends)

    @property
    def messages(self) -> int:
        """Of its own, without the final store and the result."""
        return sum(self.sends)

    def before(self, step: int) -> int:
        """Messages before this step, counted from 1."""
        return sum(self.sends[: step - 1])

    @classmethod
    def of(cls, steps: Sequence[Data]) -> Course:
        """Of steps as a scenario file has them."""
        return cls(tuple(_count(step) for step in steps))


def steps(*, light: bool = False) -> st.SearchStrategy[list[Data]]:
    """A log message, then a stream of `_FEWEST` to `_MOST` messages, then up to three of whatever a child can do.
    `light`: with nothing large among it."""
    return st.builds(
        lambda stream, others: [{"log": "a stream follows"}, stream, *others],
        _sends(_FEWEST, light=light),
        st.lists(_other_step(light=light), max_size=3),
    )


@st.composite
def siblings(draw: st.DrawFn) -> Data:
    """A child to which nothing happens, with enough to do to be there before, while and after it happens to others."""
    doing = draw(steps(light=True))
    return {"copies": draw(st.integers(2, 3)), "steps": doing} if draw(SELDOM) else {"steps": doing}


def _count(step: Data) -> int:
    (kind, value), *_ = step.items()
    match kind:
        case "send":
            return int(value["count"])
        case "log":
            return 1
        case "spawn":
            return sum(map(_count, value["steps"]))
    return 0


@st.composite
def _sends(draw: st.DrawFn, fewest: int = 1, most: int = _MOST, *, light: bool) -> Data:
    send: Data = {"count": draw(st.integers(fewest, most))}
    payload = draw(st.sampled_from(_PAYLOADS))
    if payload is not None:
        send |= {"type": draw(st.sampled_from(["row", "store_put"])), "payload": payload}
    if not isinstance(payload, list) and draw(st.booleans()):
        send["size"] = draw(st.sampled_from(["1B", "64B"] if light else ["64B", "1KiB", "64KiB", "256KiB"]))
    if draw(st.booleans()):
        send["bulk"] = True
    return {"send": send}


def _other_step(*, light: bool) -> st.SearchStrategy[Data]:
    few = st.integers(1, 20)
    loads = (
        st.fixed_dictionaries({"allocate": st.sampled_from(["1MiB", "32MiB"])}),
        st.fixed_dictionaries({"open_files": few}),
        st.fixed_dictionaries({"threads": few}),
    )
    return st.one_of(
        st.just({"log": "h\u00e4\u202e\x1b[31m"}),
        st.builds(lambda key, value: {"put": {"key": key, "value": value}}, st.sampled_from("ab"), _VALUES),
        st.fixed_dictionaries({"sleep": st.sampled_from(["1ms", "50ms"])}),
        st.fixed_dictionaries({"spin": st.sampled_from(["1ms", "50ms"])}),
        _sends(most=20, light=light),
        *(() if light else loads),
        *(() if light else (_sends(most=20, light=True).map(lambda send: {"spawn": {"steps": [send]}}),)),
    )
