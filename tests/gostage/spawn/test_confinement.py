"""Whom a child runs as and what it may do, seen in /proc while it runs."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gostage_sim import gostage

from ..conftest import Program
from .accounts import AS_ROOT, OTHER_USER, copy_package, public_python

DEFINITION = gostage.SubWorkflowDef.of("act")
NOBODY = pwd.getpwnam(OTHER_USER)


def status(**options: Any) -> dict[str, str]:
    """What /proc says of a child with these options, and its nice value."""
    said = said_by(["/bin/sh", "-c", "cat /proc/$$/status; echo Nice: $(cut -d' ' -f19 /proc/$$/stat)"], **options)
    return {name: " ".join(value.split()) for name, _, value in (line.partition(":") for line in said.splitlines())}


def said_by(argv: list[str], **options: Any) -> str:
    """What a command with these options writes."""
    launcher = gostage.launchers.Program(["/bin/sh", "-c", 'exec "$@" >&2', "", *argv])
    result = gostage.Runner(launcher=launcher).spawn(DEFINITION, options=gostage.SpawnOptions(**options))
    assert result.outcome == "completed", result.describe()
    return result.stderr_tail


@AS_ROOT
@pytest.mark.parametrize(
    ("options", "uid", "gid"),
    [
        ({"user": OTHER_USER}, NOBODY.pw_uid, NOBODY.pw_gid),
        ({"user": NOBODY.pw_uid}, NOBODY.pw_uid, NOBODY.pw_gid),
        ({"user": OTHER_USER, "group": "daemon"}, NOBODY.pw_uid, grp.getgrnam("daemon").gr_gid),
        ({"user": 54321, "group": 54322}, 54321, 54322),
        ({"group": 54322}, 0, 54322),
    ],
)
def test_user_and_group(options: dict[str, Any], uid: int, gid: int) -> None:
    """All four ids are switched, root's groups are not left behind, and nothing of root's power is."""
    seen = status(**options)
    assert seen["Uid"] == " ".join([str(uid)] * 4)
    assert seen["Gid"] == " ".join([str(gid)] * 4)
    assert seen["Groups"] == str(gid)
    assert (int(seen["CapEff"], 16) == 0) == (uid != 0)


@AS_ROOT
def test_supplementary_groups_are_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child has the groups that the group database gives its user, and not those of this program."""
    user, groups = max(
        ((entry.pw_name, os.getgrouplist(entry.pw_name, entry.pw_gid)) for entry in pwd.getpwall() if entry.pw_uid),
        key=lambda found: len(found[1]),
    )
    before = os.getgroups()
    os.setgroups([54321])
    try:
        assert set(map(int, status(user=user)["Groups"].split())) == set(groups)
    finally:
        os.setgroups(before)


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        ({"no_new_privs": True}, "NoNewPrivs", "1"),
        ({"no_new_privs": False}, "NoNewPrivs", "0"),
        ({"umask": 0o137}, "Umask", "0137"),
        ({"umask": 0}, "Umask", "0000"),
        ({"niceness": 7}, "Nice", "7"),
    ],
)
def test_what_it_may_do(options: dict[str, Any], name: str, value: str) -> None:
    """umask, niceness and no_new_privs are the child's own; this program keeps what it had."""
    before = status()
    assert status(**options)[name] == value
    assert status()[name] == before[name]


@AS_ROOT
def test_the_environment_goes_with_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """HOME and the like are the user's, unless the options set them; root's are of no use to it."""
    monkeypatch.setenv("HOME", "/root")
    said = said_by(["/usr/bin/env"], user=OTHER_USER, environment={"SHELL": "/mine"}).splitlines()
    assert {f"HOME={NOBODY.pw_dir}", "USER=nobody", "LOGNAME=nobody", "SHELL=/mine"} <= set(said)


FAILURES: dict[str, tuple[dict[str, Any], str]] = {
    "no such user": ({"user": "nobody-here"}, "SpawnOptions.user: this system has no user named 'nobody-here'"),
    "no such group": ({"group": "none-here"}, "SpawnOptions.group: this system has no group named 'none-here'"),
    "a number without a group": (
        {"user": 54321},
        "SpawnOptions.user: 54321 is not in this system's password database, which would give its group; set "
        "SpawnOptions.group as well",
    ),
    "no such directory": (
        {"cwd": "/does/not/exist"},
        "[Errno 2] SpawnOptions.cwd: No such file or directory: '/does/not/exist'",
    ),
    "not a directory": ({"cwd": Path("/etc/passwd")}, "[Errno 20] SpawnOptions.cwd: Not a directory: '/etc/passwd'"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_the_system_refuses(name: str) -> None:
    """A start that fails for an option says which one and why."""
    options, text = FAILURES[name]
    runner = gostage.Runner(launcher=gostage.launchers.Program(["/bin/true"]))
    result = runner.spawn(DEFINITION, options=gostage.SpawnOptions(**options))
    assert (result.outcome, result.pid, result.error and result.error.message) == ("start_failed", None, text)


@AS_ROOT
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("user='daemon'", "[Errno 1] SpawnOptions.user: Operation not permitted"),
        ("group='daemon'", "[Errno 1] SpawnOptions.group: Operation not permitted"),
        ("niceness=-5", "[Errno 13] SpawnOptions.niceness: Permission denied"),
        (
            "limits=gostage.ResourceLimits(open_files=9999)",
            "[Errno 1] ResourceLimits.open_files: Operation not permitted",
        ),
        ("user='nobody', group='nogroup'", "[Errno 1] SpawnOptions.user: Operation not permitted"),
    ],
)
def test_what_is_not_permitted(options: str, text: str) -> None:
    """Without root a start that needs it fails, and the error names the option."""
    code = (
        f"import os, resource, sys\nsys.executable = {public_python()!r}\nfrom gostage_sim import gostage\n"
        "runner = gostage.Runner(launcher=gostage.launchers.Program(['/bin/true']))\n"
        "definition = gostage.SubWorkflowDef.of('x')\nassert runner.spawn(definition).success\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (999, 999))\n"
        f"os.setgroups([]); os.setgid({NOBODY.pw_gid}); os.setuid({NOBODY.pw_uid})\n"
        f"print(runner.spawn(definition, options=gostage.SpawnOptions({options})).error.message, end='')\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == text


def test_a_command_that_cannot_be_executed_as_another_user(tmp_path: Path) -> None:
    """The error names the command, also where the limits are taken on first."""
    missing = str(tmp_path / "missing")
    runner = gostage.Runner(launcher=gostage.launchers.Program([missing]))
    result = runner.spawn(DEFINITION, options=gostage.SpawnOptions(umask=0))
    assert result.outcome == "start_failed"
    assert result.error is not None
    assert (result.error.type, result.error.message) == (
        "FileNotFoundError",
        f"[Errno 2] No such file or directory: '{missing}'",
    )


@pytest.fixture
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that nobody but root may enter, in one that everybody may."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "private"
        folder.mkdir(mode=0o700)
        yield folder


def refused_as_another_user(argv: list[str], **options: Any) -> str:
    """Why a command cannot be started as another user."""
    runner = gostage.Runner(launcher=gostage.launchers.Program(argv))
    result = runner.spawn(DEFINITION, options=gostage.SpawnOptions(user=OTHER_USER, **options))
    assert (result.outcome, result.error and result.error.type) == ("start_failed", "PermissionError"), result
    assert result.error is not None
    return result.error.message


ACCESS = "give that user access, or put what the child needs where it has"


@AS_ROOT
@pytest.mark.parametrize("how", ["by path", "along PATH", "by a link", "by its first line", "a file without its bit"])
def test_a_command_that_its_user_may_not_execute(private: Path, how: str) -> None:
    """The error names the option, the command and the folder that is closed to the user."""
    tool = private / "tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    outside = private.parent / "outside"
    options: dict[str, Any] = {}
    because = f", because it may not enter {str(private)!r}"
    named = tool
    if how == "by path":
        argv = [str(tool)]
    elif how == "along PATH":
        argv = ["tool"]
        options["environment"] = {"PATH": f"/does/not/exist:/root:{private}"}
    elif how == "by a link":
        outside.symlink_to(tool)
        argv, named = [str(outside)], outside
    elif how == "by its first line":
        outside.write_text(f"#!{tool} -x\n")
        outside.chmod(0o755)
        argv = [str(outside)]
    else:
        outside.write_text("#!/bin/sh\n")
        outside.chmod(0o700)
        argv, named, because = [str(outside)], outside, ""
    assert refused_as_another_user(argv, **options) == (
        f"[Errno 13] SpawnOptions.user: user {NOBODY.pw_uid} may not execute {str(named)!r}{because}; {ACCESS}"
    )


@AS_ROOT
def test_a_command_that_nobody_may_execute() -> None:
    """Where it is not for the user, the error does not say that it is."""
    assert refused_as_another_user(["/etc/passwd"]) == "[Errno 13] Permission denied: '/etc/passwd'"


@AS_ROOT
@pytest.mark.parametrize("path", ["", "/root:/does/not/exist", "/does/not/exist:/root"])
def test_a_command_that_is_nowhere(path: str) -> None:
    """A command that is not found is that, also where its user may not look into every folder."""
    runner = gostage.Runner(launcher=gostage.launchers.Program(["no-such-tool"]))
    options = gostage.SpawnOptions(user=OTHER_USER, environment={"PATH": path})
    error = runner.spawn(DEFINITION, options=options).error
    assert error is not None
    assert error.message == "[Errno 2] No such file or directory: 'no-such-tool'"


MODULE = "from gostage_sim import gostage\ngostage.action('act')(lambda ctx: None)\n"
SPAWNS = """
import sys
sys.path[:0] = {paths!r}
from gostage_sim import gostage
import acts
if gostage.is_child(): gostage.child_main()
sys.executable = {python!r}
runner = gostage.Runner(launcher={launcher})
print(runner.spawn(gostage.SubWorkflowDef.of("act"), options=gostage.SpawnOptions(user="nobody")).error.message, end="")
"""


@AS_ROOT
@pytest.mark.parametrize(
    ("launcher", "file"),
    [
        ("None", "program.py"),
        ("None", "acts.py"),
        ("gostage.launchers.ChildModule(['acts'])", "acts.py"),
        ("gostage.launchers.ForkServer()", "acts.py"),
    ],
)
def test_files_that_the_user_may_not_read(private: Path, launcher: str, file: str) -> None:
    """A program, or a module with an action, in a folder that is closed to the child's user is named with that."""
    places = {name: private if name == file else private.parent for name in ("acts.py", "program.py")}
    copy_package(private.parent)
    (places["acts.py"] / "acts.py").write_text(MODULE)
    program = places["program.py"] / "program.py"
    python = sys.executable if "ForkServer" in launcher else public_python()  # the server is root's
    paths = [str(places["acts.py"]), str(private.parent)]
    program.write_text(SPAWNS.format(paths=paths, python=python, launcher=launcher))
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == (
        f"[Errno 13] SpawnOptions.user: user {NOBODY.pw_uid} may not read {str(places[file] / file)!r}, because it may "
        f"not enter {str(private)!r}; {ACCESS}"
    )


EXTRA = (
    "import os\nfrom gostage_sim import gostage\n"
    "@gostage.action('extra.act')\ndef act(ctx): ctx.store.put('imports', os.environ.get('GOSTAGE_IMPORTS'))\n"
)


@pytest.mark.parametrize("launcher", ["program", "module"])
def test_extra_imports(program: Program, tmp_path: Path, launcher: str) -> None:
    """A child of ours imports the modules that the options name before it rebuilds its workflow."""
    (tmp_path / "extra.py").write_text(EXTRA)
    runner = program("") if launcher == "program" else gostage.Runner(launcher=gostage.launchers.ChildModule())
    options = gostage.SpawnOptions(imports=("extra", "json"), environment={"PYTHONPATH": str(tmp_path)})
    result = runner.spawn(gostage.SubWorkflowDef.of("extra.act"), options=options)
    assert result.final_store == {"imports": None}, result.describe()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (None, "ModuleNotFoundError: No module named 'extra'"),
        ("1/0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(0)", "SystemExit: 0"),
    ],
)
def test_an_import_that_fails(program: Program, tmp_path: Path, code: str | None, error: str) -> None:
    """The parent is told which module could not be imported, and why."""
    if code:
        (tmp_path / "extra.py").write_text(code)
    result = program("").spawn(DEFINITION, options=gostage.SpawnOptions(imports=("extra",)))
    assert result.outcome == "failed"
    assert result.error is not None
    assert (result.error.type, result.error.message) == (
        "DefinitionError",
        f"module 'extra' of SpawnOptions.imports cannot be imported in the child: {error}",
    )


def test_a_frozen_program_without_an_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who confines a child needs a Python: a frozen program's executable is none, and the error says what to do."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    runner = gostage.Runner(launcher=gostage.launchers.Program(["/bin/true"]))
    result = runner.spawn(DEFINITION, options=gostage.SpawnOptions(umask=0o77))
    assert result.error is not None
    assert (result.outcome, result.error.message) == (
        "start_failed",
        "limits, user, group, umask, no_new_privs and niceness need a Python interpreter to start the child, and this "
        "program is frozen; put a python3 on its PATH, or do without these options",
    )
    (tmp_path / "python3").symlink_to(sys.executable)
    assert runner.spawn(DEFINITION, options=gostage.SpawnOptions(umask=0o77)).outcome == "completed"
