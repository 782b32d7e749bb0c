"""Every program in the engine's README prints what stands under it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import gostage_sim
from gostage_sim import gostage

PACKAGE = Path(gostage.__file__).parent
README = (PACKAGE / "README.md").read_text("utf-8")
SNIPPETS = dict(re.findall(r"<!-- snippet: (\S+) -->\n```python\n(.*?)```\n", README, re.S))
OUTPUTS = dict(re.findall(r"<!-- output: (\S+) -->\n```text\n(.*?)```\n", README, re.S))
COMMANDS = re.findall(r"^gostage-sim (workflow .*)$", README, re.M)


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    root = str(Path(gostage_sim.__file__).parent.parent)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def test_every_program_has_its_output() -> None:
    """No Python block of the README is left untested."""
    assert README.count("```python") == len(SNIPPETS)
    assert SNIPPETS.keys() == OUTPUTS.keys()


@pytest.mark.parametrize("name", SNIPPETS)
@pytest.mark.usefixtures("over_json")  # two ways to this program, log lines and stderr, keep no order by gRPC
def test_program(name: str, tmp_path: Path) -> None:
    """The program is complete and prints exactly what is shown."""
    (tmp_path / name).write_text(SNIPPETS[name])
    done = python("-W", "error", name, cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == (OUTPUTS[name], "", 0)


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str, tmp_path: Path) -> None:
    """The command runs the file and the action shown above it."""
    flow = re.search(r'"""\\\n(.*?)"""', SNIPPETS["files.py"], re.S)
    assert flow is not None
    (tmp_path / "flow.yaml").write_text(flow[1])
    (tmp_path / "my").mkdir()
    (tmp_path / "my" / "actions.py").write_text(SNIPPETS["files.py"].split("definition = ")[0])
    done = python("-m", "gostage_sim", *shlex.split(command), cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_table_of_contents() -> None:
    """Every chapter is in the list at the top, and every entry leads somewhere."""
    chapters = re.findall(r"^## (.+)$", README, re.M)
    anchors = [re.sub(r"[^\w -]", "", chapter.lower()).replace(" ", "-") for chapter in chapters]
    assert re.findall(r"^\* \[(.+)\]\(#(.+)\)$", README, re.M) == list(zip(chapters, anchors, strict=True))
