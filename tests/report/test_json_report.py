"""report.json."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report import json_report
from gostage_sim.report.run_report import NotRun, Run

MakeResult = Callable[..., ScenarioResult]
MakeRun = Callable[..., Run]


def test_the_shape_is_the_documented_one(make_result: MakeResult, make_run: MakeRun) -> None:
    """`schema`, `run`, `summary` and `results` with the fields that other programs rely on."""
    run = make_run(make_result(), make_result(Verdict.FAIL, "out of order"))
    document = json.loads(json_report.render(run))
    assert document["schema"] == "gostage-sim/report/1"
    assert document["summary"] == {"pass": 1, "unknown": 0, "fail": 1, "skipped": 0}
    assert document["run"] == {
        "version": "0.1.0",
        "git_head": "0" * 40,
        "git_dirty": True,
        "argv": ["gostage-sim", "run", "scenarios/"],
        "platform": {
            "system": "Linux",
            "release": "6.15",
            "machine": "x86_64",
            "python": "CPython 3.11.2",
            "cpus": 2,
            "hostname": "host",
        },
        "seed": 42,
        "workers": 2,
        "transport": "json",
        "started_at": "2025-01-02T03:04:05+00:00",
        "duration_s": 2.5,
        "not_run": [],
        "left_out": [],
        "skipped": [],
        "interrupted": False,
        "rounds": 1,
        "tallies": [],
        "rejudged_at": None,
        "rejudged_by": None,
    }
    assert document["results"][1] == {
        "scenario": "A bad pointer",
        "file": "scenarios/crash/a.yaml",
        "transport": "json",
        "verdict": "fail",
        "reason": "out of order",
        "seed": 42,
        "duration_s": 1.25,
        "guarantees": [
            {"name": "parent-alive", "verdict": "pass", "reason": "seen alive", "evidence": {"beats": 7}},
            {
                "name": "order",
                "verdict": "fail",
                "reason": "out of order",
                "evidence": {"out of order": ["out of order"]},
            },
        ],
        "faults": [
            {
                "kind": "crash",
                "child": "out of order",
                "armed": True,
                "fired": True,
                "witness": "out of order",
                "planned": True,
            }
        ],
        "children": [
            {
                "name": "out of order",
                "pid": 17,
                "outcome": "signaled",
                "exit_code": None,
                "signal": "SIGSEGV",
                "sent": 500,
                "handled": 250,
                "malformed": 0,
                "stderr_tail": "out of order",
                "error": "out of order",
                "handled_digest": "",
            }
        ],
        "parent": {
            "alive": True,
            "peak_rss_growth_bytes": 4096,
            "max_heartbeat_gap_s": 0.011,
            "refused_calls": 0,
            "strangers": None,
        },
        "reproduce": "gostage-sim run a",
        "tags": ["out of order"],
        "extra": {"said": "out of order"},
        "round": 1,
        "reproduced": None,
        "id": "A bad pointer",
        "parameters": {},
    }


def test_a_scenario_without_a_result_is_named(make_result: MakeResult, make_run: MakeRun) -> None:
    """An interrupted run says so and lists what it did not come to."""
    run = make_run(make_result(), not_run=(NotRun("Later", "b.yaml", "json"),), interrupted=True)
    document = json_report.read(json_report.render(run))
    assert document.run["interrupted"] is True
    assert document.run["not_run"] == [{"scenario": "Later", "file": "b.yaml", "transport": "json"}]


def test_what_a_child_said_is_kept(make_result: MakeResult, make_run: MakeRun, hostile: str) -> None:
    """The text itself comes back, lone surrogates as escapes; the file has nothing that a terminal obeys."""
    text = json_report.render(make_run(make_result(Verdict.FAIL, hostile, scenario=hostile, file=hostile)))
    text.encode()
    assert not {c for c in text if ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or 0x2028 <= ord(c) <= 0x202E} - {"\n"}
    result = json_report.read(text).results[0]
    expected = hostile.encode("utf-8", "backslashreplace").decode()
    assert result["children"][0]["stderr_tail"] == result["scenario"] == result["reason"] == expected
    assert result["guarantees"][1]["evidence"] == {expected: [expected]}


@pytest.mark.parametrize(
    ("evidence", "written"),
    [
        (2**64 - 1, 2**64 - 1),
        (2**70, str(2**70)),
        (float("inf"), None),
        (np.int64(7), 7),
        (np.float64(0.5), 0.5),
        (np.arange(3), [0, 1, 2]),
        ({1: (2, {3})}, {"1": [2, [3]]}),
        (b"\xff", "b'\\xff'"),
        (Verdict.FAIL, "fail"),
        (None, None),
    ],
)
def test_no_evidence_costs_the_report(evidence: Any, written: object) -> None:
    """Whatever a guarantee of someone else gives as evidence, the report is valid JSON."""
    assert json.loads(msgspec.json.encode(json_report.plain({"seen": evidence}))) == {"seen": written}
