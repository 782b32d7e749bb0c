"""Processes that the application forks while children run: none of them touches a child, or keeps it alive."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import gone

PARENT = """
import os, signal, sys
from gostage_sim import gostage

@gostage.action("act")
def act(ctx):
    os.open({fifo!r}, os.O_RDONLY)  # until somebody opens it for writing

if gostage.is_child():
    gostage.child_main()
runner = gostage.Runner(launcher={launcher})
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
LAUNCHERS = ["None", "gostage.launchers.ForkServer()"]


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def _script(folder: Path, fifo: Path, launcher: str, code: str) -> list[str]:
    (folder / "parent.py").write_text((PARENT + code).replace("{fifo!r}", repr(str(fifo))).format(launcher=launcher))
    return [sys.executable, str(folder / "parent.py")]


@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize(
    "in_fork",
    ["pass", "handle = None", "handle.cancel()", "handle.kill()", "handle.__exit__(None, None, None)"],
)
def test_a_fork_leaves_the_child_alone(tmp_path: Path, fifo: Path, launcher: str, in_fork: str) -> None:
    """Whatever a fork of the parent does with its copy of the handle, and its end, the child goes on."""
    command = _script(tmp_path, fifo, launcher, FORK.replace("{in_fork}", in_fork))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "completed\n", "")


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
