"""Death in every order: real children that close, stop, hang, contradict and daemonise themselves.

Each is quick, and none depends on the time: when a child has come to a certain point, it says so or the kernel does.
`test_session.py` has the same orders without a process.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gostage_sim import gostage
from gostage_sim.gostage.spawn.launchers import Program as ProgramLauncher
from gostage_sim.gostage.spawn.session import ExitStatus, Session
from gostage_sim.gostage.wire.messages import Message, Origin

from ..conftest import Program, gone
from .test_session import LINES, MAX_BYTES

QUICK = gostage.SpawnOptions(timeout_s=0.3, grace_s=0.2)
PATIENT = gostage.SpawnOptions(timeout_s=60.0, grace_s=0.1)
TEN_MEGABYTES = 10_000_000
BOUND_S = 30.0

#: What every child here can do: send a message, tell the test that it is there, and stay for ever.
PREAMBLE = """
import os, signal
def say(kind, text="null"):
    os.write(1, b'{"type":"%s","payload":%s}\\n' % (kind.encode(), text.encode()))
def there():
    fd = os.open("{fifo}", os.O_WRONLY)
    os.write(fd, b"x")
    os.close(fd)
def stay():
    there()
    signal.pause()
def succeed():
    say("workflow_result", '{"success":true}')
def fail():
    say("workflow_result", '{"success":false,"error":{"type":"T","message":"second thoughts"}}')
"""
KILLED, TIMED_OUT = ("signaled", None, "SIGKILL"), ("timed_out", None, "SIGTERM")
CANCELLED = ("cancelled", None, "SIGTERM")
RESULT = "workflow_result"

#: What the child does, whether its definition has 10 MB, outcome, exit code and signal, and the messages handled.
ENDINGS: dict[str, tuple[str, bool, tuple[str, int | None, str | None], list[str]]] = {
    "exits before it reads": ("os._exit(7)", True, ("exited", 7, None), []),
    "exits with 0 before it reads": ("os._exit(0)", True, ("exited", 0, None), []),
    "is killed before it reads": ("os.kill(os.getpid(), 9)", True, KILLED, []),
    "is killed in the middle of reading": ("os.read(0, 99); os.kill(os.getpid(), 9)", True, KILLED, []),
    "never reads": ("signal.pause()", True, TIMED_OUT, []),
    "closes stdin and goes on": ("os.close(0); succeed()", True, ("completed", 0, None), [RESULT]),
    "closes stdin and stays": ("os.close(0); stay()", True, CANCELLED, []),
    "closes stdout and stays": ("say('n'); os.close(1); stay()", False, CANCELLED, ["n"]),
    "closes stdout in a message and stays": (
        "say('n'); os.write(1, b'{'); os.close(1); stay()",
        False,
        CANCELLED,
        ["n"],
    ),
    "closes stdout and exits": ("say('n'); os.close(1); os._exit(3)", False, ("exited", 3, None), ["n"]),
    "closes stderr and goes on": ("os.close(2); say('n'); succeed()", False, ("completed", 0, None), ["n", RESULT]),
    "closes everything and stays": ("say('n'); os.closerange(0, 99); stay()", True, CANCELLED, ["n"]),
    "closes everything and hangs": ("os.closerange(0, 99); signal.pause()", True, TIMED_OUT, []),
    "stops itself": ("say('n'); os.kill(os.getpid(), 19)", False, CANCELLED, ["n"]),
    "reports and hangs": ("succeed(); stay()", False, CANCELLED, [RESULT]),
    "reports and stops itself": ("succeed(); os.kill(os.getpid(), 19)", False, CANCELLED, [RESULT]),
    "reports and is killed": ("succeed(); os.kill(os.getpid(), 9)", False, KILLED, [RESULT]),
    "reports and goes on": ("succeed(); say('n')", False, ("completed", 0, None), [RESULT, "n"]),
    "reports twice": ("succeed(); succeed()", False, ("completed", 0, None), [RESULT, RESULT]),
    "takes its success back": ("succeed(); fail()", False, ("exited", 0, None), [RESULT, RESULT]),
    "takes its failure back": ("fail(); succeed(); os._exit(1)", False, ("exited", 1, None), [RESULT, RESULT]),
    "ignores SIGTERM": (
        "signal.signal(15, signal.SIG_IGN)\nwhile True: stay()",
        False,
        ("cancelled", None, "SIGKILL"),
        [],
    ),
}


class Nursery:
    """Children that run a piece of code, and the messages that came of them."""

    def __init__(self, folder: Path) -> None:
        self._fifo = folder / "there"
        os.mkfifo(self._fifo)
        self.seen: list[Message] = []

    def runner(self, code: str, *, foreign: bool = False) -> gostage.Runner:
        text = PREAMBLE.replace("{fifo}", str(self._fifo)) + code
        runner = gostage.Runner(launcher=ProgramLauncher([sys.executable, "-I", "-S", "-c", text], foreign=foreign))
        runner.broker.register_default_handler(self.seen.append)
        return runner

    def cancelled_when_there(self, runner: gostage.Runner, definition: gostage.SubWorkflowDef) -> gostage.SpawnResult:
        """Wait for the child to say that it is there, or to stop itself; then cancel it."""
        fifo = os.open(self._fifo, os.O_RDONLY | os.O_NONBLOCK)
        try:
            handle = runner.start(definition, options=PATIENT)
            assert handle.pid is not None
            while not select.select([fifo], [], [], 0.002)[0]:
                if os.waitid(os.P_PID, handle.pid, os.WSTOPPED | os.WNOWAIT | os.WNOHANG) is not None:
                    break
            handle.cancel()
            return handle.wait()
        finally:
            os.close(fifo)


@pytest.fixture
def nursery(tmp_path: Path) -> Nursery:
    return Nursery(tmp_path)


def definition_of(size: int) -> gostage.SubWorkflowDef:
    definition = gostage.SubWorkflowDef.of("x")
    definition.description = "x" * size
    return definition


@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.usefixtures("over_json")
def test_endings(name: str, nursery: Nursery) -> None:
    """The outcome is what the kernel says of the end, whatever was said, closed or left unread before."""
    code, large, expected, types = ENDINGS[name]
    runner, definition = nursery.runner(code), definition_of(TEN_MEGABYTES if large else 0)
    if expected[0] == "cancelled":
        result = nursery.cancelled_when_there(runner, definition)
    else:
        result = runner.spawn(definition, options=QUICK if expected == TIMED_OUT else PATIENT)
    assert (result.outcome, result.exit_code, result.signal) == expected
    assert [message.type for message in nursery.seen] == types
    assert result.malformed.count == ("in a message" in name)


LEAVE = {"grandchild": "pass", "daemon": "os.setsid()\n    if os.fork(): os._exit(0)"}


@pytest.mark.parametrize(
    ("end", "expected"),
    [("os._exit(0)", ("completed", None)), ("os.kill(os.getpid(), 11)", ("signaled", "SIGSEGV"))],
    ids=["exits", "crashes"],
)
@pytest.mark.parametrize("who", LEAVE)
@pytest.mark.usefixtures("over_json")
def test_somebody_holds_the_pipes(who: str, end: str, expected: tuple[str, str | None], nursery: Nursery) -> None:
    """Neither a grandchild nor a daemon that holds all pipes holds up the result, and what it said is handled. The
    grandchild is ended with its group; the daemon has left it, and nobody asked for it."""
    runner = nursery.runner(
        f"""
reading, writing = os.pipe()
if os.fork() == 0:
    {LEAVE[who]}
    say("pid", str(os.getpid()))
    os.write(writing, b"x")
    signal.pause()
os.read(reading, 1)
{end}
""",
        foreign=True,
    )
    result = runner.spawn(definition_of(TEN_MEGABYTES), options=PATIENT)
    assert (result.outcome, result.signal) == expected
    (pid,) = (message.payload for message in nursery.seen)
    if who == "daemon":
        os.kill(pid, signal.SIGKILL)
    assert gone(pid)


@pytest.mark.usefixtures("over_json")
def test_killed_while_blocked_in_a_huge_write(nursery: Nursery) -> None:
    """A child killed in the write of a message of 192 MB, allowed, costs one bad line as long as the pipe."""
    runner = nursery.runner(
        """
say("pid", str(os.getpid()))
data = memoryview(b'{"type":"huge","payload":"' + b"x" * 192_000_000 + b'"}\\n')
while data:
    data = data[os.write(1, data):]
"""
    )
    runner.broker.register_handler("pid", lambda message: kill_when_blocked_in_a_write(message.payload))
    options = gostage.SpawnOptions(timeout_s=60.0, max_message_bytes=256 * 1024 * 1024)
    result = runner.spawn(definition_of(0), options=options)
    assert (result.outcome, result.signal, nursery.seen) == ("signaled", "SIGKILL", [])
    (line,) = result.malformed.samples
    assert line.reason == "Input data was truncated"
    assert line.excerpt.startswith(b'{"type":"huge","payload":"xxx')
    assert 4096 <= line.length <= 1024 * 1024


def kill_when_blocked_in_a_write(pid: int) -> None:
    """Wait until the kernel shows the process asleep in a write to a pipe: nobody tells of that."""
    until = time.monotonic() + BOUND_S
    while Path(f"/proc/{pid}/wchan").read_text() not in ("pipe_write", "anon_pipe_write"):
        assert time.monotonic() < until
        assert not gone(pid, within_s=0.001)
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)


@pytest.mark.usefixtures("over_json")
def test_a_line_torn_by_a_cancel_is_not_what_ended_the_child(nursery: Nursery) -> None:
    """Where a bad line is to end the child, one that the cancel itself left behind is no reason, however soon the
    stream ends."""
    runner = nursery.runner("""os.write(1, b'{"type":"n"}\\n{"type":'); signal.pause()""")

    def cancel(message: Message) -> None:
        handle.cancel()
        assert handle.pid is not None
        assert gone(handle.pid)

    runner.broker.register_handler("n", cancel)
    with runner.start(definition_of(0), options=gostage.SpawnOptions(timeout_s=60.0, malformed="fail")) as handle:
        result = handle.wait(BOUND_S)
    assert (result.outcome, result.signal, result.handler_errors) == ("cancelled", "SIGTERM", [])
    assert result.malformed.count == 1


@pytest.mark.parametrize("call", ["ctx.send('n', [me, i])", "ctx.send_many('n', [[me, i]])"], ids=["send", "send_many"])
def test_threads_that_write_at_once(program: Program, call: str) -> None:
    """No line is torn, and what each thread sent comes in the order in which it sent it."""
    runner = program(
        "import threading\n@gostage.action('act')\ndef act(ctx):\n"
        "    ready = threading.Barrier(4)\n"
        "    def work(me):\n        ready.wait()\n"
        f"        for i in range(500):\n            {call}\n"
        "    threads = [threading.Thread(target=work, args=(me,)) for me in range(4)]\n"
        "    for thread in threads: thread.start()\n    for thread in threads: thread.join()\n"
    )
    seen: list[list[int]] = []
    runner.broker.register_handler("n", lambda message: seen.append(message.payload))
    result = runner.spawn(gostage.SubWorkflowDef.of("act"), check=True)
    assert result.malformed.count == 0
    assert [[i for me, i in seen if me == one] for one in range(4)] == [list(range(500))] * 4


# --- the same sequence of events for the core alone and for a real child ----------------------------------------------

PLAYER = """
import json, os, signal, sys
store = json.load(sys.stdin)["initialStore"]
script = store["script"]
for part in script["writes"]:
    data = bytes.fromhex(part)
    while data:
        data = data[os.write(1, data):]
for fd in script["closes"]:
    os.close(fd)
how, number = script["end"]
if how == "exit":
    os._exit(number)
if how == "kill":
    os.kill(os.getpid(), number)
if how in ("late", "cancel"):
    there = os.open(store["there"], os.O_WRONLY)
    os.write(there, b"x")
    os.close(there)
if how == "late":
    os.read(os.pipe()[0], 1)
signal.pause()
"""
HERE = b'{"type":"here"}\n'
LATE_S = 0.3


@st.composite
def scripts(draw: st.DrawFn) -> dict[str, Any]:
    """Lines written in pieces cut anywhere, streams closed, and an end.

    Who hangs says last that it is there, and is cancelled then; who is to be cancelled, anywhere between its lines; who
    is late says nothing and reads for ever.
    """
    lines = [LINES[kind] for kind in draw(st.lists(st.sampled_from(list(LINES)), max_size=8))]
    how = draw(st.sampled_from(["exit", "kill", "hang", "cancel", "late"]))
    number = draw(st.sampled_from({"exit": [0, 1, 3, 70], "kill": [6, 9, 11, 15]}.get(how, [0])))
    if how in ("hang", "cancel"):
        lines.insert(len(lines) if how == "hang" else draw(st.integers(0, len(lines))), HERE)
    stream = b"\n".join(lines) + (b"\n" if draw(st.booleans()) else b"")
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[start:end].hex() for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    # A torn line is known to be bad when stdout is closed: that may be before or after a deadline, and a cancel.
    closes = draw(st.lists(st.sampled_from([2] if how in ("cancel", "late") else [1, 2]), unique=True))
    return {"writes": pieces, "closes": closes, "end": [how, number], "foreign": draw(st.booleans())}


@settings(max_examples=30, deadline=None, database=None)
@given(script=scripts(), fatal=st.booleans())
@pytest.mark.usefixtures("over_json")
def test_a_script_comes_out_as_the_core_says(script: dict[str, Any], fatal: bool) -> None:
    """Outcome, error, messages, counts, final store and quarantine of a real child are those that the core alone makes
    of the same sequence of events. Where a bad line ends the child, nobody can say how far it comes. Where a handler or
    the deadline does, it was through before anybody read a byte: everything is in the pipe, and has to come out."""
    how = script["end"][0]
    options = gostage.SpawnOptions(
        timeout_s=LATE_S if how == "late" else 60.0,
        grace_s=5.0,
        max_message_bytes=MAX_BYTES,
        malformed="fail" if fatal else "quarantine",
    )
    command = [sys.executable, "-I", "-S", "-c", PLAYER]
    runner = gostage.Runner(launcher=ProgramLauncher(command, foreign=script["foreign"]))
    definition = gostage.SubWorkflowDef.of("x")
    seen: list[tuple[str, Any]] = []

    def note(message: Message) -> None:
        seen.append((message.type, message.payload))
        if message.type == "here":
            handle.cancel()

    runner.broker.register_default_handler(note)
    reading, writing = os.pipe()
    definition.initial_store |= {"script": script, "there": f"/proc/{os.getpid()}/fd/{writing}"}
    with os.fdopen(reading), os.fdopen(writing, "w"), runner.start(definition, options=options) as handle:
        assert how not in ("late", "cancel") or select.select([reading], [], [], BOUND_S)[0]
        result = handle.wait(BOUND_S)
    core, expected = alone(script, options)
    if core.verdict()[0] == "protocol_error":
        assert result.outcome == "protocol_error"
        assert seen == expected[: len(seen)]
        assert result.malformed.samples[0] == core.malformed.samples[0]
        return
    assert (result.outcome, result.error) == core.verdict()
    assert seen == expected
    assert (result.malformed, result.message_counts, result.final_store) == (
        core.malformed,
        core.message_counts,
        core.final_store,
    )


def alone(script: dict[str, Any], options: gostage.SpawnOptions) -> tuple[Session, list[tuple[str, Any]]]:
    """The session, and the messages it makes of the script."""
    core = Session(options, Origin("x", 1, "s"), 0.0, foreign=script["foreign"])
    seen = []
    for message in core.feed(bytes.fromhex("".join(script["writes"]))):
        seen.append((message.type, message.payload))
        if message.type == "here":
            core.cancel(0.1)
    how, number = script["end"]
    core.tick(LATE_S)
    core.exited(2.0)
    seen += [(message.type, message.payload) for message in core.stream_ended()]
    core.streams_closed()
    signum = {"exit": None, "kill": number}.get(how, signal.SIGTERM)
    core.reaped(ExitStatus(number, None) if signum is None else ExitStatus(None, signal.Signals(signum).name))
    return core, seen
