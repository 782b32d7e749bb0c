"""Which command starts a child."""

from __future__ import annotations

import os
import subprocess
import sys
import zipapp
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gostage_sim import gostage
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


@pytest.mark.parametrize("shebang", [None, f"{sys.executable} -B"], ids=["python app.pyz", "./app.pyz"])
def test_zipapp(tmp_path: Path, shebang: str | None) -> None:
    """An archive is its own child, run by Python or by its first line."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "__main__.py").write_text(PROGRAM)
    zipapp.create_archive(tmp_path / "source", tmp_path / "app.pyz", shebang)
    assert (
        run([sys.executable, "app.pyz", "--own"] if shebang is None else ["./app.pyz", "--own"], tmp_path) == COMPLETED
    )


def test_entry_point_script(tmp_path: Path) -> None:
    """The script that pip makes of an entry point starts itself again, and its module registers the actions."""
    (tmp_path / "tool.py").write_text(PROGRAM.removesuffix("main()\n"))
    script = tmp_path / "bin" / "tool"
    script.parent.mkdir()
    script.write_text(
        f"#!{sys.executable}\nimport re\nimport sys\nfrom tool import main\nif __name__ == '__main__':\n"
        "    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n    sys.exit(main())\n"
    )
    script.chmod(0o755)
    assert run([str(script), "--own"], tmp_path) == COMPLETED


def test_frozen_program(tmp_path: Path) -> None:
    """A frozen program is its executable, whatever else is on its command line."""
    app = tmp_path / "app"
    frozen = f"import sys\nsys.frozen, sys.executable, sys.orig_argv = True, {str(app)!r}, ['?']\n"
    app.write_text(f"#!{sys.executable}\n{frozen}{PROGRAM}")
    app.chmod(0o755)
    assert run([str(app), "--own"], tmp_path) == COMPLETED


@pytest.mark.parametrize(("options", "place"), [([], "<stdin>:4"), (["-"], "<stdin>:4")], ids=["piped", "-"])
def test_actions_of_no_program_at_all(tmp_path: Path, options: list[str], place: str) -> None:
    """An action that was typed in or piped in cannot be imported by a child; the error says what to use."""
    assert run([sys.executable, *options], tmp_path, PROGRAM) == (
        f"start_failed action 'act' was registered at {place} by running code, not by importing a module, and this "
        "program is an interactive interpreter, which cannot be its own child; use "
        "Runner(launcher=launchers.ForkServer()), whose children take closures too, or move it to the top of a module "
        "and use Runner(launcher=launchers.ChildModule(imports=['the.module.with.your.actions']))\n"
    )


@pytest.mark.parametrize(
    ("launcher", "import_"),
    [("None", "from tool import gostage"), ("gostage.launchers.ForkServer()", "from gostage_sim import gostage")],
)
def test_interactive_interpreter(tmp_path: Path, launcher: str, import_: str) -> None:
    """In an interpreter without a program, actions of imported modules run in a child; a fork server takes any."""
    (tmp_path / "tool.py").write_text(PROGRAM.removesuffix("main()\n"))
    define = "@gostage.action('act')\ndef act(ctx): ctx.send('argv', 'here')\n\n" if "Fork" in launcher else ""
    text = (
        f"{import_}\n{define}runner = gostage.Runner(launcher={launcher})\n"
        "result = runner.spawn(gostage.SubWorkflowDef.of('act'), check=True)\nprint(result.message_counts['argv'])\n"
    )
    assert run([sys.executable, "-"], tmp_path, text) == "1\n"


@pytest.mark.parametrize("module", ["pkg.sub", "pkg", "top"])
@pytest.mark.parametrize(("before", "options"), [("", "cwd='/'"), ("os.chdir('/')", "")], ids=["cwd", "chdir"])
def test_module_in_another_folder(tmp_path: Path, module: str, before: str, options: str) -> None:
    """A program that is run as a module of its folder is found by a child that begins in another one."""
    program = (
        "import os\nfrom gostage_sim import gostage\n@gostage.action('act')\ndef act(ctx): pass\n"
        f"if gostage.is_child(): gostage.child_main()\n{before}\n"
        f"options = gostage.SpawnOptions({options})\n"
        "result = gostage.Runner().spawn(gostage.SubWorkflowDef.of('act'), options=options)\n"
        "print(result.outcome, result.stderr_tail)\n"
    )
    (tmp_path / "pkg").mkdir()
    for name in ("pkg/__main__.py", "pkg/sub.py", "top.py"):
        (tmp_path / name).write_text(program)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    argv = [sys.executable, "-m", module]
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("completed \n", "")


SEARCHING = """
import os, sys
{before}
import helper
from gostage_sim import gostage
gostage.action("act")(lambda ctx: ctx.store.put("path", os.environ.get("PYTHONPATH")))
if gostage.is_child(): gostage.child_main()
{after}
options = gostage.SpawnOptions({options})
result = gostage.Runner().spawn(gostage.SubWorkflowDef.of("act"), options=options)
print(result.outcome, result.final_store.get("path"), result.stderr_tail)
"""


@pytest.mark.parametrize(
    ("command", "path", "before", "after", "options", "told"),
    [
        (["-c"], "{libraries}", "", "", "cwd='/'", "{libraries}:{here}"),
        (["-c"], "{libraries}", "", "", "", "{libraries}"),
        (["-c"], "lib:{libraries}", "", "", "cwd='/'", "{here}/lib:{libraries}:{here}"),
        (["app/program.py"], "lib:{libraries}", "", "", "cwd='/'", "{here}/lib:{libraries}"),
        (["app/program.py"], "lib:{libraries}", "", "", "", "lib:{libraries}"),
        (["app/program.py"], "./lib/:{libraries}", "", "os.chdir('/')", "", "{here}/lib:{libraries}"),
        (["app/program.py"], "./lib/:{libraries}", "", "os.chdir('/')", "cwd='/tmp'", "{here}/lib:{libraries}"),
        (["-m", "app.program"], "lib:{libraries}", "", "", "cwd='/'", "{here}:{here}/lib:{libraries}"),
        (["app/program.py"], "{libraries}", "sys.path.append('lib')", "", "cwd='/'", "{libraries}:{here}/lib"),
        (["app/program.py"], "{libraries}", "sys.path.append('')", "", "cwd='/'", "{libraries}:{here}"),
        (["-c"], "lib:{libraries}", "", "", "cwd='/', environment=dict(PYTHONPATH='{mine}')", "{mine}"),
    ],
)  # fmt: skip
def test_a_path_that_is_relative(
    tmp_path: Path, command: list[str], path: str, before: str, after: str, options: str, told: str
) -> None:
    """A child in another folder finds the modules that this program finds; an absolute path is as it was."""
    for folder in ("app", "lib"):
        (tmp_path / folder).mkdir()
    libraries = os.pathsep.join(entry for entry in dict.fromkeys(sys.path) if os.path.isdir(entry))
    names = {"here": tmp_path, "libraries": libraries, "mine": f"{libraries}:{tmp_path}/lib"}
    program = SEARCHING.format(before=before, after=after, options=options.format(**names))
    (tmp_path / "app" / "program.py").write_text(program)
    in_lib = "lib" in path.replace("{libraries}", "") or "lib" in before
    (tmp_path / ("lib/helper.py" if in_lib else "helper.py")).touch()
    environment = {**os.environ, "PYTHONPATH": path.format(**names)}
    argv = [sys.executable, *command, *([program] if command == ["-c"] else [])]
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout == f"completed {told.format(**names)} \n"


def test_an_engine_that_is_found_by_a_relative_path(tmp_path: Path) -> None:
    """A child of the engine's own in another folder finds the engine where this program has found it."""
    (tmp_path / "gostage_sim").symlink_to(Path(gostage.__file__).parent.parent)
    (tmp_path / "site").symlink_to(Path(pytest.__file__).parent.parent)
    code = (
        "from gostage_sim import gostage\nrunner = gostage.Runner(launcher=gostage.launchers.ChildModule())\n"
        "result = runner.spawn(gostage.SubWorkflowDef.of(), options=gostage.SpawnOptions(cwd='/'))\n"
        "print(result.outcome, result.stderr_tail)\n"
    )
    environment = {**os.environ, "PYTHONPATH": "site:."}
    argv = [sys.executable, "-S", "-c", code]
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("completed \n", "")


WORKERS = """
import multiprocessing, sys
from gostage_sim import gostage
@gostage.action("act")
def act(ctx): pass
def work(_):
    result = gostage.Runner().spawn(gostage.SubWorkflowDef.of("act"), options=gostage.SpawnOptions(timeout_s=30))
    return f"{result.outcome} {result.error and result.error.message}"
if __name__ == "__main__":
    if gostage.is_child(): gostage.child_main()
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        print(pool.map(work, [1])[0])
"""


@pytest.mark.parametrize("command", [["program.py"], ["-m", "program"]], ids=" ".join)
@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing(tmp_path: Path, way: str, command: list[str]) -> None:
    """A worker of multiprocessing starts the program that it is of, not the code that made it a worker."""
    (tmp_path / "program.py").write_text(WORKERS)
    assert run([sys.executable, *command, way], tmp_path) == "completed None\n"


def test_worker_without_a_program(tmp_path: Path) -> None:
    """A child of a fork server has no program to start: the error says what it is and what to use."""
    (tmp_path / "program.py").write_text(
        "from gostage_sim import gostage\n"
        "@gostage.action('leaf')\ndef leaf(ctx): pass\n"
        "@gostage.action('outer')\ndef outer(ctx):\n"
        "    error = gostage.Runner().spawn(gostage.SubWorkflowDef.of('leaf')).error\n"
        "    ctx.store.put('said', error.message)\n"
        "with gostage.launchers.ForkServer() as server:\n"
        "    result = gostage.Runner(launcher=server).spawn(gostage.SubWorkflowDef.of('outer'))\n"
        "    print(result.final_store.get('said') or result)\n"
    )
    said = run([sys.executable, "program.py"], tmp_path)
    assert said == (
        f"action 'leaf' was registered at {tmp_path / 'program.py'}:2 by running code, not by importing a module, and "
        "this program is a child of a fork server, which cannot be its own child; use "
        "Runner(launcher=launchers.ForkServer()), whose children take closures too, or move it to the top of a module "
        "and use Runner(launcher=launchers.ChildModule(imports=['the.module.with.your.actions']))\n"
    )


@pytest.mark.parametrize("runner", ["cProfile", "trace --trackcalls", "coverage run"])
def test_program_under_a_runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: str) -> None:
    """A program under a profiler, a tracer or coverage is its own child, without them."""
    if "trackcalls" in runner:  # it prints an error for each thread of gRPC's own that ends: nobody calls what frees it
        monkeypatch.setenv("GOSTAGE_IPC_TRANSPORT", "json")
    (tmp_path / "program.py").write_text(PROGRAM.replace('os.chdir("/")', "pass"))
    assert run([sys.executable, "-m", *runner.split(), "program.py"], tmp_path).startswith(COMPLETED)


@pytest.mark.parametrize("console", ["code", "asyncio"])
def test_consoles(tmp_path: Path, console: str) -> None:
    """A console that is run as a module is an interactive interpreter too."""
    text = (
        "from gostage_sim import gostage\nx = gostage.action('act')(lambda ctx: None)\n"
        "print(gostage.Runner().spawn(gostage.SubWorkflowDef.of('act')).error.message)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", console], cwd=tmp_path, input=text, capture_output=True, text=True, timeout=60
    )
    assert "and this program is an interactive interpreter, which cannot be its own child; use " in done.stdout


def test_program_that_a_test_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that imports pytest and inherits its variables is still a program."""
    monkeypatch.setenv("PYTEST_VERSION", pytest.__version__)
    (tmp_path / "program.py").write_text(f"import pytest\n{PROGRAM}")
    assert run([sys.executable, "program.py"], tmp_path) == COMPLETED


@pytest.mark.parametrize("options", ["", "cwd='/'"], ids=["here", "elsewhere"])
def test_child_module_finds_what_the_program_finds(tmp_path: Path, options: str) -> None:
    """A module beside the script, or along a path that the program has added, is found by the child in any folder."""
    for name in ("app", "lib"):
        (tmp_path / name).mkdir()
    (tmp_path / "app" / "beside.py").write_text(
        "from gostage_sim import gostage\ngostage.action('a')(lambda ctx: None)\n"
    )
    (tmp_path / "lib" / "added.py").write_text(
        "from gostage_sim import gostage\ngostage.action('b')(lambda ctx: None)\n"
    )
    (tmp_path / "app" / "program.py").write_text(
        "import sys\nfrom gostage_sim import gostage\nsys.path.append('lib')\n"
        "runner = gostage.Runner(launcher=gostage.launchers.ChildModule(['beside', 'added']))\n"
        f"result = runner.spawn(gostage.SubWorkflowDef.of('a', 'b'), options=gostage.SpawnOptions({options}))\n"
        "print(result.outcome, result.stderr_tail)\n"
    )
    assert run([sys.executable, "app/program.py"], tmp_path) == "completed \n"


@pytest.mark.skipif(
    (3, 13) <= sys.version_info < (3, 13, 3) and os.environ.get("GOSTAGE_IPC_TRANSPORT") == "grpc",
    reason="these Pythons cannot import asyncio, as grpcio does, in a folder that was removed: python/cpython#130932",
)
def test_child_module_in_a_removed_folder(tmp_path: Path) -> None:
    """A program whose folder was removed starts its children all the same."""
    (tmp_path / "gone").mkdir()
    (tmp_path / "acts.py").write_text("from gostage_sim import gostage\ngostage.action('a')(lambda ctx: None)\n")
    code = (
        "import os\nfrom gostage_sim import gostage\nos.chdir('gone')\nos.rmdir(os.getcwd())\n"
        "runner = gostage.Runner(launcher=gostage.launchers.ChildModule(['acts']))\n"
        "print(runner.spawn(gostage.SubWorkflowDef.of('a')).outcome)\n"
    )
    (tmp_path / "program.py").write_text(code)
    assert run([sys.executable, "program.py"], tmp_path) == "completed\n"


def test_child_module_keeps_the_options_of_the_interpreter(tmp_path: Path) -> None:
    """The child's interpreter has the options that this program's was started with."""
    (tmp_path / "acts.py").write_text(
        "import sys\nfrom gostage_sim import gostage\n"
        "@gostage.action('a')\ndef a(ctx): ctx.store.put('flags', [sys.flags.optimize, sys.flags.isolated])\n"
    )
    code = (
        "from gostage_sim import gostage\nrunner = gostage.Runner(launcher=gostage.launchers.ChildModule(['acts']))\n"
        "print(runner.spawn(gostage.SubWorkflowDef.of('a'), check=True).final_store['flags'])\n"
    )
    assert run([sys.executable, "-O", "-c", code], tmp_path) == "[1, 0]\n"


TEST_MODULE = """
from actions import gostage, make
@gostage.action("at.the.top")
def act(ctx): ctx.send("act", __name__)
make("at.import")
def spawn(id):
    return gostage.Runner().spawn(gostage.SubWorkflowDef.of("elsewhere", id))
def test_imported():
    assert spawn("at.the.top").message_counts["act"] == 2
    assert spawn("at.import").message_counts["act"] == 2
def test_closure():
    make("late")
    error = spawn("late").error
    assert error.message == (
        f"action 'late' was registered at {make.__code__.co_filename}:6 by running code, not by importing a module, "
        "and this program is pytest, which cannot be its own child; use Runner(launcher=launchers.ForkServer()), whose "
        "children take closures too, or move it to the top of a module and use "
        "Runner(launcher=launchers.ChildModule(imports=['the.module.with.your.actions']))"
    )
def test_unknown():
    error = spawn("at.the.topp").error
    assert error.message.startswith("unknown action 'at.the.topp'; registered in this process: elsewhere")
"""
ACTIONS_MODULE = """
from gostage_sim import gostage
def act(ctx):
    ctx.send("act", __name__)
def make(id):
    gostage.register_action(id, lambda: gostage.FunctionAction(id, act))
make("elsewhere")
"""


@pytest.mark.parametrize("mode", ["prepend", "importlib"])
@pytest.mark.parametrize("command", [["pytest"], ["pytest", "-n", "1"], ["-m"]], ids=" ".join)
def test_under_pytest(tmp_path: Path, command: list[str], mode: str) -> None:
    """Under pytest, `pytest -n` and `python -m pytest` a child imports what registered the actions, also a test module
    that no path leads to; an action that no import registers is an error which says so."""
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "actions.py").write_text(ACTIONS_MODULE)
    (tmp_path / "tests" / "deep").mkdir(parents=True)
    (tmp_path / "tests" / "deep" / "test_it.py").write_text(TEST_MODULE)
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = library\n")
    pytest_ = str(Path(sys.executable).with_name("pytest"))
    argv = [sys.executable, "-m", "pytest"] if command == ["-m"] else [pytest_, *command[1:]]
    more = ["-q", f"--import-mode={mode}", "-p", "no:cacheprovider", "-W", "error", "tests"]
    assert "3 passed in " in run([*argv, *more], tmp_path)


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


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        (
            lambda wrong: gostage.Runner(launcher=wrong("x")),
            "launcher is an object with a method start(launch); found 'x'",
        ),
        (
            lambda wrong: gostage.Runner(launcher=wrong(gostage.launchers.ForkServer)),
            f"launcher is an object with a method start(launch); found {gostage.launchers.ForkServer!r}",
        ),
        (
            lambda wrong: gostage.launchers.Program(["ls", wrong(3)]),
            "the arguments of a command are str, bytes or paths; found 3",
        ),
        (
            lambda wrong: gostage.Runner().start(gostage.SubWorkflowDef.of("x"), initial_store=wrong({1: 2})),
            "the keys of initial_store are str; found 1",
        ),
    ],
)
def test_wrong_arguments_are_refused_at_once(mistake: Callable[[Callable[[Any], Any]], object], text: str) -> None:
    """A mistake of the caller is a TypeError where it is made, and not the result of some later child."""
    with pytest.raises(TypeError) as caught:
        mistake(lambda wrong: wrong)
    assert str(caught.value) == text
