"""A program of a test's own, as a child."""

from __future__ import annotations

import gc
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gostage_sim import gostage

Program = Callable[..., gostage.Runner]

HEAD = "from gostage_sim import gostage\n"
TAIL = "\nif __name__ == '__main__':\n    gostage.child_main()\n"


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """`program(code, transport)` is a runner whose children run that code and then are children; closed at the end."""
    with ExitStack() as runners:

        def make(code: str, transport: gostage.transports.Transport | str | None = None) -> gostage.Runner:
            script = tmp_path / "program.py"
            script.write_text(HEAD + code + TAIL)
            command = [sys.executable, str(script), "--gostage-child"]
            launcher = gostage.launchers.Program(command, foreign=False)
            return runners.enter_context(gostage.Runner(launcher=launcher, transport=transport))

        yield make


@pytest.fixture(params=["json", "grpc"])
def each_transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test once with every transport, chosen by the environment; its name."""
    monkeypatch.setenv("GOSTAGE_IPC_TRANSPORT", request.param)
    return str(request.param)


@pytest.fixture
def over_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """For children that write their lines by hand, and for what is about the pipe: whatever the environment says."""
    monkeypatch.setenv("GOSTAGE_IPC_TRANSPORT", "json")


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns after a microsecond: what a lock does not hold together falls apart."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test of the engine leaves a descriptor or a child behind; who forgets a runner is rid of its server too."""
    before = set(os.listdir("/proc/self/fd"))
    yield
    if not set(os.listdir("/proc/self/fd")) <= before:
        gc.collect()
    until = time.monotonic() + 2.0  # the thread of a gRPC server that has stopped lets go of them when it ends
    while not set(os.listdir("/proc/self/fd")) <= before and time.monotonic() < until:
        os.sched_yield()
    assert set(os.listdir("/proc/self/fd")) <= before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def gone(pid: int, within_s: float = 2.0) -> bool:
    """Whether the process ends within so many seconds; a zombie that init has not taken yet is gone."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([pidfd], [], [], within_s)[0])
    finally:
        os.close(pidfd)


def at_rest(pid: int, within_s: float = 20.0) -> bool:
    """Whether the process comes to use no CPU, by the kernel's account, for a third of a second."""
    deadline, spent, since = time.monotonic() + within_s, [""], time.monotonic()
    while time.monotonic() < deadline:
        with open(f"/proc/{pid}/stat") as stat:
            now = stat.read().rpartition(")")[2].split()[11:13]
        if now != spent:
            spent, since = now, time.monotonic()
        elif time.monotonic() - since > 0.33:
            return True
        os.sched_yield()
    return False


def spawn_one(runner: gostage.Runner, action: str = "act") -> gostage.SpawnResult:
    """Spawn one action and require that it completes."""
    return runner.spawn(gostage.SubWorkflowDef.of(action), check=True)
