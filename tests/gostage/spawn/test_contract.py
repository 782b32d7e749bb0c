"""The contract of a launcher: all of them start a child that is the same in every respect that matters."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from gostage_sim import gostage

from ..conftest import gone
from .contract_program import ENVIRONMENT, FILE, LAUNCHERS

#: What this program was doing whenever it was forked in a way that runs Python code, or might.
_forks: list[str] = []
os.register_at_fork(before=lambda: _forks.append("".join(traceback.format_stack())))


@pytest.fixture(params=LAUNCHERS)
def runner(request: pytest.FixtureRequest) -> Iterator[gostage.Runner]:
    """A runner of each launcher, in turn."""
    with LAUNCHERS[request.param]() as launcher, gostage.Runner(launcher=launcher) as made:
        yield made


def options(**kwargs: Any) -> gostage.SpawnOptions:
    return gostage.SpawnOptions(environment={**ENVIRONMENT, "MINE": "1"}, **kwargs)


def of(action: str, **params: Any) -> gostage.SubWorkflowDef:
    act = gostage.ActionDef(id=f"contract.{action}", params=params)
    return gostage.SubWorkflowDef(id="flow", stages=[gostage.StageDef(id="main", actions=[act])])


def facts_of(runner: gostage.Runner, **kwargs: Any) -> dict[str, Any]:
    """What a child sees of itself."""
    seen: list[dict[str, Any]] = []
    with runner.broker.register_handler("facts", lambda message: seen.append(message.payload)):
        assert runner.spawn(of("facts"), options=options(**kwargs)).outcome == "completed"
    return seen[0]


LEFT = "SystemExit: sys.exit({}) was called in action 'contract.exit' of stage 'main' in workflow 'flow'"


def test_messages_in_order_and_the_final_store(runner: gostage.Runner) -> None:
    """A child's messages arrive in the order sent, and its store at the end; so does a definition of 10 MB."""
    seen: list[Any] = []
    runner.broker.register_handler("first", lambda message: seen.append(message.payload))
    runner.broker.register_handler("many", lambda message: seen.append(message.payload))
    result = runner.spawn(of("send"), initial_store={"big": "x" * 10_000_000}, options=options())
    assert (result.outcome, result.exit_code, result.malformed.count) == ("completed", 0, 0)
    assert seen == [1, *range(100)]
    assert result.final_store["size"] == 10_000_000


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (of("fail"), ("failed", 1, None, "ValueError: no")),
        (of("panic"), ("panicked", 70, None, "BaseException: out")),
        (of("exit", code=None), ("exited", 0, None, LEFT.format(""))),
        (of("exit", code=0), ("exited", 0, None, LEFT.format("0"))),
        (of("exit", code=1), ("exited", 1, None, LEFT.format("1"))),
        (of("exit", code=-1), ("exited", 255, None, LEFT.format("-1"))),
        (of("exit", code=2**63), ("exited", 255, None, LEFT.format("9223372036854775808"))),
        (of("exit", code="a text"), ("exited", 1, None, LEFT.format("'a text'"))),
        (of("_exit"), ("exited", 7, None, None)),
        (of("kill", signal=signal.SIGKILL), ("signaled", None, "SIGKILL", None)),
        (of("kill", signal=signal.SIGSEGV), ("signaled", None, "SIGSEGV", None)),
        (of("kill", signal=signal.SIGRTMIN + 3), ("signaled", None, f"SIG{signal.SIGRTMIN + 3}", None)),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_endings(runner: gostage.Runner, definition: gostage.SubWorkflowDef, expected: tuple[Any, ...]) -> None:
    """Outcome, exit code, signal and error are what really happened to the child."""
    result = runner.spawn(definition, options=options())
    error = result.error and f"{result.error.type}: {result.error.message}"
    assert (result.outcome, result.exit_code, result.signal, error) == expected


@pytest.mark.usefixtures("over_json")
def test_all_that_was_sent_before_death_is_handled(runner: gostage.Runner) -> None:
    """A child killed right after its last send loses nothing of what it sent."""
    seen: list[int] = []
    runner.broker.register_handler("many", lambda message: seen.append(message.payload))
    assert runner.spawn(of("kill", signal=signal.SIGKILL), options=options()).signal == "SIGKILL"
    assert seen == list(range(500))


def test_leaving_is_an_interpreters(runner: gostage.Runner) -> None:
    """A child that leaves by sys.exit says why on stderr and runs what was registered with atexit."""
    assert runner.spawn(of("exit", code="a text"), options=options()).stderr_tail == "a text\natexit ran\n"


def test_stray_output_does_not_reach_the_protocol(runner: gostage.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """print, C-level writes to fd 1, a grandchild's output and what was left in a buffer end on stderr."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    result = runner.spawn(of("print"), options=options())
    assert (result.outcome, result.malformed.count) == ("completed", 0)
    assert sorted(result.stderr_tail.splitlines()) == [
        "from grandchild",
        "from print",
        "from write",
        "left in a buffer",
    ]


@pytest.mark.parametrize(("way", "name"), [("cancel", "SIGTERM"), ("kill", "SIGKILL")])
def test_cancel_and_kill(runner: gostage.Runner, way: str, name: str) -> None:
    """Cancelling sends SIGTERM and killing SIGKILL, and the whole group is gone with the child."""
    pids: list[int] = []
    handle = runner.start(of("hold"), options=options())

    def up(message: gostage.Message) -> None:
        pids.extend(message.payload)
        getattr(handle, way)()

    runner.broker.register_handler("up", up)
    result = handle.wait()
    assert (result.outcome, result.signal) == ("cancelled", name)
    assert [gone(pid) for pid in pids] == [True, True]


@pytest.mark.parametrize("way", ["cancel", "kill"])
def test_ended_before_it_began(runner: gostage.Runner, way: str) -> None:
    """A child that is ended right after its start is ended at once, whatever it has got to by then."""
    handle = runner.start(of("hold"), options=options(grace_s=60))
    getattr(handle, way)()
    assert handle.wait().outcome == "cancelled"


def test_timeout_of_a_child_that_ignores_sigterm(runner: gostage.Runner) -> None:
    """SIGTERM, and after the grace period SIGKILL to the whole group."""
    pids: list[int] = []
    runner.broker.register_handler("up", lambda message: pids.extend(message.payload))
    result = runner.spawn(of("hold"), initial_store={"deaf": True}, options=options(timeout_s=1.5, grace_s=0.2))
    assert (result.outcome, result.signal) == ("timed_out", "SIGKILL")
    assert [gone(pid) for pid in pids] == [True, True]


def test_environment_is_an_allow_list(runner: gostage.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child sees what was named and how deep it is, and no credential, not even in /proc."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("NAMED", "yes")
    seen = facts_of(runner, inherit=("PATH", "NAMED"))
    environment = {name: value for name, value in seen["environment"].items() if name != "LC_CTYPE"}  # PEP 538
    assert environment == {**ENVIRONMENT, "MINE": "1", "PATH": os.environ["PATH"], "NAMED": "yes",
                           "GOSTAGE_SPAWN_DEPTH": "1", "GOSTAGE_MAX_SPAWN_DEPTH": "8"}  # fmt: skip
    assert "AWS_SECRET_ACCESS_KEY" not in seen["initial_environment"]


def test_a_child_is_its_own_master(runner: gostage.Runner) -> None:
    """Own session and process group, no signal handlers or blocked signals but an interpreter's, and it is a child."""
    seen = facts_of(runner)
    assert seen["pid"] == seen["group"] == seen["session"] != os.getpid()
    assert (seen["is_child"], seen["argv"]) == (True, ["--gostage-child"])
    assert (seen["signals"], seen["masked"]) == ([True, False, False, False], 0)


def test_working_folder(runner: gostage.Runner, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A child is where its options say, or else where this program is; a folder that is not there is no start."""
    folder = str(tmp_path_factory.mktemp("cwd"))
    assert facts_of(runner, cwd=folder)["cwd"] == folder
    before = os.getcwd()
    os.chdir(folder)
    try:
        assert facts_of(runner)["cwd"] == folder
    finally:
        os.chdir(before)
    result = runner.spawn(of("facts"), options=options(cwd="/not/there"))
    assert (result.outcome, result.error and result.error.type) == ("start_failed", "FileNotFoundError")


@pytest.mark.usefixtures("over_json")
def test_no_descriptor_but_its_own(runner: gostage.Runner) -> None:
    """Stdin at nothing, stdout at stderr, the private channel and the lifeline: not one of ours, not even an
    inheritable one."""
    ours = os.open("/etc/hostname", os.O_RDONLY)
    os.set_inheritable(ours, True)
    try:
        fds = facts_of(runner)["fds"]
    finally:
        os.close(ours)
    assert fds["0"] == "/dev/null"
    assert fds["1"] == fds["2"]
    assert sorted(target.split(":")[0] for target in fds.values()) == ["/dev/null", *["pipe"] * 4]
    assert len(set(fds.values())) == 4


def test_limits(runner: gostage.Runner) -> None:
    """A limit is in force, and the outcome says which it was."""
    result = runner.spawn(of("spin"), options=options(limits=gostage.ResourceLimits(cpu_s=1)))
    assert result.outcome == "limit_exceeded"


def test_options(runner: gostage.Runner) -> None:
    """Umask, niceness, privileges and imports are those of the options before the first action begins."""
    result = runner.spawn(
        of("confined"), options=options(umask=0o027, niceness=3, no_new_privs=True, imports=("wave",)), check=True
    )
    assert result.final_store["confined"] == [str(os.getuid()), "0027", "1", 3]
    assert result.final_store["imported"] is True


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become somebody else")
def test_user(runner: gostage.Runner) -> None:
    """A child runs as whom the options say; a number that is nobody's needs a group, and else there is no start."""
    runner.spawn(of("send"), options=options(), check=True)  # its modules are cached for who may not write
    result = runner.spawn(of("confined"), options=options(user=65534, group=65534))
    if result.outcome == "completed":  # where that user may read this interpreter
        assert result.final_store["confined"][0] == "65534"
    result = runner.spawn(of("confined"), options=options(user=54321))
    assert result.error is not None
    assert (result.outcome, result.error.message) == (
        "start_failed",
        "SpawnOptions.user: 54321 is not in this system's password database, which would give its group; set "
        "SpawnOptions.group as well",
    )


def test_what_the_system_refuses(runner: gostage.Runner) -> None:
    """An option that cannot be honoured is no start, and the error names it."""
    limits = gostage.ResourceLimits(open_files=2**62)
    result = runner.spawn(of("send"), options=options(limits=limits))
    assert result.outcome == "start_failed"
    assert result.error is not None
    assert result.error.message == "[Errno 1] ResourceLimits.open_files: Operation not permitted"


def test_daemons(runner: gostage.Runner) -> None:
    """A descendant that left the group is ended with the child where the options say so."""
    pids: list[int] = []
    runner.broker.register_handler("up", lambda message: pids.extend(message.payload))
    assert runner.spawn(of("daemon"), options=options(end_daemons=True)).outcome == "completed"
    assert [gone(pid) for pid in pids] == [True]


def test_nothing_left(runner: gostage.Runner) -> None:
    """Twenty children later there are no more descriptors, threads and zombies than after one."""
    runner.spawn(of("send"), options=options(), check=True)
    fds, threads, processes = held()
    for _ in range(20):
        runner.spawn(of("send"), options=options(), check=True)
    until = time.monotonic() + 10  # gRPC closes a connection in threads of its own, some moments later
    now = held()
    while (now[0] > fds or now[1] > threads) and time.monotonic() < until:
        os.sched_yield()
        now = held()
    assert now[0] <= fds
    assert now[1] <= threads
    assert now[2] == processes


def held() -> tuple[int, int, str]:
    return len(os.listdir("/proc/self/fd")), threading.active_count(), children()


def children() -> str:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read()


def test_several_at_once(runner: gostage.Runner) -> None:
    """Children started from several threads get their own definitions, and their parents their own messages."""
    results: dict[int, gostage.SpawnResult] = {}

    def one(number: int) -> None:
        results[number] = runner.spawn(of("send"), initial_store={"big": "x" * number}, options=options())

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [results[number].final_store["size"] for number in range(6)] == list(range(6))
    assert [results[number].message_counts["many"] for number in range(6)] == [100] * 6


@pytest.mark.parametrize("settings", [{}, {"umask": 0o77}, {"end_daemons": True}], ids=["plain", "umask", "daemons"])
def test_this_program_is_never_forked(runner: gostage.Runner, settings: dict[str, Any]) -> None:
    """It may have threads, so no launcher runs any Python between fork and exec here: no `os.fork`, no `preexec_fn`."""
    before = len(_forks)
    assert facts_of(runner, **settings)["pid"] != os.getpid()
    assert _forks[before:] == []


@pytest.mark.parametrize("name", LAUNCHERS)
def test_death_of_the_parent_leaves_no_descendant(name: str) -> None:
    """SIGKILL of the parent ends its child, that one's child, the grandchildren and daemons of both, and the server,
    within two seconds."""
    environment = {**os.environ, **ENVIRONMENT}
    command = [sys.executable, str(FILE), name]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.send_signal(signal.SIGKILL)
        assert len(pids) == (7 if name == "ForkServer" else 6)
        assert [gone(pid) for pid in pids] == [True] * len(pids)
