"""Scenario files as tests."""

from __future__ import annotations

import json

import pytest

from gostage_sim.scenario.model import FILLED_IN, File
from tests.plugin.conftest import Suite, scenario


@pytest.fixture
def mixed(suite: Suite) -> Suite:
    """Ours, and what only looks like it."""
    suite.write(
        {
            "scenarios/right.yaml": scenario("Right"),
            "scenarios/deep/also.yml": scenario("Also"),
            "scenarios/flow.yaml": '{"name": "Flow", "children": {"a": {"steps": []}}}',
            "scenarios/_fragment.yaml": scenario("Fragment"),
            "scenarios/_parts/part.yaml": scenario("Part"),
            "scenarios/_all.yaml": scenario("None").replace("name: None", ""),
            "scenarios/short.yaml": "name: Short\ninclude: [_all.yaml]\n",
            "_drafts/later.chaos.yaml": scenario("Later"),
            "scenarios/docker-compose.yaml": "name: x\nservices: {a: {image: b}}\n",
            "scenarios/binary.yaml": "\udc80".encode("utf-8", "surrogatepass").decode("latin-1"),
            "app/any.chaos.yaml": scenario("Chaos"),
            "app/_not.chaos.yaml": scenario("Not"),
            "app/config.yaml": scenario("Config"),
            "app/scenarios/inner.yaml": scenario("Inner"),
        }
    )
    return suite


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["app/any.chaos.yaml::Chaos[json]", "scenarios/flow.yaml::Flow[json]", "scenarios/right.yaml::Right[json]",
              "scenarios/short.yaml::Short[json]", "scenarios/deep/also.yml::Also[json]"]),
        (["app/../app/scenarios", "scenarios/_fragment.yaml", "scenarios/right.yaml::Right[json]"],
         ["app/scenarios/inner.yaml::Inner[json]", "scenarios/_fragment.yaml::Fragment[json]",
          "scenarios/right.yaml::Right[json]"]),
    ],
)  # fmt: skip
def test_which_files_are_collected(mixed: Suite, arguments: list[str], expected: list[str]) -> None:
    """`*.chaos.yaml` anywhere; YAML that looks like a scenario below `scenarios/` in the root folder or as named; no
    fragments, unless a file is named itself; never anybody else's YAML."""
    finished = mixed.run("--collect-only", "-q", *arguments)
    assert (finished.code, sorted(finished.lines[: finished.lines.index("")])) == (0, sorted(expected)), finished.out


def test_selection(suite: Suite) -> None:
    """Scenario items have the marker `gostage` and are found by their tags."""
    suite.write({"a.chaos.yaml": scenario("Slow", tag="lengthy"), "b.chaos.yaml": scenario("Quick")})
    finished = suite.run("--collect-only", "-q", "--strict-markers", "-k", "lengthy", "-m", "gostage")
    assert finished.lines[0] == "a.chaos.yaml::Slow[json]"
    assert "1/2 tests collected (1 deselected)" in finished.out


def test_a_scenario_is_a_test_on_each_transport(suite: Suite) -> None:
    """The one that was chosen, or all that it has; the second is compared with the first. One that it does not have is
    skipped with a word."""
    suite.write({"both.chaos.yaml": scenario("Both"), "lines.chaos.yaml": scenario("Lines") + "transports: [json]\n"})
    finished = suite.run("-rs", "-v", "--gostage-transport", "all", "--gostage-report", "out")
    assert finished.code == 0, finished.out
    assert [line.split()[0] for line in finished.lines if "PASSED" in line] == [
        "both.chaos.yaml::Both[json]",
        "both.chaos.yaml::Both[grpc]",
        "lines.chaos.yaml::Lines[json]",
    ]
    document = json.loads((suite.folder / "out" / "report.json").read_text())
    assert [(each["transport"], each["guarantees"][-1]["name"]) for each in document["results"]] == [
        ("grpc", "transports-agree"),
        ("json", "as-expected"),
        ("json", "as-expected"),
    ]
    finished = suite.run("-rs", "--gostage-transport", "grpc", "lines.chaos.yaml")
    assert any(line.endswith("the scenario does not run on grpc") for line in finished.lines), finished.out


def test_mistakes_are_collection_errors(suite: Suite) -> None:
    """All mistakes of a file with line and column, no traceback; a misspelt `children` does not hide the file."""
    suite.write({"scenarios/wrong.yaml": "name: Wrong\nchildern: {}\ntimeout: 3\n"})
    finished = suite.run()
    assert finished.code == 2
    start = next(i for i, line in enumerate(finished.lines) if "ERROR collecting" in line)
    known = ", ".join(key for key in File.model_fields if key not in FILLED_IN)
    assert finished.lines[start + 1 : start + 3] == [
        f"scenarios/wrong.yaml:2:1: unknown key 'childern'; did you mean 'children'? known keys: {known}",
        "scenarios/wrong.yaml:3:10: timeout: a duration needs a unit, for example 20s, 1ms; found 3",
    ]
    assert finished.lines[start + 3].startswith("====")


def test_verdicts(suite: Suite) -> None:
    """Pass passes; fail and unknown fail, with file and line, the guarantees that did not pass and the command that
    repeats it; `--gostage-report` has them all."""
    suite.write(
        {
            "scenarios/a.yaml": scenario("Right"),
            "scenarios/b.yaml": scenario("Wrong", outcome="completed"),
            "scenarios/c.yaml": scenario("Never").replace("message: 40", "message: 40, byte: 999"),
        }
    )
    finished = suite.run("-v", "--gostage-seed", "5", "--gostage-report", "out/report")
    assert finished.code == 1
    assert [line.partition(" ")[2].split("[")[0].strip() for line in finished.lines if "::" in line[:24]] == [
        "PASSED", "FAILED", "FAILED",
    ]  # fmt: skip
    assert finished.section("Wrong[json]") == [
        "scenarios/b.yaml:2: fail: Wrong (scenarios/b.yaml, json, seed 5)",
        "as-expected fail: outcome of victim is signaled, completed expected",
        "repeat: gostage-sim run scenarios/b.yaml --transport json --seed 5 --repeat 20",
    ]
    never = finished.section("Never[json]")
    assert never[0] == "scenarios/c.yaml:2: fail: Never (scenarios/c.yaml, json, seed 5)"
    assert any(line.startswith("fault-fired unknown: crash (victim#1) of victim was armed but never") for line in never)
    report = suite.folder / "out" / "report"
    assert f"gostage-sim: seed 5, report: {report}/report.json" in finished.lines
    names = ["junit.xml", "report.html", "report.json", "summary.md", "trace.json"]
    assert sorted(each.name for each in report.iterdir()) == names
    document = json.loads((report / "report.json").read_text())
    assert [each["verdict"] for each in document["results"]] == ["pass", "fail", "fail"]
    assert (document["run"]["seed"], document["run"]["interrupted"], document["run"]["not_run"]) == (5, False, [])


def test_a_matrix_is_a_test_for_each_combination(suite: Suite) -> None:
    """Each has its name, is selected by it, fails by itself, and stands in the report under its id."""
    text = scenario("Matrix").replace("message: 40", "message: '${at}'") + "parametrize: {at: [40, 61, 50]}\n"
    suite.write({"m.chaos.yaml": text})
    finished = suite.run("--collect-only", "-q")
    assert finished.lines[:3] == [f"m.chaos.yaml::Matrix [at={at}][json]" for at in (40, 61, 50)]
    finished = suite.run("-v", "-k", "40 or 50", "--gostage-report", "out")
    assert "2 passed, 1 deselected" in finished.out
    document = json.loads((suite.folder / "out" / "report.json").read_text())
    assert [(each["id"], each["parameters"]) for each in document["results"]] == [
        ("Matrix [at=40]", {"at": 40}),
        ("Matrix [at=50]", {"at": 50}),
    ]
