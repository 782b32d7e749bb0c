"""The example package, installed for real: its fault and its guarantee are like any of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import gostage_sim

_EXAMPLE = Path(__file__).with_name("example")

SCENARIO = """\
name: A child with the hiccups
description: They are heard, and nobody else is disturbed.
children:
  victim:
    steps: [log: hello, send: 40]
    faults:
      - hiccup: {count: 3}
        at: {message: 20}
  sibling:
    steps: [log: hello, send: 40]
expect:
  victim: {outcome: completed, handled: 44}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which pip has put it."""
    folder = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "example"  # whoever builds it leaves something behind
    subprocess.run(["cp", "-r", str(_EXAMPLE), str(source)], check=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    done = subprocess.run([*pip, "--target", folder, source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def python(*arguments: str, installed: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    root = str(Path(gostage_sim.__file__).parents[1])
    search = os.pathsep.join([str(installed), root])
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": search, "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def test_it_keeps_the_contract(installed: Path, tmp_path: Path) -> None:
    """By the checks that ours are held to."""
    code = (
        "from gostage_sim.testing import check_fault, check_guarantee\n"
        "from gostage_sim_hiccups.fault import Hiccup\n"
        "from gostage_sim_hiccups.guarantee import HiccupsHeard\n"
        "check_fault(Hiccup); check_guarantee(HiccupsHeard()); print('kept')"
    )
    done = python("-c", code, installed=installed, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("kept\n", "")


def test_it_is_told_of_everywhere(installed: Path, tmp_path: Path) -> None:
    """`list`, `explain` and the JSON Schema know its words; without the package nobody does."""

    def said(*arguments: str, site: Path = installed) -> str:
        return python("-m", "gostage_sim", *arguments, installed=site, cwd=tmp_path).stdout

    assert "hiccup            Sends `count` messages of type `hiccup`" in said("list", "faults")
    assert "hiccups-heard      as many hiccups of each child were handled" in said("list", "guarantees")
    assert "  count: integer, 1 to 100; default 1\n" in said("explain", "hiccup")
    assert "Counts only if: some child had one\n" in said("explain", "hiccups-heard")
    schema = said("schema")
    assert json.loads(schema)
    assert '"hiccup"' in schema
    assert '"hiccups-heard"' in schema
    assert "hiccup" not in said("schema", site=tmp_path) + said("list", "faults", site=tmp_path)


def test_it_runs_over_every_transport(installed: Path, tmp_path: Path) -> None:
    """The fault strikes in the child and has its witness, and the guarantee judges; a mistake has its position."""
    (tmp_path / "hiccups.yaml").write_text(SCENARIO)
    done = python("-m", "gostage_sim", "run", "hiccups.yaml", "--transport", "all", installed=installed, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    results = json.loads((tmp_path / "reports" / "latest" / "report.json").read_text("utf-8"))["results"]
    assert [result["transport"] for result in results] == ["grpc", "json"]
    for result in results:
        assert [(fault["kind"], fault["witness"]) for fault in result["faults"]] == [("hiccup", "3 hiccups")]
        judged = {judgement["name"]: judgement for judgement in result["guarantees"]}
        assert judged["hiccups-heard"]["verdict"] == "pass"
        assert judged["hiccups-heard"]["reason"] == "3 hiccups handled"
    (tmp_path / "wrong.yaml").write_text(SCENARIO.replace("count: 3", "count: 0"))
    done = python("-m", "gostage_sim", "check", "wrong.yaml", installed=installed, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("wrong.yaml:7:25: parameter 'count' of fault 'hiccup' is 0")


def test_it_is_generated(installed: Path, tmp_path: Path) -> None:
    """The strategies take it from its own fields, and fuzz would."""
    code = (
        "from hypothesis import find\n"
        "from gostage_sim import strategies\n"
        "print(find(strategies.faults(), lambda fault: fault.get('hiccup', {}).get('count', 0) > 50))"
    )
    done = python("-W", "ignore", "-c", code, installed=installed, cwd=tmp_path)
    assert done.stdout == "{'hiccup': {'count': 51}}\n", done.stderr


@pytest.mark.parametrize(
    ("group", "entry", "message"),
    [
        ("faults", "odd = no_such_module:Thing", "cannot be imported: ModuleNotFoundError: No module named"),
        ("faults", "crash = gostage_sim_hiccups.fault:Hiccup", "this name is taken by a built-in fault"),
        ("faults", "odd = json:dumps", "expected a class, a frozen dataclass"),
        ("guarantees", "odd = no_such_module:Thing", "cannot be loaded: ModuleNotFoundError: No module named"),
        (
            "guarantees",
            "order = gostage_sim_hiccups.guarantee:HiccupsHeard",
            "this name is taken by a guarantee of ours",
        ),
        ("guarantees", "odd = json:dumps", "it has no name, no holds_when"),
    ],
)
def test_one_that_is_broken_is_one_message(
    installed: Path, tmp_path: Path, group: str, entry: str, message: str
) -> None:
    """Whatever needs all of them says which entry point it is and what is wrong, with exit code 2."""
    info = tmp_path / "site" / "broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[gostage_sim.{group}]\n{entry}\n")
    (tmp_path / "hiccups.yaml").write_text(SCENARIO)
    for command in (["run", "hiccups.yaml"], ["list", group], ["fuzz", "--budget", "1s"]):
        both = Path(f"{installed}{os.pathsep}{info.parent}")
        done = python("-m", "gostage_sim", *command, installed=both, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert done.stderr.count("\n") == 1
        name = entry.partition(" = ")[0]
        assert f"{group.removesuffix('s')} {name!r} (" in done.stderr
        assert message in done.stderr
    assert not (tmp_path / "reports").exists()
