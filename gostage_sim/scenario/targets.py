"""Looks up the user's own actions in processes that are thrown away, and survives whatever importing them does."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from gostage_sim.gostage.spawn.process import open_pipe, tie
from gostage_sim.scenario.lookup import READY
from gostage_sim.units import format_duration

#: For all modules that one process imports.
LONGEST_S = 60.0


Answer = tuple[bool, str | None]
"""Whether the module could be imported, and what is wrong."""


class Target(NamedTuple):
    """`package.module:function`; a module alone when there is no attribute."""

    module: str
    attribute: str = ""


def target_problems(targets: Iterable[Target], folder: Path) -> dict[Target, str]:
    """Why each of these cannot be used, those that can left out. The folder and the current directory are searched
    first. One process looks up all of them, another one goes on after a module that cannot be imported."""
    found: dict[Target, str] = {}
    left = list(dict.fromkeys(targets))
    while left:
        answers = _ask(left, folder.resolve())
        for target, (imported, problem) in zip(left, answers, strict=False):
            # What else is wanted of a module that cannot be imported need not be asked again.
            same = [target] if imported else [each for each in left if each.module == target.module]
            found |= {} if problem is None else dict.fromkeys(same, problem)
        left = [target for target in left[len(answers) :] if target not in found]
    return found


def _ask(targets: list[Target], folder: Path) -> list[Answer]:
    """The answers of one process, at least one; the last of them may be that the process ended or took too long."""
    request = {"folder": str(folder), "directory": os.getcwd(), "targets": targets}
    # Files instead of pipes: whatever a module forked may hold them open for as long as it likes.
    lifeline, ours = open_pipe()
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as answered, ExitStack() as owned:
        owned.callback(os.close, ours)
        owned.callback(os.close, lifeline)
        asked.write(json.dumps(request).encode())
        asked.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "gostage_sim.scenario.lookup"],
            stdin=asked,
            stdout=answered,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # Ctrl-C is for us; and what it forked ends with it
            pass_fds=(lifeline,),
        )
        with contextlib.suppress(ProcessLookupError):
            tie(lifeline, process.pid)  # however this process ends, that one does too
        ended = False
        try:
            ended = _wait(process.pid)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
        answered.seek(0)
        ready, *answers = [json.loads(line) for line in answered.read().split(b"\n")[:-1]] or [None]
    ending = _ending(code) if ended else f"takes more than {format_duration(LONGEST_S)}"
    if ready != READY:
        raise RuntimeError(f"the process that looks up actions did not start; it {ending}")
    if len(answers) < len(targets) and not (answers and not answers[-1][0]):
        answers.append((False, f"importing {targets[len(answers)].module!r} {ending}"))
    return answers


def _wait(pid: int) -> bool:
    """Whether it ended within the time. It is not reaped, so that its number is not given to another one yet."""
    pidfd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        return bool(poll.poll(LONGEST_S * 1000))
    finally:
        os.close(pidfd)


def _ending(code: int) -> str:
    if code >= 0:
        return f"ends the process with exit code {code}"
    name = next((each.name for each in signal.Signals if each == -code), f"signal {-code}")
    return f"ends the process by {name}"
