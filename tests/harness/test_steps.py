"""The steps of a scenario, run on the engine."""

from __future__ import annotations

import socket

import pytest

from gostage_sim.gostage.broker import Broker
from gostage_sim.gostage.child.channel import JsonChannel
from gostage_sim.gostage.runner import Runner
from gostage_sim.gostage.workflow import Workflow
from gostage_sim.harness.steps import definition_of, register_steps


def test_messages_of_a_step_are_in_flight_together_whatever_the_scheduler_does() -> None:
    """The first two of a step go out in one write, the others one by one."""
    register_steps({}, before_step=lambda number: None, at_the_end=lambda: None)
    step = {"do": "send", "count": 4, "type": "tick", "payload": {"i": "{i}"}, "size": 0, "bulk": False}
    parent, child = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # keeps writes apart, as no pipe does
    with parent, child:
        workflow = Workflow.from_def(definition_of("child", [step]))
        Runner(broker=Broker(JsonChannel(child.fileno()))).execute(workflow)
        writes = [parent.recv(4096).count(b"\n") for _ in range(3)]
    assert writes == [2, 1, 1]


@pytest.mark.parametrize("bulk", [False, True])
def test_a_size_is_the_length_of_a_text_in_each_payload(bulk: bool) -> None:
    """The text stands beside what the payload says itself."""
    register_steps({}, before_step=lambda number: None, at_the_end=lambda: None)
    step = {"do": "send", "count": 2, "type": "tick", "payload": {"i": "{i}"}, "size": 5, "bulk": bulk}
    seen: list[object] = []
    runner = Runner()
    runner.broker.register_handler("tick", lambda message: seen.append(message.payload))
    runner.execute(Workflow.from_def(definition_of("child", [step])))
    assert seen == [{"i": 1, "text": "xxxxx"}, {"i": 2, "text": "xxxxx"}]


def test_a_definition_is_padded_to_its_size() -> None:
    """At least as many bytes as asked for go to the child, and what it runs is the same."""
    small, large = definition_of("child", []), definition_of("child", [], 10_000)
    assert len(small.to_json()) < 10_000 <= len(large.to_json()) < 10_000 + len(small.to_json()) + 100
    assert large.stages == small.stages
