"""A command started as a child process: the way of every launcher but the fork server."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from gostage_sim.gostage.child import IMPORTS_VARIABLE, TOKEN_VARIABLE
from gostage_sim.gostage.spawn.cgroup import Group, delegated_group
from gostage_sim.gostage.spawn.confinement import confined, login_environment, refusal, settings_of
from gostage_sim.gostage.spawn.depth import DEPTH_VARIABLE, MAX_DEPTH_VARIABLE, allowed_depth
from gostage_sim.gostage.spawn.descendants import FAMILY_VARIABLE
from gostage_sim.gostage.spawn.exit_status import status_of_child
from gostage_sim.gostage.spawn.family import Family
from gostage_sim.gostage.spawn.options import SpawnOptions
from gostage_sim.gostage.spawn.process import Pipes, Process, open_pipe
from gostage_sim.gostage.transports import PORT_VARIABLE


def start_command(argv: Sequence[str], options: SpawnOptions, depth: int, reads: Sequence[str] = ()) -> Process:
    """Start `argv`. OSError or ValueError when that is not possible; then nothing is left of it.

    `reads` are files that it cannot do without, for an error that says so where its user may not read them.
    """
    environment = child_environment(options, depth)
    with Pipes() as pipes, ExitStack() as undo:
        family = family_for(options, environment, undo)
        group = group_for(options)
        if group is not None:
            undo.callback(group.remove)
        settings = settings_of(options, None if group is None else str(group.folder), reads)
        if settings:
            popen = _open_confined(argv, settings, options, environment, pipes, undo)
        else:
            popen = _open(argv, argv[0], options, environment, pipes, undo)
        pidfd = None
        # Gone and reaped already is no error: it ran all the same, and what it wrote is in the pipes.
        with contextlib.suppress(ProcessLookupError):
            pipes.tie(popen.pid)
            pidfd = os.pidfd_open(popen.pid)
            undo.callback(os.close, pidfd)
        process = Process(popen.pid, pidfd, pipes, status_of_child, family=family, group=group)
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
    for name in (IMPORTS_VARIABLE, TOKEN_VARIABLE, PORT_VARIABLE):  # were meant for this program
        inherited.pop(name, None)
    if FAMILY_VARIABLE in os.environ:  # whatever is inherited: our own parent must find our children
        inherited[FAMILY_VARIABLE] = os.environ[FAMILY_VARIABLE]
    if options.imports:
        inherited[IMPORTS_VARIABLE] = ",".join(options.imports)
    depths = {DEPTH_VARIABLE: str(depth), MAX_DEPTH_VARIABLE: str(allowed_depth(options.max_depth))}
    return {**inherited, **login_environment(options), **options.environment, **depths}


def family_for(options: SpawnOptions, environment: dict[str, str], undo: ExitStack) -> Family | None:
    """What ends the child's descendants where that is asked for; `undo` closes it."""
    if not options.end_daemons:
        return None
    family = Family(environment)
    undo.callback(family.close)
    return family


def group_for(options: SpawnOptions) -> Group | None:
    """A control group for the child where it is of use and there is a place for it."""
    memory_bytes = options.limits.memory_bytes
    if memory_bytes is None and not options.end_daemons:
        return None
    above = delegated_group(memory=memory_bytes is not None)
    if above is not None:
        with contextlib.suppress(OSError):  # its manager was faster; the child goes without, as on most machines
            return Group.make(above, memory_bytes)
    return None


def _open(
    argv: Sequence[str],
    command: str,
    options: SpawnOptions,
    environment: dict[str, str],
    pipes: Pipes,
    undo: ExitStack,
    *fds: int,
) -> subprocess.Popen[bytes]:
    """The process of `argv`, which `undo` ends; errors name the `command` that was asked for.

    subprocess forks by vfork and runs no Python between fork and exec: safe also where this program has threads.
    """
    cwd = None if options.cwd is None else os.fspath(options.cwd)
    try:
        popen = subprocess.Popen(
            argv,
            stdin=pipes.child_stdin,
            stdout=pipes.child_stdout,
            stderr=pipes.child_stderr,
            pass_fds=(pipes.child_lifeline, *fds),
            start_new_session=True,
            cwd=cwd,
            env=environment,
        )
    except OSError as error:
        if cwd is not None and error.filename == cwd:
            raise OSError(error.errno, f"SpawnOptions.cwd: {error.strerror}", cwd) from None
        if error.errno == errno.E2BIG:  # what is too much is the command's, also where an interpreter takes it first
            error.filename = command
        raise
    undo.callback(popen.wait)
    undo.callback(popen.kill)
    return popen


def _open_confined(
    argv: Sequence[str],
    settings: dict[str, str],
    options: SpawnOptions,
    environment: dict[str, str],
    pipes: Pipes,
    undo: ExitStack,
) -> subprocess.Popen[bytes]:
    """As `_open`, the settings in force before `argv` begins; an error names the option that was refused."""
    ours, theirs = open_pipe()
    with open(ours, "rb", buffering=0) as report:
        try:
            popen = _open(confined(argv, settings, theirs), argv[0], options, environment, pipes, undo, theirs)
        finally:
            os.close(theirs)
        refused = report.read()  # ends when `argv` begins, as Popen's own wait for it does
    if refused:
        raise refusal(refused, argv[0])
    return popen
