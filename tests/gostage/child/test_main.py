"""`python -m gostage_sim.gostage.child`, and what a child's own threads and signal handlers may do."""

from __future__ import annotations

import array
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

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


def test_module_that_leaves_when_it_is_imported(tmp_path: Path) -> None:
    """A child that a module's import ends is not one that forgot to be a child; its stderr names the module."""
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(0)\n")
    runner = gostage.Runner(launcher=gostage.launchers.ChildModule(["leaves"]))
    options = gostage.SpawnOptions(environment={"PYTHONPATH": str(tmp_path)})
    result = runner.spawn(gostage.SubWorkflowDef.of("x"), options=options)
    assert (result.outcome, result.exit_code, result.stderr_tail) == (
        "exited",
        1,
        "module 'leaves', which this child imports, called sys.exit(0)\n",
    )


LEAVING = {
    "while the workflow is built": (
        "gostage.register_action('act', sys.exit)",
        "before the workflow began",
    ),
    "in an action": (
        "gostage.action('act')(lambda ctx: sys.exit())",
        "in action 'act' of stage 'main' in workflow 'w'",
    ),
    "around a stage": (
        "class Act(gostage.Action):\n"
        "    def execute(self, ctx): ctx.add_dynamic_stage(stage)\n"
        "gostage.register_action('act', Act)\n"
        "stage = gostage.Stage('more')\nstage.use(lambda ctx, proceed: sys.exit())",
        "in stage 'more' of workflow 'w'",
    ),
    "around the workflow": (
        "gostage.action('act')(lambda ctx: None)\n"
        "gostage.child_main = partial(gostage.child_main, middleware=[lambda ctx, proceed: sys.exit()])",
        "in workflow 'w'",
    ),
}


@pytest.mark.parametrize("name", LEAVING)
def test_where_sys_exit_was_called(program: Program, name: str) -> None:
    """The result says where in the workflow the child was left."""
    code, where = LEAVING[name]
    result = program(f"import sys\nfrom functools import partial\n{code}").spawn(
        gostage.SubWorkflowDef.of("act", id="w")
    )
    assert result.error is not None
    assert (result.outcome, result.error.message) == ("exited", f"sys.exit() was called {where}")


def test_bad_definition() -> None:
    """A child that is given no definition reports that as its result, in a line of the protocol."""
    command = [sys.executable, "-m", "gostage_sim.gostage.child", "--gostage-child"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "")
    assert '"error_message":"the definition on stdin is not JSON: not JSON at character 0"' in done.stdout


FOR_A_FOREIGN_PARENT = """
from gostage_sim import gostage

@gostage.action("good")
def good(ctx):
    print("stray")
    ctx.send("row", {"a": [1, 2.5, None, "\\u00fc\\u2028"]})
    ctx.logger.info("hello")
    ctx.store.put("k", ctx.params["p"])
    ctx.store.delete("gone")

@gostage.action("bad")
def bad(ctx):
    raise ValueError("no good")

gostage.child_main()
"""
GOOD = {
    "id": "w",
    "unknown": 1,
    "initialStore": {"gone": 1},
    "transport": {"Type": "", "GRPCAddress": "", "GRPCPort": 0},
    "stages": [{"id": "s", "tags": None, "actions": [{"id": "good", "params": {"p": 7}}]}],
}
BAD = {"id": "w", "stages": [{"id": "s", "actions": [{"id": "bad"}]}]}


def lines_for_a_foreign_parent(folder: Path, definition: dict[str, Any], code: int) -> list[dict[str, Any]]:
    """What a parent of another make reads of a child: it writes a definition, as Go does, and knows nothing else."""
    (folder / "app.py").write_text(FOR_A_FOREIGN_PARENT)
    done = subprocess.run(
        [sys.executable, str(folder / "app.py"), "--gostage-child"],
        input=json.dumps(definition).encode(),
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    assert done.stdout.endswith(b"\n")
    return [json.loads(line) for line in done.stdout.removesuffix(b"\n").split(b"\n")]


def test_what_a_foreign_parent_reads(tmp_path: Path) -> None:
    """Every line of a child that completes: one JSON object each, and nothing between them."""
    row, log, store, result = lines_for_a_foreign_parent(tmp_path, GOOD, 0)
    where = {"stage_id": "s", "action_name": "good"}
    assert row == {"type": "row", "payload": {"a": [1, 2.5, None, "\u00fc\u2028"]}, "context": where}
    assert time.time() - 60 < log["payload"].pop("time") <= time.time()
    assert log == {"type": "log", "payload": {"level": "info", "message": "hello", "logger": "good"}, "context": where}
    assert store == {"type": "final_store", "payload": {"k": 7, "param:good:p": 7}, "context": {}}
    took_ms = result["payload"].pop("execution_time_ms")
    assert isinstance(took_ms, int)
    assert 0 <= took_ms < 60_000
    said = {"workflow_id": "w", "success": True, "error_message": ""}
    assert result == {"type": "workflow_result", "payload": said, "context": {}}


def test_what_a_foreign_parent_reads_of_a_failure(tmp_path: Path) -> None:
    """A child that fails says so in the words of the original; what only ours reads stands beside it."""
    store, result = lines_for_a_foreign_parent(tmp_path, BAD, 1)
    assert store == {"type": "final_store", "payload": {}, "context": {}}
    error = result["payload"].pop("error")
    assert result["payload"].pop("execution_time_ms") >= 0
    assert result == {
        "type": "workflow_result",
        "payload": {
            "workflow_id": "w",
            "success": False,
            "error_message": "action 'bad' of stage 's' in workflow 'w' failed: ValueError: no good",
        },
        "context": {},
    }
    assert error.pop("traceback").splitlines()[-1] == "ValueError: no good"
    assert error == {"type": "ValueError", "message": "no good", "panicked": False}


def test_a_parent_that_reads_no_longer(tmp_path: Path) -> None:
    """A child whose stdout nobody reads gets an error from `send` that says so, and fails."""
    script = tmp_path / "app.py"
    script.write_text(
        "import sys\nfrom gostage_sim import gostage\n@gostage.action('bad')\ndef bad(ctx):\n"
        "    try:\n        ctx.send('row')\n"
        "    except gostage.errors.ChannelClosedError as error:\n        print(error, file=sys.stderr)\n"
        "gostage.child_main()\n"
    )
    command = [sys.executable, str(script), "--gostage-child"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.close()
        _, stderr = child.communicate(json.dumps(BAD).encode(), timeout=60)
    assert stderr.decode().splitlines()[0] == "the parent no longer reads this child's messages: [Errno 32] Broken pipe"
    assert child.returncode == 1, stderr


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


CHAIN = (
    "error = MemoryError()\n    for _ in range(100_000):\n"
    "        behind, error = error, MemoryError('last')\n        error.__context__ = behind\n"
)
VAST = {
    "a chain": f"{CHAIN}    raise error\n",
    "a group": "raise ExceptionGroup('many', [ValueError(str(i)) for i in range(100_000)])\n",
    "a chain in a thread": f"import threading\n    {CHAIN}    def run(): raise error\n"
    "    thread = threading.Thread(target=run)\n    thread.start()\n    thread.join()\n",
}


@pytest.mark.parametrize("name", VAST)
def test_an_error_of_100_000_exceptions(program: Program, name: str) -> None:
    """It costs the child next to no time to report, and is told in a few lines."""
    result = program(f"@gostage.action('act')\ndef act(ctx):\n    {VAST[name]}").spawn(gostage.SubWorkflowDef.of("act"))
    assert (result.outcome, result.exit_code) in [("failed", 1), ("panicked", 70)]
    assert result.error is not None
    assert result.error.traceback.endswith("<over 100 exceptions behind it or in it are left out>\n")
    assert result.stderr_tail == (result.error.traceback if "thread" in name else "")
    assert result.usage is not None
    assert result.usage.cpu_s < 2  # Python's own way takes longer, and in a thread half a minute


@pytest.mark.usefixtures("over_json")
def test_memory_that_is_full_to_the_last_byte() -> None:
    """What the failed action held is let go of before the result is sent, which needs memory itself."""

    @gostage.action("fill")
    def fill(ctx: gostage.ActionContext) -> None:
        held, size = [], 1 << 24
        while True:
            try:
                held.append(bytearray(size))
            except MemoryError:
                if size < 64:
                    raise
                size //= 2

    options = gostage.SpawnOptions(limits=gostage.ResourceLimits(memory_bytes=256 << 20))
    with gostage.launchers.ForkServer() as launcher:
        result = gostage.Runner(launcher=launcher).spawn(gostage.SubWorkflowDef.of("fill"), options=options)
    assert (result.outcome, result.exit_code) == ("limit_exceeded", 1), result


def test_a_forked_process_that_leaves(program: Program) -> None:
    """A process that an action forks leaves with its own exit code, and reports nothing."""
    runner = program(
        "import os, sys\n@gostage.action('act')\ndef act(ctx):\n"
        "    if not os.fork(): sys.exit(0)\n    ctx.store.put('status', os.wait()[1])\n"
    )
    result = runner.spawn(gostage.SubWorkflowDef.of("act"), check=True)
    assert result.final_store == {"status": 0}


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
    runner = program(TORN.replace("{body}", body), "json")
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


@pytest.mark.usefixtures("each_transport")
def test_what_a_forked_process_cannot_send(program: Program) -> None:
    """It is told why, and on stderr stands what ends it: a refused message in one line, any other error in full."""
    runner = program(
        "import os, warnings\n@gostage.action('act')\ndef act(ctx):\n"
        "    warnings.simplefilter('ignore')  # from 3.12 on one of who forks with threads, as gRPC has\n"
        "    for what in ('send', 'raise', 'return'):\n"
        "        if not os.fork():\n"
        "            if what == 'send': ctx.send('forked')\n"
        "            if what == 'raise': raise ValueError('oops')\n"
        "            return\n"
        "        os.write(2, f'{what} {os.waitstatus_to_exitcode(os.wait()[1])}\\n'.encode())\n"
    )
    result = runner.spawn(gostage.SubWorkflowDef.of("act"), check=True)
    assert list(result.message_counts) == ["final_store", "workflow_result"]
    refused, sent, *trace, raised, returned = result.stderr_tail.splitlines()
    assert refused == "gostage: the parent takes no messages of this process: it is a fork of the child"
    assert (sent, raised, returned) == ("send 1", "raise 1", "return 1")
    assert (trace[0], trace[-1]) == ("Traceback (most recent call last):", "ValueError: oops")


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
