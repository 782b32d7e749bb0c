"""`python -m gostage_sim.gostage.child`, and what a child's own threads and signal handlers may do."""

from __future__ import annotations

import array
import fcntl
import os
import select
import signal
import subprocess
import sys
import termios
import time

import pytest

from gostage_sim import gostage

from ..conftest import Program

USAGE = (
    "usage: python -m gostage_sim.gostage.child --gostage-child [--find PLACES] [--import MODULE]… "
    "(a runner starts it)\n"
)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], USAGE),
        (["--import", "x"], USAGE),
        (["--gostage-child", "--improt", "x"], f"{USAGE}found '--improt' 'x'\n"),
        (["--gostage-child", "--import"], f"{USAGE}found '--import' ''\n"),
    ],
)
def test_usage(arguments: list[str], text: str) -> None:
    """Started by hand or with wrong arguments it says what it is for, and exits with 1."""
    command = [sys.executable, "-m", "gostage_sim.gostage.child", *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", text)


def test_module_that_cannot_be_imported() -> None:
    """A child whose imports fail exits without a result, and its stderr names the module."""
    runner = gostage.Runner(launcher=gostage.launchers.ChildModule(["does.not.exist"]))
    result = runner.spawn(gostage.SubWorkflowDef.of("x"))
    assert result.outcome == "exited"
    assert result.describe().endswith("stderr ends: ModuleNotFoundError: No module named 'does'")


def test_bad_definition() -> None:
    """A child that is given no definition reports that as its result, in a line of the protocol."""
    command = [sys.executable, "-m", "gostage_sim.gostage.child", "--gostage-child"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "")
    assert '"error_message":"the definition on stdin is not JSON: not JSON at character 0"' in done.stdout


def test_a_thread_that_outlives_the_action(program: Program) -> None:
    """The result waits for threads that actions left running: what one sends and raises is part of it."""
    runner = program(
        "import threading\nwaited_for = threading.Event()\n"
        "class Late(threading.Thread):\n"
        "    def join(self, timeout=None):\n        waited_for.set()\n        super().join(timeout)\n"
        "    def run(self):\n        waited_for.wait(10)\n        self.ctx.send('late')\n        1 / 0\n"
        "@gostage.action('act')\ndef act(ctx):\n"
        "    thread = Late()\n    thread.ctx = ctx\n    thread.start()\n"
    )
    result = runner.spawn(gostage.SubWorkflowDef.of("act"))
    assert (result.outcome, result.error and result.error.type) == ("panicked", "ZeroDivisionError")
    assert list(result.message_counts) == ["late", "final_store", "workflow_result"]


TORN = """
import os, signal, time
@gostage.action('act')
def act(ctx):
    def alarm(*_):
        os.write(2, b'alarm')
        {body}
    signal.signal(signal.SIGALRM, alarm)
    ctx.send('armed')
    try:
        ctx.send('big', 'x' * 3_000_000)
    except TimeoutError:
        pass
    ctx.send('after')
"""


def waiting_in(pipe: int) -> int:
    """How many bytes can be read."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


@pytest.mark.parametrize(
    ("body", "types", "bad"),
    [
        ("raise TimeoutError", ["after", "final_store", "workflow_result"], 1),
        ("ctx.send('alarm')", ["big", "alarm", "after", "final_store", "workflow_result"], 0),
    ],
)
def test_signal_in_the_middle_of_a_line(program: Program, body: str, types: list[str], bad: int) -> None:
    """A signal handler that raises in the middle of a line loses that line alone; one that sends tears no line."""
    runner = program(TORN.replace("{body}", body))
    handle = runner.start(gostage.SubWorkflowDef.of("act"))

    def hold(message: gostage.Message) -> None:
        """Read nothing until part of the line is in the pipe, which cannot take all of it; then interrupt the child."""
        assert handle._driver is not None
        process, deadline = handle._driver.process, time.monotonic() + 20
        while waiting_in(process.stdout) < 100_000:
            assert time.monotonic() < deadline
            os.sched_yield()
        os.kill(process.pid, signal.SIGALRM)
        assert select.select([process.stderr], [], [], 20)[0]

    runner.broker.register_handler("armed", hold)
    result = handle.wait()
    assert result.handler_errors == []
    assert (list(result.message_counts), result.malformed.count, result.outcome) == (
        ["armed", *types],
        bad,
        "completed",
    )


def test_a_forked_process_is_not_the_child(program: Program) -> None:
    """A process that an action forks can neither send, nor report a result, nor hold the protocol open."""
    runner = program(
        "import os, signal\n@gostage.action('act')\ndef act(ctx):\n"
        "    ctx.send('before')\n"
        "    if not os.fork():\n        ctx.send('forked')\n        return\n"
        "    os.wait()\n"
        "    if not os.fork():\n        signal.pause()\n"
        "    ctx.send('after')\n"
    )
    result = runner.spawn(gostage.SubWorkflowDef.of("act"), options=gostage.SpawnOptions(timeout_s=30))
    assert result.outcome == "completed", result.describe()
    assert list(result.message_counts.items()) == [
        ("before", 1),
        ("after", 1),
        ("final_store", 1),
        ("workflow_result", 1),
    ]
