"""Rooms import downward only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_layers() -> None:
    """Nothing imports upward, and the engine is complete alone: the contracts of import-linter are kept."""
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint], cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
