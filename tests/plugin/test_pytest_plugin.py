"""The plug-in as a guest in other people's suites."""

from __future__ import annotations

import os
import tomllib
import uuid
from pathlib import Path

import pytest

import gostage_sim
from tests.plugin.conftest import Suite

LIGHT = """
import sys

def test_light():
    heavy = {"pydantic", "numpy", "ruamel", "yaml", "faker", "rich", "typer", "msgspec", "multiprocess"}
    assert heavy & set(sys.modules) == set()
    ours = {name for name in sys.modules if name.startswith("gostage_sim")}
    assert ours == {"gostage_sim", "gostage_sim.pytest_plugin"}
"""


def test_it_is_light(suite: Suite) -> None:
    """A suite without a scenario loads neither our libraries nor the harness."""
    suite.write({"test_light.py": LIGHT, "data.txt": ""})
    finished = suite.run("-q")
    assert finished.code == 0, finished.out


def test_foreign_yaml_is_light_too(suite: Suite) -> None:
    """Looking at a YAML file that is not ours costs no library."""
    own = '"gostage_sim", "gostage_sim.pytest_plugin"'
    looking = f'{own}, "gostage_sim.plugin", "gostage_sim.plugin.collect", "gostage_sim.plugin.runner"'
    suite.write({"test_light.py": LIGHT.replace(own, looking), "scenarios/values.yaml": "image: x\n"})
    finished = suite.run("-q")
    assert finished.code == 0, finished.out


def test_what_pytest_says_of_it(suite: Suite) -> None:
    """The fixture explains itself, the marker is registered."""
    fixtures = suite.run("--fixtures").out
    assert "gostage_child -- " in fixtures
    assert "Run one real child process, break it on purpose" in fixtures
    assert "@pytest.mark.gostage: starts real child processes; " in suite.run("--markers").out


def test_tests_with_children_are_marked(suite: Suite) -> None:
    """`-m "not gostage"` leaves out tests that start children, with strict markers too."""
    suite.write({"test_a.py": "def test_a(gostage_child): pass\ndef test_b(): pass\n"})
    finished = suite.run("--collect-only", "-q", "--strict-markers", "-m", "not gostage")
    assert finished.lines[0] == "test_a.py::test_b"
    assert "1/2 tests collected (1 deselected)" in finished.out


def test_a_seed_that_is_none(suite: Suite) -> None:
    """It is a usage error."""
    finished = suite.run("--gostage-seed", "-1")
    assert "argument --gostage-seed: found '-1'; expected a whole number from 0 to 9223372036854775807" in finished.out
    assert finished.code == 4


@pytest.mark.parametrize("named", [(), ("-p", "gostage_sim.pytest_plugin")])
def test_installed_it_loads_once(suite: Suite, named: tuple[str, ...]) -> None:
    """By the entry point of the installed package, whether or not it is also named by `-p`."""
    root = Path(gostage_sim.__file__).parent.parent
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    (entry,) = project["entry-points"]["pytest11"].items()
    suite.write(
        {
            "site/gostage_sim_twin-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: gostage-sim-twin\nVersion: 1\n",
            "site/gostage_sim_twin-1.dist-info/entry_points.txt": f"[pytest11]\n{entry[0]} = {entry[1]}\n",
            "test_a.py": "def test_a(pytestconfig, gostage_child):\n"
            "    found = [p for p in pytestconfig.pluginmanager.get_plugins() if 'gostage' in str(p)]\n"
            "    assert len(found) == 1\n",
        }
    )
    search = os.pathsep.join([str(suite.folder / "site"), str(root)])
    others = ("-p", "no:faker", "-p", "no:hypothesispytest")  # a second to load
    process = suite.start("-q", *others, *named, environ={"PYTHONPATH": search, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": ""})
    out = process.communicate(timeout=60)[0]
    assert process.returncode == 0, out


INTERRUPTED = """
import os

def test_a(gostage_child):
    gostage_child([{"call": "actions:interrupt", "with": {"group": os.getpgrp()}}], timeout=60)

def test_b():
    pass
"""
ACTIONS = """
import os, signal

def interrupt(context):
    os.killpg(context.params["group"], signal.SIGINT)
    while True:
        signal.pause()
"""


def test_ctrl_c_leaves_no_process(suite: Suite) -> None:
    """In the middle of a scenario it ends the session at once, and everyone in it."""
    suite.write({"test_a.py": INTERRUPTED, "actions.py": ACTIONS})
    mark = uuid.uuid4().hex
    process = suite.start("-p", "gostage_sim.pytest_plugin", environ={"MARK": mark}, start_new_session=True)
    out = process.communicate(timeout=60)[0]
    assert "KeyboardInterrupt" in out
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert _living_with(mark) == []


def _living_with(mark: str) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except OSError:  # gone meanwhile, or of someone else
            continue
    return found


TRANSPORTS = """
def test_transport(gostage_transport, gostage_child):
    report = gostage_child(steps=[{"send": 5}, {"log": "done"}], check=False)
    assert report.result.transport == gostage_transport
    assert (report.outcome, report.handled) == ("completed", 6)
"""


@pytest.mark.parametrize(("chosen", "ran"), [("all", ["json", "grpc"]), ("grpc", ["grpc"])])
def test_a_test_with_the_transport_runs_on_each(suite: Suite, chosen: str, ran: list[str]) -> None:
    """`gostage_transport` is each one that was chosen, and the transport of the child beside it."""
    suite.write({"test_a.py": TRANSPORTS})
    finished = suite.run("-v", "--gostage-transport", chosen)
    assert finished.code == 0, finished.out
    shown = [line.split()[0] for line in finished.lines if "PASSED" in line]
    assert shown == [f"test_a.py::test_transport[{name}]" for name in ran]


def test_an_unknown_transport_in_the_environment(suite: Suite) -> None:
    """It is a usage error that says what is known."""
    suite.write({"test_a.py": "def test_a(gostage_transport): pass"})
    finished = suite.run(GOSTAGE_IPC_TRANSPORT="pigeon")
    assert "GOSTAGE_IPC_TRANSPORT: found 'pigeon'; expected json, grpc or all" in finished.out
