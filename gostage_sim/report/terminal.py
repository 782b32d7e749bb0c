"""Shows a run on the terminal: progress while it runs, then the table, and the failures last.

Colour and a live display only for a person at a terminal; plain lines for a pipe, in CI, with NO_COLOR
(https://no-color.org) and on a dumb terminal.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
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

    def after_a_round(self, line: str) -> None:
        """All of one round have."""

    def show(self, run: Run, directory: Path) -> None:
        """The table, the failures, the count."""


class PlainTerminal:
    """Lines of text, one when a scenario is finished; `quiet` leaves out all but failures and the count.

    `narrow` is for a terminal that has no room for columns.
    """

    def __init__(self, stream: TextIO, total: int | None, *, quiet: bool = False, narrow: bool = False) -> None:
        self._stream = stream
        self._total = total
        self._narrow = narrow
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

    def after_a_round(self, line: str) -> None:
        if not self._quiet:
            self._say(line)

    def show(self, run: Run, directory: Path) -> None:
        if not self._quiet:
            self._say("")
            for line in self._table(run):
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

    def _table(self, run: Run) -> Iterable[str]:
        if self._narrow:
            return (lines.text(lines.listed(result)) for result in run.rows)
        return lines.plain_table(run)

    def _say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


def is_for_a_person(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a person looks at it and wants colour."""
    unwanted = environ.get("NO_COLOR") or environ.get("CI") or environ.get("TERM") == "dumb"
    return stream.isatty() and not unwanted


def terminal_for(stream: TextIO, environ: Mapping[str, str], total: int | None, *, quiet: bool = False) -> Terminal:
    """The live display where a person looks at it and wants colour, plain lines everywhere else."""
    if quiet or not is_for_a_person(stream, environ):
        narrow = stream.isatty() and shutil.get_terminal_size().columns < lines.NARROW
        return PlainTerminal(stream, total, quiet=quiet, narrow=narrow)
    from gostage_sim.report.live import LiveTerminal

    return LiveTerminal(stream, total)
