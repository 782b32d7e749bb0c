"""Processes that the application forks while children run: none of them touches a child, or keeps it alive."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gostage_sim.gostage.spawn.launchers.fork_server.server import END_S

from ..conftest import gone

PARENT = """
import os, signal, sys
from gostage_sim import gostage

@gostage.action("act")
def act(ctx):
    os.open({fifo!r}, os.O_RDONLY)  # until somebody opens it for writing

if gostage.is_child():
    gostage.child_main()
runner = gostage.Runner(launcher={launcher}, transport={transport!r})
handle = runner.start(gostage.SubWorkflowDef.of("act"))
"""
FORK = """
worker = os.fork()
if worker == 0:
    {in_fork}
    sys.exit(0)
assert os.waitpid(worker, 0) == (worker, 0)
os.open({fifo!r}, os.O_RDWR)
print(handle.wait().outcome)
"""
QUIET_PYTHON = [sys.executable, "-W", "ignore::DeprecationWarning"]
"""From 3.12 on Python warns who forks with threads, and a process that uses gRPC has some."""
LAUNCHERS = ["None", "gostage.launchers.ForkServer()"]


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def _script(folder: Path, fifo: Path, launcher: str, code: str, transport: str = "json") -> list[str]:
    program = (PARENT + code).replace("{fifo!r}", repr(str(fifo)))
    (folder / "parent.py").write_text(program.format(launcher=launcher, transport=transport))
    return [*QUIET_PYTHON, str(folder / "parent.py")]


@pytest.mark.parametrize("transport", ["json", "grpc"])
@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize(
    "in_fork",
    [
        "pass",
        "handle = None",
        "handle.cancel()",
        "handle.kill()",
        "handle.__exit__(None, None, None)",
        "runner.close()",
        "runner = handle = None",
    ],
)
def test_a_fork_leaves_the_child_alone(tmp_path: Path, fifo: Path, launcher: str, in_fork: str, transport: str) -> None:
    """Whatever a fork of the parent does with its copy of the handle or the runner, and its end, the child goes on."""
    command = _script(tmp_path, fifo, launcher, FORK.replace("{in_fork}", in_fork), transport)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "completed\n", "")


EVERY_WAY = """
import asyncio, os, sys
from gostage_sim import gostage

def every_way(launcher, transport=None):
    runner, definition = gostage.Runner(launcher=launcher, transport=transport), gostage.SubWorkflowDef.of("leaf")
    pids = []
    runner.broker.register_handler("leaf", lambda message: pids.append(message.context.pid))
    results = [runner.spawn(definition), runner.start(definition).wait()]
    results += runner.spawn_all([definition] * 3, max_parallel=2)
    results.append(asyncio.run(runner.aspawn(definition)))
    assert sorted(pids) == sorted(result.pid for result in results)
    return " ".join(sorted({str(result.outcome) for result in results}))

@gostage.action("leaf")
def leaf(ctx):
    ctx.send("leaf")

@gostage.action("deeper")
def deeper(ctx):
    left = ctx.store.get("left", int)
    if left:
        result = gostage.Runner().spawn(gostage.SubWorkflowDef.of("deeper"), initial_store={"left": left - 1})
        ctx.store.put("said", result.final_store["said"])
    else:
        ctx.store.put("said", every_way(None) + ", " + every_way(gostage.launchers.ForkServer()))

if gostage.is_child():
    gostage.child_main()
"""
IN_A_FORK = """
launcher = {launcher}
every_way(launcher, "json")

def in_a_fork():
    worker = os.fork()
    if worker == 0:
        print(every_way(launcher, "json"), flush=True)
        sys.exit(0)
    assert os.waitpid(worker, 0) == (worker, 0)

async def in_a_loop():
    in_a_fork()

in_a_fork()
asyncio.run(in_a_loop())
print(every_way(launcher, "json"))
"""
IN_A_CHILD = """
result = gostage.Runner().spawn(gostage.SubWorkflowDef.of("deeper"), initial_store={"left": 1})
print(result.final_store.get("said") or result)
"""


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_every_way_to_spawn_in_a_fork(tmp_path: Path, launcher: str) -> None:
    """In a process that was forked from a program, also in a loop, every way works, and after it in the program."""
    script = tmp_path / "program.py"
    script.write_text(EVERY_WAY + IN_A_FORK.replace("{launcher}", launcher))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "completed\n" * 3, "")


IN_A_FORK_OF_GRPC = """
import os, sys
from gostage_sim import gostage

leaf, forks = gostage.SubWorkflowDef.of("leaf"), gostage.SubWorkflowDef.of("forks")
gostage.action("leaf")(lambda ctx: ctx.send("leaf"))

@gostage.action("forks")
def in_a_fork(ctx=None, runner=None):
    worker = os.fork()
    if worker == 0:
        for own in (runner or gostage.Runner(transport="grpc"), gostage.Runner(transport="json")):
            result = own.spawn(leaf)
            why = result.error and result.error.message.replace(str(os.getppid()), "P")
            print(result.outcome, why, file=sys.stderr, flush=True)
        sys.exit(0)
    assert os.waitpid(worker, 0) == (worker, 0)

if gostage.is_child():
    gostage.child_main()
with gostage.Runner(transport="grpc") as runner:
    assert runner.spawn(leaf).outcome == "completed"
    in_a_fork(runner=runner)
    print(runner.spawn(leaf).outcome)
    result = runner.spawn(forks)
    print(result.outcome, result.stderr_tail, sep="\\n", end="")
"""


def test_a_fork_of_a_process_that_uses_grpc(tmp_path: Path) -> None:
    """Where the parent or the child has used gRPC, a fork of it is told that it cannot, and can spawn over JSON."""
    script = tmp_path / "program.py"
    script.write_text(IN_A_FORK_OF_GRPC)
    done = subprocess.run([*QUIET_PYTHON, str(script)], capture_output=True, text=True, timeout=120)
    refused = (
        "start_failed this process was forked from process P, which uses gRPC, and gRPC works in no fork of a process "
        "that does; spawn with Runner(transport='json') here, or fork before the first child by gRPC is started\n"
        "completed None\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"completed\ncompleted\n{refused}", refused)


def test_every_way_to_spawn_in_a_child_of_a_child(tmp_path: Path) -> None:
    """The child of a child spawns as its grandparent does, also from a fork server of its own."""
    script = tmp_path / "program.py"
    script.write_text(EVERY_WAY + IN_A_CHILD)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "completed, completed\n", "")


def test_a_fork_cannot_wait(tmp_path: Path, fifo: Path) -> None:
    """A fork that waits for the child of its parent is told where to wait, and takes no message away."""
    in_fork = "try: handle.wait()\n    except RuntimeError as error: print(str(error).replace(str(os.getpid()), 'F')"
    in_fork += ".replace(str(handle.pid), 'C'), flush=True)"
    command = _script(tmp_path, fifo, "None", FORK.replace("{in_fork}", in_fork))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "child 'workflow', pid C, was started by another process, of which this one, pid F, is a fork; wait there, or "
        "start it here\ncompleted\n"
    )


IN_A_HANDLER = """
import os, sys
from gostage_sim import gostage

gostage.action("send")(lambda ctx: [ctx.send("n", i) for i in range(200)])
if gostage.is_child():
    gostage.child_main()

def fork(message):
    global worker
    if message.payload == 50:
        worker = os.fork()
        if worker == 0 and {leaves}:
            sys.exit(7)

parent = os.getpid()
with gostage.Runner(transport={transport!r}) as runner:
    runner.broker.register_handler("n", fork)
    try:
        handle = runner.start(gostage.SubWorkflowDef.of("send"))
        os.waitid(os.P_PID, handle.pid, os.WEXITED | os.WNOWAIT)  # its messages and its end are seen at once
        result = handle.wait()
    except RuntimeError as error:
        print(str(error)[:55], flush=True)
        os._exit(7)
    print(os.getpid() == parent, os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]), result.outcome,
          result.message_counts["n"], result.handler_errors)
"""


@pytest.mark.parametrize("transport", ["json", "grpc"])
@pytest.mark.parametrize("leaves", [True, False], ids=["leaves", "returns"])
def test_a_handler_that_forks(tmp_path: Path, leaves: bool, transport: str) -> None:
    """A fork that a handler makes leaves as it wishes, and one that returns is told where the child is waited for."""
    script = tmp_path / "program.py"
    script.write_text(IN_A_HANDLER.format(leaves=leaves, transport=transport))
    done = subprocess.run([*QUIET_PYTHON, str(script)], capture_output=True, text=True, timeout=60)
    told = "" if leaves else "child 'workflow', pid\n"
    assert (done.returncode, done.stderr) == (0, "")
    assert re.sub(r"pid \d.*", "pid", done.stdout) == f"{told}True 7 completed 200 []\n"


SERVER = """
import os, signal, time
from gostage_sim import gostage

launcher = gostage.launchers.ForkServer()
gostage.action("act")(lambda ctx: None)
runner = gostage.Runner(launcher=launcher)
runner.spawn(gostage.SubWorkflowDef.of("act"), check=True)
worker = os.fork()
if worker == 0:
    os.close(1)
    signal.pause()
[(server, _)] = launcher._servers.values()
before = time.monotonic()
{end}
print(server.pid, worker, time.monotonic() - before, flush=True)
signal.pause()
"""


def test_a_fork_does_not_hold_the_fork_server() -> None:
    """The server of a killed parent ends although a fork of the parent lives on."""
    command = [sys.executable, "-c", SERVER.replace("{end}", "")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        server, worker, _ = parent.stdout.readline().split()
        parent.kill()
    try:
        assert gone(int(server))
        assert not gone(int(worker), within_s=0)
    finally:
        os.kill(int(worker), signal.SIGKILL)


def test_a_fork_server_ends_by_itself_beside_a_fork() -> None:
    """Closing it does not wait for a fork that lives on: the server sees the end of its pipe and need not be killed."""
    command = [sys.executable, "-c", SERVER.replace("{end}", "launcher.close()")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        _, worker, took_s = parent.stdout.readline().split()
        parent.kill()
    os.kill(int(worker), signal.SIGKILL)
    assert float(took_s) < END_S


def test_a_fork_of_a_program_with_a_fork_server(tmp_path: Path, fifo: Path) -> None:
    """It closes no descriptor that is its own by now, whatever it does with its copy of the launcher."""
    in_fork = (
        "files = [open(os.devnull) for _ in range(20)]\n    runner._launcher.close()\n"
        "    assert runner.spawn(gostage.SubWorkflowDef(id='none')).outcome == 'failed'\n    runner._launcher.close()\n"
        "    for file in files: file.close()"
    )
    command = _script(tmp_path, fifo, LAUNCHERS[1], FORK.replace("{in_fork}", in_fork))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "completed\n", "")


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_fork_does_not_hold_the_lifeline(tmp_path: Path, fifo: Path, launcher: str) -> None:
    """The child of a killed parent ends although a fork of the parent lives on."""
    code = (
        "worker = os.fork()\n"
        "if worker == 0:\n    os.close(1)\n    signal.pause()\n"
        "print(handle.pid, worker, flush=True)\nsignal.pause()\n"
    )
    with subprocess.Popen(_script(tmp_path, fifo, launcher, code), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child, worker = map(int, parent.stdout.readline().split())
        parent.kill()
    try:
        assert gone(child)
        assert not gone(worker, within_s=0)
    finally:
        os.kill(worker, signal.SIGKILL)
