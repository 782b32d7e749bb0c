"""Files that are wrong on purpose, one mistake each: `wrong/*.yaml`, whose first line is what `check` says of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import gostage_sim

FOLDER = Path(__file__).with_name("wrong")
FILES = sorted(file for file in FOLDER.rglob("*.yaml") if not file.name.startswith("_"))


@pytest.fixture(scope="module")
def checked() -> subprocess.CompletedProcess[str]:
    """`gostage-sim check .` in the folder."""
    root = str(Path(gostage_sim.__file__).parent.parent)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    command = [sys.executable, "-m", "gostage_sim", "check", "."]
    return subprocess.run(command, cwd=FOLDER, env=environ, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_mistake_has_its_line(checked: subprocess.CompletedProcess[str], file: Path) -> None:
    """Position and words, to the letter; `…` at the end of a line stands for lists that grow."""
    (found,) = [line for line in checked.stderr.splitlines() if said_of(line, file)]
    expected = first_line(file)
    assert found.startswith(expected[:-1]) if expected.endswith("…") else found == expected


def test_all_are_told_at_once(checked: subprocess.CompletedProcess[str]) -> None:
    """A line for each file and no other, and the exit code of bad input."""
    assert len(FILES) >= 40
    assert (checked.returncode, checked.stdout) == (2, "")
    assert len(checked.stderr.splitlines()) == len(FILES)


def first_line(file: Path) -> str:
    return file.read_bytes().split(b"\n", 1)[0].decode().removeprefix("# ")


def said_of(line: str, file: Path) -> bool:
    """Whether the line is about the file, or about the fragment whose mistake the file is there to show."""
    return line.partition(":")[0] == first_line(file).partition(":")[0]
