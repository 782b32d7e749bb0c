"""Descendants that leave their child's process group."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from gostage_sim import gostage
from gostage_sim.gostage import registry
from gostage_sim.gostage.spawn.descendants import bear

from ..conftest import gone

DEFINITION = gostage.SubWorkflowDef.of("act")
DAEMON = """
import json, os, signal
if os.fork() == 0:
    os.setsid()
    for fd in (0, 2): os.close(fd)
    if os.fork() == 0:
        {before}
        print(json.dumps({{"type": "pid", "payload": os.getpid()}}), flush=True)
        {then}
    os._exit(0)
os.wait()
"""
PAUSES = "os.close(1); signal.pause()"


def daemon_of(options: gostage.SpawnOptions, before: str = "pass", then: str = PAUSES) -> list[int]:
    """The processes that a child with these options left as daemons."""
    code = DAEMON.format(before=before, then=then)
    runner = gostage.Runner(launcher=gostage.launchers.Program([sys.executable, "-S", "-c", code]))
    pids: list[int] = []
    runner.broker.register_handler("pid", lambda message: pids.append(message.payload))
    assert runner.spawn(DEFINITION, options=options).outcome == "completed"
    return pids


@pytest.mark.usefixtures("over_json")
def test_daemons_are_left_alone_unless_asked_for() -> None:
    """A daemon outlives its child: it left the process group on purpose."""
    (pid,) = daemon_of(gostage.SpawnOptions(drain_s=5))
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)


@pytest.mark.parametrize(
    ("before", "then"),
    [
        ("pass", PAUSES),
        ("[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]", PAUSES),
        ("pass", "os.close(1); os.execv('/bin/sleep', ['sleep', '1000'])"),
        ("os.environ.clear()", PAUSES),  # this process still bears what it was started with
    ],
)
@pytest.mark.usefixtures("over_json")
def test_daemons_are_ended_when_asked_for(before: str, then: str) -> None:
    """With end_daemons a daemon is gone when the result is there, whoever its parent is and whatever it executes."""
    (pid,) = daemon_of(gostage.SpawnOptions(end_daemons=True, drain_s=5), before, then)
    assert gone(pid)


@pytest.mark.parametrize("end_daemons", [True, False])
def test_daemons_of_a_forked_child(monkeypatch: pytest.MonkeyPatch, end_daemons: bool) -> None:
    """A child of the fork server, which executes nothing, and its daemon bear the child's mark, and no sibling does."""

    def leave_a_daemon(ctx: gostage.ActionContext) -> None:
        ours, theirs = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.write(theirs, str(os.getpid()).encode())
                for fd in map(int, os.listdir("/proc/self/fd")):
                    with contextlib.suppress(OSError):
                        os.close(fd)
                signal.pause()
            os._exit(0)
        os.wait()
        ctx.store.put("pid", int(os.read(ours, 100)))

    monkeypatch.setattr(registry, "_factories", {})
    with gostage.launchers.ForkServer() as launcher:
        runner = gostage.Runner(launcher=launcher)
        gostage.register_action("act", lambda: gostage.FunctionAction("act", leave_a_daemon))
        options = gostage.SpawnOptions(drain_s=5)
        sibling = runner.spawn(DEFINITION, options=options, check=True).final_store["pid"]
        options = gostage.SpawnOptions(end_daemons=end_daemons, drain_s=5)
        pid = runner.spawn(DEFINITION, options=options, check=True).final_store["pid"]
        assert gone(pid) is end_daemons
        assert not gone(sibling, 0)
        for alive in (sibling,) if end_daemons else (sibling, pid):
            os.kill(alive, signal.SIGKILL)


def test_no_room_for_a_mark() -> None:
    """A process that was not started with room for its marks does not write over what is beside it."""
    before = Path("/proc/self/environ").read_bytes()
    with pytest.raises(RuntimeError) as caught:
        bear("m" * 4097)
    assert str(caught.value) == "no room for 4097 bytes of GOSTAGE_FAMILY in the environment of the fork server"
    assert Path("/proc/self/environ").read_bytes() == before


@pytest.mark.usefixtures("over_json")
def test_a_daemon_of_a_grandchild_is_found_from_above() -> None:
    """A child that spawns with a mark of its own hands on the one it bears."""
    code = (
        "import sys\nfrom gostage_sim import gostage\n"
        f"runner = gostage.Runner(launcher=gostage.launchers.Program([sys.executable, '-S', '-c', {DAEMON!r}"
        f".format(before='pass', then={PAUSES!r})]))\n"
        'runner.broker.register_handler(\'pid\', lambda m: print(\'{"type":"pid","payload":%d}\' % m.payload))\n'
        "options = gostage.SpawnOptions(inherit=(), drain_s=5)\n"
        "runner.spawn(gostage.SubWorkflowDef.of('act'), options=options)\n"
    )
    runner = gostage.Runner(launcher=gostage.launchers.Program([sys.executable, "-c", code]))
    pids: list[int] = []
    runner.broker.register_handler("pid", lambda message: pids.append(message.payload))
    result = runner.spawn(DEFINITION, options=gostage.SpawnOptions(end_daemons=True))
    assert len(pids) == 1, result.stderr_tail
    assert gone(pids[0])
