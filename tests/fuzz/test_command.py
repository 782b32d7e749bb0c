"""`gostage-sim fuzz` with real processes: what it finds, what it leaves, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

import gostage_sim
from gostage_sim.harness.saboteurs import SABOTEURS
from gostage_sim.scenario.loader import load_file

_ROOT = str(Path(gostage_sim.__file__).parents[1])


def start(*arguments: str, cwd: Path, mark: str = "none", code: str = "") -> subprocess.Popen[str]:
    run = ["-c", code] if code else ["-m", "gostage_sim"]
    return subprocess.Popen(
        [sys.executable, *run, "fuzz", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": _ROOT, "COLUMNS": "200", "GOSTAGE_SIM_TEST": mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def report_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "reports" / "fuzz" / "report.json").read_text("utf-8"))
    return found


@pytest.mark.slow
def test_a_planted_bug_is_found_and_made_small(tmp_path: Path) -> None:
    """Of an engine that loses message 10 of each child what remains is a file of one child or two, with a fault at
    most, that says how often it fails. The engine as it is does not fail in it."""
    process = start("--budget", "30s", "--transport", "json", "--seed", "3", "--saboteur", "drops", cwd=tmp_path)
    out, err = process.communicate(timeout=200)
    assert (process.returncode, err) == (1, ""), out
    file = tmp_path / "reports" / "fuzz" / "found.yaml"
    scenario = load_file(file)
    assert sum(child.copies for child in scenario.children.values()) <= 2
    assert sum(len(child.faults) for child in scenario.children.values()) <= 1
    heading, reason, *_ = file.read_text("utf-8").splitlines()
    assert heading.startswith("# Found by gostage-sim fuzz: fails ")
    assert "with seed 3, of an engine with the planted bug 'drops'" in heading
    assert reason.startswith("# no-loss: ")
    assert "found: reports/fuzz/found.yaml: " in out
    assert "repeat: gostage-sim run reports/fuzz/found.yaml --transport json --seed 3" in out
    found = [result for result in report_in(tmp_path)["results"] if result["scenario"] == "Found with seed 3"]
    assert [result["verdict"] for result in found] == ["fail"]
    run = [sys.executable, "-m", "gostage_sim", "run", str(file), "--transport", "json", "--seed", "3"]
    again = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert again.returncode in (0, 3), again.stdout  # so small that not all can be judged, perhaps; but nothing fails


def test_the_engine_as_it_is(tmp_path: Path) -> None:
    """Scenarios are run until the time is over, each is there as a file, and the exit code is 0 where one passed and
    none failed."""
    process = start("--budget", "1s", "--workers", "1", "--seed", "1", cwd=tmp_path)
    out, err = process.communicate(timeout=200)
    document = report_in(tmp_path)
    assert (process.returncode, err) == (0, ""), out
    assert document["summary"]["pass"] >= 1
    assert document["summary"]["fail"] == 0
    assert (document["run"]["seed"], document["run"]["interrupted"]) == (1, False)
    files = sorted((tmp_path / "reports" / "fuzz" / "scenarios").iterdir())
    assert [load_file(file).name for file in files][:1] == ["generated 1"]
    assert {result["file"] for result in document["results"]} <= {str(file.relative_to(tmp_path)) for file in files}
    assert not (tmp_path / "reports" / "fuzz" / "found.yaml").exists()


def test_a_ctrl_c_leaves_a_report_and_nobody(tmp_path: Path) -> None:
    """An interruption ends every process and writes what there is."""
    mark = str(uuid.uuid4())
    process = start("--budget", "10m", "--workers", "1", cwd=tmp_path, mark=mark)
    third = tmp_path / "reports" / "fuzz" / "scenarios" / "00003.yaml"
    while not third.exists():  # it is drawn when the second one runs, and the first is done
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, ""), out
    document = report_in(tmp_path)
    assert document["run"]["interrupted"] is True
    assert len(document["results"]) >= 1
    assert living_with(f"GOSTAGE_SIM_TEST={mark}") == []


def living_with(mark: str) -> list[int]:
    """Processes that have inherited this from our own."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environ = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if mark.encode() in environ:
                found.append(int(entry.name))
    return found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "5"], "a duration needs a unit; found '5'; expected one of us, ms, s, m, h"),
        (["--budget", "1ms"], "'1ms' is not a duration from 1s to 168h"),
        (["--seed", "-1"], f"'-1' is not a whole number from 0 to {2**63 - 1}"),
        (["--workers", "0"], "--workers '0': expected 'auto' or a number of at least 1"),
        (["--saboteur", "drips"], f"--saboteur 'drips': expected one of {', '.join(one.name for one in SABOTEURS)}"),
    ],
)
def test_bad_usage(tmp_path: Path, arguments: list[str], message: str) -> None:
    """What was found and what is expected, before anything is started."""
    process = start(*arguments, cwd=tmp_path)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert message in " ".join(err.split())
    assert not (tmp_path / "reports").exists()


def test_without_hypothesis(tmp_path: Path) -> None:
    """It is not installed with the package, and whoever wants to fuzz is told so."""
    code = (
        "import sys; sys.modules['hypothesis'] = None; from gostage_sim.__main__ import main; sys.argv[0] = 'x'; main()"
    )
    process = start(cwd=tmp_path, code=code)
    out, err = process.communicate(timeout=60)
    message = "fuzz needs Hypothesis; install it with: pip install 'gostage-sim[fuzz]'\n"
    assert (process.returncode, out, err) == (2, "", message)
