"""Faults by which a child has no more of something, or gets no further, done for real and seen by their witnesses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gostage_sim.faults import tmpfs
from gostage_sim.faults.fork_bomb import ForkBomb
from gostage_sim.faults.hang import Hang
from gostage_sim.faults.memory_group import memory_group, why_impossible
from gostage_sim.faults.out_of_memory import OutOfMemory
from gostage_sim.faults.respawn import Respawn
from gostage_sim.faults.run_out import RunOut
from gostage_sim.faults.second_store import SecondStore
from gostage_sim.faults.small_disk import SmallDisk
from gostage_sim.faults.spill import Spill
from gostage_sim.gostage import SpawnOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from gostage_sim.faults.contract import Fault

    from .conftest import Ended

    RunFault = Callable[[Fault], Ended]


@pytest.mark.parametrize(
    ("of", "error", "used"),
    [
        ("memory", "MemoryError", "8 times 16 MiB"),
        ("files", "EMFILE", r"\d+ files"),
        ("file_size", "EFBIG", "67,108,864 bytes"),
        ("disk", "ENOSPC", "0 bytes"),
    ],
)
def test_what_is_used_up_is_an_error(run_fault: RunFault, of: str, error: str, used: str) -> None:
    """run_out: the kernel gives no more than the limit says, and the error leaves the action."""
    ended = run_fault(RunOut(of))  # type: ignore[arg-type]
    assert ended.witness is not None
    assert re.fullmatch(f"met {error} after {used}; the process exited with 1", ended.witness)
    assert (ended.returncode, ended.record.over_ns, ended.channel) == (1, None, b"")


@pytest.mark.parametrize(
    ("of", "name", "limit"),
    [
        ("cpu", "SIGXCPU", r"\d+ s of CPU time, soft"),
        ("cpu_hard", "SIGKILL", r"\d+ s of CPU time, hard"),
        ("file_size_signal", "SIGXFSZ", "a file of 64 MiB"),
    ],
)
def test_what_is_used_up_is_a_signal(run_fault: RunFault, of: str, name: str, limit: str) -> None:
    """run_out: the kernel ends the process by the signal of the limit."""
    ended = run_fault(RunOut(of))  # type: ignore[arg-type]
    assert ended.returncode == -signal.Signals[name]
    assert ended.witness is not None
    assert re.fullmatch(rf"killed by {name} at its limit \({limit}\)", ended.witness)


@pytest.mark.skipif(tmpfs.why_impossible() is not None, reason=f"no tmpfs: {tmpfs.why_impossible()}")
def test_a_disk_fills_up(run_fault: RunFault) -> None:
    """small_disk: the kernel takes as many bytes as there is room for, and the error leaves the action."""
    ended = run_fault(SmallDisk(size=256 * 2**10))
    assert ended.witness == "met ENOSPC after 262,144 bytes; the process exited with 1"
    assert (ended.returncode, ended.record.over_ns, ended.channel) == (1, None, b"")


@pytest.mark.skipif(tmpfs.why_impossible() is not None, reason=f"no tmpfs: {tmpfs.why_impossible()}")
def test_a_tmpfs_is_mounted_nowhere() -> None:
    """Nothing of it is to be seen in the file system, and its descriptor is all there is to undo."""
    before = Path("/proc/self/mounts").read_text(), set(os.listdir("/proc/self/fd"))
    disk = tmpfs.small_tmpfs(2**20)
    try:
        assert Path("/proc/self/mounts").read_text() == before[0]
        assert not os.get_inheritable(disk)
        assert os.fstatvfs(disk).f_blocks * os.fstatvfs(disk).f_frsize == 2**20
    finally:
        os.close(disk)
    assert set(os.listdir("/proc/self/fd")) == before[1]


needs_memory_group = pytest.mark.skipif(
    why_impossible() is not None, reason=f"the kernel's kill needs a memory cgroup: {why_impossible()}"
)


@needs_memory_group
def test_the_kernel_kills_for_memory(run_fault: RunFault) -> None:
    """out_of_memory: SIGKILL by the OOM killer, which the group has counted; the group is removed."""
    ended = run_fault(OutOfMemory(limit=16 * 2**20))
    assert ended.returncode == -signal.SIGKILL
    assert ended.witness == "killed by the kernel's OOM killer in a group of 16MiB"


@needs_memory_group
def test_a_memory_group_ends_with_its_block() -> None:
    """Who is still in it goes on living elsewhere or is killed; the group itself is gone."""
    child = subprocess.Popen(["sleep", "60"])
    try:
        with memory_group(64 * 2**20) as group:
            group.take(child.pid)
            assert "gostage-" in Path(f"/proc/{child.pid}/cgroup").read_text()
            assert group.oom_kills() == 0
        assert "gostage-" not in Path(f"/proc/{child.pid}/cgroup").read_text()
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize(
    ("form", "name", "sent"),
    [
        ("backtracking", "SIGTERM", 0),
        ("deadlock", "SIGTERM", 0),
        ("deaf", "SIGKILL", 0),
        ("atexit", "SIGTERM", 3),
        ("thread", "SIGTERM", 3),
    ],
)
def test_a_child_hangs(run_fault: RunFault, form: str, name: str, sent: int) -> None:
    """hang: only a signal ends it, at the point or when all is sent; where it is deaf to SIGTERM, only SIGKILL."""
    ended = run_fault(Hang(form))  # type: ignore[arg-type]
    assert (ended.returncode, ended.channel.count(b"\n")) == (-signal.Signals[name], sent)
    assert ended.witness is not None
    assert re.fullmatch(rf"hung \({form}\) for [\d.]+ s, until killed by {name}", ended.witness)


def test_a_fork_bomb_fills_its_limit(run_fault: RunFault) -> None:
    """fork_bomb: as many processes as the limit allows, all in the child's group, none of which leaves by itself."""
    ended = run_fault(ForkBomb(12))
    assert ended.history.pid is not None
    try:
        left = _processes_in(ended.history.pid)
        assert (ended.returncode, ended.channel.count(b"\n")) == (0, 3)
        assert ended.note("bomb") in left
        assert ended.witness == f"{len(left)} processes, then EAGAIN"
        if os.getuid() == 0:  # else the user's other processes come and go
            assert len(left) == 12
    finally:
        os.killpg(ended.history.pid, signal.SIGKILL)


def _processes_in(group: int) -> list[int]:
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(pid))
    return found


def test_a_program_that_starts_itself_is_stopped(run_fault: RunFault) -> None:
    """respawn: as many processes as the engine's `max_depth` allows below a program that is no child, and no more."""
    ended = run_fault(Respawn())
    assert (ended.returncode, ended.channel.count(b"\n")) == (0, 3), ended.stderr
    assert ended.witness == f"{SpawnOptions().max_depth} processes, each started by the one before, and no more"
    assert not any(Path(f"/proc/{pid}").exists() for pid in ended.note("pids"))


@pytest.mark.parametrize("into", ["stdout", "stderr"])
@pytest.mark.parametrize(
    ("form", "start"), [("lines", b"x" * 79 + b"\nx"), ("one_line", b"x" * 81), ("binary", bytes(range(256)))]
)
def test_what_is_spilt_is_as_long_as_it_says(
    run_fault: RunFault, tmp_path: Path, into: str, form: str, start: bytes
) -> None:
    """spill: so many bytes of its form, to the byte, and then the child goes on."""
    ended = run_fault(Spill(into, form, 100_001))  # type: ignore[arg-type]
    assert ended.witness == f"wrote 100,001 bytes to {into}"
    spilt = (tmp_path / "stderr").read_bytes()  # where the guard of the channel has put standard output
    assert (len(spilt), spilt.startswith(start)) == (100_001, True)
    assert ended.channel.count(b"\n") == 3


def test_second_store(run_fault: RunFault) -> None:
    """second_store sends one store more, of the size asked for."""
    ended = run_fault(SecondStore(1000))
    assert json.loads(ended.channel.splitlines()[0]) == {"type": "final_store", "payload": {"large": "x" * 1000}}
