"""The observer: one scenario from its plan to its judged result, with real processes, and nothing left behind.

It is the reaper of every orphan below it, so whatever anyone leaves behind ends up in its lap, is counted and ended.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from gostage_sim.harness import proc
from gostage_sim.harness.commands import unstartable
from gostage_sim.harness.control import Listener
from gostage_sim.harness.keeping import keep
from gostage_sim.harness.limits import files_problem
from gostage_sim.harness.plan import Plan, make_plan, write_plan
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.harness.verdict import judged, unjudged
from gostage_sim.harness.watch import Watch
from gostage_sim.history.collect import OBSERVER_NAME, STDERR_NAME, TWIN_NAME, collect
from gostage_sim.history.journal import Journal
from gostage_sim.scenario.model import Scenario, Transport

SUBJECT_MODULE = "gostage_sim.harness.subject"

#: What outlives the subject gets this long to go by itself before it counts as left over.
_LEFTOVERS_S = 0.5
_POLL_S = 0.002


def run_scenario(
    scenario: Scenario, *, seed: int, transport: Transport = "json", histories: Path | None = None
) -> ScenarioResult:
    """Run one scenario here. With `histories` the run folder, journals included, is kept in there."""
    return run_plan(make_plan(scenario, seed=seed, transport=transport), histories=histories)


def run_plan(plan: Plan, *, histories: Path | None = None, runs: Path | None = None) -> ScenarioResult:
    """As `run_scenario`, for a plan. `runs` is where run folders are made, by default the folder for temporary files.

    Always a result: when the harness itself fails the verdict is unknown and the reason says how.
    """
    started = time.monotonic()
    problem = files_problem(plan)
    if problem is not None:
        return unjudged(plan, problem, duration_s=0.0)
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix=folder_prefix(os.getpid()), dir=runs))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        try:
            if plan.get("twin") is not None:
                (folder / TWIN_NAME).mkdir()
                observe(plan["twin"], folder / TWIN_NAME)
            observe(plan, folder)
            history = collect(folder)
            kept = {} if histories is None else {"history": str(keep(folder, histories, plan))}
            return judged(history, plan, duration_s=time.monotonic() - started, extra=kept)
        except Exception as error:
            reason = f"the harness failed: {type(error).__name__}: {error}"
            kept = {}
            if histories is not None:
                with contextlib.suppress(OSError):  # perhaps the very reason
                    kept = {"history": str(keep(folder, histories, plan, lost=reason))}
            return unjudged(plan, reason, duration_s=time.monotonic() - started, extra=kept)


def folder_prefix(pid: int) -> str:
    """Of the names of the folders in which the observer with this pid runs scenarios."""
    return f"gostage-sim-{pid}-"


def observe(plan: Plan, folder: Path) -> None:
    """Run the plan and leave plan and journals in `folder`; returns when every process of the run is gone."""
    with ExitStack() as stack:
        ignored = frozenset(found.pid for found in proc.descendants(os.getpid()))
        if not proc.become_subreaper():
            stack.callback(proc.stop_being_subreaper)
        write_plan(plan, folder)
        (folder / "tmp").mkdir()
        journal = Journal(str(folder / OBSERVER_NAME))
        stack.callback(journal.close)
        stack.callback(lambda: journal.event("files", names=sorted(os.listdir(folder))))
        stack.callback(_end_leftovers, journal, ignored)
        listener = Listener(str(folder))
        stack.callback(listener.close)  # a child that came too late to be heard learns it now and leaves
        refused = unstartable(plan)
        subject = stack.enter_context(_subject(folder, journal))
        Watch(plan, folder, journal, listener, subject, ignored).run()
        for name, errno in refused.items() & unstartable(plan).items():  # before and after, and so when it was tried
            journal.event("unstartable", child=name, errno=errno)


@contextlib.contextmanager
def _subject(folder: Path, journal: Journal) -> Iterator[int]:
    """Start the parent under test; at the end it is dead and its exit is recorded."""
    with (folder / STDERR_NAME).open("wb") as output:
        process = subprocess.Popen(
            # -P: no file in the current directory passes for a module of ours.
            [sys.executable, "-P", "-m", SUBJECT_MODULE, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Children import the user's actions from where the scenario's loader found them.
            env={**os.environ, "TMPDIR": str(folder / "tmp"), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
    journal.event("subject", pid=process.pid)
    try:
        yield process.pid
    finally:
        process.kill()  # it is gone already, unless something here failed
        code = process.wait()
        name = None if code >= 0 else proc.signal_name(-code)
        journal.event("subject_exit", exit_code=code if code >= 0 else None, signal=name, source="waitpid")


def _end_leftovers(journal: Journal, ignored: frozenset[int]) -> None:
    """End every process that outlived the subject, and write down which."""
    try:
        deadline = time.monotonic() + _LEFTOVERS_S
        while (left := _still_there(ignored)) and time.monotonic() < deadline:
            time.sleep(_POLL_S)  # nobody tells when a grandchild goes
        for found in left:
            journal.event("leftover", pid=found.pid, state=found.state, command=proc.command(found))
    finally:  # also when this observer is stopped while it gives them their time
        while left := _still_there(ignored):
            for found in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(found.pid, signal.SIGKILL)
            time.sleep(_POLL_S)


def _still_there(ignored: frozenset[int]) -> list[proc.Stat]:
    """Descendants that are not mere zombies; those that are get reaped."""
    left = []
    for found in proc.descendants(os.getpid(), ignored):
        if found.state != "Z":
            left.append(found)
        elif found.parent == os.getpid():
            proc.reap(found.pid)
    return left
