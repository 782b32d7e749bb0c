"""A command started as a child process: the way of every launcher but the fork server."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from gostage_sim.gostage.spawn.options import ResourceLimits, SpawnOptions
from gostage_sim.gostage.spawn.process import DEPTH_VARIABLE, Pipes, Process, status_of_child


def start_command(argv: Sequence[str], options: SpawnOptions, depth: int) -> Process:
    """Start `argv`. OSError when that is not possible; then nothing is left of it."""
    with Pipes() as pipes, ExitStack() as undo:
        # subprocess forks by vfork and runs no Python between fork and exec: safe also where this program has threads.
        popen = subprocess.Popen(
            argv,
            stdin=pipes.child_stdin,
            stdout=pipes.child_stdout,
            stderr=pipes.child_stderr,
            pass_fds=(pipes.child_lifeline,),
            start_new_session=True,
            cwd=options.cwd,
            env=child_environment(options, depth),
        )
        undo.callback(popen.wait)
        undo.callback(popen.kill)
        pidfd = None
        # Gone and reaped already is no error: it ran all the same, and what it wrote is in the pipes.
        with contextlib.suppress(ProcessLookupError):
            pipes.tie(popen.pid)
            pidfd = os.pidfd_open(popen.pid)
            undo.callback(os.close, pidfd)
            set_limits(popen.pid, options.limits)
        process = Process(popen.pid, pidfd, pipes, status_of_child)
        popen.returncode = 0  # the status is ours to take; Popen would wait for it, and for who has the number next
        undo.pop_all()
        return process


def interpreter() -> list[str]:
    """This interpreter with the options that it was started with, for a command line."""
    return [sys.executable, *subprocess._args_from_interpreter_flags()]  # type: ignore[attr-defined]  # for this use


def child_environment(options: SpawnOptions, depth: int) -> dict[str, str]:
    """What the child sees of the environment: the inherited names, what the options set, and how deep it is."""
    exact = {name for name in options.inherit if not name.endswith("*")}
    prefixes = tuple(name[:-1] for name in options.inherit if name.endswith("*"))
    inherited = {
        name: value for name, value in os.environ.items() if name in exact or (prefixes and name.startswith(prefixes))
    }
    return {**inherited, **options.environment, DEPTH_VARIABLE: str(depth)}


def set_limits(pid: int, limits: ResourceLimits) -> None:
    """By prlimit(2) on the running child, which cannot do anything yet: its definition has not been written."""
    for kind, soft, hard in (
        (resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes),
        # Hard above soft: with both equal the kernel sends SIGKILL at once, and nobody sees which limit it was.
        (resource.RLIMIT_CPU, limits.cpu_s, None if limits.cpu_s is None else limits.cpu_s + 1),
        (resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
        (resource.RLIMIT_FSIZE, limits.file_size_bytes, limits.file_size_bytes),
    ):
        if soft is not None and hard is not None:
            resource.prlimit(pid, kind, (soft, hard))
