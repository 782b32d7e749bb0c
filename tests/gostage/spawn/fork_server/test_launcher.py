"""The fork server: closures in warm children, one server whatever happens, and nothing left of it."""

from __future__ import annotations

import contextlib
import enum
import os
import pickle
import re
import select
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gostage_sim import gostage
from gostage_sim.gostage import launchers, registry

PRELOADED = "preloaded"


@pytest.fixture(autouse=True)
def registrations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test registers its own."""
    monkeypatch.setattr(registry, "_factories", {})


@pytest.fixture
def server() -> Iterator[launchers.ForkServer]:
    with launchers.ForkServer() as launcher:
        yield launcher


@pytest.fixture
def preloading(monkeypatch: pytest.MonkeyPatch) -> Iterator[launchers.ForkServer]:
    """With `preloaded.py`, which is found in this folder however pytest imports the tests."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    with launchers.ForkServer([PRELOADED]) as launcher:
        yield launcher


def register(id: str, function: Callable[[gostage.ActionContext], None]) -> None:
    gostage.register_action(id, lambda: gostage.FunctionAction(id, function))


def spawn(launcher: launchers.ForkServer, *ids: str, **kwargs: Any) -> gostage.SpawnResult:
    return gostage.Runner(launcher=launcher).spawn(gostage.SubWorkflowDef.of(*ids), **kwargs)


def answer_of(launcher: launchers.ForkServer, function: Callable[[gostage.ActionContext], Any]) -> Any:
    """What the function returns in a child."""
    register("answer", lambda ctx: ctx.store.put("answer", function(ctx)))
    return spawn(launcher, "answer", check=True).final_store["answer"]


def children() -> list[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(pid) for pid in text.split()]


def wait_for_end(pid: int) -> None:
    """Of a process that may be anybody's child."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert select.select([pidfd], [], [], 5)[0]
    os.close(pidfd)


# --- closures -------------------------------------------------------------------------------------------------------


def test_closures_run_in_a_warm_child(server: launchers.ForkServer) -> None:
    """Lambdas, closures and classes of a test function run in a child, with the values they had at the spawn."""
    counts = [1]

    class Local(gostage.Action):
        def execute(self, ctx: gostage.ActionContext) -> None:
            ctx.send("n", ["class", sum(counts), os.getpid()])

    def closure(ctx: gostage.ActionContext) -> None:
        ctx.send("n", ["closure", sum(counts), os.getpid()])

    gostage.register_action("class", Local)
    gostage.action("closure")(closure)
    gostage.register_action("lambda", lambda: gostage.FunctionAction("l", lambda ctx: ctx.send("n", ["lambda", 0, 0])))
    runner = gostage.Runner(launcher=server)
    seen: list[Any] = []
    runner.broker.register_handler("n", lambda message: seen.append(message.payload[:2]))
    for _ in range(2):
        result = runner.spawn(gostage.SubWorkflowDef.of("class", "closure", "lambda"), check=True)
        assert result.pid != os.getpid()
        counts.append(10)
    assert seen == [["class", 1], ["closure", 1], ["lambda", 0], ["class", 11], ["closure", 11], ["lambda", 0]]


def test_a_childs_changes_stay_in_the_child(server: launchers.ForkServer) -> None:
    """What a closure does to its variables in a child, this process does not see, and neither does the next child."""
    counts = [1]

    def grow(ctx: gostage.ActionContext) -> int:
        counts.append(2)
        return len(counts)

    for _ in range(2):
        assert answer_of(server, grow) == 2
    assert counts == [1]


def test_actions_that_the_definition_does_not_name(server: launchers.ForkServer) -> None:
    """A child may make any registered action, closures too."""
    word = "made in the child"
    register("other", lambda ctx: ctx.store.put("other", word))
    register("first", lambda ctx: ctx.add_dynamic_action(gostage.new_action("other")))
    assert spawn(server, "first", check=True).final_store["other"] == word


def test_an_action_that_cannot_travel(server: launchers.ForkServer) -> None:
    """An action that cannot be pickled matters when the definition names it, and then the error says where it is."""
    numbers = (number for number in range(3))
    register("generator", lambda ctx: ctx.store.put("number", next(numbers)))
    register("free", lambda ctx: None)
    assert spawn(server, "free").outcome == "completed"
    result = spawn(server, "free", "generator")
    assert result.outcome == "start_failed"
    assert result.error is not None
    assert result.error.message == (
        f"action 'generator', registered at {registry._factories['generator'].place}, cannot travel to a child of the "
        "fork server: TypeError: cannot pickle 'generator' object; let it make what it needs by itself, or register it "
        "at the top of a module"
    )


def make_lock() -> Any:
    lock = threading.Lock()
    lock.acquire()
    return lock


@pytest.mark.parametrize("make", [make_lock, threading.RLock, threading.Condition], ids=["held", "RLock", "Condition"])
def test_locks_arrive_free(server: launchers.ForkServer, make: Callable[[], Any]) -> None:
    """A lock that a closure holds is a new one in the child, which anybody can take."""
    lock = make()
    assert answer_of(server, lambda ctx: lock.acquire(timeout=1)) is True


def test_functions_that_refer_to_each_other(server: launchers.ForkServer) -> None:
    """Recursive functions of a function travel, and so does an action that names itself; nobody is warned of it."""

    def is_even(number: int) -> bool:
        return number == 0 or is_odd(number - 1)

    def is_odd(number: int) -> bool:
        return number != 0 and is_even(number - 1)

    def length(tree: list[Any]) -> int:
        return 1 + sum(map(length, tree))

    def act(ctx: gostage.ActionContext) -> Any:
        return [is_even(10), length([[], [[]]]), act.__name__]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert answer_of(server, act) == [True, 4, "act"]


def test_recursive_functions_of_main(tmp_path: Path) -> None:
    """A recursive function of a program, whose globals no child can import, is refused in words."""
    script = tmp_path / "program.py"
    script.write_text(
        "from gostage_sim import gostage\n"
        "def even(n): return n == 0 or odd(n - 1)\n"
        "def odd(n): return n != 0 and even(n - 1)\n"
        "@gostage.action('act')\n"
        "def act(ctx): ctx.store.put('even', even(10))\n"
        "with gostage.launchers.ForkServer() as launcher:\n"
        "    result = gostage.Runner(launcher=launcher).spawn(gostage.SubWorkflowDef.of('act'))\n"
        "print(result.error.message)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (
        f"action 'act', registered at {script}:4, cannot travel to a child of the fork server: RecursionError: "
        "functions of __main__ that refer to themselves or to each other; let it make what it needs by itself, "
        "or register it at the top of a module\n",
        "",
    )


def test_a_class_that_holds_itself(server: launchers.ForkServer) -> None:
    """A local Enum cannot travel; the error says so in words, and nobody is warned of it, needed or not."""

    class Colour(enum.Enum):
        RED = 1

    register("colour", lambda ctx: ctx.store.put("red", Colour.RED.value))
    register("free", lambda ctx: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert spawn(server, "free").outcome == "completed"
        result = spawn(server, "colour")
    assert result.error is not None
    assert result.error.message == (
        f"action 'colour', registered at {registry._factories['colour'].place}, cannot travel to a child of the fork "
        f"server: PicklingError: {Colour.__qualname__} holds itself, as every Enum does, and cannot be imported; "
        "let it make what it needs by itself, or register it at the top of a module"
    )


def test_an_action_that_does_not_arrive(server: launchers.ForkServer) -> None:
    """An action that cannot be unpickled in the child fails there, and the text says which and why."""

    class Stubborn:
        def __reduce__(self) -> tuple[Any, ...]:
            return int, ("no number",)

    stubborn = Stubborn()
    register("stubborn", lambda ctx: ctx.store.put("it", stubborn))
    result = spawn(server, "stubborn")
    assert (result.outcome, result.error and result.error.message) == (
        "failed",
        f"action 'stubborn', registered at {registry._factories['stubborn'].place}, cannot be rebuilt in the child: "
        "ValueError: invalid literal for int() with base 10: 'no number'",
    )


def test_a_large_closure(server: launchers.ForkServer) -> None:
    """What a closure holds may be larger than any pipe."""
    data = b"x" * 10_000_000
    assert answer_of(server, lambda ctx: len(data)) == 10_000_000


# --- a fresh interpreter ------------------------------------------------------------------------------------------


def test_a_child_imports_nothing(preloading: launchers.ForkServer) -> None:
    """All that a child runs was imported by the server before it forked."""
    assert answer_of(preloading, lambda ctx: sorted(set(sys.modules) - sys.modules[PRELOADED].MODULES)) == []


def test_traces_of_a_preloaded_module(preloading: launchers.ForkServer) -> None:
    """Descriptors, handlers and blocked signals of the server are not its children's."""

    def look(ctx: gostage.ActionContext) -> Any:
        handlers = [signal.getsignal(signum) == signal.SIG_DFL for signum in (signal.SIGTERM, signal.SIGUSR1)]
        interrupt = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        try:
            os.fstat(sys.modules[PRELOADED].FD)
            is_open = os.readlink(f"/proc/self/fd/{sys.modules[PRELOADED].FD}") == "/etc/hostname"
        except OSError:
            is_open = False
        return [*handlers, interrupt, is_open, len(signal.pthread_sigmask(signal.SIG_BLOCK, ()))]

    assert answer_of(preloading, look) == [True, True, True, False, 0]


def test_the_childs_environment_counts() -> None:
    """What depends on the environment is the child's own: its time zone, and its folder for temporary files."""
    options = gostage.SpawnOptions(environment={"TZ": "XYZ-5", "TMPDIR": "/dev/shm"})
    with launchers.ForkServer(["tempfile"]) as launcher:

        def look(ctx: gostage.ActionContext) -> None:
            import tempfile

            ctx.store.put("seen", [time.strftime("%Z%z"), tempfile.gettempdir()])

        register("look", look)
        assert spawn(launcher, "look", options=options, check=True).final_store["seen"] == ["XYZ+0500", "/dev/shm"]


def test_exit_functions_of_a_preloaded_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a preloaded module wants done at the end is not done by each child; what the child registers is."""
    seen, folder = tmp_path / "seen", tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "leaving.py").write_text(
        f"import atexit, shutil, tempfile, weakref\ntempfile.gettempdir()\natexit.register(open, {str(seen)!r}, 'w')\n"
        f"class Folder: pass\nkept = Folder()\nweakref.finalize(kept, shutil.rmtree, {str(folder)!r})\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    ours, finalized = tmp_path / "ours", tmp_path / "finalized"
    with launchers.ForkServer(["leaving"]) as launcher:

        def leave(ctx: gostage.ActionContext) -> None:
            import atexit
            import weakref

            atexit.register(ours.touch)
            weakref.finalize(sys.modules["leaving"].kept, finalized.touch)

        register("leave", leave)
        spawn(launcher, "leave", check=True)
        assert [path.exists() for path in (seen, folder, ours, finalized)] == [False, True, True, True]


@pytest.mark.parametrize("module", ["random", "numpy.random"])
def test_children_draw_different_numbers(module: str) -> None:
    """A generator that the server had seeded is seeded again in each child."""
    with launchers.ForkServer([module]) as launcher:
        drawn = {answer_of(launcher, lambda ctx: sys.modules[module].random()) for _ in range(2)}
    assert len(drawn) == 2


def test_stdin_is_the_childs(server: launchers.ForkServer) -> None:
    """sys.stdin is readable and at its end."""
    assert answer_of(server, lambda ctx: sys.stdin.read()) == ""


def test_a_child_that_uses_multiprocess_itself(server: launchers.ForkServer) -> None:
    """The server's own descriptors are not taken for the child's: it starts processes by multiprocess as anybody."""

    def use(ctx: gostage.ActionContext) -> Any:
        import multiprocess  # type: ignore[import-untyped]

        with multiprocess.get_context("spawn").Pool(1) as pool:
            return pool.map(abs, [-1, -2])

    assert answer_of(server, use) == [1, 2]


def test_no_secret_of_ours_is_in_the_server(server: launchers.ForkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has no variable that a child would not inherit."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert answer_of(server, lambda ctx: Path(f"/proc/{os.getppid()}/environ").read_text().count("SECRET")) == 0


# --- the server -----------------------------------------------------------------------------------------------------


def test_one_server_started_when_it_is_needed() -> None:
    """No process before the first spawn, one from then on, none after the end; closed, it starts again."""
    with launchers.ForkServer() as launcher:
        assert children() == []
        servers = {answer_of(launcher, lambda ctx: os.getppid()) for _ in range(2)}
        assert servers == set(children())
        assert len(servers) == 1
        launcher.close()
        assert children() == []
        assert answer_of(launcher, lambda ctx: os.getppid()) not in servers
    assert children() == []


def test_a_second_server_for_grpc(server: launchers.ForkServer) -> None:
    """It has imported gRPC and started no thread of it; children by JSON come from one that has not."""

    def look(ctx: gostage.ActionContext) -> None:
        parent = Path(f"/proc/{os.getppid()}")
        threads = int(parent.joinpath("status").read_text().split("Threads:")[1].split()[0])
        ctx.store.put("seen", ["cygrpc" in parent.joinpath("maps").read_text(), "grpc" in sys.modules, threads])

    register("look", look)
    with (
        gostage.Runner(launcher=server, transport="grpc") as by_grpc,
        gostage.Runner(launcher=server, transport="json") as by_json,
    ):
        seen = [runner.spawn(gostage.SubWorkflowDef.of("look"), check=True).final_store["seen"]
                for runner in (by_json, by_grpc, by_json)]  # fmt: skip
    assert seen == [[False, False, 1], [True, True, 1], [False, False, 1]]
    assert len(children()) == 2
    server.close()
    assert children() == []


@pytest.mark.parametrize("way", ["killed", "closed"])
def test_children_outlive_their_server(server: launchers.ForkServer, way: str, tmp_path: Path) -> None:
    """Children of a server that is gone go on, and how they end is known; the next spawn starts a new server."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)

    def wait(ctx: gostage.ActionContext) -> None:
        ctx.send("up", os.getppid())
        gate.read_bytes()
        os._exit(9)

    register("wait", wait)
    runner = gostage.Runner(launcher=server)

    def end_the_server(message: gostage.Message) -> None:
        if way == "killed":
            os.kill(message.payload, signal.SIGKILL)
            wait_for_end(message.payload)
        else:
            server.close()
        gate.write_bytes(b"")

    runner.broker.register_handler("up", end_the_server)
    result = runner.spawn(gostage.SubWorkflowDef.of("wait"))
    assert result.outcome == "exited"
    assert result.exit_code == 9
    assert answer_of(server, lambda ctx: 1) == 1


def test_ctrl_c_is_the_parents_to_decide(server: launchers.ForkServer) -> None:
    """SIGINT to the server, and so to its terminal's group, does not end it; it is in a session of its own."""
    pid = answer_of(server, lambda ctx: os.getppid())
    assert os.getsid(pid) == pid
    os.kill(pid, signal.SIGINT)
    assert answer_of(server, lambda ctx: os.getppid()) == pid


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            "raise ValueError('broken')",
            "the fork server did not start: module 'unfit' of preload cannot be imported: ValueError: broken",
        ),
        (
            "import signal; signal.pause()",
            "the fork server did not answer in time and was killed; give it longer to import what it preloads: "
            "ForkServer(start_timeout_s=…)",
        ),
        ("import os; os._exit(1)", "no child could be forked, in 2 attempts: the fork server PID is gone"),
    ],
    ids=["raises", "hangs", "exits"],
)
def test_a_module_that_cannot_be_preloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, text: str
) -> None:
    """A server that does not come up is a start that failed, with the reason, and nothing is left of it."""
    (tmp_path / "unfit.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    register("act", lambda ctx: None)
    with launchers.ForkServer(["unfit"], start_timeout_s=1 if "pause" in code else 60) as launcher:
        result = spawn(launcher, "act")
        assert children() == []
    assert result.outcome == "start_failed"
    assert result.error is not None
    words = ["PID" if word.isdigit() and len(word) > 1 else word for word in result.error.message.split(" ")]
    assert " ".join(words) == text


STOPS = "import os, signal\nif os.path.exists({mark!r}): os.kill(os.getpid(), signal.SIGSTOP)"


@pytest.mark.usefixtures("over_json")  # by gRPC the child was forked before it could be stopped
@pytest.mark.parametrize(
    ("options", "size", "text"),
    [
        ({"umask": 0o77}, 1, "a forked child did not begin in time; is it stopped?"),
        ({}, 1_000_000, "a forked child did not take what it was sent in time; is it stopped?"),
    ],
    ids=["settings", "data"],
)
def test_a_child_that_is_stopped_at_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], size: int, text: str
) -> None:
    """It is given up, with what it did not do, and killed; the server, which did its part, goes on."""
    mark = tmp_path / "mark"
    hook = STOPS.format(mark=str(mark))
    (tmp_path / "stops.py").write_text(f"import os\nos.register_at_fork(after_in_child=lambda: exec({hook!r}))\n")
    monkeypatch.syspath_prepend(tmp_path)
    more = b"x" * size
    with launchers.ForkServer(["stops"]) as launcher:
        server = answer_of(launcher, lambda ctx: [os.getppid(), len(more)][0])
        mark.touch()
        launcher.start_timeout_s = 2.0
        result = spawn(launcher, "answer", options=gostage.SpawnOptions(**options))
        assert result.error is not None
        assert (result.outcome, result.error.message) == ("start_failed", text)
        mark.unlink()
        launcher.start_timeout_s = 60.0
        assert answer_of(launcher, lambda ctx: os.getppid()) == server


LIES = """
from multiprocess import forkserver
def lie(fd, number, write=forkserver.write_signed):
    write(fd, {number} if number > 255 else number)
forkserver.write_signed = lie
"""


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ("{other}", "process {other} is no child of the fork server PID"),
        (str(2**22 + 1), f"the child {2**22 + 1} of the fork server PID is gone"),
        (str(2**40), f"the child {2**40} of the fork server PID is gone"),
    ],
    ids=["another's", "nobody's", "too large"],
)
def test_a_server_that_names_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: str, reason: str
) -> None:
    """A pid that is no child of the server's is never signalled: there is no child, and the error says whose it is."""
    register("act", lambda ctx: None)
    monkeypatch.syspath_prepend(tmp_path)
    with subprocess.Popen(["sleep", "1000"]) as other:
        (tmp_path / "lies.py").write_text(LIES.replace("{number}", lie.format(other=other.pid)))
        with launchers.ForkServer(["lies"]) as launcher:
            result = spawn(launcher, "act")
        assert other.poll() is None
        other.kill()
    assert result.error is not None
    assert result.outcome == "start_failed"
    message = re.sub(r"fork server \d+", "fork server PID", result.error.message)
    assert message == f"no child could be forked, in 2 attempts: {reason.format(other=other.pid)}"


def test_wrong_preload() -> None:
    """A list written as one string is refused."""
    with pytest.raises(TypeError) as caught:
        launchers.ForkServer("my.actions")
    assert str(caught.value) == "preload is a list of module names; found 'my.actions'"


PROGRAM = """
import os, sys
from gostage_sim import gostage
def main():
    gostage.register_action("act", lambda: gostage.FunctionAction("act", lambda ctx: ctx.send("pid", os.getppid())))
    launcher = gostage.launchers.ForkServer()
    runner = gostage.Runner(launcher=launcher)
    runner.broker.register_handler("pid", lambda message: print(message.payload))
    result = runner.spawn(gostage.SubWorkflowDef.of("act"), check=True)
    {end}
    return launcher
kept = main()
"""


@pytest.mark.parametrize("end", ["pass", "return", "raise SystemExit"], ids=["kept", "forgotten", "raises"])
def test_a_program_that_does_not_close_it(tmp_path: Path, end: str) -> None:
    """At the end of a program, and when nobody has the launcher any more, the server ends without a warning."""
    script = tmp_path / "program.py"
    script.write_text(PROGRAM.replace("{end}", end))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", str(script)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    wait_for_end(int(done.stdout))


def test_a_parent_that_does_not_use_it_does_not_load_it() -> None:
    """Neither dill nor multiprocess is loaded by a program that spawns in another way."""
    code = (
        "import sys\nfrom gostage_sim import gostage\nprogram = gostage.launchers.Program(['true'])\n"
        "gostage.Runner(launcher=program).spawn(gostage.SubWorkflowDef.of('x'), check=True)\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('dill', 'multiprocess') or 'fork_server' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
def test_a_program_without_standard_streams(tmp_path: Path, closed: tuple[int, ...]) -> None:
    """A program that has closed 0, 1 or 2 has a fork server all the same."""
    script, answer = tmp_path / "program.py", tmp_path / "answer"
    end = f"open({str(answer)!r}, 'w').write(f'{{result.outcome}} {{result.error}}')"
    program = PROGRAM.replace("{end}", end).replace(", check=True", "").replace("print(message.payload)", "None")
    script.write_text(f"import os\nfor fd in {closed}: os.close(fd)\n{program}")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, timeout=60)
    assert (done.returncode, answer.read_text()) == (0, "completed None")


@pytest.mark.parametrize("started", [False, True], ids=["before its start", "after its start"])
def test_a_working_folder_that_was_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: bool) -> None:
    """A program whose folder was removed has a fork server, and children that begin in that folder."""
    with launchers.ForkServer() as launcher:
        if started:
            assert answer_of(launcher, lambda ctx: 1) == 1
        folder = tmp_path / "gone"
        folder.mkdir()
        monkeypatch.syspath_prepend("relative")
        monkeypatch.chdir(folder)
        folder.rmdir()
        assert answer_of(launcher, lambda ctx: os.readlink("/proc/self/cwd")) == f"{folder} (deleted)"


@pytest.mark.usefixtures("over_json")  # by gRPC that fork may not spawn
def test_a_fork_while_another_thread_starts_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program forked while one of its threads starts a server has a server of its own, and waits for nobody."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    (tmp_path / "gated.py").write_text(f"import os\nif os.path.exists({str(gate)!r}): open({str(gate)!r}).read()\n")
    monkeypatch.syspath_prepend(tmp_path)
    with launchers.ForkServer(["gated"]) as launcher:
        register("act", lambda ctx: None)
        thread = threading.Thread(target=spawn, args=(launcher, "act"))
        thread.start()
        with gate.open("w"):  # the server is at the gate, and the thread waits for it
            gate.unlink()
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                os._exit(0 if spawn(launcher, "act").outcome == "completed" else 1)
            assert os.waitpid(pid, 0)[1] == 0
        thread.join()


# --- hostile children -------------------------------------------------------------------------------------------------


class Bomb:
    """Whoever unpickles it is gone."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (42,)


def flags_of(pid: int, fd: int) -> int:
    with open(f"/proc/{pid}/fdinfo/{fd}") as info:
        return int(info.read().split("flags:")[1].split()[0], 8)


def test_nothing_that_a_child_wrote_is_unpickled(server: launchers.ForkServer, each_transport: str) -> None:
    """A child writes a pickle, whose unpickling would end this program, to all it can reach, its server's descriptors
    among them: the parent goes on, says what the kernel says, and the next child starts."""
    bomb = pickle.dumps(Bomb(), 0) * 3

    def throw(ctx: gostage.ActionContext) -> None:
        written_to: list[int] = []
        read_from: list[int] = []
        for pid in (os.getpid(), os.getppid()):
            for fd in map(int, os.listdir(f"/proc/{pid}/fd")):
                with contextlib.suppress(OSError):
                    flags = flags_of(pid, fd)
                    if flags & os.O_ASYNC:
                        continue  # a lifeline: writing to it is a SIGKILL for whom it belongs to
                    target = os.open(f"/proc/{pid}/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK)
                    (read_from if flags & os.O_ACCMODE == os.O_RDONLY else written_to).append(target)
        reached = sum(os.write(target, bomb) > 0 and os.write(target, b"\n") > 0 for target in written_to)
        for target in read_from:  # last: the server ends at the first byte that it does not expect
            with contextlib.suppress(OSError):
                os.write(target, bomb)
        ctx.send("reached", reached)
        ctx.flush()
        os._exit(6)

    register("throw", throw)
    reached: list[int] = []
    runner = gostage.Runner(launcher=server)
    runner.broker.register_handler("reached", lambda message: reached.append(message.payload))
    result = runner.spawn(gostage.SubWorkflowDef.of("throw"))
    assert reached[0] >= 6  # its channel, stdout and stderr; its server's output and status pipe
    assert (result.malformed.count > 0) == (each_transport == "json")  # by gRPC stdout is output like stderr
    assert bomb.decode() in result.stderr_tail
    assert (result.outcome, result.exit_code) == ("exited", 6)
    assert answer_of(server, lambda ctx: 1) == 1


def test_a_child_that_fills_its_servers_pipe() -> None:
    """A child that leaves its server no room for its exit status does not stop the next child, waited for or not."""

    def fill(ctx: gostage.ActionContext) -> None:
        server, filled = f"/proc/{os.getppid()}", 0
        for fd in map(int, os.listdir(f"{server}/fd")):
            with contextlib.suppress(OSError):
                flags = flags_of(os.getppid(), fd)
                is_pipe = os.readlink(f"{server}/fd/{fd}").startswith("pipe:")
                if fd > 2 and is_pipe and flags & os.O_ACCMODE == os.O_WRONLY:  # to read from, it has its lifeline
                    target = os.open(f"{server}/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK)
                    for _ in range(1000):
                        filled += os.write(target, b"\xff" * 4096)
        ctx.send("filled", filled)

    register("fill", fill)
    filled: list[int] = []
    with launchers.ForkServer(start_timeout_s=10) as launcher:

        def spawn_another(message: gostage.Message) -> None:
            filled.append(message.payload)
            wait_for_end(message.context.pid)  # and the server has to tell how it ended
            assert answer_of(launcher, lambda ctx: 1) == 1

        runner = gostage.Runner(launcher=launcher)
        runner.broker.register_handler("filled", spawn_another)
        result = runner.spawn(gostage.SubWorkflowDef.of("fill"))
    assert (result.outcome, result.exit_code, result.handler_errors) == ("completed", 0, [])
    assert filled[0] >= 4096  # as much as a pipe takes
