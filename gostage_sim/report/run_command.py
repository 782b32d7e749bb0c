"""`gostage-sim run`: from paths to reports and an exit code."""

from __future__ import annotations

import dataclasses
import itertools
import os
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Self, TypeVar

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.agreement import Agreement
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report import choice, folder, github
from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.lines import after_a_round
from gostage_sim.report.pages import write_pages
from gostage_sim.report.rounds import Rounds
from gostage_sim.report.run_report import NotRun, Run, Skipped, begin, in_order, write_all
from gostage_sim.report.terminal import Terminal, terminal_for
from gostage_sim.scenario.conditions import split
from gostage_sim.scenario.transports import Case, Choice, cases_of

_T = TypeVar("_T")

EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.UNKNOWN: 3}


def run(
    paths: Sequence[Path],
    *,
    transport: Choice,
    workers: str,
    seed: int | None,
    tags: Sequence[str],
    keyword: str | None,
    report: Path,
    quiet: bool,
    repeat: int | None = None,
    for_s: float | None = None,
    twin: bool = False,
) -> int:
    """Run the selected scenarios, write the reports, return the exit code; BadInput before anything is started.

    They run `repeat` times, or again and again for `for_s` seconds, but each at least once.
    """
    count = worker_count(workers)
    scenarios = choice.choose(choice.load_all(paths), keyword, tags)
    if twin:
        scenarios = [scenario.model_copy(update={"twin": True}) for scenario in scenarios]
    cases, left_out = cases_of(scenarios, transport)
    cases, skipped = split(cases)
    if not cases and not skipped:
        have = ", ".join(sorted({name for scenario in scenarios for name in scenario.transports}))
        raise BadInput([f"--transport {transport}: no scenario that is selected runs on it; they run on {have}"])
    seed = secrets.randbits(32) if seed is None else seed
    empty = begin(seed=seed, workers=max(1, min(count, len(cases))), transport=transport)
    unable = tuple(Skipped(case.scenario.name, case.scenario.file, case.transport, why) for case, why in skipped)
    empty = dataclasses.replace(empty, left_out=tuple(map(_named, left_out)), skipped=unable)
    folder.prepare(report, without_results(empty, cases, (), interrupted=True))
    # Not before here: bad input is answered without waiting for what only a run needs.
    from gostage_sim.harness.pool import ObserverPool
    from gostage_sim.harness.schedule import side_by_side

    numbers = range(1, 2) if repeat is None else range(1, repeat + 1)
    total = len(cases) * len(numbers) if for_s is None else None
    terminal = terminal_for(sys.stdout, os.environ, total, quiet=quiet)
    terminal.opening(empty, len(cases))
    in_turn = side_by_side(cases) if empty.workers > 1 else cases
    rounds = Rounds()
    began = time.monotonic()
    end = None if for_s is None else began + for_s
    with Interruption() as interruption:
        try:
            with terminal, ObserverPool(workers=empty.workers, directory=report) as pool:
                for number in numbers if end is None else _until(end, itertools.count(1)):
                    agreement = Agreement(cases)
                    results: list[ScenarioResult] = []
                    turns = in_turn if end is None or number == 1 else _until(end, in_turn)
                    try:
                        for ready in pool.run(turns, seed=seed, round=number, on_started=terminal.started):
                            for result in agreement.take(ready):
                                results.append(result)
                                terminal.finished(result)
                    finally:
                        rounds.take([*results, *agreement.left()])
                    if len(numbers) > 1 or end is not None:
                        line = after_a_round(number, rounds.so_far(), time.monotonic() - began)
                        terminal.after_a_round(line)
            interruption.shut_out()
        except KeyboardInterrupt:
            interruption.shut_out()
        finally:
            # Also when the pool itself failed: what was found out so far is kept.
            interrupted = interruption.signal_number is not None
            finished = without_results(empty, cases, rounds.results(), interrupted=interrupted)
            finished = dataclasses.replace(finished, duration_s=time.monotonic() - began)
            if rounds.number > 1:
                finished = dataclasses.replace(finished, rounds=rounds.number, tallies=rounds.tallies())
            write_and_show(finished, report, terminal)
    if interruption.signal_number is not None:
        return 128 + interruption.signal_number
    return EXIT_CODES[finished.verdict]


def _until(end: float, some: Iterable[_T]) -> Iterator[_T]:
    """As many of them as are asked for before this moment of the monotonic clock."""
    return itertools.takewhile(lambda _: time.monotonic() < end, some)


def write_and_show(run: Run, report: Path, terminal: Terminal) -> None:
    """The files first; a folder that refuses them now does not cost the person at the terminal the results."""
    try:
        write_all(run, report)
    except OSError as error:
        terminal.show(run, report)
        raise BadInput([folder.cannot_write(report, error)]) from error
    except Exception:  # a defect of a writer, which changes no verdict
        terminal.show(run, report)
        raise
    problems = write_pages(run, report)
    terminal.show(run, report)
    for line in github.commands(run, os.environ):
        print(line)
    for line in (*problems, *github.add_summary(run, os.environ)):
        print(line, file=sys.stderr)


def without_results(empty: Run, cases: Sequence[Case], results: Sequence[ScenarioResult], *, interrupted: bool) -> Run:
    """The run with these results, and every case that has none named as such."""
    have = Counter((result.file, result.scenario, result.transport) for result in results)
    missing = []
    for case in cases:
        key = (case.scenario.file, case.scenario.name, case.transport)
        if have[key]:
            have[key] -= 1
        else:
            missing.append(_named(case))
    return dataclasses.replace(empty, results=in_order(results), not_run=tuple(missing), interrupted=interrupted)


def _named(case: Case) -> NotRun:
    return NotRun(case.scenario.name, case.scenario.file, case.transport)


def worker_count(text: str) -> int:
    """The number in the text; `auto` is one for each CPU this process may use."""
    if text == "auto":
        return len(os.sched_getaffinity(0))
    if len(text) < 10 and text.isascii() and text.isdigit() and int(text) >= 1:
        return int(text)
    raise BadInput([f"--workers {text!r}: expected 'auto' or a number of at least 1"])


class Interruption:
    """Turns the first SIGINT, SIGTERM or SIGHUP into KeyboardInterrupt and ignores all later ones.

    The first stops the children and makes the report be written; a second in the middle of that must not lose it. A
    signal that whoever started us had ignored (`nohup`) stays ignored.
    """

    _SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for each in self._SIGNALS:
            if signal.getsignal(each) is not signal.SIG_IGN:
                self._before[each] = signal.signal(each, self._received)
        return self

    def __exit__(self, *exception: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def shut_out(self) -> None:
        """Ignore these signals from now on."""
        for each in self._before:
            signal.signal(each, signal.SIG_IGN)

    def _received(self, number: int, frame: FrameType | None) -> None:
        self.shut_out()
        self.signal_number = number
        raise KeyboardInterrupt
