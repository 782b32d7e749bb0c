"""Control groups of children, in the kernel's own tree; memory is limited only where its v2 controller is to be had."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from gostage_sim import gostage
from gostage_sim.gostage.spawn import cgroup
from gostage_sim.gostage.spawn.cgroup import Group

from ..conftest import gone

DEFINITION = gostage.SubWorkflowDef.of("act")


@pytest.fixture
def above() -> Iterator[Path]:
    """A group that is marked as delegated, as systemd does it, with this process in a group of its own below."""
    try:
        mount, own = cgroup._mount_and_own()
        folder = mount / f"gostage-test-{uuid.uuid4().hex}"
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup v2 that a test may make groups in: {error}")
    (folder / "main").mkdir()
    try:
        os.setxattr(folder, "user.delegate", b"1")
        (folder / "main" / "cgroup.procs").write_text(str(os.getpid()))
        yield folder
    finally:
        (own / "cgroup.procs").write_text(str(os.getpid()))
        (folder / "main").rmdir()
        folder.rmdir()


def test_the_nearest_delegated_group_is_found(above: Path) -> None:
    """Groups are made below the group that was delegated, not below others that root could write to as well."""
    assert cgroup.delegated_group(memory=False) == above
    os.removexattr(above, "user.delegate")
    assert cgroup.delegated_group(memory=False) is None


WITHOUT = {
    "not mounted": "for place in $(awk '/ - cgroup2 / {print $5}' /proc/$$/mountinfo); do umount -l $place; done",
    "not in the kernel": "echo '4:memory:/' >$1; mount --bind $1 /proc/$$/cgroup",
}
"""What a machine without cgroup v2 looks like, made in a mount namespace that nobody else sees."""


@pytest.mark.parametrize("machine", WITHOUT)
def test_a_machine_without_cgroup_v2(tmp_path: Path, machine: str) -> None:
    """There is no group to make others in, which is not an error of a spawn; and why is said in words."""
    code = (
        "from gostage_sim.gostage.spawn import cgroup\nprint(cgroup.delegated_group(memory=False))\n"
        "try: cgroup._mount_and_own()\nexcept LookupError as error: print(error)"
    )
    shell = f"{WITHOUT[machine]}\nexec {sys.executable} -c '{code}'"
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        pytest.skip("no mount namespace is to be had")
    command = ["unshare", "-m", "/bin/sh", "-ec", shell, "", str(tmp_path / "groups")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("None\nno cgroup v2 mount shows the group of this process\n", "")


def test_memory_is_limited_only_with_its_controller(above: Path) -> None:
    """Where the memory controller cannot be had there is no place for a limit, and the child goes without a group."""
    has_memory = "memory" in (above / "cgroup.controllers").read_text().split()
    assert cgroup.delegated_group(memory=True) == (above if has_memory else None)


def test_making_a_group_that_cannot_be_limited_leaves_nothing(above: Path) -> None:
    """A group without the controller refuses the limit, and is removed again."""
    if "memory" in (above / "cgroup.controllers").read_text().split():
        pytest.skip("this cgroup v2 has the memory controller")
    with pytest.raises(OSError, match=r"memory\.max"):
        Group.make(above, 1 << 20)
    assert [path.name for path in above.iterdir() if path.is_dir()] == ["main"]


HIDES = """
import json, os, signal
print(json.dumps({"type": "group", "payload": open("/proc/self/cgroup").read()}), flush=True)
if os.fork() == 0:
    os.setsid()
    print(json.dumps({"type": "pid", "payload": os.getpid()}), flush=True)
    for fd in (0, 1, 2): os.close(fd)
    os.execve("/bin/sleep", ["sleep", "1000"], {})
while open(f"/proc/self/task/{os.getpid()}/children").read() == "": pass
"""


@pytest.mark.usefixtures("over_json")
def test_a_daemon_without_its_environment_is_ended_with_its_group(above: Path) -> None:
    """A child is in its group before its program begins; a daemon that bears no mark cannot leave the group, and the
    group is gone with the result."""
    runner = gostage.Runner(launcher=gostage.launchers.Program([sys.executable, "-S", "-c", HIDES]))
    pids: list[int] = []
    groups: list[str] = []
    runner.broker.register_handler("pid", lambda message: pids.append(message.payload))
    runner.broker.register_handler("group", lambda message: groups.append(message.payload))
    result = runner.spawn(DEFINITION, options=gostage.SpawnOptions(end_daemons=True, drain_s=5))
    assert result.outcome == "completed", result.describe()
    own = next(line for line in groups[0].splitlines() if line.startswith("0::"))
    assert own.startswith(f"0::/{above.name}/gostage-{os.getpid()}-")
    assert gone(pids[0])
    assert [path.name for path in above.iterdir() if path.is_dir()] == ["main"]


def test_groups_that_the_child_made_are_removed_too(above: Path) -> None:
    """A group is removed with everyone in it and all the groups below."""
    group = Group.make(above)
    (group.folder / "inner" / "most").mkdir(parents=True)
    with subprocess.Popen(["sleep", "1000"]) as sleeper:
        (group.folder / "inner" / "most" / "cgroup.procs").write_text(str(sleeper.pid))
        group.remove()
        assert sleeper.wait(10) == -9
    assert not group.folder.exists()


def test_a_start_that_fails_leaves_no_group(above: Path) -> None:
    """The group of a child that could not be started is removed."""
    runner = gostage.Runner(launcher=gostage.launchers.Program(["/does/not/exist"]))
    assert runner.spawn(DEFINITION, options=gostage.SpawnOptions(end_daemons=True)).outcome == "start_failed"
    assert [path.name for path in above.iterdir() if path.is_dir()] == ["main"]


def test_the_memory_of_all_processes_together(above: Path) -> None:
    """Processes that are each within their address space, but together over the limit, end as limit_exceeded with the
    group's peak, where the kernel's SIGKILL would otherwise look like a signal from outside."""
    if "memory" not in (above / "cgroup.controllers").read_text().split():
        pytest.skip("this machine's memory controller is not cgroup v2's")
    limit = 200 << 20
    code = (
        "import os, signal\nos.fork()\nx = bytearray(150 << 20)\n"
        "for i in range(0, len(x), 4096): x[i] = 1\nsignal.pause()"
    )
    runner = gostage.Runner(launcher=gostage.launchers.Program([sys.executable, "-S", "-c", code]))
    options = gostage.SpawnOptions(limits=gostage.ResourceLimits(memory_bytes=limit), timeout_s=60)
    result = runner.spawn(DEFINITION, options=options)
    assert (result.outcome, result.signal) == ("limit_exceeded", "SIGKILL")
    assert result.usage is not None
    assert result.usage.peak_memory_bytes is not None
    assert limit * 0.9 < result.usage.peak_memory_bytes <= limit
    assert result.error is not None
    assert result.error.message == (
        f"limit memory_bytes={limit} was hit: SIGKILL by the memory controller; it used {result.usage.describe()}"
    )
