"""Shows a run on the terminal: progress while it runs, then the table, and the failures last.

Colour and a live display only for a person at a terminal; plain lines for a pipe, in CI, with NO_COLOR
(https://no-color.org) and on a dumb terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self, TextIO

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report import lines
from gostage_sim.report.run_report import Run
from gostage_sim.scenario.transports import Case


class Terminal(Protocol):
    """What `run_command` needs; used as a context while scenarios run, `show` comes after it."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    def opening(self, run: Run, total: int) -> None:
        """The run begins."""

    def started(self, case: Case) -> None:
        """A worker took it."""

    def finished(self, result: ScenarioResult) -> None:
        """It has a result."""

    def show(self, run: Run, directory: Path) -> None:
        """The table, the failures, the count."""


class PlainTerminal:
    """Lines of text, one when a scenario is finished; `quiet` leaves out all but failures and the count."""

    def __init__(self, stream: TextIO, total: int, *, quiet: bool = False) -> None:
        self._stream = stream
        self._total = total
        self._quiet = quiet
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def opening(self, run: Run, total: int) -> None:
        if not self._quiet:
            for line in lines.opening(run, total):
                self._say(lines.text(line))

    def started(self, case: Case) -> None:
        pass

    def finished(self, result: ScenarioResult) -> None:
        self._done += 1
        if not self._quiet:
            self._say(lines.text(lines.finished(result, self._done, self._total)))

    def show(self, run: Run, directory: Path) -> None:
        if not self._quiet:
            self._say("")
            for line in lines.plain_table(run.results):
                self._say(line)
        for result in run.results:
            if result.verdict is not Verdict.PASS:
                self._say("")
                for pieces in lines.failure(result):
                    self._say(lines.text(pieces))
        if not self._quiet:
            self._say("")
        for pieces in lines.closing(run, directory):
            self._say(lines.text(pieces))

    def _say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


def terminal_for(stream: TextIO, environ: Mapping[str, str], total: int, *, quiet: bool = False) -> Terminal:
    """The live display where a person looks at it and wants colour, plain lines everywhere else."""
    unwanted = environ.get("NO_COLOR") or environ.get("CI") or environ.get("TERM") == "dumb"
    if quiet or unwanted or not stream.isatty():
        return PlainTerminal(stream, total, quiet=quiet)
    from gostage_sim.report.live import LiveTerminal

    return LiveTerminal(stream, total)
