"""The pytest plug-in: the fixtures `gostage_child` and `gostage_runner`, scenario files as tests, and the options.

This is the door that every test suite on the machine walks through, so it imports nothing but pytest; what is behind it
is in `gostage_sim.plugin` and loads when a suite meets a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gostage_sim.gostage import Runner
    from gostage_sim.plugin.child import ChildStarter
    from gostage_sim.plugin.collect import ScenarioFile

_MARKER = (
    "gostage: starts real child processes; scenario files and tests with one of our fixtures have it by themselves"
)


def _folder(text: str) -> str:
    """An empty text would be the current folder, which nobody meant whose variable is empty."""
    from argparse import ArgumentTypeError

    if not text:
        raise ArgumentTypeError("'' is not the name of a folder; write . for the current one")
    return text


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gostage", "gostage-sim: real children, broken on purpose")
    group.addoption(
        "--gostage-report",
        metavar="DIR",
        type=_folder,
        help="write report.json, junit.xml and summary.md of the session's scenario files into this folder",
    )
    group.addoption(
        "--gostage-transport",
        choices=["json", "grpc", "all"],
        help="of scenario files, gostage_transport and gostage_child; by default GOSTAGE_IPC_TRANSPORT, or all",
    )
    group.addoption(
        "--gostage-seed",
        metavar="N",
        type=_seed,
        help="of all randomness in scenarios and gostage_child; drawn by default, and printed with every failure",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)
    directory = config.getoption("gostage_report")
    if directory is not None:
        from gostage_sim.plugin.reports import SendsResults, WritesReports

        config.pluginmanager.register(SendsResults(), "gostage-sends-results")
        if not hasattr(config, "workerinput"):
            where = config.invocation_params.dir / directory
            config.pluginmanager.register(WritesReports(where), "gostage-writes-reports")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """All workers of pytest-xdist draw from one seed."""
    from gostage_sim.plugin.runner import WORKER_SEED, seed_of

    node.workerinput[WORKER_SEED] = seed_of(node.config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    if file_path.suffix not in (".yaml", ".yml"):
        return None
    from gostage_sim.plugin.collect import ScenarioFile, is_ours

    if not is_ours(file_path, parent.session):
        return None
    found: ScenarioFile = ScenarioFile.from_parent(parent, path=file_path)
    return found


def pytest_itemcollected(item: pytest.Item) -> None:
    if not {"gostage_child", "gostage_runner"}.isdisjoint(getattr(item, "fixturenames", ())):
        item.add_marker("gostage")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with `gostage_transport` runs once on each transport that was chosen."""
    if "gostage_transport" in metafunc.fixturenames:
        from gostage_sim.plugin.runner import choice_of

        choice = choice_of(metafunc.config)
        metafunc.parametrize("gostage_transport", ["json", "grpc"] if choice == "all" else [choice], indirect=True)


@pytest.fixture
def gostage_transport(request: pytest.FixtureRequest) -> str:
    """`json` or `grpc`: the test runs once on each, or on the one that `--gostage-transport` names.

    A `gostage_child` beside it uses it; `gostage.Runner(transport=gostage_transport)` is for runners of the test's own.
    """
    transport: str = request.param
    return transport


@pytest.fixture
def gostage_child(request: pytest.FixtureRequest) -> ChildStarter:
    """Run one real child process, break it on purpose, and see what became of it and of its parent.

    `gostage_child(steps=[{"send": 50}], faults=[{"crash": "SIGSEGV", "at": {"message": 20}}])` takes steps and faults
    as a scenario file has them. It returns a report: `outcome`, `exit_code`, `signal`, `pid`, `sent`, `handled`,
    `malformed`, `error`, `stderr_tail` of the child, `verdict`, `guarantees` by name, and `result` with everything.

    `timeout`, `grace`: of its spawn, "2s" or seconds; `siblings=2`: as many innocent children beside it;
    `handlers={"message": {"delay": "1ms"}}`: slow handlers; `seed`: of this run instead of `--gostage-seed`. On JSON,
    unless `--gostage-transport` or the fixture `gostage_transport` says otherwise.

    The call raises AssertionError, with reasons, when a guarantee of the parent is `fail`, and also when one is
    `unknown`: a fault that did not fire, evidence that is missing. Two may stay `unknown`, because only the test's own
    messages can be their witness: `order` (two types sent) and `quarantine` (good messages on both sides of a bad
    line). `verdict` is `unknown` then: it never counts them as a pass. `siblings=1` is company enough for `order`.
    `check=False` never raises; mistakes in the arguments always do, with paths such as `steps[0].send.count`.
    """
    from gostage_sim.plugin.child import ChildStarter

    return ChildStarter(request)


@pytest.fixture
def gostage_runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """A `gostage.Runner` in the test's own process, for actions that the test defines itself, closures among them.

    `gostage_runner.spawn(gostage.SubWorkflowDef.of("mine"))` runs them in a real child, a fork of a warm server. On
    JSON, unless `--gostage-transport` or the fixture `gostage_transport` says otherwise. It is closed at the end. A
    child that was not waited for, or of which somebody is left, is killed then, and is an error of the test.
    """
    from gostage_sim.plugin.engine import checked_runner
    from gostage_sim.plugin.runner import transport_of

    with checked_runner(transport_of(request)) as runner:
        yield runner


def _seed(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) < 2**63:
        return int(text)
    from argparse import ArgumentTypeError

    raise ArgumentTypeError(f"found {text!r}; expected a whole number from 0 to {2**63 - 1}")
