"""The program of the launchers' contract: its actions, its launchers, and a parent that can be killed.

`python contract_program.py LAUNCHER` spawns `hold` and prints the pids of everybody below it, and of a fork server.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from gostage_sim import gostage
from gostage_sim.gostage import launchers
from gostage_sim.gostage.spawn.process import Process

FILE = Path(__file__)


class Below:
    """The README's example of a launcher that a user writes."""

    foreign = False

    def __init__(self, *prefix: str) -> None:
        self.prefix = prefix

    def start(self, launch: launchers.Launch) -> Process:
        command = [*self.prefix, sys.executable, str(FILE), "--gostage-child"]
        return launchers.Program(command, foreign=False).start(launch)


LAUNCHERS: dict[str, Callable[[], AbstractContextManager[launchers.Launcher]]] = {
    "Program": lambda: contextlib.nullcontext(
        launchers.Program([sys.executable, str(FILE), "--gostage-child"], foreign=False)
    ),
    "ChildModule": lambda: contextlib.nullcontext(launchers.ChildModule([FILE.stem])),
    "ThisProgram": lambda: contextlib.nullcontext(launchers.ThisProgram()),
    "ForkServer": launchers.ForkServer,
    "Below": lambda: contextlib.nullcontext(Below("env")),
}
"""A new launcher is held to the contract by one line here."""
ENVIRONMENT = {"PYTHONPATH": os.pathsep.join([str(FILE.parent), *sys.path])}
"""ChildModule finds its module along it."""


@gostage.action("contract.send")
def send(ctx: gostage.ActionContext) -> None:
    ctx.send("first", 1)
    ctx.send_many("many", range(100))
    ctx.store.put("size", len(ctx.store.get_or_default("big", "")))


@gostage.action("contract.facts")
def facts(ctx: gostage.ActionContext) -> None:
    ends = {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_open(int(fd))}
    ctx.send("facts", {
        "pid": os.getpid(), "group": os.getpgid(0), "session": os.getsid(0), "environment": dict(os.environ),
        "argv": sys.argv[1:2], "is_child": gostage.is_child(), "cwd": os.getcwd(), "fds": ends,
        "signals": [signal.getsignal(signum) is not signal.SIG_DFL for signum in (2, 10, 15, 17)],
        "initial_environment": Path("/proc/self/environ").read_text(),
        "masked": len(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    })  # fmt: skip


def _is_open(fd: int) -> bool:
    with contextlib.suppress(OSError):  # the one that listed them
        os.fstat(fd)
        return True
    return False


@gostage.action("contract.print")
def stray(ctx: gostage.ActionContext) -> None:
    print("from print", flush=True)
    os.write(1, b"from write\n")
    subprocess.run(["echo", "from grandchild"], check=True)
    ctx.send("a")
    print("left in a buffer")


@gostage.action("contract.fail")
def fail(ctx: gostage.ActionContext) -> None:
    raise ValueError("no")


@gostage.action("contract.panic")
def panic(ctx: gostage.ActionContext) -> None:
    raise BaseException("out")


@gostage.action("contract.exit")
def leave(ctx: gostage.ActionContext) -> None:
    import atexit

    atexit.register(lambda: sys.stderr.write("atexit ran\n"))
    sys.exit(ctx.params["code"])


@gostage.action("contract._exit")
def leave_at_once(ctx: gostage.ActionContext) -> None:
    os._exit(7)


@gostage.action("contract.kill")
def kill(ctx: gostage.ActionContext) -> None:
    ctx.send_many("many", range(500))
    os.kill(os.getpid(), ctx.params["signal"])


@gostage.action("contract.hold")
def hold(ctx: gostage.ActionContext) -> None:
    if ctx.store.get_or_default("deaf", False):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    grandchild = subprocess.Popen(["sleep", "1000"])
    pids = [os.getpid(), grandchild.pid]
    if ctx.store.get_or_default("daemon", False):
        pids.append(subprocess.Popen(["sleep", "1000"], start_new_session=True).pid)
    if ctx.store.get_or_default("below", False):
        command = [sys.executable, str(FILE), "--gostage-child"]
        runner = gostage.Runner(launcher=launchers.Program(command, foreign=False))
        runner.broker.register_handler("up", lambda message: ctx.send("up", [*pids, *message.payload]))
        options = gostage.SpawnOptions(environment=ENVIRONMENT, end_daemons=True)
        runner.spawn(gostage.SubWorkflowDef.of("contract.hold"), initial_store={"daemon": True}, options=options)
    ctx.send("up", pids)
    while True:
        signal.pause()


@gostage.action("contract.confined")
def confined(ctx: gostage.ActionContext) -> None:
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    ctx.store.put("confined", [status["Uid"].split()[0], status["Umask"], status["NoNewPrivs"], os.nice(0)])
    ctx.store.put("imported", "wave" in sys.modules)


@gostage.action("contract.daemon")
def daemon(ctx: gostage.ActionContext) -> None:
    left = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    ctx.send("up", [left.pid])
    left.returncode = 0  # nobody waits for it


@gostage.action("contract.spin")
def spin(ctx: gostage.ActionContext) -> None:
    while True:
        pass


def main() -> None:
    with LAUNCHERS[sys.argv[1]]() as launcher:
        runner = gostage.Runner(launcher=launcher)

        def show(message: gostage.Message) -> None:
            servers = getattr(launcher, "_servers", {})
            print(*message.payload, *(server.pid for server, _ in servers.values()), flush=True)

        runner.broker.register_handler("up", show)
        definition = gostage.SubWorkflowDef.of("contract.hold")
        options = gostage.SpawnOptions(environment=ENVIRONMENT, end_daemons=True)
        print(runner.spawn(definition, initial_store={"daemon": True, "below": True}, options=options))


if __name__ == "__main__":
    if gostage.is_child():
        gostage.child_main()
    main()
