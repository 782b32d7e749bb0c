"""What counts as proof that a fault happened, and what does not, on histories built by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gostage_sim.faults import fault_kind, fault_kinds
from gostage_sim.history.model import (
    MESSAGE_DTYPE,
    ChildHistory,
    FaultRecord,
    KernelExit,
    Messages,
    RawFrame,
    Result,
    SpawnReport,
)
from tests.faults import stream_proofs

FIRED = 1_000_000_000
OVER = 2_000_000_000
EXIT = 3_000_000_000


def _ms(milliseconds: int) -> int:
    """A moment so long after the fault fired."""
    return FIRED + milliseconds * 1_000_000


def witness(
    kind: str,
    params: dict[str, Any],
    *notes: dict[str, Any],
    at: dict[str, Any] | None = None,
    over: int | None = OVER,
    exit: int | str | None = None,
    sent: Sequence[tuple[int, str]] = (),
    handled: Sequence[tuple[int, str]] = (),
    raw: Sequence[RawFrame] = (),
    stopped: tuple[int, ...] = (),
    handed_over: int = 0,
    pid: int | None = None,
    result: Result | None = None,
    rejected: tuple[int, ...] = (),
    waits: int = 0,
) -> str | None:
    fault = fault_kind(kind)(**params)
    noted = tuple({"t_ns": FIRED, "by": "child", **note} for note in notes)
    record = FaultRecord("victim:1", kind, params, at or {}, "victim", 1, FIRED, over, noted)
    end = None
    if exit is not None:
        code, name = (exit, None) if isinstance(exit, int) else (None, exit)
        end = KernelExit(EXIT, code, name, "pidfd")
    # What the engine reports is a lie here: no witness may believe it.
    report = SpawnReport("signaled", 1, "SIGSEGV", 1, malformed_count=1)
    child = ChildHistory("victim", "victim", "victim", 5.0, 1.0, raw=tuple(raw), exit=end, report=report)
    child = replace(child, sent=_messages(sent), handled=_messages(handled))
    child = replace(child, stopped_ns=stopped, handed_over=handed_over, pid=pid, result=result, rejected=rejected)
    child = replace(child, waits=waits)
    return fault.witness(record, child)


def _messages(recorded: Sequence[tuple[int, str]]) -> Messages:
    types = tuple(dict.fromkeys(name for _, name in recorded))
    return Messages(np.array([(t_ns, types.index(name), 0) for t_ns, name in recorded], MESSAGE_DTYPE), types)


def _frame(**changed: Any) -> RawFrame:
    frame = RawFrame(_ms(1), offset=1200, length=23, must_quarantine=True, sent_before=4, note="not_json")
    return replace(frame, **changed)


BAD_READ = {"how": "a bad read"}
SIGNALLED = {"by": "observer", "signalled": "SIGTERM"}
IN_HANDLER = {"point": "handler", "handler": 40}
HELD = {"holding": True}
WENT_ON = {"holding": False}
IN_WRITE = {"by": "observer", "signalled": "SIGKILL", "blocked_bytes": 192_000_110}
AFTER = [(_ms(20), "m"), (_ms(40), "m"), (_ms(60), "n")]
FLOOD = {"count": 3}
CLOSED = {"closed": "stdout", "still_open": 0}
REFUSED = {"by": "parent", "refused": "EACCES"}
BROKEN = {"broken": "reset", "state": "gone", "port": 40112}
REQUEST = RawFrame(_ms(1), 0, 64, True, 0, "not_protobuf", request=True)
MOVED = {"by": "parent", "listened_at": [40112], "listens_at": []}

KILLED = {"by": "observer", "killed_parent": "SIGKILL"}
FORWARD = {"by": "parent", "stepped_s": 3600.0}
BACK = {"by": "parent", "stepped_s": -3600.0}
LOOKED = {"by": "parent", "looked_at_since": 3}
TOOK = {"by": "observer", "interrupted": "SIGINT", "taken": [True]}

SEEN: list[tuple[str, dict[str, Any], tuple[dict[str, Any], ...], dict[str, Any], str]] = [
    ("noop", {}, ({"passed": "x"},), {}, "passed the point and did nothing"),
    ("noop", {}, ({"another": 1}, {"passed": "x"}), {}, "passed the point and did nothing"),
    ("crash", {}, (BAD_READ,), {"exit": "SIGSEGV"}, "killed by SIGSEGV after a bad read"),
    ("exit", {"code": 0}, ({"leaving": "hard"},), {"exit": 0}, "exited with 0 by os._exit()"),
    (
        "exit",
        {"code": 0, "how": "normal"},
        ({"leaving": "normal"},),
        {"exit": 0, "sent": [(_ms(1), "final_store"), (_ms(1), "workflow_result")], "result": "exit"},
        "exited with 0 by SystemExit",
    ),
    (
        "panic",
        {},
        ({"raised": "InjectedPanic"},),
        {"exit": 1},
        "raised InjectedPanic out of the action; the process exited with 1",
    ),
    ("kill", {"signal": "SIGTERM"}, (HELD, SIGNALLED), {"exit": "SIGTERM"}, "killed by SIGTERM through the pidfd"),
    (
        "kill",
        {"signal": "SIGTERM", "ignored": True},
        (HELD, SIGNALLED),
        {"exit": "SIGKILL"},
        "ignored the SIGTERM sent through the pidfd and ended by SIGKILL",
    ),
    (
        "kill",
        {"in_write": True},
        (WENT_ON, IN_WRITE),
        {"exit": "SIGKILL", "sent": [(FIRED - 1, "picture")]},
        "killed by SIGKILL through the pidfd, blocked in a write of 192,000,110 bytes",
    ),
    (
        "kill_parent",
        {"child": "stopped"},
        ({"reached": "stopped"}, KILLED),
        {},
        "SIGKILL ended the parent while the child was stopped, in state T",
    ),
    (
        "kill_parent",
        {},
        ({"by": "parent", "reached": "handler"}, KILLED),
        {"at": IN_HANDLER},
        "SIGKILL ended the parent in a handler",
    ),
    ("interrupt_parent", {}, (HELD, TOOK), {}, "the parent took SIGINT"),
    (
        "interrupt_parent",
        {},
        ({"by": "parent", **HELD}, TOOK),
        {"at": IN_HANDLER},
        "the parent took SIGINT in a handler",
    ),
    (
        "interrupt_parent",
        {"to": "group", "again": True},
        (HELD, {**TOOK, "taken": [True, True]}),
        {},
        "the parent and its group took SIGINT twice",
    ),
    ("freeze", {}, ({"by": "observer", "state": "T"},), {}, "stopped by SIGSTOP, seen in state T"),
    ("freeze", {}, (), {"stopped": (FIRED + 1,)}, "stopped by SIGSTOP, seen in state T"),
    (
        "slow",
        {"delay": 0.02},
        ({"slow": "per_message"},),
        {"sent": [(FIRED - 1, "m"), *AFTER, (_ms(61), "workflow_result")]},
        "waited at least 20ms before each of 3 messages",
    ),
    ("slow", {"form": "start", "delay": 1.0}, ({"slow": "start"},), {}, "started 1s late"),
    (
        "slow",
        {"form": "never_ready"},
        ({"slow": "never_ready"},),
        {"over": None, "exit": "SIGKILL", "sent": [(FIRED - 1, "m")]},
        "sent nothing for 2s, until killed by SIGKILL",
    ),
    (
        "flood",
        {"count": 10, "size": 1 << 20},
        (),
        {"sent": [(_ms(i), "flood-0") for i in range(1, 11)], "waits": 8},
        "sent 10 of 10 messages in 10ms, 8 writes or more had to wait",
    ),
    ("flood", FLOOD, (), {"sent": [(_ms(i), "flood-0") for i in (1, 2, 3)]}, "sent 3 of 3 messages in 3ms"),
    (
        "flood",
        FLOOD,
        (),
        {"sent": [(_ms(1), "flood-0")], "over": None, "exit": "SIGKILL"},
        "sent 1 of 3 messages in 1ms",
    ),
    (
        "malformed",
        {"form": "not_json"},
        ({"written": 23},),
        {"raw": [_frame()]},
        "not_json written: 23 bytes at offset 1,200 of the stream",
    ),
    (
        "interleave",
        {},
        ({"written": [23, 7]},),
        {"raw": [_frame(note="interleaved"), _frame(note="interleaved", offset=1223, length=7)]},
        "two lines of 16,384 bytes in each other, at offset 1,200 of the stream",
    ),
    (
        "bad_middleware",
        {},
        ({"by": "parent", "raised": 4},),
        {"handled": AFTER},
        "on_child_message raised 4 times",
    ),
    ("bad_middleware", {"hook": "after"}, ({"by": "parent", "raised": 1},), {}, "after_spawn raised"),
    (
        "bad_middleware",
        {"hook": "inbound"},
        ({"by": "parent", "raised": 2},),
        {"rejected": (9, 19)},
        "inbound middleware rejected 2 messages",
    ),
    ("clock", {}, (FORWARD, LOOKED), {}, "the clock was stepped 1h forward, and looked at since"),
    ("clock", {"to": "back"}, (BACK, LOOKED), {}, "the clock was stepped 1h back, and looked at since"),
    (
        "replay",
        {},
        ({"replayed": 2},),
        {"raw": [_frame(note="replayed"), _frame(note="replayed", offset=1223)]},
        "2 lines of an earlier session written",
    ),
    ("stray", {}, ({"written": 13},), {}, "print wrote 13 bytes to fd 1"),
    (
        "stray",
        {"form": "grandchild"},
        ({"written": 29, "grandchild": 77},),
        {},
        "grandchild 77 wrote 29 bytes to fd 1",
    ),
    ("stray", {"form": "daemon"}, ({"written": 25, "daemon": 78},), {}, "daemon 78 wrote 25 bytes to fd 1"),
    ("close", {}, (CLOSED,), {"over": None, "exit": "SIGTERM"}, "closed stdout and stayed for 2.000 s"),
    ("close", {"then": "go_on"}, (CLOSED,), {"exit": 1}, "closed stdout and went on for 2.000 s"),
    (
        "second_result",
        {},
        (),
        {"sent": [(FIRED - 1, "workflow_result"), (_ms(1), "workflow_result")], "handed_over": 2},
        "sent a second result, of failure",
    ),
    (
        "unstartable",
        {"form": "directory"},
        (REFUSED,),
        {},
        "the kernel does not execute the command (directory): EACCES, and no child ran",
    ),
    ("exhaust", {}, (REFUSED,), {}, "the parent has no files left for a child: EACCES, and no child ran"),
    (
        "freeze",
        {"duration": 0.5},
        ({"by": "observer", "state": "T"},),
        {},
        "stopped by SIGSTOP, seen in state T, and woken after 500ms",
    ),
    (
        "run_out",
        {},
        ({"met": "MemoryError", "used": "7 times 16 MiB"},),
        {"exit": 1},
        "met MemoryError after 7 times 16 MiB; the process exited with 1",
    ),
    (
        "run_out",
        {"of": "cpu"},
        ({"limit": "2 s of CPU time, soft"},),
        {"exit": "SIGXCPU"},
        "killed by SIGXCPU at its limit (2 s of CPU time, soft)",
    ),
    (
        "small_disk",
        {},
        ({"met": "ENOSPC", "written": 2**20},),
        {"exit": 1},
        "met ENOSPC after 1,048,576 bytes; the process exited with 1",
    ),
    (
        "out_of_memory",
        {},
        ({"by": "observer", "oom_kills": 1},),
        {"exit": "SIGKILL"},
        "killed by the kernel's OOM killer in a group of 64MiB",
    ),
    (
        "hang",
        {},
        ({"hangs": "deadlock"},),
        {"over": None, "exit": "SIGTERM"},
        "hung (deadlock) for 2.000 s, until killed by SIGTERM",
    ),
    (
        "hang",
        {"form": "atexit"},
        ({"hangs": "on the way out"},),
        {"exit": "SIGTERM"},
        "hung (atexit) for 2.000 s, until killed by SIGTERM",
    ),
    ("fork_bomb", {}, ({"bomb": 7, "processes": 20, "refused": "EAGAIN"},), {}, "20 processes, then EAGAIN"),
    (
        "respawn",
        {},
        ({"pids": [7, 8, 9], "most": 30},),
        {},
        "3 processes, each started by the one before, and no more",
    ),
    ("spill", {"size": 4096}, ({"spilled": 4096},), {}, "wrote 4,096 bytes to stderr"),
    (
        "flood",
        {"count": 2, "logs": True},
        (),
        {"sent": [(_ms(1), "log"), (_ms(2), "log")]},
        "sent 2 of 2 messages in 2ms",
    ),
    (
        "second_store",
        {"size": 2048},
        (),
        {"sent": [(FIRED - 1, "final_store"), (_ms(1), "final_store")], "handed_over": 2},
        "sent a second store of 2KiB",
    ),
    (
        "mismatch",
        {},
        ({"lacks": "some_module"},),
        {"exit": 1, "result": "failure"},
        "lacked some_module; the process exited with 1",
    ),
    (
        "wrong_program",
        {"form": "silent"},
        ({"by": "parent", "instead": "silent", "alone": 0},),
        {"exit": 0},
        "another program ran in the child's place (silent): exited with 0",
    ),
    (
        "wrong_program",
        {"form": "deaf"},
        ({"by": "parent", "instead": "deaf", "alone": None},),
        {"exit": "SIGTERM"},
        "another program ran in the child's place (deaf): killed by SIGTERM",
    ),
    (
        "pause",
        {},
        ({"by": "parent", "paused": "stop", "state": "T"},),
        {},
        "the parent was stopped by SIGSTOP, seen in state T",
    ),
    (
        "pause",
        {"how": "collect"},
        ({"by": "parent", "paused": "collect", "collected": 500_000, "took_s": 0.25},),
        {},
        "the parent collected 500,000 objects in 0.250 s",
    ),
    (
        "steal_status",
        {},
        ({"by": "parent", "stole": 9, "status": "exit code 0"}, {"by": "parent", "stole": 7, "status": "exit code 1"}),
        {"pid": 7},
        "waitpid(-1) in another thread took the status of process 7: exit code 1",
    ),
    (
        "ignore_sigchld",
        {},
        ({"by": "parent", "ignored_to_the_end": True},),
        {"exit": 0},
        "SIGCHLD was ignored in the parent while the child exited with 0",
    ),
    ("close_stdio", {}, ({"by": "parent", "closed": [0, 1, 2]},), {}, "0, 1 and 2 were closed in the parent"),
    (
        "connection",
        {"then": "go_on"},
        (BROKEN,),
        {"exit": 1},
        "reset of the connection at port 40112, then gone; it lived on for 2.000 s",
    ),
    (
        "bad_request",
        {},
        ({"answer": "OK"},),
        {"raw": [REQUEST]},
        "not_protobuf sent: a request of 64 bytes, answered OK",
    ),
    ("intruder", {"form": "scan", "count": 2}, ({"answers": {"accepted": 2}},), {}, "scan: accepted 2x"),
    ("lose_server", {}, (MOVED,), {}, "the parent listened at port 40112, and does no more"),
    *stream_proofs.SEEN,
]

UNSEEN: list[tuple[str, str, dict[str, Any], tuple[dict[str, Any], ...], dict[str, Any]]] = [
    ("noted by the wrong side", "noop", {}, ({"by": "observer", "passed": "x"},), {}),
    ("another signal", "crash", {}, (BAD_READ,), {"exit": "SIGKILL"}),
    ("still alive", "crash", {}, (BAD_READ,), {}),
    ("killed before it came to it", "crash", {}, (), {"exit": "SIGSEGV"}),
    ("another code", "exit", {"code": 3}, ({"leaving": "hard"},), {"exit": 4}),
    ("still alive", "exit", {"code": 3}, ({"leaving": "hard"},), {}),
    ("killed instead", "exit", {"code": 3}, ({"leaving": "hard"},), {"exit": "SIGKILL"}),
    (
        "it went on",
        "exit",
        {"code": 0},
        ({"leaving": "hard"},),
        {"exit": 0, "sent": [(_ms(1), "workflow_result")]},
    ),
    (
        "it caught its own exit",
        "exit",
        {"code": 0},
        ({"leaving": "normal"},),
        {"exit": 0, "sent": [(_ms(1), "workflow_result")], "result": "success"},
    ),
    (
        "it sent more",
        "exit",
        {"code": 0, "how": "normal"},
        ({"leaving": "normal"},),
        {"exit": 0, "sent": AFTER, "result": "exit"},
    ),
    ("an ordinary end", "exit", {"code": 0}, (), {"exit": 0}),
    ("an orderly end", "panic", {}, ({"raised": "InjectedPanic"},), {"exit": 0}),
    ("nothing raised", "panic", {}, (), {"exit": 1}),
    ("still alive", "panic", {}, ({"raised": "InjectedPanic"},), {}),
    ("the observer did not send it", "kill", {"signal": "SIGTERM"}, (HELD,), {"exit": "SIGTERM"}),
    ("it never held", "kill", {"signal": "SIGTERM"}, (SIGNALLED,), {"exit": "SIGTERM"}),
    ("the parent did not end", "kill_parent", {}, ({"reached": "holds"}, {**KILLED, "killed_parent": None}), {}),
    ("by another signal", "kill_parent", {"signal": "SIGTERM"}, ({"reached": "holds"}, KILLED), {}),
    ("the child was not there", "kill_parent", {}, (KILLED,), {}),
    ("the child says so", "kill_parent", {}, ({"reached": "holds"}, {**KILLED, "by": "child"}), {}),
    ("no handler was there", "kill_parent", {}, ({"reached": "holds"}, KILLED), {"at": IN_HANDLER}),
    ("no handler was there", "interrupt_parent", {}, (HELD, TOOK), {"at": IN_HANDLER}),
    ("it was not taken", "interrupt_parent", {}, (HELD, {**TOOK, "taken": [False]}), {}),
    ("once, not twice", "interrupt_parent", {"again": True}, (HELD, TOOK), {}),
    ("it never held", "interrupt_parent", {}, (TOOK,), {}),
    ("another signal", "interrupt_parent", {"signal": "SIGTERM"}, (HELD, TOOK), {}),
    (
        "the write had returned",
        "kill",
        {"in_write": True},
        (WENT_ON, IN_WRITE),
        {"exit": "SIGKILL", "sent": [(FIRED - 1, "picture")], "handed_over": 1},
    ),
    (
        "not seen in a write",
        "kill",
        {"in_write": True},
        (WENT_ON, {"by": "observer", "signalled": "SIGKILL"}),
        {"exit": "SIGKILL", "sent": [(FIRED - 1, "picture")]},
    ),
    ("killed by something else", "kill", {"signal": "SIGTERM"}, (HELD, SIGNALLED), {"exit": "SIGKILL"}),
    ("still alive", "kill", {"signal": "SIGTERM"}, (HELD, SIGNALLED), {}),
    ("not ignored", "kill", {"signal": "SIGTERM", "ignored": True}, (HELD, SIGNALLED), {"exit": "SIGTERM"}),
    ("not stopped", "freeze", {}, ({"by": "observer", "state": "not T"},), {}),
    ("stopped before it fired", "freeze", {}, (), {"stopped": (FIRED - 1,)}),
    ("stopped by its own word", "freeze", {}, ({"state": "T"},), {}),
    ("never woken", "freeze", {"duration": 0.5}, ({"by": "observer", "state": "T"},), {"over": None}),
    ("woken too early", "freeze", {"duration": 1.2}, ({"by": "observer", "state": "T"},), {}),
    ("another error", "small_disk", {}, ({"met": "EPERM", "written": 4096},), {"exit": 1}),
    ("full from the beginning", "small_disk", {}, ({"met": "ENOSPC", "written": 0},), {"exit": 1}),
    ("more than it has", "small_disk", {}, ({"met": "ENOSPC", "written": 2**20 + 1},), {"exit": 1}),
    ("no error came of it", "small_disk", {}, ({"met": "ENOSPC", "written": 4096},), {"exit": 0}),
    ("still alive", "small_disk", {}, ({"met": "ENOSPC", "written": 4096},), {}),
    ("another error", "run_out", {}, ({"met": "EMFILE", "used": ""},), {"exit": 1}),
    ("no error came of it", "run_out", {}, ({"met": "MemoryError", "used": ""},), {"exit": 0}),
    ("still alive", "run_out", {}, ({"met": "MemoryError", "used": ""},), {}),
    ("another signal", "run_out", {"of": "cpu_hard"}, ({"limit": "2 s"},), {"exit": "SIGXCPU"}),
    ("never limited", "run_out", {"of": "cpu"}, (), {"exit": "SIGXCPU"}),
    ("killed by somebody", "out_of_memory", {}, ({"by": "observer", "oom_kills": 0},), {"exit": "SIGKILL"}),
    ("by its own word", "out_of_memory", {}, ({"oom_kills": 1},), {"exit": "SIGKILL"}),
    ("another was killed", "out_of_memory", {}, ({"by": "observer", "oom_kills": 1},), {"exit": "SIGTERM"}),
    ("went on", "hang", {}, ({"hangs": "deadlock"},), {"exit": "SIGTERM"}),
    ("left by itself", "hang", {"form": "atexit"}, ({"hangs": "on the way out"},), {"exit": 0}),
    ("heard it", "hang", {"form": "deaf"}, ({"hangs": "deaf"},), {"over": None, "exit": "SIGTERM"}),
    ("never got there", "hang", {"form": "thread"}, (), {"exit": "SIGTERM"}),
    ("another errno", "fork_bomb", {}, ({"bomb": 7, "processes": 20, "refused": "ENOMEM"},), {}),
    ("not refused", "fork_bomb", {}, ({"bomb": 7, "processes": 80, "refused": ""},), {}),
    ("refused the first", "fork_bomb", {}, ({"bomb": 7, "processes": 1, "refused": "EAGAIN"},), {}),
    ("nobody was refused", "respawn", {}, ({"pids": [7, 8, 9], "most": 3},), {}),
    ("one is no chain", "respawn", {}, ({"pids": [7], "most": 30},), {}),
    ("never came back", "respawn", {}, ({"pids": [7, 8], "most": 30},), {"over": None}),
    ("not all of it", "spill", {"size": 4096}, ({"spilled": 4095},), {}),
    ("no logs", "flood", {"count": 1, "logs": True}, (), {"sent": [(_ms(1), "flood-0")]}),
    ("only one", "second_store", {}, (), {"sent": [(_ms(1), "final_store")], "handed_over": 1}),
    (
        "the second stuck",
        "second_store",
        {},
        (),
        {"sent": [(FIRED - 1, "final_store"), (_ms(1), "final_store")], "handed_over": 1},
    ),
    ("it was a success", "mismatch", {}, ({"lacks": "m"},), {"exit": 0, "result": "success"}),
    ("no word of it", "mismatch", {}, ({"lacks": "m"},), {"exit": 1}),
    ("it worked", "mismatch", {}, ({"lacks": "m"},), {"exit": 1, "result": "failure", "sent": AFTER}),
    ("another code", "wrong_program", {}, ({"by": "parent", "instead": "other_python", "alone": 1},), {"exit": 0}),
    ("a child spoke", "wrong_program", {}, ({"by": "parent", "instead": "x", "alone": 1},), {"exit": 1, "sent": AFTER}),
    ("not stopped", "pause", {}, ({"by": "parent", "paused": "stop", "state": "S"},), {}),
    (
        "too little",
        "pause",
        {"how": "collect"},
        ({"by": "parent", "paused": "collect", "collected": 9, "took_s": 1},),
        {},
    ),
    ("no later message", "slow", {}, ({"slow": "per_message"},), {"sent": [(FIRED - 1, "m")]}),
    ("one came too early", "slow", {}, ({"slow": "busy"},), {"sent": [*AFTER, (_ms(70), "m")]}),
    ("the first came at once", "slow", {}, ({"slow": "busy"},), {"sent": [(_ms(1), "m"), (_ms(30), "m")]}),
    ("only the engine spoke", "slow", {}, ({"slow": "busy"},), {"sent": [(_ms(30), "final_store")]}),
    ("it never came to it", "slow", {"delay": 0.02}, (), {"sent": AFTER}),
    ("started in time", "slow", {"form": "start", "delay": 1.1}, ({"slow": "start"},), {}),
    ("never started", "slow", {"form": "start"}, ({"slow": "start"},), {"over": None}),
    ("still alive", "slow", {"form": "never_ready"}, ({"slow": "x"},), {"over": None}),
    ("it went on", "slow", {"form": "never_ready"}, ({"slow": "x"},), {"exit": "SIGKILL"}),
    ("it spoke", "slow", {"form": "never_ready"}, ({"slow": "x"},), {"over": None, "exit": 0, "sent": AFTER}),
    ("too few", "flood", FLOOD, (), {"sent": [(_ms(1), "flood-0"), (_ms(2), "flood-0")]}),
    (
        "the pipe was never full",
        "flood",
        {"count": 10, "size": 1 << 20},
        (),
        {"sent": [(_ms(i), "flood-0") for i in range(1, 11)]},
    ),
    ("died before the first", "flood", FLOOD, (), {"over": None, "exit": "SIGKILL"}),
    ("other messages", "flood", FLOOD, (), {"sent": AFTER}),
    ("an earlier flood", "flood", FLOOD, (), {"sent": [(FIRED - i, "flood-0") for i in (3, 2, 1)]}),
    ("a later flood", "flood", FLOOD, (), {"sent": [(OVER + i, "flood-0") for i in (1, 2, 3)]}),
    ("not written", "malformed", {"form": "not_json"}, (), {"raw": [_frame()]}),
    ("another form", "malformed", {"form": "not_json"}, ({"written": 23},), {"raw": [_frame(note="nan")]}),
    ("another length", "malformed", {"form": "not_json"}, ({"written": 24},), {"raw": [_frame()]}),
    ("an earlier one", "malformed", {"form": "not_json"}, ({"written": 23},), {"raw": [_frame(t_ns=FIRED - 1)]}),
    ("one of two", "interleave", {}, ({"written": [23, 7]},), {"raw": [_frame(note="interleaved")]}),
    (
        "something between them",
        "interleave",
        {},
        ({"written": [23, 7]},),
        {"raw": [_frame(note="interleaved"), _frame(note="interleaved", offset=1300, length=7)]},
    ),
    ("not with each", "bad_middleware", {}, ({"by": "parent", "raised": 2},), {"handled": AFTER}),
    ("none was rejected", "bad_middleware", {"hook": "inbound"}, ({"by": "parent", "raised": 2},), {}),
    ("the other way", "clock", {}, (BACK, LOOKED), {}),
    ("nobody looked", "clock", {}, (FORWARD, {**LOOKED, "looked_at_since": 0}), {}),
    ("it was not stepped", "clock", {}, (LOOKED,), {}),
    ("another step", "clock", {"step": 60.0}, (FORWARD, LOOKED), {}),
    ("nothing came", "bad_middleware", {}, ({"by": "parent", "raised": 0},), {}),
    ("never called", "bad_middleware", {"hook": "after"}, ({"by": "parent", "raised": 0},), {}),
    ("one of two", "replay", {}, ({"replayed": 2},), {"raw": [_frame(note="replayed")]}),
    ("an earlier one", "replay", {}, ({"replayed": 1},), {"raw": [_frame(note="replayed", t_ns=FIRED - 1)]}),
    ("write() failed", "stray", {"form": "c_write"}, ({"written": -1},), {}),
    ("still open", "close", {}, ({**CLOSED, "still_open": 1},), {"over": None, "exit": "SIGTERM"}),
    ("went on instead", "close", {}, (CLOSED,), {"exit": "SIGTERM"}),
    ("died of it", "close", {"then": "go_on"}, (CLOSED,), {"over": None, "exit": 1}),
    ("never seen to end", "close", {"then": "go_on"}, (CLOSED,), {}),
    ("only one", "second_result", {}, (), {"sent": [(_ms(1), "workflow_result")], "handed_over": 1}),
    (
        "the second stuck",
        "second_result",
        {},
        (),
        {"sent": [(FIRED - 1, "workflow_result"), (_ms(1), "workflow_result")], "handed_over": 1},
    ),
    ("it ran after all", "unstartable", {}, ({"by": "parent", "ran": 0},), {}),
    ("a child ran", "unstartable", {}, (REFUSED,), {"exit": 0}),
    ("a child spoke", "exhaust", {}, (REFUSED,), {"sent": AFTER}),
    ("the child says so", "exhaust", {}, ({"refused": "EMFILE"},), {}),
    ("another process's", "steal_status", {}, ({"by": "parent", "stole": 9, "status": "exit code 0"},), {"pid": 7}),
    ("nobody's", "steal_status", {}, ({"by": "parent", "stole": None, "status": ""},), {}),
    ("not to the end", "ignore_sigchld", {}, ({"by": "parent", "ignored_to_the_end": False},), {"exit": 0}),
    ("nobody ended", "ignore_sigchld", {}, ({"by": "parent", "ignored_to_the_end": True},), {}),
    ("only two", "close_stdio", {}, ({"by": "parent", "closed": [0, 1]},), {}),
    ("still there", "connection", {"then": "go_on"}, (BROKEN | {"state": "ESTABLISHED"},), {"exit": 1}),
    ("not there any more", "connection", {"form": "blackhole", "then": "go_on"}, (BROKEN,), {"exit": 1}),
    ("did not stay", "connection", {}, (BROKEN,), {"exit": 1}),
    ("did not go on", "connection", {"then": "go_on"}, (BROKEN,), {"exit": 1, "over": None}),
    ("not answered", "bad_request", {}, ({"answer": "UNAVAILABLE"},), {"raw": [REQUEST]}),
    ("not too large", "bad_request", {"form": "huge"}, ({"answer": "OK"},), {"raw": [REQUEST]}),
    ("a line", "bad_request", {}, ({"answer": "OK"},), {"raw": [replace(REQUEST, request=False)]}),
    ("once too few", "intruder", {"form": "scan", "count": 3}, ({"answers": {"accepted": 2}},), {}),
    ("no server", "lose_server", {}, ({"by": "parent", "listened_at": [], "listens_at": []},), {}),
    ("still listens", "lose_server", {}, ({"by": "parent", "listened_at": [1], "listens_at": [1]},), {}),
    ("grandchild died at once", "stray", {"form": "grandchild"}, ({"written": 0, "grandchild": 77},), {}),
    *stream_proofs.UNSEEN,
]


@pytest.mark.parametrize(("kind", "params", "notes", "facts", "clause"), SEEN)
def test_proof(
    kind: str, params: dict[str, Any], notes: tuple[dict[str, Any], ...], facts: dict[str, Any], clause: str
) -> None:
    """What the kernel, /proc and the journals say makes the clause of the report."""
    assert witness(kind, params, *notes, **facts) == clause


@pytest.mark.parametrize(
    ("kind", "params", "notes", "facts"), [case[1:] for case in UNSEEN], ids=[f"{c[1]}: {c[0]}" for c in UNSEEN]
)
def test_no_proof(kind: str, params: dict[str, Any], notes: tuple[dict[str, Any], ...], facts: dict[str, Any]) -> None:
    """Half of the proof, or the proof of something else, is none."""
    assert witness(kind, params, *notes, **facts) is None


def test_every_fault_is_here() -> None:
    """No built-in witness goes without a history that satisfies it and one that nearly does."""
    built_in = {name for name, kind in fault_kinds().items() if kind.__module__.startswith("gostage_sim.")}
    assert {case[0] for case in SEEN} == built_in
    assert {case[1] for case in UNSEEN} == built_in
