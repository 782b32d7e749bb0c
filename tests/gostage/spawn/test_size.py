"""What a large message costs, measured as the kernel counts it, in processes of their own."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path
from typing import Any

import pytest

from gostage_sim import gostage

from ..conftest import Program

MIB = 1024 * 1024
RAW = """
import os, sys
def out(data):
    view = memoryview(data)
    while view:
        view = view[os.write(1, view):]
def line(mib):
    out(b'{"type":"big","payload":"')
    for _ in range(mib):
        out(b'x' * (1 << 20))
out(b'{"type":"before"}\\n')
"""
PARENT = """
import json, sys
from gostage_sim import gostage
def kib(name):
    with open('/proc/self/status') as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))
child, limit = sys.argv[1], int(sys.argv[2])
runner = gostage.Runner(launcher=gostage.launchers.Program([sys.executable, '-S', '-c', child]), transport='json')
seen, before, kept = [], [], []
def note(message):
    if message.type == 'before':
        with open('/proc/self/clear_refs', 'w') as clear:
            clear.write('5')  # VmHWM begins anew at what is resident now
        before.append(kib('VmRSS'))
    seen.append([message.type, len(message.payload or '')])
    if sys.argv[3:]:
        kept.append(message)
runner.broker.register_default_handler(note)
result = runner.spawn(gostage.SubWorkflowDef.of('x'), options=gostage.SpawnOptions(max_message_bytes=limit))
print(json.dumps({
    'seen': seen, 'outcome': result.outcome, 'signal': result.signal,
    'bad': [[line.offset, line.length, line.reason] for line in result.malformed.samples],
    'peak_bytes': (kib('VmHWM') - before[0]) * 1024, 'left_bytes': (kib('VmRSS') - before[0]) * 1024,
}))
"""


def measured(child: str, limit: int, *keep: str) -> dict[str, Any]:
    """What a parent with one such child saw, and what it grew by."""
    done = subprocess.run(
        [sys.executable, "-c", PARENT, RAW + child, str(limit), *keep], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


@pytest.mark.slow
def test_a_message_of_256_mib_costs_little_more_than_twice_its_size() -> None:
    """The peak is the line and the text decoded from it; once it is handled, everything is returned."""
    size = 256 * MIB
    seen = measured('line(256)\nout(b\'"}\\n{"type":"after"}\\n\')', 300 * MIB)
    assert seen["seen"] == [["before", 0], ["big", size], ["after", 0]]
    assert 1.9 * size < seen["peak_bytes"] <= 2.2 * size
    assert seen["left_bytes"] < 4 * MIB


@pytest.mark.slow
def test_the_second_large_message_costs_nothing_more() -> None:
    """One large message after another: the first is gone before the next one is in memory."""
    size = 64 * MIB
    seen = measured("for _ in range(4):\n    line(64)\n    out(b'\"}\\n')", 300 * MIB)
    assert seen["seen"] == [["before", 0], *[["big", size]] * 4]
    assert seen["peak_bytes"] <= 2.2 * size


@pytest.mark.slow
def test_a_message_that_is_kept_does_not_keep_its_line() -> None:
    """A handler may hold on to a message: what stays in memory is its payload, once."""
    seen = measured('line(64)\nout(b\'","context":{}}\\n\')', 300 * MIB, "keep")
    assert 63 * MIB < seen["left_bytes"] < 68 * MIB


@pytest.mark.slow
def test_over_the_limit_nothing_is_buffered() -> None:
    """A line a hundred times over the limit leaves the parent as small as it was, and the next message is read."""
    seen = measured('line(256)\nout(b\'"}\\n{"type":"after"}\\n\')', 2 * MIB)
    assert seen["seen"] == [["before", 0], ["after", 0]]
    length = 256 * MIB + len('{"type":"big","payload":""}')
    assert seen["bad"] == [[len('{"type":"before"}\n'), length, f"longer than max_message_bytes ({2 * MIB})"]]
    assert seen["peak_bytes"] < 8 * MIB


@pytest.mark.slow
def test_a_large_message_that_is_torn_by_death() -> None:
    """What a killed child had written of a large message is quarantined once, and its memory is returned."""
    seen = measured("line(192)\nos.kill(os.getpid(), 9)", 300 * MIB)
    assert (seen["outcome"], seen["signal"]) == ("signaled", "SIGKILL")
    length = 192 * MIB + len('{"type":"big","payload":"')
    assert seen["bad"] == [
        [len('{"type":"before"}\n'), length, "Input data was truncated"],
    ]
    assert seen["left_bytes"] < 4 * MIB


@pytest.mark.usefixtures("over_json")
def test_killed_while_blocked_in_the_write(program: Program) -> None:
    """A child killed in the middle of writing 192 MiB is reported as signaled, with one torn line and nothing more."""
    runner = program(
        "@gostage.action('act')\ndef act(ctx):\n    ctx.send('ready')\n    ctx.send('big', 'x' * (192 << 20))\n"
    )
    handle = runner.start(
        gostage.SubWorkflowDef.of("act"), options=gostage.SpawnOptions(max_message_bytes=200 * MIB, timeout_s=60)
    )

    def kill_once_blocked(message: gostage.Message) -> None:
        assert handle._driver is not None
        pipe, pid = handle._driver.process.stdout, message.context.pid
        pulse = threading.Event()
        for _ in range(2000):
            (waiting,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if waiting == fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ) and state == "S":
                break
            pulse.wait(0.01)
        else:
            pytest.fail("the child never blocked in its write")
        os.kill(pid, signal.SIGKILL)

    runner.broker.register_handler("ready", kill_once_blocked)
    result = handle.wait()
    assert result.handler_errors == []
    assert (result.outcome, result.signal, result.message_counts) == ("signaled", "SIGKILL", {"ready": 1})
    assert [(line.after_messages, line.reason) for line in result.malformed.samples] == [
        (1, "Input data was truncated")
    ]


@pytest.mark.slow
def test_what_the_sender_needs(program: Program) -> None:
    """A child that sends 192 MiB of text needs twice as much again: the text as JSON, and the line."""
    size = 192 * MIB
    runner = program(
        "def kib(name):\n"
        "    with open('/proc/self/status') as status:\n"
        "        return next(int(line.split()[1]) for line in status if line.startswith(name))\n"
        "@gostage.action('act')\ndef act(ctx):\n"
        f"    text = 'x' * {size}\n"
        "    before = kib('VmRSS')\n    ctx.send('big', text)\n"
        "    ctx.send('grown', (kib('VmHWM') - before) * 1024)\n"
    )
    grown: list[int] = []
    runner.broker.register_handler("grown", lambda message: grown.append(message.payload))
    runner.spawn(
        gostage.SubWorkflowDef.of("act"), options=gostage.SpawnOptions(max_message_bytes=200 * MIB), check=True
    )
    assert grown[0] <= 2.1 * size
