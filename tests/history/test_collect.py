"""Run folders with damage: the rest of the evidence is used, and what is missing is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gostage_sim.history.collect import SCHEMA, collect
from gostage_sim.history.journal import STRANGER, Journal
from gostage_sim.history.model import History, StoreWrite

CHILD = {
    "name": "victim",
    "group": "victim",
    "role": "victim",
    "timeout_s": 1.0,
    "grace_s": 0.5,
    "faults": [{"id": "victim#1", "kind": "noop", "params": {}, "at": {"point": "message", "message": 2}}],
    "expect": {"outcome": "exited"},
    "expected_messages": 3,
    "journal": "child.journal",
}

BASELINE: dict[str, Any] = dict.fromkeys(
    ("processes", "zombies", "fds", "sockets", "threads", "temp_files", "rss_anon_bytes"), 1
)


class Run:
    """A run folder in the making."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        plan = {"schema": SCHEMA, "scenario": {"name": "s"}, "transport": "json", "seed": 1, "children": [CHILD]}
        (folder / "plan.json").write_text(json.dumps(plan))
        self.child, self.subject, self.heart, self.observer = (
            Journal(str(folder / f"{name}.journal")) for name in ("child", "subject", "heart", "observer")
        )
        self.observer.event("subject", pid=10)
        self.observer.event("baseline", t_ns=5, **BASELINE)

    def collect(self) -> History:
        for journal in (self.child, self.subject, self.heart, self.observer):
            journal.close()
        return collect(self.folder)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_an_undamaged_run_has_no_problems(run: Run) -> None:
    """Nothing is missing of a run in which nothing happened."""
    history = run.collect()
    assert history.problems == ()
    assert (history.parent.pid, history.parent.finished, history.children[0].expect) == (
        10,
        False,
        {"outcome": "exited"},
    )


def test_the_kernels_word_comes_from_the_observer_and_else_from_the_subject(run: Run) -> None:
    """The observer's is preferred; what was peeked in the subject stands in for it; both are dated when it was gone."""
    run.observer.event("hello", child="victim", pid=11)
    run.observer.event("gone", child="victim")
    run.subject.event("kernel", pid=11, exit_code=None, signal="SIGKILL")
    run.subject.event("kernel", pid=12, exit_code=0, signal=None)
    end = run.collect().children[0].exit
    assert end is not None
    assert (end.exit_code, end.signal, end.source) == (None, "SIGKILL", "waitid")


def test_missing_journals_are_problems(run: Run) -> None:
    """A child that said hello must have left a journal; a parent must have left two."""
    run.observer.event("hello", child="victim", pid=11)
    for name in ("child", "subject", "heart"):
        (run.folder / f"{name}.journal").unlink()
    assert run.collect().problems == (
        "there is no journal of the parent",
        "there is no journal of the parent's heart",
        "there is no journal of victim",
    )


def test_a_child_that_never_said_hello_needs_no_journal(run: Run) -> None:
    """A child that died before it could open one is not missing evidence."""
    (run.folder / "child.journal").unlink()
    assert run.collect().problems == ()


def test_a_damaged_journal_is_a_problem_and_not_an_exception(run: Run) -> None:
    """A file of rubbish costs what it held, nothing else."""
    run.child.event("armed", fault="victim#1")
    run.subject.close()
    (run.folder / "subject.journal").write_bytes(b"\xff" * 240)
    history = run.collect()
    assert history.problems == ("the last record in the journal of the parent is torn",)
    assert history.children[0].faults[0].armed_ns is not None


@pytest.mark.parametrize("killed", [True, False])
def test_a_record_that_a_kill_tore_is_no_problem(run: Run, killed: bool) -> None:
    """Of a parent that was killed on purpose the last record may be half there; of any other that is damage."""
    run.observer.event("note", fault="victim#1", facts={"killed_parent": "SIGKILL" if killed else None})
    run.subject.close()
    with (run.folder / "subject.journal").open("ab") as journal:
        journal.write(b"\xff" * 10)
    torn = "the last record in the journal of the parent is torn"
    assert run.collect().problems == (() if killed else (torn,))


def test_who_descended_from_a_killed_parent(run: Run) -> None:
    """With the moment at which each was seen to go, or none."""
    for pid in (21, 22):
        run.observer.event("descendant", pid=pid, state="S", command="sleep")
    run.observer.event("descendant_gone", pid=22)
    stays, goes = run.collect().descendants
    assert (stays.pid, stays.state, stays.command, stays.gone_ns) == (21, "S", "sleep", None)
    assert (goes.pid, goes.gone_ns is not None) == (22, True)


def test_steps_of_the_clock_count_within_the_spawn(run: Run) -> None:
    """One forward before it, and one back, are none of its time."""
    run.subject.event("clock_stepped", seconds=1000.0)
    run.subject.event("spawned", child="victim")
    run.subject.event("clock_stepped", seconds=60.0)
    run.subject.event("clock_stepped", seconds=-7.0)
    run.subject.event("clock_stepped", seconds=3.0)
    run.subject.event("returned", child="victim")
    run.subject.event("clock_stepped", seconds=1000.0)
    run.subject.event("rejected", child="victim", position=4)
    (victim, *_) = run.collect().children
    assert (victim.clock_ahead_s, victim.rejected) == (63.0, (4,))


def test_messages_in_the_name_of_nobody_are_a_problem(run: Run) -> None:
    """A message attributed to a workflow that was never spawned is reported."""
    run.subject.handled(STRANGER, "data", 1)
    history = run.collect()
    assert history.unattributed.types == ("data",)
    assert history.problems == ("1 messages were handled in the name of a child that nobody knows",)


def test_a_cut_that_was_completed_is_no_raw_frame(run: Run) -> None:
    """A fault that returned in the middle of a message let it be finished; only an unfinished one is a bad line."""
    run.child.sending("data", 1)
    run.child.event("cut", offset=0, length=5)
    run.child.handed_over(1)
    run.child.sending("data", 2)
    run.child.event("cut", offset=20, length=7)
    child = run.collect().children[0]
    assert [(frame.offset, frame.length, frame.sent_before) for frame in child.raw] == [(20, 7, 1)]
    assert (len(child.sent), child.handed_over) == (2, 1)


def test_a_message_cut_twice_is_one_raw_frame(run: Run) -> None:
    """Of several faults in one message that was never finished, the last says how much of it was written."""
    run.child.sending("data", 1)
    run.child.event("cut", offset=0, length=5)
    run.child.event("cut", offset=0, length=9)
    assert [(frame.offset, frame.length) for frame in run.collect().children[0].raw] == [(0, 9)]


def test_a_message_that_was_being_finished_is_a_raw_frame_of_uncertain_length(run: Run) -> None:
    """Who dies in the write of the rest has written more than was cut, and how much nobody recorded."""
    run.child.sending("data", 1)
    run.child.event("cut", offset=0, length=5)
    run.child.event("cut", offset=0, length=5, up_to=70)
    assert [(frame.length, frame.up_to) for frame in run.collect().children[0].raw] == [(5, 70)]


@pytest.mark.parametrize(("written", "result"), [(1, None), (2, "panic")])
def test_a_result_counts_when_it_was_handed_to_the_kernel(run: Run, written: int, result: str | None) -> None:
    """What a child meant to say of its end and could not write to its end was never said."""
    run.child.sending("data", 1)
    run.child.event("result", says="panic")
    run.child.sending("workflow_result", 2)
    run.child.handed_over(written)
    assert run.collect().children[0].result == result


def test_notes_of_both_sides_are_in_the_order_of_time(run: Run) -> None:
    """What child and observer wrote about a fault is one list, each note with its author."""
    run.child.event("note", fault="victim#1", facts={"holding": True, "by": "liar"})
    run.observer.event("note", fault="victim#1", facts={"signalled": "SIGKILL"})
    notes = run.collect().children[0].faults[0].notes
    assert [(note["by"], note.get("holding"), note.get("signalled")) for note in notes] == [
        ("child", True, None),
        ("observer", None, "SIGKILL"),
    ]


def test_a_parent_that_never_came_to_work_is_named_with_its_last_words(run: Run) -> None:
    """Without a baseline the end of the parent's stderr is the best evidence there is."""
    run.observer.close()
    (run.folder / "observer.journal").unlink()
    run.observer = Journal(str(run.folder / "observer.journal"))
    (run.folder / "subject.stderr").write_text("Traceback\nImportError: no\n\n")
    assert run.collect().problems == (
        "the parent never came to its first spawn; the last line of its stderr is: ImportError: no",
    )


def test_what_a_fault_of_the_parent_did_is_in_the_journal_of_the_parent(run: Run) -> None:
    """Armed, fired, over and its notes come from the subject; a child that claims the same is not asked."""
    fault = {"id": "victim#1", "kind": "exhaust", "params": {}, "at": {"point": "spawn"}}
    plan = {
        "schema": SCHEMA,
        "scenario": {"name": "s"},
        "transport": "json",
        "seed": 1,
        "children": [{**CHILD, "faults": [fault]}],
    }
    (run.folder / "plan.json").write_text(json.dumps(plan))
    run.child.event("fired", fault="victim#1")
    run.child.event("note", fault="victim#1", facts={"refused": "EPERM"})
    for event in ("armed", "fired"):
        run.subject.event(event, fault="victim#1")
    run.subject.event("note", fault="victim#1", facts={"refused": "EMFILE"})
    run.subject.event("over", fault="victim#1")
    run.subject.event("problem", text="a fault could not be done")
    history = run.collect()
    (record,) = history.faults
    assert record.armed_ns is not None
    assert record.fired_ns is not None
    assert record.over_ns is not None
    assert record.armed_ns < record.fired_ns < record.over_ns
    assert [(note["by"], note["refused"]) for note in record.notes] == [("parent", "EMFILE")]
    assert history.children[0].refused == "EMFILE"
    assert history.problems == ("a fault could not be done",)


def _with_relay(run: Run) -> Journal:
    """The journal of a relay of the one fault, which the plan names."""
    plan = json.loads((run.folder / "plan.json").read_text())
    plan["children"][0]["faults"][0]["relay"] = "child.relay-1"
    (run.folder / "plan.json").write_text(json.dumps(plan))
    return Journal(str(run.folder / "child.relay-1"))


def test_what_a_relay_did_is_evidence_of_its_fault(run: Run) -> None:
    """Its notes are the fault's; lines that it broke are bad frames behind the message they were, the last one behind
    all of them."""
    relay = _with_relay(run)
    for crc in range(5):
        run.child.sending("m", crc)
    for facts in ({"wrote": 0, "length": 9}, {"broke": 9, "length": 4, "line": 2}, {"broke": 30, "length": 3}):
        relay.event("note", fault="victim#1", facts=facts)
    relay.close()
    child = run.collect().children[0]
    assert [(note["by"], note["length"]) for note in child.faults[0].notes] == [
        ("relay", 9),
        ("relay", 4),
        ("relay", 3),
    ]
    frames = [(frame.offset, frame.length, frame.must_quarantine, frame.sent_before) for frame in child.raw]
    assert frames == [(9, 4, True, 2), (30, 3, True, 5)]


def test_a_relay_that_failed_is_a_problem(run: Run) -> None:
    """What the harness itself could not do is nobody else's failure; a relay that was never started is none."""
    relay = _with_relay(run)
    relay.event("problem", text="the relay of fault victim#1 failed: OSError: no")
    relay.close()
    assert run.collect().problems == ("the relay of fault victim#1 failed: OSError: no",)
    (run.folder / "child.relay-1").unlink()
    assert collect(run.folder).problems == ()


def test_what_a_child_did_to_its_store(run: Run) -> None:
    """Puts and deletions in their order."""
    run.child.event("put", key="a", value=None)
    run.child.event("deleted", key="a")
    assert run.collect().children[0].store_writes == (StoreWrite("a"), StoreWrite("a", deleted=True))


def test_a_store_in_the_hands_of_an_action(run: Run) -> None:
    """Behind an action of the user's nobody knows what a store holds."""
    run.child.event("put", key="a", value=1)
    run.child.event("called", target="myapp:act")
    assert run.collect().children[0].store_writes is None


def test_at_which_messages_handlers_raised(run: Run) -> None:
    """By their place among what was handled of this child, whatever other children did in between."""
    for number in range(5):
        run.subject.handled(0, "data", number)
        run.subject.handled(1, "data", number)
        if number in (1, 4):
            run.subject.raised(0)
            run.subject.raised(1)
    assert run.collect().children[0].raised == (1, 4)
