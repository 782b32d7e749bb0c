"""junit.xml for CI servers, in the dialect of Jenkins and Maven Surefire.

There is no official schema; this is the structure of
https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd
and https://maven.apache.org/surefire/maven-surefire-plugin/xsd/surefire-test-report.xsd. A scenario file is a test
suite, a scenario on a transport a test case. `fail` is a failure; `unknown` is an error, because it is never green.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report.escape import visible, visible_line
from gostage_sim.report.lines import reproduced
from gostage_sim.report.run_report import NotRun, Run, Skipped

_Case = ScenarioResult | NotRun | Skipped

_ELEMENT = {Verdict.FAIL: "failure", Verdict.UNKNOWN: "error"}


def render(run: Run) -> str:
    """The document with its declaration."""
    suites: dict[str, list[_Case]] = defaultdict(list)
    cases: list[_Case] = [*run.results, *run.not_run, *run.left_out, *run.skipped]
    for case in cases:
        suites[case.file].append(case)
    root = ElementTree.Element(
        "testsuites",
        {
            "name": "gostage-sim",
            **_counts(run.results, run.not_run, [*run.left_out, *run.skipped]),
            "time": f"{run.duration_s:.3f}",
        },
    )
    for file in sorted(suites):
        _add_suite(root, run, file, suites[file])
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _add_suite(root: ElementTree.Element, run: Run, file: str, cases: list[_Case]) -> None:
    results = [case for case in cases if isinstance(case, ScenarioResult)]
    skipped = [case for case in (*run.left_out, *run.skipped) if case in cases]
    missing = [case for case in cases if isinstance(case, NotRun) and case not in skipped]
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        {
            "name": visible_line(file) or "scenarios",
            **_counts(results, missing, skipped),
            "skipped": str(len(skipped)),
            "time": f"{sum(result.duration_s for result in results):.3f}",
            "timestamp": run.started_at.removesuffix("+00:00"),  # the dialect has no time zones
            "hostname": visible_line(run.platform.hostname),
        },
    )
    properties = ElementTree.SubElement(suite, "properties")
    facts = {"gostage-sim": run.version, "seed": str(run.seed), "git_head": run.git_head or "none"}
    for name, value in facts.items():
        ElementTree.SubElement(properties, "property", {"name": name, "value": visible_line(value)})
    for result in results:
        _add_result(suite, result)
    for case in missing:
        element = _add_case(suite, case, 0.0)
        why = "the run was interrupted" if run.interrupted else "its observer was lost"
        ElementTree.SubElement(element, "error", {"type": "unknown", "message": f"no result: {why}"})
    for each in skipped:
        element = _add_case(suite, each, 0.0)
        why = each.reason if isinstance(each, Skipped) else f"does not run on {each.transport}"
        ElementTree.SubElement(element, "skipped", {"message": visible_line(why)})


def _add_result(suite: ElementTree.Element, result: ScenarioResult) -> None:
    case = _add_case(suite, result, result.duration_s)
    if result.verdict in _ELEMENT:
        element = ElementTree.SubElement(
            case, _ELEMENT[result.verdict], {"type": str(result.verdict), "message": visible_line(result.reason)}
        )
        element.text = visible("\n".join(_why(result)))
    ElementTree.SubElement(case, "system-out").text = visible("\n".join(_seen(result)))
    said = [f"{child.name}:\n{child.stderr_tail}" for child in result.children if child.stderr_tail]
    if said:
        ElementTree.SubElement(case, "system-err").text = visible("\n".join(said))


def _add_case(suite: ElementTree.Element, case: _Case, duration_s: float) -> ElementTree.Element:
    round = f", round {case.round}" if isinstance(case, ScenarioResult) and case.round > 1 else ""
    attributes = {
        "classname": visible_line(case.file),
        "name": visible_line(f"{case.scenario} [{case.transport}{round}]"),
        "time": f"{duration_s:.3f}",
    }
    return ElementTree.SubElement(suite, "testcase", attributes)


def _why(result: ScenarioResult) -> Iterable[str]:
    yield result.reason
    for judgement in result.guarantees:
        if judgement.verdict is not Verdict.PASS:
            yield f"{judgement.name}: {judgement.verdict}: {judgement.reason}"
    if result.reproduced:
        yield reproduced(result)
    if result.reproduce:
        yield f"repeat: {result.reproduce}"


def _seen(result: ScenarioResult) -> Iterable[str]:
    yield f"seed: {result.seed}"
    for fault in result.faults:
        seen = fault.witness or ("no witness" if fault.planned else "left out, by its probability")
        yield f"fault {fault.kind} of {fault.child}: {seen}"
    for judgement in result.guarantees:
        yield f"{judgement.name}: {judgement.verdict}: {judgement.reason}"


def _counts(results: Iterable[ScenarioResult], missing: Iterable[NotRun], skipped: Sequence[_Case]) -> dict[str, str]:
    verdicts = [result.verdict for result in results] + [Verdict.UNKNOWN for _ in missing]
    return {
        "tests": str(len(verdicts) + len(skipped)),
        "failures": str(verdicts.count(Verdict.FAIL)),
        "errors": str(verdicts.count(Verdict.UNKNOWN)),
    }
