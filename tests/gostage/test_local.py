"""Messages of workflows that were not spawned."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref
from typing import Any

import pytest

from gostage_sim import gostage
from gostage_sim.gostage.errors import MessageError

from .flows import Log, flow
from .senders import context


def test_handlers_see_what_they_would_see_of_a_child() -> None:
    """A payload makes the same journey through JSON, and the context says where it comes from and in which order."""
    broker = gostage.Broker()
    seen: list[gostage.Message] = []
    broker.register_handler("t", seen.append)
    workflow = gostage.Workflow("w")
    payload = {"pair": (1, 2)}
    broker.send("t", payload, context(workflow, "s", "a"))
    broker.send("t", 5, context(workflow, "s", "b"))
    payload["pair"] = (3, 4)
    assert [message.payload for message in seen] == [{"pair": [1, 2]}, 5]
    first, second = (message.context for message in seen)
    assert (first.workflow_id, first.stage_id, first.action_name, first.sequence) == ("w", "s", "a", 1)
    assert (second.action_name, second.sequence, second.session_id) == ("b", 2, first.session_id)
    assert (first.pid, first.is_child) == (os.getpid(), False)


def test_outside_of_an_action() -> None:
    """A message that no action sends has no place, and counts on its own."""
    broker = gostage.Broker()
    seen: list[gostage.Message] = []
    broker.register_handler("t", seen.append)
    broker.send("t", 1)
    broker.send("t", 2)
    assert [(m.context.workflow_id, m.context.stage_id, m.context.sequence) for m in seen] == [("", "", 1), ("", "", 2)]


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (object(), "a value of type object is not JSON"),
        (float("nan"), "Out of range float values are not JSON compliant"),
        ("\ud800", "the payload holds a lone surrogate, which is no UTF-8"),
    ],
)
def test_what_a_child_cannot_send(payload: object, why: str) -> None:
    """It cannot be sent here either: a workflow that works in process works spawned."""
    with pytest.raises(MessageError) as caught:
        gostage.Broker().send("t", payload)
    assert str(caught.value).removesuffix(": nan") == f"message 't' cannot be sent: {why}"  # nan: Python 3.12


def test_each_run_is_a_session() -> None:
    """Whether `execute` or `run` begins it: another session id, and messages count from 1."""
    runner = gostage.Runner()
    seen: list[gostage.Message] = []
    runner.broker.register_handler("t", seen.append)
    workflow = flow(Log().stage("s", "A", A=lambda ctx: ctx.send("t")))
    runner.execute(workflow)
    runner.run(workflow)
    runner.execute(workflow)
    assert [message.context.sequence for message in seen] == [1, 1, 1]
    assert len({message.context.session_id for message in seen}) == 3


def test_a_run_that_sends_nothing_has_no_session() -> None:
    """What messages need is neither made nor imported for a run without any."""
    code = (
        "import sys\nfrom gostage_sim.gostage import *\n"
        "workflow = Workflow('w', stages=[Stage('s', actions=[FunctionAction('a', lambda ctx: None)])])\n"
        "runner = Runner()\nrunner.execute(workflow)\n"
        "print(runner.broker.session_of(workflow), 'gostage_sim.gostage.local' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "None False\n"


@pytest.mark.usefixtures("restless")
def test_handlers_of_one_workflow_take_turns() -> None:
    """Threads of one workflow never call its handlers at once, and sequence is the order of the calls."""
    broker = gostage.Broker()
    inside: list[int] = []
    most: list[int] = []
    order: list[int] = []

    def handler(message: gostage.Message) -> None:
        inside.append(1)
        most.append(len(inside))
        order.append(message.context.sequence)
        inside.pop()

    broker.register_handler("t", handler)
    place = context("w", "s", "a")
    threads = [threading.Thread(target=lambda: broker.send_many("t", range(200), place)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order == list(range(1, 801))
    assert max(most) == 1


@pytest.mark.usefixtures("restless")
def test_threads_that_send_first_share_one_session() -> None:
    """Threads of one workflow that send its first messages at once count on in the same session."""
    broker = gostage.Broker()
    seen: list[gostage.Message] = []
    broker.register_handler("t", seen.append)
    for _ in range(300):
        seen.clear()
        place = context(gostage.Workflow("w"), "s", "a")
        meeting = threading.Barrier(4)

        def work(place: gostage.ActionContext = place, meeting: threading.Barrier = meeting) -> None:
            meeting.wait()
            broker.send("t", 1, place)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [message.context.sequence for message in seen] == [1, 2, 3, 4]
        assert len({message.context.session_id for message in seen}) == 1


def test_a_handler_may_send() -> None:
    """What a handler sends is handled before it returns."""
    broker = gostage.Broker()
    seen: list[Any] = []
    place = context("w", "s", "a")

    def outer(message: gostage.Message) -> None:
        broker.send("inner", 1, place)
        seen.append("outer")

    broker.register_handler("outer", outer)
    broker.register_handler("inner", lambda m: seen.append("inner"))
    broker.send("outer", None, place)
    assert seen == ["inner", "outer"]


def test_a_workflow_is_not_kept() -> None:
    """The broker forgets a workflow that nobody else holds."""
    broker = gostage.Broker()
    workflow = gostage.Workflow("w")
    broker.send("t", None, context(workflow, "s", "a"))
    gone = weakref.ref(workflow)
    del workflow
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("type", [None, 5, ""])
def test_a_type_is_a_text(type: Any) -> None:
    """A message with another type would be a bad line to a parent; who sends it is told, here as in a child."""
    broker = gostage.Broker()
    for send in (broker.send, lambda type, payload: broker.send_many(type, [payload])):
        with pytest.raises(MessageError) as caught:
            send(type, 1)
        assert str(caught.value) == f"a message type is a non-empty str; found {type!r}"
