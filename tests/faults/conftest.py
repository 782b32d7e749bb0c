"""Runs one fault in a real process of its own and turns what it told into the history that a witness reads."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pytest

from gostage_sim.faults.contract import InflictedFromOutside
from gostage_sim.history.model import MESSAGE_DTYPE, ChildHistory, FaultRecord, KernelExit, Messages, RawFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from gostage_sim.faults.contract import Fault

_LONE_CHILD = Path(__file__).with_name("lone_child.py")


@dataclass
class OutsideTarget:
    """The observer's part, played by the test, which is the parent of the process."""

    pid: int
    pidfd: int
    notes: list[dict[str, Any]]
    stdin: IO[bytes]

    def signal(self, name: str) -> None:
        signal.pidfd_send_signal(self.pidfd, signal.Signals[name])

    def wait_for_state(self, state: str, timeout_s: float) -> bool:
        assert (state, timeout_s) == ("T", 5.0)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2][0] == state

    def wait_for_write(self, timeout_s: float) -> int | None:
        raise NotImplementedError("what a process here writes goes into a file")

    def wait_until_pending(self, name: str, timeout_s: float) -> bool:
        raise NotImplementedError("there is no engine here, and nobody who sends signals")

    def wait_for_end(self, timeout_s: float) -> bool:
        return bool(select.select([self.pidfd], [], [], timeout_s)[0])

    def record_descendants(self) -> None:
        raise NotImplementedError("the parent here is the test")

    def signal_parent(self, name: str, *, group: bool = False) -> None:
        raise NotImplementedError("the parent here is the test")

    def wait_until_parent_took(self, name: str, timeout_s: float) -> bool:
        raise NotImplementedError("the parent here is the test")

    def wait_for_parents_end(self, timeout_s: float) -> bool:
        raise NotImplementedError("the parent here is the test")

    def release(self) -> None:
        self.stdin.write(b"go on\n")
        self.stdin.flush()

    def note(self, **facts: Any) -> None:
        self.notes.append({"t_ns": time.monotonic_ns(), "by": "observer", **facts})


@dataclass
class Ended:
    """What is left of the process."""

    fault: Fault
    returncode: int
    stderr: str
    channel: bytes
    record: FaultRecord
    history: ChildHistory
    channel_path: Path

    @property
    def witness(self) -> str | None:
        return self.fault.witness(self.record, self.history)

    def note(self, key: str) -> Any:
        return next(note[key] for note in self.record.notes if key in note)


@pytest.fixture
def run_fault(tmp_path: Path) -> Callable[[Fault], Ended]:
    def run(fault: Fault) -> Ended:
        return _run(fault, tmp_path)

    return run


def _run(fault: Fault, folder: Path) -> Ended:
    notes: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    with ExitStack() as stack:
        stderr = stack.enter_context((folder / "stderr").open("w+", errors="replace"))
        channel = stack.enter_context((folder / "channel").open("w+b"))
        read_fd, write_fd = os.pipe()
        reader = stack.enter_context(os.fdopen(read_fd))
        with os.fdopen(write_fd, "w"):
            command = [fault.kind, json.dumps(asdict(fault)), str(channel.fileno()), str(write_fd)]  # type: ignore[call-overload]
            process = subprocess.Popen(
                [sys.executable, str(_LONE_CHILD), *command],
                stdin=subprocess.PIPE,
                stderr=stderr,
                stdout=subprocess.DEVNULL,
                pass_fds=(channel.fileno(), write_fd),
                start_new_session=True,
            )
        stack.enter_context(process)
        assert process.stdin is not None
        stack.callback(process.kill)
        pidfd = os.pidfd_open(process.pid)
        stack.callback(os.close, pidfd)
        for line in reader:
            events.append(json.loads(line))
            if events[-1]["event"] == "hold":
                if isinstance(fault, InflictedFromOutside):
                    fault.inflict(OutsideTarget(process.pid, pidfd, notes, process.stdin))
                if not _ends_by_itself(fault):
                    process.kill()  # the engine's part, once its time-out and grace period are over
            elif "hangs" in events[-1].get("note", {}):
                _end_as_the_engine_would(process)
        returncode = process.wait()
        stderr.seek(0)
        channel.seek(0)
        history = _history(events, returncode, process.pid)
        record = _record(fault, events, notes)
        return Ended(fault, returncode, stderr.read(), channel.read(), record, history, folder / "channel")


def _end_as_the_engine_would(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL where that does not help; not before it is blocked, or busy for ever."""
    state = ""
    cpu_s = 0.0
    while state != "S" and cpu_s < 1.0:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2].split()
        state, cpu_s = fields[0], int(fields[11]) / os.sysconf("SC_CLK_TCK")
    process.terminate()
    try:
        process.wait(timeout=1.0)
    except subprocess.TimeoutExpired:
        process.kill()


def _ends_by_itself(fault: Fault) -> bool:
    killed = fault.kind == "kill" and not getattr(fault, "ignored", False)
    return killed or fault.kind == "out_of_memory" or (fault.kind == "freeze" and getattr(fault, "duration", 0) > 0)


def _record(fault: Fault, events: list[dict[str, Any]], notes: list[dict[str, Any]]) -> FaultRecord:
    own = [{"t_ns": each["t_ns"], "by": "child", **each["note"]} for each in events if each["event"] == "note"]
    times = {each["event"]: each["t_ns"] for each in events if each["event"] in ("fired", "over")}
    params = asdict(fault)  # type: ignore[call-overload]
    return FaultRecord(
        "victim:1", fault.kind, params, {}, "victim", 1, times.get("fired"), times.get("over"), (*own, *notes)
    )


def _history(events: list[dict[str, Any]], returncode: int, pid: int) -> ChildHistory:
    sent = [each for each in events if each["event"] == "sent"]
    types = tuple(dict.fromkeys(each["type"] for each in sent))
    rows = np.array([(each["t_ns"], types.index(each["type"]), 0) for each in sent], MESSAGE_DTYPE)
    raw = tuple(
        RawFrame(t_ns=each["t_ns"], sent_before=0, **each["frame"]) for each in events if each["event"] == "raw"
    )
    code, name = (returncode, None) if returncode >= 0 else (None, signal.Signals(-returncode).name)
    end = KernelExit(time.monotonic_ns(), code, name, "waitpid")
    return ChildHistory("victim", "victim", "victim", 5.0, 1.0, pid=pid, sent=Messages(rows, types), raw=raw, exit=end)
