"""`--gostage-report`, also where several processes run the tests or somebody stops them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.plugin.conftest import Suite, scenario


def _document(suite: Suite) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((suite.folder / "out" / "report.json").read_text())
    return document


def test_xdist(suite: Suite) -> None:
    """The workers' results come together in one report with one seed, and what a worker cannot read is not green."""
    suite.write({f"scenarios/{name}.yaml": scenario(name) for name in ("a", "b")})
    suite.write({"scenarios/wrong.yaml": "children: {}\n"})
    finished = suite.run("-p", "xdist", "-n", "2", "--gostage-report", "out", "--continue-on-collection-errors")
    document = _document(suite)
    assert [each["scenario"] for each in document["results"]] == ["a", "b"], finished.out
    assert {each["verdict"] for each in document["results"]} == {"pass"}
    assert {each["seed"] for each in document["results"]} == {document["run"]["seed"]}
    assert document["run"]["workers"] == 2
    wrong = {"scenario": "wrong.yaml", "file": "scenarios/wrong.yaml", "transport": "json"}
    assert document["run"]["not_run"] == [wrong]
    assert finished.code == 1


def test_what_did_not_run_is_named(suite: Suite) -> None:
    """After `-x` the report names the scenarios that were left out."""
    suite.write({"test_a.py": "def test_a(): assert False", "scenarios/b.yaml": scenario("b")})
    suite.run("-x", "--gostage-report", "out", "test_a.py", "scenarios")
    document = _document(suite)
    assert document["results"] == []
    assert [each["scenario"] for each in document["run"]["not_run"]] == ["b"]


def test_a_folder_that_cannot_be_written(suite: Suite) -> None:
    """It is told before any test runs, as a usage error."""
    suite.write({"out": "a file", "test_a.py": "def test_a(): pass"})
    finished = suite.run("--gostage-report", "out")
    where = suite.folder / "out"
    message = f"--gostage-report {where}: cannot write there: File exists: {where}; choose a folder you can write"
    assert f"ERROR: {message}" in finished.lines
    assert finished.code == 4


@pytest.mark.parametrize("workers", [[], ["-p", "xdist", "-n", "2"]], ids=["alone", "xdist"])
def test_a_skipped_scenario_is_skipped(suite: Suite, workers: list[str]) -> None:
    """With its reason, in pytest's summary and in the report, where it is neither a result nor missing."""
    suite.write({"a.chaos.yaml": scenario("a"), "b.chaos.yaml": scenario("b") + "skip: see issue 7\n"})
    finished = suite.run("-rs", *workers, "--gostage-report", "out")
    assert "1 passed, 1 skipped" in finished.out
    assert any(line.startswith("SKIPPED") and line.endswith("see issue 7") for line in finished.lines), finished.out
    document = _document(suite)
    assert document["summary"] == {"pass": 1, "unknown": 0, "fail": 0, "skipped": 1}
    assert [each["scenario"] for each in document["results"]] == ["a"]
    assert document["run"]["not_run"] == []
    assert document["run"]["skipped"] == [
        {"scenario": "b", "file": "b.chaos.yaml", "transport": "json", "reason": "see issue 7"}
    ]
