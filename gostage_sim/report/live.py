"""The live display of a run for a person at a terminal, drawn by rich."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report import lines
from gostage_sim.report.escape import visible_line
from gostage_sim.report.run_report import Run
from gostage_sim.scenario.transports import Case

_NAMES_SHOWN = 8


class LiveTerminal:
    """Names of what is running and how many are done, redrawn in place; failures scroll by above as they come."""

    def __init__(self, stream: TextIO, total: int | None) -> None:
        # Text is given as `Text` everywhere: markup and emoji codes in a scenario's name stay text.
        self._console = Console(file=stream, markup=False, emoji=False, highlight=False)
        self._total = total
        self._done = 0
        self._rounds = ""
        self._running: list[str] = []
        self._lock = threading.Lock()
        self._live = Live(console=self._console, get_renderable=self._progress, transient=True, refresh_per_second=4)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def opening(self, run: Run, total: int) -> None:
        for line in lines.opening(run, total):
            self._print(line)

    def started(self, case: Case) -> None:
        with self._lock:
            self._running.append(_running(case.scenario.name, case.transport))

    def finished(self, result: ScenarioResult) -> None:
        name = _running(result.scenario, result.transport)
        with self._lock:
            self._done += 1
            if name in self._running:
                self._running.remove(name)
        if result.verdict is not Verdict.PASS:
            self._print(lines.finished(result, self._done, self._total))

    def after_a_round(self, line: str) -> None:
        with self._lock:
            self._rounds = line

    def show(self, run: Run, directory: Path) -> None:
        if self._console.width < lines.NARROW:
            for result in run.rows:
                self._print(lines.listed(result))
            self._console.print()
        else:
            self._console.print(self._table(run))
        for result in run.results:
            if result.verdict is not Verdict.PASS:
                for line in lines.failure(result):
                    self._print(line)
                self._console.print()
        for line in lines.closing(run, directory):
            self._print(line)

    def _table(self, run: Run) -> Table:
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for column in lines.COLUMNS:
            table.add_column(column, justify="right" if column == "duration" else "left", overflow="fold")
        for result in run.rows:
            scenario, transport, verdict, duration, reason = lines.row(result)
            shown = Text(verdict, style=lines.style_of(result))
            table.add_row(Text(scenario), transport, shown, duration, Text(reason))
        return table

    def _print(self, line: lines.Line) -> None:
        # soft_wrap: a command that repeats a failure must be copied in one piece.
        self._console.print(_styled(line), soft_wrap=True)

    def _progress(self) -> Group:
        with self._lock:
            running, done, rounds = list(self._running), self._done, self._rounds
        head = Table.grid(padding=(0, 1))
        head.add_row(
            ProgressBar(total=self._total, completed=done, width=min(30, self._console.width // 2)),
            Text(f"{done}" if self._total is None else f"{done}/{self._total}"),
            *([Text(rounds)] if rounds else []),
        )
        shown = [Text(f"  {name}", style="dim", no_wrap=True, overflow="ellipsis") for name in running[:_NAMES_SHOWN]]
        if len(running) > _NAMES_SHOWN:
            shown.append(Text(f"  and {len(running) - _NAMES_SHOWN} more", style="dim"))
        return Group(head, *shown)


def _running(scenario: str, transport: str) -> str:
    return f"{visible_line(scenario)} ({visible_line(transport)})"


def _styled(line: lines.Line) -> Text:
    return Text.assemble(*((piece, style) for style, piece in line))
