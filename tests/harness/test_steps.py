"""The steps of a scenario, run on the engine."""

from __future__ import annotations

import socket

from gostage_sim.gostage.broker import Broker
from gostage_sim.gostage.child.channel import JsonChannel
from gostage_sim.gostage.runner import Runner
from gostage_sim.gostage.workflow import Workflow
from gostage_sim.harness.steps import definition_of, register_steps


def test_messages_of_a_step_are_in_flight_together_whatever_the_scheduler_does() -> None:
    """The first two of a step go out in one write, the others one by one."""
    register_steps({}, before_step=lambda number: None, at_the_end=lambda: None)
    step = {"do": "send", "count": 4, "type": "tick", "payload": {"i": "{i}"}, "bulk": False}
    parent, child = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # keeps writes apart, as no pipe does
    with parent, child:
        workflow = Workflow.from_def(definition_of("child", [step]))
        Runner(broker=Broker(JsonChannel(child.fileno()))).execute(workflow)
        writes = [parent.recv(4096).count(b"\n") for _ in range(3)]
    assert writes == [2, 1, 1]
