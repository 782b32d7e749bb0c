"""`gostage-sim run` as users run it: real processes, signals, pipes and terminals."""

from __future__ import annotations

import json
import os
import platform
import shlex
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import gostage_sim

SCENARIO = """\
name: {name}
tags: [{tag}]
children:
  victim:
    {limits}
    steps:
      - send: {{count: 30}}
      - send: {{count: 30, type: other}}
    faults:
      - {fault}
        at: {{message: 20}}
  sibling:
    copies: 2
    steps:
      - send: {{count: 30}}
      - send: {{count: 30, type: other}}
expect:
  victim: {expect}
  sibling: {{outcome: completed, handled: 60}}
"""
CRASH = {"fault": "crash: {signal: SIGSEGV}", "limits": "copies: 1", "tag": "crash"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two scenarios that crash, of which the second expects something else."""
    (tmp_path / "scenarios").mkdir()
    right = SCENARIO.format(name="A bad pointer", expect="{outcome: signaled, handled: 20}", **CRASH)
    wrong = SCENARIO.format(name="Better than it was", expect="{outcome: completed}", **CRASH)
    (tmp_path / "scenarios" / "right.yaml").write_text(right)
    (tmp_path / "scenarios" / "wrong.yaml").write_text(wrong)
    return tmp_path


def start(
    *arguments: str, cwd: Path, environ: dict[str, str] | None = None, before: Sequence[str] = (), **options: Any
) -> subprocess.Popen[str]:
    root = str(Path(gostage_sim.__file__).parent.parent)
    search = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [*before, sys.executable, "-m", "gostage_sim", *arguments],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": search, "GOSTAGE_IPC_TRANSPORT": "json", **(environ or {})},
        stdin=subprocess.DEVNULL,
        text=True,
    )


def run(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    process = start("run", *arguments, cwd=cwd)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def report_in(directory: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((directory / "report.json").read_text())
    return document


def living_with(mark: str) -> list[str]:
    """Command lines of processes that have the mark in their environment, as all descendants of a run do."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except OSError:  # gone meanwhile, or of someone else
            continue
    return found


def test_the_whole_way(folder: Path) -> None:
    """A pass and a fail: exit code 1, the failure last with its command, three reports and the histories."""
    code, out, err = run("scenarios", "--seed", "5", cwd=folder)
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[0].startswith("2 scenarios, transport json, ")
    assert lines[0].endswith(", seed 5")
    assert any(line.startswith("fail: Better than it was (scenarios/wrong.yaml, json, seed 5)") for line in lines)
    assert lines[-2].startswith("2 scenarios: 1 pass, 0 unknown, 1 fail in ")
    assert lines[-1] == "reports: reports/latest/report.json"
    reports = folder / "reports" / "latest"
    assert sorted(each.name for each in reports.iterdir()) == [
        "histories",
        "junit.xml",
        "report.html",
        "report.json",
        "summary.md",
        "trace.json",
    ]
    document = report_in(reports)
    assert [result["verdict"] for result in document["results"]] == ["pass", "fail"]
    assert [result["children"][0]["handled"] for result in document["results"]] == [20, 20]
    root = ElementTree.parse(reports / "junit.xml").getroot()
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("2", "1", "0")
    assert (reports / "summary.md").read_text().startswith("# gostage-sim: fail\n")


def test_both_transports_are_run_and_compared(folder: Path) -> None:
    """Without the environment's word all transports are run; a scenario that does not have the chosen one is named."""
    text = (folder / "scenarios" / "right.yaml").read_text()
    (folder / "scenarios" / "wrong.yaml").write_text(text.replace("A bad pointer", "Lines") + "transports: [json]\n")
    process = start("run", "scenarios", cwd=folder, environ={"GOSTAGE_IPC_TRANSPORT": ""})
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    results = report_in(folder / "reports" / "latest")["results"]
    assert [(each["scenario"], each["transport"], each["guarantees"][-1]["name"]) for each in results] == [
        ("A bad pointer", "grpc", "transports-agree"),
        ("A bad pointer", "json", "as-expected"),
        ("Lines", "json", "as-expected"),
    ]
    code, out, err = run("scenarios", "--transport", "grpc", cwd=folder)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[1] == "left out: Lines (scenarios/wrong.yaml) does not run on grpc"
    assert lines[-2] == "1 scenario left out, not made for transport grpc"
    root = ElementTree.parse(folder / "reports" / "latest" / "junit.xml").getroot()
    assert [each.get("message") for each in root.iter("skipped")] == ["does not run on grpc"]
    code, _, err = run("scenarios/wrong.yaml", "--transport", "grpc", cwd=folder)
    assert (code, err) == (2, "--transport grpc: no scenario that is selected runs on it; they run on json\n")


def test_two_workers_give_the_verdicts_of_one(folder: Path) -> None:
    """Scenarios side by side do not change what is judged."""
    verdicts = []
    for workers in ("1", "2"):
        run("scenarios", "--seed", "5", "--workers", workers, "--report", workers, cwd=folder)
        results = report_in(folder / workers)["results"]
        verdicts.append(
            [[result["scenario"], *((each["name"], each["verdict"]) for each in result["guarantees"])]
             for result in results]
        )  # fmt: skip
    assert verdicts[0] == verdicts[1]


def test_the_command_under_a_failure_repeats_it(folder: Path) -> None:
    """Pasted into a shell it runs the one scenario with the same seed, to the same verdict and reason."""
    run("scenarios", cwd=folder)
    first = report_in(folder / "reports" / "latest")["results"][1]
    program, command, *arguments = shlex.split(first["reproduce"])
    assert (program, command) == ("gostage-sim", "run")
    assert arguments[-2:] == ["--repeat", "20"]
    assert run(*arguments[:-1], "2", "--report", "again", cwd=folder)[0] == 1
    again, last = report_in(folder / "again")["results"]
    assert (again["reproduced"], last["reproduced"], last["round"]) == ([2, 2], [2, 2], 2)
    same = ("scenario", "file", "seed", "verdict", "reason")
    assert [again[key] for key in same] == [first[key] for key in same]


def test_a_run_that_repeats_counts_and_is_judged_again(folder: Path) -> None:
    """Each round is counted, one of each is kept where all pass, and `report` comes to the same."""
    code, out, err = run("scenarios", "--repeat", "3", "--seed", "5", "--transport", "all", cwd=folder)
    assert (code, err) == (1, "")
    said = out.splitlines()
    assert [line.partition(" in ")[0] for line in said if line.startswith("after round")] == [
        "after round 1: 2 pass, 0 unknown, 2 fail",
        "after round 2: 4 pass, 0 unknown, 4 fail",
        "after round 3: 6 pass, 0 unknown, 6 fail",
    ]
    assert said.count("  fail in 3 of 3 rounds") == 6
    assert said[-2].startswith("4 cases in 3 rounds: 6 pass, 0 unknown, 6 fail in ")
    reports = folder / "reports" / "latest"
    before = report_in(reports)
    assert before["run"]["rounds"] == 3
    assert [(each["round"], each["verdict"]) for each in before["results"]] == [(1, "pass")] * 2 + [
        (number, "fail") for number in (1, 1, 2, 2, 3, 3)
    ]
    assert len(list((reports / "histories").iterdir())) == 8
    process = start("report", cwd=folder)
    process.communicate(timeout=120)
    assert process.returncode == 1
    assert (report_in(reports)["results"], report_in(reports)["summary"]) == (before["results"], before["summary"])


def test_a_soak_ends_when_its_time_is_over(folder: Path) -> None:
    """`--for 1ms`: all scenarios ran once, for each runs at least once, and no round was begun after."""
    code, out, _ = run("scenarios/right.yaml", "--for", "1ms", cwd=folder)
    assert code == 0, out
    (line,) = (line for line in out.splitlines() if line.startswith("after round"))
    assert line.startswith("after round 1: 1 pass")


def test_a_soak_is_stopped_by_ctrl_c(folder: Path) -> None:
    """What was done by then is reported, the round in hand as far as it came; exit code 130."""
    process = start("run", "scenarios", "--for", "10h", "--workers", "1", cwd=folder)
    assert process.stdout is not None
    while "after round 2" not in (line := process.stdout.readline()):
        assert line
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    document = report_in(folder / "reports" / "latest")
    assert document["run"]["interrupted"] is True
    assert document["run"]["rounds"] >= 2
    assert document["run"]["not_run"] == []
    assert document["summary"]["pass"] >= 2
    assert document["summary"]["fail"] >= 2


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--repeat", "0"), "'0' is not a whole number from 1 to 1000000"),
        (("--for", "10"), "10"),
        (("--repeat", "2", "--for", "1s"), "'--repeat' and '--for' do not go together; choose one"),
    ],
)
def test_wrong_rounds_are_bad_usage(folder: Path, options: tuple[str, ...], why: str) -> None:
    """Exit code 2, nothing is run."""
    code, out, err = run("scenarios", *options, cwd=folder)
    assert (code, out) == (2, "")
    assert why in err
    assert "Traceback" not in err
    assert not (folder / "reports").exists()


@pytest.mark.parametrize("who", ["the group", "the tool"])
def test_ctrl_c(folder: Path, who: str) -> None:
    """It stops all processes, keeps the results so far, writes the report, exits 130; pressed twice, too."""
    freeze = {"fault": "freeze: {}", "limits": "timeout: 60s", "tag": "freeze", "expect": "{outcome: timed_out}"}
    text = SCENARIO.format(name="Stands still", **freeze)
    (folder / "scenarios" / "wrong.yaml").write_text(f"timeout: 100s\n{text}")
    mark = f"GOSTAGE_SIM_TEST={uuid.uuid4()}"
    name, _, value = mark.partition("=")
    started = "run", "scenarios", "--workers", "1"
    process = start(*started, cwd=folder, environ={name: value}, start_new_session=True)
    assert process.stdout is not None
    while not (line := process.stdout.readline()).startswith("[1/2]"):
        assert line, process.communicate()
    for _ in range(2):
        if who == "the group":
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert "1 scenario without a result: the run was interrupted" in out
    document = report_in(folder / "reports" / "latest")
    assert document["run"]["interrupted"] is True
    assert [result["scenario"] for result in document["results"]] == ["A bad pointer"]
    assert [missing["scenario"] for missing in document["run"]["not_run"]] == ["Stands still"]
    assert living_with(mark) == []


def test_a_reader_that_goes_away_does_not_end_the_run(folder: Path) -> None:
    """`gostage-sim run … | head -0`: the reports are written, the exit code is the verdict's, no word on stderr."""
    reader, writer = os.pipe()
    os.close(reader)
    process = start("run", "scenarios", "-k", "pointer", cwd=folder, stdout=writer)
    os.close(writer)
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0
    assert report_in(folder / "reports" / "latest")["summary"] == {"pass": 1, "unknown": 0, "fail": 0, "skipped": 0}


def test_a_person_at_a_terminal_sees_what_runs(folder: Path) -> None:
    """On a terminal the names of running scenarios are shown while they run, and verdicts have colours."""
    master, slave = os.openpty()
    environ = {"TERM": "xterm-256color", "CI": "", "NO_COLOR": "", "COLUMNS": "120"}
    process = start("run", "scenarios", cwd=folder, environ=environ, stdout=slave)
    os.close(slave)
    shown = b""
    while True:
        try:
            shown += os.read(master, 65536)
        except OSError:  # EIO: the last one who had it open is gone
            break
    os.close(master)
    process.communicate(timeout=60)
    assert process.returncode == 1
    progress, _, table = shown.partition(b"transport")[2].partition(b"reason")
    assert b"A bad pointer" in progress
    assert b"/2" in progress
    assert b"\x1b[32mpass" in table
    assert b"\x1b[1;31mfail" in table


def test_signals_that_the_starter_ignores(folder: Path) -> None:
    """Under `nohup`, or in the background of a script, faults that send SIGHUP or SIGTERM work as in a terminal."""
    children = "\n".join(
        f"  {signal_name}: {{steps: [send: {{count: 9}}, send: {{count: 9, type: other}}], "
        f"faults: [{{kill: {{signal: {signal_name}}}, at: {{message: 4}}}}]}}"
        for signal_name in ("SIGHUP", "SIGTERM")
    )
    sibling = "  sibling: {copies: 2, steps: [send: {count: 9}, send: {count: 9, type: other}]}"
    (folder / "kill.yaml").write_text(f"name: Killed\nchildren:\n{children}\n{sibling}\n")
    ignoring = ["sh", "-c", "trap '' HUP INT TERM; exec \"$@\"", "sh"]
    process = start("run", "kill.yaml", cwd=folder, before=ignoring)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, ""), out
    (result,) = report_in(folder / "reports" / "latest")["results"]
    assert [child["signal"] for child in result["children"][:2]] == ["SIGHUP", "SIGTERM"]


def test_a_matrix(folder: Path) -> None:
    """Each combination is listed and has its own result; the command that repeats one repeats that one alone."""
    (folder / "scenarios" / "right.yaml").unlink()
    text = (folder / "scenarios" / "wrong.yaml").read_text()
    text = text.replace("SIGSEGV", "'${signal}'").replace("{outcome: completed}", "{signal: SIGSEGV}")
    (folder / "scenarios" / "wrong.yaml").write_text(f"{text}parametrize: {{signal: [SIGSEGV, SIGABRT]}}\n")
    names = [f"Better than it was [signal={name}]" for name in ("SIGABRT", "SIGSEGV")]
    listed = start("list", "scenarios", cwd=folder).communicate(timeout=60)[0]
    assert listed.splitlines() == [f"scenarios/wrong.yaml  {name}  [crash]" for name in names]
    code, out, _ = run("scenarios", "--seed", "7", cwd=folder)
    assert code == 1, out
    document = report_in(folder / "reports" / "latest")
    assert [(each["id"], each["verdict"]) for each in document["results"]] == [(names[0], "fail"), (names[1], "pass")]
    cases = ElementTree.parse(folder / "reports" / "latest" / "junit.xml").iter("testcase")
    assert [case.get("name") for case in cases] == [f"{name} [json]" for name in names]
    repeat = shlex.split(document["results"][0]["reproduce"])
    code, out, _ = run(*repeat[2:-2], cwd=folder)
    assert code == 1, out
    assert [each["id"] for each in report_in(folder / "reports" / "latest")["results"]] == names[:1]


def test_what_cannot_run_here_is_skipped(folder: Path) -> None:
    """It is shown with its reason and starts nothing; a run in which all is skipped is no pass."""
    wrong = folder / "scenarios" / "wrong.yaml"
    wrong.write_text(wrong.read_text() + "only_on: {python: '<3', reason: the old print}\n")
    why = f"the old print (needs python <3; this is {platform.python_version()})"
    listed = start("list", "scenarios", cwd=folder).communicate(timeout=60)[0]
    assert f"scenarios/wrong.yaml  Better than it was  [crash]  skipped: {why}" in listed.splitlines()
    code, out, _ = run("scenarios", cwd=folder)
    assert code == 0, out
    assert any(line.split() == f"Better than it was json skipped {why}".split() for line in out.splitlines()), out
    document = report_in(folder / "reports" / "latest")
    assert document["summary"] == {"pass": 1, "unknown": 0, "fail": 0, "skipped": 1}
    assert [(each["scenario"], each["reason"]) for each in document["run"]["skipped"]] == [("Better than it was", why)]
    code, out, _ = run("scenarios", "-k", "better", cwd=folder)
    assert code == 3, out
    assert "nothing ran: every scenario that is selected was skipped" in out.splitlines()
    assert report_in(folder / "reports" / "latest")["results"] == []
