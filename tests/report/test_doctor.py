"""`gostage-sim doctor`: each thing is tried for real, and what is lost without it is said."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from gostage_sim.report.doctor import doctor, examine


def lines(text: str, state: str) -> dict[str, str]:
    """What was found to be in this state, and what it means."""
    found: dict[str, str] = {}
    name = None
    for line in text.splitlines():
        if line.startswith(f"{state} "):
            name = line[10:].split("  ")[0]
            found[name] = line
        elif name is not None and line.startswith(" " * 10):
            found[name] += line
        else:
            name = None
    return found


def run(
    program: str = "from gostage_sim.report.doctor import doctor; sys.exit(doctor())", files: int = 0
) -> tuple[int, str]:
    """In a process of its own, which may have so many files open; exit code and output."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}))\n" if files else ""
    done = subprocess.run([sys.executable, "-c", f"import sys\n{limit}{program}"], capture_output=True, text=True)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_where_these_tests_run_scenarios_do() -> None:
    """All that is needed is there, and everything is told of once."""
    code, text = run()
    assert (code, lines(text, "missing")) == (0, {})
    names = [finding.name for finding in examine()]
    assert len(names) == len({*names})
    assert {*lines(text, "ok"), *lines(text, "degraded")} == {*names}
    assert "scenarios can run here: 0 missing" in text


def test_what_is_degraded_says_what_that_means() -> None:
    """With few files scenarios run, but for the large ones; a limit that is high is no matter."""
    code, text = run(files=512)
    assert code == 0
    assert "at most 512" in lines(text, "degraded")["open files"]
    assert "`ulimit -Hn 4096`" in lines(text, "degraded")["open files"]
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= 4096:
        assert "open files" not in lines(run()[1], "degraded")


def test_what_is_missing_is_exit_code_1() -> None:
    """Without numpy nothing is judged; without grpcio one transport is left."""
    block = "sys.modules.update(numpy=None, grpc=None)\n"
    code, text = run(block + "from gostage_sim.report.doctor import doctor; sys.exit(doctor())")
    assert code == 1
    assert list(lines(text, "missing")) == ["numpy"]
    assert "choose --transport json" in lines(text, "degraded")["grpcio"]
    assert "scenarios cannot run here: 1 missing" in text


@pytest.mark.parametrize(
    ("release", "state"),
    [("6.1.0-13-amd64", "degraded"), ("6.14.9", "degraded"), ("6.15.0", "ok"), ("7.0", "ok"), ("10.2.1-x", "ok")],
)
def test_the_release_of_the_kernel(release: str, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compared by number: what the kernel tells by a pidfd came with 6.15."""
    monkeypatch.setattr(platform, "release", lambda: release)
    (found,) = [finding for finding in examine() if finding.name == "lost status"]
    assert found.state == state
    assert bool(found.meaning) == (state == "degraded")


NOT_LINUX = """
import fcntl, os, select, signal, sys
for module, name in (
    (fcntl, "F_GETPIPE_SZ"), (fcntl, "F_SETPIPE_SZ"), (fcntl, "F_SETSIG"), (os, "eventfd"), (os, "memfd_create"),
    (os, "pidfd_open"), (os, "sched_getaffinity"), (os, "P_PIDFD"), (select, "epoll"), (signal, "pidfd_send_signal"),
):
    delattr(module, name)
sys.argv = ["gostage-sim", *sys.argv[1:]]
from gostage_sim.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize("command", ["list faults", "explain small_pipe", "schema", "check .", "new made.yaml"])
def test_what_starts_no_child_needs_no_linux(command: str, tmp_path: Path) -> None:
    """As the doctor says: without what only Linux has, these work all the same."""
    (tmp_path / "small.yaml").write_text("name: small\nchildren: {a: {steps: [{send: 5}]}}\n")
    done = subprocess.run(
        [sys.executable, "-c", NOT_LINUX, *command.split()], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_another_system_is_told_what_works_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not Linux: no scenario runs, and what does is named."""
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert doctor() == 1
    assert "check, list, explain" in lines(capsys.readouterr().out, "missing")["system"]
