"""A child of a scenario: `python -m gostage_sim.harness.child`, started by the engine under test.

It is an ordinary child of the engine whose channel journals, whose steps come with the definition, and which stops at
the points of its plan. Little is imported here: the start of a child counts.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock
from importlib import import_module

from gostage_sim.gostage.child.channel import point_at_nothing
from gostage_sim.gostage.child.main import child_main
from gostage_sim.gostage.wire.encode import decode_document
from gostage_sim.harness.channel import JournallingChannel, Stop
from gostage_sim.harness.control import PLAN_VARIABLE, Client
from gostage_sim.harness.steps import register_steps
from gostage_sim.history.journal import Journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn

    from gostage_sim.faults.contract import Stream, StrikesInChild
    from gostage_sim.gostage.broker import Channel
    from gostage_sim.gostage.child.channel import JsonChannel
    from gostage_sim.gostage.child.grpc_channel import GrpcChannel


class Child:
    """One child process: its plan, its journal, its line to the observer, and the faults that wait for their point."""

    def __init__(self, plan: dict[str, Any], folder: str) -> None:
        self.plan = plan
        self.journal = Journal(os.path.join(folder, plan["journal"]))
        self.lock = RLock()
        self.control = Client(folder)
        self.faults = [_Strike(self, planned) for planned in plan["faults"]]
        self.channel: JournallingChannel | None = None
        self.released: list[int] = []
        """One descriptor a relay; at its end when the relay holds nothing of this child any more."""
        os.register_at_fork(after_in_child=self._disown)

    def record(self, event: str, **facts: Any) -> None:
        """An event into the journal."""
        with self.lock:
            self.journal.event(event, **facts)

    def wrap(self, inner: JsonChannel) -> JournallingChannel:
        """Stand around a channel that was opened, with every gate and every fault in the stream as a stop."""
        if self.channel is not None:
            connection: Any = inner  # the second one is the gRPC connection
            self.channel.go_on_with(connection)
            return self.channel
        stops = [
            Stop(strike.at["message"], strike, strike.at.get("byte"))
            for strike in self.faults
            if strike.at["point"] in ("message", "byte")
        ]
        # Told before anything else happens at the same message: it may be the end of this child.
        stops = [Stop(message, self._tell_of(message)) for message in self.plan["awaited"]] + stops
        gates = self.plan["gates"] or {}
        stops += [Stop(message, self._gate(gate)) for gate, message in gates.items()]
        self.channel = JournallingChannel(
            inner, self.journal, self.lock, stops, by_grpc=self.plan["transport"] == "grpc"
        )
        return self.channel

    def strike_at(self, point: str, step: int | None = None) -> None:
        """Run the faults of a point outside the stream."""
        for strike in self.faults:
            if strike.at["point"] == point and strike.at.get("step") == step:
                strike()

    def before_definition(self, channel: Channel) -> None:
        self.strike_at("definition")
        sys.path[:0] = self.plan["search"]
        for module in self.plan["imports"]:
            import_module(module)

    def before_exit(self, channel: Channel) -> None:
        self.strike_at("result")
        if self.released and self.channel is not None:
            point_at_nothing(self.channel.stdout_fd)  # the stream is at its end
            for released in self.released:
                os.read(released, 1)

    def interpose(self, fault: str, relay: Callable[[Stream], None], rng: random.Random) -> None:
        """Put a relay between this process and its parent, which handles the stream in the name of the fault."""
        from gostage_sim.harness.relay import Duty, before_pipe, before_server

        name = next(planned["relay"] for planned in self.plan["faults"] if planned["id"] == fault)
        duty = Duty(relay, fault, os.path.join(os.path.dirname(self.journal.path), name), rng)
        if self.plan["transport"] == "grpc":
            before_server(0, duty)
        else:
            assert self.channel is not None, "faults strike when the channel is open"
            self.released.append(before_pipe(self.channel.stdout_fd, duty))

    def pass_gates(self) -> None:
        """Stop at the gates that are left; faults in the stream that was never so long stay where they are."""
        if self.channel is not None and self.plan["gates"]:
            self.channel.pass_all_points()

    def run(self) -> NoReturn:
        for planned in self.plan["faults"]:
            self.record("armed", fault=planned["id"])
        self.control.ask("hello", child=self.plan["name"])
        register_steps(self.plan["pools"], lambda number: self.strike_at("step", number), self.pass_gates, self.record)
        child_main(
            wrap_channel=self.wrap,
            before_definition=self.before_definition,
            before_exit=self.before_exit,
        )

    def _disown(self) -> None:
        """A process that a user's action forks is not this child: nothing it does may pass for what this child did."""
        self.journal.detach()
        point_at_nothing(self.control.fileno())

    def _tell_of(self, message: int) -> Callable[[], None]:
        def tell() -> None:
            if self.channel is not None and self.channel.count >= message:  # else it is passed over at the end
                self.control.tell("sent", message=message)

        return tell

    def _gate(self, gate: str) -> Callable[[], None]:
        def stop() -> None:
            self.record("gate", gate=gate)
            self.control.ask("gate", gate=gate)
            self.record("released", gate=gate)

        return stop


class _Strike:
    """One fault of this child, and what it may do here: the `Victim` of its contract."""

    def __init__(self, child: Child, planned: dict[str, Any]) -> None:
        self.at: dict[str, Any] = planned["at"]
        self._child = child
        self._id: str = planned["id"]
        from gostage_sim.faults import fault_kind  # imports dataclasses and more, which siblings need not have

        fault: Any = fault_kind(planned["kind"])(**planned["params"])
        self._fault: StrikesInChild = fault
        self.rng: random.Random

    def __call__(self) -> None:
        """The point is reached: say so, wait for the go-ahead, strike; not where what it waited for cannot come."""
        self._child.record("reached", fault=self._id)
        if self._child.control.ask("reached", fault=self._id).get("in_vain"):
            self._child.control.tell("over", fault=self._id)
            return
        self._child.record("fired", fault=self._id)
        from random import Random

        self.rng = Random(f"{self._child.plan['seed']}:{self._id}")
        self._fault.inject(self)
        self._child.record("over", fault=self._id)
        self._child.control.tell("over", fault=self._id)

    @property
    def stdout_fd(self) -> int:
        return self._channel.stdout_fd

    @property
    def channel_fd(self) -> int:
        if self._channel.connection is None:
            return self.stdout_fd
        from gostage_sim.harness.connection import socket_to

        found = socket_to(self.server)
        if found is None:
            raise RuntimeError(f"no descriptor of this process is connected to {self.server}")
        return found

    def note(self, **facts: Any) -> None:
        self._child.record("note", fault=self._id, facts=facts)

    def send(self, type: str, payload: Any) -> None:
        self._channel.send(type, payload)

    def send_many(self, type: str, payloads: Iterable[Any]) -> None:
        self._channel.send_many(type, payloads)

    def write_raw(
        self, data: bytes, *, must_quarantine: bool, message: tuple[str, Any] | None = None, note: str = ""
    ) -> None:
        self._channel.write_raw(data, {"must_quarantine": must_quarantine, "note": note}, message)

    def request(self, data: bytes, *, must_quarantine: bool, note: str = "") -> str:
        from grpc import RpcError

        try:
            self._channel.request(data, {"must_quarantine": must_quarantine, "note": note})
        except RpcError as error:
            return str(error.code().name)
        return "OK"

    @property
    def server(self) -> str:
        return self._connection.target

    @property
    def token(self) -> str:
        return self._connection.token

    def before_each_message(self, action: Callable[[], None]) -> None:
        channel, last = self._channel, self.at.get("until")

        def within_the_window() -> None:
            if last is None or channel.count < last:
                action()
            else:
                channel.before_each.remove(within_the_window)
                self.note(window_over=True)

        channel.before_each.append(within_the_window)

    def interpose(self, relay: Callable[[Stream], None]) -> None:
        self._child.interpose(self._id, relay, self.rng)

    def call_observer(self) -> None:
        self._child.control.tell("ready", fault=self._id)

    def hold(self) -> None:
        self.call_observer()
        while not self._child.control.wait().get("released"):
            pass

    @property
    def _connection(self) -> GrpcChannel:
        connection = self._channel.connection
        assert connection is not None, "this fault is for children by gRPC"
        return connection

    @property
    def _channel(self) -> JournallingChannel:
        assert self._child.channel is not None, "faults strike when the channel is open"
        return self._child.channel


def main() -> NoReturn:
    path = os.environ.get(PLAN_VARIABLE)
    if path is None:
        sys.exit(f"{PLAN_VARIABLE} is not set; this program is started by gostage_sim.harness.subject")
    with open(path, "rb") as file:
        plan = decode_document(file.read())
    Child(plan, os.path.dirname(path)).run()


if __name__ == "__main__":
    main()
