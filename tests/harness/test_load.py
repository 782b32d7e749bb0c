"""The load that steps put on a child, and the child's own children: seen by an action of the same process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gostage_sim.gostage.runner import Runner
from gostage_sim.gostage.spawn.launchers import ChildModule
from gostage_sim.gostage.spawn.options import SpawnOptions
from gostage_sim.gostage.spawn.result import SpawnResult
from gostage_sim.harness.control import PLAN_VARIABLE
from gostage_sim.harness.steps import definition_of

PROBE = """\
import os, time

def look(context):
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    context.send("seen", {
        "memory": int(status["VmRSS"].split()[0]) * 1024,
        "threads": int(status["Threads"]),
        "files": len(os.listdir("/proc/self/fd")),
        "cpu_s": time.process_time(),
        "now_s": time.monotonic(),
        "pid": os.getpid(),
        "parent": os.getppid(),
        "keys": [key for key in context.store if not key.startswith("param:")],
    })

def fail(context):
    raise ValueError("no guest came")
"""
LOOK = {"do": "call", "target": "probe:look", "with": {}}


def _run(folder: Path, *steps: dict[str, Any]) -> tuple[SpawnResult, list[tuple[str, Any]]]:
    """These steps in a real child; its result, and all that handlers saw."""
    (folder / "probe.py").write_text(PROBE)
    plan = {"search": [str(folder)], "imports": ["probe"], "pools": {"faker.name": ["Ada", "Grace"]}}
    (folder / "plan.json").write_text(json.dumps(plan))
    seen: list[tuple[str, Any]] = []
    runner = Runner(launcher=ChildModule(["gostage_sim.harness.grandchild"]))
    runner.broker.register_default_handler(lambda message: seen.append((message.type, message.payload)))
    options = SpawnOptions(timeout_s=60, environment={PLAN_VARIABLE: str(folder / "plan.json")})
    result = runner.spawn(definition_of("child", steps), options=options)
    return result, [message for message in seen if message[0] not in ("final_store", "workflow_result")]


def _send(count: int) -> dict[str, Any]:
    return {"do": "send", "count": count, "type": "guest", "payload": "{faker.name}", "size": 0, "bulk": False}


@pytest.mark.parametrize(
    ("step", "what", "least"),
    [
        ({"do": "allocate", "size": 64 << 20}, "memory", 64 << 20),
        ({"do": "open_files", "count": 50}, "files", 50),
        ({"do": "threads", "count": 20}, "threads", 20),
        ({"do": "spin", "duration": 0.05}, "cpu_s", 0.05),
        ({"do": "sleep", "duration": 0.05}, "now_s", 0.05),
    ],
    ids=lambda value: value["do"] if isinstance(value, dict) else None,
)
def test_a_load_is_there_afterwards(step: dict[str, Any], what: str, least: float, tmp_path: Path) -> None:
    """The next action finds the process with that much more of it, and the child completes all the same."""
    result, seen = _run(tmp_path, LOOK, step, LOOK)
    assert result.outcome == "completed"
    (_, before), (_, after) = seen
    # The interpreter may give a page or two back between the two readings.
    assert after[what] - before[what] >= least * 0.99


def test_a_key_that_is_deleted_is_gone(tmp_path: Path) -> None:
    """From the store, and so from what comes back; one that was never there fails the step."""
    put = {"do": "put", "key": "k", "value": 1}
    result, seen = _run(tmp_path, put, {**put, "key": "stays"}, LOOK, {"do": "delete", "key": "k"}, LOOK)
    assert [keys["keys"] for _, keys in seen] == [["k", "stays"], ["stays"]]
    own = {key: value for key, value in result.final_store.items() if not key.startswith("param:")}
    assert own == {"stays": 1}
    result, _ = _run(tmp_path, {"do": "delete", "key": "k"})
    assert result.outcome == "failed"


def test_a_child_passes_on_what_its_own_child_sends(tmp_path: Path) -> None:
    """Another process did it, in its place among the steps, with the scenario's payloads; no result comes twice."""
    inner = {"do": "spawn", "timeout_s": 60.0, "steps": [_send(2), LOOK]}
    outer = {"do": "spawn", "timeout_s": 60.0, "steps": [inner]}
    result, seen = _run(tmp_path, LOOK, outer, _send(1))
    assert result.outcome == "completed"
    assert [type for type, _ in seen] == ["seen", "guest", "guest", "seen", "guest"]
    assert [payload for type, payload in seen if type == "guest"] == ["Ada", "Grace", "Ada"]
    assert result.message_counts["workflow_result"] == 1
    child, grandchild = seen[0][1], seen[3][1]
    assert len({result.pid, child["parent"], grandchild["pid"], grandchild["parent"]}) == 4


@pytest.mark.parametrize(
    ("step", "timeout_s", "reason"),
    [
        ({"do": "call", "target": "probe:fail", "with": {}}, 60.0, "ValueError: no guest came"),
        ({"do": "sleep", "duration": 60}, 0.0, "timed out"),
    ],
)
def test_a_child_fails_with_its_own_child(step: dict[str, Any], timeout_s: float, reason: str, tmp_path: Path) -> None:
    """What did not complete below it is no work done, and the error says what became of it."""
    result, _ = _run(tmp_path, {"do": "spawn", "timeout_s": timeout_s, "steps": [step]})
    assert result.outcome == "failed"
    assert result.error is not None
    assert "child 'child/1' " in result.error.message
    assert reason in result.error.message
