"""What gRPC may lose, hold and leave: connections that are reset, hard kills, floods, and many runners in turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gostage_sim import gostage

from ..conftest import Program, at_rest

ONE = gostage.SubWorkflowDef.of("act")
PATIENT = gostage.SpawnOptions(timeout_s=120.0, grace_s=0.2)
KIB = 1024

#: Closes the child's connection with SO_LINGER 0, as `reset()`, while gRPC sends on it.
RESET = """
import os, socket, struct
def reset():
    for name in os.listdir('/proc/self/fd'):
        try:
            here = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue  # no socket, or the listing itself
        with here:
            if here.family in (socket.AF_INET, socket.AF_INET6):
                here.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                null = os.open('/dev/null', os.O_RDWR)
                os.dup2(null, int(name))
                os.close(null)
"""


def calls_served() -> int:
    """How many calls have a thread in this process."""
    return sum(thread.name == "gostage-grpc" for thread in threading.enumerate())


def test_a_reset_in_the_middle_of_a_stream(program: Program, tmp_path: Path) -> None:
    """What was acknowledged is handled and nothing is torn, the outcome says how the child ended, siblings end well.

    All handlers wait until the parent has noticed, so that what is acknowledged is in its queue then, unhandled; what
    the siblings send meanwhile is more than their queues hold, so their calls go on.
    """
    acknowledged, broken = tmp_path / "acknowledged", tmp_path / "broken"
    os.mkfifo(broken)
    runner = program(
        RESET + "@gostage.action('act')\ndef act(ctx):\n"
        "    name, victim = ctx.workflow.id, ctx.workflow.id == 'victim'\n"
        "    for i in range(2000):\n"
        "        ctx.send('n', [name, i, 'x' * 800])\n"
        "        if victim and i < 200 and i % 50 == 49:\n"  # in several frames, or the driver takes all at once
        f"            ctx.flush()\n            open({str(acknowledged)!r}, 'w').write(str(i + 1))\n"
        f"        if victim and i == 219:\n            reset()\n            open({str(broken)!r}, 'w').close()\n"
        "    ctx.flush()\n",
        "grpc",
    )
    seen: dict[str, list[int]] = {}

    connected, noticed = threading.Barrier(3), threading.Event()

    def handle(message: gostage.Message) -> None:
        name, number, _ = message.payload
        if number == 0:
            connected.wait(60)
        if (name, number) == ("victim", 0):
            broken.read_bytes()
            until = time.monotonic() + 50
            while calls_served() > 2 and time.monotonic() < until:
                os.sched_yield()
            noticed.set()
        assert noticed.wait(60)
        seen.setdefault(name, []).append(number)

    runner.broker.register_handler("n", handle)
    names = ("left", "victim", "right")
    definitions = [gostage.SubWorkflowDef.of("act", id=name) for name in names]
    results = {r.workflow_id: r for r in runner.spawn_all(definitions, max_parallel=3, options=PATIENT)}
    assert {name: results[name].outcome for name in names} == {
        "left": "completed",
        "victim": "exited",
        "right": "completed",
    }
    victim = results["victim"]
    assert (victim.exit_code, victim.malformed.count, victim.handler_errors) == (1, 0, [])
    assert "gostage: the parent no longer takes this child's messages: UNAVAILABLE: " in victim.stderr_tail
    assert seen["left"] == seen["right"] == list(range(2000))
    assert 220 >= len(seen["victim"]) >= int(acknowledged.read_text()) == 200
    assert seen["victim"] == list(range(len(seen["victim"])))


@pytest.mark.parametrize("window_bytes", [1, 4 * KIB, 64 * KIB, 4096 * KIB])
@pytest.mark.parametrize("until", ["ctx.flush()\n    os.kill(os.getpid(), 9)", "pass"], ids=["flush", "end of action"])
def test_what_is_acknowledged_survives_a_hard_kill(program: Program, until: str, window_bytes: int) -> None:
    """Whatever the window: after `flush()`, and after the end of an action, everything that was sent is handled."""
    runner = program(
        "import os\n@gostage.action('act')\ndef act(ctx):\n"
        "    for i in range(500): ctx.send('n', [i, 'x' * 500])\n"
        "    ctx.send_many('n', ([i, 'x' * 500] for i in range(500, 1000)))\n"
        f"    {until}\n"
        "@gostage.action('die')\ndef die(ctx):\n    os.kill(os.getpid(), 9)\n",
        gostage.transports.grpc(window_bytes=window_bytes),
    )
    seen: list[int] = []
    runner.broker.register_handler("n", lambda message: seen.append(message.payload[0]))
    assert runner.spawn(gostage.SubWorkflowDef.of("act", "die"), options=PATIENT).signal == "SIGKILL"
    assert seen == list(range(1000))


@pytest.mark.parametrize("window_bytes", [4 * KIB, 64 * KIB, 4096 * KIB])
def test_a_hard_kill_loses_no_more_than_the_window(program: Program, tmp_path: Path, window_bytes: int) -> None:
    """A child that is killed when it can send no more has lost what is in its window at the most."""
    counter = tmp_path / "sent"
    runner = program(
        "import os\n@gostage.action('act')\ndef act(ctx):\n"
        f"    fd = os.open({str(counter)!r}, os.O_CREAT | os.O_WRONLY)\n"
        "    for i in range(1, 10**9):\n        ctx.send('n', [i, 'x' * 1000])\n        os.pwrite(fd, b'%8d' % i, 0)\n",
        gostage.transports.grpc(window_bytes=window_bytes),
    )
    seen: list[int] = []
    sent: list[int] = []

    def kill(message: gostage.Message) -> None:
        seen.append(message.payload[0])
        if not sent:
            assert at_rest(message.context.pid)
            sent.append(int(counter.read_text()))
            os.kill(message.context.pid, 9)

    runner.broker.register_handler("n", kill)
    result = runner.spawn(ONE, options=PATIENT)
    assert (result.signal, result.handler_errors) == ("SIGKILL", [])
    assert seen == list(range(1, len(seen) + 1))
    assert (sent[0] - len(seen)) * 1000 <= window_bytes < sent[0] * 1100  # and it had been full


@pytest.mark.slow
def test_a_flood_before_a_slow_handler_takes_no_memory(tmp_path: Path) -> None:
    """While a handler does not return, and over all that then comes, the parent's memory stays where it was: by the
    kernel's account of its peak, which is a twentieth of what was sent at the most."""
    script = tmp_path / "program.py"
    script.write_text(
        """
import json, time
from gostage_sim import gostage
COUNT, SIZE = 10_000, 32_000

@gostage.action("act")
def act(ctx):
    ctx.send("first")
    ctx.flush()
    ctx.send_many("n", ("x" * SIZE for _ in range(COUNT)))

if gostage.is_child():
    gostage.child_main()

def account(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name))

def spent(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[11:13]

def first(message):
    global before
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")  # the peak begins anew
    before = account("VmRSS")

def flood(message):
    global count
    count += 1
    if count % 1000 == 1:
        held, since = None, time.monotonic()
        while time.monotonic() - since < 0.3:  # the child has not run for so long: it is stopped
            if (now := spent(message.context.pid)) != held:
                held, since = now, time.monotonic()

count = 0
with gostage.Runner(transport="grpc") as runner:
    runner.broker.register_handler("first", first)
    runner.broker.register_handler("n", flood)
    result = runner.spawn(gostage.SubWorkflowDef.of("act"))
print(json.dumps([result.outcome, count, count * SIZE, account("VmHWM") - before]))
"""
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=240)
    assert done.stderr == ""
    outcome, count, sent, growth = json.loads(done.stdout)
    assert (outcome, count) == ("completed", 10_000)
    assert growth < sent / 20


@pytest.mark.slow
def test_thirty_runners_in_turn_leave_nothing(tmp_path: Path) -> None:
    """Opened, used by a child, knocked at by a stranger and closed: descriptors and threads are as few as after the
    first."""
    script = tmp_path / "program.py"
    script.write_text(
        """
import json, os, socket, time
from gostage_sim import gostage

@gostage.action("act")
def act(ctx):
    ctx.send("n")

if gostage.is_child():
    gostage.child_main()
launcher = gostage.launchers.ForkServer()

def held():
    return [len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))]

def use():
    with gostage.Runner(launcher=launcher, transport="grpc") as runner:
        handled = []
        runner.broker.register_handler("n", lambda message: handled.append(held()))
        assert runner.spawn(gostage.SubWorkflowDef.of("act")).outcome == "completed"
        with socket.create_connection(("127.0.0.1", runner._links._server.port)):
            pass
    return handled[0]

used = use()
runs = [held()]
for _ in range(30):
    use()
until = time.monotonic() + 20  # gRPC's threads end when they have nothing to do
while any(now > before for now, before in zip(held(), runs[0])) and time.monotonic() < until:
    time.sleep(0.05)
print(json.dumps([used, runs[0], held()]))
launcher.close()
"""
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=240)
    assert done.stderr == ""
    used, before, after = json.loads(done.stdout)
    assert used[0] > before[0]  # there was something to return
    assert used[1] > 1
    assert all(now <= then for now, then in zip(after, before, strict=True)), (before, after)
