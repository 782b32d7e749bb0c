"""A process with one fault and no engine: `lone_child.py KIND PARAMS CHANNEL_FD EVENTS_FD`.

It tells on EVENTS_FD, one JSON object a line, what a journal would record: fired, over, note, sent, raw, hold.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from gostage_sim.faults import fault_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gostage_sim.faults.contract import Stream, Victim


class LoneVictim:
    def __init__(self, channel_fd: int, events_fd: int) -> None:
        self.rng = random.Random(1)
        self.channel_fd = self.stdout_fd = channel_fd
        self._events_fd = events_fd
        self._offset = 0
        self._before: list[Callable[[], None]] = []

    def tell(self, event: str, **facts: Any) -> None:
        os.write(self._events_fd, json.dumps({"event": event, "t_ns": time.monotonic_ns(), **facts}).encode() + b"\n")

    def note(self, **facts: Any) -> None:
        self.tell("note", note=facts)

    def send(self, type: str, payload: Any) -> None:
        for action in self._before:
            action()
        self.tell("sent", type=type)
        self._write(json.dumps({"type": type, "payload": payload}).encode() + b"\n")

    def send_many(self, type: str, payloads: Iterable[Any]) -> None:
        for payload in payloads:
            self.send(type, payload)

    def write_raw(
        self, data: bytes, *, must_quarantine: bool, message: tuple[str, Any] | None = None, note: str = ""
    ) -> None:
        if message is not None:
            self.tell("sent", type=message[0])
        frame = {"offset": self._offset, "length": len(data), "must_quarantine": must_quarantine, "note": note}
        self.tell("raw", frame=frame)
        self._write(data)

    def request(self, data: bytes, *, must_quarantine: bool, note: str = "") -> str:
        raise NotImplementedError("there is no engine here, and no connection")

    @property
    def server(self) -> str:
        raise NotImplementedError("there is no engine here, and no server")

    @property
    def token(self) -> str:
        raise NotImplementedError("there is no engine here, and no server")

    def before_each_message(self, action: Callable[[], None]) -> None:
        self._before.append(action)

    def call_observer(self) -> None:
        raise NotImplementedError("there is no engine here, and nothing to go on with")

    def interpose(self, relay: Callable[[Stream], None]) -> None:
        raise NotImplementedError("there is no harness here, and no relay")

    def hold(self) -> None:
        self.tell("hold")
        if not os.read(0, 100):  # nobody has released it: it has closed its own end
            while True:
                signal.pause()

    def _write(self, data: bytes) -> None:
        os.write(self.channel_fd, data)
        self._offset += len(data)


def main(kind: str, params: str, channel_fd: int, events_fd: int) -> None:
    os.dup2(2, 1)
    os.set_inheritable(channel_fd, False)
    os.set_inheritable(events_fd, False)
    lone = LoneVictim(channel_fd, events_fd)
    victim: Victim = lone
    fault: Any = fault_kind(kind)(**json.loads(params))
    lone.tell("fired")
    fault.inject(victim)
    lone.tell("over")
    for i in range(3):
        victim.send("after", {"i": i})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
