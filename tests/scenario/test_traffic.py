"""What a child will send is known beforehand where it can be."""

from __future__ import annotations

from typing import Any

import pytest

from gostage_sim.faults import fault_kind, fault_kinds
from gostage_sim.faults.contract import Placement, SendsMessages, StrikesInChild
from gostage_sim.scenario.model import Call, Delete, Log, PlacedFault, Put, Send, Sleep, Spawn, Threads
from gostage_sim.scenario.traffic import of_child, of_steps

STEPS = (Send(count=5), Log(message="x"), Put(key="k"))


def placed(kind: str, **params: Any) -> PlacedFault:
    return PlacedFault(fault=fault_kind(kind)(**params), at=Placement("result"))


def test_what_steps_send() -> None:
    """Sends and logs count, puts send nothing; what a user's action sends nobody knows beforehand."""
    assert of_steps(STEPS) == {"message": 5, "log": 1}
    assert of_steps((*STEPS, Call(target="a.b:c"))) is None
    assert of_child((*STEPS, Call(target="a.b:c")), ()) is None


def test_what_a_child_of_the_child_sends_is_its_own() -> None:
    """It passes on what its children send, however deep; load and waiting send nothing."""
    inner = Spawn(steps=(Send(count=2, type="deep"), Delete(key="k")))
    steps = (Send(count=5), Spawn(steps=(Log(message="x"), inner)), Sleep(duration=0.1), Threads(count=1))
    assert of_steps(steps) == {"message": 5, "log": 1, "deep": 2}
    assert of_steps((Spawn(steps=(Call(target="a.b:c"),)),)) is None


@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        (placed("crash"), {}),
        (placed("flood", count=5, types=2), {"flood-0": 3, "flood-1": 2}),
        (placed("flood", count=1, types=2), {"flood-0": 1}),
        (placed("malformed", form="crlf"), {"malformed": 1}),
        (placed("malformed", form="unknown_type"), {"nobody-handles-this-type": 1}),
        (placed("malformed", form="huge_line"), {}),
        (placed("second_result"), {"workflow_result": 2}),
        (placed("second_store"), {"final_store": 2}),
        (placed("flood", count=3, logs=True), {"log": 4}),
        (placed("malformed", form="forged_sender"), {"malformed": 1}),
    ],
)
def test_what_faults_and_the_engine_add(fault: PlacedFault, sent: dict[str, int]) -> None:
    """A fault adds its own messages, the engine the final store and the result."""
    assert of_child(STEPS, [fault]) == {"message": 5, "log": 1, "final_store": 1, "workflow_result": 1, **sent}


def test_what_a_fault_says_is_what_it_sends() -> None:
    """Each fault with the power sends as many messages as it says, and of no other type."""

    class Victim:
        def __init__(self) -> None:
            self.types: list[str] = []

        def send(self, type: str, payload: Any) -> None:
            self.types.append(type)

        def send_many(self, type: str, payloads: Any) -> None:
            self.types += [type for _ in payloads]

        def write_raw(self, data: bytes, *, message: Any = None, **_: Any) -> None:
            self.types += [] if message is None else [message[0]]

        def note(self, **facts: Any) -> None: ...

    said = 0
    for kind in fault_kinds().values():
        fault = kind()
        if isinstance(fault, SendsMessages):
            sends, victim = fault.sends(), Victim()
            assert isinstance(fault, StrikesInChild)
            fault.inject(victim)  # type: ignore[arg-type]
            assert len(victim.types) == sum(sends.values())
            assert set(victim.types) == set(sends)
            said += 1
    assert said >= 2
