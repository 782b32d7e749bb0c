"""Every fault done for real in a process, and seen for real by its own witness."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gostage_sim.faults.clock import Clock
from gostage_sim.faults.close import Close
from gostage_sim.faults.close_stdio import CloseStdio
from gostage_sim.faults.crash import Crash, CrashSignal
from gostage_sim.faults.exhaust import Exhaust
from gostage_sim.faults.exit import Exit
from gostage_sim.faults.flood import Flood
from gostage_sim.faults.freeze import Freeze
from gostage_sim.faults.ignore_sigchld import IgnoreSigchld
from gostage_sim.faults.kill import Kill, KillSignal
from gostage_sim.faults.nonblocking import Nonblocking
from gostage_sim.faults.noop import Noop
from gostage_sim.faults.panic import Panic
from gostage_sim.faults.pause import Pause
from gostage_sim.faults.second_result import SecondResult
from gostage_sim.faults.slow import Slow
from gostage_sim.faults.steal_status import StealStatus
from gostage_sim.faults.stray import Stray
from gostage_sim.faults.unstartable import Unstartable
from gostage_sim.faults.wrong_program import WrongProgram

if TYPE_CHECKING:
    from collections.abc import Callable

    from gostage_sim.faults.contract import Fault

    from .conftest import Ended

    RunFault = Callable[[Fault], Ended]


def test_noop_changes_nothing(run_fault: RunFault) -> None:
    """noop does nothing at all: the child goes on and exits with 0."""
    ended = run_fault(Noop())
    assert (ended.returncode, ended.witness) == (0, "passed the point and did nothing")
    assert ended.channel.count(b"\n") == 3


_ON_X86 = os.uname().machine == "x86_64"


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("SIGSEGV", "a bad read at address 1"),
        ("SIGABRT", "abort() of the C library"),
        ("SIGBUS", "touching a page of a truncated file"),
        ("SIGILL", "an illegal instruction"),
        pytest.param(
            "SIGFPE", "an integer division by zero", marks=pytest.mark.skipif(not _ON_X86, reason="no trap elsewhere")
        ),
    ],
)
def test_crash_is_real(run_fault: RunFault, name: CrashSignal, how: str) -> None:
    """crash makes the kernel kill the process with the signal, by the deed the docstring names."""
    ended = run_fault(Crash(name))
    assert ended.returncode == -signal.Signals[name]
    assert ended.witness == f"killed by {name} after {how}"
    assert ended.channel == b""


@pytest.mark.skipif(os.uname().machine not in ("x86_64", "aarch64"), reason="no machine code for this processor")
def test_crash_by_an_overflow(run_fault: RunFault) -> None:
    """crash: {overflow: true} dies of a stack that is full, not of a bad pointer."""
    ended = run_fault(Crash("SIGSEGV", overflow=True))
    assert (ended.returncode, ended.witness) == (
        -signal.SIGSEGV,
        "killed by SIGSEGV after a native function that calls itself",
    )


@pytest.mark.parametrize("code", [0, 1, 42, 255])
@pytest.mark.parametrize("how", ["hard", "normal", "unflushed"])
def test_exit_code_is_the_one_asked_for(run_fault: RunFault, code: int, how: str) -> None:
    """exit ends the process with any code, and says by which way."""
    ended = run_fault(Exit(code, how))  # type: ignore[arg-type]
    ways = {"hard": "os._exit()", "normal": "SystemExit", "unflushed": "os._exit() with unflushed buffers"}
    assert (ended.returncode, ended.witness) == (code, f"exited with {code} by {ways[how]}")
    assert ended.channel == b""


def test_unflushed_text_is_lost(run_fault: RunFault) -> None:
    """exit: {how: unflushed} leaves text in both buffers, and neither reaches the descriptor."""
    ended = run_fault(Exit(how="unflushed"))
    assert (ended.note("in_python_buffer"), ended.note("in_c_buffer")) == (24, 34)
    assert ended.stderr == ""


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("exception", "InjectedPanic"),
        ("bad_str", "UnprintablePanic"),
        ("base_exception", "InjectedBaseException"),
        ("huge_message", "InjectedPanic"),
        ("recursion", "RecursionError"),
    ],
)
def test_panic_leaves_the_action(run_fault: RunFault, form: str, name: str) -> None:
    """panic raises out of the action, so that a process without an engine dies of a traceback."""
    ended = run_fault(Panic(form))  # type: ignore[arg-type]
    assert ended.returncode == 1
    assert ended.witness == f"raised {name} out of the action; the process exited with 1"
    assert ended.record.over_ns is None
    assert name in ended.stderr


def test_panic_with_an_exception_nobody_can_print(run_fault: RunFault) -> None:
    """panic: {form: bad_str} raises again when it is shown."""
    assert "<exception str() failed>" in run_fault(Panic("bad_str")).stderr


def test_panic_with_a_huge_message(run_fault: RunFault) -> None:
    """panic: {form: huge_message} has a message of 1,000,000 characters."""
    assert "x" * 1_000_000 in run_fault(Panic("huge_message")).stderr


def test_panic_in_a_thread(run_fault: RunFault) -> None:
    """panic: {form: thread} raises in a second thread, which has ended when the action goes on. A child that takes no
    notice of it and leaves with 0, as this one does, is no proof that it happened."""
    ended = run_fault(Panic("thread"))
    assert ended.witness is None
    assert ended.note("thread") == "injected panic"
    assert "Exception in thread injected panic" in ended.stderr
    assert ended.channel.count(b"\n") == 3


@pytest.mark.parametrize(
    "name", ["SIGKILL", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGABRT", "SIGSEGV", "SIGUSR1", "SIGUSR2"]
)
def test_kill_comes_from_outside(run_fault: RunFault, name: KillSignal) -> None:
    """kill: the observer ends the held child by any of these signals."""
    ended = run_fault(Kill(name))
    assert (ended.returncode, ended.witness) == (-signal.Signals[name], f"killed by {name} through the pidfd")


def test_kill_ignored(run_fault: RunFault) -> None:
    """kill with ignored: SIGTERM has no effect, only SIGKILL ends the child."""
    ended = run_fault(Kill("SIGTERM", ignored=True))
    assert ended.returncode == -signal.SIGKILL
    assert ended.witness == "ignored the SIGTERM sent through the pidfd and ended by SIGKILL"


def test_freeze_is_seen_in_proc(run_fault: RunFault) -> None:
    """freeze stops the child, and /proc shows state T."""
    ended = run_fault(Freeze())
    assert (ended.note("state"), ended.witness) == ("T", "stopped by SIGSTOP, seen in state T")


def test_freeze_for_a_while(run_fault: RunFault) -> None:
    """freeze: {duration: …} stops the child so long, and then it goes on with all that it has to send."""
    ended = run_fault(Freeze(duration=0.1))
    assert (ended.note("state"), ended.witness) == ("T", "stopped by SIGSTOP, seen in state T, and woken after 100ms")
    assert (ended.returncode, ended.channel.count(b"\n")) == (0, 3)


@pytest.mark.parametrize("form", ["per_message", "busy"])
def test_slow_delays_every_later_message(run_fault: RunFault, form: str) -> None:
    """slow waits at least the delay before each later message."""
    ended = run_fault(Slow(form, delay=0.02))  # type: ignore[arg-type]
    assert ended.witness is not None
    assert ended.witness.startswith("waited at least ")
    assert ended.witness.endswith("ms before each of 3 messages")
    assert ended.record.fired_ns is not None
    assert ended.history.sent.rows["t_ns"][-1] - ended.record.fired_ns >= 3 * 0.99 * 20_000_000


def test_slow_start(run_fault: RunFault) -> None:
    """slow: {form: start} comes to the definition late."""
    ended = run_fault(Slow("start", delay=0.05))
    assert ended.witness is not None
    assert ended.witness.startswith("started ")
    assert ended.record.over_ns is not None
    assert ended.record.fired_ns is not None
    assert ended.record.over_ns - ended.record.fired_ns >= 50_000_000


def test_slow_never_ready(run_fault: RunFault) -> None:
    """slow: {form: never_ready} blocks until somebody ends the child."""
    ended = run_fault(Slow("never_ready"))
    assert ended.witness is not None
    assert ended.witness.startswith("sent nothing for ")
    assert ended.witness.endswith(", until killed by SIGKILL")


@pytest.mark.parametrize("bulk", [True, False])
@pytest.mark.parametrize(("count", "types"), [(10, 1), (10, 3), (2500, 2)])
def test_flood_sends_all_of_it(run_fault: RunFault, count: int, types: int, bulk: bool) -> None:
    """flood sends exactly count messages of every type, numbered from 0, with a text of the size asked for."""
    ended = run_fault(Flood(count, size=5, types=types, bulk=bulk))
    messages = [json.loads(line) for line in ended.channel.splitlines()][:-3]
    assert [message["payload"] for message in messages] == [{"i": i, "text": "xxxxx"} for i in range(count)]
    assert set(Counter(message["type"] for message in messages)) == {f"flood-{i}" for i in range(types)}
    assert ended.witness is not None
    assert ended.witness.startswith(f"sent {count:,} of {count:,} messages in ")


@pytest.mark.parametrize(
    ("form", "lines", "who"),
    [
        ("print", ["stray output"], "print wrote 13 bytes to fd 1"),
        ("c_write", ["stray output of write()", "stray output of printf()"], "c_write wrote 24 bytes to fd 1"),
    ],
)
def test_stray_output_goes_to_fd_1(run_fault: RunFault, form: str, lines: list[str], who: str) -> None:
    """stray writes to fd 1, which is where the guard of the channel has put it, and the child goes on."""
    ended = run_fault(Stray(form))  # type: ignore[arg-type]
    assert (ended.returncode, ended.stderr.splitlines(), ended.witness) == (0, lines, who)


def test_flood_of_logs(run_fault: RunFault) -> None:
    """flood: {logs: true} sends messages as the engine's logger does, all of one type."""
    ended = run_fault(Flood(3, size=2, logs=True))
    messages = [json.loads(line) for line in ended.channel.splitlines()][:-3]
    assert messages == [{"type": "log", "payload": {"level": "debug", "message": f"flood {i} xx"}} for i in range(3)]
    assert ended.witness is not None


@pytest.mark.parametrize("bulk", [True, False])
def test_flood_by_threads(run_fault: RunFault, bulk: bool) -> None:
    """flood: {threads: 4} sends every number once, of which each thread sends its share in its own order."""
    ended = run_fault(Flood(1003, types=2, bulk=bulk, threads=4))
    numbers = [json.loads(line)["payload"]["i"] for line in ended.channel.splitlines()][:-3]
    assert sorted(numbers) == list(range(1003))
    for first in range(4):
        share = [number for number in numbers if number % 4 == first]
        assert share == sorted(share)
    assert ended.witness is not None
    assert ended.witness.startswith("sent 1,003 of 1,003 messages in ")


@pytest.mark.parametrize("what", ["stdout", "stderr", "stdin"])
def test_close_leaves_nothing_open(run_fault: RunFault, what: str) -> None:
    """close: every descriptor that was the stream is /dev/null, and the child lives on until somebody ends it."""
    ended = run_fault(Close(what))  # type: ignore[arg-type]
    assert (ended.returncode, ended.note("closed"), ended.note("still_open")) == (-signal.SIGKILL, what, 0)
    assert ended.witness is not None
    assert ended.witness.startswith(f"closed {what} and stayed for ")


def test_close_and_go_on(run_fault: RunFault) -> None:
    """close: {then: go_on} lets the child work on; what it sends on a closed channel fails."""
    without_stderr, without_stdout = run_fault(Close("stderr", "go_on")), run_fault(Close("stdout", "go_on"))
    assert (without_stderr.returncode, without_stderr.channel.count(b"\n")) == (0, 3)
    assert (without_stdout.returncode, without_stdout.channel) == (1, b"")
    assert "OSError: [Errno 9] Bad file descriptor" in without_stdout.stderr
    assert without_stdout.witness is not None
    assert without_stdout.witness.startswith("closed stdout and went on for ")


def test_nonblocking_is_set_by_another_process(run_fault: RunFault) -> None:
    """nonblocking: the child finds its stdout changed, by a process that is gone; a file is never full, so that had no
    effect, and there is no witness."""
    ended = run_fault(Nonblocking())
    assert (ended.returncode, ended.channel.count(b"\n")) == (0, 3)
    assert (ended.note("blocking"), ended.note("by_process") != ended.history.pid, ended.witness) == (False, True, None)


def test_a_daemon_leaves_session_and_parent(run_fault: RunFault) -> None:
    """stray: {form: daemon} is in a session of its own, and no child of the process that started it any more."""
    ended = run_fault(Stray("daemon", keep_channel=True))
    pid = ended.note("daemon")
    try:
        assert ended.witness == f"daemon {pid} wrote 25 bytes to fd 1"
        assert os.getsid(pid) not in (ended.history.pid, os.getsid(0))
        assert str(ended.channel_path) in [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
    finally:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("says", ["failure", "success"])
def test_second_result(run_fault: RunFault, says: str) -> None:
    """second_result sends one more result with the word asked for."""
    ended = run_fault(SecondResult(says))  # type: ignore[arg-type]
    first = json.loads(ended.channel.splitlines()[0])
    assert (first["type"], first["payload"]["success"]) == ("workflow_result", says == "success")


@pytest.mark.parametrize(
    ("fault", "started", "notes"),
    [
        (Unstartable("missing"), {"start": "ENOENT"}, [{"refused": "ENOENT"}]),
        (Unstartable("not_executable"), {"start": "EACCES"}, [{"refused": "EACCES"}]),
        (Unstartable("directory"), {"start": "EACCES"}, [{"refused": "EACCES"}]),
        (Unstartable("no_program"), {"start": "ENOEXEC"}, [{"refused": "ENOEXEC"}]),
        (Unstartable("no_interpreter"), {"start": "ENOENT"}, [{"refused": "ENOENT"}]),
        (Unstartable("link_to_itself"), {"start": "ELOOP"}, [{"refused": "ELOOP"}]),
        (Unstartable("too_long"), {"start": "E2BIG"}, [{"refused": "E2BIG"}]),
        (WrongProgram("other_python"), {"wait": 1}, [{"instead": "other_python", "alone": 1}]),
        (WrongProgram("silent"), {"wait": 0}, [{"instead": "silent", "alone": 0}]),
        (Pause("stop", duration=0.05), {"wait": 7}, [{"paused": "stop", "state": "T"}]),
        (Pause("collect"), {"wait": 7}, [{"paused": "collect"}]),
        (Unstartable("being_written"), {"start": "ETXTBSY"}, [{"refused": "ETXTBSY"}]),
        (Exhaust("processes"), {"start": "EAGAIN"}, [{"refused": "EAGAIN"}]),
        (Exhaust("files", left=5), {"wait": 7}, [{"refused": "EMFILE"}]),
        (StealStatus(), {"wait": "ECHILD"}, [{"status": "exit code 7"}]),
        (IgnoreSigchld(), {"wait": "ECHILD"}, [{"ignored_to_the_end": True}]),
        (Clock(), {"wait": 7}, [{"stepped_s": 3600.0}, {"looked_at_since": 1}]),
        (CloseStdio(), {"wait": 7}, [{"closed": [0, 1, 2]}]),
    ],
    ids=lambda case: repr(case) if hasattr(case, "kind") else "",
)
def test_faults_of_the_parent(fault: Fault, started: dict[str, object], notes: list[dict[str, object]]) -> None:
    """Each does to a real start of a process what it says, notes it, and is undone without a trace."""
    if fault == Unstartable("being_written") and platform.release().startswith(("6.11.", "6.12.")):
        pytest.skip("these kernels execute what is being written")
    command = [sys.executable, str(Path(__file__).with_name("lone_parent.py")), fault.kind, json.dumps(asdict(fault))]  # type: ignore[call-overload]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert {key: told.get(key) for key in started} == started
    assert [
        {key: note.get(key) for key in expected} for note, expected in zip(told["notes"], notes, strict=True)
    ] == notes
    assert told["inside"] == {"fds": [0, 1, 2] if fault.kind == "close_stdio" else []}
    assert told["left"] == {}
    if fault.kind == "steal_status":
        assert told["notes"][0]["stole"] == told["pid"]


def test_the_status_of_each_child_is_stolen_before_the_engine_waits() -> None:
    """Also where that of another one, which ended earlier, is stolen already."""
    program = """
import os, sys
from gostage_sim.faults.steal_status import StealStatus
from tests.faults.lone_parent import LoneParent

parent = LoneParent()
with StealStatus().around(parent):
    (wait_until_stolen,) = parent.actions
    for name in ("the earlier one", "the other one"):
        pid = os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", ""], {})
        wait_until_stolen(pid)
        try:
            print(name, "is", "dead" if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) else "alive")
        except ChildProcessError:
            print(name, "is stolen")
"""
    root = Path(__file__).parent.parent.parent
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["the earlier one is stolen", "the other one is stolen"]


@pytest.mark.parametrize("keep_channel", [False, True])
def test_stray_grandchild_outlives_the_child(run_fault: RunFault, keep_channel: bool) -> None:
    """stray: {form: grandchild} leaves a process in the child's group, holding what it was given."""
    ended = run_fault(Stray("grandchild", keep_channel=keep_channel))
    pid = ended.note("grandchild")
    try:
        assert (ended.returncode, ended.stderr) == (0, "stray output of a grandchild\n")
        assert ended.witness == f"grandchild {pid} wrote 29 bytes to fd 1"
        assert os.getpgid(pid) == ended.history.pid
        held = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
        assert (str(ended.channel_path) in held) == keep_channel
    finally:
        os.kill(pid, signal.SIGKILL)
