"""The limit of open files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

from gostage_sim.harness.limits import files_problem
from gostage_sim.harness.plan import make_plan
from gostage_sim.scenario.model import Scenario


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


def test_too_few_files_for_a_plan(scenario: Callable[..., Scenario]) -> None:
    """Whoever may not open enough files for a scenario learns that before it fails for lack of them."""
    plan = make_plan(scenario(), seed=1, transport="json")
    assert files_problem(plan) is None
    needed = 32 + 12 * len(plan["children"])
    program = f"""
import json, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_NOFILE, ({needed - 1}, {needed - 1}))
from gostage_sim.harness.observer import run_plan
print(run_plan(json.load(sys.stdin)).reason)
"""
    shown = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(plan), capture_output=True, text=True, check=True
    )
    assert shown.stdout == (
        f"the hard limit of open files is {needed - 1}, {len(plan['children'])} children need {needed}; "
        "raise it with `ulimit -Hn`\n"
    )
