"""What a child process of a scenario costs and how it behaves without its observer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from gostage_sim.faults.contract import Placement
from gostage_sim.harness.control import EXIT_ORPHANED
from gostage_sim.harness.plan import make_plan, write_plan
from gostage_sim.scenario.model import Scenario

MakeScenario = Callable[..., Scenario]

TOO_BIG = {
    "asyncio", "dataclasses", "faker", "grpc", "gostage_sim.harness.observer", "json", "msgspec", "multiprocess",
    "numpy", "pydantic", "pydantic_core", "pytest", "random", "ruamel", "subprocess", "threading", "yaml",
}  # fmt: skip


def test_a_child_imports_little() -> None:
    """The start of a child counts: nothing of the observer's side is imported by it, nor what only faults need."""
    clean = "import sys; before = set(sys.modules); import gostage_sim.harness.child; print(*set(sys.modules) - before)"
    shown = subprocess.run([sys.executable, "-c", clean], capture_output=True, text=True, check=True)
    assert TOO_BIG & set(shown.stdout.split()) == set()


def test_a_child_without_a_plan_says_who_starts_it() -> None:
    """Started by hand it explains itself in one line."""
    environment = {name: value for name, value in os.environ.items() if name != "GOSTAGE_SIM_PLAN"}
    command = [sys.executable, "-m", "gostage_sim.harness.child"]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (
        1,
        "GOSTAGE_SIM_PLAN is not set; this program is started by gostage_sim.harness.subject\n",
    )


def test_a_child_without_an_observer_leaves_hard(tmp_path: Path, scenario: MakeScenario) -> None:
    """A child that finds no observer ends at once instead of doing unobserved work."""
    plan = make_plan(scenario(("noop", Placement("definition"), {})), seed=1, transport="json")
    write_plan(plan, tmp_path)
    environment = {**os.environ, "GOSTAGE_SIM_PLAN": str(tmp_path / plan["children"][0]["plan"])}
    command = [sys.executable, "-m", "gostage_sim.harness.child"]
    assert subprocess.run(command, env=environment, check=False).returncode == EXIT_ORPHANED


def test_a_childs_plan_holds_no_more_than_it_needs(tmp_path: Path, scenario: MakeScenario) -> None:
    """Steps are not in it: they travel with the definition, over the engine under test."""
    plan = make_plan(scenario(("noop", Placement("definition"), {})), seed=1, transport="json")
    write_plan(plan, tmp_path)
    own = json.loads((tmp_path / plan["children"][0]["plan"]).read_text())
    assert sorted(own) == [
        "awaited",
        "faults",
        "gates",
        "imports",
        "journal",
        "name",
        "pools",
        "search",
        "seed",
        "transport",
    ]
