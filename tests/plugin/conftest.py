"""A user's suite in a folder of its own, run by a pytest of its own.

Not `pytester`: pytest accepts its fixtures only from the conftest.py at the top.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import gostage_sim

#: Other people's plug-ins take a second to load, and a user's own options are not a test's. One transport is enough.
ENVIRONMENT = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "GOSTAGE_IPC_TRANSPORT": "json"}
PLUGIN = ("-p", "gostage_sim.pytest_plugin")

SCENARIO = """\
# what is proved
name: {name}
tags: [{tag}]
children:
  victim:
    steps: [{{send: {{count: 30}}}}, {{send: {{count: 30, type: other}}}}]
    faults: [{{crash: {{signal: SIGSEGV}}, at: {{message: {message}}}}}]
  sibling:
    steps: [{{send: {{count: 30}}}}, {{send: {{count: 30, type: other}}}}]
expect: {{victim: {{outcome: {outcome}}}}}
"""


def scenario(name: str, *, message: int = 40, outcome: str = "signaled", tag: str = "smoke") -> str:
    return SCENARIO.format(name=name, message=message, outcome=outcome, tag=tag)


@dataclass(frozen=True)
class Finished:
    code: int
    out: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def section(self, title: str) -> list[str]:
        """The lines under `____ title ____`, up to the next heading; without marks for lines of an exception."""
        start = next(i for i, line in enumerate(self.lines) if line.strip("_") == f" {title} ") + 1
        ends = (i for i, line in enumerate(self.lines) if i > start and line.startswith(("===", "___", "gostage-sim:")))
        end = next(ends)
        return [line.removeprefix("E").strip() for line in self.lines[start:end]]


class Suite:
    """Files, and `pytest` over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def start(self, *arguments: str, environ: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        root = str(Path(gostage_sim.__file__).parent.parent)
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=self.folder,
            env={**os.environ, **ENVIRONMENT, "PYTHONPATH": root, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )

    def run(self, *arguments: str, **environ: str) -> Finished:
        process = self.start(*PLUGIN, *arguments, environ=environ)
        out = process.communicate(timeout=120)[0]
        return Finished(process.returncode, out)


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite(tmp_path)


@pytest.fixture(scope="module")
def module_suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    return Suite(tmp_path_factory.mktemp("suite"))
