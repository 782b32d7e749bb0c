"""Parents in a bad state: what they spawn starts right, or not at all and leaves nothing."""

from __future__ import annotations

import itertools
import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gostage_sim import gostage
from gostage_sim.gostage.spawn.process import Pipes, close_kept

from ..conftest import gone
from .accounts import AS_ROOT, OTHER_USER

DEFINITION = gostage.SubWorkflowDef.of("act")
CLOSED = [fds for count in range(4) for fds in itertools.combinations(range(3), count)]
PARENT = """
import os, signal, sys
from gostage_sim import gostage
definition = gostage.SubWorkflowDef.of("act")
"""


def program(*argv: str) -> gostage.Runner:
    return gostage.Runner(launcher=gostage.launchers.Program(argv))


def run_parent(code: str) -> str:
    """What a program of its own writes to the file that it is given."""
    done = subprocess.run([sys.executable, "-c", PARENT + code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("closed", CLOSED, ids=str)
@pytest.mark.parametrize("confined", [False, True])
@pytest.mark.usefixtures("over_json")
def test_closed_standard_descriptors(tmp_path: Path, closed: tuple[int, ...], confined: bool) -> None:
    """A parent without any of 0, 1 and 2 gives its child all three; it sees these and the lifeline, no more."""
    report = tmp_path / "report"
    child = (
        "import json, os, sys\\nfds = [int(fd) for fd in os.listdir('/proc/self/fd')]\\n"
        "links = {fd: os.readlink(f'/proc/self/fd/{fd}') for fd in fds if os.path.exists(f'/proc/self/fd/{fd}')}\\n"
        "kinds = [links[fd].split(':')[0] for fd in sorted(links)]\\n"
        "said = len(set(links.values())), kinds, len(sys.stdin.read()) > 20\\n"
        "print(json.dumps({'type': 'seen', 'payload': said})); print('to stderr', file=sys.stderr)"
    )
    run_parent(
        f"report = os.open({str(report)!r}, os.O_WRONLY | os.O_CREAT)\n"
        f"report = __import__('fcntl').fcntl(report, 1030, 10)\n"
        f"options = gostage.SpawnOptions(umask={0o22 if confined else None})\n"
        f"runner = gostage.Runner(launcher=gostage.launchers.Program([sys.executable, '-c', \"{child}\"]))\n"
        "runner.broker.register_handler('seen', lambda m: os.write(report, repr(m.payload).encode()))\n"
        f"for fd in {closed}: os.close(fd)\n"
        "result = runner.spawn(definition, options=options)\n"
        "os.write(report, f' {result.outcome} {result.stderr_tail}'.encode())\n"
        "os._exit(0)\n"
    )
    assert report.read_text() == "[4, ['pipe', 'pipe', 'pipe', 'pipe'], True] completed to stderr\n"


@pytest.mark.parametrize("closed", CLOSED, ids=str)
def test_pipes_are_no_standard_descriptors(closed: tuple[int, ...]) -> None:
    """What somebody writes to 1 or 2, also where the parent has closed them, goes into no pipe of a child."""
    kept = {fd: os.dup(fd) for fd in closed}
    try:
        for fd in closed:
            os.close(fd)
        with Pipes() as pipes:
            theirs = {pipes.child_stdin, pipes.child_stdout, pipes.child_stderr, pipes.child_lifeline}
            lowest = min(pipes.parents_ends() | theirs)
            for fd in pipes.parents_ends():
                close_kept(fd)
    finally:
        for fd, copy in kept.items():
            os.dup2(copy, fd)
            os.close(copy)
    assert lowest > 2


@pytest.mark.parametrize("options", ["", "umask=0o22", "end_daemons=True"])
def test_at_the_limit_of_descriptors(options: str) -> None:
    """With however few descriptors a start fails whole and leaves nothing, until there are enough; then it works."""
    said = run_parent(
        "import resource\n"
        "runner = gostage.Runner(launcher=gostage.launchers.Program(['/bin/true']))\n"
        f"options = gostage.SpawnOptions({options})\n"
        "assert runner.spawn(definition, options=options).success\n"
        "def left():\n"
        "    try: return os.waitpid(-1, os.WNOHANG)\n"
        "    except ChildProcessError: return None\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "before = sorted(os.listdir('/proc/self/fd'))\n"
        "failures = 0\n"
        "for soft in range(len(before) - 1, 100):\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))\n"
        "    result = runner.spawn(definition, options=options)\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))\n"
        "    assert sorted(os.listdir('/proc/self/fd')) == before and left() is None, soft\n"
        "    if result.success: break\n"
        "    failures += 1\n"
        "    assert result.outcome == 'start_failed', soft\n"
        "    assert result.error.message.startswith('[Errno 24] Too many open files'), result.error\n"
        "print(failures, runner.spawn(definition, options=options).outcome)\n"
    )
    failures, outcome = said.split()
    assert int(failures) >= 8
    assert outcome == "completed"


@pytest.mark.parametrize("launcher", ["Program(['/bin/true'])", "ThisProgram()", "ForkServer()"])
@pytest.mark.parametrize("transport", ["json", "grpc"])
@pytest.mark.parametrize("spawn", ["runner.spawn(definition)", "[*runner.spawn_all([definition])][0]"])
def test_the_first_spawn_without_a_descriptor_left(launcher: str, transport: str, spawn: str) -> None:
    """It cannot be started, as any later one; that something had yet to be imported is nobody's concern."""
    said = run_parent(
        "import resource\n"
        f"runner = gostage.Runner(launcher=gostage.launchers.{launcher}, transport={transport!r})\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "taken = []\n"
        "try:\n"
        "    while True: taken.append(os.open('/dev/null', os.O_RDONLY))\n"
        "except OSError: pass\n"
        f"result = {spawn}\n"
        "for fd in taken: os.close(fd)\n"
        "print(result.outcome, result.error.message)\n"
    )
    assert said.startswith("start_failed [Errno 24] Too many open files")


@AS_ROOT
def test_at_the_limit_of_processes() -> None:
    """A user who may start no more processes is told so, and nothing is left."""
    assert (
        run_parent(
            "import pwd, resource\n"
            "runner = gostage.Runner(launcher=gostage.launchers.Program(['/bin/true']))\n"
            "assert runner.spawn(definition).success\n"
            f"os.setgroups([]); os.setuid(pwd.getpwnam({OTHER_USER!r}).pw_uid)\n"
            "hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]\n"
            "before = sorted(os.listdir('/proc/self/fd'))\n"
            "for soft in (0, hard):\n"
            "    resource.setrlimit(resource.RLIMIT_NPROC, (soft, hard))\n"
            "    result = runner.spawn(definition)\n"
            "    print(result.outcome, result.error and result.error.message)\n"
            "    assert sorted(os.listdir('/proc/self/fd')) == before\n"
        )
        == "start_failed [Errno 11] Resource temporarily unavailable\ncompleted None\n"
    )


@pytest.mark.parametrize("confined", [False, True])
@pytest.mark.parametrize(
    ("kind", "type_", "text"),
    [
        ("missing", "FileNotFoundError", "[Errno 2] No such file or directory: '{path}'"),
        ("directory", "PermissionError", "[Errno 13] Permission denied: '{path}'"),
        ("not executable", "PermissionError", "[Errno 13] Permission denied: '{path}'"),
        ("no program", "OSError", "[Errno 8] Exec format error: '{path}'"),
        ("being written", "OSError", "[Errno 26] Text file busy: '{path}'"),
        ("too many arguments", "OSError", "[Errno 7] Argument list too long: '{path}'"),
        ("too large an environment", "OSError", "[Errno 7] Argument list too long: '{path}'"),
    ],
)
def test_commands_that_cannot_be_executed(tmp_path: Path, kind: str, type_: str, text: str, confined: bool) -> None:
    """Whatever keeps a command from being executed, the error says what and names the command."""
    path = tmp_path / "command"
    argv, environment = [str(path)], {}
    if kind == "directory":
        path.mkdir()
    elif kind != "missing":
        path.write_bytes(Path("/bin/true").read_bytes() if kind != "no program" else b"\x7fnothing")
        path.chmod(0o644 if kind == "not executable" else 0o755)
    if kind == "too many arguments":
        argv += ["x" * 1000] * 10_000
    if kind == "too large an environment":
        environment["BIG"] = "x" * 1_000_000
    options = gostage.SpawnOptions(environment=environment, umask=0 if confined else None)
    if kind == "being written":
        with path.open("ab"):
            result = program(*argv).spawn(DEFINITION, options=options)
        assert program(*argv).spawn(DEFINITION, options=options).outcome == "completed"
    else:
        result = program(*argv).spawn(DEFINITION, options=options)
    assert (result.outcome, result.pid) == ("start_failed", None)
    assert result.error is not None
    assert (result.error.type, result.error.message) == (type_, text.format(path=path))


@pytest.mark.parametrize("ending", ["sys.exit(3)", "os.kill(os.getpid(), 11)"])
@pytest.mark.usefixtures("over_json")
def test_a_thread_that_waits_for_every_child(ending: str) -> None:
    """When a thread of the program takes every exit status, all messages are handled, and the outcome is the kernel's
    where it still tells (Linux 6.15), or else the status is unknown and never a wrong one."""
    # It reads its definition first, which it gets when the parent has the pidfd; who is gone before leaves no status.
    code = "import os, sys\nos.read(0, 1)\n"
    code += 'for i in range(500): os.write(1, b\'{"type":"n","payload":%d}\\n\' % i)\n'
    runner = program(sys.executable, "-S", "-c", code + ending)
    seen: list[int] = []
    runner.broker.register_handler("n", lambda message: seen.append(message.payload))
    done = threading.Event()
    stolen: set[int] = set()
    results: list[gostage.SpawnResult] = []

    def steal() -> None:
        while not done.is_set():
            try:
                stolen.add(os.waitpid(-1, 0)[0])
            except ChildProcessError:
                done.wait(0.0005)

    thief = threading.Thread(target=steal)
    thief.start()
    try:
        # Who is first to ask the kernel is a race, which the thief may lose several times: it is run until it was won.
        while len(results) < 200 and not stolen.intersection(result.pid for result in results):
            results.append(runner.spawn(DEFINITION))
    finally:
        done.set()
        thief.join(10)
    assert stolen.intersection(result.pid for result in results)
    assert seen == list(range(500)) * len(results)
    right = ("exited", 3, None) if "exit" in ending else ("signaled", None, "SIGSEGV")
    known = {right} if _kernel_tells() else {right, ("exited", None, None)}
    assert {(result.outcome.value, result.exit_code, result.signal) for result in results} <= known


def _kernel_tells() -> bool:
    """Whether a pidfd still knows an exit status that somebody else took: Linux 6.15 and newer."""
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2]) >= (6, 15)


@pytest.mark.parametrize("ignores", ["", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("launcher", ["ThisProgram()", "ChildModule(['parent'])"])
def test_death_of_the_parent(tmp_path: Path, ignores: str, launcher: str) -> None:
    """A parent killed with SIGKILL leaves neither child nor grandchild, also when they ignore every other signal."""
    script = tmp_path / "parent.py"
    ignore = f"signal.signal(signal.{ignores}, signal.SIG_IGN)" if ignores else "pass"
    script.write_text(
        "import os, signal, subprocess\nfrom gostage_sim import gostage\n"
        f"@gostage.action('act')\ndef act(ctx):\n    {ignore}\n"
        "    grandchild = subprocess.Popen(['sleep', '1000'])\n"
        "    ctx.send('pids', [os.getpid(), grandchild.pid])\n    signal.pause()\n"
        "if __name__ == '__main__':\n"
        "    if gostage.is_child(): gostage.child_main()\n"
        f"    runner = gostage.Runner(launcher=gostage.launchers.{launcher})\n"
        "    runner.broker.register_handler('pids', lambda m: print(*m.payload, flush=True))\n"
        "    runner.spawn(gostage.SubWorkflowDef.of('act'))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.send_signal(signal.SIGKILL)
        assert [gone(pid) for pid in pids] == [True, True]


def test_control_c(tmp_path: Path) -> None:
    """Ctrl-C on the parent's terminal: the child gets SIGTERM and, as it goes on, SIGKILL after the grace period; the
    caller gets KeyboardInterrupt, once."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, signal, sys, time\nfrom gostage_sim import gostage\n"
        "@gostage.action('act')\ndef act(ctx):\n"
        "    signal.signal(signal.SIGINT, lambda *_: print('child: SIGINT', file=sys.stderr))\n"
        f"    signal.signal(signal.SIGTERM, lambda *_: open({str(tmp_path / 'asked')!r}, 'w').close())\n"
        "    ctx.send('up')\n    while True: signal.pause()\n"
        "if gostage.is_child(): gostage.child_main()\n"
        "runner = gostage.Runner()\n"
        "runner.broker.register_handler('up', lambda m: print('up', m.context.pid, flush=True))\n"
        "handle = runner.start(gostage.SubWorkflowDef.of('act'), options=gostage.SpawnOptions(grace_s=0.3))\n"
        "try: handle.wait()\n"
        "except KeyboardInterrupt: print('interrupted', flush=True)\n"
        "result = handle.wait()\n"
        "print(result.outcome, result.signal, result.stderr_tail, flush=True)\n"
    )
    ours, theirs = pty.openpty()
    with open(ours, "rb+", buffering=0) as terminal:
        command = ["setsid", "--ctty", sys.executable, str(script)]
        with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, text=True) as parent:
            os.close(theirs)
            assert parent.stdout is not None
            pid = int(parent.stdout.readline().split()[1])
            terminal.write(b"\x03")
            assert parent.stdout.read() == "interrupted\ncancelled SIGKILL \n"
    assert parent.returncode == 0
    assert (tmp_path / "asked").exists()
    assert gone(pid)


BOMB = """
import os, sys
from gostage_sim import gostage
{scrub}
launcher = {launcher}
options = gostage.SpawnOptions(max_depth=3, environment={{"PYTHONPATH": {path!r}}})
result = gostage.Runner(launcher=launcher).spawn(gostage.SubWorkflowDef.of("x"), options=options)
sys.stderr.write("+" + (result.stderr_tail or result.error.message))
"""


@pytest.mark.parametrize("scrub", ["", "os.environ.clear()", "os.environ['GOSTAGE_SPAWN_DEPTH'] = '0'"])
@pytest.mark.parametrize("launcher", ["None", "gostage.launchers.ChildModule(['bomb'])"])
def test_a_program_that_starts_itself_for_ever(tmp_path: Path, scrub: str, launcher: str) -> None:
    """The spawn depth is limited also for a module that spawns when it is imported, and for a program that has thrown
    its environment away; the error says what to do."""
    path = os.pathsep.join([str(tmp_path), *sys.path])
    (tmp_path / "bomb.py").write_text(BOMB.format(scrub=scrub, launcher=launcher, path=path))
    done = subprocess.run([sys.executable, str(tmp_path / "bomb.py")], capture_output=True, text=True, timeout=60)
    first, _, _ = done.stderr.partition("\n")
    assert first == (
        "++++spawn depth 3 is reached: this process is itself a child of children. "
        "A program that starts itself again must call gostage.child_main() when gostage.is_child()"
    )
