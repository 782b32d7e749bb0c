"""The user's own actions are looked up, whatever importing them does."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import gostage_sim
from gostage_sim.gostage.spawn.readiness import is_readable
from gostage_sim.scenario import targets
from gostage_sim.scenario.targets import Target, target_problems


def target_problem(target: str, folder: Path) -> str | None:
    """Of one alone."""
    one = Target(*target.split(":"))
    return target_problems([one], folder).get(one)


def _wait_until_gone(pid: int) -> None:
    """Gone, or a zombie that whoever inherited it has not reaped yet."""
    with contextlib.suppress(ProcessLookupError):
        pidfd = os.pidfd_open(pid)
        try:
            assert is_readable(pidfd, 10), f"pid {pid} is still there"
        finally:
            os.close(pidfd)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def run(ctx): ...", None),
        ("class run:\n    def __init__(self, ctx): ...", None),
        ("class Job:\n    def __call__(self, ctx): ...\nrun = Job()", None),
        ("run = print", None),
        ("def run(ctx, more=1, *rest): ...", None),
        (
            "def run(): ...",
            "'mod_x:run' cannot be called with one argument, the action context: too many positional arguments",
        ),
        (
            "def run(ctx, path): ...",
            "'mod_x:run' cannot be called with one argument, the action context: missing a required argument: 'path'",
        ),
        (
            "async def run(ctx): ...",
            "'mod_x:run' is an async function, nothing in it would run; expected a plain function of one argument",
        ),
        (
            "async def run(ctx): yield",
            "'mod_x:run' is an async generator function, nothing in it would run; "
            "expected a plain function of one argument",
        ),
        (
            "def run(ctx): yield",
            "'mod_x:run' is a generator function, nothing in it would run; expected a plain function of one argument",
        ),
        ("import os\nos._exit(0)", "importing 'mod_x' ends the process with exit code 0"),
        ("import os\nos.kill(os.getpid(), 9)", "importing 'mod_x' ends the process by SIGKILL"),
        ("import os\nos.kill(os.getpid(), 40)", "importing 'mod_x' ends the process by signal 40"),
        ("raise KeyboardInterrupt", "importing 'mod_x' raises KeyboardInterrupt"),
        ("import sys\nsys.modules.clear()", "importing 'mod_x' raises KeyError: 'mod_x'"),
        ("import sys\nsys.__stdout__.close()\nsys.__stderr__.close()\ndef run(ctx): ...", None),
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()\ndef run(ctx): ...",
            None,
        ),
        ("run = 3", "'mod_x:run' is an integer; expected a function of one argument"),
        ("def rum(ctx): ...", "'mod_x' has no 'run'; did you mean 'rum'?"),
        ("", "'mod_x' has no 'run'"),
        ("raise ValueError('no luck')", "importing 'mod_x' raises ValueError: no luck"),
        ("raise SystemExit(3)", "importing 'mod_x' raises SystemExit: 3"),
        ("raise SystemExit", "importing 'mod_x' raises SystemExit"),
        ("class Odd(BaseException): ...\nraise Odd('x')", "importing 'mod_x' raises Odd: x"),
        (
            "class Odd(Exception):\n    def __str__(self): raise SystemExit\nraise Odd",
            "importing 'mod_x' raises Odd: (its text raises SystemExit)",
        ),
        ("def (", "importing 'mod_x' raises SyntaxError: invalid syntax (mod_x.py, line 1)"),
        ("import not_there_at_all", "importing 'mod_x' raises ModuleNotFoundError: No module named 'not_there_at_all'"),
        ("input()\ndef run(ctx): ...", "importing 'mod_x' raises EOFError: EOF when reading a line"),
        ("def __getattr__(name): raise OSError(name)", "cannot read 'run' of 'mod_x': OSError: run"),
    ],
)
def test_whatever_a_module_does_becomes_a_message(tmp_path: Path, source: str, expected: str | None) -> None:
    """No exception of a user's module comes through, SystemExit included."""
    (tmp_path / "mod_x.py").write_text(source)
    assert target_problem("mod_x:run", tmp_path) == expected


def test_a_missing_module_says_where_it_was_looked_for(tmp_path: Path) -> None:
    """The part of the name that is missing is named, and the places."""
    (tmp_path / "pkg_x").mkdir()
    where = f"in '{tmp_path}', the current directory or the installed packages"
    assert target_problem("nothing_x:run", tmp_path) == f"no module named 'nothing_x' {where}"
    assert target_problem("pkg_x.sub:run", tmp_path) == f"no module named 'pkg_x.sub' {where}"


def test_a_module_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a bound on time, and the others are looked up all the same."""
    monkeypatch.setattr(targets, "LONGEST_S", 1.0)
    (tmp_path / "mod_slow.py").write_text("import time\ntime.sleep(1000)")
    (tmp_path / "mod_good.py").write_text("def run(ctx): ...")
    wanted = [Target("mod_good", "run"), Target("mod_slow", "run"), Target("mod_slow", "more"), Target("mod_good", "x")]
    assert target_problems(wanted, tmp_path) == {
        Target("mod_slow", "run"): "importing 'mod_slow' takes more than 1s",
        Target("mod_slow", "more"): "importing 'mod_slow' takes more than 1s",
        Target("mod_good", "x"): "'mod_good' has no 'x'",
    }


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), *((n, -n) for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL))]
)
def test_a_signal_to_the_tool_ends_a_slow_import(tmp_path: Path, number: int, code: int) -> None:
    """The tool stops at once, at Ctrl-C with exit code 130 and without a traceback, and who imports is gone too."""
    (tmp_path / "mod_k.py").write_text(
        "import os, pathlib, signal\npathlib.Path('importing').write_text(str(os.getpid()))\nsignal.pause()"
    )
    os.mkfifo(tmp_path / "importing")
    importing = os.open(tmp_path / "importing", os.O_RDWR)  # never blocks
    (tmp_path / "x.yaml").write_text("name: x\nchildren: {a: {steps: [call: 'mod_k:run']}}\n")
    root = str(Path(gostage_sim.__file__).parent.parent)
    command = [sys.executable, "-m", "gostage_sim", "check", "x.yaml"]
    environ = {**os.environ, "PYTHONPATH": root}
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as tool:
        assert is_readable(importing, 30)
        tool.send_signal(number)
        assert tool.communicate(timeout=30)[0] == b""
    assert tool.returncode == code
    _wait_until_gone(int(os.read(importing, 20)))
    os.close(importing)


def test_what_a_module_prints_is_dropped(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A chatty module neither disturbs the output of the tool nor answers in its place."""
    noise = "import os, sys\nprint('out')\nsys.stderr.write('err')\nos.write(1, b'[true, null]\\n')\n"
    (tmp_path / "mod_p.py").write_text(f"{noise}def run(): ...")
    found = target_problem("mod_p:run", tmp_path)
    assert found is not None
    assert found.startswith("'mod_p:run' cannot be called with one argument")
    assert capfd.readouterr() == ("", "")


def test_nothing_of_a_module_stays_in_this_process(tmp_path: Path) -> None:
    """Modules, search path and directory are what they were."""
    (tmp_path / "mod_d.py").write_text("import os\nos.chdir('/')\ndef run(ctx): ...")
    before = (Path.cwd(), list(sys.path), set(sys.modules))
    assert target_problem("mod_d:run", tmp_path) is None
    assert (Path.cwd(), list(sys.path), set(sys.modules)) == before


def test_the_current_directory_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module beside the user's tests is found although the scenario lies elsewhere."""
    (tmp_path / "mod_c.py").write_text("class jobs:\n    def run(ctx): ...")
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path)
    assert target_problem("mod_c:jobs.run", tmp_path / "deep") is None


def test_two_folders_may_use_one_module_name(tmp_path: Path) -> None:
    """Each scenario gets the module of its own folder."""
    for folder, name in (("a", "first"), ("b", "second")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mod_same.py").write_text(f"def {name}(ctx): ...")
    assert target_problem("mod_same:first", tmp_path / "a") is None
    assert target_problem("mod_same:second", tmp_path / "b") is None


def test_one_process_looks_up_all(tmp_path: Path) -> None:
    """Each module is imported once, however much is wanted of it, and all of them by one process."""
    note = "import os, pathlib\nwith open('ran', 'a') as file: print(os.getpid(), file=file)\n"
    for name in ("mod_a", "mod_b"):
        (tmp_path / f"{name}.py").write_text(f"{note.replace('ran', str(tmp_path / 'ran'))}def run(ctx): ...")
    wanted = [Target("mod_a", "run"), Target("mod_b"), Target("mod_a", "ran"), Target("mod_b", "run")]
    assert target_problems(wanted, tmp_path) == {Target("mod_a", "ran"): "'mod_a' has no 'ran'; did you mean 'run'?"}
    first, second = (tmp_path / "ran").read_text().split()
    assert first == second


def test_a_module_that_forks_answers_once(tmp_path: Path) -> None:
    """A process that the module forks gives no answer of its own, and does not outlive the look-up."""
    source = """\
import os, pathlib, time
if os.fork():
    os.wait()
elif stays := os.fork():
    pathlib.Path(__file__).with_name("pid").write_text(str(stays))
else:
    time.sleep(1000)
def run(): ...
"""
    (tmp_path / "mod_f.py").write_text(source)
    (tmp_path / "mod_g.py").write_text("def run(ctx): ...")
    found = target_problems([Target("mod_f", "run"), Target("mod_g", "run")], tmp_path)
    assert list(found) == [Target("mod_f", "run")]
    _wait_until_gone(int((tmp_path / "pid").read_text()))


def test_a_process_that_does_not_start_is_no_mistake_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a defect of the tool or of the installation, and named as such."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError) as caught:
        target_problem("mod_x:run", tmp_path)
    assert str(caught.value) == (
        "the process that looks up actions did not start; it ends the process with exit code 1"
    )
