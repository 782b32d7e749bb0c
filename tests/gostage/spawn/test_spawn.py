"""Real children that end in every way there is, and what the parent says of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from gostage_sim import gostage
from gostage_sim.gostage import errors
from gostage_sim.gostage.spawn.launchers import Program as ProgramLauncher

from ..conftest import Program, gone

pytestmark = pytest.mark.usefixtures("each_transport")

QUICK = gostage.SpawnOptions(timeout_s=0.3, grace_s=0.2)


def spawn(runner: gostage.Runner, action: str = "act", **kwargs: Any) -> gostage.SpawnResult:
    return runner.spawn(gostage.SubWorkflowDef.of(action), **kwargs)


SILENCE = (
    "the child ended with exit code 0 and sent no message; a program that starts itself again must call "
    "gostage.child_main() when gostage.is_child()"
)
ENDINGS = {
    "completes": ("pass", ("completed", 0, None, None)),
    "raises": ("raise ValueError('no')", ("failed", 1, None, "ValueError: no")),
    "bad str": (
        "class Bad(Exception):\n        def __str__(self): raise RuntimeError\n    raise Bad()",
        ("failed", 1, None, "Bad: <unprintable Bad: its __str__ raised RuntimeError>"),
    ),
    "base exception": (
        "class Base(BaseException): pass\n    raise Base('out')",
        ("panicked", 70, None, "Base: out"),
    ),
    "thread": (
        "import threading\n    t = threading.Thread(target=lambda: 1/0); t.start(); t.join()",
        ("panicked", 70, None, "ZeroDivisionError: division by zero"),
    ),
    "sys.exit": (
        "import sys; sys.exit(3)",
        (
            "exited",
            3,
            None,
            "SystemExit: sys.exit(3) was called in action 'act' of stage 'main' in workflow 'workflow'",
        ),
    ),
    "os._exit without a result": ("import os; os._exit(0)", ("exited", 0, None, f"NoResult: {SILENCE}")),
    "signal": ("import os; os.kill(os.getpid(), 11)", ("signaled", None, "SIGSEGV", None)),
    "not JSON": (
        "ctx.send('x', object())",
        ("failed", 1, None, "MessageError: message 'x' cannot be sent: a value of type object is not JSON"),
    ),
    "store not JSON": (
        "ctx.store.put('bad', object()); ctx.store.put('good', 1)",
        (
            "failed",
            1,
            None,
            "ExportError: store key 'bad' cannot be exported: a value of type object has no form as plain data; store "
            "JSON values, dataclasses, pydantic models, dates, decimals, UUIDs, bytes, paths, sets, tuples or enums",
        ),
    ),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_endings(program: Program, name: str) -> None:
    """Outcome, exit code, signal and error are what really happened to the child."""
    code, expected = ENDINGS[name]
    result = spawn(program(f"@gostage.action('act')\ndef act(ctx):\n    {code}\n"))
    error = result.error and f"{result.error.type}: {result.error.message}"
    assert (result.outcome, result.exit_code, result.signal, error) == expected
    if name == "store not JSON":
        assert result.final_store == {"good": 1}


def test_messages_in_order_with_their_context(program: Program) -> None:
    """Handlers get their types, the default handler the others, in the order sent, with their context."""
    runner = program(
        "@gostage.action('act')\ndef act(ctx):\n    ctx.send('a', 1)\n    ctx.send_many('b', range(3))\n"
        "    ctx.logger.warning('w %d', 5)\n    ctx.store.put('k', ctx.params['p'] + ctx.store.get('i', int))\n"
    )
    seen: list[Any] = []
    runner.broker.register_handler("a", lambda m: seen.append(("a", m.payload, m.context)))
    places: list[tuple[str, str]] = []

    def other(message: gostage.Message) -> None:
        seen.append((message.type, message.payload))
        places.append((message.context.stage_id, message.context.action_name))

    runner.broker.register_default_handler(other)
    definition = gostage.SubWorkflowDef(
        id="flow",
        stages=[gostage.StageDef(id="one", actions=[gostage.ActionDef(id="act", name="A", params={"p": 40})])],
    )
    result = runner.spawn(definition, initial_store={"i": 2}, check=True)
    context = seen[0][2]
    assert (context.workflow_id, context.stage_id, context.action_name) == ("flow", "one", "A")
    assert (context.pid, context.is_child, context.sequence) == (result.pid, True, 1)
    assert seen[1:4] == [("b", 0), ("b", 1), ("b", 2)]
    kind, logged = seen[4]
    assert (kind, list(logged.items())[:3]) == ("log", [("level", "warning"), ("message", "w 5"), ("logger", "A")])
    assert [kind for kind, _ in seen[5:]] == ["final_store", "workflow_result"]
    assert places == [("one", "A")] * 4 + [("", "")] * 2  # those of a block, and what no action sends
    assert result.final_store == {"param:act:p": 40, "i": 2, "k": 42}
    assert result.message_counts == {"a": 1, "b": 3, "log": 1, "final_store": 1, "workflow_result": 1}


def test_all_that_was_sent_before_death_is_handled(program: Program, each_transport: str) -> None:
    """A child killed by a signal right after its last send loses nothing that it sent; over gRPC, that it flushed."""
    flush = "ctx.flush()" if each_transport == "grpc" else "pass"
    runner = program(
        "import os\n@gostage.action('act')\ndef act(ctx):\n"
        f"    for i in range(2000): ctx.send('n', i)\n    {flush}\n    os.kill(os.getpid(), 9)\n"
    )
    seen: list[int] = []
    runner.broker.register_handler("n", lambda message: seen.append(message.payload))
    result = spawn(runner)
    assert result.signal == "SIGKILL"
    assert seen == list(range(2000))


def test_stray_output_does_not_reach_the_protocol(program: Program) -> None:
    """print, C-level writes to fd 1 and a grandchild's output end on stderr, not among the messages."""
    runner = program(
        "import os, subprocess\n@gostage.action('act')\ndef act(ctx):\n"
        "    print('from print', flush=True)\n    os.write(1, b'from write\\n')\n"
        "    subprocess.run(['echo', 'from grandchild'])\n    ctx.send('a')\n"
    )
    result = spawn(runner)
    assert result.outcome == "completed"
    assert result.malformed.count == 0
    assert set(result.stderr_tail.split("\n")) == {"from print", "from write", "from grandchild", ""}


def test_unknown_action_says_so_in_the_parent(program: Program) -> None:
    """A child that lacks an action says which, with what comes close; the parent gets exactly that text."""
    result = spawn(program("@gostage.action('copy')\ndef copy(ctx): pass\n"), "cpoy")
    assert result.outcome == "failed"
    assert result.error is not None
    assert result.error.message == (
        "unknown action 'cpoy' (did you mean 'copy'?); registered in this process: copy. "
        "Parent and child must import the same modules."
    )


def test_time_out_ends_a_child_that_ignores_sigterm(program: Program) -> None:
    """SIGTERM, then after the grace period SIGKILL; the outcome is timed_out and the signal the one that did it."""
    runner = program(
        "import signal\n@gostage.action('act')\ndef act(ctx):\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    ctx.send('deaf')\n    while True: signal.pause()\n"
    )
    timeout_s, said = 0.6, False
    while not said:  # a child that was not deaf yet when its time was over proves nothing; it gets more of it
        result = spawn(runner, options=gostage.SpawnOptions(timeout_s=timeout_s, grace_s=0.2))
        assert (result.outcome, result.total_s >= timeout_s) == ("timed_out", True), result
        said = result.message_counts == {"deaf": 1}
        timeout_s *= 2
    assert result.signal == "SIGKILL"
    assert result.total_s >= timeout_s / 2 + 0.2


def test_stderr_is_drained_and_its_end_kept() -> None:
    """A child that floods stderr does not block, and the last 64 KiB are kept."""
    code = "import os\nfor i in range(40): os.write(2, b'x' * 65536)\nos.write(2, b'the end')"
    result = spawn(gostage.Runner(launcher=ProgramLauncher([sys.executable, "-S", "-c", code])))
    assert result.outcome == "completed"
    assert len(result.stderr_tail) == 65536
    assert result.stderr_tail.endswith("xthe end")


@pytest.mark.parametrize(
    ("argv", "type_"), [(["/does/not/exist"], "FileNotFoundError"), (["/etc/passwd"], "PermissionError")]
)
def test_no_child_can_be_started(argv: list[str], type_: str) -> None:
    """A command that cannot be executed is a result, not an exception, and with check=True a ChildStartError."""
    runner = gostage.Runner(launcher=ProgramLauncher(argv))
    result = spawn(runner)
    assert (result.outcome, result.pid, result.error and result.error.type) == ("start_failed", None, type_)
    with pytest.raises(errors.ChildStartError, match=f"child 'workflow' start failed, {type_}: "):
        spawn(runner, check=True)


def test_raising_handler_affects_only_its_message(program: Program) -> None:
    """A handler that raises is recorded with the message it was given; the next message is handled."""
    runner = program("@gostage.action('act')\ndef act(ctx):\n    ctx.send_many('n', range(3))\n")
    seen: list[int] = []

    def handler(message: gostage.Message) -> None:
        if message.payload == 1:
            raise LookupError("not this one")
        seen.append(message.payload)

    runner.broker.register_handler("n", handler)
    result = spawn(runner)
    assert seen == [0, 2]
    assert [(e.message_type, e.sequence, str(e.error)) for e in result.handler_errors] == [("n", 2, "not this one")]


def test_a_slow_handler_is_not_the_childs_time_out(program: Program) -> None:
    """A child that completed before its deadline is completed, also when handlers are not through with it by then."""
    runner = program("@gostage.action('act')\ndef act(ctx):\n    ctx.send_many('n', range(3))\n")

    def slow(message: gostage.Message) -> None:
        if message.payload == 1:
            assert gone(message.context.pid)
            threading.Event().wait(1.2)  # nobody sets it: over the deadline

    runner.broker.register_handler("n", slow)
    result = spawn(runner, options=gostage.SpawnOptions(timeout_s=1.0))
    assert (result.outcome, result.exit_code, result.message_counts["n"]) == ("completed", 0, 3)


def test_interrupt_in_a_handler_ends_the_child_and_passes_through(program: Program) -> None:
    """KeyboardInterrupt reaches the caller once, after the child and its group are gone."""
    runner = program("import signal\n@gostage.action('act')\ndef act(ctx):\n    ctx.send('pid')\n    signal.pause()\n")
    pids: list[int] = []

    def handler(message: gostage.Message) -> None:
        pids.append(message.context.pid)
        raise KeyboardInterrupt

    runner.broker.register_handler("pid", handler)
    with pytest.raises(KeyboardInterrupt):
        spawn(runner)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_an_interrupt_that_another_thread_gets(program: Program) -> None:
    """The kernel gives a signal to any thread; the main one, waiting for a child, hears of it soon all the same."""
    runner = program("import signal\n@gostage.action('act')\ndef act(ctx):\n    ctx.send('up')\n    signal.pause()\n")
    up, heard = threading.Event(), threading.Event()
    runner.broker.register_handler("up", lambda message: up.set())
    deaf: list[bool] = []

    def interrupt_itself() -> None:
        assert up.wait(20)
        while sys._current_frames()[main].f_code.co_name != "step":  # the driver's, which waits in `epoll`
            os.sched_yield()
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        if not heard.wait(20):
            deaf.append(True)
            signal.pthread_kill(main, signal.SIGINT)

    main = threading.get_ident()
    other = threading.Thread(target=interrupt_itself)
    other.start()
    with pytest.raises(KeyboardInterrupt):
        spawn(runner, options=gostage.SpawnOptions(timeout_s=None))
    heard.set()
    other.join()
    assert not deaf


@pytest.mark.parametrize(("way", "signal_name"), [("cancel", "SIGTERM"), ("kill", "SIGKILL")])
def test_cancel_from_another_thread(program: Program, way: str, signal_name: str) -> None:
    """A handle can be cancelled or killed from any thread while another one waits for it."""
    runner = program("import signal\n@gostage.action('act')\ndef act(ctx):\n    ctx.send('up')\n    signal.pause()\n")
    up = threading.Event()
    runner.broker.register_handler("up", lambda message: up.set())
    handle = runner.start(gostage.SubWorkflowDef.of("act"))
    results: list[gostage.SpawnResult] = []
    waiter = threading.Thread(target=lambda: results.append(handle.wait()))
    waiter.start()
    assert up.wait(20)
    getattr(handle, way)()
    waiter.join(20)
    assert (results[0].outcome, results[0].signal) == ("cancelled", signal_name)


def test_leaving_the_context_ends_the_child(program: Program) -> None:
    """A handle that was not waited for is cancelled at the end of its `with` block."""
    runner = program("import signal\n@gostage.action('act')\ndef act(ctx):\n    signal.pause()\n")
    with runner.start(gostage.SubWorkflowDef.of("act")) as handle:
        assert handle.pid is not None
    assert handle.wait().outcome == "cancelled"


def test_many_spawns_at_once_do_not_meet(program: Program) -> None:
    """Spawns of one runner in several threads get their own messages, stores and outcomes."""
    runner = program(
        "@gostage.action('act')\ndef act(ctx):\n    me = ctx.store.get('me', int)\n    ctx.send_many('n', [me] * 200)\n"
    )
    by_child: dict[str, list[int]] = {}
    runner.broker.register_handler("n", lambda m: by_child.setdefault(m.context.workflow_id, []).append(m.payload))
    results: dict[int, gostage.SpawnResult] = {}

    def one(number: int) -> None:
        definition = gostage.SubWorkflowDef.of("act", id=f"child-{number}")
        results[number] = runner.spawn(definition, initial_store={"me": number})

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert by_child == {f"child-{number}": [number] * 200 for number in range(6)}
    assert [results[number].final_store for number in range(6)] == [{"me": number} for number in range(6)]


def test_environment_is_an_allow_list(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child sees no variable that was not named: neither a credential of ours nor anything else."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    runner = program("import os\n@gostage.action('act')\ndef act(ctx):\n    ctx.store.put('env', dict(os.environ))\n")
    environment = spawn(runner, options=gostage.SpawnOptions(environment={"MINE": "1"})).final_store["env"]
    assert environment["MINE"] == "1"
    assert "AWS_SECRET_ACCESS_KEY" not in environment
    assert "PATH" in environment


def test_a_program_that_forgets_is_child_does_not_start_itself_for_ever(tmp_path: Path) -> None:
    """The spawn depth is limited, and the error says exactly that."""
    script = tmp_path / "forgot.py"
    script.write_text(
        "import sys\nfrom gostage_sim import gostage\nrunner = gostage.Runner()\n"
        "result = runner.spawn(gostage.SubWorkflowDef.of('x'), options=gostage.SpawnOptions(max_depth=2))\n"
        "sys.stderr.write(result.stderr_tail or result.error.message)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert done.stderr == (
        "spawn depth 2 is reached: this process is itself a child of children. "
        "A program that starts itself again must call gostage.child_main() when gostage.is_child()"
    )


def test_max_depth_binds_the_children_of_a_child(program: Program) -> None:
    """A child under `max_depth=1` starts none, whatever its own options say; under 0 there is no child at all."""
    runner = program(
        "@gostage.action('act')\ndef act(ctx):\n"
        "    error = gostage.Runner().spawn(gostage.SubWorkflowDef.of('x')).error\n"
        "    ctx.store.put('error', error.message)\n"
    )
    assert (
        spawn(runner, options=gostage.SpawnOptions(max_depth=1))
        .final_store["error"]
        .startswith("spawn depth 1 is reached: ")
    )
    error = runner.spawn(gostage.SubWorkflowDef.of("act"), options=gostage.SpawnOptions(max_depth=0)).error
    assert error is not None
    assert error.message == "SpawnOptions.max_depth is 0: no child may be started"


def test_death_of_the_parent_takes_the_whole_group_along(tmp_path: Path) -> None:
    """When the parent is killed with SIGKILL the kernel ends child and grandchild at once, by the lifeline."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, signal, subprocess, sys\nfrom gostage_sim import gostage\n"
        "@gostage.action('act')\ndef act(ctx):\n"
        "    grandchild = subprocess.Popen(['sleep', '1000'])\n"
        "    ctx.send('pids', [os.getpid(), grandchild.pid])\n    signal.pause()\n"
        "if gostage.is_child(): gostage.child_main()\n"
        "runner = gostage.Runner()\n"
        "runner.broker.register_handler('pids', lambda m: print(*m.payload, flush=True))\n"
        "runner.spawn(gostage.SubWorkflowDef.of('act'))\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.send_signal(signal.SIGKILL)
        assert [gone(pid) for pid in pids] == [True, True]
