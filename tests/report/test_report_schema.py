"""The published schema of report.json."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report import json_report, report_schema
from gostage_sim.report.run_report import NotRun, Run, Skipped

MakeResult = Callable[..., ScenarioResult]
MakeRun = Callable[..., Run]

FILE = Path(report_schema.__file__).with_name("report.schema.json")
SCENARIO = """\
name: A crash
children:
  victim: {steps: [{send: 30}], faults: [{crash: SIGSEGV, at: {message: 20}}]}
  sibling: {steps: [{send: 30}]}
expect: {victim: {outcome: completed}}
"""


def mistakes(report: str) -> list[str]:
    """What a library that is not ours finds wrong with a report by the published file."""
    schema = json.loads(FILE.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    found = jsonschema.Draft202012Validator(schema).iter_errors(json.loads(report))
    return [f"{error.json_path}: {error.message}" for error in found]


def test_the_file_is_what_the_command_prints() -> None:
    """`gostage-sim schema report` is the file in the package; after a change of the types it is written anew."""
    printed = subprocess.run(
        [sys.executable, "-m", "gostage_sim", "schema", "report"], capture_output=True, text=True, timeout=120
    )
    assert (printed.stdout, printed.stderr) == (FILE.read_text("utf-8"), "")


def test_a_real_report_is_valid(tmp_path: Path) -> None:
    """Of a run with a failure, over both transports; and the histories judged again."""
    (tmp_path / "a.yaml").write_text(SCENARIO)
    command = [sys.executable, "-m", "gostage_sim"]
    for arguments in (["run", "a.yaml", "--transport", "all", "--report", "out"], ["report", "out"]):
        done = subprocess.run([*command, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=200)
        assert (done.returncode, done.stderr) == (1, "")
        assert mistakes((tmp_path / "out" / "report.json").read_text("utf-8")) == []


def test_whatever_a_child_says_the_report_is_valid(make_result: MakeResult, make_run: MakeRun, hostile: str) -> None:
    """Also of a run that has everything that a run may have, and numbers that JSON's readers do not take."""
    result = replace(make_result(Verdict.FAIL, hostile), extra={"large": 2**70, "odd": {hostile}})
    others = {"not_run": (NotRun("C", "c", "json"),), "skipped": (Skipped("D", "d", "grpc", hostile),)}
    run = make_run(result, interrupted=True, **others)
    assert mistakes(json_report.render(replace(run, left_out=(NotRun("E", "e", "json"),)))) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda report: report.update(schema="gostage-sim/report/0"), "$.schema: 'gostage-sim/report/1' was expected"),
        (lambda report: report["results"][0].pop("reason"), "$.results[0]: 'reason' is a required property"),
        (lambda report: report["results"][0].update(verdict="green"), "$.results[0].verdict: 'green' is not one of"),
        (lambda report: report["results"][0]["children"][0].update(pid="1"), "$.results[0].children[0].pid: '1'"),
        (lambda report: report["run"].update(more=1), "$.run: Additional properties are not allowed"),
    ],
    ids=["schema", "missing", "verdict", "type", "unknown key"],
)
def test_another_shape_is_not_valid(
    make_result: MakeResult, make_run: MakeRun, change: Callable[[Any], Any], found: str
) -> None:
    """The schema says no to what is no report of this version."""
    report = json.loads(json_report.render(make_run(make_result())))
    change(report)
    (mistake,) = mistakes(json.dumps(report))
    assert mistake.startswith(found)


def test_every_type_is_described() -> None:
    """Each has its sentence, and fields have theirs where the code has one."""
    schema = report_schema.report_schema()
    assert [name for name, facts in schema["$defs"].items() if not facts.get("description")] == []
    assert schema["$defs"]["ScenarioResult"]["properties"]["reproduce"]["description"] == (
        "A shell command that repeats this result."
    )


def test_a_fragment_of_a_report_is_refused() -> None:
    """Fragments are of scenarios."""
    command = [sys.executable, "-m", "gostage_sim", "schema", "report", "--fragment"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (2, "schema report: '--fragment' is for 'schema scenario'\n")
