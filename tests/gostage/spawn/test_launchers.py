"""Which command starts a child."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gostage_sim.gostage import launchers
from gostage_sim.gostage.spawn.launchers.this_program import _interpreter_part

PROGRAM = """
import os, sys
from gostage_sim import gostage
@gostage.action("act")
def act(ctx):
    ctx.send("argv", sys.argv[1:])
def main():
    if gostage.is_child(): gostage.child_main()
    del sys.argv[1:]
    os.chdir("/")
    runner = gostage.Runner()
    runner.broker.register_handler("argv", lambda m: print(m.payload))
    result = runner.spawn(gostage.SubWorkflowDef.of("act"))
    print(result.outcome, result.error.message if result.error else result.stderr_tail)
main()
"""
COMPLETED = "['--gostage-child']\ncompleted \n"


def run(argv: list[str], cwd: Path, text: str = "") -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(cwd), *sys.path])}
    done = subprocess.run(argv, cwd=cwd, env=environment, input=text, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["program.py", "--own", "-c", "argument"],
        ["./program.py"],
        ["-X", "utf8", "-Wdefault", "-B", "program.py", "-m", "x"],
        ["-m", "package", "--own"],
        ["-Bm", "package"],
        ["-c", PROGRAM, "own"],
        ["tool"],
        ["package"],
    ],
    ids=lambda command: " ".join(command)[:30],
)
def test_this_program(tmp_path: Path, command: list[str]) -> None:
    """A script, `-m`, `-c`, a console script and a directory start themselves again, without their own arguments, also
    when the program has changed its directory and its `sys.argv` since."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "tool").write_text(PROGRAM)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    (tmp_path / "package" / "__main__.py").write_text(PROGRAM)
    assert run([sys.executable, *command], tmp_path) == COMPLETED


def test_console_script(tmp_path: Path) -> None:
    """A file that is executed by its first line is its own child too."""
    tool = tmp_path / "tool"
    tool.write_text(f"#!{sys.executable}\n{PROGRAM}")
    tool.chmod(0o755)
    assert run([str(tool), "--own"], tmp_path) == COMPLETED


@pytest.mark.parametrize("options", [[], ["-"]])
def test_no_program_at_all(tmp_path: Path, options: list[str]) -> None:
    """A program typed in or piped in cannot be started again; the error says what to use."""
    assert run([sys.executable, *options], tmp_path, PROGRAM) == (
        "start_failed an interactive interpreter cannot be its own child; use "
        "Runner(launcher=launchers.ChildModule(imports=['the.module.with.your.actions']))\n"
    )


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["-c", "code", "x"], ["-c", "code"]),
        (["-Icode", "x"], ["-Icode"]),
        (["-W", "error", "--check-hash-based-pycs", "always", "/s.py", "x"],
         ["-W", "error", "--check-hash-based-pycs", "always", "/s.py"]),
        (["-Xdev", "-um", "pkg", "-m"], ["-Xdev", "-um", "pkg"]),
        (["-i"], None),
    ],
)  # fmt: skip
def test_interpreter_part(arguments: list[str], part: list[str] | None) -> None:
    """The interpreter's options are told from the program's by the rules of Python's command line."""
    assert _interpreter_part(arguments) == part


def test_wrong_commands() -> None:
    """A command or a list of imports written as one string is refused."""
    with pytest.raises(TypeError) as program:
        launchers.Program("tool --flag")
    assert str(program.value) == "a command is a non-empty list of arguments; found 'tool --flag'"
    with pytest.raises(TypeError) as module:
        launchers.ChildModule("my.actions")
    assert str(module.value) == "imports is a list of module names; found 'my.actions'"
