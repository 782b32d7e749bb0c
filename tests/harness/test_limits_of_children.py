"""Limits and options of a scenario's children: real processes that find them in force."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gostage_sim.faults.contract import Placement
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.observer import run_scenario
from gostage_sim.scenario.model import (
    TRANSPORTS,
    Allocate,
    Call,
    Child,
    Expectation,
    Limits,
    Log,
    Options,
    Put,
    Scenario,
    Step,
    Transport,
)

MakeScenario = Callable[..., Scenario]

GIB = 2**30
PROBE = """\
import os, resource

def look(context):
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    mask = os.umask(0)
    os.umask(mask)
    context.store.put("seen", {
        "nice": os.nice(0),
        "umask": mask,
        "no_new_privs": status["NoNewPrivs"].strip(),
        "colour": os.environ["COLOUR"],
        "memory": resource.getrlimit(resource.RLIMIT_AS)[0],
        "cpu": resource.getrlimit(resource.RLIMIT_CPU)[0],
        "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "processes": resource.getrlimit(resource.RLIMIT_NPROC)[0],
        "file_size": resource.getrlimit(resource.RLIMIT_FSIZE)[0],
    })
"""


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_a_child_may_is_what_the_file_says(transport: Transport, scenario: MakeScenario, tmp_path: Path) -> None:
    """Every limit and every option of it, seen from inside."""
    (tmp_path / "probe.py").write_text(PROBE)
    limits = Limits.model_construct(memory=8 * GIB, cpu=20.5, open_files=100, processes=5000, file_size=GIB)
    options = Options(nice=5, umask=0o27, no_new_privs=True, environment={"COLOUR": "green"})
    child = Child(steps=(Call(target="probe:look"),), limits=limits, options=options)
    seen = {"nice": 5, "umask": 0o27, "no_new_privs": "1", "colour": "green", "memory": 8 * GIB, "cpu": 21,
            "open_files": 100, "processes": 5000, "file_size": GIB}  # fmt: skip
    expect = {"told": Expectation(outcome="completed", final_store={"seen": seen})}
    victims = scenario(("crash", Placement("message", message=40), {})).children
    made = scenario(children={"told": child, "victim": victims["victim"]}, expect=expect, file=str(tmp_path / "x.yaml"))
    result = run_scenario(made, seed=7, transport=transport)
    (expected,) = [judgement for judgement in result.guarantees if judgement.name == "as-expected"]
    assert (expected.verdict, expected.reason) == (Verdict.PASS, "2 expectations of told met")


@pytest.mark.parametrize(
    ("limits", "steps", "verdict"),
    [
        ({"memory": 2 * GIB}, (Log(message="x"), Allocate.model_construct(size=4 * GIB)), Verdict.PASS),
        ({"memory": 2 * GIB}, (Log(message="x"), Put(key="k")), Verdict.FAIL),
    ],
    ids=["is hit", "is not hit"],
)
def test_a_limit_that_is_hit_is_an_outcome(
    limits: dict[str, Any], steps: tuple[Step, ...], verdict: Verdict, scenario: MakeScenario
) -> None:
    """The child is no sibling, and the kernel and its own journal bear out what the engine says of it."""
    child = Child(steps=steps, limits=Limits.model_construct(**limits))
    children = {"told": child, **scenario(("crash", Placement("message", message=40), {})).children}
    made = scenario(children=children, expect={"told": Expectation(outcome="limit_exceeded", handled=1)})
    result = run_scenario(made, seed=7)
    assert (result.verdict, result.children[0].handled) == (verdict, 1)
