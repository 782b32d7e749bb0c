"""The child that is forked ahead: the next one by gRPC, and no different from one forked when it is needed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gostage_sim import gostage
from gostage_sim.gostage import launchers, registry
from gostage_sim.gostage.child import grpc_core
from tests.gostage.spawn.fork_server.test_launcher import children, register, wait_for_end


@pytest.fixture(autouse=True)
def registrations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test registers its own."""
    monkeypatch.setattr(registry, "_factories", {})


class Asking:
    """A runner by gRPC over a fork server of its own, and what functions return in its children."""

    def __init__(self, launcher: launchers.ForkServer, runner: gostage.Runner) -> None:
        self.launcher = launcher
        self._runner = runner
        self._asked = 0

    def __call__(self, function: Callable[[], Any], **options: Any) -> Any:
        """The answer of a child, and whether that child had been forked ahead."""
        self._asked += 1
        id = f"answer {self._asked}"

        def answer(ctx: gostage.ActionContext) -> None:
            ctx.send("begun")
            ctx.flush()  # now it is connected
            ctx.store.put("answer", [function(), grpc_core.has_begun()])

        register(id, answer)
        spawn_options = gostage.SpawnOptions(timeout_s=60, **options)
        result = self._runner.spawn(gostage.SubWorkflowDef.of(id), options=spawn_options, check=True)
        return result.final_store["answer"]


@pytest.fixture
def ask() -> Iterator[Asking]:
    with launchers.ForkServer() as launcher, gostage.Runner(launcher=launcher, transport="grpc") as runner:
        yield Asking(launcher, runner)


def the_spare() -> int:
    """Of the one server that this program has."""
    (server,) = children()
    text = Path(f"/proc/{server}/task/{server}/children").read_text()
    (spare,) = map(int, text.split())
    return spare


def test_every_child_but_the_first_is_forked_ahead(ask: Asking) -> None:
    """Each time another process; what was registered after it was forked is in it."""
    answers = [ask(lambda: [os.getpid(), os.getppid()]) for _ in range(3)]
    assert [ahead for _, ahead in answers] == [False, True, True]
    assert len({pid for (pid, _), _ in answers}) == 3
    assert {parent for (_, parent), _ in answers} == set(children())


def test_environment_and_folder_are_those_of_its_spawn(ask: Asking, tmp_path: Path) -> None:
    """What the server and the child before it had is not in it."""
    ask(lambda: 0, environment={"BEFORE": "1"})
    look = lambda: [dict(os.environ).get("BEFORE"), os.environ.get("NOW"), os.getcwd(), sys.argv[1:]]  # noqa: E731
    answer, ahead = ask(look, environment={"NOW": "2"}, cwd=tmp_path)
    assert ahead
    assert answer == [None, "2", str(tmp_path), ["--gostage-child"]]


def test_it_has_no_descriptor_more_than_another(ask: Asking) -> None:
    """Neither the socket that it waited at, nor anything of its server or of this program."""

    def look() -> list[str]:
        places = [(int(fd), f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
        return [os.readlink(path).partition(":")[0] for fd, path in places if fd > 2 and os.path.exists(path)]

    with socket.create_server(("127.0.0.1", 0)):  # one more here, which no child is to have
        (first, not_ahead), (second, ahead) = ask(look), ask(look)
    assert (not_ahead, ahead) == (False, True)
    assert Counter(first)["socket"] == 1
    # The core opens an eventfd and an epoll more for the channel that it was tried with.
    assert Counter(second) - Counter(first) <= Counter(anon_inode=4)
    assert not Counter(first) - Counter(second)


@pytest.mark.parametrize(
    ("options", "line"),
    [({"no_new_privs": True}, "NoNewPrivs:\t1"), ({"limits": gostage.ResourceLimits(open_files=100)}, "")],
    ids=["no_new_privs", "limits"],
)
def test_a_confined_child_is_forked_when_it_is_needed(ask: Asking, options: dict[str, Any], line: str) -> None:
    """The core's threads, which begin after that, are confined as it is; the one that waits is for the next child."""

    def look() -> list[str]:
        return [task.joinpath("status").read_text() for task in Path("/proc/self/task").iterdir()]

    ask(lambda: 0)
    spare = the_spare()
    statuses, ahead = ask(look, **options)
    assert not ahead
    assert len(statuses) > 3
    assert all(line in status for status in statuses)
    assert the_spare() == spare
    assert ask(os.getpid) == [spare, True]


def test_settings_of_grpc_are_for_a_child_that_begins_anew(ask: Asking) -> None:
    """The core reads them once, when it begins."""
    ask(lambda: 0)
    assert ask(lambda: os.environ["GRPC_VERBOSITY"], environment={"GRPC_VERBOSITY": "ERROR"}) == ["ERROR", False]


def test_one_that_is_gone_is_not_missed(ask: Asking) -> None:
    """Killed while it waits, by the system or by anybody: the next child is forked when it is needed."""
    ask(lambda: 0)
    spare = the_spare()
    os.kill(spare, signal.SIGKILL)
    wait_for_end(spare)
    assert ask(lambda: 1) == [1, False]
    assert ask(lambda: 2) == [2, True]


def test_it_ends_with_the_launcher(ask: Asking) -> None:
    """When `close` returns it is gone, and another spawn begins with a new server."""
    ask(lambda: 0)
    spare = the_spare()
    ask.launcher.close()
    assert not Path(f"/proc/{spare}").exists()
    assert children() == []
    assert ask(lambda: 1) == [1, False]


def test_one_that_is_stopped_does_not_hold_up_the_end(ask: Asking) -> None:
    """It gets its time, then SIGKILL."""
    ask(lambda: 0)
    spare = the_spare()
    os.kill(spare, signal.SIGSTOP)
    ask.launcher.close()
    assert not Path(f"/proc/{spare}").exists()


PROGRAM = """
import os, signal, sys
from gostage_sim import gostage
with gostage.launchers.ForkServer() as launcher, gostage.Runner(launcher=launcher, transport="grpc") as runner:
    runner.broker.register_handler("server", lambda message: print(message.payload))
    act = gostage.FunctionAction("act", lambda ctx: ctx.send("server", os.getppid()))
    gostage.register_action("act", lambda: act)
    server = runner.spawn(gostage.SubWorkflowDef.of("act"), check=True)
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_it_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    """SIGKILL of the parent leaves neither the server nor the one that waits."""
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        assert parent.stdout.readline() == "ready\n"
        spares = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        parent.kill()
    assert len(spares) == 1
    for pid in (server, *map(int, spares)):
        wait_for_end(pid)
