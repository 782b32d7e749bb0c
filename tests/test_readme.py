"""Every command and every snippet in the README does what the README says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def block(kind: str, name: str) -> str:
    """The fenced block below `<!-- kind: name -->`."""
    match = re.search(rf"<!-- {kind}: {re.escape(name)} -->\n```\w*\n(.*?)```\n", README, re.S)
    assert match, f"README has no {kind} {name}"
    return match[1]


#: Commands that need what a run has left.
AFTER_A_RUN = {"report", "history"}


def commands() -> list[str]:
    """Every line of a shell block that starts with the tool's name."""
    shell = "".join(re.findall(r"```sh\n(.*?)```", README, re.S))
    return [line.split("#")[0].strip() for line in shell.splitlines() if line.startswith("gostage-sim")]


def quick_commands() -> list[str]:
    """All but the self-test: `report/test_selftest_command` runs it and reads every line."""
    assert "gostage-sim selftest" in commands()
    return [command for command in commands() if command != "gostage-sim selftest"]


def in_checkout(folder: Path) -> Path:
    """A folder that looks like a checkout to commands that read scenarios and write reports."""
    (folder / "scenarios").symlink_to(ROOT / "scenarios")
    return folder


def python(*arguments: str, cwd: Path, timeout: int = 1700) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, timeout=timeout)


def test_the_program_is_its_own_child(tmp_path: Path) -> None:
    """The example program is complete, is its own child, and prints what the README shows."""
    (tmp_path / "program.py").write_text(block("snippet", "program.py"))
    done = python("program.py", cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == (block("output", "program.py"), "", 0)


def test_the_scenario_passes(tmp_path: Path) -> None:
    """The scenario file shown is valid and passes."""
    (tmp_path / "scenario.yaml").write_text(block("snippet", "scenario.yaml"))
    done = python("-m", "gostage_sim", "run", "scenario.yaml", "--transport", "all", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 pass" in done.stdout


@pytest.mark.parametrize("name", ["test_users.py", "test_prices.py"])
def test_the_pytest_example_passes(name: str, tmp_path: Path) -> None:
    """The test shown runs in a folder with nothing else in it."""
    (tmp_path / name).write_text(block("snippet", name))
    # A checkout that is not installed has no entry point.
    load = [] if entry_points(group="pytest11", name="gostage_sim") else ["-p", "gostage_sim.pytest_plugin"]
    done = python("-m", "pytest", "-q", *load, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)  # the whole catalogue is among them
@pytest.mark.parametrize("command", quick_commands())
def test_commands(command: str, tmp_path: Path) -> None:
    """Each command runs as it stands. Only the bench may miss a bound here, where the other tests run beside it."""
    _, *arguments = shlex.split(command)
    if arguments[0] in AFTER_A_RUN:
        (tmp_path / "scenario.yaml").write_text(block("snippet", "scenario.yaml"))
        assert python("-m", "gostage_sim", "run", "scenario.yaml", cwd=tmp_path).returncode == 0
    done = python("-m", "gostage_sim", *arguments, cwd=in_checkout(tmp_path))
    allowed = {0, 1} if arguments[0] == "bench" else {0}
    assert done.returncode in allowed, done.stdout + done.stderr
    assert done.stdout
    assert "Traceback" not in done.stderr
    if arguments[0] == "run":
        assert {path.name for path in (tmp_path / "reports" / "latest").iterdir()} >= {
            "report.json",
            "junit.xml",
            "report.html",
            "summary.md",
        }


def test_ci_calls_the_test_command() -> None:
    """CI runs the README's own test command, and both commands for a fresh machine set up what they need."""
    assert "<!-- command: tests -->" in (ROOT / ".ci" / "run").read_text("utf-8")
    for name in ("scenarios", "tests"):
        assert block("command", name).startswith("python3 -m venv .venv && .venv/bin/pip install --quiet ")
        assert block("command", name).count("\n") == 1


def test_map_of_the_house() -> None:
    """The package's docstring names every room there is, and no other."""
    import gostage_sim

    named = set(re.findall(r"`(\w+)`", gostage_sim.__doc__ or ""))
    rooms = {path.stem for path in (ROOT / "gostage_sim").iterdir() if not path.name.startswith(("_", "py."))}
    assert named == rooms
