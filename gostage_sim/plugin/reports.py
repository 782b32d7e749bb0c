"""`--gostage-report DIR`: the results of all scenario items of a session as report.json, junit.xml and summary.md.

Under pytest-xdist workers send each result along with its test report, as JSON text, and at their end the list of
scenarios they collected; the controller writes.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gostage_sim.plugin.collect import ScenarioFile, ScenarioItem
from gostage_sim.plugin.runner import choice_of, seed_of

if TYPE_CHECKING:
    from gostage_sim.harness.result import ScenarioResult
    from gostage_sim.report.run_report import Run

_COLLECTED = "gostage_scenarios"
_RESULT = "gostage_result"
_BROKEN = "gostage_broken_file"

#: Name, file, transport, and why it cannot run here.
_Named = tuple[str, str, str, str | None]


class SendsResults:
    """In every process that runs tests: results travel in test reports."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        report = yield
        if call.when == "call" and isinstance(item, ScenarioItem) and item.result is not None:
            import msgspec

            setattr(report, _RESULT, msgspec.json.encode(item.result).decode())
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Any:
        report = yield
        if report.failed and isinstance(collector, ScenarioFile):
            setattr(report, _BROKEN, collector.shown())
        return report

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_COLLECTED] = list(map(_named, _items(session)))


class WritesReports:
    """In the one process that sees all reports."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._results: list[ScenarioResult] = []
        self._collected: dict[_Named, None] = {}
        self._run: Run | None = None
        self._began = time.monotonic()
        self._problems: tuple[str, ...] = ()

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Before any test: a folder that cannot be written ends the session here."""
        from gostage_sim.report import folder, run_report
        from gostage_sim.report.bad_input import BadInput

        workers = session.config.getoption("numprocesses", None) or 1
        run = run_report.begin(seed=seed_of(session.config), workers=int(workers), transport=choice_of(session.config))
        try:
            folder.prepare(self._directory, dataclasses.replace(run, interrupted=True))
        except BadInput as error:
            raise pytest.UsageError(*map(_of_our_option, error.lines)) from None
        self._run = run

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._expect(map(_named, _items(session)))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file with mistakes is a scenario that did not run, and no report is green without it."""
        file = getattr(report, _BROKEN, None)
        if file is not None:
            self._expect([(Path(file).name, file, self._run.transport if self._run else "all", None)])

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._expect(map(tuple, getattr(node, "workeroutput", {}).get(_COLLECTED, ())))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        sent = getattr(report, _RESULT, None)
        if sent is not None:
            import msgspec

            from gostage_sim.harness.result import ScenarioResult

            self._results.append(msgspec.json.decode(sent, type=ScenarioResult))

    def _expect(self, scenarios: Iterable[_Named]) -> None:
        self._collected.update(dict.fromkeys(scenarios))

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if self._run is None:
            return
        from gostage_sim.report import folder, pages, run_report

        interrupted = exitstatus == pytest.ExitCode.INTERRUPTED
        have = {(result.scenario, result.file, result.transport) for result in self._results}
        self._run = dataclasses.replace(
            self._run,
            results=run_report.in_order(self._results),
            not_run=tuple(
                run_report.NotRun(*each[:3]) for each in self._collected if each[3] is None and each[:3] not in have
            ),
            skipped=tuple(
                run_report.Skipped(name, file, transport, why)
                for name, file, transport, why in self._collected
                if why is not None
            ),
            interrupted=interrupted,
            duration_s=time.monotonic() - self._began,
        )
        try:
            run_report.write_all(self._run, self._directory)
            self._problems = pages.write_pages(self._run, self._directory)
        except OSError as error:
            self._run = None
            raise pytest.UsageError(_of_our_option(folder.cannot_write(self._directory, error))) from None

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._run is not None:
            from gostage_sim.report.escape import visible_line

            seed, report = self._run.seed, visible_line(str(self._directory / "report.json"))
            terminalreporter.write_line(f"gostage-sim: seed {seed}, report: {report}")
            for line in self._problems:
                terminalreporter.write_line(line)


def _named(item: ScenarioItem) -> _Named:
    return item.scenario.name, item.scenario.file, item.transport, item.skipped


def _items(session: pytest.Session) -> list[ScenarioItem]:
    """Those that are to run: not the ones for a transport that their scenario does not have."""
    items = (item for item in session.items if isinstance(item, ScenarioItem))
    return [item for item in items if item.transport in item.scenario.transports]


def _of_our_option(message: str) -> str:
    return f"--gostage-{message.removeprefix('--')}" if message.startswith("--report ") else message
