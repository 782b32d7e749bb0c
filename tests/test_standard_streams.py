"""What becomes of output when whoever started the command line closed it, filled the disk, or stopped to read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

WORKFLOW = """\
id: w
stages:
  - {id: s, actions: [{id: nothing}]}
"""
ACTIONS = "from gostage_sim import gostage\n@gostage.action('nothing')\ndef nothing(ctx): pass\n"
SCENARIO = "name: One\nchildren: {one: {steps: [{send: {count: 3}}]}}\nguarantees: [no-loss]\n"
LOST = "could not write to standard output: No space left on device\n"

COMMANDS = [
    "--help",
    "--version",
    "run --help",
    "workflow --help",
    "list scenarios {}",
    "list faults",
    "list guarantees",
    "explain crash",
    "check {}",
    "workflow check w.yaml --import actions",
    "workflow run w.yaml --import actions",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "one.yaml").write_text(SCENARIO)
    (tmp_path / "w.yaml").write_text(WORKFLOW)
    (tmp_path / "actions.py").write_text(ACTIONS)
    return tmp_path


def gostage_sim(command: str, folder: Path, stdout: int, stderr: int = subprocess.PIPE) -> tuple[int, str]:
    """Exit code and standard error, with that descriptor as standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "gostage_sim", *command.format("scenarios").split()],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stderr


@pytest.fixture
def full() -> Iterator[int]:
    """A disk without room."""
    fd = os.open("/dev/full", os.O_WRONLY)
    yield fd
    os.close(fd)


@pytest.fixture
def closed_pipe() -> Iterator[int]:
    """A pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk(folder: Path, full: int, command: str) -> None:
    """Output that is lost is said, once and in one line, and is no success."""
    code, err = gostage_sim(command, folder, full)
    assert code == 2
    assert err == LOST or (err.endswith("\nworkflow w: completed\n" + LOST) and command.startswith("workflow run"))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_closed_pipe(folder: Path, closed_pipe: int, command: str) -> None:
    """`gostage-sim … | head -0` is no error and says nothing."""
    code, err = gostage_sim(command, folder, closed_pipe)
    assert (code, "write" in err) == (0, False)
    assert err == "" or command.startswith("workflow run")


@pytest.mark.parametrize("command", ["run scenarios -k other", "list things", "check nothing.yaml"])
def test_a_disk_that_is_full_for_both(folder: Path, full: int, command: str) -> None:
    """Where nothing can be said at all the exit code still tells."""
    assert gostage_sim(command, folder, full, full)[0] == 2


def test_a_run_goes_on_without_its_output(folder: Path, full: int, closed_pipe: int) -> None:
    """Its reports are whole whatever becomes of the terminal; the lost lines are told all the same."""
    assert gostage_sim("run {} --transport json", folder, closed_pipe) == (0, "")
    report = folder / "reports" / "latest" / "report.json"
    assert '"pass": 1' in report.read_text()
    report.write_text(report.read_text().replace('"pass": 1', '"pass": 0'))
    assert gostage_sim("run {} --transport json", folder, full) == (2, LOST)
    assert '"pass": 1' in report.read_text()


def test_a_failure_is_told_before_lost_output(folder: Path, full: int) -> None:
    """A verdict that is not pass keeps its exit code."""
    scenario = SCENARIO + "expect: {one: {handled: 2}}\n"
    (folder / "scenarios" / "one.yaml").write_text(scenario.replace("no-loss", "as-expected"))
    assert gostage_sim("run {} --transport json", folder, full) == (1, LOST)


def test_a_slow_reader_of_a_pipe_that_does_not_block(folder: Path) -> None:
    """Output waits for room where somebody made the descriptor non-blocking, as terminals shared with others are."""
    program = (
        "import sys; from gostage_sim.standard_streams import take_over\n"
        "stdout = take_over()\n"
        "for number in range(20): print('x' * 99_999)\n"
        "sys.stdout.flush(); sys.exit(stdout.problem)"
    )
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with subprocess.Popen([sys.executable, "-c", program], stdout=writer, stderr=subprocess.PIPE) as process:
        os.close(writer)
        with open(reader, "rb") as read:
            assert len(read.read()) == 2_000_000
        assert (process.wait(60), process.stderr and process.stderr.read()) == (0, b"")
