"""Clean histories of every shape, and anomalies to plant in them, each with the guarantees that must name it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import strategies as st

from gostage_sim.guarantees.bounded_memory import TIMES_SENT
from gostage_sim.history.model import (
    ChildHistory,
    History,
    Messages,
    ParentHistory,
    Quarantined,
    SpawnReport,
    StoreWrite,
)

from .histories import BEATS, MS, SECOND, Message, bad_frame, history, messages, parent, recovery, resources, sibling
from .histories import child as clean_child
from .histories import victim as clean_victim

#: What a message too many or too few of a child means beside the anomaly itself.
_OF_ROLE = {"victim": set[str](), "sibling": {"siblings-unharmed"}, "recovery": {"recovers"}}

#: The history with the anomaly, and who must name it.
Planted = tuple[History, set[str]]

_FLOOD_BYTES = 1 << 30
_HANDLERS = {"log": {"raise_every": 3}}


def _stream(name: str, count: int) -> st.SearchStrategy[list[Message]]:
    """So many messages, many of them alike, but never like another child's."""
    one = st.tuples(st.sampled_from(["log", "store_put", "row"]), st.sampled_from("abcdef").map(f"{name} {{}}".format))
    return st.lists(one, min_size=count, max_size=count)


@st.composite
def _victims(draw: st.DrawFn) -> ChildHistory:
    """One that floods, sends a bad line, has handlers that raise, and crashes."""
    count = draw(st.integers(4, 30))
    times = [SECOND + index * 30 * MS for index in range(count)]
    sent = draw(_stream("victim", count))
    made = clean_victim(count)
    place = draw(st.integers(1, count - 1))
    bad = Quarantined(500, 22, "not JSON", place)
    raised = draw(st.sets(st.integers(0, count - 1), max_size=3))
    report = SpawnReport("signaled", None, "SIGSEGV", 100, malformed_count=1, malformed=(bad,), final_store={})
    return replace(
        made,
        sent=messages(sent, times),
        handled=messages(sent, [time + MS for time in times]),
        raw=(bad_frame(500, place),),
        raised=tuple(sorted(raised)),
        report=replace(report, handler_errors=len(raised)),
        handed_over_bytes=_FLOOD_BYTES,
        waits=draw(st.integers(1, 100)),
    )


@st.composite
def _siblings(draw: st.DrawFn, number: int) -> ChildHistory:
    like = sibling(number)
    times = like.sent.rows["t_ns"][:30].tolist()
    made = clean_child(like.name, "sibling", draw(_stream(like.name, 30)), pid=200 + number, times=times)
    raised = tuple(sorted(draw(st.sets(st.integers(0, 29), max_size=3))))
    assert made.report is not None
    keys = draw(st.sets(st.sampled_from("abc"), max_size=3)) | {"owner"}
    writes = [StoreWrite("gone", 1), *(StoreWrite(key, f"{key} of {like.name}") for key in sorted(keys))]
    store = {write.key: write.value for write in writes[1:]}
    report = replace(made.report, handler_errors=len(raised), final_store=store)
    return replace(made, raised=raised, report=report, store_writes=(*writes, StoreWrite("gone", deleted=True)))


@st.composite
def clean_histories(draw: st.DrawFn) -> History:
    """A victim, two to four siblings, the recovery: whatever they send, nothing is wrong."""
    siblings = [draw(_siblings(number)) for number in range(1, draw(st.integers(2, 4)) + 1)]
    return history(draw(_victims()), *siblings, recovery(), handlers=_HANDLERS, parent=_grown(draw(st.integers(0, 8))))


def _grown(mebibytes: int) -> ParentHistory:
    """A parent that was counted while children sent, at last with so much more in its memory."""
    rest = resources(0).rss_anon_bytes
    held = (rest, rest, rest + (mebibytes << 20))
    times = (SECOND + 10 * MS, SECOND + 50 * MS, SECOND + 85 * MS)
    return parent(
        samples=tuple(
            resources(at, processes=3, fds=20, rss_anon_bytes=size) for at, size in zip(times, held, strict=True)
        )
    )


def _with(found: History, *children: ChildHistory) -> History:
    """The history with these in place of the children of their names."""
    changed = {child.name: child for child in children}
    return replace(found, children=tuple(changed.get(child.name, child) for child in found.children))


def _contents(child: ChildHistory) -> list[tuple[int, int]]:
    """What was handled of it: type and checksum of each."""
    return [(int(row["type"]), int(row["crc"])) for row in child.handled.rows]


def _handled(child: ChildHistory, contents: list[tuple[int, int]], types: tuple[str, ...] = ()) -> ChildHistory:
    """The same child, of which this was handled, at about the same times."""
    rows = child.handled.rows
    made = rows[[min(index, len(rows) - 1) for index in range(len(contents))]].copy()
    made["type"], made["crc"] = zip(*contents, strict=True)
    made["t_ns"][len(rows) :] += 1
    return replace(child, handled=Messages(made, types or child.handled.types))


def _unraised(child: ChildHistory) -> ChildHistory:
    """The same child, of which no handler raised: so that an anomaly is not beside such a message by chance."""
    assert child.report is not None
    return replace(child, raised=(), report=replace(child.report, handler_errors=0))


def _any_child(draw: st.DrawFn, found: History) -> ChildHistory:
    return _unraised(draw(st.sampled_from(found.children)))


def lost(draw: st.DrawFn, found: History) -> Planted:
    """A message of one child was handled by nobody."""
    child = _any_child(draw, found)
    contents = _contents(child)
    del contents[draw(st.integers(0, len(contents) - 2))]
    named = {"no-loss"} | _OF_ROLE[child.role]
    return _with(found, _without_bad_line(_handled(child, contents))), named


def _without_bad_line(child: ChildHistory) -> ChildHistory:
    """The message behind a bad line is the affair of `quarantine`, too."""
    assert child.report is not None
    return replace(child, raw=(), report=replace(child.report, malformed_count=0, malformed=()))


def doubled(draw: st.DrawFn, found: History) -> Planted:
    """A message of one child was handled a second time, at once or later."""
    child = _any_child(draw, found)
    contents = _contents(child)
    origin = draw(st.integers(0, len(contents) - 1))
    contents.insert(draw(st.integers(origin + 1, len(contents))), contents[origin])
    return _with(found, _without_bad_line(_handled(child, contents))), {"no-duplicate"} | _OF_ROLE[child.role]


def reordered(draw: st.DrawFn, found: History) -> Planted:
    """Two messages of one child changed places."""
    child = _any_child(draw, found)
    contents = _contents(child)
    pairs = [(i, j) for j in range(len(contents)) for i in range(j) if contents[i] != contents[j]]
    if not pairs:
        return found, set()
    i, j = draw(st.sampled_from(pairs))
    contents[i], contents[j] = contents[j], contents[i]
    return _with(found, _without_bad_line(_handled(child, contents))), {"order"}


def invented(draw: st.DrawFn, found: History) -> Planted:
    """A handler saw a message that nobody sent."""
    child = _any_child(draw, found)
    contents = _contents(child)
    contents.insert(draw(st.integers(0, len(contents))), (0, 12345))
    return _with(found, _without_bad_line(_handled(child, contents))), {"no-phantom"} | _OF_ROLE[child.role]


def swapped(draw: st.DrawFn, found: History) -> Planted:
    """A message of each of two children was handled in the name of the other."""
    one, other = (_without_bad_line(_unraised(child)) for child in draw(st.permutations(found.children))[:2])
    types = tuple(dict.fromkeys((*one.handled.types, *other.handled.types)))
    mine, theirs = (
        [(types.index(child.handled.types[kind]), crc) for kind, crc in _contents(child)] for child in (one, other)
    )
    i, j = draw(st.integers(0, len(mine) - 1)), draw(st.integers(0, len(theirs) - 1))
    mine[i], theirs[j] = theirs[j], mine[i]
    damaged = _with(found, _handled(one, mine, types), _handled(other, theirs, types))
    return damaged, {"no-crosstalk", "no-phantom", "no-loss"}


def late(draw: st.DrawFn, found: History) -> Planted:
    """`spawn()` came back long after its child was gone."""
    child = found.children[0]
    assert child.returned_ns is not None
    return _with(found, replace(child, returned_ns=child.returned_ns + draw(st.integers(2100, 3000)) * MS)), {
        "prompt-return"
    }


def stalled(draw: st.DrawFn, found: History) -> Planted:
    """The parent did nothing for a sibling for more than two seconds."""
    child = found.children[draw(st.integers(1, len(found.children) - 2))]
    rows = child.handled.rows.copy()
    rows["t_ns"][draw(st.integers(0, 29)) :] += draw(st.integers(2100, 2400)) * MS
    waiting = replace(child, handled=Messages(rows, child.handled.types))
    assert child.exit is not None
    assert child.returned_ns is not None
    ended = replace(waiting, exit=replace(child.exit, t_ns=child.exit.t_ns + 2500 * MS))
    return _with(found, replace(ended, returned_ns=child.returned_ns + 2500 * MS)), {"siblings-unharmed"}


def leaked(draw: st.DrawFn, found: History) -> Planted:
    """The parent holds more than before."""
    what = draw(st.sampled_from(["fds", "sockets", "threads", "zombies", "processes", "temp_files"]))
    final = found.parent.final
    assert final is not None
    final = replace(final, **{what: getattr(final, what) + draw(st.integers(1, 3))})
    return replace(found, parent=replace(found.parent, final=final)), {"nothing-left"}


def misreported(draw: st.DrawFn, found: History) -> Planted:
    """The engine says something else of the victim's end than the kernel."""
    child = found.children[0]
    assert child.report is not None
    ends = [("exited", 1, None), ("completed", 0, None), ("signaled", None, "SIGKILL"), ("timed_out", None, "SIGSEGV")]
    outcome, exit_code, signal = draw(st.sampled_from(ends))
    lie = replace(child.report, outcome=outcome, exit_code=exit_code, signal=signal)
    return _with(found, replace(child, report=lie)), {"true-verdict"}


def wrong_store(draw: st.DrawFn, found: History) -> Planted:
    """A store came back without a key, with another value, or with what is not the child's."""
    child = found.children[draw(st.integers(1, len(found.children) - 2))]
    assert child.report is not None
    store = dict(child.report.final_store or {})
    match draw(st.integers(0, 2)):
        case 0:
            del store[draw(st.sampled_from(sorted(store)))]
        case 1:
            store[draw(st.sampled_from(sorted(store)))] = "another"
        case _:
            store["gone"] = 1
    return _with(found, replace(child, report=replace(child.report, final_store=store))), {"final-store"}


def not_contained(draw: st.DrawFn, found: History) -> Planted:
    """What a handler raised was forgotten, or cost the child its next message."""
    child = _without_bad_line(_unraised(draw(st.sampled_from(found.children[:-1]))))
    assert child.report is not None
    contents = _contents(child)
    at = draw(st.integers(0, len(contents) - 2))
    if draw(st.booleans()):
        return _with(found, replace(child, raised=(at,))), {"handler-contained"}
    next_one = contents.pop(at + 1)
    if next_one in contents:  # then nobody can tell which of those alike is missing
        return found, set()
    damaged = replace(_handled(child, contents), raised=(at,), report=replace(child.report, handler_errors=1))
    return _with(found, damaged), {"handler-contained", "no-loss"} | _OF_ROLE[child.role]


def hoarded(draw: st.DrawFn, found: History) -> Planted:
    """The parent's memory grew with what it was sent."""
    grown = _FLOOD_BYTES // TIMES_SENT // draw(st.integers(1, 4)) >> 20
    return replace(found, parent=_grown(grown)), {"bounded-memory"}


def unreported(draw: st.DrawFn, found: History) -> Planted:
    """A bad line is in no report."""
    child = found.children[0]
    assert child.report is not None
    return _with(found, replace(child, report=replace(child.report, malformed_count=0, malformed=()))), {"quarantine"}


def silent_heart(draw: st.DrawFn, found: History) -> Planted:
    """The parent stood still for more than two seconds."""
    since = draw(st.integers(10, 20))  # the last work is done after four seconds
    beats = BEATS[(since * SECOND // 10 > BEATS) | (since * SECOND // 10 + 2200 * MS < BEATS)]
    return replace(found, parent=replace(found.parent, heartbeats_ns=beats)), {"parent-alive"}


Plant = Callable[[st.DrawFn, History], Planted]

ANOMALIES: tuple[Plant, ...] = (
    lost,
    doubled,
    reordered,
    invented,
    swapped,
    late,
    stalled,
    leaked,
    misreported,
    wrong_store,
    not_contained,
    hoarded,
    unreported,
    silent_heart,
)


def planted(plant: Plant) -> st.SearchStrategy[Planted]:
    """Clean histories with this one anomaly."""

    @st.composite
    def draw_one(draw: st.DrawFn) -> Planted:
        return plant(draw, draw(clean_histories()))

    return draw_one()
