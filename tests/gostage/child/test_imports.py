"""What a child loads: its start-up time is the product's."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gostage_sim import gostage

from ..conftest import Program, spawn_one

HEAVY = ("grpc", "pydantic", "ruamel", "yaml", "pytest", "asyncio", "msgspec", "json", "re", "typing", "dataclasses",
         "enum", "threading", "subprocess", "gostage_sim.harness", "gostage_sim.gostage.spawn")  # fmt: skip


def test_a_json_child_loads_next_to_nothing(program: Program) -> None:
    """A JSON child loads neither grpc, pydantic, yaml, pytest, asyncio nor the harness, nor the costly stdlib."""
    runner = program(
        "import sys\n@gostage.action('act')\ndef act(ctx):\n    ctx.store.put('m', sorted(sys.modules))\n", "json"
    )
    loaded = spawn_one(runner).final_store["m"]
    assert "gostage_sim.gostage.child.main" in loaded
    assert [name for name in loaded if name.startswith(HEAVY) and not name.startswith("_")] == []


def test_a_child_module_loads_no_more() -> None:
    """Nor does a child of `ChildModule`, which is not run by `-m`; what the bench measures is such a child."""
    runner = gostage.Runner(launcher=gostage.launchers.ChildModule([f"{__package__}.loaded"]), transport="json")
    loaded = runner.spawn(gostage.SubWorkflowDef.of("loaded"), check=True).final_store["m"]
    assert "gostage_sim.bench.spawn.child" in loaded
    assert [name for name in loaded if name.startswith(("runpy", *HEAVY)) and not name.startswith("_")] == []


@pytest.mark.parametrize("module", ["gostage_sim", "gostage_sim.gostage", "gostage_sim.gostage.child"])
def test_facades_are_lazy(module: str) -> None:
    """Importing a facade loads no other module of the package."""
    code = f"import {module}, sys, _json; print([m for m in sys.modules if m.startswith('gostage_sim')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    parents = [module.rsplit(".", n)[0] for n in range(module.count("."), -1, -1)]
    assert json.loads(done.stdout.replace("'", '"')) == parents


def test_facade_is_complete() -> None:
    """Every public name of the engine can be reached through its facade, and the facade lists them."""
    from gostage_sim import gostage

    assert sorted({*gostage._HOME, "errors", "middleware", "transports"}) == gostage.__all__
    assert all(getattr(gostage, name) is not None for name in gostage.__all__)
    assert dir(gostage) == gostage.__all__
    with pytest.raises(AttributeError, match=r"module 'gostage_sim\.gostage' has no attribute 'Wrokflow'"):
        _ = gostage.Wrokflow
