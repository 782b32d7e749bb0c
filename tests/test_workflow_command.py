"""`gostage-sim workflow` through a real process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .test_cli import gostage_sim_cli

ACTIONS = """\
import sys
from gostage_sim import gostage

@gostage.action("csv.read")
def read(ctx):
    ctx.logger.info("reading %s", ctx.params["path"])
    print("a stray line")
    ctx.store.put("rows", 3)

class Extra(gostage.Action):
    def execute(self, ctx):
        pass

@gostage.action("csv.check")
def check(ctx):
    if ctx.store.get_or_default("strict", False):
        raise ValueError("bad \\x1b[31mrows")
    ctx.add_dynamic_action(Extra("extra"))

@gostage.action("leave")
def leave(ctx):
    sys.exit(0)

@gostage.action("wait")
def wait(ctx):
    import time
    ctx.logger.info("waiting")
    while True:
        time.sleep(0.01)

@gostage.action("kill")
def kill(ctx):
    import os
    os.kill(os.getpid(), 9)

@gostage.action("store.odd")
def odd(ctx):
    ctx.store.put("odd", lambda: None)
    ctx.store.put("even", 2)

def broken():
    raise OSError("no such table")

gostage.register_action("broken", broken)
"""
FLOW = """\
id: import
stages:
  - id: read
    actions:
      - id: csv.read
        params: {path: data.csv}
  - id: verify
    actions: [{id: csv.check}]
initialStore: {limit: 10}
"""
IMPORT = ("--import", "my.actions")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my").mkdir()
    (tmp_path / "my" / "actions.py").write_text(ACTIONS)
    (tmp_path / "flow.yaml").write_text(FLOW)
    return tmp_path


def timeless(text: str) -> list[str]:
    """The lines, with every duration as `0`, and every pid."""
    return re.sub(r"pid \d+", "pid 0", re.sub(r"\d+\.\d+ s", "0 s", text)).splitlines()


@pytest.mark.parametrize("spawn", [(), ("--spawn",)])
def test_run(folder: Path, spawn: tuple[str, ...]) -> None:
    """Progress for each stage and action on stderr, dynamic ones too; the final store as JSON alone on stdout; 0."""
    store = ("--store", "limit=20", "--store", 'name="Çelik \x9b"')
    code, out, err = gostage_sim_cli("workflow", "run", "flow.yaml", *IMPORT, *store, *spawn, cwd=folder)
    assert code == 0, err
    final = json.loads(out)
    assert {key: final[key] for key in ("limit", "name", "rows")} == {"limit": 20, "name": "Çelik \x9b", "rows": 3}
    assert "Çelik" in out
    assert "\x9b" not in out
    lines = timeless(err)
    assert "a stray line" in lines
    assert [line for line in lines if line != "a stray line"] == [
        "stage read",
        "    info: reading data.csv",
        "  csv.read: completed in 0 s",
        "stage verify",
        "  csv.check: completed in 0 s",
        "  extra: completed in 0 s",
        "workflow import: completed",
    ]


@pytest.mark.parametrize(
    ("spawn", "last"),
    [
        (
            (),
            "workflow import: failed: action 'csv.check' of stage 'verify' in workflow 'import' failed: "
            "ValueError: bad \\x1b[31mrows",
        ),
        (("--spawn",), "child 'import' failed, exit code 1, pid 0, ValueError: bad \\x1b[31mrows"),
    ],
)
def test_a_workflow_that_fails(folder: Path, spawn: tuple[str, ...], last: str) -> None:
    """Exit code 1, what failed and why, harmless to a terminal, and the store as far as it got; no traceback."""
    code, out, err = gostage_sim_cli(
        "workflow", "run", "flow.yaml", *IMPORT, "--store", "strict=true", *spawn, cwd=folder
    )
    assert code == 1
    assert json.loads(out)["rows"] == 3
    lines = timeless(err)
    assert "  csv.check: failed after 0 s: ValueError: bad \\x1b[31mrows" in lines
    assert lines[-1] == last
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("action", "spawn", "last"),
    [
        ("leave", (), "workflow w: failed: SystemExit: 0"),
        (
            "leave",
            ("--spawn",),
            "child 'w' exited, exit code 0, pid 0, SystemExit: sys.exit(0) was called in action 'leave' of stage 's' "
            "in workflow 'w'",
        ),
        ("kill", ("--spawn",), "child 'w' signaled, killed by SIGKILL, pid 0"),
    ],
)
def test_an_action_that_leaves_is_no_success(folder: Path, action: str, spawn: tuple[str, ...], last: str) -> None:
    """An action that ends the process, by whatever means, is a workflow that failed."""
    (folder / "w.json").write_text(json.dumps({"id": "w", "stages": [{"id": "s", "actions": [{"id": action}]}]}))
    code, out, err = gostage_sim_cli("workflow", "run", "w.json", *IMPORT, *spawn, cwd=folder)
    assert (code, json.loads(out)) == (1, {})
    assert timeless(err)[-1] == last


def test_a_store_that_is_not_json(folder: Path) -> None:
    """The workflow counts as failed and the key is named, here as in a child; the other values are shown."""
    (folder / "w.json").write_text('{"id": "w", "stages": [{"id": "s", "actions": [{"id": "store.odd"}]}]}')
    for spawn in ((), ("--spawn",)):
        code, out, err = gostage_sim_cli("workflow", "run", "w.json", *IMPORT, *spawn, cwd=folder)
        assert (code, json.loads(out)) == (1, {"even": 2})
        assert "'odd'" in timeless(err)[-1]
        assert "Traceback" not in timeless(err)[-1]


def test_check(folder: Path) -> None:
    """A file that can be run is counted and nothing is run; keys that nothing reads are warned of."""
    (folder / "flow.yaml").write_text(FLOW + "initial_store: {}\n")
    assert gostage_sim_cli("workflow", "check", "flow.yaml", *IMPORT, cwd=folder) == (
        0,
        "no mistakes: 2 actions in 2 stages\n",
        "warning: flow.yaml:10:1: the key 'initial_store' is ignored; did you mean 'initialStore'?\n",
    )


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("content", "imports", "message"),
    [
        (None, (), "flow.yaml: no such file\n"),
        (
            FLOW.replace("[{", "[{{"),
            (),
            "flow.yaml:8:31: not valid YAML: expected ',' or '}', but got ']'\n",
        ),
        (
            FLOW.replace("csv.check", "csv.chekc").replace("csv.read", "zip"),
            IMPORT,
            "flow.yaml:5:13: unknown action 'zip'; registered: "
            "broken, csv.check, csv.read, kill, leave, store.odd, wait\n"
            "flow.yaml:8:20: unknown action 'csv.chekc'; did you mean 'csv.check'?\n",
        ),
        (
            "id: w\nstages: [{id: s, actions: [{id: a}]}]",
            (),
            "flow.yaml:2:33: unknown action 'a'; none is registered; name the module that registers it with --import\n",
        ),
        (FLOW, ("--import", "my.none"), "--import my.none: ModuleNotFoundError: No module named 'my.none'\n"),
        (FLOW, ("--import", "bad"), "--import bad: ZeroDivisionError: division by zero (at {folder}/bad.py:2)\n"),
        (FLOW, ("--import", "leaves"), "--import leaves: SystemExit: 3 (at {folder}/leaves.py:1)\n"),
        (
            FLOW.replace("verify", "read"),
            IMPORT,
            "flow.yaml:7:9: a stage 'read' is already at flow.yaml:3:9; stage ids are unique\n",
        ),
        (
            "id: ''\nstages:\n- id: ''\n  actions: [{id: csv.read}, {id: ''}]\n",
            IMPORT,
            "flow.yaml:1:5: the id is empty\nflow.yaml:3:7: the id is empty\nflow.yaml:4:34: the id is empty\n",
        ),
        (
            FLOW.replace("csv.check", "broken"),
            IMPORT,
            "flow.yaml: OSError: no such table (at {folder}/my/actions.py:42)\n",
        ),
        ("id: w", (), "flow.yaml:1:1: workflow 'w' has no stages\n"),
    ],
)
def test_bad_input(folder: Path, command: str, content: str | None, imports: tuple[str, ...], message: str) -> None:
    """Exit code 2, what is wrong and where on stderr, no traceback, nothing on stdout, nothing run."""
    (folder / "bad.py").write_text("def fail():\n    1 / 0\nfail()\n")
    (folder / "leaves.py").write_text("raise SystemExit(3)\n")
    if content is None:
        (folder / "flow.yaml").unlink()
    else:
        (folder / "flow.yaml").write_text(content)
    code, out, err = gostage_sim_cli("workflow", command, "flow.yaml", *imports, cwd=folder)
    assert (code, out) == (2, "")
    assert err.startswith(message.replace("{folder}", str(folder)))
    assert err.count("\n") == max(1, message.count("\n"))
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("GOSTAGE_IPC_TRANSPORT", "pigeon", "GOSTAGE_IPC_TRANSPORT must be 'json' or 'grpc', or one of "),
        ("GOSTAGE_GRPC_PORT", "x", "GOSTAGE_GRPC_PORT of the gRPC transport must be a whole number from 0 to 65535; "),
    ],
)
def test_a_bad_environment(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    """What the environment says wrong of the transport is bad usage."""
    monkeypatch.setenv("GOSTAGE_IPC_TRANSPORT", "grpc")
    monkeypatch.setenv(name, value)
    code, out, err = gostage_sim_cli("workflow", "run", "flow.yaml", *IMPORT, "--spawn", cwd=folder)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(message)


def test_bad_store_values(folder: Path) -> None:
    """Every mistake at once, with what to write instead."""
    bad = ("--store", "x", "--store", "y=ten", "--store", "z=NaN", "--store", "ok=1")
    assert gostage_sim_cli("workflow", "run", "flow.yaml", *bad, cwd=folder) == (
        2,
        "",
        "--store x: expected KEY=JSON, for example --store limit=10\n"
        "--store y=ten: not JSON: Expecting value: line 1 column 1 (char 0); text needs quotes: --store 'y=\"ten\"'\n"
        "--store z=NaN: not JSON: NaN is no JSON number; text needs quotes: --store 'z=\"NaN\"'\n",
    )


@pytest.mark.parametrize("spawn", [(), ("--spawn",)])
def test_interrupted(folder: Path, spawn: tuple[str, ...]) -> None:
    """Ctrl-C, which reaches parent and child, ends both: exit code 130, nothing on stdout, no traceback."""
    (folder / "w.json").write_text('{"id": "w", "stages": [{"id": "s", "actions": [{"id": "wait"}]}]}')
    command = [sys.executable, "-m", "gostage_sim", "workflow", "run", "w.json", *IMPORT, *spawn]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line == "    info: waiting\n":
                os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in "".join(lines)


def test_help_names_the_commands(folder: Path) -> None:
    """`workflow --help` names both commands and the exit codes."""
    code, out, _ = gostage_sim_cli("workflow", "--help", cwd=folder)
    assert code == 0
    assert all(f"\n  {name} " in out for name in ("run", "check"))
    assert "Exit codes: 0 completed, 1 failed, 2 bad usage or bad file, 130 interrupted." in out
