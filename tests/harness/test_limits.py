"""The limit of open files."""

from __future__ import annotations

import subprocess
import sys


def test_the_soft_limit_is_raised_towards_the_hard_one() -> None:
    """A process with a low soft limit gets what its hard limit allows; the hard limit stays."""
    program = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 900))
from gostage_sim.harness.limits import allow_many_files
allow_many_files()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout == "900 900\n"
