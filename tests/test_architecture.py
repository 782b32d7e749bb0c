"""Rooms import downward only."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = [path.parent for path in sorted((ROOT / "gostage_sim").rglob("__init__.py"))]
#: Rooms with one thing a file, whose docstrings tell of the things.
WITHOUT_MAP = {ROOT / "gostage_sim" / "guarantees", ROOT / "gostage_sim" / "gostage" / "middleware"}


def test_layers() -> None:
    """Nothing imports upward, and the engine is complete alone: the contracts of import-linter are kept."""
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "room", [room for room in PACKAGES if room not in WITHOUT_MAP], ids=lambda room: str(room.relative_to(ROOT))
)
def test_maps(room: Path) -> None:
    """The docstring of a package names each of its modules, or the class that is all there is in one."""
    doc = ast.get_docstring(ast.parse((room / "__init__.py").read_text("utf-8"))) or ""
    named = {name.lower() for name in re.findall(r"`(\w+)`", doc)}
    modules = {path.stem for path in room.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    missing = {name for name in modules if not name.startswith("_") and not {name, name.replace("_", "")} & named}
    assert missing == set()
