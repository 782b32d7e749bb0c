"""Real children that run into each of their limits, and what their outcome says of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from gostage_sim import gostage
from gostage_sim.gostage.spawn.limits import CPU_EXACTNESS, hit_by_error, hit_by_last_words, hit_by_signal
from gostage_sim.gostage.spawn.result import ResourceUsage

from ..conftest import Program
from .accounts import AS_ROOT, readable_python

DEFINITION = gostage.SubWorkflowDef.of("act")
HEAD = "import gc, os, signal\n@gostage.action('act')\ndef act(ctx):\n    "
MANY_FILES = "files = [os.open('/dev/null', 0) for _ in range(99)]"
SPIN = "while True: pass"


def spawn(runner: gostage.Runner, **limits: int) -> gostage.SpawnResult:
    return runner.spawn(DEFINITION, options=gostage.SpawnOptions(limits=gostage.ResourceLimits(**limits)))


@pytest.mark.parametrize(
    ("limit", "value", "code", "how"),
    [
        ("cpu_s", 1, SPIN, "SIGXCPU"),
        ("cpu_s", 1, f"signal.signal(signal.SIGXCPU, signal.SIG_IGN)\n    {SPIN}", "SIGKILL"),
        ("memory_bytes", 1 << 29, "b'x' * (1 << 30)", "MemoryError"),
        ("memory_bytes", 1 << 29, "class Own(MemoryError): pass\n    raise Own('1 GiB')", "Own: 1 GiB"),
        ("open_files", 32, MANY_FILES, "OSError: [Errno 24] Too many open files: '/dev/null'"),
        ("file_size_bytes", 4096, "open('big', 'wb').write(b'x' * 9999)", "OSError: [Errno 27] File too large"),
        (
            "file_size_bytes",
            4096,
            "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n    open('big', 'wb').write(b'x' * 9999)",
            "SIGXFSZ",
        ),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_limit_that_was_hit(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, code: str, how: str
) -> None:
    """The outcome is limit_exceeded, and the error names the limit, what showed it, and what the child had used."""
    monkeypatch.chdir(tmp_path)
    connected = "ctx.send('n')\n    ctx.flush()\n    "  # for which gRPC needs a descriptor: the traceback comes by it
    result = spawn(program(HEAD + connected + code + "\n"), **{limit: value})
    assert result.outcome == "limit_exceeded"
    assert result.error is not None
    assert result.usage is not None
    assert result.error.message == f"limit {limit}={value} was hit: {how}; it used {result.usage.describe()}"
    assert (result.usage.cpu_s >= CPU_EXACTNESS) == (limit == "cpu_s")
    if result.signal is None:
        line = 6 + len(code.splitlines())
        assert f'program.py", line {line}, in act\n' in result.error.traceback


IMPORTS = {
    "memory_bytes": (1 << 29, "b'x' * (1 << 30)", "MemoryError"),
    "open_files": (
        32,
        "[open('/dev/null') for _ in range(99)]",
        "OSError: [Errno 24] Too many open files: '/dev/null'",
    ),
    "file_size_bytes": (4096, "open('big', 'wb').write(b'x' * 9999)", "OSError: [Errno 27] File too large"),
}


@pytest.mark.parametrize("limit", IMPORTS)
@pytest.mark.parametrize("way", ["this program", "module", "options", "options of a fork"])
def test_a_limit_that_was_hit_by_an_import(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, way: str
) -> None:
    """A child that never comes to its workflow has still run into a limit, and the error names it."""
    value, code, how = IMPORTS[limit]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "heavy.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with gostage.launchers.ForkServer() as server:
        runner = {
            "this program": lambda: program("import heavy\n"),
            "module": lambda: gostage.Runner(launcher=gostage.launchers.ChildModule(["heavy"])),
            "options": lambda: gostage.Runner(launcher=gostage.launchers.ChildModule()),
            "options of a fork": lambda: gostage.Runner(launcher=server),
        }[way]()
        imports = ("heavy",) if "options" in way else ()
        options = gostage.SpawnOptions(limits=gostage.ResourceLimits(**{limit: value}), imports=imports)
        result = runner.spawn(DEFINITION, options=options)
    assert (result.outcome, result.exit_code) == ("limit_exceeded", 1), result
    used = "its usage is not known" if result.usage is None else f"it used {result.usage.describe()}"
    if imports:
        where = "DefinitionError: module 'heavy' of SpawnOptions.imports cannot be imported in the child: "
        how = where + (how if ":" in how else f"{how}: ")
    assert result.error is not None
    assert result.error.message == f"limit {limit}={value} was hit: {how}; {used}"


def test_a_limit_that_keeps_an_interpreter_from_its_beginning() -> None:
    """Whatever an interpreter of too little memory dies of, before or after its libraries are loaded."""
    runner = gostage.Runner(launcher=gostage.launchers.ChildModule())
    for mib in (1, 4):
        result = spawn(runner, memory_bytes=mib << 20)
        assert (result.outcome, result.signal) == ("limit_exceeded", None), result
        assert result.error is not None
        assert result.error.message.startswith(f"limit memory_bytes={mib << 20} was hit: ")


TRACEBACK = "Traceback (most recent call last):\n"
NO_MAP = "failed to map segment from shared object"
NO_START = "memory allocation failed"
NO_THREAD = "can't start new thread"
LOST = "gostage: the parent no longer takes this child's messages: "
LAST_WORDS: dict[str, tuple[str, int, str | None, str]] = {
    "a traceback": (f'{TRACEBACK}  File "x"\n    y\nMemoryError\n', 1, "memory_bytes", "MemoryError"),
    "with a module": (f"{TRACEBACK}numpy.core.MemoryError: a\n", 1, "memory_bytes", "MemoryError: a"),
    "by errno": (f"{TRACEBACK}IOError: [Errno 24] no\n", 1, "open_files", "IOError: [Errno 24] no"),
    "more behind it": (f"{TRACEBACK}MemoryError: \nFatal Python error: y\n", 1, "memory_bytes", "MemoryError"),
    "of the loader": (f"sh: x.so: {NO_MAP}\n", 127, "memory_bytes", f"sh: x.so: {NO_MAP}"),
    "a library": (f"{TRACEBACK}ImportError: x.so: {NO_MAP}\n", 1, "memory_bytes", f"ImportError: x.so: {NO_MAP}"),
    "of Python's start": (f"Fatal: x: {NO_START}\nstate\n", 1, "memory_bytes", f"Fatal: x: {NO_START}"),
    "by gRPC": (f"{LOST}RuntimeError: {NO_THREAD}\n", 1, "processes", f"RuntimeError: {NO_THREAD}"),
    "by gRPC, gone": (f"{LOST}UNAVAILABLE: {NO_THREAD}\n", 1, None, ""),
    "another code": (f"{TRACEBACK}MemoryError\n", 3, None, ""),
    "an earlier traceback": (f"{TRACEBACK}MemoryError\n{TRACEBACK}KeyError: 1\n", 1, None, ""),
    "no traceback": ("MemoryErrors are fun\n", 1, None, ""),
    "no such limit": (f"{TRACEBACK}OSError: [Errno 27] File too large\n", 1, None, ""),
    "a long number": (f"{TRACEBACK}OSError: [Errno {'9' * 5000}] x\n", 1, None, ""),
    "nothing": ("", 1, None, ""),
    "only frames": (f"{TRACEBACK}  File\n", 1, None, ""),
}


@pytest.mark.parametrize("name", LAST_WORDS)
def test_last_words(name: str) -> None:
    """What an interpreter leaves on stderr tells the limit, and what else stands there does not."""
    text, exit_code, limit, how = LAST_WORDS[name]
    limits = gostage.ResourceLimits(memory_bytes=9, open_files=9, processes=9)
    hit = hit_by_last_words(limits, exit_code, text, None)
    assert hit == (None if limit is None else f"limit {limit}=9 was hit: {how}; its usage is not known")


@AS_ROOT
@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("os.fork()", "BlockingIOError: [Errno 11] Resource temporarily unavailable"),
        ("import threading; threading.Thread(target=print).start()", "RuntimeError: can't start new thread"),
    ],
)
def test_the_limit_of_processes(tmp_path_factory: pytest.TempPathFactory, code: str, how: str) -> None:
    """A user who is at his limit of processes gets neither a process nor a thread more, and the outcome says so."""
    runner = readable_python(tmp_path_factory, HEAD + code + "\n")
    nobody_else = 1_000_000 + os.getpid()  # the kernel counts all processes of a user, other tests' included
    options = gostage.SpawnOptions(user=nobody_else, group=nobody_else, limits=gostage.ResourceLimits(processes=1))
    result = runner.spawn(DEFINITION, options=options)
    assert result.outcome == "limit_exceeded", result
    assert result.error is not None
    assert result.usage is not None
    assert result.error.message == f"limit processes=1 was hit: {how}; it used {result.usage.describe()}"


def told_or_enough(result: gostage.SpawnResult, limit: str, value: int, how: str) -> bool:
    """Whether the limit was enough; else it must be named, with what showed it."""
    if result.outcome == "completed":
        return True
    assert (result.outcome, result.signal) == ("limit_exceeded", None), result
    assert result.error is not None
    assert result.error.message.startswith(f"limit {limit}={value} was hit: {how}; "), result
    return False


def test_however_few_files_a_child_by_grpc_may_have(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where gRPC has no room to begin the limit is named; its core would abort the child."""
    monkeypatch.setenv("GOSTAGE_IPC_TRANSPORT", "grpc")
    runner = program(HEAD + "ctx.send('n')\n")
    how = "OSError: [Errno 24] Too many open files: '/dev/null'"
    enough = [told_or_enough(spawn(runner, open_files=files), "open_files", files, how) for files in range(5, 20, 2)]
    assert enough == sorted(enough)
    assert (enough[0], enough[-1]) == (False, True)


@pytest.mark.parametrize(("transport", "files"), [("json", 10), ("grpc", 20)])
def test_a_child_that_cannot_start_one_of_its_own(
    program: Program, monkeypatch: pytest.MonkeyPatch, transport: str, files: int
) -> None:
    """Descriptors that its own child would need are descriptors like others: the limit is named, and why."""
    monkeypatch.setenv("GOSTAGE_IPC_TRANSPORT", transport)
    runner = program(f"{HEAD}gostage.Runner().spawn(gostage.SubWorkflowDef.of('act'), check=True)\n")
    result = spawn(runner, open_files=files)
    assert result.outcome == "limit_exceeded", result
    assert result.error is not None
    what = "ChildStartError: child 'workflow' start failed, OSError: [Errno 24] Too many open files"
    assert result.error.message.startswith(f"limit open_files={files} was hit: {what}")


@AS_ROOT
def test_however_few_threads_a_child_by_grpc_may_have() -> None:
    """The same of threads, which the kernel counts among the processes of a user."""
    gostage.register_action("few threads", lambda: gostage.FunctionAction("few threads", lambda ctx: ctx.send("n")))
    nobody_else = 1_100_000 + os.getpid()
    enough = []
    with gostage.launchers.ForkServer() as launcher, gostage.Runner(launcher=launcher, transport="grpc") as runner:
        for processes in (1, 2, 4, 6, 8, 12, 20):
            limits = gostage.ResourceLimits(processes=processes)
            options = gostage.SpawnOptions(user=nobody_else, group=nobody_else, limits=limits, timeout_s=60)
            result = runner.spawn(gostage.SubWorkflowDef.of("few threads"), options=options)
            enough.append(told_or_enough(result, "processes", processes, f"RuntimeError: {NO_THREAD}"))
    assert enough == sorted(enough)
    assert (enough[0], enough[-1]) == (False, True)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("raise MemoryError('mine')", "failed"),
        ("open('/does/not/exist')", "failed"),
        ("raise BlockingIOError(11, 'no data')", "failed"),
        ("os.kill(os.getpid(), signal.SIGXCPU)", "signaled"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "signaled"),
    ],
)
def test_no_limit_of_that_kind(program: Program, code: str, outcome: str) -> None:
    """What looks like a limit that was not set is what it is without one."""
    assert spawn(program(HEAD + code + "\n"), open_files=100).outcome == outcome


def test_a_killed_child_within_its_limits(program: Program) -> None:
    """A SIGKILL from elsewhere is no CPU limit as long as the CPU seconds are not used up."""
    result = spawn(program(HEAD + "os.kill(os.getpid(), 9)\n"), cpu_s=5, memory_bytes=1 << 32)
    assert (result.outcome, result.signal) == ("signaled", "SIGKILL")


def test_limits_are_in_force_before_the_first_instruction() -> None:
    """A program finds its limits set when it begins, whatever it does first; prlimit(2) from outside would race it."""
    launcher = gostage.launchers.Program(["/bin/cat", "/proc/self/limits"])
    limits = {"memory_bytes": 1 << 33, "cpu_s": 7, "open_files": 33, "processes": 4444, "file_size_bytes": 5555}
    result = spawn(gostage.Runner(launcher=launcher, transport="json"), **limits)  # its stdout, as malformed lines
    said = {sample.excerpt.decode()[:26].strip(): sample.excerpt.split()[-3:-1] for sample in result.malformed.samples}
    assert {
        "Max address space": [b"8589934592"] * 2,
        "Max cpu time": [b"7", b"8"],
        "Max open files": [b"33"] * 2,
        "Max processes": [b"4444"] * 2,
        "Max file size": [b"5555"] * 2,
    }.items() <= said.items()


def test_a_confined_program_begins_as_any_other() -> None:
    """What confines a program leaves no trace in its signals, descriptors, arguments or variables."""
    script = (  # the shell looks at itself by what is built into it: around a fork it blocks signals
        "exec >&2; echo $0 $* /proc/$$/fd/*; while read line; do case $line in Sig[BIC]*) echo $line; esac; "
        "done </proc/$$/status; tr '\\0' '\\n' </proc/$$/environ"
    )
    launcher = gostage.launchers.Program(["/bin/sh", "-c", script, "sh", "", "--", "a=b"])

    def said_with(umask: int | None) -> str:
        options = gostage.SpawnOptions(inherit=(), umask=umask)
        with gostage.Runner(launcher=launcher) as runner:
            text = runner.spawn(DEFINITION, options=options).stderr_tail
        return re.sub(r"/proc/\d+|(?<=GOSTAGE_GRPC_TOKEN=)\S+", "", text)  # of each child its own

    said = [said_with(None), said_with(0o22)]
    assert "GOSTAGE_SPAWN_DEPTH" in said[0]
    assert said[0] == said[1]


def test_a_limit_over_what_this_program_has() -> None:
    """A limit that the system refuses makes the start fail, and the error names it."""
    result = spawn(gostage.Runner(launcher=gostage.launchers.Program(["/bin/true"])), open_files=2**40)
    assert (result.outcome, result.pid) == ("start_failed", None)
    assert result.error is not None
    assert result.error.message == "[Errno 1] ResourceLimits.open_files: Operation not permitted"


def test_usage_of_a_child_and_its_own_children(program: Program) -> None:
    """The result tells CPU seconds and memory, with those of descendants that the child waited for."""
    code = (
        "if os.fork() == 0:\n        x = b'x' * (1 << 28); t = os.times()\n"
        "        while os.times().user - t.user < 0.3: pass\n        os._exit(0)\n    os.wait()\n"
    )
    result = program(HEAD + code).spawn(DEFINITION)
    assert result.outcome == "completed"
    assert result.usage is not None
    assert 0.3 <= result.usage.user_s < 5
    assert result.usage.max_rss_bytes > 1 << 28


USAGE = ResourceUsage(1.0, 0.5, 1000)


@pytest.mark.parametrize(
    ("limits", "signal", "usage", "sentence"),
    [
        ({"cpu_s": 1}, "SIGKILL", USAGE, "limit cpu_s=1 was hit: SIGKILL; it used 1.50 s of CPU and at most 1000 bytes"
         " of memory"),
        ({"cpu_s": 2}, "SIGKILL", USAGE, None),
        ({"cpu_s": 1}, "SIGKILL", None, None),
        ({"cpu_s": 1}, "SIGSEGV", USAGE, None),
        ({"memory_bytes": 9}, "SIGKILL", ResourceUsage(0.0, 0.0, 1, 9, 1), "limit memory_bytes=9 was hit: SIGKILL by "
         "the memory controller; it used 0.00 s of CPU and at most 9 bytes of memory"),
        ({"memory_bytes": 9}, "SIGKILL", ResourceUsage(0.0, 0.0, 1, 9, 0), None),
    ],
)  # fmt: skip
def test_signals(limits: dict[str, int], signal: str, usage: ResourceUsage | None, sentence: str | None) -> None:
    """SIGKILL counts as a limit only with evidence that it was one."""
    assert hit_by_signal(gostage.ResourceLimits(**limits), signal, usage) == sentence


@pytest.mark.parametrize("code", [None, True, "24", 24.0, [24], 9])
def test_errno_is_taken_from_a_whole_number_alone(code: object) -> None:
    """Whatever a child sends for an errno, it is compared and nothing else."""
    limits = gostage.ResourceLimits(open_files=3, memory_bytes=3, processes=3, file_size_bytes=3)
    assert hit_by_error(limits, "OSError", "", code, None) is None
