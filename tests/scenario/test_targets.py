"""The user's own actions are looked up, whatever importing them does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gostage_sim.scenario.targets import target_problem


@pytest.fixture(autouse=True)
def _modules_as_before() -> Iterator[None]:
    before = dict(sys.modules)
    yield
    for name in set(sys.modules) - set(before):
        del sys.modules[name]


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
        ("import os\nos._exit(0)", "importing 'mod_x' raises SystemExit: os._exit(0)"),
        ("run = 3", "'mod_x:run' is a int; expected a function of one argument"),
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


def test_ctrl_c_passes_through(tmp_path: Path) -> None:
    """A user who interrupts a slow import is not ignored."""
    (tmp_path / "mod_k.py").write_text("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        target_problem("mod_k:run", tmp_path)


def test_what_a_module_prints_is_dropped(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A chatty module does not disturb the output of the tool."""
    (tmp_path / "mod_p.py").write_text("import sys\nprint('out')\nsys.stderr.write('err')\ndef run(ctx): ...")
    path = list(sys.path)
    assert target_problem("mod_p:run", tmp_path) is None
    assert capfd.readouterr() == ("", "")
    assert sys.path == path


def test_the_current_directory_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module beside the user's tests is found although the scenario lies elsewhere."""
    (tmp_path / "mod_c.py").write_text("class jobs:\n    def run(ctx): ...")
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path)
    assert target_problem("mod_c:jobs.run", tmp_path / "deep") is None


def test_two_folders_may_use_one_module_name(tmp_path: Path) -> None:
    """Each scenario gets the module of its own folder, and each module runs once."""
    for folder, name in (("a", "first"), ("b", "second")):
        (tmp_path / folder).mkdir()
        once = "import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch(exist_ok=False)\n"
        (tmp_path / folder / "mod_same.py").write_text(f"{once}def {name}(ctx): ...")
    for _ in range(2):
        assert target_problem("mod_same:first", tmp_path / "a") is None
        assert target_problem("mod_same:second", tmp_path / "b") is None


def test_a_module_that_forks_does_not_double_us(tmp_path: Path) -> None:
    """A process that the module leaves behind ends there; the directory stays what it was."""
    (tmp_path / "mod_f.py").write_text(
        "import os\nos.chdir('/')\npid = os.fork()\nif pid:\n    ended = os.waitpid(pid, 0)[1]\ndef run(ctx): ..."
    )
    directory = Path.cwd()
    assert target_problem("mod_f:run", tmp_path) is None
    assert sys.modules["mod_f"].ended == 0
    assert Path.cwd() == directory
