"""The files that users copy into their CI: what they run is run here, where there is one small scenario."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from .test_readme import ROOT, block

SCENARIO = "name: small\ntransports: [json, grpc]\nchildren: {a: {steps: [{log: ready}, {send: 60}]}}\n"


def yaml(text: str) -> Any:
    return YAML(typ="safe").load(text)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a folder scenarios/."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "small.yaml").write_text(SCENARIO)
    return tmp_path


def run(command: str, project: Path) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(command)
    assert program == "gostage-sim"
    return subprocess.run(
        [sys.executable, "-m", "gostage_sim", *arguments], cwd=project, capture_output=True, text=True, timeout=120
    )


def test_the_workflow_of_github(project: Path) -> None:
    """Its commands succeed, and what it uploads is what they leave; nothing of a matrix stays unused."""
    job = yaml((ROOT / ".github/workflows/chaos.yml").read_text())["jobs"]["chaos"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands[0] == "pip install ."
    assert job["strategy"]["matrix"]["transport"] == ["json", "grpc"]
    for command in commands[1:]:
        done = run(command.replace("${{ matrix.transport }}", "grpc"), project)
        assert done.returncode == 0, done.stdout + done.stderr
    (upload,) = [step for step in job["steps"] if step.get("uses", "").startswith("actions/upload-artifact")]
    assert upload["if"] == "always()"
    assert (project / upload["with"]["path"] / "report.html").is_file()
    assert all(f"${{{{ matrix.{name} }}}}" in str(job["steps"]) for name in job["strategy"]["matrix"])


def test_the_job_of_gitlab(project: Path) -> None:
    """The same, of the README's snippet, with the JUnit file where GitLab looks for it."""
    job = yaml(block("snippet", ".gitlab-ci.yml"))["chaos"]
    install, *commands = job["script"]
    assert install == "pip install gostage-sim"
    assert commands
    for command in commands:
        done = run(command.replace("$TRANSPORT", "json"), project)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (project / job["artifacts"]["reports"]["junit"]).is_file()
    assert all((project / path).is_dir() for path in job["artifacts"]["paths"])


def test_the_hook_of_pre_commit(project: Path) -> None:
    """It passes good files and stops bad ones, wherever below the folder they are."""
    (hook,) = yaml((ROOT / ".pre-commit-hooks.yaml").read_text())
    command = shlex.join([*shlex.split(hook["entry"]), *hook["args"]])
    assert run(command, project).returncode == 0
    below = project / "scenarios" / "crash"
    below.mkdir()
    (below / "bad.yaml").write_text(SCENARIO.replace("send", "sned"))
    done = run(command, project)
    assert done.returncode == 2
    assert "scenarios/crash/bad.yaml:3:" in done.stdout + done.stderr
