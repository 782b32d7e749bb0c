"""The run as one value, from which every report is written, and writing all of them at once."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import gostage_sim
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult

#: What a run writes next to the histories.
FILE_NAMES = ("junit.xml", "summary.md", "report.json")

#: What the reports call a scenario that cannot run here; no verdict.
SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Platform:
    """Where it ran."""

    system: str
    release: str
    machine: str
    python: str
    cpus: int
    hostname: str


@dataclass(frozen=True, slots=True)
class NotRun:
    """A scenario that was selected and has no result, because the run was interrupted or its observer was lost."""

    scenario: str
    file: str
    transport: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A scenario that cannot run here, as it says itself; never a pass."""

    scenario: str
    file: str
    transport: str
    reason: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What all rounds of a scenario on a transport came to."""

    scenario: str
    file: str
    transport: str
    passed: int
    unknown: int
    failed: int


@dataclass(frozen=True, slots=True)
class Run:
    """One call of `gostage-sim run`."""

    version: str
    git_head: str | None
    """Of the working directory; None outside a repository."""
    git_dirty: bool | None
    argv: tuple[str, ...]
    platform: Platform
    seed: int
    workers: int
    transport: str
    started_at: str
    """ISO 8601, UTC."""
    duration_s: float
    results: tuple[ScenarioResult, ...]
    """Sorted by file, then name."""
    not_run: tuple[NotRun, ...] = field(default=())
    left_out: tuple[NotRun, ...] = field(default=())
    """Scenarios that do not have the transport that was chosen."""
    skipped: tuple[Skipped, ...] = field(default=())
    interrupted: bool = False
    rounds: int = 1
    """How many were begun."""
    tallies: tuple[Tally, ...] = field(default=())
    """Of a run of more than one round, whose `results` are those of the first and of some that did not pass."""
    rejudged_at: str | None = None
    """ISO 8601, UTC; when `gostage-sim report` judged its histories again, if it did."""
    rejudged_by: str | None = None
    """The version that did."""

    @property
    def rows(self) -> tuple[ScenarioResult | Skipped, ...]:
        """What a table has: the results, and what was skipped."""
        return (*self.results, *self.skipped)

    @property
    def summary(self) -> dict[str, int]:
        """How many results of each verdict, and how many scenarios were skipped."""
        counts = {str(verdict): sum(result.verdict is verdict for result in self.results) for verdict in Verdict}
        if self.tallies:
            for verdict, name in ((Verdict.PASS, "passed"), (Verdict.UNKNOWN, "unknown"), (Verdict.FAIL, "failed")):
                counts[str(verdict)] = sum(getattr(tally, name) for tally in self.tallies)
        return {**counts, SKIPPED: len(self.skipped)}

    @property
    def verdict(self) -> Verdict:
        """The worst of all; a scenario without a result is unknown, never green."""
        return Verdict.worst([result.verdict for result in self.results] + [Verdict.UNKNOWN] * bool(self.not_run))


def in_order(results: Iterable[ScenarioResult]) -> tuple[ScenarioResult, ...]:
    """Sorted by file, then name, then round: workers finish in any order."""
    return tuple(sorted(results, key=lambda result: (result.file, result.scenario, result.round, result.transport)))


def utc_now() -> str:
    """The wall clock, only for people to find a run again."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def this_platform() -> Platform:
    """This machine and this interpreter."""
    return Platform(
        system=platform.system(),
        release=platform.release(),
        machine=platform.machine(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        cpus=len(os.sched_getaffinity(0)),
        hostname=platform.node(),
    )


def git_state(directory: Path) -> tuple[str | None, bool | None]:
    """The commit checked out there and whether tracked files differ from it; None for both where git cannot tell."""
    head = _git(directory, "rev-parse", "--verify", "HEAD")
    changes = _git(directory, "status", "--porcelain", "--untracked-files=no") if head else None
    return (head.strip(), bool(changes)) if head and changes is not None else (None, None)


def begin(*, seed: int, workers: int, transport: str, argv: Sequence[str] | None = None) -> Run:
    """A run without results yet; `dataclasses.replace` adds them."""
    head, dirty = git_state(Path.cwd())
    return Run(
        version=gostage_sim.__version__,
        git_head=head,
        git_dirty=dirty,
        argv=tuple(sys.argv if argv is None else argv),
        platform=this_platform(),
        seed=seed,
        workers=workers,
        transport=transport,
        started_at=utc_now(),
        duration_s=0.0,
        results=(),
    )


def write_all(run: Run, directory: Path) -> tuple[Path, ...]:
    """Write junit.xml, summary.md and last report.json, each whole or not at all, whatever becomes of the others.

    OSError when the folder refuses one, or what went wrong with the making of one, after all have had their turn.
    """
    from gostage_sim.report import json_report, junit, summary

    writers = (junit.render, summary.render, json_report.render)
    written: list[Path] = []
    errors: list[Exception] = []
    for name, render in zip(FILE_NAMES, writers, strict=True):
        try:
            written.append(write_whole(directory / name, render(run)))
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return tuple(written)


def write_whole(path: Path, text: str) -> Path:
    """Through a file beside it and a rename, so that a reader never sees half a report."""
    try:
        return _replace(path, text)
    except OSError as error:  # it names the file beside it, which nobody asked for, or none
        raise OSError(error.errno, error.strerror, str(path)) from error


def _replace(path: Path, text: str) -> Path:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            # mkstemp makes files that only their owner reads; a report is for whoever collects artefacts.
            os.fchmod(file.fileno(), 0o644)
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _git(directory: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
