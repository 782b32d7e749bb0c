"""junit.xml."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report import junit
from gostage_sim.report.escape import visible, visible_line
from gostage_sim.report.run_report import NotRun, Run

MakeResult = Callable[..., ScenarioResult]
MakeRun = Callable[..., Run]

SCHEMA = xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd"))


def parsed(run: Run) -> ElementTree.Element:
    """The document, valid for the schema and for an XML parser."""
    text = junit.render(run)
    root = ElementTree.fromstring(text.encode())
    SCHEMA.validate(root)
    return root


def test_fail_is_a_failure_and_unknown_an_error(make_result: MakeResult, make_run: MakeRun) -> None:
    """A CI server shows a pass as passed and nothing else as passed."""
    root = parsed(make_run(make_result(), make_result(Verdict.FAIL, "lost"), make_result(Verdict.UNKNOWN, "unseen")))
    assert root.attrib == {"name": "gostage-sim", "tests": "3", "failures": "1", "errors": "1", "time": "2.500"}
    suite = root[0]
    assert suite.attrib == {
        "name": "scenarios/crash/a.yaml",
        "tests": "3",
        "failures": "1",
        "errors": "1",
        "skipped": "0",
        "time": "3.750",
        "timestamp": "2025-01-02T03:04:05",
        "hostname": "host",
    }
    cases = suite.findall("testcase")
    assert [[part.tag for part in case] for case in cases] == [
        ["system-out", "system-err"],
        ["failure", "system-out", "system-err"],
        ["error", "system-out", "system-err"],
    ]
    assert cases[1].attrib == {
        "classname": "scenarios/crash/a.yaml",
        "name": "A bad pointer [json]",
        "time": "1.250",
    }
    assert cases[1][0].attrib == {"type": "fail", "message": "lost"}
    assert cases[1][0].text == "lost\norder: fail: lost\nrepeat: gostage-sim run a"
    assert cases[2][0].attrib == {"type": "unknown", "message": "unseen"}


def test_stderr_and_evidence_are_there(make_result: MakeResult, make_run: MakeRun) -> None:
    """What children wrote to stderr is in system-err, what was seen in system-out, also of a pass."""
    case = parsed(make_run(make_result(said="boom")))[0].findall("testcase")[0]
    assert case.findtext("system-err") == "boom:\nboom"
    assert case.findtext("system-out") == (
        "seed: 42\nfault crash of boom: boom\nparent-alive: pass: seen alive\norder: pass: boom"
    )


def test_each_file_is_a_suite(make_result: MakeResult, make_run: MakeRun) -> None:
    """Results of one file stand together, files in order."""
    root = parsed(make_run(make_result(file="b.yaml"), make_result(file="a.yaml"), make_result(file="b.yaml")))
    assert [(suite.get("name"), suite.get("tests")) for suite in root] == [("a.yaml", "1"), ("b.yaml", "2")]


def test_a_scenario_without_a_result_is_an_error(make_run: MakeRun) -> None:
    """What an interrupted run did not come to is not green either."""
    root = parsed(make_run(not_run=(NotRun("Later", "b.yaml", "json"),), interrupted=True))
    assert root.get("errors") == "1"
    error = root[0].findall("testcase")[0][0]
    assert error.attrib == {"type": "unknown", "message": "no result: the run was interrupted"}


def test_an_empty_run_is_valid(make_run: MakeRun) -> None:
    """No results make a document without suites."""
    assert len(parsed(make_run())) == 0


def test_hostile_text_stays_text(make_result: MakeResult, make_run: MakeRun, hostile: str) -> None:
    """Whatever a child says, the file is valid XML and a reader gets it as text, in visible form."""
    changes = {"scenario": hostile, "file": hostile, "reproduce": hostile}
    run = make_run(make_result(Verdict.FAIL, hostile, **changes), make_result(Verdict.PASS, hostile, **changes))
    case = parsed(run)[0].findall("testcase")[0]
    assert case.get("name") == f"{visible_line(hostile)} [json]"
    assert case[0].get("message") == visible_line(hostile)
    assert (case.findtext("system-err") or "") == (f"{visible(hostile)}:\n{visible(hostile)}" if hostile else "")


@given(said=st.text(st.characters() | st.sampled_from("]>\x00\x1b\r\n\ud800\ufffe")))
def test_any_text_makes_valid_xml(make_result: MakeResult, make_run: MakeRun, said: str) -> None:
    """No text at all can break the document."""
    parsed(make_run(make_result(Verdict.UNKNOWN, said, scenario=said, file=said)))
