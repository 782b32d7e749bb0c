"""A started child in the hands of its parent."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gostage_sim import gostage

from ..conftest import gone
from .shell import HOLDS, IGNORES_SIGTERM, UP, Gate, named, shell

(CHILD,) = named("child")


def test_wait_with_a_time_out(tmp_path: Path) -> None:
    """`wait(timeout_s)` handles what has come, says that the child is not gone, and can be called again."""
    gate = Gate(tmp_path)
    runner = shell(f"{UP} read x <{gate.path}")
    up = threading.Event()
    runner.broker.register_handler("up", lambda message: up.set())
    handle = runner.start(CHILD)
    while not up.is_set():
        with pytest.raises(TimeoutError) as caught:
            handle.wait(timeout_s=0.01)
    assert str(caught.value) == (
        f"child 'child', pid {handle.pid}, is not gone after 0.01 s; wait again, or cancel() it"
    )
    assert (handle.result, repr(handle)) == (None, f"<ChildHandle 'child' pid {handle.pid} running>")
    gate.open()
    result = handle.wait(timeout_s=20)
    assert result.outcome == "completed"
    assert handle.result is result
    assert repr(handle) == f"<ChildHandle 'child' pid {handle.pid} completed>"
    gate.close()


def test_times_of_a_child_that_is_held_back(tmp_path: Path) -> None:
    """`first_message_s` ends with the first message, not with a later one, and `total_s` with the child; both begin
    with the start, not with the wait."""
    before_up, before_end = Gate(tmp_path), Gate(tmp_path, "end")
    runner = shell(f"read x <{before_up.path}; {UP} read x <{before_end.path}; {UP} :")
    began: list[float] = []
    runner.broker.register_handler("up", lambda message: began.append(time.monotonic()))
    before_start = time.monotonic()
    handle = runner.start(CHILD)
    after_start = time.monotonic()
    with pytest.raises(TimeoutError):
        handle.wait(timeout_s=0.05)
    before_up_s = time.monotonic() - after_start
    before_up.open()
    while not began:
        with pytest.raises(TimeoutError):
            handle.wait(timeout_s=0.05)
    up_s = began[0] - before_start
    before_end.open()
    result = handle.wait(timeout_s=20)
    whole_s = time.monotonic() - before_start
    before_up.close()
    before_end.close()
    assert result.message_counts == {"up": 2}
    assert result.first_message_s is not None
    assert before_up_s <= result.first_message_s <= up_s
    assert began[1] - after_start <= result.total_s <= whole_s


@pytest.mark.parametrize(
    "argv", [["/bin/sh", "-c", "echo no message"], ["/does/not/exist"]], ids=["silent", "no start"]
)
def test_times_without_a_message(argv: list[str]) -> None:
    """Without a message there is no time of the first; the whole is measured all the same, also of a failed start."""
    began = time.monotonic()
    result = gostage.Runner(launcher=gostage.launchers.Program(argv)).spawn(CHILD)
    assert result.message_counts == {}
    assert result.first_message_s is None
    assert 0 < result.total_s <= time.monotonic() - began


def test_time_out_while_another_thread_waits() -> None:
    """A thread that waits beside the one that does the work has a time-out of its own."""
    runner = shell(HOLDS)
    up = threading.Event()
    runner.broker.register_handler("up", lambda message: up.set())
    with runner.start(CHILD) as handle:
        worker = threading.Thread(target=handle.wait)
        worker.start()
        assert up.wait(20)
        with pytest.raises(TimeoutError, match="is not gone after 0 s; wait again"):
            handle.wait(timeout_s=0)
        handle.cancel()
        worker.join(20)
        assert handle.wait(timeout_s=0).outcome == "cancelled"


@pytest.mark.parametrize(("way", "signal_name"), [("cancel", "SIGTERM"), ("kill", "SIGKILL")])
def test_cancel_needs_nobody_who_waits(way: str, signal_name: str) -> None:
    """The signal of `cancel` and `kill` is sent at once; a wait that begins later finds the child ended by it."""
    handle = shell(HOLDS).start(CHILD)
    assert handle.pid is not None
    getattr(handle, way)()
    assert gone(handle.pid, within_s=20)
    result = handle.wait()
    assert (result.outcome, result.signal) == ("cancelled", signal_name)


@pytest.mark.usefixtures("over_json")
def test_one_sigterm_however_often_it_is_cancelled() -> None:
    """A second cancel sends no second SIGTERM, which to many programs is the order to drop everything."""
    code = (
        'import os, signal\nsignal.signal(15, lambda *_: os.write(1, b\'{"type":"term"}\\n\'))\n'
        'os.write(1, b\'{"type":"up"}\\n\')\nwhile True: signal.pause()'
    )
    runner = gostage.Runner(launcher=gostage.launchers.Program([sys.executable, "-S", "-c", code]))
    handle = runner.start(CHILD, options=gostage.SpawnOptions(grace_s=0.3))

    def twice(message: gostage.Message) -> None:
        handle.cancel()
        handle.cancel()

    runner.broker.register_default_handler(twice)
    result = handle.wait()
    assert (result.outcome, result.signal) == ("cancelled", "SIGKILL")
    assert result.message_counts == {"up": 1, "term": 1}


def test_kill_after_cancel_ends_the_grace_period() -> None:
    """A child that ignores SIGTERM is killed at once by `kill`, however much of its grace period is left."""
    runner = shell(IGNORES_SIGTERM)
    handle = runner.start(CHILD, options=gostage.SpawnOptions(grace_s=1000))

    def both(message: gostage.Message) -> None:
        handle.cancel()
        handle.kill()

    runner.broker.register_handler("up", both)
    result = handle.wait()
    assert (result.outcome, result.signal) == ("cancelled", "SIGKILL")


def test_used_by_many_threads_at_once() -> None:
    """Threads that wait, cancel, kill and look at one handle all at once get one result, and nothing is left."""
    handle = shell(HOLDS).start(CHILD)
    results: list[gostage.SpawnResult] = []
    together = threading.Barrier(8)

    def use(number: int) -> None:
        together.wait(20)
        (handle.cancel, handle.kill, handle.__repr__, handle.cancel)[number % 4]()
        results.append(handle.wait())
        handle.kill()
        handle.cancel()

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(results) == 8
    assert {id(result) for result in results} == {id(handle.result)}
    assert results[0].outcome == "cancelled"


def test_at_the_limit_of_open_files() -> None:
    """However little room is left, a child starts or is `start_failed` with a text that says what to do."""
    free = os.dup(0)
    os.close(free)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    outcomes: list[str] = []
    try:
        for room in range(16):
            resource.setrlimit(resource.RLIMIT_NOFILE, (free + room, before[1]))
            result = shell("exit 0").start(CHILD).wait()
            outcomes.append(result.outcome)
            if result.outcome == "start_failed":
                assert result.error is not None
                assert result.error.message == (
                    f"[Errno 24] Too many open files: this process may have {free + room} open, and a running child "
                    "takes 7 of them, 9 by gRPC, a few more while it starts; raise the limit (ulimit -n, "
                    "resource.setrlimit) or run fewer at once (max_parallel)"
                )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert outcomes == sorted(outcomes, reverse=True)
    assert set(outcomes) == {"start_failed", "completed"}


@pytest.mark.parametrize("launcher", ["gostage.launchers.ThisProgram()", "gostage.launchers.ForkServer()"])
def test_a_started_child_runs_before_it_is_waited_for(tmp_path: Path, launcher: str) -> None:
    """The action runs although nobody waits, and a definition larger than the pipe arrives during the wait."""
    fifo, script = tmp_path / "fifo", tmp_path / "parent.py"
    os.mkfifo(fifo)
    script.write_text(
        "import os, select\nfrom gostage_sim import gostage\n"
        f"@gostage.action('act')\ndef act(ctx): os.close(os.open({str(fifo)!r}, os.O_WRONLY))\n"
        "@gostage.action('large')\ndef large(ctx): ctx.store.put('length', len(ctx.params['text']))\n"
        "if gostage.is_child():\n    gostage.child_main()\n"
        f"runner = gostage.Runner(launcher={launcher})\n"
        f"fd = os.open({str(fifo)!r}, os.O_RDONLY | os.O_NONBLOCK)\n"
        "handle = runner.start(gostage.SubWorkflowDef.of('act'))\n"
        "poll = select.poll()\npoll.register(fd, 0)\n"
        "print(len(poll.poll(20_000)), handle.wait().outcome)\n"
        "stage = gostage.StageDef(id='s', actions=[gostage.ActionDef(id='large', params={'text': 'x' * 1_000_000})])\n"
        "print(runner.start(gostage.SubWorkflowDef(id='w', stages=[stage])).wait().final_store['length'])\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("1 completed\n1000000\n", "")
