"""The command line through a real process: usage errors, texts, exit codes. What runs scenarios is in `test_run`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import gostage_sim

GOOD = """\
name: Nothing is broken
tags: [smoke]
children:
  victim:
    steps:
      - send: {count: 3}
    faults:
      - noop: {}
        at: {message: 1}
  sibling:
    steps:
      - send: {count: 3}
"""


def gostage_sim_cli(*arguments: str | Path, cwd: Path, environ: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    root = str(Path(gostage_sim.__file__).parent.parent)
    search = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-m", "gostage_sim", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": search, "COLUMNS": "200", "NO_COLOR": "1", **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "good.yaml").write_text(GOOD)
    return tmp_path


def test_version(tmp_path: Path) -> None:
    """`--version` is one line."""
    assert gostage_sim_cli("--version", cwd=tmp_path) == (0, f"gostage-sim {gostage_sim.__version__}\n", "")


def test_help_is_quick(tmp_path: Path) -> None:
    """`--help` names every subcommand and the exit codes, and loads neither the harness nor a large library."""
    code, text, _ = gostage_sim_cli("--help", cwd=tmp_path)
    assert code == 0
    assert all(
        f"\n  {name} " in text
        for name in (
            "run",
            "report",
            "history",
            "check",
            "list",
            "explain",
            "new",
            "schema",
            "selftest",
            "bench",
            "workflow",
        )
    )
    codes = (
        "Exit codes: 0 pass, 1 fail, 2 bad usage, bad scenario file or output that could not be written, "
        "3 unknown or a defect of the tool, "
        "129, 130 and 143 interrupted by SIGHUP, Ctrl-C and SIGTERM."
    )
    assert codes in " ".join(text.split())
    program = (
        "import sys\nfrom gostage_sim.cli import main\nsys.argv = ['gostage-sim', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "large = {'pydantic', 'numpy', 'rich', 'faker', 'ruamel', 'msgspec', 'multiprocess', 'gostage_sim.report'}\n"
        "sys.exit(', '.join(sorted(large & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fly"], "No such command 'fly'"),
        (["run"], "Missing argument 'PATH"),
        (
            ["run", "x", "--transport", "pigeon"],
            "Error: Invalid value for '--transport' (env var: 'GOSTAGE_IPC_TRANSPORT'): "
            "'pigeon' is not one of 'json', 'grpc', 'all'.\n",
        ),
        (
            ["run", "scenarios", "--report", ""],
            "'--report': '' is not the name of a file or folder; write . for the current folder\n",
        ),
        (["check", ""], "'PATH': '' is not the name of a file or folder; write . for the current folder\n"),
        (["run", "x", "--workers", "9" * 5000], "'auto' or a number of at least 1"),
        (["run", "x", "--seed", "-1"], "'--seed': '-1' is not a whole number from 0 to 9223372036854775807\n"),
        (["run", "x", "--seed", "abc"], "'--seed': 'abc' is not a whole number from 0 to 9223372036854775807\n"),
        (["run", "x", "--seed", "9" * 5000], f"'--seed': '{'9' * 40}…' is not a whole number from 0 to "),
        (["bench", "--rounds", "0"], "'--rounds': '0' is not a whole number from 1 to 1000\n"),
        (["run", "x", "--fast"], "No such option: --fast"),
        (["run", "x", "--workers", "0"], "--workers '0': expected 'auto' or a number of at least 1"),
        (
            ["list", "things"],
            "Error: Invalid value for 'what': 'things' is not one of 'scenarios', 'faults', 'guarantees'",
        ),
        (["list", "faults", "x"], "list faults: found 'x'; only 'list scenarios' takes paths"),
        (["explain", "crsh"], "nothing is called 'crsh'; did you mean 'crash'?"),
        (["explain"], "Missing argument 'NAME'"),
        (["new", "scenarios/good.yaml"], "new scenarios/good.yaml: it exists already, and nothing is overwritten; "),
        (["new", "scenario.txt"], "new scenario.txt: expected a name that ends in .yaml, as scenario files do\n"),
        (["new", "none/x.yaml"], "new none/x.yaml: cannot be written: No such file or directory\n"),
    ],
)
def test_bad_usage(folder: Path, arguments: Sequence[str], message: str) -> None:
    """A message on stderr that says what is wrong, exit code 2, nothing on stdout, no traceback, nothing written."""
    code, out, err = gostage_sim_cli(*arguments, cwd=folder)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert [path.name for path in folder.iterdir()] == ["scenarios"]


def test_check_says_that_all_is_well(folder: Path) -> None:
    """A valid file is counted, and nothing is run."""
    assert gostage_sim_cli("check", "scenarios", cwd=folder) == (0, "no mistakes: 1 scenario in 1 file\n", "")


@pytest.mark.parametrize("command", ["check", "run"])
def test_all_mistakes_of_all_files_at_once(folder: Path, command: str) -> None:
    """Every mistake is a line with file, line and column; paths that do not exist are among them."""
    (folder / "scenarios" / "a.yaml").write_text(GOOD.replace("noop", "nop").replace("Nothing", "A: Nothing"))
    (folder / "scenarios" / "b.yaml").write_text(GOOD.replace("is broken", "else").replace("noop", "nop"))
    (folder / "scenarios" / "c.yaml").write_text(GOOD.replace("Nothing", "C").replace("count", "cuont"))
    code, out, err = gostage_sim_cli(command, "scenarios", "scenarios/god.yaml", cwd=folder)
    assert (code, out) == (2, "")
    lines = err.splitlines()
    assert lines[0] == "scenarios/god.yaml: no such file or folder; did you mean scenarios/good.yaml?"
    assert [line.split(":")[0] for line in lines[1:]] == [f"scenarios/{name}.yaml" for name in "abcc"]
    assert lines[2] == "scenarios/b.yaml:8:9: unknown fault 'nop'; did you mean 'noop'?"
    assert "did you mean 'count'?" in lines[3]


def test_an_empty_selection(folder: Path) -> None:
    """Exit code 2, how many there were, and what is close; nothing is run."""
    assert gostage_sim_cli("run", "scenarios", "-k", "brokn", "--tag", "smok", cwd=folder) == (
        2,
        "",
        "--tag smok -k 'brokn': does not select the only scenario\n"
        "  unknown tag 'smok'; did you mean 'smoke'?\n"
        "  tags: smoke\n"
        "  names: 'Nothing is broken'\n",
    )
    assert not (folder / "reports").exists()


def test_nothing_of_ours_is_called_nothing(tmp_path: Path) -> None:
    """`-k nothing` selects none of the shipped scenarios: a word for an empty selection."""
    shipped = Path(__file__).parent.parent / "scenarios"
    code, out, err = gostage_sim_cli("run", shipped, "-k", "nothing", cwd=tmp_path)
    count = len(gostage_sim_cli("list", "scenarios", shipped, cwd=tmp_path)[1].splitlines())
    assert (code, out) == (2, "")
    assert err.splitlines()[0] == f"-k 'nothing': does not select any of the {count} scenarios"


def test_a_report_folder_that_cannot_be_written(folder: Path) -> None:
    """It is found out before anything runs."""
    (folder / "taken").write_text("")
    assert gostage_sim_cli("run", "scenarios", "--report", "taken", cwd=folder) == (
        2,
        "",
        "--report taken: cannot write there: File exists: taken; choose a folder you can write\n",
    )


def test_a_report_that_cannot_be_replaced(folder: Path) -> None:
    """The error names the report that is in the way, and not the file that was to take its place."""
    (folder / "out" / "report.json").mkdir(parents=True)
    assert gostage_sim_cli("run", "scenarios", "--report", "out", cwd=folder) == (
        2,
        "",
        "--report out: cannot write there: Is a directory: out/report.json; choose a folder you can write\n",
    )


def test_list(folder: Path) -> None:
    """Scenarios of the folder `scenarios` by default, or of the paths given."""
    line = "scenarios/good.yaml  Nothing is broken  [smoke]\n"
    assert gostage_sim_cli("list", "scenarios", cwd=folder) == (0, line, "")
    assert gostage_sim_cli("list", "scenarios", "scenarios/good.yaml", cwd=folder) == (0, line, "")
    code, text, _ = gostage_sim_cli("list", "guarantees", cwd=folder)
    assert code == 0
    assert text.startswith("parent-alive ")


def test_a_locale_without_accents(folder: Path) -> None:
    """A name that the terminal's encoding lacks is shown with escapes instead of ending the program."""
    (folder / "scenarios" / "good.yaml").write_text(GOOD.replace("Nothing", "Ça, rien"), encoding="utf-8")
    code, text, err = gostage_sim_cli("list", "scenarios", cwd=folder, environ={"PYTHONIOENCODING": "ascii"})
    assert (code, err) == (0, "")
    assert text == "scenarios/good.yaml  \\xc7a, rien is broken  [smoke]\n"


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_closed_standard_stream(folder: Path, closed: int) -> None:
    """`gostage-sim check … >&-` does its work; no file that is opened later takes the place of the stream."""
    program = (
        "import os, sys\nfrom gostage_sim.cli import main\nsys.argv = ['gostage-sim', 'check', 'scenarios']\n"
        "try: main()\nfinally: os.fstat(0), os.fstat(1), os.fstat(2)\n"
    )
    shell = ["sh", "-c", f'exec "$@" {closed}>&-', "sh", sys.executable, "-c", program]
    done = subprocess.run(shell, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    said = "" if closed == 1 else "no mistakes: 1 scenario in 1 file\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")


@pytest.mark.parametrize(
    "command", ["check {}", "run {}", "list scenarios {}", "workflow check {}", "selftest", "bench"]
)
def test_a_directory_that_is_gone(tmp_path: Path, command: str) -> None:
    """Where the current directory was removed, one line says so."""
    assert in_a_directory_that_is_gone(command.format(tmp_path), tmp_path) == (
        2,
        "",
        "the current directory does not exist any more; change to one that does\n",
    )


@pytest.mark.parametrize("command", ["--help", "--version", "run --help", "list faults", "explain crash"])
def test_what_needs_no_directory(tmp_path: Path, command: str) -> None:
    """Help is had anywhere, also in a directory that was removed."""
    assert in_a_directory_that_is_gone(command, tmp_path) == gostage_sim_cli(*command.split(), cwd=tmp_path)


def in_a_directory_that_is_gone(command: str, tmp_path: Path) -> tuple[int, str, str]:
    shell = f"mkdir gone && cd gone && rmdir ../gone && exec {sys.executable} -P -m gostage_sim {command}"
    environ = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(["sh", "-c", shell], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_ctrl_c_before_the_command_line_is_there(tmp_path: Path) -> None:
    """An interrupt while modules are still being imported leaves no traceback."""
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nsignal.pause()\n")
    code, out, err = gostage_sim_cli("list", "faults", cwd=tmp_path)  # `-m` looks for typer here first
    assert (code, out, err) == (130, "", "")


def test_hardly_any_descriptor(folder: Path) -> None:
    """With fewer than the run itself needs it says so, in one line, and what to do."""
    command = f"ulimit -n 9; exec {sys.executable} -m gostage_sim run scenarios --transport json"
    root = str(Path(gostage_sim.__file__).parent.parent)
    environ = {**os.environ, "PYTHONPATH": root, "NO_COLOR": "1"}
    done = subprocess.run(["sh", "-c", command], cwd=folder, env=environ, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (
        2,
        "Too many open files: this process may have 9 open; raise the limit with `ulimit -n`\n",
    )


def test_a_new_file_runs(tmp_path: Path) -> None:
    """What `new` writes passes on both transports as it is; the schema beside it is the one that `schema` prints."""
    code, out, err = gostage_sim_cli("new", "my-first.yaml", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert [line.partition(":")[0] for line in out.splitlines()] == ["my-first.yaml", "scenario.schema.json"]
    assert gostage_sim_cli("schema", cwd=tmp_path) == (0, (tmp_path / "scenario.schema.json").read_text(), "")
    before = (tmp_path / "my-first.yaml").read_text()
    assert gostage_sim_cli("new", "my-first.yaml", cwd=tmp_path)[0] == 2
    assert (tmp_path / "my-first.yaml").read_text() == before
    code, out, _ = gostage_sim_cli("run", "my-first.yaml", "--transport", "all", cwd=tmp_path)
    assert code == 0, out
    assert "2 cases: 2 pass" in out
    (tmp_path / "scenario.schema.json").write_text("mine")
    code, out, _ = gostage_sim_cli("new", cwd=tmp_path)
    assert (code, out) == (0, "scenario.yaml: a scenario that runs; change it\n")
    assert (tmp_path / "scenario.schema.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("gostage-sim se", ["selftest"]),
        ("gostage-sim run --trans", ["--transport"]),
        ("gostage-sim run --transport g", ["grpc"]),
        ("gostage-sim explain kill", ["kill", "kill_parent"]),
        ("gostage-sim explain no-o", ["no-orphans"]),
    ],
)
def test_the_shell_is_offered_what_there_is(words: str, offered: list[str], tmp_path: Path) -> None:
    """As bash asks, by the function that it is taught: commands, options, choices, names."""
    asked = {
        "_GOSTAGE_SIM_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    code, stdout, stderr = gostage_sim_cli(cwd=tmp_path, environ=asked)
    assert (code, stdout.split(), stderr) == (0, offered, "")
    _, taught, _ = gostage_sim_cli(cwd=tmp_path, environ={"_GOSTAGE_SIM_COMPLETE": "source_bash"})
    assert "_GOSTAGE_SIM_COMPLETE=complete_bash" in taught
